// run-prompt against a provider that says what a script tells it: what is sent, what is made of each answer, and what is kept.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { BIN, makeDir, startServer } from '../e2e/lib/server.mjs';
import { completion, startProvider } from './lib/provider.mjs';
import { randomSchema, randomValue } from './lib/random_schema.mjs';

const KEY = 'sk-test-0123456789abcdef';
const SCHEMA = { type: 'object', properties: { city: { type: 'string' }, note: { type: 'string' } }, required: ['city'], additionalProperties: false };
const dir = makeDir('stint-prompt-');
let stint, provider, worker, exited, log = '';

before(async () => {
    stint = await startServer();
    provider = await startProvider(() => completion('hello'));
    const shared = { base_url: `${provider.url}/v1`, secret: 'ACME' };
    writeFileSync(dir.file('providers.json'), JSON.stringify({
        acme: { ...shared, prices: { m1: { input: 1, output: 10 } } },
        plain: { ...shared, structured: 'plain' },
        claude: { ...shared, base_url: provider.url, dialect: 'anthropic' },
        slow: { ...shared, timeout_s: 1 },
        keyless: { ...shared, secret: 'NOBODY' },
        gone: { base_url: 'http://127.0.0.1:1/v1' },
        odd: { base_url: 'ftp://x' },
    }));
    worker = spawn(BIN, ['work', '--slots', '4', '--kind', 'run-prompt', '--scratch', dir.file('scratch'), '--providers', dir.file('providers.json')], {
        stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: stint.url, STINT_KEY: stint.key, STINT_SECRET_ACME: KEY },
    });
    exited = once(worker, 'exit');
    worker.stderr.on('data', (d) => { log += d; });
});
after(async () => {
    worker.kill();
    await exited;
    await stint.stop();
    await provider.stop();
});
beforeEach(() => { provider.calls.length = 0; });

const enqueue = async (args, more = {}) => (await stint.call('POST', '/v1/jobs', { kind: 'run-prompt', args: { provider: 'acme', prompt: 'Where?', ...args }, max_attempts: 1, ...more })).json.id;
/** The job at its end, with the model's answers by `answer`. A model of its own, so that nothing is remembered of another. */
let models = 0;
async function run(args, answer, more) {
    if (answer) provider.answer = answer;
    const id = await enqueue({ model: `model-${models++}`, ...args }, more);
    for (;;) {
        const job = (await stint.call('GET', `/v1/jobs/${id}?wait=30`)).json;
        if (['completed', 'failed', 'cancelled'].includes(job.state)) return job;
    }
}
const children = () => readFileSync(`/proc/${worker.pid}/task/${worker.pid}/children`, 'utf8').trim().split(' ');
/** How many calls so many jobs make, one after the other: four processes do them, and each learns for itself. */
async function callsOf(jobs, args, answer) {
    provider.calls.length = 0;
    for (let i = 0; i < jobs; i++) assert.equal((await run(args, answer)).state, 'completed');
    return provider.calls.length;
}
const events = async (id) => (await stint.call('GET', `/v1/jobs/${id}/events`, undefined, { headers: { accept: 'application/json' } })).json.events;

