// A provider that says 429 to a full house: by its own log half as many calls are in flight behind the pause, and one more with each
// window of calls that are answered. Calls are held until as many are there as may be, so that nothing depends on how fast anything is.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeDir, startServer } from '../e2e/lib/server.mjs';
import { batch, startWorker } from './lib/prompts.mjs';
import { completion, startProvider } from './lib/provider.mjs';

const MOST = 8;
const dir = makeDir('stint-prompt-adaptive-');
const refused = { status: 429, headers: { 'retry-after-ms': '300' }, body: { error: { message: 'slow down' } } };
let stint, provider, worker;
/** Calls in flight, as what lets each be answered. */
let held = [];
let arrived = () => {};

before(async () => {
    stint = await startServer();
    provider = await startProvider(() => new Promise((resolve) => {
        held.push(resolve);
        arrived();
    }));
    const at = { base_url: `${provider.url}/v1`, concurrency: MOST };
    worker = startWorker(stint, dir, { acme: at, steady: { ...at, adaptive: false } }, { slots: MOST + 2 });
    while ((worker.log.match(/worker.limit_set key=provider/g) ?? []).length < 2) await new Promise((resolve) => { worker.proc.stderr.once('data', resolve); });
});
after(async () => {
    await worker.stop();
    await stint.stop();
    await provider.stop();
    dir.remove();
});

const limit = async (name) => (await stint.call('GET', `/v1/limits/provider:${name}`)).json;

/** When so many calls are in flight, and by the server no more may be, all of them get that answer, after `look`. Then none of those
 * before is left, for each slot has its call. */
async function window(slots, answer, look = () => {}) {
    while (held.length < slots) await new Promise((resolve) => { arrived = resolve; });
    const seen = await limit('acme');
    assert.deepEqual([held.length, seen.used, seen.slots], [slots, slots, slots]);
    await look();
    const all = held;
    held = [];
    all.forEach((resolve) => resolve(answer));
}

/** All that do not run wait for the provider, also when fewer may run than its rule says. */
async function theOthersWait(expected, active) {
    const { prompts } = JSON.parse((await batch(stint, 'status', 'adaptive', '--json')).out);
    assert.deepEqual([prompts.expected, prompts.active, prompts.waiting_rate_limit], [expected, active, expected - active]);
}

test('calls in flight are halved by a 429, and grow again by one with each window', async () => {
    assert.deepEqual([(await limit('acme')).adaptive, (await limit('steady')).adaptive], [true, false]);
    const prompts = Array.from({ length: 58 }, (_, i) => ({ id: `p${i}`, text: '?' }));
    writeFileSync(dir.file('def.json'), JSON.stringify({ name: 'adaptive', prompts, models: [{ id: 'm', provider: 'acme' }] }));
    const done = batch(stint, 'run', dir.file('def.json'), '--wait', '--json');
    await window(MOST, refused);
    await window(4, completion('Acme'), () => theOthersWait(prompts.length, 4));
    for (const slots of [4, 5, 6, 7, 8, 8, 8, 8]) await window(slots, completion('Acme'));
    const { code, out, err } = await done;
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).outcomes.succeeded, prompts.length);
    assert.equal(provider.calls.length, prompts.length + MOST);
});
