// Locks on PostgreSQL for long: an application's transaction that stays open with a unique key for CHAOS_OPEN_S (60) beside the work
// of two nodes, and CHAOS_BATCHES (10,000) batches of keys from each of two nodes in opposite order. And CHAOS_WAKES (10,000) waits
// against the end of the last child, and jobs that depend on it, at two nodes that both tick.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SKIP } from '../e2e/lib/need_postgres.mjs';

async function run(file, args, env) {
    const clean = { ...process.env, ...env };
    delete clean.NODE_TEST_CONTEXT; // a run of its own, which prints
    const proc = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: clean });
    let said = '';
    proc.stdout.on('data', (piece) => (said += piece));
    const [code] = await once(proc, 'close');
    return { code, said };
}

test('a transaction that stays open with a unique key delays nobody else', { skip: SKIP }, async (t) => {
    const file = fileURLToPath(new URL('../e2e/pg_locks.test.mjs', import.meta.url));
    const { code, said } = await run(process.execPath, ['--test', '--test-reporter=tap', file], { OPEN_S: process.env.CHAOS_OPEN_S ?? '60' });
    said.split('\n').filter((l) => / p99 /.test(l)).forEach((line) => t.diagnostic(line));
    assert.equal(code, 0, said);
});

test('batches of keys in opposite order from two nodes meet no deadlock', { skip: SKIP }, async (t) => {
    const { code, said } = await run(join(process.env.STINT_BUILD, 'test/store'), ['opposite_order'], {
        STINT_BATCHES: process.env.CHAOS_BATCHES ?? '10000',
        STINT_PATIENCE: '100',
    });
    said.split('\n').filter((l) => /^opposite order: /.test(l)).forEach((line) => t.diagnostic(line));
    assert.equal(code, 0, said.slice(-5000));
    assert.match(said, /^opposite order: /m);
});

test('a wait and the end of the last child at two nodes never miss each other', { skip: SKIP }, async (t) => {
    const { code, said } = await run(join(process.env.STINT_BUILD, 'test/store'), ['never_miss'], {
        STINT_WAKES: process.env.CHAOS_WAKES ?? '10000',
        STINT_PATIENCE: '100',
    });
    said.split('\n').filter((l) => /^wakes: /.test(l)).forEach((line) => t.diagnostic(line));
    assert.equal(code, 0, said.slice(-5000));
    assert.match(said, /^wakes: /m);
});
