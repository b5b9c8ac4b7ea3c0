// The power cuts of the store's suite, fifty times as many: CHAOS_CUTS of each fault model (35,000).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const CUTS = process.env.CHAOS_CUTS ?? '35000';

test(`nothing acknowledged is lost in ${CUTS} power cuts of each model (J1, J3, J4)`, (t) => {
    const run = spawnSync(join(process.env.STINT_BUILD, 'test/store'), ['nothing_acknowledged_is_lost'], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: { ...process.env, STINT_CUTS: CUTS, STINT_PATIENCE: '100' },
    });
    const said = run.stdout.split('\n').filter((l) => / cuts \(|STINT_SEED|^\d+%/.test(l));
    said.forEach((line) => t.diagnostic(line));
    assert.equal(run.status, 0, run.stdout.slice(-3000) + run.stderr.slice(-3000));
    assert.equal(said.filter((l) => / cuts \(/.test(l)).length, 3, 'three models');
});
