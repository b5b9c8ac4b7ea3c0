// What an application does in its own transaction (sql/pg/migrations), beside the API: the same options
// make the same job, what the API refuses is refused (pg_same_checks.test.mjs has the cases), and nothing is seen before the commit.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { makeDatabase } from './lib/postgres.mjs';
import { createKey, startServer, stint } from './lib/server.mjs';

let db;
let server;
before(async () => {
    if (SKIP) return;
    db = makeDatabase();
    server = await startServer({ store: db.dsn });
});
after(async () => {
    await server?.stop();
    db?.drop();
});

const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const enqueue = async (queue, kind, args, options = {}) =>
    (await db.psql(`SELECT stint.enqueue(${quote(queue)}, ${quote(kind)}, ${quote(args)}, ${quote(JSON.stringify(options))})`))[0][0];
const get = async (id) => (await server.call('GET', `/v1/jobs/${id}`)).json;
const claim = async (queue) => (await server.call('POST', '/v1/claims', { worker: 'w', queues: [queue] })).json?.jobs ?? [];

const tenths = (ms) => Math.round(ms / 100) + 0; // never -0, which is another than 0

/** A job without what two enqueues must differ in; times as distances from its creation, in tenths of a second. */
function shape(job) {
    const { id, created_at, unique_key, ...rest } = job;
    const began = Date.parse(created_at);
    for (const name of Object.keys(rest)) {
        if (/_at$/.test(name) && typeof rest[name] === 'string' && name !== 'run_at') rest[name] = tenths(Date.parse(rest[name]) - began);
    }
    if (Date.parse(rest.run_at) - began < 60000) rest.run_at = tenths(Date.parse(rest.run_at) - began);
    return { ...rest, has_key: unique_key !== undefined };
}

const SAME = [
    {},
    { priority: -7 },
    { delay_s: 30.5 },
    { run_at: '2031-05-06T07:08:09.123+02:00' },
    { max_attempts: 9 },
    { retry: { backoff: 'fixed', base_s: 5 } },
    { retry: { backoff: 'list', delays_s: [1, 2.5, 60] }, max_attempts: 4 },
    { retry: { base_s: 0.5 } },
    { retry: { cap_s: 7200, jitter: false } },
    { retry: { backoff: 'exponential' }, max_attempts: 3 },
    { timeout_s: 12.25, deadline_s: 3600 },
    { timeout_s: 300, lost_max: 3 },
    { tags: ['a', 'b:c', 'x.y'], lost_max: 1, on_lost: 'fail' },
    { unique_key: 'ü "key"' },
    { unique_key: 'k', unique_for_s: 60 },
    { unique_key: 'k', unique_for_s: 'forever' },
];

test('the same options make the same job', { skip: SKIP }, async () => {
    const set = await server.call('PATCH', '/v1/queues/set', { max_attempts: 6, retry_base_s: 2, timeout_s: 77 });
    assert.equal(set.status, 200, set.text);
    for (const queue of ['plain', 'set']) {
        for (const [i, options] of SAME.entries()) {
            const mine = { ...options, ...(options.unique_key ? { unique_key: `${options.unique_key} sql ${queue} ${i}` } : {}) };
            const theirs = { ...options, ...(options.unique_key ? { unique_key: `${options.unique_key} api ${queue} ${i}` } : {}) };
            const here = await get(await enqueue(queue, 'k', '{"n": 1.0,  "b":9007199254740993}', mine));
            const answer = await server.call('POST', '/v1/jobs', `{"queue":"${queue}","kind":"k","args":{"n": 1.0,  "b":9007199254740993}${JSON.stringify(theirs).replace(/^\{/, Object.keys(theirs).length ? ',' : '')}`);
            assert.equal(answer.status, 201, answer.text);
            assert.deepEqual(shape(here), shape(await get(answer.json.id)), JSON.stringify(options));
        }
    }
});

