// J17: a server killed with a log full of acknowledged jobs, a byte of which somebody else changed: it does not start, says
// what is wrong where and what can be done, ends with 1, and has touched nothing. What it advises works.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BIN, createKey, makeDir, startServer } from './lib/server.mjs';

const FRAME = 24 + 4096;

test('a changed byte in the middle of the log is refused, and nothing is touched', async () => {
    const dir = makeDir();
    const store = `sqlite:${dir.file('stint.db')}`;
    const log = dir.file('stint.db-wal');
    const server = await startServer({ dir, store, key: createKey(store) });
    const ids = [];
    for (let i = 0; i < 20; i++) ids.push((await server.call('POST', '/v1/jobs', { kind: 'k', queue: 'q' })).json.id);
    await server.kill();
    const whole = readFileSync(log);
    const at = 32 + FRAME * Math.floor((whole.length - 32) / FRAME / 2);
    const damaged = Buffer.from(whole);
    damaged[at + 1000] ^= 1;
    writeFileSync(log, damaged);

    const hash = () => ['stint.db', 'stint.db-wal'].map((f) => createHash('sha256').update(readFileSync(dir.file(f))).digest('hex')).join();
    const before = hash();
    const ended = spawnSync(BIN, ['serve', '--store', store, '--listen', '127.0.0.1:0'], { encoding: 'utf8', timeout: 120_000 });
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stderr, /damaged/);
    assert.ok(ended.stderr.includes(`truncate -s ${at} `) && ended.stderr.includes(log), ended.stderr);
    assert.equal(hash(), before);
    assert.equal(spawnSync(BIN, ['keys', 'create', '--store', store], { timeout: 120_000 }).status, 1);
    assert.equal(hash(), before);

    truncateSync(log, at);
    const cut = await startServer({ dir, store, key: server.key });
    const left = (await cut.call('GET', '/v1/jobs?limit=1000')).json.jobs.map((j) => j.id);
    assert.ok(left.length > 0 && left.length < ids.length && left.every((id) => ids.includes(id)), `${left.length}`);
    await cut.stop();
    dir.remove();
});
