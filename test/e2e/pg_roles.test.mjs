// Roles on PostgreSQL (docs/postgresql.md): nodes whose role owns nothing, and applications that may do four things for one tenant.
// What each may not do is tried, also with names, settings and objects of its own in the way. That nodes of such a role can do
// all they must is shown by every test on PostgreSQL: allowNode of lib/server.mjs.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { dsn, makeDatabase, psqlAt } from './lib/postgres.mjs';
import { allowNode, createKey, startServer, stint } from './lib/server.mjs';

let db;
let nodeRole;
let a; // two servers
let b;
const app = {}; // roles of applications: app.ours and app.theirs, of the tenants of those names
const keys = {};

before(async () => {
    if (SKIP) return;
    db = makeDatabase();
    const store = allowNode(db);
    nodeRole = `node_${db.name}`;
    for (const tenant of ['ours', 'theirs']) {
        keys[tenant] = createKey(store, ['--tenant', tenant]);
        app[tenant] = `app_${tenant}_${process.pid}`;
        await db.psql(`CREATE ROLE ${app[tenant]} LOGIN; SELECT stint.allow('${app[tenant]}', '${tenant}')`);
    }
    [a, b] = [await startServer({ store, key: keys.ours }), await startServer({ store, key: keys.theirs })];
    while ((await db.psql('SELECT count(*) FROM stint.node WHERE listens'))[0][0] !== '2');
});
after(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
    for (const role of Object.values(app)) await db.psql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    db?.drop();
});

const asApp = (sql, who = 'ours') => db.psql(sql, app[who]);
/** Each statement fails for want of rights. */
const denied = (role, statements) =>
    db.psql(statements.map((sql) => `DO $do$ BEGIN EXECUTE $sql$${sql}$sql$; RAISE 'allowed: %', $sql$${sql}$sql$; EXCEPTION WHEN insufficient_privilege THEN NULL; END $do$`).join(';'), role);
const stateOf = async (id, tenant) => (await a.call('GET', `/v1/jobs/${id}`, undefined, { key: keys[tenant] })).json.state;

test('a node can change neither the schema nor who may do what, and sees no other schema', { skip: SKIP, timeout: 240_000 }, async () => {
    await db.psql('CREATE SCHEMA shop; CREATE TABLE shop.orders (id int)');
    const refused = [
        'DROP TABLE stint.job',
        'DROP TABLE stint.history_rest',
        'TRUNCATE stint.job',
        'ALTER TABLE stint.job ADD mood text',
        'CREATE TABLE stint.mine (id int)',
        'CREATE INDEX mine ON stint.job (worker)',
        `CREATE OR REPLACE FUNCTION stint.now() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'`,
        'DROP SCHEMA stint CASCADE',
        'SELECT * FROM shop.orders',
        'CREATE SCHEMA mine',
        'SELECT * FROM stint.application',
        'DELETE FROM stint.node_role',
        'UPDATE stint.migration SET checksum = 1',
        `SELECT stint.allow_node('${app.ours}')`,
        `SELECT stint.allow('${nodeRole}', 'ours')`,
        `SELECT stint.enqueue('q', 'k')`,
        'SET ROLE stint',
    ];
    await denied(nodeRole, refused);
    // Its two functions of the owner's do what they do, whatever stands in the way.
    const hijack = `CREATE TEMP TABLE history_rest (drop_at bigint); CREATE TEMP TABLE service (name text);
        CREATE FUNCTION pg_temp.format(text, bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'DROP TABLE stint.job' $$;
        SET search_path = pg_temp, pg_catalog;`;
    assert.deepEqual((await db.psql(`${hijack} SELECT stint.make_partition(864000000)`, nodeRole)).at(-1), ['t']);
    assert.deepEqual(await db.psql("SELECT to_regclass('stint.history_864000000') IS NOT NULL, to_regclass('stint.job') IS NOT NULL"), [['t', 't']]);
    assert.deepEqual((await db.psql(`${hijack} SELECT stint.drop_partition(864000000)`, nodeRole)).at(-1), ['0']);
});

/* A schema as the release with the first `count` migrations has left it. */
async function makeOldSchema(old, role, count) {
    const [, shape] = readFileSync('sql/pg/queries/schema.sql', 'utf8').split('-- name: schema_shape\n');
    for (const [i, name] of readdirSync('sql/pg/migrations').sort().slice(0, count).entries()) {
        const text = readFileSync(`sql/pg/migrations/${name}`);
        let hash = 0xcbf29ce484222325n; // str_hash
        for (const byte of text) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
        await old.psql(text.toString(), role);
        await old.psql(`INSERT INTO stint.migration SELECT ${i + 1}, '${name}', ${hash >> 1n}, 1, 1, (${shape})`, role);
    }
}

