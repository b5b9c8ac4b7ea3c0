// Two nodes on one PostgreSQL: what is done at one is seen at the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inTime } from './lib/in_time.mjs';
import { SKIP } from './lib/need_postgres.mjs';
import { makeDatabase } from './lib/postgres.mjs';
import { createKey, startServer } from './lib/server.mjs';

let database;
let key;
let a;
let b;

/** Resolves when the database says so; asks again after each answer, as long as the test may run. */
async function until(sql, wanted = 't') {
    for (;;) {
        const rows = await database.psql(sql);
        if (rows[0]?.[0] === wanted) return;
    }
}
const start = () => startServer({ store: database.dsn, key, args: ['--event-heartbeat', '1s'] });
const nodesListen = (n) => until(`SELECT count(*) = ${n} FROM stint.node WHERE listens`);

before(async () => {
    if (SKIP) return;
    database = makeDatabase();
    key = createKey(database.dsn);
    [a, b] = [await start(), await start()];
    await nodesListen(2);
});
after(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
    database?.drop();
});

const claim = async (node, queue, { wait_s = 0, lease_s = 60, worker = `w-${queue}`, max } = {}) =>
    (await node.call('POST', '/v1/claims', { worker, queues: [queue], lease_s, wait_s, max })).json;
const enqueue = async (node, queue, more = {}) => (await node.call('POST', '/v1/jobs', { kind: 'k', queue, ...more })).json.id;
const report = (node, job, n, op, more = {}) => node.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
const waiting = async (node, n) => {
    for (;;) {
        const { text } = await node.call('GET', '/metrics');
        if (new RegExp(`^stint_claims_waiting ${n}$`, 'm').test(text)) return;
    }
};

/** The events of a stream, one by one, as text. */
async function* streamOf(node, id, signal) {
    const answer = await fetch(`${node.url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${node.key}`, accept: 'text/event-stream' }, signal });
    const decoder = new TextDecoder();
    let rest = '';
    for await (const piece of answer.body) {
        rest += decoder.decode(piece, { stream: true });
        const parts = rest.split('\n\n');
        rest = parts.pop();
        yield* parts;
    }
}
async function next(stream, pattern) {
    for (;;) {
        const { value, done } = await stream.next();
        assert.ok(!done, `the stream ended without ${pattern}`);
        if (pattern.test(value)) return value;
    }
}

test('a job that is enqueued at one node starts at once at the other', { skip: SKIP, timeout: 480_000 }, async () => {
    const median = async () => {
        const times = [];
        for (let i = 0; i < 20; i++) times.push(await across());
        return times.sort((x, y) => x - y)[10];
    };
    const across = async () => {
        const claimed = claim(b, 'across', { wait_s: 30 });
        await waiting(b, 1);
        const began = performance.now();
        const id = await enqueue(a, 'across');
        const { jobs } = await claimed;
        const took = performance.now() - began;
        assert.deepEqual(jobs.map((j) => j.id), [id]);
        assert.equal((await report(b, jobs[0], 1, 'complete')).status, 200);
        return took;
    };
    await inTime(300, median, 'half of them were found by looking, once a second');
});

test('many jobs at one node wake all that wait at the other', { skip: SKIP, timeout: 240_000 }, async () => {
    const claims = Array.from({ length: 8 }, (_, i) => claim(b, 'crowd', { wait_s: 30, worker: `crowd-${i}`, max: 1 }));
    await waiting(b, 8);
    assert.equal((await a.call('POST', '/v1/jobs', Array.from({ length: 8 }, () => ({ kind: 'k', queue: 'crowd' })))).status, 201);
    const ids = (await Promise.all(claims)).flatMap((c) => c.jobs.map((j) => j.id));
    assert.equal(new Set(ids).size, 8);
});

test('a transaction of an application wakes whoever waits', { skip: SKIP, timeout: 240_000 }, async () => {
    const claimed = claim(b, 'application', { wait_s: 30 });
    await waiting(b, 1);
    await database.psql("SELECT stint.enqueue('application', 'k')");
    assert.equal((await claimed).jobs.length, 1);
});

test("a cancel in an application's transaction reaches the worker", { skip: SKIP, timeout: 240_000 }, async () => {
    const id = await enqueue(a, 'unwanted');
    assert.equal((await claim(b, 'unwanted', { worker: 'doomed' })).jobs[0].id, id);
    const listening = b.call('POST', '/v1/claims', { worker: 'doomed', queues: ['unwanted'], max: 0, wait_s: 30 });
    await waiting(b, 1);
    assert.deepEqual(await database.psql(`SELECT stint.cancel('${id}')`), [['processing']]);
    assert.deepEqual((await listening).json.cancel, [id]);
    const never = await enqueue(a, 'never');
    await database.psql(`SELECT stint.cancel('${never}')`);
    assert.equal((await a.call('GET', `/v1/jobs/${never}?wait=30`)).json.state, 'cancelled');
});

