// stint copy: a store with all there is moves to a file or to PostgreSQL and back, whatever happens on the way: every fault point
// store.copy.* of the source, killed there as by kill -9, and the command run again. What cannot be copied is refused.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CLUSTER, makeDatabase } from './lib/postgres.mjs';
import { BIN, createKey, makeDir, ours, startServer, stint } from './lib/server.mjs';
import { mountSmallDisk } from './lib/small_disk.mjs';

const SRC = fileURLToPath(new URL('../../src/store', import.meta.url));
const POINTS = [
    ...new Set(
        readdirSync(SRC, { recursive: true })
            .filter((f) => f.endsWith('.c'))
            .flatMap((f) => [...readFileSync(join(SRC, f), 'utf8').matchAll(/\bFAULT\("(store\.copy\.[a-z]+)"\)/g)].map((m) => m[1])),
    ),
];
const SKIP = CLUSTER ? false : 'no PostgreSQL: run by test/pg/cluster.sh';

let dir;
let source; // the file, its key, and what is in it
before(async () => {
    dir = makeDir();
    source = await fill(`sqlite:${dir.file('source.db')}`);
});
after(() => dir.remove());

/** Its exit code and what it said. */
async function copy(from, to, env = {}) {
    const proc = ours(spawn(BIN, ['copy', '--from', from, '--to', to], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } }));
    let said = '';
    for (const stream of [proc.stdout, proc.stderr]) stream.on('data', (piece) => (said += piece));
    const [code, signal] = await once(proc, 'close');
    return { code, signal, said };
}

async function fill(store) {
    const key = createKey(store);
    const server = await startServer({ dir, store, key });
    const post = async (path, body, more) => {
        const answer = await server.call('POST', path, body, more);
        assert.ok(answer.status < 300, answer.text);
        return answer.json;
    };
    await post('/v1/jobs', Array.from({ length: 300 }, (_, i) => ({ kind: 'k', queue: `q${i % 3}`, args: { i, pad: 'x'.repeat(i * 20) }, tags: ['t'] })));
    await post('/v1/jobs', { kind: 'k', queue: 'later', delay_s: 3600, unique_key: 'only one' }, { headers: { 'idempotency-key': 'once' } });
    const { jobs } = await post('/v1/claims', { worker: 'w', queues: ['q0'], max: 6, lease_s: 3600 });
    for (const [i, job] of jobs.entries()) {
        const path = `/v1/jobs/${job.id}/artifacts/out?lease=${job.lease}`;
        const put = await server.call('PUT', path, 'abc'.repeat(i % 2 ? 500_000 : 100), { headers: { 'content-type': 'text/plain' } });
        assert.equal(put.status, 201, put.text);
        await post('/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'progress', percent: 10, events: [{ type: 'step', data: i }] });
        const end = { job: job.id, lease: job.lease, n: 2, op: 'complete', result: { i }, publish: [{ artifact: 'out', series: 's', keep: 2 }] };
        if (i < 4) await post('/v1/reports', end);
    }
    const family = await post('/v1/jobs', { kind: 'parent', queue: 'family' });
    const [parent] = (await post('/v1/claims', { worker: 'w', queues: ['family'] })).jobs;
    await post('/v1/reports', { job: parent.id, lease: parent.lease, n: 1, op: 'wait', children: [1, 2].map((args) => ({ kind: 'child', args })) });
    const [child] = (await post('/v1/claims', { worker: 'w', queues: ['family'], kinds: ['child'] })).jobs;
    await post('/v1/reports', { job: child.id, lease: child.lease, n: 1, op: 'complete' });
    await post('/v1/batches', { name: 'b', max_jobs: 5, closed: true, jobs: [{ kind: 'k', queue: 'batch' }], finally: [{ kind: 'last', queue: 'batch' }] });
    await server.call('PUT', '/v1/schedules/yearly', { cron: '0 5 1 1 *', tz: 'Europe/Berlin', job: { kind: 'k', queue: 'later' } });
    await post('/v1/schedules/yearly/run');
    await post('/v1/queues/q2/pause');
    const token = await post(`/v1/jobs/${jobs[0].id}/stream-token`, {});
    const shown = await show(server);
    await server.stop();
    return { store, key, holds: jobs[5], token: token.token, done: jobs[0].id, parent: family.id, shown };
}

const READS = ['/v1/jobs?limit=500', '/v1/batches', '/v1/queues', '/v1/series/s?limit=5', '/v1/schedules/yearly', '/v1/schedules'];

/** What the API tells, but for the time that leases have left. */
async function show(server) {
    const answers = await Promise.all(READS.map((path) => server.call('GET', path)));
    const { jobs } = answers[0].json;
    const known = jobs.filter(({ state }) => ['completed', 'processing', 'blocked'].includes(state));
    const more = known.flatMap(({ id }) => ['', '/artifacts', '/children'].map((part) => `/v1/jobs/${id}${part}`));
    answers.push(...(await Promise.all(more.map((path) => server.call('GET', path)))));
    for (const a of answers) assert.equal(a.status, 200, a.text);
    return answers.map((a) => a.text.replace(/"lease_(until|expires)[a-z_]*":[^,}]*/g, ''));
}

