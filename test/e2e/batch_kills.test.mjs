// J15 by force: servers that make, fill, close and finish batches are killed at fault points, on both engines. Afterwards the state of
// every batch is derived anew from its jobs: each finished exactly once for each round, and its finaliser ran behind the last, at most once for each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER, makeDatabase } from './lib/postgres.mjs';
import { createKey, makeDir, startServer } from './lib/server.mjs';

const POINTS = ['store.tick.note', 'store.round.begin', 'store.round.middle', 'store.round.commit', 'store.round.answer'];
const JOB = { kind: 'k', queue: 'q' };

/** What a client would do, until its server is gone; batches get jobs from outside, from their jobs, and retries. */
async function work(server, known) {
    const call = async (...request) => {
        const answer = await server.call(...request);
        if (answer.status >= 500) throw new Error(answer.text);
        return answer;
    };
    for (let i = 0; ; i++) {
        const made = (await call('POST', '/v1/batches', { jobs: [JOB, JOB], finally: [{ kind: 'last', queue: 'q' }], closed: i % 2 === 0 })).json;
        known.add(made.id);
        await call('POST', '/v1/jobs', { ...JOB, batch: made.id });
        await drain(call, i);
        await call('POST', `/v1/batches/${made.id}/close`);
        await drain(call, i);
        const failed = (await call('GET', `/v1/batches/${made.id}/jobs?state=failed`)).json.jobs[0];
        if (!failed) continue;
        await call('POST', `/v1/jobs/${failed.id}/retry`);
        await drain(call, i + 1);
    }
}

async function drain(call, i) {
    for (let n = 1; ; n++) {
        const { status, json } = await call('POST', '/v1/claims', { worker: 'w', queues: ['q'], max: 2, lease_s: 1 });
        if (status !== 200 || !json.jobs.length) return;
        await call('POST', '/v1/reports', json.jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: j.kind === 'k' && (i + n) % 2 === 0 ? 'fail' : 'complete',
            ...(j.kind === 'k' && (i + n) % 2 === 0 ? { error: { class: 'permanent', message: 'x' } } : n === 1 && j.kind === 'k' ? { children: [{ kind: 'leaf' }] } : {}) })));
    }
}

/** The state of a batch as its jobs say it. */
async function check(server, id) {
    const get = async (path, headers) => (await server.call('GET', `/v1/batches/${id}${path}`, undefined, { headers })).json;
    const batch = await get('');
    const { jobs } = await get('/jobs?limit=1000');
    const counts = { open: 0, completed: 0, failed: 0, cancelled: 0, skipped: 0 };
    for (const j of jobs) counts[counts[j.state] === undefined ? 'open' : j.state]++;
    assert.deepEqual(batch.counts, counts);
    assert.equal(batch.state, counts.open ? 'closed' : 'finished');
    const { events } = await get('/events?limit=1000', { accept: 'application/json' });
    assert.deepEqual(events.map((e) => e.seq), events.map((_, i) => i + 1));
    assert.deepEqual(events.filter((e) => e.type === 'finished').map((e) => e.data.round), Array.from({ length: batch.round }, (_, i) => i + 1));
    assert.equal(events.filter((e) => e.type === 'end').length, batch.round);
    return batch;
}

/** Every batch is closed and every job done; none is left open. */
async function settle(server, known) {
    const call = server.call.bind(server);
    for (let left = [...known]; left.length;) {
        for (const id of left) await call('POST', `/v1/batches/${id}/close`);
        const { status, json } = await call('POST', '/v1/claims', { worker: 'w', queues: ['q'], max: 100, wait_s: 1 });
        if (status === 200) await call('POST', '/v1/reports', json.jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete' })));
        const states = await Promise.all(left.map((id) => call('GET', `/v1/batches/${id}`)));
        left = left.filter((_, i) => states[i].json.state !== 'finished');
    }
}

async function killAtPoints(t, options) {
    const lives = process.env.CHAOS ? POINTS.flatMap((p) => [2, 5, 9, 16, 30].map((n) => `${p}:kill:${n}`)) : ['store.tick.note:kill:3', 'store.round.commit:kill:40', 'store.round.answer:kill:30'];
    const known = new Set();
    let { key } = options;
    for (const fault of lives) {
        const server = await startServer({ ...options, key, env: { STINT_FAULT: fault } });
        key = server.key;
        await work(server, known).catch(() => {});
        assert.equal((await server.exit).signal, 'SIGKILL', fault);
    }
    const server = await startServer({ ...options, key });
    for (let cursor = ''; cursor !== null;) { // also those whose answer was lost
        const { json } = await server.call('GET', `/v1/batches?limit=100${cursor && `&cursor=${cursor}`}`);
        for (const b of json.batches) known.add(b.id);
        cursor = json.next_cursor;
    }
    await settle(server, known);
    const batches = new Map();
    for (const id of known) batches.set(id, await check(server, id));
    const rounds = [...batches.values()].reduce((n, b) => n + b.round, 0);
    const finalisers = async () => (await server.call('GET', '/v1/jobs?kind=last&limit=1000')).json.jobs;
    assert.equal((await finalisers()).length, known.size);
    while (!(await finalisers()).every((j) => j.state === 'completed')) { // the last ones may still have the lease of a life that is over
        const { status, json } = await server.call('POST', '/v1/claims', { worker: 'w', queues: ['q'], max: 100, wait_s: 1 });
        if (status === 200) await server.call('POST', '/v1/reports', json.jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete' })));
    }
    let runs = 0;
    for (const j of await finalisers()) {
        const batch = batches.get(j.finally_of);
        assert.ok(j.round <= batch.round && j.started_at >= batch.finished_at, JSON.stringify([j, batch]));
        runs += j.round;
    }
    t.diagnostic(`${known.size} batches, ${rounds} rounds, ${runs} runs of finalisers, ${lives.length} deaths`);
    assert.ok(known.size >= 3);
    assert.equal((await server.stop()).code, 0);
}

test('a batch finishes exactly once per round, however often the server dies at it', { timeout: 400000 }, async (t) => {
    const dir = makeDir();
    await killAtPoints(t, { dir, store: `sqlite:${dir.file('stint.db')}` });
    dir.remove();
});

test('so it is on PostgreSQL', { timeout: 400000, skip: CLUSTER ? false : 'no PostgreSQL' }, async (t) => {
    const database = makeDatabase();
    await killAtPoints(t, { store: database.dsn, key: createKey(database.dsn) });
    database.drop();
});
