// What is wrong with a PostgreSQL is told at the start: what happened, to what, and what to do, with the exit code of
// docs/cli.md; nothing is half done then, and no message holds a password. What goes wrong later is an outage.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { asOwner, startCluster } from './lib/pg_cluster.mjs';
import { CLUSTER, dsn, makeDatabase, psqlAt } from './lib/postgres.mjs';
import { BIN, createKey, ours, startServer } from './lib/server.mjs';

const SECRET = 'hunter2';
const SERVE = [['serve', '--listen', '127.0.0.1:0']];
const roles = [];

/** Its exit code and all that it said. */
async function run(args, env = {}) {
    const proc = ours(spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } }));
    let said = '';
    for (const stream of [proc.stdout, proc.stderr]) stream.on('data', (piece) => (said += piece));
    const [code] = await once(proc, 'close');
    return { code, said };
}

/** Each command that opens a store refuses it with the code, and says the words. */
async function refused(store, code, says, env, commands = [['serve', '--listen', '127.0.0.1:0'], ['migrate'], ['keys', 'ls']]) {
    const answers = await Promise.all(commands.map((args) => run([...args, '--store', store], env)));
    for (const [i, told] of answers.entries()) {
        const args = commands[i];
        assert.equal(told.code, code, `${args[0]}: ${told.said}`);
        for (const word of says) assert.match(told.said, word, args[0]);
        assert.ok(!told.said.includes(SECRET), told.said);
        assert.doesNotMatch(told.said, /that server instead/, 'that is advice about files');
    }
}

/** The same, and the database is afterwards what it was before, to the byte. */
async function refusedAndUntouched(db, store, code, says, commands) {
    const before = db.dump();
    await refused(store, code, says, {}, commands);
    assert.equal(db.dump(), before);
}

async function makeRole(db, name, options = 'LOGIN') {
    const role = `${name}_${process.pid}`;
    roles.push({ db, role });
    await db.psql(`CREATE ROLE ${role} ${options}`);
    return role;
}

let db;
let own; // a cluster of this file's
let at; // psql there
before(async () => {
    if (SKIP) return;
    db = makeDatabase();
    own = await startCluster();
    at = psqlAt(own.dsn);
});
after(async () => {
    for (const { db, role } of roles) await db.psql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    db?.drop();
    await own?.stop();
});

/** The cluster of this file's, another database or role of it. */
const inOwn = (database, who = 'stint') => own.dsn.replace('stint@/postgres', `${who}@/${database}`);

test('a DSN that leads nowhere is refused with what to do', { skip: SKIP, timeout: 480_000 }, async () => {
    const where = CLUSTER.replace(/^[^?]*\?/, '');
    const rows = [
        [`postgresql://me:${SECRET}@[::1/db`, 2, [/the DSN cannot be read/, /looks like postgresql:/]],
        [`postgresql://me:${SECRET}@127.0.0.1:many/db`, 2, [/port/, /%40/]],
        [`postgresql://me:a@${SECRET}@host/db`, 2, [/host/, /%40/]],
        [`postgresql://me:${SECRET}@127.0.0.1:1/db?speed=9`, 2, [/invalid URI query parameter: "speed"/]],
        [`postgre://me:${SECRET}@127.0.0.1/db`, 2, [/postgresql:/]],
        [`postgresql://me:${SECRET}@nowhere.invalid/db`, 1, [/nowhere\.invalid/, /is the server up/]],
        [`postgresql://me:${SECRET}@127.0.0.1:1/db`, 1, [/127\.0\.0\.1.*port 1\b/, /refused/, /is the server up/]],
        [`postgresql://me@127.0.0.1:1,127.0.0.1:2/db?password=${SECRET}`, 1, [/port 1\b/, /port 2\b/]],
        [`postgresql://stint:${SECRET}@/no_such_database?${where}`, 4, [/"no_such_database" does not exist/, /createdb/]],
    ];
    for (const [store, code, says] of rows) await refused(store, code, says);
});