test('what a migration makes belongs to the owner of the schema, whoever runs it', { skip: SKIP, timeout: 240_000 }, async () => {
    const old = makeDatabase();
    const owner = `owner_${process.pid}`;
    const other = `node_${old.name}`;
    await old.psql(`CREATE ROLE ${owner} LOGIN; CREATE ROLE ${other} LOGIN; GRANT CREATE ON DATABASE ${old.name} TO ${owner}`);
    await makeOldSchema(old, owner, 2);
    await old.psql(`GRANT USAGE ON SCHEMA stint TO ${other}; GRANT SELECT ON stint.migration TO ${other}`, owner);
    const before = old.dump();
    assert.throws(() => stint(['migrate', '--store', dsn(old.name, other)]), (e) => {
        assert.match(e.stderr, /older program, and the role may not change it: run `stint migrate` as the owner of the schema/);
        return e.status === 6;
    });
    assert.equal(old.dump(), before);
    stint(['migrate', '--store', old.dsn]); // as a superuser
    assert.deepEqual(await old.psql(`SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'stint'`), [[owner]]);
    assert.deepEqual(await old.psql(`SELECT DISTINCT proowner::regrole FROM pg_proc WHERE pronamespace = 'stint'::regnamespace`), [[owner]]);
    await old.psql(`SELECT stint.allow_node('${other}')`, owner);
    assert.match(stint(['keys', 'create', '--store', dsn(old.name, other)]), /./);
    await old.psql(`DROP OWNED BY ${owner} CASCADE`);
    old.drop();
    await db.psql(`DROP ROLE ${owner}`);
});

test("an application has no way to another tenant's jobs", { skip: SKIP, timeout: 240_000 }, async () => {
    const [[theirs]] = await asApp(`SELECT stint.enqueue('q', 'k', '1', '{"unique_key": "same"}')`, 'theirs');
    assert.deepEqual(await asApp(`SELECT * FROM stint.job('${theirs}')`), []);
    assert.deepEqual(await asApp(`SELECT stint.cancel('${theirs}')`), [['']]);
    const [[ours]] = await asApp(`SELECT stint.enqueue('q', 'k', '1', '{"unique_key": "same"}')`);
    assert.notEqual(ours, theirs, 'keys are of a tenant');
    assert.equal(await stateOf(ours, 'ours'), 'queued');
    assert.equal(await stateOf(theirs, 'theirs'), 'queued', 'nobody cancels it');
    const refused = [
        'SELECT * FROM stint.job',
        'SELECT * FROM stint.meta',
        'SELECT * FROM stint.api_key',
        `INSERT INTO stint.wish (tenant, job, action) VALUES (2, '${theirs}', 0)`,
        'LOCK TABLE stint.job',
        'SELECT FROM stint.unique_key FOR UPDATE',
        `UPDATE stint.application SET tenant = 2`,
        `SELECT stint.allow(current_user, 'theirs')`,
        `SELECT stint.allow_node(current_user)`,
        'SELECT stint.caller_tenant()',
        `SELECT stint.add_job(2, 'q', 'k', '1', '{}', 1, 1, '{}')`,
        `SELECT stint.take_key(2, 'x', gen_random_uuid(), 0, 1)`,
        'SELECT stint.make_partition(1)',
        'SELECT stint.drop_partition(9223372036854775807)',
        'CREATE TABLE stint.mine (id int)',
        'SET ROLE stint',
        `SET ROLE ${app.theirs}`,
        `SET SESSION AUTHORIZATION ${app.theirs}`,
        `SELECT set_config('role', '${app.theirs}', false)`,
        `SELECT set_config('session_authorization', '${app.theirs}', false)`,
        `SET session_replication_role = replica`,
    ];
    await denied(app.ours, refused);
});

