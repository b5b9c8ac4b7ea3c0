// --store-listen: what is wrong with it is refused at the start, or told; the node is there all the same.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { startProxy } from '../lib/proxy.mjs';
import { SKIP } from './lib/need_postgres.mjs';
import { CLUSTER, makeDatabase } from './lib/postgres.mjs';
import { BIN, createKey, startServer } from './lib/server.mjs';

const noPooler = SKIP || (process.env.STINT_TEST_POOLER ? false : 'no pgbouncer here');
let db;
let other;
let key;
let behind; // the database, through the pooler
before(() => {
    if (SKIP) return;
    [db, other] = [makeDatabase(), makeDatabase()];
    key = createKey(db.dsn);
    createKey(other.dsn);
    behind = process.env.STINT_TEST_POOLER?.replace('/postgres?', `/${db.name}?`);
});
after(() => [db, other].forEach((d) => d?.drop()));

const SOCKET = SKIP || `${/host=([^&]*)/.exec(CLUSTER)[1]}/.s.PGSQL.5432`;
const through = (proxy, d) => `postgresql://${/\/\/([^@]*)@/.exec(CLUSTER)[1]}@127.0.0.1:${proxy.port}/${d.name}`;
const run = (...args) =>
    new Promise((resolve) => execFile(BIN, ['serve', '--store', db.dsn, '--listen', '127.0.0.1:0', ...args], { timeout: 120_000 }, (error, _, said) => resolve({ code: error?.code, said })));
const note = async (node) => (await node.call('GET', '/readyz')).json.note;

test('one that cannot be read, or leads elsewhere, is refused at the start', { skip: SKIP, timeout: 240_000 }, async () => {
    const empty = makeDatabase();
    const rows = [
        ['postgresql://me@[::1/db', 2, /--store-listen: .*the DSN cannot be read/],
        [other.dsn, 2, /--store-listen: .*leads to another database than --store/],
        [empty.dsn, 2, /--store-listen: .*leads to another database than --store/],
        [db.dsn.replace(db.name, 'no_such_database'), 4, /--store-listen: .*"no_such_database" does not exist/],
    ];
    for (const [dsn, code, says] of rows) {
        const told = await run('--store-listen', dsn);
        assert.equal(told.code, code, told.said);
        assert.match(told.said, says);
    }
    empty.drop();
});

test('one that cannot be reached is told, and used when it can', { skip: noPooler, timeout: 240_000 }, async () => {
    const proxy = await startProxy({ path: SOCKET });
    proxy.onChunk = () => 'cut';
    const node = await startServer({ store: behind, key, args: ['--store-listen', through(proxy, db)] });
    await node.logged(/store\.listen error=.*127\.0\.0\.1/);
    assert.match(await node.logged(/store\.deaf/), /note="the database that --store-listen names/);
    assert.match(await note(node), /--store-listen names cannot be reached/);
    while ((await db.psql('SELECT count(*) FROM stint.node WHERE NOT listens'))[0][0] !== '1');

    // What nobody can tell it counts within a second, when it is asked for anything.
    const revoked = createKey(db.dsn);
    const status = async () => (await node.call('GET', '/v1/queues', undefined, { key: revoked })).status;
    while ((await status()) !== 200);
    await db.psql('UPDATE stint.api_key SET revoked_at = stint.now() WHERE public_id = (SELECT public_id FROM stint.api_key ORDER BY created_at DESC LIMIT 1)');
    const began = performance.now();
    while ((await status()) !== 401);
    assert.ok(performance.now() - began < 20_000, 'it is looked for once a second, and not with the beats of 30 s');

    proxy.onChunk = undefined;
    await node.logged(/store\.listens/);
    while ((await db.psql('SELECT count(*) FROM stint.node WHERE listens'))[0][0] !== '1');
    while ((await note(node)) !== undefined);
    await node.stop();
    await proxy.close();
});

test('one that turns out to lead to another database is told and not used', { skip: SKIP, timeout: 240_000 }, async () => {
    const proxy = await startProxy({ path: SOCKET });
    proxy.onChunk = () => 'cut';
    const node = await startServer({ store: db.dsn, key, args: ['--store-listen', through(proxy, other)] });
    await node.logged(/store\.listen /);
    proxy.onChunk = undefined;
    for (;;) {
        const told = await note(node);
        if (/leads to another database/.test(told)) break;
        assert.match(told, /cannot be reached/);
    }
    while ((await db.psql('SELECT count(*) FROM stint.node WHERE listens'))[0][0] !== '1'); // by --store
    assert.deepEqual(await other.psql('SELECT count(*) FROM stint.node'), [['0']]);
    await node.stop();
    await proxy.close();
});