test('a stream shows what is reported at the other node', { skip: SKIP, timeout: 240_000 }, async () => {
    const id = await enqueue(a, 'streamed');
    const [job] = (await claim(a, 'streamed')).jobs;
    const controller = new AbortController();
    const stream = streamOf(b, id, controller.signal);
    await next(stream, /processing/);
    await report(a, job, 1, 'progress', { events: [{ type: 'note', data: { n: 1 } }] });
    await next(stream, /"n":1/);
    await report(a, job, 2, 'progress', { events: [{ type: 'note', data: { n: 2 } }] });
    await next(stream, /"n":2/);
    await report(a, job, 3, 'complete');
    await next(stream, /event: end/);
    controller.abort();
});

test('who waits for the end of a job hears it from the other node', { skip: SKIP, timeout: 240_000 }, async () => {
    const id = await enqueue(a, 'awaited');
    const ended = b.call('GET', `/v1/jobs/${id}?wait=30`);
    const [job] = (await claim(a, 'awaited')).jobs;
    await report(a, job, 1, 'complete');
    assert.equal((await ended).json.state, 'completed');
});

test('a cancel reaches the worker at the other node', { skip: SKIP, timeout: 240_000 }, async () => {
    const id = await enqueue(a, 'cancelled');
    const [job] = (await claim(b, 'cancelled', { worker: 'there' })).jobs;
    assert.equal(job.id, id);
    const listening = b.call('POST', '/v1/claims', { worker: 'there', queues: ['cancelled'], max: 0, wait_s: 30 });
    await waiting(b, 1);
    await a.call('POST', `/v1/jobs/${id}/cancel`);
    assert.deepEqual((await listening).json.cancel, [id]);
});

test('a key that is made or revoked at one node counts at the other', { skip: SKIP, timeout: 240_000 }, async () => {
    const soon = async (key, status) => {
        const began = performance.now();
        while ((await b.call('GET', '/v1/queues', undefined, { key })).status !== status) {
            assert.ok(performance.now() - began < 20_000, `still not ${status}`); // by a beat it would take 30 s
        }
    };
    await soon(createKey(database.dsn), 200); // by a program that is no node
    const made = (await a.call('POST', '/v1/keys', { scopes: ['read'] })).json;
    await soon(made.key, 200);
    assert.equal((await a.call('DELETE', `/v1/keys/${made.id}`)).status, 204);
    await soon(made.key, 401);
});

const noPooler = SKIP || (process.env.STINT_TEST_POOLER ? false : 'no pgbouncer here');
test('behind a pooler a node says that it is deaf, and finds by looking what it was not told', { skip: noPooler, timeout: 480_000 }, async () => {
    const behind = process.env.STINT_TEST_POOLER.replace('/postgres?', `/${database.name}?`);
    const deaf = await startServer({ store: behind, key });
    while (!/--store-listen/.test((await deaf.call('GET', '/readyz')).json.note)); // its thread finds it, after the start
    assert.equal((await a.call('GET', '/readyz')).json.note, undefined);
    const unheard = async () => {
        const claimed = claim(deaf, 'unheard', { wait_s: 30 });
        await waiting(deaf, 1);
        const began = performance.now();
        const id = await enqueue(a, 'unheard');
        const [job] = (await claimed).jobs;
        const took = performance.now() - began;
        assert.equal(job.id, id);
        const ended = deaf.call('GET', `/v1/jobs/${id}?wait=30`);
        await report(a, job, 1, 'complete');
        assert.equal((await ended).json.state, 'completed');
        return took;
    };
    await inTime(3000, unheard, 'it is looked for once a second');
    await deaf.stop();
});

test('the leases of a killed node and of its workers end in time', { skip: SKIP, timeout: 480_000 }, async () => {
    const lateness = async () => {
        const c = await start();
        const id = await enqueue(c, 'orphan');
        assert.equal((await claim(c, 'orphan', { lease_s: 2 })).jobs[0].id, id);
        const leaseUntil = async (node) => Date.parse((await node.call('GET', `/v1/jobs/${id}`)).json.lease_until);
        const until = await leaseUntil(c);
        const claimed = claim(b, 'orphan', { wait_s: 30, lease_s: 60 });
        await c.kill();
        const [job] = (await claimed).jobs;
        assert.equal(job.id, id);
        const late = (await leaseUntil(b)) - 60_000 - until; // all by the clock of the database
        assert.ok(late >= 0, `claimable ${-late} ms before the lease's end`);
        await report(b, job, 1, 'complete');
        return late;
    };
    await inTime(2000, lateness, "claimable after the lease's end");
});

