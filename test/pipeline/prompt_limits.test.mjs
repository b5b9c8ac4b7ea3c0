// What a provider bears stands in the worker's file, and the server keeps it: calls a minute, tokens a minute, how many at once, and the
// budget of a batch. A job's further calls take their own tokens, and none while the provider is paused: by the server's clock, which a
// door between worker and server asks.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { openDoor } from './lib/door.mjs';
import { batch, startWorker } from './lib/prompts.mjs';
import { completion, startProvider } from './lib/provider.mjs';

const dir = makeDir('stint-prompt-limits-');
const SCHEMA = { type: 'object', properties: { pick: { type: 'string' } }, required: ['pick'], additionalProperties: false };
let stint, provider, door, worker, providers;
/** Reports that take, with what the server said, and whether it called the provider paused right behind it. */
const takes = [];
const corrections = [];

async function seen(report, verdict) {
    if (report.correct) corrections.push(report.correct);
    if (!report.take) return;
    const { paused } = await limit('provider:mend');
    takes.push({ take: report.take, granted: verdict.granted, wait_s: verdict.wait_s, paused });
}

const limit = async (key) => (await stint.call('GET', `/v1/limits/${encodeURIComponent(key)}`)).json;
const put = async (key, rule) => assert.equal((await stint.call('PUT', `/v1/limits/${encodeURIComponent(key)}`, rule)).status, 200);
const started = async () => { while (!/worker.limit_set key=budget/.test(worker.log)) await new Promise((resolve) => { worker.proc.stderr.once('data', resolve); }); };
const run = async (definition) => {
    writeFileSync(dir.file('def.json'), JSON.stringify(definition));
    const { code, out, err } = await batch(stint, 'run', dir.file('def.json'), '--wait', '--json');
    assert.equal(code, 0, err);
    return JSON.parse(out);
};
const prompts = (n) => Array.from({ length: n }, (_, i) => ({ id: `p${i}`, text: `? (${i})` }));

before(async () => {
    stint = await startServer();
    door = await openDoor(stint.url, seen);
    provider = await startProvider(() => completion('Acme'));
    const at = { base_url: `${provider.url}/v1` };
    providers = { fast: { ...at, rpm: 1200, concurrency: 3 }, tokens: { ...at, tpm: 80000 }, mine: { ...at, rpm: 5 }, mend: { ...at, rpm: 60000 }, free: at };
    await put('provider:mine', { concurrency: 7 });
    worker = startWorker({ url: door.url, key: stint.key }, dir, providers);
    await started();
});
after(async () => {
    await worker.stop();
    door.stop();
    await stint.stop();
    await provider.stop();
    dir.remove();
});

test('the file of providers says what limits are kept, unless somebody has said it', async () => {
    const fast = await limit('provider:fast');
    assert.deepEqual([fast.set, fast.concurrency, fast.rate], [true, 3, { n: 1026, per_s: 60, burst: 120 }]);
    assert.ok(fast.rate.n + fast.rate.burst <= 1200);
    assert.deepEqual((await limit('tokens:tokens')).rate, { n: 57000, per_s: 60, burst: 20000 });
    const mine = await limit('provider:mine');
    assert.deepEqual([mine.concurrency, mine.rate], [7, null]);
    assert.notEqual((await limit('provider:free')).set, true);
    // A key that may only work sets nothing, and says what is to be said.
    const plain = (await stint.call('POST', '/v1/keys', { name: 'plain', scopes: ['read', 'work'] })).json.key;
    const elsewhere = makeDir('stint-prompt-limits-');
    const other = startWorker(stint, elsewhere, { fast: providers.fast, slow: { base_url: provider.url, rpm: 30 } }, { key: plain });
    while (!/limit_not_set key=provider:slow .*--rate 26 --per 60s --burst 3/.test(other.log)) await new Promise((resolve) => { other.proc.stderr.once('data', resolve); });
    await other.stop();
    elsewhere.remove();
    assert.notEqual((await limit('provider:slow')).set, true);
});

test('no span of time has more calls than the limit allows, and never more at once', async () => {
    let open = 0, most = 0;
    provider.answer = async () => {
        most = Math.max(most, ++open);
        await new Promise(setImmediate);
        open--;
        return completion('Acme');
    };
    provider.calls.length = 0;
    const report = await run({ name: 'fast', prompts: prompts(150), models: [{ id: 'm', provider: 'fast' }] });
    assert.equal(report.outcomes.succeeded, 150);
    const at = provider.calls.map((c) => c.at);
    const ahead = 3; // are claimed, and call when their processes get round to it
    at.forEach((from, i) => at.slice(i).forEach((to, k) => assert.ok(k + 1 <= 120 + ahead + ((to - from) * 1026) / 60000 + 1, `${k + 1} calls in ${to - from} ms`)));
    assert.ok(at.at(-1) - at[0] > 1000, 'the last 30 had to wait');
    assert.ok(most <= 3, `${most} at once`);
});

