// The fault points of the source but those of files and connections (lib/faults.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HITS, NAMES, isOfFiles, testFaults } from './lib/faults.mjs';

test('the fault points of the source are known', () => {
    assert.ok(NAMES.length >= 12, `only ${NAMES}`);
    for (const name of Object.keys(HITS)) assert.ok(NAMES.includes(name), `${name} is gone`);
});

testFaults(NAMES.filter((name) => !isOfFiles(name)));
