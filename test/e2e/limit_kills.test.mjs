// J8, J10 and J15 by force: servers that hand out jobs of limit keys and groups, pause keys, fill batches and wake families are killed at
// fault points, on both engines. Never do more jobs of a key run than it lets, nor does one begin in a pause, in whichever life that was
// accepted; and in the end everything that was acknowledged has run, and nobody holds a slot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER, makeDatabase } from './lib/postgres.mjs';
import { createKey, makeDir, startServer } from './lib/server.mjs';

const POINTS = ['store.lane.claim', 'store.slot.free', 'store.limit.put', 'store.fill.chunk', 'store.fill.end', 'store.tick.note', 'store.round.begin', 'store.round.middle', 'store.round.commit', 'store.round.answer'];
const ALL = POINTS.flatMap((p) => (p.startsWith('store.fill') ? [1, 2, 3] : [3, 8, 20, 45]).map((n) => `${p}:kill:${n}`));
const SOME = ['store.lane.claim:kill:9', 'store.slot.free:kill:4', 'store.limit.put:kill:6'];
const LIMITS = { slots: 3, 'host:a': 2, 'host:b': 2 }; // the last two by a pattern
const SETS = [['slots'], [{ key: 'slots', weight: 2 }], ['host:a'], ['host:b', 'slots'], ['host:a', 'host:b'], ['rated'], undefined];
const GRID = { n: [0, 1, 2, 3], m: ['x', 'y'] };
const LEASE_S = 1;
const PAUSE_MS = 400;

const weight = (job, key) => (job.limits ?? []).reduce((sum, l) => sum + (l === key ? 1 : l.key === key ? l.weight : 0), 0);

/** What clients know over all lives. */
class Known {
    jobs = new Set(); // acknowledged ids
    batches = new Set();
    tag = 0;
    pauses = []; // of `host:a`: { from, until }, by this process's clock
    claims = 0;
    isPaused(sentAt, heardAt) {
        return this.pauses.some((p) => p.from <= sentAt && heardAt < p.until);
    }
}

async function answered(server, ...request) {
    const answer = await server.call(...request);
    if (answer.status >= 500) throw new Error(answer.text);
    return answer;
}

/** When the job is final, or after so long by the server's clock. */
const ended = (server, id, wait_s) => answered(server, 'GET', `/v1/jobs/${id}?wait=${wait_s}`);

async function produce(server, known) {
    for (let i = 0; ; i++) {
        const items = SETS.map((limits, k) => ({ kind: 'k', queue: 'q', group: ['A', 'B', undefined][(i + k) % 3], limits, priority: k === 3 ? -1 : 0 }));
        const { json } = await answered(server, 'POST', '/v1/jobs', [...items, { kind: 'parent', queue: 'q', limits: ['slots'] }]);
        for (const { id } of json.jobs) known.jobs.add(id);
        if (i % 3 === 0) {
            const made = await answered(server, 'POST', '/v1/batches', { job: { kind: 'k', queue: 'q', group: 'C', limits: ['host:b'] }, matrix: GRID, finally: [{ kind: 'k', queue: 'q' }] });
            known.batches.add(made.json.id);
        }
        await ended(server, json.jobs.at(-2).id, 1); // one without limits: as fast as the workers are
    }
}

async function pause(server, known) {
    for (;;) {
        const before = Date.now();
        await answered(server, 'POST', '/v1/limits/host:a/pause', { for_s: PAUSE_MS / 1000 });
        known.pauses.push({ from: Date.now(), until: before + PAUSE_MS - 5 });
        const held = await answered(server, 'POST', '/v1/jobs', { kind: 'k', queue: 'q', priority: -2, limits: ['host:a'] });
        known.jobs.add(held.json.id);
        await ended(server, held.json.id, 5); // it runs when the pause is over
    }
}

async function report(server, jobs) {
    const items = jobs.map((job, i) => {
        const refusal = { op: 'fail', error: { class: 'rate_limited', message: '429' }, retry_after_s: 0.1, pause_key: 'host:b' };
        const isRefused = i % 5 === 4 && weight(job, 'host:b') > 0;
        const isParent = job.kind === 'parent' && !job.children;
        return { job: job.id, lease: job.lease, n: 1, ...(isRefused ? refusal : isParent ? { op: 'wait', children: [{ kind: 'k', limits: ['host:b'] }] } : { op: 'complete' }) };
    });
    if (items.length) await answered(server, 'POST', '/v1/reports', items);
}

async function work(server, known, name) {
    for (let i = 0; ; i++) {
        const sentAt = Date.now();
        const { status, json } = await answered(server, 'POST', '/v1/claims', { worker: name, queues: ['q'], max: 1 + (i % 5), lease_s: LEASE_S, wait_s: 0.2 });
        if (status !== 200) continue;
        const inPause = known.isPaused(sentAt, Date.now());
        assert.ok(!inPause || json.jobs.every((j) => !weight(j, 'host:a')), 'a job was claimed in a pause of its key');
        known.claims += json.jobs.length;
        await report(server, json.jobs);
    }
}

/** What the store says of itself, as often as there is time. */
async function watch(server) {
    for (;;) await checkSlots(server);
}

