// J10 by force: servers with schedules are killed at fault points and at once, on both engines; and two nodes on one PostgreSQL expand
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

async function killAtPoints(options) {
    const lives = process.env.CHAOS ? POINTS.flatMap((p) => [2, 3, 4, 5].map((n) => `${p}:kill:${n}`)) : ['store.round.commit:kill:4', 'store.round.answer:kill:3'];
    let server = await startServer({ ...options, args: LOG });
    const { key } = server;
    await server.call('PUT', '/v1/schedules/s', plan());
    await server.kill();
    for (const fault of lives) {
        server = await startServer({ ...options, key, args: LOG, env: { STINT_FAULT: fault } });
        assert.equal((await server.exit).signal, 'SIGKILL', fault);
    }
    server = await startServer({ ...options, key, args: LOG });
    await server.logged(/schedule\.fired /);
    await server.call('POST', '/v1/schedules/s/pause');
    assert.ok((await checkTicks(server, 's')) >= 3);
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

test('two nodes share the ticks, and one goes on when the other is killed', { timeout: 90000, skip: CLUSTER ? false : 'no PostgreSQL' }, async () => {
    const database = makeDatabase();
    const key = createKey(database.dsn);
    const start = () => startServer({ store: database.dsn, key, args: LOG });
    const [a, b] = [await start(), await start()];
    const names = ['s1', 's2', 's3', 's4'];
    for (const name of names) await a.call('PUT', `/v1/schedules/${name}`, plan());
    await Promise.race([a.logged(/schedule\.fired schedule=s4 /), b.logged(/schedule\.fired schedule=s4 /)]);
    await a.kill();
    const seen = b.log.length;
    for (const name of names) {
        while (!b.log.slice(seen).some((l) => l.includes(`schedule.fired schedule=${name} `))) {
            await b.call('POST', '/v1/claims', { worker: 'w', queues: ['none'], wait_s: 1 });
        }
        await b.call('POST', `/v1/schedules/${name}/pause`);
    }
    for (const name of names) assert.ok((await checkTicks(b, name)) >= 2);
    await b.stop();
    database.drop();
});
