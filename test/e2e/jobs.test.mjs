// The life of jobs over the API: enqueue, claim, report, wait, list, change, cancel, retry, erase, purge. Every answer is held
// against the OpenAPI document by call().
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { BIN, startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer();
    call = server.call;
});
after(() => server.stop());

const enqueue = async (job) => (await call('POST', '/v1/jobs', job)).json;
const claim = async (queue, more = {}) => (await call('POST', '/v1/claims', { worker: 'w', queues: [queue], ...more })).json?.jobs ?? [];
const report = (job, n, op, more = {}) => call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
const get = async (id) => (await call('GET', `/v1/jobs/${id}`)).json;

test('a job goes from enqueue to completed, and shows what happened', async () => {
    const answer = await call('POST', '/v1/jobs', '{"kind":"k","queue":"life","args":{"n": 1e400, "b":9007199254740993},"tags":["a"],"priority":3}');
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('location'), `/v1/jobs/${answer.json.id}`);
    assert.equal(answer.json.state, 'queued');
    const [mine] = await claim('life');
    assert.equal(mine.id, answer.json.id);
    assert.equal(mine.attempt, 1);
    const progress = await report(mine, 1, 'progress', { percent: 42.5, message: 'half', checkpoint: { at: 7 } });
    assert.equal(progress.json.state, 'processing');
    const seen = await get(mine.id);
    assert.deepEqual(seen.progress, { percent: 42.5, message: 'half' });
    assert.equal(seen.worker, 'w');
    assert.equal((await report(mine, 2, 'complete', { result: { ok: true } })).json.state, 'completed');
    const raw = await call('GET', `/v1/jobs/${mine.id}`);
    assert.ok(raw.text.includes('"args":{"n": 1e400, "b":9007199254740993}'), 'args are the bytes that came');
    assert.deepEqual(raw.json.result, { ok: true });
    assert.equal(raw.json.state, 'completed');
    assert.equal(raw.json.priority, 3);
    assert.deepEqual(raw.json.tags, ['a']);
});

test('a checkpoint and what failed before come back with the next attempt', async () => {
    const { id } = await enqueue({ kind: 'k', queue: 'again', retry: { backoff: 'fixed', base_s: 0.001 } });
    const [first] = await claim('again');
    await report(first, 1, 'progress', { checkpoint: { page: 3 } });
    const failed = await report(first, 2, 'fail', { error: { class: 'transient', code: 'flaky', message: 'no luck', stack: 'at x' } });
    assert.match(failed.json.state, /scheduled|queued/);
    const [second] = await claim('again', { wait_s: 10 });
    assert.equal(second.id, id);
    assert.deepEqual(second.checkpoint, { page: 3 });
    assert.equal(second.attempt, 2);
    assert.ok(second.lease > first.lease);
    assert.deepEqual((await get(id)).error, { class: 'transient', code: 'flaky', message: 'no luck', stack: 'at x' });
    await report(second, 1, 'complete');
});

test('a permanent failure is a dead letter, and a retry begins the next round', async () => {
    const { id } = await enqueue({ kind: 'k', queue: 'dead' });
    const [job] = await claim('dead');
    assert.equal((await report(job, 1, 'fail', { error: { class: 'permanent', message: 'gone' } })).json.state, 'failed');
    const listed = (await call('GET', '/v1/dead?queue=dead')).json;
    assert.deepEqual(listed.jobs.map((j) => j.id), [id]);
    assert.equal(listed.jobs[0].reason, 'error');
    assert.equal((await call('POST', '/v1/dead/retry', { filter: { queue: 'dead' } })).json.jobs[0].state, 'queued');
    const [again] = await claim('dead');
    assert.equal(again.round, 2);
    assert.equal(again.attempt, 1);
    await report(again, 1, 'fail', { error: { class: 'permanent', message: 'gone' } });
    assert.equal((await call('POST', '/v1/dead/purge', { ids: [id] })).json.jobs[0].status, 200);
    assert.equal((await call('GET', `/v1/jobs/${id}`)).status, 404);
    assert.deepEqual((await call('GET', '/v1/dead?queue=dead')).json.jobs, []);
});

test('snooze and release give the attempt back', async () => {
    const { id } = await enqueue({ kind: 'k', queue: 'back' });
    const [first] = await claim('back');
    assert.equal((await report(first, 1, 'release')).json.state, 'queued');
    const [second] = await claim('back');
    assert.equal(second.attempt, 1);
    const snoozed = await report(second, 1, 'snooze', { delay_s: 3600 });
    assert.equal(snoozed.json.state, 'scheduled');
    assert.ok(Date.parse(snoozed.json.run_at) > Date.now() + 3_000_000);
    assert.equal((await get(id)).snoozes, 1);
    assert.equal((await call('POST', `/v1/jobs/${id}/promote`)).json.state, 'queued');
    const [third] = await claim('back');
    assert.equal(third.attempt, 1);
    await report(third, 1, 'complete');
});

