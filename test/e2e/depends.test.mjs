// Jobs that depend on others, over HTTP: names within one call, ids of jobs that are there, what becomes of those whose parents
// fail, and what is refused. They are queued by the server itself: nobody polls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(() => server.stop());

async function enqueue(items) {
    const answer = await server.call('POST', '/v1/jobs', items);
    assert.equal(answer.status, 201, answer.text);
    return answer.json.jobs;
}

async function claim(queue, kind, wait_s = 20) {
    const answer = await server.call('POST', '/v1/claims', { worker: 'w', queues: [queue], kinds: [kind], wait_s });
    return answer.status === 200 ? answer.json.jobs?.[0] : undefined;
}

async function report(job, op, more = {}) {
    const answer = await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op, ...more });
    assert.equal(answer.status, 200, answer.text);
}

const failed = { error: { class: 'permanent', code: 'gone', message: 'no' } };

async function get(id) {
    const answer = await server.call('GET', `/v1/jobs/${id}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

/** Its end, from its stream. */
async function ended(id) {
    const answer = await server.call('GET', `/v1/jobs/${id}/events`);
    assert.match(answer.text, /event: end/);
    return get(id);
}

test('a diamond runs from its top to its bottom', async () => {
    const jobs = await enqueue([
        { kind: 'bottom', queue: 'a', depends_on: ['left', 'right'] },
        { kind: 'side', queue: 'a', ref: 'left', depends_on: ['top'] },
        { kind: 'side', queue: 'a', ref: 'right', depends_on: ['top'] },
        { kind: 'top', queue: 'a', ref: 'top' },
    ]);
    assert.deepEqual(jobs.map((j) => j.state), ['blocked', 'blocked', 'blocked', 'queued']);
    const bottom = claim('a', 'bottom'); // a long poll: it ends when the last of the others has
    await report(await claim('a', 'top'), 'complete');
    await report(await claim('a', 'side'), 'complete');
    let blocked;
    do blocked = await get(jobs[0].id);
    while (blocked.depends_on.length === 2); // until it is told
    assert.equal(blocked.state, 'blocked');
    assert.ok(jobs.slice(1, 3).some((j) => j.id === blocked.depends_on[0]));
    await report(await claim('a', 'side'), 'complete');
    const job = await bottom;
    assert.equal(job.id, jobs[0].id);
    assert.equal(job.attempt, 1);
    await report(job, 'complete');
});

test('a job can depend on one that is there, on one that has ended, and on whoever holds a key', async () => {
    const [first] = await enqueue([{ kind: 'first', queue: 'b', unique_key: 'b1' }]);
    const jobs = await enqueue([
        { kind: 'by-id', queue: 'b', depends_on: [first.id] },
        { kind: 'first', queue: 'b', unique_key: 'b1', ref: 'same' },
        { kind: 'by-key', queue: 'b', depends_on: ['same'] },
    ]);
    assert.deepEqual([jobs[1].id, jobs[1].duplicate], [first.id, true]);
    await report(await claim('b', 'first'), 'complete');
    assert.equal((await claim('b', 'by-id')).id, jobs[0].id);
    assert.equal((await claim('b', 'by-key')).id, jobs[2].id);
    const [late] = await enqueue([{ kind: 'late', queue: 'b', depends_on: [first.id] }]);
    assert.equal((await claim('b', 'late')).id, late.id);
});

test('a failure goes down a chain as each job has said', async () => {
    const jobs = await enqueue([
        { kind: 'first', queue: 'c', ref: 'a' },
        { kind: 'k', queue: 'c', ref: 'b', depends_on: ['a'] },
        { kind: 'k', queue: 'c', ref: 'c', depends_on: ['b'], on_parent_failure: 'skip' },
        { kind: 'last', queue: 'c', depends_on: ['c'], on_parent_failure: 'continue' },
    ]);
    await report(await claim('c', 'first'), 'fail', failed);
    const b = await ended(jobs[1].id);
    assert.deepEqual([b.state, b.reason, b.error.code, b.error.message], ['failed', 'parent_failed', 'parent_failed', `job ${jobs[0].id} was not completed`]);
    const c = await ended(jobs[2].id);
    assert.deepEqual([c.state, c.reason, c.error, c.on_parent_failure], ['skipped', 'parent_failed', null, 'skip']);
    assert.equal((await claim('c', 'last')).id, jobs[3].id);
});

test('circles and names of nobody are refused with the way around, and nothing is stored', async () => {
    const circle = [
        { kind: 'k', queue: 'd', ref: 'a', depends_on: ['c'] },
        { kind: 'k', queue: 'd', ref: 'b', depends_on: ['a'] },
        { kind: 'k', queue: 'd', ref: 'c', depends_on: ['b'] },
    ];
    const answer = await server.call('POST', '/v1/jobs', circle);
    assert.equal(answer.status, 422);
    const [error] = answer.json.errors;
    assert.deepEqual([error.index, error.code, error.field], [0, 'dependency_cycle', '/depends_on']);
    assert.match(error.detail, /a -> c -> b -> a/);
    const dangling = await server.call('POST', '/v1/jobs', [{ kind: 'k', queue: 'd' }, { kind: 'k', queue: 'd', depends_on: ['nobody'] }]);
    assert.deepEqual(dangling.json.errors.map((e) => [e.index, e.code, e.field]), [[1, 'unknown_dependency', '/depends_on/0']]);
    const partial = await server.call('POST', '/v1/jobs?partial=true', [{ kind: 'k', queue: 'other', ref: 'a' }, { kind: 'k', queue: 'd', depends_on: ['a'] }]);
    assert.equal(partial.status, 207);
    assert.equal(partial.json.jobs[1].field, '/depends_on');
    assert.deepEqual((await server.call('GET', '/v1/jobs?queue=d')).json.jobs, []);
});

test('a repeat with the same idempotency key has the same jobs', async () => {
    const items = [{ kind: 'k', queue: 'e', ref: 'a' }, { kind: 'then', queue: 'e', depends_on: ['a'] }];
    const headers = { 'idempotency-key': 'e1' };
    const first = await server.call('POST', '/v1/jobs', items, { headers });
    const again = await server.call('POST', '/v1/jobs', items, { headers });
    assert.deepEqual(again.json, first.json);
    await report(await claim('e', 'k'), 'complete');
    assert.equal((await claim('e', 'then')).id, first.json.jobs[1].id);
});

test('children of a report wait for each other', async () => {
    const [{ id }] = await enqueue([{ kind: 'root', queue: 'w' }]);
    const root = await claim('w', 'root');
    const children = [{ kind: 'merge', depends_on: ['a'], on_parent_failure: 'continue' }, { kind: 'part', ref: 'a' }];
    const bad = await server.call('POST', '/v1/reports', { job: id, lease: root.lease, n: 1, op: 'wait', children: [{ kind: 'x', depends_on: ['z'] }] });
    assert.deepEqual([bad.status, bad.json.code], [422, 'unknown_dependency'], bad.text);
    const told = await server.call('POST', '/v1/reports', { job: id, lease: root.lease, n: 2, op: 'wait', children });
    assert.deepEqual(told.json.children.map((c) => c.state), ['blocked', 'queued'], told.text);
    await report(await claim('w', 'part'), 'fail', failed);
    await report(await claim('w', 'merge'), 'complete');
    assert.deepEqual((({ completed, failed: bad }) => [completed, bad])((await claim('w', 'root')).children), [1, 1]);
});