/** It shows what the source showed, and its keys, leases, tokens and unique keys are good. */
async function isTheSame(store) {
    const server = await startServer({ dir, store, key: source.key });
    assert.deepEqual(await show(server), source.shown);
    const held = await server.call('POST', '/v1/reports', { job: source.holds.id, lease: source.holds.lease, n: 2, op: 'heartbeat' });
    assert.equal(held.status, 200, held.text);
    const again = await server.call('POST', '/v1/jobs', { kind: 'k', queue: 'later', delay_s: 3600, unique_key: 'only one' });
    assert.equal(again.json.duplicate, true, again.text);
    const stream = await fetch(`${server.url}/v1/jobs/${source.done}/events?token=${source.token}`);
    assert.equal(stream.status, 200);
    await stream.body.cancel();
    const { jobs } = (await server.call('POST', '/v1/claims', { worker: 'new', queues: ['q1'], max: 1 })).json;
    assert.ok(jobs[0].lease > 2 ** 32, 'a new lease is above all of the source');
    const [child] = (await server.call('POST', '/v1/claims', { worker: 'new', queues: ['family'], kinds: ['child'] })).json.jobs;
    await server.call('POST', '/v1/reports', { job: child.id, lease: child.lease, n: 1, op: 'complete' });
    const woken = (await server.call('POST', '/v1/claims', { worker: 'new', queues: ['family'], wait_s: 20 })).json.jobs[0];
    assert.deepEqual([woken.id, woken.children.completed], [source.parent, 2], 'a parent goes on behind its last child');
    const [member] = (await server.call('POST', '/v1/claims', { worker: 'new', queues: ['batch'] })).json.jobs;
    await server.call('POST', '/v1/reports', { job: member.id, lease: member.lease, n: 1, op: 'complete' });
    const [last] = (await server.call('POST', '/v1/claims', { worker: 'new', queues: ['batch'], wait_s: 20 })).json.jobs;
    assert.equal(last.kind, 'last', 'a finaliser runs behind the last job of its batch');
    assert.equal((await server.call('GET', `/v1/batches/${member.batch}`)).json.state, 'finished');
    await server.stop();
}

test('a file becomes a PostgreSQL and a file again, and nobody notices', { skip: SKIP, timeout: 240_000 }, async (t) => {
    const db = makeDatabase();
    t.after(() => db.drop());
    const file = `sqlite:${dir.file('back.db')}`;
    const there = await copy(source.store, db.dsn);
    assert.equal(there.code, 0, there.said);
    assert.match(there.said, /job +308 +[0-9a-f]{16}\n/);
    assert.match(there.said, /The two are equal/);
    const back = await copy(db.dsn, file);
    assert.equal(back.code, 0, back.said);
    assert.deepEqual(back.said.match(/^\w+ +\d+ +[0-9a-f]{16}$/gm), there.said.match(/^\w+ +\d+ +[0-9a-f]{16}$/gm), 'the checksums are those of what is stored');
    await isTheSame(db.dsn);
    await isTheSame(file);
});

