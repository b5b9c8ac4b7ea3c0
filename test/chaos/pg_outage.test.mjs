// Two nodes on one PostgreSQL under load, one of them through a proxy, while nodes are killed, sessions ended, the database
// restarted and the network bad: J1, J3, J4, J12, and no call that waits longer than docs/postgresql.md says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startProxy } from '../lib/proxy.mjs';
import { random, seed } from '../e2e/lib/load.mjs';
import { startCluster } from '../e2e/lib/pg_cluster.mjs';
import { PgFleet } from '../e2e/lib/pg_fleet.mjs';
import { SKIP } from '../e2e/lib/need_postgres.mjs';

const LIMIT_MS = 5000; // docs/postgresql.md
const SLACK_MS = 1500; // of a busy machine
let cluster;
let proxy;
let fleet;

before(async () => {
    if (SKIP) return;
    cluster = await startCluster();
    proxy = await startProxy({ path: cluster.socket });
    fleet = new PgFleet(cluster.dsn, [cluster.dsn, `postgresql://stint@127.0.0.1:${proxy.port}/postgres?sslmode=disable`]);
    await fleet.start();
    fleet.run(8);
    await fleet.progress(50);
});
after(async () => {
    await fleet?.stop();
    await proxy?.close();
    assert.equal((await cluster?.stop()) ?? 0, 0, 'PostgreSQL crashed of its own accord');
});

/** What happens, while clients go on; then all is as it should be. */
function outage(name, happen) {
    test(name, { skip: SKIP, timeout: 60_000 }, async (t) => {
        fleet.slowest = 0;
        const before = new Map(fleet.refused);
        const note = await fleet.among(happen());
        await fleet.progress(50);
        await fleet.recount();
        const refused = [...fleet.refused].map(([code, n]) => `${n - (before.get(code) ?? 0)} ${code}`);
        t.diagnostic(`${note ?? ''} slowest ${Math.round(fleet.slowest)} ms; ${refused.join(', ')}`);
        assert.ok(fleet.slowest < LIMIT_MS + SLACK_MS, `a call took ${fleet.slowest} ms`);
    });
}

/** Until the node takes a job again, asked without a pause; ms. */
async function comesBack(node) {
    const began = performance.now();
    for (;;) {
        const answer = await node.server.call('POST', '/v1/jobs', { kind: 'ping', queue: 'ping', unique_key: 'ping' });
        if (answer.status < 300) {
            fleet.history.job(answer.json.id ?? answer.json.jobs[0].id).enqueued = true;
            return performance.now() - began;
        }
    }
}

outage('nodes are killed with -9, again and again', async () => {
    for (let i = 0; i < 3; i++) {
        const node = fleet.nodes[i % 2];
        await fleet.progress(random(10));
        await fleet.kill(node);
        await fleet.startNode(node);
    }
});

outage('sessions are ended by the database, some of them in COMMIT', async () => {
    const end = (where) => `SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
        WHERE application_name LIKE 'stint%' AND ${where} ORDER BY random() LIMIT 1) AS s`;
    const session = fleet.database.session();
    const ended = [0, 0];
    while (ended[0] < 10 || ended[1] < 20) {
        const inCommit = ended[0] < 10;
        ended[inCommit ? 0 : 1] += Number(await session.say(end(inCommit ? "query = 'COMMIT' AND state = 'active'" : 'true')));
        await fleet.progress(1);
    }
    await session.close();
    return `${ended[0]} in COMMIT, ${ended[1]} others;`;
});

outage('the database restarts at once', async () => {
    const back = [];
    await cluster.ctl('restart', '-m', 'immediate');
    for (const node of fleet.nodes) back.push(Math.round(await comesBack(node)));
    for (const ms of back) assert.ok(ms < 10_000, `a node was back after ${ms} ms`);
    return `back after ${back.join(', ')} ms;`;
});

outage('connections are cut, some of them with COMMIT on its way', async () => {
    let cuts = 0;
    for (let i = 0; i < 8; i++) {
        const word = ['cut', 'pass-and-cut'][i % 2];
        await new Promise((resolve) => {
            proxy.onChunk = (direction, chunk) => {
                if (direction !== 'up' || !chunk.includes('COMMIT')) return 'pass';
                proxy.onChunk = undefined;
                cuts++;
                resolve();
                return word;
            };
        });
        await fleet.progress(5);
        proxy.cut();
    }
    return `${cuts} in COMMIT;`;
});

outage('every answer comes late', async () => {
    proxy.delay(20);
    await fleet.progress(15);
    proxy.delay(0);
});

outage('one direction of each connection ends', async () => {
    for (const direction of ['up', 'down', 'up', 'down']) {
        proxy.halfClose(direction);
        await comesBack(fleet.nodes[1]);
        await fleet.progress(10);
    }
});

outage('nothing passes, and nobody is told', async () => {
    proxy.blackHole();
    const began = performance.now();
    const answer = await fleet.nodes[1].server.call('POST', '/v1/jobs', { kind: 'ping', queue: 'ping', unique_key: 'ping' });
    const waited = performance.now() - began;
    assert.equal(answer.status, 503, answer.text);
    const read = await fleet.nodes[1].server.call('GET', '/v1/stats');
    assert.equal(read.status, 503, read.text);
    const waitedToRead = performance.now() - began - waited;
    proxy.blackHole(false);
    const back = await comesBack(fleet.nodes[1]);
    assert.ok(back < 10_000, `back after ${back} ms`);
    return `write ${Math.round(waited)} ms, read ${Math.round(waitedToRead)} ms, back after ${Math.round(back)} ms;`;
});

test('the workers of a node that stood still longer than its leases are told so', { skip: SKIP, timeout: 60_000 }, async () => {
    const [{ server: a }, { server: b }] = fleet.nodes;
    const { id } = (await b.call('POST', '/v1/jobs', { kind: 'k', queue: 'still' })).json;
    fleet.history.job(id).enqueued = true;
    const claim = (node, worker) => node.call('POST', '/v1/claims', { worker, queues: ['still'], lease_s: 1, wait_s: 5 });
    const [first] = (await claim(a, 'first')).json.jobs;
    a.proc.kill('SIGSTOP');
    const [second] = (await claim(b, 'second')).json.jobs;
    assert.equal(second.id, id);
    assert.ok(second.lease > first.lease);
    a.proc.kill('SIGCONT');
    for (const op of ['heartbeat', 'complete']) {
        const late = await a.call('POST', '/v1/reports', { job: id, lease: first.lease, n: 1, op });
        assert.equal(late.status, 409, late.text);
        assert.equal(late.json.code, 'lease_lost');
    }
    const done = await b.call('POST', '/v1/reports', { job: id, lease: second.lease, n: 1, op: 'complete' });
    assert.equal(done.json.state, 'completed', done.text);
});

test('nothing that was acknowledged is lost, and nothing has ended twice', { skip: SKIP, timeout: 60_000 }, async (t) => {
    const { server } = fleet.nodes[0];
    const [ping] = (await server.call('POST', '/v1/claims', { worker: 'ping', queues: ['ping'], wait_s: 5 })).json.jobs;
    assert.equal((await server.call('POST', '/v1/reports', { job: ping.id, lease: ping.lease, n: 1, op: 'complete' })).status, 200);
    const told = await fleet.finish();
    t.diagnostic(`SEED=${seed} ${JSON.stringify(told)}`);
    for (const verb of ['enqueue', 'claim', 'complete', 'fail', 'release', 'snooze', 'cancel']) assert.ok(told[verb] > 0, `no ${verb}`);
});