const REFUSED = [
    { priority: 1.5 },
    { priority: 40000 },
    { priority: '1' },
    { delay_s: -1 },
    { delay_s: 1, run_at: '2031-05-06T07:08:09Z' },
    { run_at: 'tomorrow' },
    { run_at: '2031-13-06T07:08:09Z' },
    { run_at: '2031-05-06T07:08:09' },
    { max_attempts: 0 },
    { retry: { backoff: 'never' } },
    { retry: { delays_s: [1] } },
    { retry: { backoff: 'list' } },
    { retry: { backoff: 'list', delays_s: [] } },
    { retry: { backoff: 'list', delays_s: [-1] } },
    { retry: { jitter: 1 } },
    { retry: { speed: 1 } },
    { retry: 5 },
    { timeout_s: 0 },
    { deadline_s: 1e12 },
    { tags: 'a' },
    { tags: ['a b'] },
    { tags: [1] },
    { lost_max: 5000 },
    { on_lost: 'panic' },
    { unique_key: '' },
    { unique_key: 'x'.repeat(257) },
    { unique_for_s: 5 },
    { unique_key: 'x', unique_for_s: 'never' },
    { limits: ['a*'] },
    { nonsense: 1 },
];

test('what the API refuses is refused, and says the member', { skip: SKIP }, async () => {
    for (const options of REFUSED) {
        const answer = await server.call('POST', '/v1/jobs', { queue: 'q', kind: 'k', ...options });
        assert.equal(answer.status, 422, JSON.stringify(options));
        await assert.rejects(enqueue('q', 'k', 'null', options), /ERROR: {2}stint: /, JSON.stringify(options));
    }
    await assert.rejects(enqueue('no queue', 'k', 'null'), /stint: queue must be/);
    await assert.rejects(enqueue('q', '', 'null'), /stint: kind must be/);
    await assert.rejects(enqueue('q', 'k', '{bad'), /invalid input syntax for type json/);
    assert.deepEqual(await db.psql(`SELECT count(*) FROM stint.job WHERE queue = 'q'`), [['0']]);
});

test('a job is there when the transaction commits, and never when it does not', { skip: SKIP }, async () => {
    const app = await db.session();
    await app.say('BEGIN');
    const id = await app.say(`SELECT stint.enqueue('tx', 'k')`);
    assert.equal((await server.call('GET', `/v1/jobs/${id}`)).status, 404);
    assert.deepEqual(await claim('tx'), []);
    await app.say('COMMIT');
    const [job] = await claim('tx');
    assert.equal(job.id, id);
    await app.say('BEGIN');
    const gone = await app.say(`SELECT stint.enqueue('tx', 'k')`);
    await app.say('ROLLBACK');
    assert.equal((await server.call('GET', `/v1/jobs/${gone}`)).status, 404);
    const counts = (await server.call('GET', '/v1/queues/tx')).json.counts;
    assert.equal(counts.queued, 0);
    assert.equal(counts.processing, 1);
    await app.close();
});