test('the same report again gets the same verdict, an older or another one is refused', async () => {
    await enqueue({ kind: 'k', queue: 'reps' });
    const [job] = await claim('reps');
    await report(job, 1, 'progress', { percent: 1 });
    const done = await report(job, 2, 'complete', { result: 1 });
    assert.equal(done.json.replayed, undefined);
    const again = await report(job, 2, 'complete', { result: 1 });
    assert.equal(again.status, 200);
    assert.equal(again.json.replayed, true);
    assert.equal((await report(job, 2, 'complete', { result: 2 })).status, 409);
    assert.equal((await report(job, 1, 'progress', { percent: 1 })).status, 409);
    assert.equal((await report({ ...job, lease: job.lease + 1000 }, 1, 'complete')).json.code, 'lease_lost');
    assert.equal((await report(job, 3, 'fail', { error: { message: 'late' } })).status, 409);
});

test('an array of reports gets a verdict each, and a bad one spoils nothing', async () => {
    await call('POST', '/v1/jobs', [1, 2, 3].map((n) => ({ kind: 'k', queue: 'many', args: n })));
    const jobs = await claim('many', { max: 10 });
    assert.equal(jobs.length, 3);
    const answer = await call('POST', '/v1/reports', [
        { job: jobs[0].id, lease: jobs[0].lease, n: 1, op: 'complete' },
        { job: jobs[1].id, lease: jobs[1].lease + 7, n: 1, op: 'complete' },
        { job: jobs[2].id, lease: jobs[2].lease, n: 1, op: 'complete', oops: 1 },
        { lease: 1 },
        { job: '0199f3c8-7a10-7000-8000-000000000001', lease: 1, n: 1, op: 'complete' },
    ]);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json.verdicts.map((v) => v.status), [200, 409, 422, 422, 404]);
    assert.equal(answer.json.verdicts[2].field, '/oops');
    assert.equal(answer.json.verdicts[2].job, jobs[2].id);
    assert.equal((await get(jobs[2].id)).state, 'processing');
});

test('a claim waits for a job, and a wait for its end', async () => {
    const claiming = call('POST', '/v1/claims', { worker: 'w', queues: ['later'], wait_s: 30 });
    const { id } = await enqueue({ kind: 'k', queue: 'later' });
    const ending = call('GET', `/v1/jobs/${id}?wait=30`);
    const [job] = (await claiming).json.jobs;
    assert.equal(job.id, id);
    await report(job, 1, 'complete', { result: 'done' });
    const ended = await ending;
    assert.equal(ended.json.state, 'completed');
    assert.equal(ended.json.result, 'done');
    const none = await call('POST', '/v1/claims', { worker: 'w', queues: ['later'], wait_s: 0.05 });
    assert.equal(none.status, 204);
    assert.equal(none.headers.get('stint-draining'), null);
});

test('a claim takes only kinds it names, and none of a paused queue', async () => {
    await enqueue({ kind: 'b', queue: 'kinds' });
    assert.deepEqual(await claim('kinds', { kinds: ['a'] }), []);
    const paused = await call('POST', '/v1/queues/kinds/pause');
    assert.equal(paused.json.paused, true);
    assert.deepEqual(await claim('kinds'), []);
    assert.equal((await call('GET', '/v1/queues/kinds')).json.counts.queued, 1);
    await call('POST', '/v1/queues/kinds/resume', {});
    const [job] = await claim('kinds', { kinds: ['a', 'b'] });
    assert.equal((await report(job, 1, 'complete')).status, 200);
});

test('a cancelled job is never handed out; a running one is told', async () => {
    const { id } = await enqueue({ kind: 'k', queue: 'cancel' });
    assert.equal((await call('POST', `/v1/jobs/${id}/cancel`)).json.state, 'cancelled');
    assert.equal((await call('POST', `/v1/jobs/${id}/cancel`)).status, 200);
    assert.deepEqual(await claim('cancel'), []);
    const running = await enqueue({ kind: 'k', queue: 'cancel' });
    const [job] = await claim('cancel');
    assert.equal((await call('POST', `/v1/jobs/${running.id}/cancel`)).json.state, 'processing');
    const told = await report(job, 1, 'heartbeat');
    assert.equal(told.json.cancel, true);
    assert.equal((await report(job, 2, 'fail', { error: { message: 'stopping' } })).json.state, 'cancelled');
    assert.equal((await call('POST', `/v1/jobs/${running.id}/retry`)).json.state, 'queued');
    assert.equal((await call('POST', `/v1/jobs/${running.id}/promote`)).status, 409);
});

