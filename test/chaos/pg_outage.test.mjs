// Two and three nodes on one PostgreSQL under load, one of them through a proxy, while nodes are killed or stand still, sessions end,
// the database restarts or crashes and the network is bad: J1, J3, J4, J5, J6, J12, and no call that waits longer than
// docs/postgresql.md says. ROUNDS=n repeats each of it n times.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startProxy } from '../lib/proxy.mjs';
import { random, seed } from '../e2e/lib/load.mjs';
import { startCluster } from '../e2e/lib/pg_cluster.mjs';
import { PgFleet } from '../e2e/lib/pg_fleet.mjs';
import { SKIP } from '../e2e/lib/need_postgres.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const LIMIT_MS = 5000; // docs/postgresql.md
const LATE_MS = 2000; // J5
let cluster;
let proxy;
let fleet;

for (const count of [2, 3]) {
    describe(`${count} nodes`, { skip: SKIP }, () => {
        before(async () => {
            cluster = await startCluster();
            proxy = await startProxy({ path: cluster.socket });
            const through = `postgresql://stint@127.0.0.1:${proxy.port}/postgres?sslmode=disable`;
            fleet = new PgFleet(cluster.dsn, [cluster.dsn, through, cluster.dsn].slice(0, count));
            await fleet.start();
            fleet.run(8);
            await fleet.progress(50);
        });
        after(async () => {
            await fleet?.stop();
            await proxy?.close();
            assert.equal((await cluster?.stop()) ?? 0, 0, 'PostgreSQL crashed of its own accord');
        });
        outages();
    });
}

function outage(name, happen, limit_ms = LIMIT_MS) {
    test(name, { timeout: 60_000 + ROUNDS * 20_000 }, (t) => fleet.through(t, happen, limit_ms));
}

/** Somebody at `node` gets the one job of a queue of the test's own; with `ends_at` and `began_at` by the database's clock. */
async function claimAt(node, queue, lease_s) {
    const answer = await node.server.call('POST', '/v1/claims', { worker: `w${random(1000)}`, queues: [queue], lease_s, wait_s: 20 });
    assert.equal(answer.status, 200, `${queue}: ${answer.status} ${answer.text}`);
    const [{ id, lease }] = answer.json.jobs;
    const job = (await node.server.call('GET', `/v1/jobs/${id}`)).json;
    assert.equal(job.state, 'processing', `${id}: its lease has ended before we could look`);
    return { id, lease, ends_at: Date.parse(job.lease_until), began_at: Date.parse(job.started_at) };
}

async function enqueueAndClaim(node, queue, lease_s) {
    const { id } = (await node.server.call('POST', '/v1/jobs', { kind: 'k', queue })).json;
    fleet.spare(id);
    const job = await claimAt(node, queue, lease_s);
    assert.equal(job.id, id);
    return job;
}

/** Somebody at `node` gets what another has left, in time. `ends_at`: not when its lease ends, but then. */
async function takeOver(node, queue, left, ends_at = left.ends_at) {
    const job = await claimAt(node, queue, 30);
    assert.equal(job.id, left.id);
    assert.ok(job.lease > left.lease, `lease ${job.lease} after ${left.lease} (J4)`);
    const late = job.began_at - ends_at;
    assert.ok(late >= 0, `taken away ${-late} ms early (J5)`);
    assert.ok(late <= LATE_MS, `claimed ${late} ms after its lease ended (J5)`);
    return { ...job, late };
}

const report = (node, { id, lease }, n, item) => node.server.call('POST', '/v1/reports', { job: id, lease, n, ...item });

async function completes(node, job, n = 1) {
    const done = await report(node, job, n, { op: 'complete', result: { by: job.lease } });
    assert.equal(done.json.state, 'completed', done.text);
}

async function hasEndedOnce({ server }, { id, lease }) {
    assert.deepEqual((await server.call('GET', `/v1/jobs/${id}`)).json.result, { by: lease });
    const { events } = (await server.call('GET', `/v1/jobs/${id}/events`, undefined, { headers: { accept: 'application/json' } })).json;
    assert.equal(events.filter((e) => e.type === 'end').length, 1, JSON.stringify(events));
}