test('a job that its own transaction cancels is given to nobody', { skip: SKIP, timeout: 240_000 }, async () => {
    const app = await db.session();
    const waits = new AbortController();
    const claims = ['k', 'later', 'many'].map((kind) => server.call('POST', '/v1/claims', { worker: 'w', queues: ['own'], kinds: [kind], wait_s: 30 }, { signal: waits.signal }));
    const given = Promise.race(claims.map((c) => c.then(() => 'given', () => 'left')));
    await app.say('BEGIN');
    const ids = [await app.say(`SELECT stint.enqueue('own', 'k', 'null', '{"unique_key": "own"}')`), await app.say(`SELECT stint.enqueue('own', 'later', 'null', '{"delay_s": 0.01}')`)];
    await app.say('SAVEPOINT one');
    ids.push(...(await app.say(`SELECT string_agg(id::text, ' ') FROM stint.enqueue_many('[{"kind":"many","queue":"own"},{"kind":"many","queue":"own"}]')`)).split(' '));
    await app.say('RELEASE one');
    const kept = await app.say(`SELECT stint.enqueue('own', 'kept')`);
    await app.say('SAVEPOINT two');
    for (const id of [...ids, kept]) assert.match(await app.say(`SELECT stint.cancel('${id}')`), /queued|scheduled/);
    await app.say('ROLLBACK TO two');
    for (const id of ids) assert.match(await app.say(`SELECT stint.cancel('${id}')`), /queued|scheduled/);
    await app.say('SELECT pg_sleep(0.02)'); // what is delayed is due when it commits
    await app.say('COMMIT');
    for (const id of ids) {
        const { state, attempt, reason } = (await server.call('GET', `/v1/jobs/${id}?wait=30`)).json;
        assert.deepEqual({ state, attempt }, { state: 'cancelled', attempt: 0 }, reason);
    }
    waits.abort();
    assert.equal(await given, 'left');
    const [job] = (await server.call('POST', '/v1/claims', { worker: 'w', queues: ['own'], wait_s: 30 })).json.jobs;
    assert.equal(job.id, kept);
    const { counts } = (await server.call('GET', '/v1/queues/own')).json;
    assert.deepEqual([counts.scheduled, counts.queued, counts.processing, counts.cancelled], [0, 0, 1, 4]);
    assert.notEqual(await enqueue('own', 'k', 'null', { unique_key: 'own' }), ids[0], 'its key is free');
    await app.close();
});

test('many jobs keep their order, and a duplicate is the job that holds the key', { skip: SKIP }, async () => {
    const jobs = [...Array(50).keys()].map((n) => ({ kind: `k${n}`, queue: 'many', args: { n } }));
    jobs[20].unique_key = 'one of many';
    const rows = await db.psql(`SELECT * FROM stint.enqueue_many(${quote(JSON.stringify(jobs))})`);
    assert.equal(rows.length, 50);
    assert.deepEqual(rows.map((r) => r[0]), rows.map((r) => r[0]).sort());
    const again = await db.psql(`SELECT * FROM stint.enqueue_many('[{"kind":"k","unique_key":"one of many"},{"kind":"k2","queue":"many"}]')`);
    assert.deepEqual(again[0], [rows[20][0], 'queued', 't']);
    assert.equal((await server.call('GET', '/v1/queues/many')).json.counts.queued, 51);
    const listed = (await server.call('GET', '/v1/jobs?queue=many&limit=60')).json.jobs;
    assert.equal(listed.length, 51);
    await assert.rejects(db.psql(`SELECT * FROM stint.enqueue_many('[{"kind":"k","queue":"none"},{"kind":""}]')`), /stint: kind/);
    assert.deepEqual((await server.call('GET', '/v1/jobs?queue=none')).json.jobs, []);
});

test('a batch is no job', { skip: SKIP }, async () => {
    const made = (await server.call('POST', '/v1/batches', { jobs: [{ kind: 'k', queue: 'batched' }] })).json;
    assert.deepEqual(await db.psql(`SELECT * FROM stint.job('${made.id}')`), []);
    assert.deepEqual(await db.psql(`SELECT stint.cancel('${made.id}') IS NULL, (SELECT count(*) FROM stint.wish)`), [['t', '0']]);
    assert.equal((await server.call('GET', `/v1/batches/${made.id}`)).json.state, 'open');
});

test('a full queue refuses', { skip: SKIP }, async () => {
    assert.equal((await server.call('PATCH', '/v1/queues/small', { max_queued: 2 })).status, 200);
    await enqueue('small', 'k', 'null');
    await enqueue('small', 'k', 'null');
    await assert.rejects(enqueue('small', 'k', 'null'), /stint: the queue "small" is full/);
});

