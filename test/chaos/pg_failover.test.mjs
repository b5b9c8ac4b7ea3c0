// Two nodes under load on a primary with one synchronous standby, by a DSN that names both: the standby stands still, the primary is
// killed with all its processes or is cut off alive, the standby is promoted, and the old primary comes back as one. Nothing
// acknowledged is lost, nothing ends twice, and no node writes to the old primary (J1, J3). FAILOVERS=n changes how often.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { random, seed } from '../e2e/lib/load.mjs';
import { PgFleet } from '../e2e/lib/pg_fleet.mjs';
import { startPair } from '../e2e/lib/pg_pair.mjs';
import { ours, startServer } from '../e2e/lib/server.mjs';
import { SKIP } from '../e2e/lib/need_postgres.mjs';

const FAILOVERS = Number(process.env.FAILOVERS ?? 3);
const LIMIT_MS = 5000; // docs/postgresql.md
const LOCKED_MS = 10_000; // there: who needs a row of a change that waits for the standby waits for it that long
let pair;
let fleet;

before(async () => {
    if (SKIP) return;
    pair = await startPair();
    fleet = new PgFleet(pair.primary.dsn, [pair.dsn, pair.dsn]);
    await fleet.start();
    fleet.run(8);
    await fleet.progress(50);
});
after(async () => {
    await fleet?.stop();
    assert.equal((await pair?.cluster.stop()) ?? 0, 0, 'PostgreSQL crashed of its own accord');
});

function scene(name, happen, limit_ms = LIMIT_MS) {
    test(name, { skip: SKIP, timeout: 120_000 }, (t) => fleet.through(t, happen, limit_ms));
}

const acknowledged = () => [...fleet.history.verbs.values()].reduce((a, b) => a + b, 0);

scene('while the standby stands still nothing is acknowledged', async () => {
    const stopped = await pair.standby.processes();
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    let count;
    try {
        for (const node of fleet.nodes) {
            const answer = await fleet.ping(node);
            assert.equal(answer.status, 503, answer.text);
            count ??= acknowledged();
        }
        assert.equal(acknowledged(), count);
    } finally {
        for (const pid of stopped) process.kill(pid, 'SIGCONT');
    }
    return `back after ${await fleet.comeBack()} ms;`;
}, LIMIT_MS + LOCKED_MS);

/** Every transaction that wrote has raised it. */
const transactions = async (server) => Number((await server.psql('SELECT pg_snapshot_xmax(pg_current_snapshot())'))[0][0]);

/** Whatever makes a node look for its database anew. */
async function provoke(next) {
    for (let i = 0; i < 5; i++) {
        await next.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'stint%'");
        await fleet.progress(3);
    }
    const node = fleet.nodes[random(2)];
    await fleet.kill(node);
    await fleet.startNode(node);
    await next.ctl('restart', '-m', 'immediate'); // for a moment the old one is the only one
    return fleet.comeBack();
}

/** The old primary waits for a standby that is none any more, whoever writes: a stranger, or a node that can reach nothing else. */
async function nothingIsKept(old) {
    const stranger = ours(spawn('psql', ['-X', '-q', old.dsn, '-c', 'CREATE TABLE proof ()'], { stdio: 'ignore' }));
    const over = once(stranger, 'exit');
    const node = startServer({ store: old.dsn, key: fleet.key });
    node.catch(() => {}); // told below
    const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND (application_name = 'psql' OR application_name LIKE 'stint%')";
    while (Number((await old.psql(waiting))[0][0]) < 2) assert.equal(stranger.exitCode, null, 'it took a write');
    await fleet.progress(20);
    assert.equal(stranger.exitCode, null, 'it took a write');
    await assert.rejects(node, /ended \([1-9]\d*\) without[^]*no answer/);
    await old.ctl('stop', '-m', 'immediate');
    await over;
}

for (let i = 0; i < FAILOVERS; i++) {
    const isKilled = i % 2 === 0;
    scene(`the primary is ${isKilled ? 'killed' : 'cut off, alive'}, the standby promoted, and the old one comes back (${i + 1})`, async () => {
        const { primary: old, standby: next } = pair;
        await fleet.progress(random(20));
        await old.set({ autovacuum: 'off' });
        if (isKilled) await old.kill();
        await next.promote();
        fleet.database = next;
        const back = await fleet.comeBack();
        await fleet.progress(50);
        if (isKilled) await old.startAgain();
        else await old.ctl('reload');
        const before = await transactions(old);
        const again = await provoke(next);
        assert.equal(await transactions(old), before, 'a node wrote to the old primary');
        await nothingIsKept(old);
        await old.follow(next);
        pair.swap();
        return `back after ${back} ms, and ${again} ms;`;
    });
}

test('nothing that was acknowledged is lost, and nothing has ended twice', { skip: SKIP, timeout: 60_000 }, async (t) => {
    const told = await fleet.finish();
    t.diagnostic(`SEED=${seed} ${JSON.stringify(told)}`);
    for (const verb of ['enqueue', 'claim', 'complete', 'fail', 'release', 'snooze', 'cancel']) assert.ok(told[verb] > 0, `no ${verb}`);
    for (const code of ['store_unavailable', 'outcome_unknown']) assert.ok(told[code] > 0, `no ${code}`);
});