test('a wrong password is refused, and told to nobody', { skip: SKIP, timeout: 480_000 }, async () => {
    const hba = `${own.data}/pg_hba.conf`;
    writeFileSync(hba, `local all guarded scram-sha-256\n${readFileSync(hba, 'utf8')}`);
    await at.psql(`SET password_encryption = 'scram-sha-256'; CREATE ROLE guarded LOGIN PASSWORD '${SECRET}right'; SELECT pg_reload_conf()`);
    await at.psql('CREATE DATABASE vault OWNER guarded');
    const wrong = [/password authentication failed for user "guarded"/, /PGPASSWORD/, /pg_hba\.conf/];
    await refused(inOwn('vault', `guarded:${SECRET}`), 6, wrong);
    await refused(inOwn('vault', 'guarded'), 6, wrong, { PGPASSWORD: SECRET });
    await refused(inOwn('vault', 'guarded'), 6, [/no password supplied/, /PGPASSWORD/], { HOME: '/nonexistent' });
    assert.deepEqual(await psqlAt(inOwn('vault')).psql("SELECT to_regnamespace('stint')"), [['']]);

    // One that was right once, and is changed while a server runs.
    const server = await startServer({ store: inOwn('vault', `guarded:${SECRET}right`) });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    assert.equal((await enqueue()).status, 201);
    await at.psql(`ALTER ROLE guarded PASSWORD 'changed'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'`);
    const answer = await enqueue();
    assert.equal(answer.status, 503);
    assert.equal(answer.json.code, 'store_unavailable');
    assert.doesNotMatch(answer.text, /password|guarded/);
    assert.match(await server.logged(/store\.unreachable/), /password authentication failed/);
    await at.psql(`ALTER ROLE guarded PASSWORD '${SECRET}right'`);
    while ((await enqueue()).status !== 201);
    await server.stop();
    assert.ok(!server.log.join('\n').includes(SECRET), server.log.join('\n'));
});

test('a role without the rights is refused, and nothing is made', { skip: SKIP, timeout: 480_000 }, async () => {
    const stranger = dsn(db.name, await makeRole(db, 'stranger'));
    await refusedAndUntouched(db, stranger, 6, [/may not make the schema stint/, /permission denied for database/, /stint migrate/, /GRANT CREATE/]);
    createKey(db.dsn);
    await refusedAndUntouched(db, stranger, 6, [/may not use the schema stint/, /permission denied/, /stint\.allow_node/]);
});