test('tokens are guessed, and put right by what the provider says', async () => {
    corrections.length = 0;
    await run({ name: 'tokens', prompts: prompts(2), models: [{ id: 'm', provider: 'tokens', params: { max_tokens: 1000 } }] });
    const { jobs } = (await stint.call('GET', '/v1/jobs?kind=run-prompt&limit=2')).json;
    assert.deepEqual(jobs[0].limits, ['provider:tokens', { key: 'tokens:tokens', weight: 1001 }]);
    while (corrections.length < 2) await new Promise(setImmediate); // the command may be told of the end before the door is
    assert.deepEqual(corrections, [{ 'tokens:tokens': 15 - 1001 }, { 'tokens:tokens': 15 - 1001 }]);
    const { tokens, rate } = await limit('tokens:tokens');
    assert.ok(tokens >= rate.burst - 30 && tokens <= rate.burst, String(tokens));
    // A provider that tells nonsense keeps no job from its end.
    provider.answer = () => ({ ...completion('Acme'), usage: { prompt_tokens: 3e9, completion_tokens: 5 } });
    assert.equal((await run({ name: 'nonsense', prompts: prompts(1), models: [{ id: 'm', provider: 'tokens' }] })).outcomes.succeeded, 1);
});

test('a correction takes a call and tokens of its own, and none while the provider is paused', async () => {
    await put('tokens:mend', { rate: { n: 100000, per_s: 60 } });
    for (let n = 0; !(await correctInPause(`mend-${n}`)); n++) assert.ok(n < 9, 'no correction was refused'); // a busy machine may need as long as the pause takes
});

/** Whether the correction came while the pause was. */
async function correctInPause(name) {
    takes.length = 0;
    // The one that is corrected gets its first answer when the other has had the provider paused.
    let go;
    const isPaused = new Promise((resolve) => { go = resolve; });
    const calls = new Map();
    provider.answer = async ({ body }) => {
        const text = JSON.stringify(body.messages);
        const which = text.includes('(0)') ? 'bad' : 'later';
        calls.set(which, (calls.get(which) ?? 0) + 1);
        if (which === 'bad' && calls.get('bad') === 1) {
            await isPaused;
            return completion('{"pick": 7}');
        }
        if (which === 'later' && calls.get('later') === 1) {
            while (!calls.get('bad')) await new Promise(setImmediate);
            return { status: 429, headers: { 'retry-after': '1' }, body: { error: { message: 'slow down' } } };
        }
        return completion('{"pick": "Acme"}');
    };
    const whole = run({ name, schema: SCHEMA, prompts: prompts(2), models: [{ id: 'm', provider: 'mend' }] });
    while (!(await limit('provider:mend')).paused) await new Promise(setImmediate);
    go();
    assert.equal((await whole).outcomes.succeeded, 2);
    while (!takes.at(-1).granted) await new Promise(setImmediate);
    assert.equal(calls.get('bad'), 2);
    for (const t of takes) assert.ok(!(t.granted && t.paused), JSON.stringify(takes));
    const last = takes.at(-1);
    assert.deepEqual([last.granted, last.take['provider:mend'], last.take['tokens:mend'] > 15], [true, 1, true]);
    return takes.some((t) => !t.granted && t.wait_s > 0 && t.wait_s <= 1);
}

test('a job that may not call again soon frees its worker, and goes on where it was', async () => {
    provider.answer = ({ body }) => (body.messages.length > 1 ? completion('{"pick": "Acme"}') : completion('{"pick": 7}', { tokens: 595 }));
    provider.calls.length = 0;
    await put('tokens:mend', { rate: { n: 600, per_s: 86400 } }); // one guess, and no more today
    const { json } = await stint.call('POST', '/v1/jobs', { kind: 'run-prompt', args: { provider: 'mend', model: 'm', prompt: '?', schema: SCHEMA }, limits: ['provider:mend', { key: 'tokens:mend', weight: 600 }] });
    for (let job; job?.state !== 'scheduled' && job?.state !== 'retrying';) {
        job = (await stint.call('GET', `/v1/jobs/${json.id}`)).json;
        assert.ok(!['completed', 'failed'].includes(job.state), JSON.stringify(job));
    }
    await put('tokens:mend', {});
    assert.equal((await stint.call('POST', `/v1/jobs/${json.id}/promote`)).status, 200);
    const job = (await stint.call('GET', `/v1/jobs/${json.id}?wait=30`)).json;
    assert.deepEqual([job.state, job.attempt, job.result.calls, job.result.usage], ['completed', 1, 2, { input_tokens: 20, output_tokens: 600 }]);
    assert.deepEqual(provider.calls.map((c) => c.body.messages.length), [1, 3]);
});

test('a batch whose budget is spent asks no more, and ends', async () => {
    provider.answer = () => completion('Acme');
    provider.calls.length = 0;
    // A call takes 15 tokens in the end, and by the guess 17 while it runs.
    const report = await run({ name: 'budget', budget: { calls: 250, tokens: 3000 }, prompts: prompts(250), models: [{ id: 'm', provider: 'free', params: { max_tokens: 16 } }] });
    const { length } = provider.calls;
    assert.ok(length > 180 && length <= 200, `${length} calls`);
    assert.deepEqual([report.outcomes.succeeded, report.budget.exceeded], [length, false]);
    assert.deepEqual(report.failures.map((f) => [f.code, f.count]), [['budget_spent', 250 - length]]);
    // The same for another day: it has a budget of its own.
    provider.calls.length = 0;
    writeFileSync(dir.file('def.json'), JSON.stringify({ name: 'budget', budget: { calls: 10 }, prompts: prompts(10), models: [{ id: 'm', provider: 'free' }] }));
    assert.equal((await batch(stint, 'run', dir.file('def.json'), '--date', '2026-01-01', '--wait', '--json')).code, 0);
    assert.equal(provider.calls.length, 10);
});
