// J1, J17 on PostgreSQL: its disk is full, for real. The space is not ours to keep back: what needs none goes on, new jobs get 507,
// all else 503 until there is room; then everything works again without a restart, and nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { startCluster } from './lib/pg_cluster.mjs';
import { psqlAt } from './lib/postgres.mjs';
import { startServer } from './lib/server.mjs';
import { mountSmallDisk } from './lib/small_disk.mjs';

const PAST_RECOVERY_MS = 30_000;

/** Args that do not shrink. */
const bytes = (n) => randomBytes((n * 3) / 4).toString('base64');

/** A folder that PostgreSQL may keep a tablespace in. */
function makeSpace(path, cluster) {
    const { uid, gid } = statSync(cluster.data);
    mkdirSync(path);
    chownSync(path, uid, gid);
    return path;
}

/** What was acknowledged, by id: the state it must be in; and those of which it is unknown. */
class Known extends Map {
    unknown = new Set();
    refusals = new Map();

    /** The answer; nothing but what is documented for a database that takes no more. */
    async ask(server, method, path, body, goodIs = 200) {
        const answer = await server.call(method, path, body);
        if (answer.status === goodIs || answer.status === 204) return answer;
        const code = `${answer.status} ${answer.json.code}`;
        assert.match(code, /^507 store_full$|^503 (store_unavailable|outcome_unknown)$/, `${method} ${path}: ${answer.text}`);
        assert.doesNotMatch(answer.text, /pg_tblspc|pg_wal|extend|No space left on device/, 'paths are for the log');
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        return answer;
    }
    async enqueue(server, spec, count = 1) {
        const answer = await this.ask(server, 'POST', '/v1/jobs', Array.from({ length: count }, () => spec), 201);
        if (answer.status === 201) for (const job of answer.json.jobs) this.set(job.id, 'queued');
        this.hasUnknownJobs ||= answer.json.code === 'outcome_unknown';
        return answer;
    }
    async act(server, path, body, id, state) {
        const answer = await this.ask(server, 'POST', path, body);
        if (answer.json.code === 'outcome_unknown') this.unknown.add(id);
        else if (answer.status === 200) this.set(id, state);
        return answer;
    }
    async check(server, database) {
        const stored = new Map();
        for (let cursor; ; ) {
            const answer = await server.call('GET', `/v1/jobs?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
            assert.equal(answer.status, 200, answer.text);
            for (const job of answer.json.jobs) stored.set(job.id, job.state);
            cursor = answer.json.next_cursor;
            if (!cursor) break;
        }
        const wrong = [...this].filter(([id, state]) => !this.unknown.has(id) && stored.get(id) !== state);
        assert.deepEqual(wrong.slice(0, 5).map(([id, state]) => `${id}: ${stored.get(id)}, not ${state}`), []);
        if (!this.hasUnknownJobs) assert.equal(stored.size, this.size, 'a job is there that was not acknowledged');
        const [[counted]] = await database.psql('SELECT sum(n) FROM (SELECT n FROM stint.count WHERE what < 8 UNION ALL SELECT n FROM stint.count_delta WHERE what < 8) AS c');
        assert.equal(Number(counted), stored.size, 'the counts');
    }
}

async function until(status, ask) {
    const end = performance.now() + PAST_RECOVERY_MS;
    for (;;) {
        const answer = await ask();
        if (answer.status === status) return answer;
        assert.ok(performance.now() < end, `still ${answer.status}, wanted ${status}: ${answer.text}`);
    }
}

/** Everything that ends jobs, or keeps them: done where it can be done, refused for now where not. */
async function tryAll(server, known, jobs, rounds) {
    const done = new Map();
    const note = (name, answer) => done.set(`${name} ${answer.status}`, (done.get(`${name} ${answer.status}`) ?? 0) + 1);
    const report = (job, op, state) => known.act(server, '/v1/reports', { job: job.id, lease: job.lease, n: (job.n = (job.n ?? 0) + 1), op }, job.id, state);
    for (let i = 0; i < rounds; i++) {
        for (const job of jobs) note('heartbeat', await report(job, 'heartbeat', 'processing'));
        const claimed = await known.ask(server, 'POST', '/v1/claims', { worker: 'w', queues: ['work'], max: 1, lease_s: 600 });
        note('claim', claimed);
        for (const job of claimed.json?.jobs ?? []) {
            known.set(job.id, 'processing');
            jobs.push(job);
        }
        const job = jobs.pop();
        const answer = await report(job, 'complete', 'completed');
        if (answer.status !== 200) jobs.unshift(job);
        note('complete', answer);
        const [id] = [...known].find(([, state]) => state === 'queued');
        note('cancel', await known.act(server, `/v1/jobs/${id}/cancel`, undefined, id, 'cancelled'));
    }
    return Object.fromEntries(done);
}

/** Each connection of the server comes back in its own time; then everything works. */
async function workAgain(server, known, jobs) {
    const end = performance.now() + PAST_RECOVERY_MS;
    for (;;) {
        await known.enqueue(server, { kind: 'small', queue: 'work', args: 1 }, 10); // it may take many rounds
        const done = await tryAll(server, known, jobs, 5);
        if (Object.keys(done).every((name) => name.endsWith(' 200'))) return;
        assert.ok(performance.now() < end, JSON.stringify(done));
    }
}

test('on a full disk of the database new jobs get 507, the rest goes on or is refused for now, and room ends it (J1, J17)', { skip: SKIP, timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 32);
    if (!disk) return;
    chmodSync(disk.path, 0o755);
    const cluster = await startCluster();
    t.after(() => cluster.stop());
    const space = makeSpace(disk.file('space'), cluster);
    await psqlAt(cluster.dsn).psql(`CREATE TABLESPACE small LOCATION '${space}'`);
    await psqlAt(cluster.dsn).psql('CREATE DATABASE tight TABLESPACE small');
    const database = psqlAt(cluster.dsn.replace('/postgres', '/tight'));
    const known = new Known();
    const server = await startServer({ store: database.dsn, args: ['--max-body', '8m'] });
    await known.enqueue(server, { kind: 'small', queue: 'work', args: { s: 'y'.repeat(500) } }, 1000);
    const { jobs } = (await server.call('POST', '/v1/claims', { worker: 'w', queues: ['work'], max: 5, lease_s: 600 })).json;
    for (const job of jobs) known.set(job.id, 'processing');

    const refused = await until(507, () => known.enqueue(server, { kind: 'big', queue: 'fill', args: bytes(200_000) }));
    assert.equal(refused.json.code, 'store_full');
    assert.match(await server.logged(/store\.full/), /No space left on device/);
    assert.match((await until(503, () => server.call('GET', '/readyz'))).text, /full/);
    assert.equal((await server.call('GET', '/livez')).status, 200);
    t.diagnostic(JSON.stringify(await tryAll(server, known, jobs, 20)));
    await known.check(server, database);

    execFileSync('mount', ['-o', 'remount,size=96m', disk.path]);
    await until(201, () => known.enqueue(server, { kind: 'small', queue: 'work', args: 1 }));
    await until(200, () => server.call('GET', '/readyz'));
    await workAgain(server, known, jobs);
    await known.check(server, database);
    assert.equal((await server.kill('SIGTERM')).code, 0);
});

/** It may be up, about to come up by itself, or about to give up. */
async function bringUp(cluster, database) {
    for (const until = performance.now() + 60_000; performance.now() < until; ) {
        if (await database.psql('SELECT 1').catch(() => undefined)) return;
        await cluster.ctl('start').catch(() => undefined);
    }
    await database.psql('SELECT 1');
}

test('a database that dies because its log has no room is an outage, and has all that was acknowledged when it is back (J1)', { skip: SKIP, timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 128);
    if (!disk) return;
    chmodSync(disk.path, 0o755);
    const cluster = await startCluster({ files: disk.path });
    t.after(() => cluster.stop());
    const space = makeSpace(`${cluster.folder}/roomy`, cluster);
    await psqlAt(cluster.dsn).psql(`CREATE TABLESPACE roomy LOCATION '${space}'`);
    await psqlAt(cluster.dsn).psql('CREATE DATABASE wide TABLESPACE roomy');
    const database = psqlAt(cluster.dsn.replace('/postgres', '/wide'));
    const known = new Known();
    const server = await startServer({ store: database.dsn, args: ['--max-body', '8m'] });
    await known.enqueue(server, { kind: 'small', queue: 'work', args: 1 }, 100);
    const { jobs } = (await server.call('POST', '/v1/claims', { worker: 'w', queues: ['work'], max: 5, lease_s: 600 })).json;
    for (const job of jobs) known.set(job.id, 'processing');
    writeFileSync(disk.file('others'), Buffer.alloc(disk.freeBytes() - (1 << 20))); // no new file of 16 MiB for the log

    const refused = await until(503, () => known.enqueue(server, { kind: 'big', queue: 'fill', args: bytes(400_000) }));
    assert.match(refused.json.code, /store_unavailable|outcome_unknown/);
    await known.act(server, `/v1/jobs/${[...known.keys()][50]}/cancel`, undefined, [...known.keys()][50], 'cancelled');
    assert.equal((await server.call('GET', '/livez')).status, 200);

    rmSync(disk.file('others'));
    await bringUp(cluster, database);
    await until(201, () => known.enqueue(server, { kind: 'small', queue: 'work', args: 1 }));
    await workAgain(server, known, jobs);
    await known.check(server, database);
    assert.equal((await server.kill('SIGTERM')).code, 0);
});
