// J10 by force: servers with schedules are killed at fault points and at once, on both engines; and three nodes on one PostgreSQL expand
// the same schedules. Afterwards every tick has exactly one job, and with run_all none is missing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER, makeDatabase } from './lib/postgres.mjs';
import { createKey, makeDir, startServer } from './lib/server.mjs';

const POINTS = ['store.round.begin', 'store.round.middle', 'store.round.commit', 'store.round.answer'];
const LOG = ['--log-level', 'debug'];
const plan = (more = {}) => ({ every_s: 1, catch_up: 'run_all', job: { kind: 'k' }, ...more });

/** Exactly one job for each second from the first tick to the last. */
async function checkTicks(server, name) {
    const { last_tick: last, fired } = (await server.call('GET', `/v1/schedules/${name}`)).json;
    const { jobs } = (await server.call('GET', `/v1/jobs?tag=schedule:${name}&limit=1000`)).json;
    const ticks = jobs.map((j) => Date.parse(j.unique_key.replace(`schedule:${name}:`, ''))).sort((a, b) => a - b);
    assert.equal(new Set(ticks).size, ticks.length, 'a tick has two jobs');
    assert.equal(ticks.at(-1), Date.parse(last));
    assert.equal(fired, ticks.length);
    assert.deepEqual(ticks, ticks.map((_, i) => ticks[0] + 1000 * i), 'a tick has no job');
    return ticks.length;
}

/** Each tick cancelled the one before in the same transaction: no more than the last of them lives, and no less. */
async function checkLast(server, name) {
    const { jobs } = (await server.call('GET', `/v1/jobs?tag=schedule:${name}&limit=1000`)).json;
    assert.ok(jobs.length >= 2);
    assert.deepEqual(jobs.map((j) => j.state), ['queued', ...jobs.slice(1).map(() => 'cancelled')]);
    assert.equal(new Set(jobs.map((j) => j.unique_key)).size, jobs.length);
}

async function killAtPoints(options) {
    const lives = process.env.CHAOS ? POINTS.flatMap((p) => [2, 3, 4, 5].map((n) => `${p}:kill:${n}`)) : ['store.round.commit:kill:4', 'store.round.answer:kill:3'];
    let server = await startServer({ ...options, args: LOG });
    const { key } = server;
    await server.call('PUT', '/v1/schedules/s', plan());
    await server.call('PUT', '/v1/schedules/c', plan({ overlap: 'cancel_previous' }));
    await server.kill();
    for (const fault of lives) {
        server = await startServer({ ...options, key, args: LOG, env: { STINT_FAULT: fault } });
        assert.equal((await server.exit).signal, 'SIGKILL', fault);
    }
    server = await startServer({ ...options, key, args: LOG });
    await server.logged(/schedule\.fired /);
    await server.logged(/schedule\.fired schedule=c /);
    for (const name of ['s', 'c']) await server.call('POST', `/v1/schedules/${name}/pause`);
    assert.ok((await checkTicks(server, 's')) >= 3);
    await checkLast(server, 'c');
    assert.equal((await server.stop()).code, 0);
}

test('each tick has one job, however often the server dies at it', { timeout: 400000 }, async () => {
    const dir = makeDir();
    await killAtPoints({ dir, store: `sqlite:${dir.file('stint.db')}` });
    dir.remove();
});

test('so it is on PostgreSQL', { timeout: 400000, skip: !CLUSTER ? 'no PostgreSQL' : process.env.CHAOS ? false : 'only with CHAOS=1: what was given out waits for 10 s' }, async () => {
    const database = makeDatabase();
    await killAtPoints({ store: database.dsn, key: createKey(database.dsn) });
    database.drop();
});

/** Waits until ticks of each schedule got their job from any of these nodes, from now on. */
async function eachFired(nodes, names) {
    const seen = nodes.map((n) => n.log.length);
    const has = (name) => nodes.some((n, i) => n.log.slice(seen[i]).some((l) => l.includes(`schedule.fired schedule=${name} ticks=`)));
    while (!names.every(has)) await nodes[0].call('POST', '/v1/claims', { worker: 'w', queues: ['none'], wait_s: 1 });
}

const firedAt = (node) => node.logged(/schedule\.fired /);

test('three nodes share the ticks, and go on when two are killed and one comes back', { timeout: 480_000, skip: CLUSTER ? false : 'no PostgreSQL' }, async (t) => {
    const database = makeDatabase();
    const key = createKey(database.dsn);
    const start = () => startServer({ store: database.dsn, key, args: LOG });
    const nodes = [await start(), await start(), await start()];
    const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
    const first = Math.ceil(Date.now() / 1000) * 1000;
    for (const [i, name] of names.entries()) await nodes[0].call('PUT', `/v1/schedules/${name}`, plan({ start: new Date(first + 150 * i).toISOString() }));
    await Promise.all(nodes.map(firedAt));
    await nodes[0].kill();
    await nodes[1].kill();
    nodes.push(await start());
    const alive = nodes.slice(2);
    await Promise.all(alive.map(firedAt));
    for (let round = 0; round < 3; round++) await eachFired(alive, names);
    for (const name of names) await nodes[2].call('POST', `/v1/schedules/${name}/pause`);
    for (const name of names) assert.ok((await checkTicks(nodes[2], name)) >= 3);
    t.diagnostic(`ticks that each node saw to: ${nodes.map((n) => n.log.filter((l) => / schedule\.fired /.test(l)).length)}`);
    await Promise.all(alive.map((n) => n.stop()));
    database.drop();
});

test('a node that hears of others does not forget when schedules are due', { timeout: 240_000, skip: CLUSTER ? false : 'no PostgreSQL' }, async () => {
    const database = makeDatabase();
    const key = createKey(database.dsn);
    const start = () => startServer({ store: database.dsn, key, args: LOG });
    const a = await start();
    await a.call('PUT', '/v1/schedules/s', plan({ start: new Date(Date.now() + 3000).toISOString() }));
    const b = await start();
    await b.stop(); // a asks the database about the others when one comes, and when one goes
    await a.logged(/schedule\.fired schedule=s /);
    await a.stop();
    database.drop();
});