test('a text is asked for and kept, with what it cost', async () => {
    const job = await run({ model: 'm1', system: 'Be {{mood}}.', prompt: 'Where is {{ what }}? {{unknown}} {{1 + 1}}', vars: { mood: 'brief', what: 'Rome', unknown: '{{what}}' }, params: { temperature: 0.5, max_tokens: 7 } }, () => completion('In Italy.'));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const r = job.result;
    assert.deepEqual({ ...r, latency_ms: 0, cost_usd: 0 }, {
        outcome: 'answered', provider: 'acme', model: 'm1', model_returned: 'model-returned', request_id: 'chatcmpl-1', mode: 'plain', finish_reason: 'stop',
        calls: 1, latency_ms: 0, usage: { input_tokens: 10, output_tokens: 5 }, cost_usd: 0, raw: 'In Italy.', parsed: null, repairs: [], mentions: [], citations: [],
    });
    assert.ok(Math.abs(r.cost_usd - 60e-6) < 1e-12);
    const { path, headers, body } = provider.calls[0];
    assert.equal(path, '/v1/chat/completions');
    assert.equal(headers.authorization, `Bearer ${KEY}`);
    assert.ok(headers['idempotency-key'].startsWith(job.id));
    assert.deepEqual(body, { model: 'm1', messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Where is Rome? {{what}} {{1 + 1}}' }], temperature: 0.5, max_tokens: 7 });
});

test('a schema is sent as strict as the provider wants it, and the answer held against the original', async () => {
    const job = await run({ schema: SCHEMA, schema_name: 'place' }, () => completion('{"city":"Rome","note":null}'));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual(job.result.parsed, { city: 'Rome' });
    assert.deepEqual(job.result.repairs, ['nulls']);
    assert.equal(job.result.mode, 'json_schema');
    const { json_schema: sent } = provider.calls[0].body.response_format;
    assert.equal(sent.name, 'place');
    assert.equal(sent.strict, true);
    assert.deepEqual(sent.schema.required, ['city', 'note']);
});

test('a list is asked for inside an object', async () => {
    const job = await run({ schema: { type: 'array', items: { type: 'integer' } } }, () => completion('{"value":[1,2]}'));
    assert.deepEqual(job.result.parsed, [1, 2]);
    assert.deepEqual(job.result.repairs, []);
});

test('a model that cannot be held to a schema is asked in words, and that is remembered', async () => {
    const answer = ({ body }) => {
        const type = body.response_format?.type;
        if (type === 'json_schema') return { status: 400, body: { error: { message: "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", param: 'response_format' } } };
        if (type === 'json_object') return { status: 400, body: { error: { message: 'response_format json_object is not supported' } } };
        return completion('Sure!\n```json\n{"city": "Rome",}\n```');
    };
    const first = await run({ model: 'humble', schema: SCHEMA }, answer);
    assert.equal(first.result.mode, 'plain');
    assert.equal(first.result.calls, 3);
    assert.deepEqual(first.result.repairs, ['fence', 'trailing_comma']);
    assert.match(provider.calls[2].body.messages[0].content, /JSON Schema[^]*"city"/);
    assert.ok(await callsOf(6, { model: 'humble', schema: SCHEMA }, answer) <= 4 * 3 + 2);
});

test('a parameter that the model refuses is left out', async () => {
    const answer = ({ body }) => {
        if ('temperature' in body) return { status: 400, body: { error: { message: "Unsupported parameter: 'temperature' is not supported with this model.", param: 'temperature', code: 'unsupported_parameter' } } };
        if ('max_tokens' in body) return { status: 400, body: { error: { message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", param: 'max_tokens' } } };
        return completion('ok');
    };
    const job = await run({ params: { temperature: 1, max_tokens: 9, seed: 4 } }, answer);
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    const { model } = provider.calls[0].body;
    const last = { model, messages: [{ role: 'user', content: 'Where?' }], seed: 4, max_completion_tokens: 9 };
    assert.deepEqual(provider.calls.at(-1).body, last);
    const params = { temperature: 1, max_tokens: 9, seed: 4 };
    assert.ok(await callsOf(6, { model, params }, answer) <= 4 * 3 + 2);
    assert.deepEqual(provider.calls.at(-1).body, last);
    // What such a job has found out says nothing of schemas.
    await run({ model, params, schema: SCHEMA }, () => completion('{"city": "Rome"}'));
    assert.equal(provider.calls.at(-1).body.response_format.type, 'json_schema');
});

const repairable = {
    fenced: '```json\n{"city":"Rome"}\n```', prose: 'The answer is {"city":"Rome"} as asked.', trailing: '{"city":"Rome",}', single: "{'city':'Rome'}",
    comments: '{"city":"Rome" /* of course */}', smart: '{“city”:“Rome”}', raw: '{"city":"Ro\nme"}', bom: '\ufeff{"city":"Rome"}', wrapped: '[{"city":"Rome"}]',
};
for (const [name, text] of Object.entries(repairable)) {
    test(`what can be mended is, and is told: ${name}`, async () => {
        const job = await run({ provider: 'plain', schema: SCHEMA }, () => completion(text));
        assert.equal(job.state, 'completed', JSON.stringify(job.error));
        assert.equal(job.result.parsed.city.replace('\n', ''), 'Rome');
        assert.ok(job.result.repairs.length > 0);
        assert.equal(job.result.raw, text);
    });
}

test('an answer that is cut off is asked for with twice the room, never mended', async () => {
    const twice = await run({ schema: SCHEMA, params: { max_tokens: 8 } }, ({ body }) => completion(body.max_tokens > 8 ? '{"city":"Rome","note":"x"}' : '{"city":"Rom', body.max_tokens > 8 ? {} : { finish: 'length' }));
    assert.equal(twice.state, 'completed', JSON.stringify(twice.error));
    assert.equal(provider.calls[1].body.max_tokens, 16);
    const never = await run({ schema: SCHEMA }, () => completion('{"city":"Rome"}', { finish: 'length' }));
    assert.equal(never.state, 'failed');
    assert.equal(never.error.code, 'truncated');
    provider.calls.length = 0;
    const full = await run({ params: { max_tokens: 50000 } }, () => completion('It is', { finish: 'length' }));
    assert.match(full.error.message, /max_tokens_cap leaves it no more room/);
    assert.equal(provider.calls.length, 1);
});

test('a refusal is final, and no error', async () => {
    for (const answer of [() => completion(null, { message: { refusal: 'No.' } }), () => completion('', { finish: 'content_filter' })]) {
        const job = await run({ schema: SCHEMA }, answer);
        assert.equal(job.state, 'completed', JSON.stringify(job.error));
        assert.equal(job.result.outcome, 'refused');
        assert.equal(job.result.parsed, null);
        assert.equal(job.result.calls, 1);
    }
});

test('what has no text, or an end that nobody knows, is no answer', async () => {
    for (const answer of [completion(''), completion(null, { finish: 'tool_calls' }), completion('Rome', { finish: 'error' })]) {
        const job = await run({}, () => answer);
        assert.deepEqual([job.state, job.error.class, job.error.code], ['failed', 'transient', 'bad_answer']);
    }
});

test('what does not keep to the schema goes back once, with its faults', async () => {
    const job = await run({ schema: SCHEMA }, ({ body }) => completion(body.messages.length > 1 ? '{"city":"Rome","note":"x"}' : '{"city":7,"note":"x"}'));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.equal(job.result.calls, 2);
    const [, said, told] = provider.calls[1].body.messages;
    assert.deepEqual(said, { role: 'assistant', content: '{"city":7,"note":"x"}' });
    assert.match(told.content, /"path":"\/city"[^]*is a number/);
    const never = await run({ schema: SCHEMA }, () => completion('{"town":"Rome"}'));
    assert.equal(never.error.code, 'invalid_output');
    const rejected = (await events(never.id)).find((e) => e.type === 'answer_rejected').data;
    assert.equal(rejected.raw, '{"town":"Rome"}');
    assert.ok(rejected.faults.some((f) => f.keyword === 'required'));
});

test('a provider that says later is left alone, and the job used no attempt', async () => {
    let n = 0;
    const job = await run({}, () => (n++ ? completion('ok') : { status: 429, headers: { 'retry-after-ms': '0' }, body: { error: { message: 'slow down' } } }));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.equal(job.attempt, 1);
    assert.ok(provider.calls[1].at - provider.calls[0].at >= 1000);
    assert.equal(job.result.calls, 1);
});

test('failures have a class and a code, and the key is in none', async () => {
    const cases = [
        [401, { error: { message: `Incorrect API key provided: ${KEY}. Or sk-proj-12345?` } }, 'permanent', 'unauthorized'],
        [401, '.'.repeat(470) + KEY, 'permanent', 'unauthorized'],
        [404, { error: { message: 'no such model' } }, 'permanent', 'model_not_found'],
        [400, { error: { message: "This model's maximum context length is 8192 tokens", code: 'context_length_exceeded' } }, 'permanent', 'context_length'],
        [400, { error: { message: 'nonsense' } }, 'permanent', 'bad_request'],
        [500, 'oops', 'transient', 'http_5xx'],
        [200, '<html>', 'transient', 'bad_answer'],
        [0, '', 'transient', 'connection_lost'],
    ];
    const processes = children();
    for (const [status, body, cls, code] of cases) {
        const job = await run({}, () => ({ status, body }));
        assert.equal(job.state, 'failed', code);
        assert.equal(job.error.class, cls, code);
        assert.equal(job.error.code, code);
        assert.ok(!JSON.stringify(job).includes(KEY) && !JSON.stringify(job).includes('sk-proj'), JSON.stringify(job.error));
    }
    // A failure that was told costs no process.
    assert.deepEqual(processes.filter((p) => !children().includes(p)), []);
    assert.equal((await run({ provider: 'gone' })).error.code, 'connect_failed');
    for (const answer of [`It is ${KEY}.`, `{"city": "${KEY}"}`, `{"town": "${KEY}"}`]) {
        const job = await run({ schema: answer.includes('{') ? SCHEMA : undefined }, () => ({ ...completion(answer), id: KEY, model: KEY }));
        assert.ok(!JSON.stringify([job.result, job.error, await events(job.id)]).includes(KEY), JSON.stringify(job));
    }
    assert.ok(!log.includes(KEY));
});

test('a provider that never answers costs its own time limit', async () => {
    const job = await run({ provider: 'slow' }, () => new Promise(() => {}));
    assert.equal(job.error.code, 'timed_out');
});

test('an answer of 100 MB is cut at the limit', async () => {
    let sent = 0, cut;
    const isCut = new Promise((resolve) => { cut = resolve; });
    const endless = createServer((request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.on('close', cut);
        const more = () => { while (sent < 100 << 20 && !response.destroyed) { sent += 1 << 16; if (!response.write('x'.repeat(1 << 16))) return void response.once('drain', more); } response.end(); };
        more();
    });
    endless.listen(0, '127.0.0.1');
    await once(endless, 'listening');
    const file = JSON.parse(readFileSync(dir.file('providers.json')));
    writeFileSync(dir.file('providers.json'), JSON.stringify({ ...file, endless: { base_url: `http://127.0.0.1:${endless.address().port}` } }));
    const job = await run({ provider: 'endless' });
    assert.deepEqual([job.state, job.error.class, job.error.code], ['failed', 'permanent', 'answer_too_big']);
    await isCut;
    assert.ok(sent < 64 << 20, `${sent} bytes were sent`);
    endless.close();
});

test("Anthropic's API is asked by its own rules, a schema as a tool", async () => {
    const job = await run({ provider: 'claude', system: 'Be brief.', schema: SCHEMA }, () => ({
        status: 200, body: { id: 'msg_1', model: 'claude-x', stop_reason: 'tool_use', content: [{ type: 'text', text: 'Let me see.' }, { type: 'tool_use', name: 'answer', input: { city: 'Rome', note: 'x' } }], usage: { input_tokens: 3, output_tokens: 4 } },
    }));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual(job.result.parsed, { city: 'Rome', note: 'x' });
    assert.deepEqual(job.result.usage, { input_tokens: 3, output_tokens: 4 });
    const { path, headers, body } = provider.calls[0];
    assert.equal(path, '/v1/messages');
    assert.equal(headers['x-api-key'], KEY);
    assert.equal(headers['anthropic-version'], '2023-06-01');
    assert.equal(headers.authorization, undefined);
    assert.equal(body.system, 'Be brief.');
    assert.equal(body.max_tokens, 4096);
    assert.deepEqual(body.tool_choice, { type: 'tool', name: 'answer' });
});

test('prompt and model may come as the values of a matrix', async () => {
    const job = await run({ provider: undefined, prompt: { id: 'crm', text: 'Which {{what}}?', vars: { what: 'CRM' } }, model: { id: 'm1', provider: 'acme', params: { temperature: 0 } }, run: 2 }, () => completion('This one.'));
    assert.equal(job.state, 'completed', JSON.stringify(job.error));
    assert.deepEqual([job.result.prompt_id, job.result.run, job.result.model, job.result.provider], ['crm', 2, 'm1', 'acme']);
    assert.deepEqual(provider.calls[0].body, { model: 'm1', messages: [{ role: 'user', content: 'Which CRM?' }], temperature: 0 });
    const twice = await run({ model: { id: 'm1', provider: 'acme' } });
    assert.match(twice.error.message, /provider: stands in the model already/);
});

test('mentions and citations are told', async () => {
    const text = '1. [Acme](https://acme.example/x) is good\n2. Other & Co, says https://news.example/a.';
    const job = await run({ entities: [{ name: 'Acme Inc', domains: ['acme.example'] }, 'Other and Co.', { name: 'Nobody' }] }, () => completion(text));
    const [acme, other, nobody] = job.result.mentions;
    assert.deepEqual({ ...acme, snippets: 0 }, { name: 'Acme Inc', count: 1, offset: 4, order: 1, list_rank: 1, form: 'Acme', source: 'text', snippets: 0 });
    assert.equal(other.list_rank, 2);
    assert.deepEqual(nobody, { name: 'Nobody', count: 0 });
    assert.deepEqual(job.result.citations, [{ url: 'https://acme.example/x', domain: 'acme.example', entity: 'Acme Inc' }, { url: 'https://news.example/a', domain: 'news.example', entity: '' }]);
    const within = await run({ schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } }, required: ['a', 'b'] }, paths: ['/a'], entities: ['Acme'] }, () => completion('{"a":"Acme","b":"Acme Acme"}'));
    assert.equal(within.result.mentions[0].count, 1);
    const fenced = await run({ provider: 'plain', schema: SCHEMA, entities: ['Acme'] }, () => completion('Acme:\n```json\n{"city":"Acme"}\n```'));
    assert.equal(fenced.result.mentions[0].count, 1);
});

test('what is asked wrongly is refused, and why', async () => {
    const cases = [
        [{ model: 'm', prompt: undefined }, 'invalid_input', /either prompt or messages/],
        [{ model: '' }, 'invalid_input', /model: is missing/],
        [{ prompt: 'Hi {{ x }}', vars: { y: 1 } }, 'invalid_input', /vars: there is none called x/],
        [{ schema: { type: 'text' } }, 'invalid_schema', /type must be null, boolean/],
        [{ schema: { $ref: '#/nowhere' } }, 'invalid_schema', /names no schema/],
        [{ provider: 'nobody' }, 'unknown_provider', /there is no nobody in/],
        [{ provider: 'keyless' }, 'unknown_secret', /no secret called NOBODY/],
        [{ provider: 'odd' }, 'invalid_provider', /base_url begins with/],
        [{ prmopt: 1 }, 'unknown_field', /prmopt/],
        [{ entities: [{ alias: 'x' }] }, 'unknown_field', /alias/],
        [{ entities: ['Acme', { name: 'Beta', aliases: ['ACMÉ'] }] }, 'invalid_input', /Acme and Beta are called the same/],
        [{ params: { stream: true } }, 'invalid_input', /params: stream is not done/],
        [{ model: { id: 'm', params: { n: 2 } } }, 'invalid_input', /params: n is 1 in each job/],
    ];
    for (const [args, code, text] of cases) {
        const job = await run(args);
        assert.equal(job.state, 'failed');
        assert.equal(job.error.code, code, JSON.stringify(job.error));
        assert.match(job.error.message, text);
        assert.equal(provider.calls.length, 0);
    }
});

/** xorshift32, so that a seed repeats a run. */
function chance(seed) {
    let x = seed | 1;
    return (n) => { x ^= x << 13; x ^= x >>> 17; x ^= x << 5; return (x >>> 0) % n; };
}

test('what keeps to a schema is what ajv says', async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
    const random = chance(seed);
    /* Without allErrors ajv 8.20 says of [] that it keeps to {contains: …, prefixItems: …}. */
    const ajv = new Ajv2020.default({ strict: false, allErrors: true });
    addFormats.default(ajv, { mode: 'full' });
    /* For a few schemas ajv 8.20 writes code that does not run ("items0 is not defined"): then it says nothing. */
    const oracle = (schema, value) => {
        try {
            return ajv.validate(schema, value);
        } catch (e) {
            if (e instanceof ReferenceError || e instanceof TypeError) return undefined;
            throw e;
        }
    };
    const pairs = Array.from({ length: Number(process.env.PAIRS ?? 300) }, () => ({ schema: { ...[randomSchema(random)].flat().find((s) => typeof s === 'object') ?? { type: 'string' } }, value: randomValue(random) }));
    provider.answer = ({ body }) => completion(JSON.stringify(pairs[Number(body.messages.find((m) => m.role === 'user').content)].value));
    const jobs = pairs.map(({ schema }, i) => ({ kind: 'run-prompt', max_attempts: 1, args: { provider: 'plain', model: 'pairs', prompt: String(i), schema } }));
    const { json } = await stint.call('POST', '/v1/jobs', jobs);
    let kept = 0;
    for (const [i, { id }] of json.jobs.entries()) {
        let job;
        do job = (await stint.call('GET', `/v1/jobs/${id}?wait=30`)).json; while (!['completed', 'failed'].includes(job.state));
        const valid = oracle(pairs[i].schema, pairs[i].value);
        if (valid === undefined) continue;
        const told = job.state === 'completed' || job.error.code;
        // An array of one object counts as that object where an object was asked for.
        const unwrapped = job.result?.repairs.includes('unwrapped') ? oracle(pairs[i].schema, pairs[i].value[0]) : valid;
        assert.equal(told, unwrapped || 'invalid_output', `seed ${seed}: ${JSON.stringify(pairs[i])}: ${JSON.stringify(job.error ?? job.result.parsed)}`);
        kept += valid ? 1 : 0;
    }
    assert.ok(kept > pairs.length / 10 && kept < pairs.length * 0.9, `${kept} of ${pairs.length} kept: says too little`);
});