test('a schema that was made beforehand needs no rights on the database', { skip: SKIP, timeout: 480_000 }, async () => {
    const made = makeDatabase();
    const owner = await makeRole(db, 'owner');
    await made.psql('CREATE SCHEMA stint');
    await refusedAndUntouched(made, dsn(made.name, owner), 6, [/the schema stint is there, empty, and belongs to another role/, /ALTER SCHEMA stint OWNER TO/]);
    await made.psql(`ALTER SCHEMA stint OWNER TO ${owner}`);
    await made.psql(`REVOKE CREATE ON DATABASE ${made.name} FROM PUBLIC`);
    const server = await startServer({ store: dsn(made.name, owner) });
    assert.equal((await server.call('POST', '/v1/jobs', { kind: 'k' })).status, 201);
    await server.stop();
    assert.deepEqual(await made.psql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'stint'"), [[owner]]);
    made.drop();
});

test('rights that are taken away later are an outage, and no word about the client', { skip: SKIP, timeout: 480_000 }, async () => {
    const key = createKey(db.dsn);
    const role = await makeRole(db, 'demoted');
    await db.psql(`SELECT stint.allow_node('${role}')`);
    const server = await startServer({ store: dsn(db.name, role), key });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    assert.equal((await enqueue()).status, 201);
    await db.psql(`REVOKE INSERT ON stint.job FROM ${role}`);
    const answer = await enqueue();
    assert.equal(answer.status, 503, answer.text);
    assert.doesNotMatch(answer.text, /permission/);
    assert.match(await server.logged(/store\.refused/), /permission denied for table job/);
    await db.psql(`GRANT INSERT ON stint.job TO ${role}`);
    assert.equal((await enqueue()).status, 201);
    await server.stop();
});

test('a server takes the connections that the documentation says, and says so when it gets none', { skip: SKIP, timeout: 480_000 }, async () => {
    const counted = makeDatabase();
    const server = await startServer({ store: counted.dsn });
    const kinds = `SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = '${counted.name}' AND application_name LIKE 'stint %' GROUP BY 1 ORDER BY 1`;
    const all = [['stint committer', '4'], ['stint listener', '1'], ['stint reader', '4'], ['stint slow lane', '1']];
    const other = counted.session();
    await other.say(`BEGIN; SELECT stint.enqueue('q', 'k', '1', '{"unique_key": "held"}')`);
    const held = server.call('POST', '/v1/jobs', { kind: 'k', queue: 'q', unique_key: 'held' }); // waits for it in the slow lane
    let found;
    do {
        const calls = [];
        for (let i = 0; i < 40; i++) calls.push(server.call('POST', '/v1/jobs', { kind: 'k' }), server.call('GET', '/v1/jobs?limit=100'));
        await Promise.all(calls);
        found = await counted.psql(kinds);
        for (const [name, n] of found) assert.ok(Number(n) <= Number(new Map(all).get(name)), `${n} times ${name}`);
    } while (JSON.stringify(found) !== JSON.stringify(all));
    await other.close();
    await held;
    const total = all.reduce((sum, [, n]) => sum + Number(n), 0);
    for (const doc of ['postgresql', 'config']) assert.match(readFileSync(`docs/${doc}.md`, 'utf8'), new RegExp(`\\b${total} connections`), doc);

    const few = await makeRole(db, 'few', 'LOGIN CONNECTION LIMIT 0');
    await refused(dsn(db.name, few), 1, [/too many connections for role/, new RegExp(`a server of stint takes ${total} connections; raise max_connections`), /CONNECTION LIMIT/]);
    await server.stop();
    counted.drop();
});

// test/unit/store_pg_shape.c has one of each kind.
const BY_HAND = [
    // what it says, and how to undo it
    ['ALTER TABLE stint.job ADD mood text', /: column stint\.job\.mood is there and should not be; undo/, 'ALTER TABLE stint.job DROP mood'],
    ['ALTER TABLE stint.wish SET UNLOGGED', /: table stint\.wish is unlogged and should be logged; undo/, 'ALTER TABLE stint.wish SET LOGGED'],
];
test('a schema that was changed by hand is refused and left as it is', { skip: SKIP, timeout: 480_000 }, async () => {
    createKey(db.dsn);
    const before = db.dump();
    for (const [change, says, undo] of BY_HAND) {
        await db.psql(change);
        await refused(db.dsn, 1, [/the schema stint was changed by hand: .*; undo the change/, says], {}, SERVE);
        await db.psql(undo);
    }
    assert.equal(db.dump(), before);

    // What is restored from a dump is not changed, though all in it has other numbers than it had.
    const restored = makeDatabase();
    restored.run(before);
    createKey(restored.dsn);
    restored.drop();
});

test('a schema of a newer release, or of another build, is refused and left as it is', { skip: SKIP, timeout: 480_000 }, async () => {
    const newer = makeDatabase();
    createKey(newer.dsn);
    await newer.psql(`INSERT INTO stint.migration SELECT 1 + max(version), 'later', 1, 1, 1, (array_agg(shape ORDER BY version DESC))[1] FROM stint.migration`);
    const key = createKey(newer.dsn); // one that has only more, and says so, will do
    const server = await startServer({ store: newer.dsn, key });
    await server.stop();
    await newer.psql('UPDATE stint.migration SET oldest_program = version WHERE checksum = 1');
    await refusedAndUntouched(newer, newer.dsn, 1, [/changed by a newer release.*version \d+ of it; this one knows \d+/, /run the newer release/]);
    await newer.psql('DELETE FROM stint.migration WHERE checksum = 1; UPDATE stint.migration SET checksum = 5 WHERE version = 1');
    await refusedAndUntouched(newer, newer.dsn, 1, [/migration 1 of the schema stint is not the one that this program knows/]);
    newer.drop();
});

test('a server that does not flush, or a database that is not in UTF-8, is refused', { skip: SKIP, timeout: 480_000 }, async () => {
    await at.psql('CREATE DATABASE careless');
    await at.psql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
    await refused(inOwn('ascii'), 2, [/encoding is SQL_ASCII/, /ENCODING 'UTF8'/]);
    for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
        await at.psql(`ALTER SYSTEM SET ${name} = off`);
        await own.ctl('reload');
        while ((await at.psql(`SHOW ${name}`))[0][0] !== 'off');
        await refused(inOwn('careless'), 2, [new RegExp(`runs with ${name} = off`), /postgresql\.conf/, /--store-unsafe/]);
        assert.deepEqual(await psqlAt(inOwn('careless')).psql("SELECT to_regnamespace('stint')"), [['']]);
        await at.psql(`ALTER SYSTEM RESET ${name}`);
        await own.ctl('reload');
        while ((await at.psql(`SHOW ${name}`))[0][0] === 'off');
    }
    await at.psql('ALTER DATABASE careless SET synchronous_commit = off');
    await refused(inOwn('careless'), 2, [/synchronous_commit = off/]);
    assert.equal((await run(['migrate', '--store', inOwn('careless'), '--store-unsafe'])).code, 0);
});

