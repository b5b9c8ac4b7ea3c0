// A newer release changes the schema so that the servers that run cannot live with it: they notice, and leave.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { makeDatabase } from './lib/postgres.mjs';
import { BIN, createKey, startServer } from './lib/server.mjs';

let db;
let key;
before(() => {
    if (SKIP) return;
    db = makeDatabase();
    key = createKey(db.dsn);
});
after(() => db?.drop());

const start = () => startServer({ store: db.dsn, key });
const enqueue = (node) => node.call('POST', '/v1/jobs', { kind: 'k' });
/** What a migration of a newer release leaves; it also makes nodes read the settings again. */
const raise = () => db.psql('UPDATE stint.migration SET oldest_program = 1000 WHERE version = 2');
const lower = () => db.psql('UPDATE stint.migration SET oldest_program = 1 WHERE version = 2');
const SETTINGS = "UPDATE stint.meta SET number = number + 1 WHERE name = 'settings_version'";
/** It has said why and ended with 1, and told its callers no more than that they should ask elsewhere. */
async function left(node) {
    const { code } = await node.exit;
    const log = node.log.join('\n');
    assert.equal(code, 1, log);
    assert.match(log, /store\.outdated .*only for programs that know version 1000 .*run the newer release/);
    assert.match(log, / server\.stopped exit=1/);
}

/** How it refuses, for one of the reasons that hold then; null: it has noticed of its own accord, and is gone. */
async function refusal(call) {
    const answer = await call.catch(() => null);
    if (!answer) return null;
    assert.equal(answer.status, 503, answer.text);
    assert.ok(['store_unavailable', 'draining'].includes(answer.json.code), answer.text);
    return answer.json;
}

test('a server that is too old for the schema leaves before it writes once more', { skip: SKIP, timeout: 240_000 }, async (t) => {
    t.after(lower);
    const node = await start();
    assert.equal((await enqueue(node)).status, 201);
    const count = () => db.psql('SELECT count(*) FROM stint.job');
    const before = await count();
    await raise();
    await db.psql(SETTINGS);
    await refusal(enqueue(node));
    const ready = await refusal(node.call('GET', '/readyz'));
    if (ready?.code === 'store_unavailable') assert.match(ready.detail, /a newer release has changed the store/);
    await left(node);
    assert.deepEqual(await count(), before);
});

test('servers that nobody uses notice it with their beats, and none starts', { skip: SKIP, timeout: 240_000 }, async (t) => {
    t.after(lower);
    const nodes = [await start(), await start()];
    await raise();
    // A beat comes every 30 s, and with each new session.
    await db.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stint listener' AND datname = current_database()");
    await Promise.all(nodes.map(left));
    const refused = await new Promise((resolve) => execFile(BIN, ['serve', '--store', db.dsn, '--listen', '127.0.0.1:0'], (error, _, said) => resolve({ code: error?.code, said })));
    assert.equal(refused.code, 1);
    assert.match(refused.said, /only for programs that know version 1000 .*run the newer release/);
    await lower();
    const again = await start();
    assert.equal((await enqueue(again)).status, 201);
    await again.stop();
});
