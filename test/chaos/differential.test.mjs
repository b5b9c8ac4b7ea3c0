// The differential test of the store's suite for long: CHAOS_ITEMS items of operations for each engine (2,000,000).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const ITEMS = process.env.CHAOS_ITEMS ?? '2000000';

test(`each engine answers ${ITEMS} items of random operations as the model does`, (t) => {
    const run = spawnSync(join(process.env.STINT_BUILD, 'test/store'), ['the_store_answers_like_the_model'], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: { ...process.env, STINT_ITEMS: ITEMS, STINT_PATIENCE: '200' },
    });
    const said = run.stdout.split('\n').filter((l) => /^differential: |^\d+%/.test(l));
    said.forEach((line) => t.diagnostic(line));
    assert.equal(run.status, 0, run.stdout.slice(-20000) + run.stderr.slice(-3000));
    assert.ok(said.filter((l) => / operations with /.test(l)).length >= 2, 'two engines or more');
});