test('the last of a burst replaces the one that waits', async () => {
    const enqueue = (n) => call('POST', '/v1/jobs', { kind: 'k', queue: 'burst', unique_key: 'burst', args: n, delay_s: 60, on_duplicate: 'replace' });
    const first = await enqueue(1);
    assert.equal(first.status, 201);
    const second = await enqueue(2);
    assert.equal(second.status, 200);
    assert.deepEqual(second.json, { id: first.json.id, state: 'scheduled', duplicate: true, replaced: true });
    assert.equal((await call('GET', `/v1/jobs/${first.json.id}`)).json.args, 2);
    const bad = await call('POST', '/v1/jobs', { kind: 'k', on_duplicate: 'replace' });
    assert.equal(bad.status, 422);
});

test('a unique key holds one live job', async () => {
    const first = await call('POST', '/v1/jobs', { kind: 'k', queue: 'uni', unique_key: 'one' });
    const second = await call('POST', '/v1/jobs', { kind: 'k', queue: 'uni', unique_key: 'one' });
    assert.equal(second.status, 200);
    assert.deepEqual([second.json.id, second.json.duplicate], [first.json.id, true]);
    const [job] = await claim('uni');
    await report(job, 1, 'complete');
    assert.equal((await call('POST', '/v1/jobs', { kind: 'k', queue: 'uni', unique_key: 'one' })).status, 201);
});

test('PATCH changes what waits, and nothing that runs', async () => {
    const { id } = await enqueue({ kind: 'k', queue: 'patch', delay_s: 3600, args: { a: 1 } });
    const patched = await call('PATCH', `/v1/jobs/${id}`, { priority: -5, args: { a: 2 }, queue: 'patch2', run_at: '2001-01-01T00:00:00Z' });
    assert.equal(patched.json.priority, -5);
    assert.equal(patched.json.queue, 'patch2');
    const [job] = await claim('patch2');
    assert.deepEqual(job.args, { a: 2 });
    assert.equal((await call('PATCH', `/v1/jobs/${id}`, { priority: 1 })).status, 409);
    await report(job, 1, 'complete', { result: 5 });
    const erased = await call('DELETE', `/v1/jobs/${id}`);
    assert.equal(erased.json.state, 'completed');
    const gone = await get(id);
    assert.deepEqual([gone.args, gone.result], [null, null]);
});

test('lists page with a cursor that belongs to its filter', async () => {
    await call('POST', '/v1/jobs', Array.from({ length: 25 }, (_, i) => ({ kind: i % 2 ? 'odd' : 'even', queue: 'list', tags: [`t${i % 5}`] })));
    const ids = [];
    let cursor = '';
    for (;;) {
        const page = (await call('GET', `/v1/jobs?queue=list&limit=10${cursor && `&cursor=${cursor}`}`)).json;
        ids.push(...page.jobs.map((j) => j.id));
        if (!page.next_cursor) break;
        cursor = page.next_cursor;
    }
    assert.equal(new Set(ids).size, 25);
    assert.deepEqual([...ids].sort().reverse(), ids, 'newest first');
    const first = (await call('GET', '/v1/jobs?queue=list&limit=10')).json.next_cursor;
    for (const bad of [`queue=other&cursor=${first}`, `queue=list&cursor=${first.slice(0, -2)}`, `queue=list&cursor=${first[0] === 'A' ? 'B' : 'A'}${first.slice(1)}`, 'queue=list&cursor=x']) {
        const answer = await call('GET', `/v1/jobs?${bad}`);
        assert.deepEqual([answer.status, answer.json.code], [400, 'invalid_cursor'], bad);
    }
    assert.equal((await call('GET', '/v1/jobs?queue=list&kind=odd&limit=100')).json.jobs.length, 12);
    assert.equal((await call('GET', '/v1/jobs?queue=list&tag=t3&limit=100')).json.jobs.length, 5);
    assert.equal((await call('GET', '/v1/jobs?queue=list&state=completed,failed')).json.jobs.length, 0);
    assert.equal((await call('GET', `/v1/jobs?queue=list&until=2001-01-01T00:00:00Z`)).json.jobs.length, 0);
    assert.deepEqual((await call('GET', `/v1/jobs?kind=${encodeURIComponent("' OR 1=1--")}`)).json.jobs, []);
});

