// Two nodes behind pgbouncer in transaction mode, one of which listens past it, under load and many reads, while sessions end and the
// database restarts: nodes recover, nothing is lost, and PostgreSQL has nothing to complain about. ROUNDS=n: how many restarts.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { random, seed } from '../e2e/lib/load.mjs';
import { startCluster } from '../e2e/lib/pg_cluster.mjs';
import { PgFleet } from '../e2e/lib/pg_fleet.mjs';
import { SKIP } from '../e2e/lib/need_postgres.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const LIMIT_MS = 5000; // docs/postgresql.md
const needed = SKIP || (process.env.STINT_TEST_POOLER ? false : 'no pgbouncer');
let cluster;
let fleet;
let readers;

/** Reads of every kind that takes several statements, until the work is over. */
async function read() {
    for (let n = 0; !fleet.isOver; n++) {
        const id = [...fleet.history.jobs.keys()].at(-1 - random(50));
        const paths = [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`, `/v1/jobs/${id}/artifacts`, '/v1/jobs?limit=20', '/v1/queues', '/v1/stats'];
        await fleet.write('GET', id ? paths[n % paths.length] : '/v1/stats', undefined, { headers: { accept: 'application/json' } });
    }
}

before(async () => {
    if (needed) return;
    cluster = await startCluster();
    const pooled = `${cluster.dsn}&port=6432`;
    assert.ok(existsSync(`${cluster.folder}/.s.PGSQL.6432`));
    fleet = new PgFleet(cluster.dsn, [pooled, pooled]);
    await fleet.start();
    await fleet.kill(fleet.nodes[1]);
    fleet.args = ['--store-listen', cluster.dsn];
    await fleet.startNode(fleet.nodes[1]);
    fleet.run(8);
    readers = Promise.all([read(), read()]);
    readers.catch(() => {}); // told at the end
    await fleet.progress(50);
});
after(async () => {
    await fleet?.stop();
    assert.equal((await cluster?.stop()) ?? 0, 0, 'PostgreSQL crashed of its own accord');
});

function scene(name, happen) {
    test(name, { skip: needed, timeout: 60_000 + ROUNDS * 20_000 }, (t) => fleet.through(t, happen, LIMIT_MS));
}

scene("the pooler's sessions are ended", async () => {
    for (let i = 0; i < 10; i++) {
        await fleet.database.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'stint%'");
        await fleet.progress(3);
    }
});

scene('the database restarts behind the pooler', async () => {
    const back = [];
    for (let i = 0; i < ROUNDS; i++) {
        await cluster.ctl('restart', '-m', 'immediate');
        back.push(await fleet.comeBack());
        await fleet.progress(20);
    }
    return `back after ${back.join(', ')} ms;`;
});

scene('the database restarts as it should, behind the pooler', async () => {
    const back = [];
    for (let i = 0; i < ROUNDS; i++) {
        await cluster.ctl('restart', '-m', 'fast');
        back.push(await fleet.comeBack());
        await fleet.progress(20);
    }
    return `back after ${back.join(', ')} ms;`;
});

test('nothing is lost, and PostgreSQL has nothing to complain about', { skip: needed, timeout: 60_000 }, async (t) => {
    const told = await fleet.finish();
    await readers;
    t.diagnostic(`SEED=${seed} ${JSON.stringify(told)}`);
    for (const verb of ['enqueue', 'claim', 'complete', 'fail', 'release', 'snooze', 'cancel']) assert.ok(told[verb] > 0, `no ${verb}`);
    const complaints = readFileSync(`${cluster.folder}/log`, 'utf8').split('\n').filter((line) => /(WARNING|ERROR|PANIC): /.test(line));
    assert.deepEqual(complaints.slice(0, 20), []);
});