/** A database whose statements are in the log of the cluster; asked(from) counts them, from what it has said before. */
async function makeLogged(outside) {
    const logged = makeDatabase();
    await logged.psql(`ALTER DATABASE ${logged.name} SET log_min_duration_statement = 0`);
    const log = `pg_read_file('${/host=([^&]*)/.exec(logged.dsn)[1]}/log')`;
    const count = `SELECT count(*) FROM regexp_matches(${log}, '\\] ${logged.name} [^\n]*(execute|statement)[^\n]*: ', 'g')`;
    return Object.assign(logged, {
        asked: async (from = 0) => Number(await outside.say(count)) - from,
        text: () => outside.say(`SELECT right(${log}, 6000)`),
        start: (args) => startServer({ store: logged.dsn, key: createKey(logged.dsn), args }),
    });
}

test('what nodes ask the database when nothing happens', { skip: SKIP, timeout: 480_000 }, async () => {
    const outside = database.session(); // its statements are not logged
    const [quiet, busy] = [await makeLogged(outside), await makeLogged(outside)];
    const nodes = [await quiet.start(), await quiet.start(), await busy.start()];
    const controller = new AbortController();
    const claims = Array.from({ length: 200 }, (_, i) => fetch(`${nodes[2].url}/v1/claims`, {
        method: 'POST', signal: controller.signal, headers: { authorization: `Bearer ${nodes[2].key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ worker: `w-${i}`, queues: [`queue-${i}`], kinds: i % 2 ? ['k'] : undefined, wait_s: 60 }),
    }).catch(() => null));
    await waiting(nodes[2], 200);
    await outside.say('SELECT pg_sleep(4)'); // what a start asks
    const began = performance.now();
    const before = [await quiet.asked(), await busy.asked()];
    await outside.say('SELECT pg_sleep(31)'); // time is what is measured: a beat of each, at least
    const [idle, looks] = [await quiet.asked(before[0]), await busy.asked(before[1])];
    assert.ok(idle >= 2, 'nobody beats');
    assert.ok(idle <= 4, `${idle} statements of two idle nodes: at most four a minute each: ${await quiet.text()}`);
    assert.ok(looks >= 15, `${looks} looks for claims that wait: it is one a second`);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(looks <= 2.5 * seconds, `${looks} statements in ${seconds} s while 200 claims wait at 200 queues: not one for each: ${await busy.text()}`);
    controller.abort();
    await Promise.all(claims);
    await outside.close();
    await Promise.all(nodes.map((n) => n.stop()));
    quiet.drop();
    busy.drop();
});

test('keys for all tenants get what comes for any tenant, at whichever node, each job once', { skip: SKIP, timeout: 120_000 }, async () => {
    const all = createKey(database.dsn, ['--scopes', 'work_all']);
    const tenants = ['north', 'south'].map((tenant) => ({ tenant, key: createKey(database.dsn, ['--tenant', tenant]) }));
    const put = async (node, { key: theirs }, queue, count) =>
        (await node.call('POST', '/v1/jobs', Array.from({ length: count }, () => ({ kind: 'k', queue })), { key: theirs })).json.jobs.map((j) => j.id);
    const take = async (node, queue, more) => (await node.call('POST', '/v1/claims', { worker: 'w', queues: [queue], ...more }, { key: all })).json?.jobs ?? [];
    for (const key of [all, ...tenants.map((t) => t.key)]) { // another process made them: the nodes are told
        for (const node of [a, b]) while ((await node.call('GET', '/v1/queues', undefined, { key })).status === 401);
    }
    // Waiting claims at both nodes: a job of either tenant wakes one, wherever it is enqueued.
    for (const [at, other] of [[a, b], [b, a]]) {
        for (const tenant of tenants) {
            const claimed = take(at, 'any', { wait_s: 60 });
            await waiting(at, 1);
            const [id] = await put(other, tenant, 'any', 1);
            const [job] = await claimed;
            assert.deepEqual([job.id, job.tenant], [id, tenant.tenant]);
            const done = await at.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete', result: 1 }, { key: all });
            assert.equal(done.status, 200, done.text);
            assert.equal((await other.call('GET', `/v1/jobs/${id}`, undefined, { key: tenant.key })).json.state, 'completed');
        }
    }
    // A backlog of one tenant and a few jobs of the other, worked off at both nodes at once.
    const wanted = [...(await put(a, tenants[0], 'both', 200)), ...(await put(b, tenants[1], 'both', 10))];
    const seen = [];
    const work = async (node) => {
        while (seen.length < wanted.length) {
            for (const job of await take(node, 'both', { wait_s: 1 })) {
                seen.push(job);
                await node.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' }, { key: all });
            }
        }
    };
    await Promise.all([work(a), work(a), work(b), work(b)]);
    assert.deepEqual(seen.map((j) => j.id).sort(), wanted.sort());
});