async function checkSlots(server) {
    const { jobs } = (await answered(server, 'GET', '/v1/jobs?state=processing&limit=1000')).json;
    for (const [key, most] of Object.entries(LIMITS)) {
        const runs = jobs.reduce((sum, j) => sum + weight(j, key), 0);
        assert.ok(runs <= most, `${runs} of ${key} run, and ${most} may (J8)`);
        const limit = await answered(server, 'GET', `/v1/limits/${key}`);
        assert.ok(limit.json.used <= most, `${limit.json.used} of ${key} are used, and ${most} may be (J8)`);
    }
}

async function live(server, known) {
    const loops = [produce(server, known), pause(server, known), watch(server), ...['w0', 'w1', 'w2', 'w3'].map((w) => work(server, known, w))];
    const ends = await Promise.allSettled(loops);
    for (const { reason } of ends) if (reason instanceof assert.AssertionError) throw reason;
}

async function drain(server) {
    for (;;) {
        await checkSlots(server);
        const { counts } = (await answered(server, 'GET', '/v1/stats')).json;
        if (!counts.queued && !counts.processing && !counts.scheduled && !counts.blocked) return;
        const { status, json } = await answered(server, 'POST', '/v1/claims', { worker: 'last', queues: ['q'], max: 100, wait_s: 0.2 });
        if (status === 200) await report(server, json.jobs);
    }
}

async function listAll(server, path) {
    const found = [];
    for (let cursor = ''; cursor !== null;) {
        const { json } = await answered(server, 'GET', `${path}limit=1000${cursor && `&cursor=${cursor}`}`);
        found.push(...(json.jobs ?? json.batches));
        cursor = json.next_cursor;
    }
    return found;
}

/** Exactly the grid, and finished once with one run of its finaliser. */
async function checkBatch(server, { id, state, counts }) {
    const jobs = await listAll(server, `/v1/batches/${id}/jobs?`);
    const cells = await Promise.all(jobs.map(async (j) => (await answered(server, 'GET', `/v1/jobs/${j.id}`)).json.args));
    assert.deepEqual(cells.map((c) => `${c.n}${c.m}`).sort(), GRID.n.flatMap((n) => GRID.m.map((m) => `${n}${m}`)).sort());
    assert.deepEqual([state, counts.open, counts.completed], ['finished', 0, cells.length]);
    const { events } = (await answered(server, 'GET', `/v1/batches/${id}/events?limit=1000`, undefined, { headers: { accept: 'application/json' } })).json;
    assert.equal(events.filter((e) => e.type === 'finished').length, 1);
}

async function killAtPoints(t, options, lives) {
    const known = new Known();
    let server = await startServer(options);
    const { key } = server;
    await server.call('PUT', '/v1/limits/slots', { concurrency: LIMITS.slots });
    await server.call('PUT', '/v1/limits/host:*', { concurrency: LIMITS['host:a'] });
    await server.call('PUT', '/v1/limits/rated', { rate: { n: 200, per_s: 1, burst: 20 } });
    await server.kill();
    for (const fault of lives) {
        server = await startServer({ ...options, key, env: { STINT_FAULT: fault } });
        await live(server, known).catch((e) => {
            server.proc.kill('SIGKILL');
            e.message = `STINT_FAULT=${fault}: ${e.message}`;
            throw e;
        });
        assert.equal((await server.exit).signal, 'SIGKILL', fault);
    }
    server = await startServer({ ...options, key });
    await drain(server);
    const stored = new Map((await listAll(server, '/v1/jobs?')).map((j) => [j.id, j]));
    for (const id of known.jobs) assert.equal(stored.get(id)?.state, 'completed', `${id} was acknowledged (J1)`);
    assert.deepEqual([...stored.values()].filter((j) => j.state !== 'completed').map((j) => [j.id, j.state]), []);
    for (const k of Object.keys(LIMITS)) assert.equal((await answered(server, 'GET', `/v1/limits/${k}`)).json.used, 0);
    const batches = await listAll(server, '/v1/batches?');
    for (const id of known.batches) assert.ok(batches.some((b) => b.id === id), `${id} was acknowledged (J1)`);
    for (const b of batches) await checkBatch(server, b);
    t.diagnostic(`${lives.length} deaths, ${stored.size} jobs, ${batches.length} batches, ${known.claims} claimed in the lives that died, ${known.pauses.length} pauses`);
    assert.ok(known.claims > 20 && known.pauses.length && batches.length);
    assert.equal((await server.stop()).code, 0);
}

test('no key gives more than it may, however often the server dies at it', { timeout: 900000 }, async (t) => {
    const dir = makeDir();
    await killAtPoints(t, { dir, store: `sqlite:${dir.file('stint.db')}` }, process.env.CHAOS ? ALL : [...SOME, 'store.fill.end:kill:1', 'store.round.commit:kill:40']);
    dir.remove();
});

test('so it is on PostgreSQL', { timeout: 900000, skip: CLUSTER ? false : 'no PostgreSQL' }, async (t) => {
    const database = makeDatabase();
    await killAtPoints(t, { store: database.dsn, key: createKey(database.dsn) }, process.env.CHAOS ? ALL : SOME);
    database.drop();
});