test('an action on many goes on in chunks', async () => {
    await call('POST', '/v1/jobs', Array.from({ length: 23 }, () => ({ kind: 'k', queue: 'bulk' })));
    let cancelled = 0;
    let cursor;
    do {
        const answer = (await call('POST', '/v1/jobs/cancel', { filter: { queue: 'bulk', state: ['queued'] }, limit: 10, ...(cursor && { cursor }) })).json;
        cancelled += answer.jobs.filter((j) => j.state === 'cancelled').length;
        cursor = answer.next_cursor;
    } while (cursor);
    assert.equal(cancelled, 23);
    assert.equal((await call('GET', '/v1/queues/bulk')).json.counts.cancelled, 23);
    const verdicts = (await call('POST', '/v1/jobs/retry', { ids: ['0199f3c8-7a10-7000-8000-000000000001'] })).json.jobs;
    assert.equal(verdicts[0].status, 404);
});

test('queue settings count for new jobs, and null puts them back', async () => {
    const set = await call('PATCH', '/v1/queues/set', { max_attempts: 7, lease_s: 60, max_queued: 2, retain_completed_s: 'forever' });
    assert.equal(set.json.settings.max_attempts, 7);
    assert.equal(set.json.settings.retain_completed_s, 'forever');
    const { id } = await enqueue({ kind: 'k', queue: 'set' });
    assert.equal((await get(id)).max_attempts, 7);
    await enqueue({ kind: 'k', queue: 'set' });
    const full = await call('POST', '/v1/jobs', { kind: 'k', queue: 'set' });
    assert.deepEqual([full.status, full.json.code], [429, 'queue_full']);
    assert.equal((await claim('set'))[0].lease_s, 60);
    const back = await call('PATCH', '/v1/queues/set', { max_attempts: null });
    assert.equal(back.json.settings.max_attempts, null);
    assert.equal(back.json.settings.lease_s, 60);
    assert.equal((await call('DELETE', '/v1/queues/set')).status, 409);
    await call('POST', '/v1/queues/unused/pause');
    assert.equal((await call('DELETE', '/v1/queues/unused')).status, 204);
    assert.equal((await call('GET', '/v1/queues/unused')).status, 404);
});

test('statistics and workers tell what there is', async () => {
    await enqueue({ kind: 'nobody-does-this', queue: 'stats' });
    const stats = (await call('GET', '/v1/stats')).json;
    assert.ok(stats.counts.completed > 0 && stats.totals.enqueued > stats.totals.completed);
    assert.equal(stats.queued.find((k) => k.kind === 'nobody-does-this').queue, 'stats');
    const workers = (await call('GET', '/v1/workers')).json.workers;
    assert.equal(workers[0].name, 'w');
    assert.ok(workers[0].claimed > 0 && workers[0].reported > 0);
    const metrics = await call('GET', '/metrics');
    assert.match(metrics.text, /^stint_jobs\{state="completed"\} [1-9]/m);
    assert.match(metrics.text, /^stint_flushes_total [1-9]/m);
    assert.equal((await call('GET', '/readyz', undefined, { key: null })).json.status, 'ready');
    assert.equal((await call('HEAD', '/livez', undefined, { key: null })).status, 200);
});

test('stint ls goes on behind an empty page, and tells when there are more', async () => {
    const pages = { null: { jobs: [], next_cursor: 'one' }, one: { jobs: [{ id: 'found', state: 'queued' }, { id: 'second', state: 'queued' }], next_cursor: 'two' }, two: { jobs: [], next_cursor: null } };
    const fake = createServer((request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(pages[new URL(request.url, 'http://x').searchParams.get('cursor')]));
    });
    await new Promise((listening) => fake.listen(0, '127.0.0.1', listening));
    const ls = async (...words) => {
        const child = spawn(BIN, ['ls', '--url', `http://127.0.0.1:${fake.address().port}`, '--key', server.key, ...words]);
        const [said, told] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
        return [said.join('').match(/found|second/g), told.join('')];
    };
    const more = 'stint ls: there are more: --limit, or a filter\n';
    assert.deepEqual(await ls(), [['found', 'second'], '']);
    assert.deepEqual(await ls('--limit', '2'), [['found', 'second'], '']);
    assert.deepEqual(await ls('--limit', '1'), [['found'], more]);
    assert.deepEqual(await ls('--json'), [['found', 'second'], '']);
    fake.close();
});