function outages() {
    outage('nodes are killed with -9, and what was claimed there is soon claimable elsewhere', async () => {
        const late = [];
        for (let i = 0; i < ROUNDS; i++) {
            const node = fleet.nodes[i % fleet.nodes.length];
            const other = fleet.nodes[(i + 1) % fleet.nodes.length];
            const left = await enqueueAndClaim(node, 'left', 2);
            await fleet.progress(random(10));
            await fleet.kill(node);
            const job = await takeOver(other, 'left', left);
            await completes(other, job);
            await hasEndedOnce(other, job);
            late.push(job.late);
            await fleet.startNode(node);
        }
        return `claimable ${late.join(', ')} ms after the lease;`;
    });

    outage('a node stands still for longer than its leases, and its late answers change nothing', async () => {
        const late = [];
        for (let i = 0; i < ROUNDS; i++) {
            const node = fleet.nodes[i % fleet.nodes.length];
            const other = fleet.nodes[(i + 1) % fleet.nodes.length];
            const left = await enqueueAndClaim(node, 'still', 2);
            let job;
            let answers;
            node.server.proc.kill('SIGSTOP');
            try {
                answers = [1, 2].map((n) => report(node, left, n, n === 1 ? { op: 'heartbeat' } : { op: 'complete', result: { by: 'late' } }));
                job = await takeOver(other, 'still', left);
                if (i % 2) await completes(other, job);
            } finally {
                node.server.proc.kill('SIGCONT');
            }
            answers.push(report(node, left, 3, { op: 'complete', result: { by: 'late' } }));
            for (const answer of await Promise.all(answers)) {
                assert.equal(answer.status, 409, answer.text);
                assert.equal(answer.json.code, 'lease_lost');
            }
            if (!(i % 2)) await completes(other, job);
            await hasEndedOnce(other, job);
            late.push(job.late);
        }
        return `claimable ${late.join(', ')} ms after the lease;`;
    }, 30_000);

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

    outage('a backend is killed with -9 in COMMIT, and the database crashes with it', async () => {
        const back = [];
        for (let i = 0; i < ROUNDS; i++) {
            const session = fleet.database.session();
            let pid = 0;
            while (!pid) {
                pid = Number(await session.say(`SELECT max(pid) FROM pg_stat_activity
                    WHERE application_name = 'stint committer' AND query = 'COMMIT' AND state = 'active'`));
            }
            await session.close();
            process.kill(pid, 'SIGKILL');
            back.push(await fleet.comeBack());
            await fleet.progress(20);
        }
        return `back after ${back.join(', ')} ms;`;
    });

    outage('the database restarts at once', async () => {
        const back = [];
        for (let i = 0; i < ROUNDS; i++) {
            await cluster.ctl('restart', '-m', 'immediate');
            back.push(await fleet.comeBack());
            await fleet.progress(20);
        }
        return `back after ${back.join(', ')} ms;`;
    });

    outage('the database is away for longer than leases, and who could not report keeps his job for a while', async () => {
        const [node, other] = fleet.nodes;
        const mine = await enqueueAndClaim(node, 'mine', 4);
        const left = await enqueueAndClaim(other, 'left', 4);
        const began = performance.now();
        await cluster.ctl('stop', '-m', 'immediate');
        let answer;
        do answer = await report(node, mine, 1, { op: 'heartbeat' });
        while (performance.now() - began < LIMIT_MS);
        assert.equal(answer.status, 503, answer.text);
        await cluster.ctl('start');
        await fleet.comeBack();
        const [[back_at]] = await fleet.database.psql("SELECT number FROM stint.meta WHERE name = 'grace_at'");
        assert.ok(back_at > mine.ends_at && back_at > left.ends_at, 'the leases ended while the database was away');
        const thief = claimAt(other, 'mine', 4);
        const heard = await report(node, mine, 1, { op: 'heartbeat' }); // the same again
        assert.equal(heard.status, 200, `not even now: ${heard.text} (J6)`);
        await completes(node, mine, 2); // at once: the thief may have it when its lease ends, which is when the other's does
        const job = await takeOver(node, 'left', left, Number(back_at) + 4000);
        await completes(node, job);
        for (const over of [mine, job]) await hasEndedOnce(other, over);
        const { id } = (await node.server.call('POST', '/v1/jobs', { kind: 'k', queue: 'mine' })).json;
        fleet.spare(id);
        const next = await thief;
        assert.equal(next.id, id, 'it got nothing else');
        await completes(other, next);
        return `claimable ${job.late} ms after the grace;`;
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
        await fleet.comeBack([fleet.nodes[1]]);
        proxy.delay(0);
    });

    outage('one direction of each connection ends', async () => {
        for (const direction of ['up', 'down', 'up', 'down']) {
            proxy.halfClose(direction);
            await fleet.comeBack([fleet.nodes[1]]);
            await fleet.progress(10);
        }
    });

    outage('nothing passes, and nobody is told', async () => {
        const left = await enqueueAndClaim(fleet.nodes[1], 'cut-off', 2);
        proxy.blackHole();
        const began = performance.now();
        const taken = takeOver(fleet.nodes[0], 'cut-off', left);
        const answer = await fleet.ping(fleet.nodes[1]);
        const waited = performance.now() - began;
        assert.equal(answer.status, 503, answer.text);
        const read = await fleet.nodes[1].server.call('GET', '/v1/stats');
        assert.equal(read.status, 503, read.text);
        const waitedToRead = performance.now() - began - waited;
        const job = await taken;
        proxy.blackHole(false);
        const back = await fleet.comeBack([fleet.nodes[1]]);
        assert.equal((await report(fleet.nodes[1], left, 1, { op: 'complete' })).json.code, 'lease_lost');
        await completes(fleet.nodes[1], job);
        await hasEndedOnce(fleet.nodes[1], job);
        return `write ${Math.round(waited)} ms, read ${Math.round(waitedToRead)} ms, back after ${back} ms, claimable elsewhere ${job.late} ms after the lease;`;
    });

    test('nothing that was acknowledged is lost, and nothing has ended twice', { timeout: 60_000 }, async (t) => {
        const told = await fleet.finish();
        t.diagnostic(`SEED=${seed} ${JSON.stringify(told)}`);
        for (const verb of ['enqueue', 'claim', 'complete', 'fail', 'release', 'snooze', 'cancel']) assert.ok(told[verb] > 0, `no ${verb}`);
        for (const code of ['store_unavailable', 'outcome_unknown']) assert.ok(told[code] > 0, `no ${code}`);
    });
}