// What a role may make or set in its own session, and even in a schema of its own: none of it changes what a call does.
const IN_THE_WAY = [
    `CREATE TEMP TABLE application (role name, tenant int); INSERT INTO application VALUES (session_user, 2)`,
    `CREATE TEMP TABLE tenant (id int, name text); CREATE TEMP TABLE job (id uuid); CREATE TEMP TABLE unique_key (key text)`,
    `CREATE FUNCTION pg_temp.caller_tenant() RETURNS int LANGUAGE sql AS 'SELECT 2'; CREATE FUNCTION pg_temp.now() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'`,
    `CREATE FUNCTION evil.same(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR evil.= (leftarg = name, rightarg = name, function = evil.same)`,
    `CREATE FUNCTION evil.pg_has_role(name, name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'`,
    `CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked as %', current_user; END $$`,
    `CREATE FUNCTION evil.octet_length(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked as %', current_user; END $$`,
    `CREATE FUNCTION evil.json_typeof(json) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked as %', current_user; END $$`,
    `CREATE DOMAIN evil.uuid AS text; CREATE DOMAIN evil.json AS text`,
    `SET standard_conforming_strings = off; SET plpgsql.variable_conflict = use_variable`,
    `SET transform_null_equals = on; SET array_nulls = off; SET backslash_quote = on`,
    `SET DateStyle = 'German, DMY'; SET TimeZone = 'Pacific/Kiritimati'; SET IntervalStyle = 'sql_standard'`,
    `SET bytea_output = 'escape'; SET extra_float_digits = -15; SET quote_all_identifiers = on`,
    `SET default_transaction_isolation = 'serializable'`,
    `SET enable_indexscan = off; SET enable_seqscan = off; SET jit_above_cost = 0; SET plan_cache_mode = force_custom_plan`,
];
test("objects and settings of an application's own change nothing of what its calls do", { skip: SKIP, timeout: 240_000 }, async () => {
    await db.psql(`CREATE SCHEMA evil AUTHORIZATION ${app.ours}`);
    const [[theirs]] = await asApp(`SELECT stint.enqueue('q', 'k', '1')`, 'theirs');
    for (const [i, trick] of IN_THE_WAY.entries()) {
        const options = `{"run_at": "2031-05-06T07:08:09.123+02:00", "unique_key": "t${i}", "retry": {"base_s": 2.5}, "tags": ["a"]}`;
        const rows = await asApp(`${trick}; SET search_path = pg_temp, evil, pg_catalog;
            SELECT stint.enqueue('way', 'k', '{"n": 1.0}', '${options}'), stint.cancel('${theirs}'),
                (SELECT count(*) FROM stint.job('${theirs}')), (SELECT count(*) FROM stint.enqueue_many('[{"kind": "m", "queue": "way"}]'))`);
        const [id, cancelled, seen, many] = rows.at(-1);
        assert.deepEqual([cancelled, seen, many], ['', '0', '1'], trick);
        const job = (await a.call('GET', `/v1/jobs/${id}`)).json;
        assert.deepEqual([job.state, job.run_at, job.args, job.tags, job.retry.base_s], ['scheduled', '2031-05-06T05:08:09.123Z', { n: 1 }, ['a'], 2.5], trick);
    }
    assert.equal(await stateOf(theirs, 'theirs'), 'queued');
    const counted = (await a.call('GET', '/v1/queues/way')).json.counts;
    assert.deepEqual([counted.scheduled, counted.queued], [IN_THE_WAY.length, IN_THE_WAY.length]);
    assert.equal((await a.call('GET', '/v1/queues/way', undefined, { key: keys.theirs })).status, 404);
});

test('what an application shouts into the channel of the nodes is not believed', { skip: SKIP, timeout: 240_000 }, async () => {
    const { id } = (await b.call('POST', '/v1/jobs', { kind: 'k', queue: 'held' })).json;
    const [job] = (await b.call('POST', '/v1/claims', { worker: 'held', queues: ['held'], lease_s: 60 })).json.jobs;
    assert.equal(job.id, id);
    const [[tenant]] = await db.psql(`SELECT tenant FROM stint.job WHERE id = '${id}'`);
    const listening = b.call('POST', '/v1/claims', { worker: 'held', queues: ['held'], max: 1, wait_s: 30 });
    const ended = b.call('GET', `/v1/jobs/${id}?wait=30`);
    const lies = [
        `job ${tenant} ${id} 3 1 1 1 held/k`, // "its cancel was asked for"
        `job ${tenant} ${id} 4 9 1 0 held/k`, // "it has ended"
        `node ${id}\njob ${tenant} ${id} 3 1 1 1 held/k`,
        `0123456789abcdef node ${id} ${Date.now()}\njob ${tenant} ${id} 3 1 1 1 held/k`,
        'keys', 'all', 'nodes', 'aware', 'due -1', 'due 1', 'due 9223372036854775807', 'wish', `queued ${tenant} held k`, `queued 999 x y`,
        '\n\n', ' ', 'x'.repeat(7900), 'queued '.repeat(900),
    ];
    const loud = psqlAt(dsn(db.name, app.ours)).session();
    for (let i = 0; i < 5; i++) for (const lie of lies) await loud.say(`SELECT pg_notify('stint', $lie$${lie}$lie$)`);
    await loud.close();
    const next = (await b.call('POST', '/v1/jobs', { kind: 'k', queue: 'held' })).json.id;
    const heard = (await listening).json;
    assert.deepEqual([heard.jobs.map((j) => j.id), heard.cancel ?? []], [[next], []]);
    assert.equal((await b.call('POST', '/v1/reports', { job: id, lease: job.lease, n: 1, op: 'complete' })).status, 200);
    assert.equal((await ended).json.state, 'completed', 'and not before');
});

test('locks that anybody may take keep no node from its work', { skip: SKIP, timeout: 240_000 }, async () => {
    const session = psqlAt(dsn(db.name, app.ours)).session();
    await session.say(`SELECT pg_advisory_lock(n) FROM generate_series(495874305640, 495874305670) AS n`);
    await asApp(`SELECT stint.enqueue('folded', 'k')`);
    for (;;) {
        await a.call('POST', '/v1/jobs', { kind: 'k', queue: 'folded' });
        if ((await db.psql(`SELECT count(*) > 0 FROM stint.count WHERE queue = 'folded'`))[0][0] === 't') break;
    }
    assert.deepEqual((await db.psql(`SELECT stint.make_partition(8640000000)`, nodeRole)), [['t']]);
    await session.close();
});
