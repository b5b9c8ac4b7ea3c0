// pg_held.test.mjs: somebody's transaction stays open beside the queue: PostgreSQL may clean nothing up, and every job leaves dead
// entries at the head of the indexes. 1,000 jobs a second must go through all the same, and a job must not wait longer and longer.
// HELD_DEAD jobs (an hour of them) have come and gone before it begins: made by SQL, because only what they leave counts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { CLUSTER, makeDatabase } from '../e2e/lib/postgres.mjs';
import { startServer } from '../e2e/lib/server.mjs';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
const DEAD = Number(process.env.HELD_DEAD ?? 3_600_000);
const PER_SECOND = 1000;
const BATCH = 20;
const WORKERS = 8;
const SAMPLE_MS = 10_000;
const ARGS = { pad: 'x'.repeat(176) };

/** What DEAD jobs leave, the last of them now: the same versions of rows that a round of each kind writes. */
async function leaveDead(db) {
    const step = 200_000;
    for (let done = 0; done < DEAD; done += step) {
        const n = Math.min(step, DEAD - done);
        await db.psql(
            `INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at, flags, args)
             SELECT stint.make_id((at << 21) + g), 1, 'held', 'k', 2, 0, at, 0, '${JSON.stringify(ARGS)}'
             FROM (SELECT g, stint.now() - ${DEAD - done} + g AS at FROM generate_series(1, ${n}) AS g) AS s`,
        );
        await db.psql("UPDATE stint.job SET state = 3, due_at = run_at + 30000, lease = 1, lease_until = run_at + 30000 WHERE state = 2");
        await db.psql('DELETE FROM stint.job');
        await db.psql(`INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n) SELECT 1, 'held', 'k', 2, 0, 7 FROM generate_series(1, ${n / 2})`);
        await db.psql('DELETE FROM stint.count_delta WHERE n = 7');
    }
}

/** The line has been used before, by a server that is no more. Its key. */
async function oneJob(db) {
    const server = await startServer({ store: db.dsn });
    const answer = await server.call('POST', '/v1/jobs', { kind: 'k', queue: 'held' });
    assert.equal(answer.status, 201, answer.text);
    const claimed = await server.call('POST', '/v1/claims', { worker: 'first', queues: ['held'], kinds: ['k'] });
    const [{ id, lease }] = claimed.json.jobs;
    assert.equal((await server.call('POST', '/v1/reports', { job: id, lease, n: 1, op: 'complete' })).status, 200);
    assert.equal((await server.stop()).code, 0);
    return server.key;
}

/** A batch of jobs each BATCH / PER_SECOND seconds, whatever the server does meanwhile. */
function produce(server, load) {
    const begun = performance.now();
    let sent = 0;
    const tick = () => {
        for (const due = ((performance.now() - begun) / 1000) * PER_SECOND; sent + BATCH <= due; sent += BATCH) {
            const jobs = Array.from({ length: BATCH }, () => ({ kind: 'k', queue: 'held', args: ARGS }));
            const at = performance.now();
            load.offered += BATCH;
            load.open.add(
                server.call('POST', '/v1/jobs', jobs).then((answer) => {
                    assert.equal(answer.status, 201, answer.text);
                    for (const job of answer.json.jobs) load.at.set(job.id, at);
                }),
            );
        }
    };
    const timer = setInterval(tick, 5);
    return () => clearInterval(timer);
}

async function work(server, load, name) {
    while (!load.isOver) {
        const answer = await server.call('POST', '/v1/claims', { worker: name, queues: ['held'], kinds: ['k'], max: 2 * BATCH, wait_s: 1, lease_s: 30 });
        const now = performance.now();
        const jobs = answer.json?.jobs ?? [];
        if (jobs.length === 0) continue;
        for (const { id } of jobs) load.waits.push(now - (load.at.get(id) ?? now));
        const done = await server.call('POST', '/v1/reports', jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete' })));
        assert.equal(done.status, 200, done.text);
        for (const { id } of jobs) load.at.delete(id);
        load.done += jobs.length;
    }
}

/** A claim that finds nothing, by itself: what it costs to look. */
async function claimAlone(server) {
    const begun = performance.now();
    const answer = await server.call('POST', '/v1/claims', { worker: 'alone', queues: ['held'], kinds: ['never'], max: 1 });
    assert.equal(answer.status, 204, answer.text);
    return performance.now() - begun;
}

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? 0;

test(`${PER_SECOND} jobs a second for ${MINUTES} minutes beside an open transaction, an hour after its begin`, { skip: !CLUSTER && 'no PostgreSQL', timeout: (MINUTES + 20) * 60_000 }, async (t) => {
    const db = makeDatabase();
    t.after(() => db.drop());
    const key = await oneJob(db);
    const holder = db.session();
    t.after(() => holder.close());
    await holder.say('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
    await leaveDead(db);

    const begin = performance.now();
    const server = await startServer({ store: db.dsn, key });
    t.diagnostic(`ready after ${((performance.now() - begin) / 1000).toFixed(1)} s beside ${DEAD} dead jobs`);
    const load = { offered: 0, done: 0, at: new Map(), waits: [], open: new Set(), isOver: false };
    const samples = [];
    const ticks = new EventTarget();
    const timer = setInterval(() => ticks.dispatchEvent(new Event('tick')), SAMPLE_MS);
    const begun = performance.now();
    const endProducing = produce(server, load);
    const workers = Promise.all(Array.from({ length: WORKERS }, (_, i) => work(server, load, `w${i}`)));
    t.after(() => {
        load.isOver = true;
        endProducing();
        clearInterval(timer);
    });
    for (let last = { at: begun, done: 0 }; performance.now() - begun < MINUTES * 60_000; ) {
        await Promise.race([once(ticks, 'tick'), workers, ...[...load.open].slice(-1)].slice(0, 2));
        const now = performance.now();
        const waits = load.waits.splice(0);
        samples.push({ rate: ((load.done - last.done) * 1000) / (now - last.at), p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), most: quantile(waits, 1), alone: await claimAlone(server) });
        last = { at: now, done: load.done };
        const s = samples.at(-1);
        t.diagnostic(`${Math.round((now - begun) / 1000)} s: ${s.rate.toFixed(0)}/s, wait p50 ${s.p50.toFixed(1)} p99 ${s.p99.toFixed(1)} max ${s.most.toFixed(0)} ms, an empty claim ${s.alone.toFixed(1)} ms, behind ${load.offered - load.done}`);
    }
    endProducing();
    const rate = (load.done * 1000) / (performance.now() - begun);
    const dead = await db.psql("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'job'");
    load.isOver = true;
    await workers;
    const half = Math.floor(samples.length / 2);
    const [early, late] = [samples.slice(1, half), samples.slice(half)].map((part) => quantile(part.map((s) => s.p99), 0.5));
    t.diagnostic(`${rate.toFixed(0)}/s of ${PER_SECOND}; wait p99 ${early.toFixed(1)} ms in the first half, ${late.toFixed(1)} ms in the second; ${dead} dead rows`);
    assert.ok(rate >= 0.95 * PER_SECOND, `only ${rate.toFixed(0)} jobs a second`);
    assert.ok(late <= 2 * early + 20, 'jobs wait longer and longer');
    assert.equal((await server.stop()).code, 0);
});