for (const engine of ['a file', 'PostgreSQL']) {
    test(`a copy to ${engine} that is killed goes on where it ended`, { skip: engine === 'a file' ? false : SKIP, timeout: 480_000 }, async (t) => {
        const db = engine === 'a file' ? undefined : makeDatabase();
        t.after(() => db?.drop());
        const to = db?.dsn ?? `sqlite:${dir.file('killed.db')}`;
        let cuts = 0;
        for (const point of POINTS) {
            const cut = await copy(source.store, to, { STINT_FAULT: `${point}:kill:2` });
            if (cut.signal !== 'SIGKILL') assert.equal(cut.code, 0, cut.said); // it was through before
            cuts += cut.signal === 'SIGKILL';
            if (cut.code === 0) break;
            const served = spawn(BIN, ['serve', '--store', to, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
            let said = '';
            served.stderr.on('data', (piece) => (said += piece));
            assert.deepEqual(await once(ours(served), 'close'), [1, null]);
            assert.match(said, /unfinished copy of another store: run the same `stint copy` again/);
        }
        assert.ok(cuts >= 3, `${cuts} cuts of ${POINTS.length} points`);
        const rest = await copy(source.store, to);
        assert.ok(rest.code === 0 || /finished copy/.test(rest.said), rest.said);
        await isTheSame(to);
    });
}

test('each fault point of a copy is passed, and fails it with its name', { timeout: 240_000 }, async () => {
    assert.ok(POINTS.length >= 7, POINTS.join());
    for (const [i, point] of POINTS.entries()) {
        const to = `sqlite:${dir.file(`point-${i}.db`)}`;
        const cut = await copy(source.store, to, { STINT_FAULT: `${point}:fail` });
        assert.equal(cut.code, 1, `${point}: ${cut.said}`);
        assert.match(cut.said, /fault: copy/);
        assert.equal((await copy(source.store, to)).code, 0);
    }
});

test('what cannot be copied is refused, and says what to do', { timeout: 240_000 }, async () => {
    const to = (name) => `sqlite:${dir.file(name)}`;
    const refused = async (from, target, code, says) => {
        const answer = await copy(from, target);
        assert.equal(answer.code, code, answer.said);
        assert.match(answer.said, says);
    };
    assert.throws(() => stint(['copy', '--from', source.store]), { status: 2 });
    await refused(source.store, source.store, 2, /same store/);
    await refused(source.store, `sqlite:${dir.path}/./source.db`, 1, /is it the source itself/);
    await refused(source.store, 'mysql://host/db', 2, /--to.*only sqlite/);
    await refused('memory:', to('x.db'), 2, /in memory/);
    await refused(to('missing.db'), to('x.db'), 4, /missing\.db/);
    await refused(source.store, `sqlite:${dir.file('no/such/folder')}/x.db`, 4, /No such file/);
    execFileSync('cp', [dir.file('source.db'), dir.file('newer.db')]);
    execFileSync(process.execPath, ['-e', `const f = require('fs'), p = process.argv[1], b = f.readFileSync(p); b.writeUInt32BE(99, 60); f.writeFileSync(p, b)`, dir.file('newer.db')]);
    await refused(to('newer.db'), to('x.db'), 1, /version 99, written by a newer program/);
    const server = await startServer({ dir, store: to('busy.db') });
    await refused(to('busy.db'), to('x.db'), 1, /the source: stop the server first/);
    await refused(source.store, to('busy.db'), 1, /another server holds this store/);
    await server.stop();
    await refused(source.store, to('busy.db'), 1, /not empty/);
});

test('a node that runs, or an application that writes, holds up a copy of a PostgreSQL', { skip: SKIP, timeout: 240_000 }, async (t) => {
    const db = makeDatabase();
    t.after(() => db.drop());
    const to = `sqlite:${dir.file('from-pg.db')}`;
    const server = await startServer({ dir, store: db.dsn, key: createKey(db.dsn) });
    const { said, code } = await copy(db.dsn, to);
    assert.equal(code, 1);
    assert.match(said, /1 servers run on it: stop them first/);
    await server.stop();
    const session = db.session();
    await session.say("BEGIN; SELECT stint.enqueue('q', 'k', '1')");
    assert.match((await copy(db.dsn, to)).said, /somebody writes to it/);
    await session.say('COMMIT');
    await session.say("SELECT stint.cancel((SELECT id FROM stint.job LIMIT 1))");
    assert.match((await copy(db.dsn, to)).said, /asked for cancels/);
    await session.say('DELETE FROM stint.wish');
    await session.close();
    assert.equal((await copy(db.dsn, to)).code, 0);
});

test('a full disk ends a copy, which goes on when there is room', { timeout: 240_000 }, async (t) => {
    const disk = mountSmallDisk(t, 16);
    if (!disk) return;
    const to = `sqlite:${disk.file('full.db')}`;
    execFileSync('dd', ['if=/dev/zero', `of=${disk.file('filler')}`, 'bs=1M', 'count=14'], { stdio: 'ignore' });
    const cut = await copy(source.store, to);
    assert.equal(cut.code, 1, cut.said);
    assert.match(cut.said, /No space left|disk is full|no room|database or disk is full/i);
    rmSync(disk.file('filler'));
    const rest = await copy(source.store, to);
    assert.equal(rest.code, 0, rest.said);
    await isTheSame(to);
});
