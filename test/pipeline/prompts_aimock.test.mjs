// Batches of prompts against somebody else's server: @copilotkit/aimock plays OpenAI's chat completions and Anthropic's messages by its
// own reading of their APIs, checks keys, and keeps a journal of what it was asked and what it answered.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { LLMock } from '@copilotkit/aimock';
import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { batch, startWorker } from './lib/prompts.mjs';

const KEY = 'sk-test-aimock-0123456789';
const dir = makeDir('stint-aimock-');
const SCHEMA = { type: 'object', properties: { pick: { type: 'string' }, why: { type: 'string' } }, required: ['pick'], additionalProperties: false };
const DEFINITION = {
    name: 'aimock', runs: 2, schema: SCHEMA, schema_name: 'pick', entities: ['Acme', 'Beta'], system: 'Be brief.',
    prompts: ['clean', 'fenced', 'corrected', 'stormy', 'gone'].map((id) => ({ id, text: `Say ${id}.` })),
    models: [{ id: 'gpt-4o', provider: 'openai', params: { temperature: 0 } }, { id: 'claude-sonnet-4-5', provider: 'claude' }],
};
let stint, mock, worker;

before(async () => {
    mock = new LLMock({ port: 0, logLevel: 'silent' });
    const claude = { model: /claude/ };
    mock.on({ userMessage: 'Say clean', ...claude }, { toolCalls: [{ name: 'pick', arguments: '{"pick":"Beta"}' }] });
    mock.on({ userMessage: 'Say clean' }, { content: '{"pick":"Acme","why":null}', usage: { prompt_tokens: 11, completion_tokens: 7 } });
    mock.on({ userMessage: 'Say fenced' }, { content: 'Here you are:\n```json\n{"pick": "Acme and Beta",}\n```' });
    mock.on({ userMessage: 'does not keep to the schema' }, { content: '{"pick":"Beta"}' });
    mock.on({ userMessage: 'Say corrected' }, { content: '{"pick":7}' });
    for (const sequenceIndex of [0, 1, 2]) mock.on({ userMessage: 'Say stormy', sequenceIndex }, { error: { message: `too fast, ${KEY}`, type: 'rate_limit_error' }, status: 429, retryAfter: 1 });
    mock.on({ userMessage: 'Say stormy' }, { content: '{"pick":"Acme"}' });
    mock.on({ userMessage: 'Say gone' }, { error: { message: 'The model does not exist', type: 'invalid_request_error', code: 'model_not_found' }, status: 404 });
    await mock.start();
    stint = await startServer();
    worker = startWorker(stint, dir, {
        openai: { base_url: `${mock.url}/v1`, secret: 'LLM', prices: { 'gpt-4o': { input: 2.5, output: 10 } } },
        claude: { base_url: mock.url, secret: 'LLM', dialect: 'anthropic' },
    }, { env: { STINT_SECRET_LLM: KEY } });
    writeFileSync(dir.file('def.json'), JSON.stringify(DEFINITION));
});
after(async () => {
    await worker.stop();
    await stint.stop();
    await mock.stop();
    dir.remove();
});

test("both APIs are spoken so that somebody else's server understands", { timeout: 240_000 }, async () => {
    const { code, out, err } = await batch(stint, 'run', dir.file('def.json'), '--wait', '--json');
    assert.equal(code, 0, err);
    const report = JSON.parse(out);
    assert.deepEqual(report.outcomes, { succeeded: 16, refused: 0, invalid: 0, truncated: 0, failed: 4, cancelled: 0 }, JSON.stringify(report.failures));
    assert.deepEqual(report.failures.map((f) => [f.code, f.count]), [['model_not_found', 4]]);
    const [acme, beta] = report.entities;
    assert.deepEqual([acme.mentioned, beta.mentioned], [10, 10]);
    const openai = report.models.find((m) => m.provider === 'openai');
    assert.ok(openai.cost_usd > 0 && openai.tokens.input > 0, JSON.stringify(openai));
    const lines = (await stint.call('GET', `/v1/batches/${report.batch}/results?limit=1000`)).text.trim().split('\n').map((l) => JSON.parse(l));
    const of = (prompt, model) => lines.filter((l) => l.unique_key?.includes(`:${prompt}:`) && l.unique_key.includes(model)).map((l) => l.result);
    assert.deepEqual(of('clean', 'gpt').map((r) => [r.mode, r.parsed, r.usage]), Array(2).fill(['json_schema', { pick: 'Acme' }, { input_tokens: 11, output_tokens: 7 }]));
    assert.deepEqual(of('clean', 'claude').map((r) => [r.mode, r.parsed]), Array(2).fill(['json_schema', { pick: 'Beta' }]));
    assert.ok(of('fenced', 'gpt').every((r) => r.repairs.includes('fence') && r.repairs.includes('trailing_comma')));
    assert.ok([...of('corrected', 'gpt'), ...of('corrected', 'claude')].every((r) => r.calls === 2 && r.parsed.pick === 'Beta'));
    assert.ok([...of('stormy', 'gpt'), ...of('stormy', 'claude')].every((r) => r.parsed.pick === 'Acme'));
});

test('what it was asked is what the APIs want, with the key in the header and nowhere else', async () => {
    const asked = mock.getRequests();
    assert.ok(asked.length >= 27, String(asked.length));
    assert.deepEqual([...new Set(asked.map((r) => r.path))].sort(), ['/v1/chat/completions', '/v1/messages']);
    const first = asked.find((r) => r.path === '/v1/chat/completions' && /clean/.test(JSON.stringify(r.body)));
    assert.equal(first.body.response_format.json_schema.strict, true);
    assert.deepEqual(first.body.messages.map((m) => m.role), ['system', 'user']);
    assert.equal(asked.filter((r) => r.response.status === 429).length, 3);
    // Jobs that were told to come back later have used no attempt.
    const { jobs } = (await stint.call('GET', '/v1/jobs?kind=run-prompt&limit=1000')).json;
    assert.ok(jobs.every((j) => j.attempt === 1), JSON.stringify(jobs.map((j) => j.attempt)));
    const { batch: id } = jobs[0];
    const { text } = await stint.call('GET', `/v1/batches/${id}/results?limit=1000`);
    assert.ok(!(text + worker.log + stint.log.join('\n')).includes(KEY));
});