test('a database that stops to flush is written to no more', { skip: SKIP, timeout: 480_000 }, async () => {
    await at.psql('CREATE DATABASE relaxed');
    const server = await startServer({ store: inOwn('relaxed') });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    const cut = () => at.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'relaxed'");
    const count = async () => Number((await psqlAt(inOwn('relaxed')).psql('SELECT count(*) FROM stint.job'))[0][0]);
    assert.equal((await enqueue()).status, 201);
    await at.psql('ALTER DATABASE relaxed SET synchronous_commit = off');
    await cut();
    const answer = await enqueue();
    assert.deepEqual([answer.status, answer.json.code], [503, 'store_unavailable']);
    const ready = await server.call('GET', '/readyz');
    assert.equal(ready.status, 503);
    assert.match(ready.json.detail, /runs with synchronous_commit = off/);
    assert.match(await server.logged(/store\.unreachable/), /runs with synchronous_commit = off.*--store-unsafe/);
    assert.equal((await enqueue()).status, 503);
    assert.equal(await count(), 1);
    await at.psql('ALTER DATABASE relaxed RESET synchronous_commit');
    while ((await enqueue()).status !== 201);
    while ((await server.call('GET', '/readyz')).status !== 200);
    await server.stop();

    await at.psql('ALTER DATABASE relaxed SET synchronous_commit = off');
    const unsafe = await startServer({ store: inOwn('relaxed'), key: server.key, args: ['--store-unsafe'] });
    await cut();
    while ((await unsafe.call('POST', '/v1/jobs', { kind: 'k' })).status !== 201);
    assert.equal((await unsafe.call('GET', '/readyz')).status, 200);
    await unsafe.stop();
});

test('sessions that are open when the server stops to flush acknowledge nothing more', { skip: SKIP, timeout: 480_000 }, async (t) => {
    await at.psql('CREATE DATABASE reloaded');
    const server = await startServer({ store: inOwn('reloaded') });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    const committers = async () => (await at.psql("SELECT pid FROM pg_stat_activity WHERE datname = 'reloaded' AND application_name = 'stint committer'")).flat();
    const set = async (name, how, is) => {
        await at.psql(`ALTER SYSTEM ${how}`);
        await own.ctl('reload');
        while ((await at.psql(`SHOW ${name}`))[0][0] !== is);
    };
    const names = ['fsync', 'full_page_writes', 'synchronous_commit'];
    t.after(async () => {
        for (const name of names) await set(name, `RESET ${name}`, 'on');
    });
    const works = async () => {
        while ((await server.call('GET', '/readyz')).status !== 200);
        while ((await Promise.all(Array.from({ length: 20 }, () => enqueue()))).some(({ status }) => status !== 201));
    };
    // Whether the sessions were still those of before: a round of the server's own may have met the setting first, and closed its own.
    const refusesWith = async (name) => {
        await works();
        const open = await committers();
        await set(name, `SET ${name} = off`, 'off');
        const still = await committers();
        const answer = await enqueue();
        assert.equal(answer.status, 503, name);
        assert.ok(['outcome_unknown', 'store_unavailable'].includes(answer.json.code), `${name}: ${answer.text}`);
        let ready;
        do ready = await server.call('GET', '/readyz');
        while (ready.status !== 503 || !ready.json.detail.includes(`runs with ${name} = off`));
        await server.logged(new RegExp(`store\\.un(available|reachable).*runs with ${name} = off`));
        await set(name, `RESET ${name}`, 'on');
        return open.length > 0 && open.every((pid) => still.includes(pid));
    };
    for (const name of names) while (!(await refusesWith(name)));
    await works();
    await server.stop();
});

