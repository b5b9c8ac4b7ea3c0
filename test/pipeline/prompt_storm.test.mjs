// A provider that says 429 again and again, and one whose quota is used up: the limit key of the provider is paused for all jobs of it.
// A door between the worker and the server keeps what the server answered; the provider asks the server since when a job that calls is
// claimed. So both sides of "claimed in a pause" are of the server's clock.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { openDoor } from './lib/door.mjs';
import { batch, startWorker } from './lib/prompts.mjs';
import { completion, startProvider } from './lib/provider.mjs';

const dir = makeDir('stint-prompt-storm-');
const later = (more) => ({ status: 429, ...more, body: { error: { message: 'slow down', ...more.error } } });
let stint, provider, door, worker;
/** Reports of the worker that name a key to pause: {job, pause_key, retry_after_s, run_at}. */
const pauses = [];
/** Calls of the provider: {job, claimed}. */
const calls = [];
let answer;

const seen = (report, verdict) => {
    if (!report.pause_key) return;
    assert.equal(verdict.status, 200, JSON.stringify(verdict));
    pauses.push({ ...report, ...verdict });
};

before(async () => {
    stint = await startServer();
    door = await openDoor(stint.url, seen);
    provider = await startProvider(async (call, n) => {
        const job = call.headers['idempotency-key'].slice(0, 36);
        const { started_at } = (await stint.call('GET', `/v1/jobs/${job}`)).json;
        calls.push({ job, claimed: Date.parse(started_at) });
        return answer(n);
    });
    worker = startWorker({ url: door.url, key: stint.key }, dir, { acme: { base_url: `${provider.url}/v1` } });
});
after(async () => {
    await worker.stop();
    door.stop();
    await stint.stop();
    await provider.stop();
    dir.remove();
});

const limit = async () => (await stint.call('GET', '/v1/limits/provider:acme')).json;

test('in a storm of 429 no job is claimed while the provider is paused, and all are answered once, without an attempt used', async () => {
    const storms = [[5, 9], [20, 21], [36, 40]]; // the calls that are told to come later
    answer = (n) => (storms.some(([from, to]) => n >= from && n <= to) ? later({ headers: { 'retry-after-ms': '300' } }) : completion('Acme'));
    const prompts = Array.from({ length: 30 }, (_, i) => ({ id: `p${i}`, text: '?' }));
    writeFileSync(dir.file('def.json'), JSON.stringify({ name: 'storm', prompts, models: [{ id: 'm', provider: 'acme' }] }));
    const { code, out, err } = await batch(stint, 'run', dir.file('def.json'), '--wait', '--json');
    assert.equal(code, 0, err);
    assert.deepEqual(JSON.parse(out).outcomes, { succeeded: 30, refused: 0, invalid: 0, truncated: 0, failed: 0, cancelled: 0 });
    const { jobs } = (await stint.call('GET', '/v1/jobs?kind=run-prompt&limit=1000')).json;
    assert.deepEqual(jobs.map((j) => j.attempt), Array(30).fill(1));
    const told = storms.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    assert.deepEqual([calls.length, new Set(calls.map((c) => c.job)).size, pauses.length], [30 + told, 30, told]);
    for (const { pause_key, retry_after_s, run_at } of pauses) {
        assert.deepEqual([pause_key, retry_after_s], ['provider:acme', 0.3]);
        const until = Date.parse(run_at);
        assert.deepEqual(calls.filter((c) => c.claimed > until - 300 && c.claimed < until), []);
    }
    assert.notEqual((await limit()).paused, true);
});

test('a quota that is used up pauses the provider until somebody resumes it, and nobody else', async () => {
    const enqueue = async (more) => {
        const { status, json, text } = await stint.call('POST', '/v1/jobs', { kind: 'run-prompt', args: { provider: 'acme', model: 'm', prompt: '?' }, retry: { base_s: 0.05, cap_s: 0.05 }, ...more });
        assert.equal(status, 201, text);
        return json.id;
    };
    const end = async (id) => {
        for (;;) {
            const job = (await stint.call('GET', `/v1/jobs/${id}?wait=30`)).json;
            if (['completed', 'failed', 'cancelled'].includes(job.state)) return job;
        }
    };
    let isSpent = true;
    let paused;
    const whenPaused = new Promise((resolve) => { paused = resolve; });
    const push = pauses.push.bind(pauses);
    pauses.push = (p) => { push(p); paused(p); };
    answer = () => (isSpent ? later({ error: { code: 'insufficient_quota' } }) : completion('Acme'));
    const spent = await enqueue({ limits: ['provider:acme'] });
    assert.equal((await whenPaused).retry_after_s, undefined);
    isSpent = false;
    const before = calls.length;
    const waits = await enqueue({ limits: [{ key: 'provider:acme', weight: 2 }] });
    assert.equal((await end(await enqueue({}))).state, 'completed'); // names no key
    assert.deepEqual([calls.length, (await limit()).paused], [before + 1, true]);
    // A batch says that it is blocked, and what came of it so far.
    writeFileSync(dir.file('spent.json'), JSON.stringify({ name: 'spent', prompts: [{ id: 'p', text: '?' }], models: [{ id: 'm', provider: 'acme' }], runs: 3 }));
    assert.equal((await batch(stint, 'run', dir.file('spent.json'))).code, 0);
    const { prompts } = JSON.parse((await batch(stint, 'status', 'spent', '--json')).out);
    assert.deepEqual([prompts.expected, prompts.queued, prompts.active, prompts.waiting_rate_limit, prompts.blocked, prompts.pct, prompts.so_far.jobs], [3, 3, 0, 3, true, 0, 0]);
    assert.match((await batch(stint, 'status', 'spent')).out, /blocked +3 jobs for provider:acme, until somebody resumes it/);
    await batch(stint, 'cancel', 'spent');
    await stint.call('POST', '/v1/limits/provider:acme/resume', {});
    for (const id of [spent, waits]) {
        const job = await end(id);
        assert.deepEqual([job.state, job.attempt], ['completed', 1], JSON.stringify(job.error));
    }
    assert.equal(calls.length, before + 3);
});