test('a role may do only this, for its tenant', { skip: SKIP }, async () => {
    const role = `app_${process.pid}`;
    await db.psql(`CREATE ROLE ${role} LOGIN; SELECT stint.allow('${role}', 'acme')`);
    const [[id]] = await db.psql(`SELECT stint.enqueue('mail', 'send', '{"to": "a@b"}')`, role);
    assert.equal((await server.call('GET', `/v1/jobs/${id}`)).status, 404, 'another tenant does not see it');
    assert.deepEqual(await db.psql(`SELECT queue, state, args FROM stint.job('${id}')`, role), [['mail', 'queued', '{"to": "a@b"}']]);
    const mine = await enqueue('mail', 'send', 'null');
    assert.deepEqual(await db.psql(`SELECT * FROM stint.job('${mine}')`, role), []);
    for (const sql of ['SELECT * FROM stint.job', 'SELECT stint.allow(current_user::name, $$default$$)', 'DELETE FROM stint.count', 'SELECT stint.add_job(1, $$q$$, $$k$$, $$1$$, $${}$$, 1, 1, $${}$$)']) {
        await assert.rejects(db.psql(sql, role), /permission denied/, sql);
    }
    await db.psql(`DELETE FROM stint.application`);
    const hint = await db.psql(`SELECT stint.enqueue('mail', 'send')`, role).catch((e) => /belongs to no tenant[\s\S]*owner of the schema: (SELECT.*)/.exec(e.message)[1]);
    await db.psql(hint.replace('the name of the tenant', 'acme'));
    await db.psql(`SELECT stint.enqueue('mail', 'send')`, role);
    await db.psql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('the owner is told how the first tenant is made', { skip: SKIP }, async () => {
    const hint = /there is no tenant "default" yet, for which role "\w+" would act[\s\S]*first key makes it: stint keys create\. Or: (SELECT stint.allow.*)/;
    for (const follow of [(fresh, said) => fresh.run(said), (fresh) => createKey(fresh.dsn)]) {
        const fresh = makeDatabase();
        const enqueue = () => fresh.psql(`SELECT stint.enqueue('mail', 'send')`);
        stint(['migrate', '--store', fresh.dsn]);
        await assert.rejects(fresh.psql(`SELECT * FROM stint.job('0199a1b2-0000-7000-8000-000000000000')`), hint);
        const said = await enqueue().catch((e) => hint.exec(e.message)[1]);
        follow(fresh, said);
        await enqueue();
        assert.deepEqual(await fresh.psql('SELECT t.name FROM stint.job AS j JOIN stint.tenant AS t ON t.id = j.tenant'), [['default']]);
        fresh.drop();
    }
});

test('a role is moved to another tenant on purpose only', { skip: SKIP }, async () => {
    const role = `moved_${process.pid}`;
    for (const tenant of [`'a b'`, `''`, `'..'`, 'NULL', `repeat('x', 129)`]) {
        await assert.rejects(db.psql(`SELECT stint.allow('stint', ${tenant})`), /stint: tenant must be 1 to 128/);
    }
    await db.psql(`CREATE ROLE ${role} LOGIN; SELECT stint.allow('${role}', 'first'), stint.allow('${role}', 'first')`);
    const refused = await db.psql(`SELECT stint.allow('${role}', 'second')`).catch((e) => e.message);
    assert.match(refused, /belongs to the tenant "first"/);
    const tenants = `SELECT t.name FROM stint.application a JOIN stint.tenant t ON t.id = a.tenant WHERE role = '${role}'`;
    assert.deepEqual(await db.psql(tenants), [['first']]);
    await db.psql(/To move it: (SELECT .*)/.exec(refused)[1]);
    assert.deepEqual(await db.psql(tenants), [['second']]);
    await db.psql(`SELECT stint.enqueue('q', 'k')`, role);
    await db.psql(`SELECT stint.disallow('${role}')`);
    await assert.rejects(db.psql(`SELECT stint.enqueue('q', 'k')`, role), /permission denied for schema stint/);
    await assert.rejects(db.psql(`SELECT stint.disallow('${role}')`), /belongs to no tenant/);
    await db.psql(`SELECT stint.allow('${role}', 'second'), stint.allow_node('${role}'), stint.disallow('${role}')`);
    await db.psql(`SELECT count(*) FROM stint.job`, role);
    await db.psql(`SELECT stint.allow('${role}', 'second'); DROP OWNED BY ${role}; DROP ROLE ${role}; SELECT stint.disallow('${role}')`);
    assert.deepEqual(await db.psql(tenants), []);
});