test('a server whose writes wait for a standby that is not there is not ready, and says why', { skip: SKIP, timeout: 480_000 }, async (t) => {
    await at.psql('CREATE DATABASE lonely');
    const server = await startServer({ store: inOwn('lonely') });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    const ready = () => server.call('GET', '/readyz');
    const reset = async () => {
        await at.psql('ALTER SYSTEM RESET synchronous_standby_names');
        await own.ctl('reload');
    };
    t.after(reset);
    assert.equal((await enqueue()).status, 201);
    await at.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await own.ctl('reload');
    while ((await at.psql('SHOW synchronous_standby_names'))[0][0] !== 'nobody');
    let answer;
    do answer = await enqueue();
    while (answer.status === 201); // until its checkpointer has heard of it, a database waits for nobody
    assert.deepEqual([answer.status, answer.json.code], [503, 'outcome_unknown']);
    do {
        const read = await server.call('GET', '/v1/schedules'); // jobs not: a partition that is made just then has them locked
        assert.equal(read.status, 200, `reads go on: ${read.text}`);
        answer = await ready();
    } while (answer.status !== 503 || !/COMMIT/.test(answer.json.detail));
    assert.match(answer.json.detail, /answers no COMMIT since \d{4}-.*synchronous_standby_names/);
    assert.match(await server.logged(/store\.unavailable/), /synchronous_standby_names=.?nobody/);
    await reset();
    while ((await ready()).status !== 200);
    assert.equal((await enqueue()).status, 201);
    await server.stop();
});

test('a database that takes no writes is refused at the start, and later is an outage', { skip: SKIP, timeout: 480_000 }, async () => {
    const quiet = makeDatabase();
    const readOnly = (value) => quiet.psql(`SET transaction_read_only = off; ALTER DATABASE ${quiet.name} SET default_transaction_read_only = ${value}`);
    const key = createKey(quiet.dsn);
    await readOnly('on');
    await refusedAndUntouched(quiet, quiet.dsn, 1, [/takes no writes/, /default_transaction_read_only/]);
    await refusedAndUntouched(quiet, `${quiet.dsn}&target_session_attrs=any`, 1, [/takes no writes/, /default_transaction_read_only/]);
    await readOnly('off');
    const server = await startServer({ store: quiet.dsn, key });
    const enqueue = () => server.call('POST', '/v1/jobs', { kind: 'k' });
    assert.equal((await enqueue()).status, 201);
    await readOnly('on');
    await db.psql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${quiet.name}'`);
    const answer = await enqueue();
    assert.deepEqual([answer.status, answer.json.code], [503, 'store_unavailable']);
    const ready = () => server.call('GET', '/readyz');
    while ((await ready()).status !== 503);
    assert.match((await ready()).json.detail, /database cannot be reached.* since \d{4}-\d\d-\d\dT/);
    await readOnly('off');
    while ((await ready()).status !== 200); // nobody sends anything to a server that is not ready
    while ((await enqueue()).status !== 201);
    await server.stop();
    quiet.drop();
});

test('a standby is refused, and its primary found beside it', { skip: SKIP, timeout: 480_000 }, async (t) => {
    const data = `${own.folder}/standby`;
    await at.psql('CREATE DATABASE followed');
    const key = createKey(inOwn('followed'));
    await asOwner('pg_basebackup', ['-D', data, '-h', own.folder, '-U', 'stint', '-c', 'fast', '-R', '-X', 'stream', '--no-sync']);
    appendFileSync(`${data}/postgresql.conf`, "\nport = 5499\n");
    await asOwner('pg_ctl', ['start', '-D', data, '-l', `${own.folder}/standby.log`, '-w', '-s']);
    t.after(async () => {
        await asOwner('pg_ctl', ['stop', '-D', data, '-m', 'immediate', '-s']);
    });
    const there = `${inOwn('followed')}&port=5499`;
    const dump = () => psqlAt(inOwn('followed')).psql('SELECT * FROM stint.migration, stint.meta ORDER BY 1, 7');
    const before = await dump();
    await refused(there, 1, [/:5499 is a standby and takes no writes/, /name the primary/]);
    for (const wish of ['any', 'standby', 'prefer-standby']) {
        await refused(`${there}&target_session_attrs=${wish}`, 1, [/:5499 is a standby and takes no writes/, /name the primary, or all of them .*target_session_attrs=read-write/]);
    }
    assert.deepEqual(await dump(), before);
    const both = `postgresql://stint@/followed?host=${own.folder},${own.folder}&port=5499,5432`;
    const server = await startServer({ store: both, key });
    assert.equal((await server.call('POST', '/v1/jobs', { kind: 'k' })).status, 201);
    await server.stop();
});
