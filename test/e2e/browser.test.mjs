// examples/stream.html in a real browser, served by examples/stream.mjs from another origin than the server's: what happens to a
// stream when the server is killed, when a token is no longer good, and when the page's origin was not allowed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { application } from '../../examples/stream.mjs';
import { makeDir, startServer } from './lib/server.mjs';

let browser;
let dir;
let server;
let app;
let origin;
before(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
    dir = makeDir();
    app = application({ stint: () => server, job: { kind: 'k', queue: 'pages' }, types: ['step'] });
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    origin = `http://127.0.0.1:${app.address().port}`;
    server = await startServer({ dir, args: ['--allow-origin', origin] });
});
after(async () => {
    await browser?.close();
    app?.close();
    await server?.stop();
    dir?.remove();
});

/** The server again: its store, its address, its key. */
const startAgain = async () => {
    server = await startServer({ dir, key: server.key, listen: new URL(server.url).host, args: ['--allow-origin', origin] });
};
/** Presses the button, and claims the job that comes of it. */
async function begin(page) {
    await page.goto(origin);
    await page.click('#start');
    const { json } = await server.call('POST', '/v1/claims', { worker: 'w', queues: ['pages'], lease_s: 120, wait_s: 30 });
    let n = 0;
    const report = (op, more) => server.call('POST', '/v1/reports', { job: json.jobs[0].id, lease: json.jobs[0].lease, n: ++n, op, ...more });
    return { report, step: (i) => report('progress', { percent: i * 10, events: [{ type: 'step', data: { i } }] }) };
}
const seen = (page) => page.$$eval('#events li', (lines) => lines.map((l) => l.textContent));
const shows = (page, id) => page.waitForSelector(`#events li[data-id="${id}"]`);
const connection = (page, state) => page.waitForSelector(`#connection[data-state="${state}"]`);
const STEPS = [1, 2, 3, 4].map((i) => `${i}step {"i":${i}}`);

test('a page sees each event once, in order, while the server is killed and comes back', async () => {
    const page = await browser.newPage();
    const job = await begin(page);
    await job.step(1);
    await job.step(2);
    await shows(page, 2);
    await server.kill();
    await connection(page, 'waiting');
    await startAgain();
    await job.step(3);
    await job.step(4);
    await job.report('complete', { result: null });
    await connection(page, 'none');
    assert.deepEqual((await seen(page)).slice(0, 4), STEPS);
    assert.equal((await seen(page)).length, 5, 'and the end');
    assert.equal(await page.textContent('#outcome'), 'completed');
    assert.equal(await page.$eval('#progress', (p) => p.value), 100);
    await page.close();
});

test('a page whose token is no longer good gets a new one, and goes on where it was', async () => {
    const page = await browser.newPage();
    let asked = 0;
    await page.route('**/stream', async (route) => {
        const answer = await route.fetch();
        const { url } = await answer.json();
        await route.fulfill({ json: { url: asked++ === 0 ? url.replace(/token=.*/, 'token=spent') : url } });
    });
    const job = await begin(page);
    for (const i of [1, 2, 3, 4]) await job.step(i);
    await shows(page, 4);
    await job.report('complete', { result: null });
    await connection(page, 'none');
    assert.ok(asked >= 2);
    assert.deepEqual((await seen(page)).slice(0, 4), STEPS);
    await page.close();
});

test('nothing but the streams is open to the page, and to no page of another origin', async () => {
    const get = async (path, from) => (await fetch(server.url + path, { headers: { origin: from, authorization: `Bearer ${server.key}`, accept: 'application/json' } })).headers;
    const { json } = await server.call('POST', '/v1/jobs', { kind: 'k', queue: 'nobody' });
    const stream = `/v1/jobs/${json.id}/events`;
    const grant = 'access-control-allow-origin';
    assert.equal((await get(stream, origin)).get(grant), origin);
    assert.match((await get(stream, origin)).get('vary'), /Origin/);
    for (const other of ['https://evil.example', 'null', origin.toUpperCase(), `${origin}0`, origin.slice(0, -1)]) {
        assert.equal((await get(stream, other)).get(grant), null, other);
    }
    assert.equal((await get(`/v1/jobs/${json.id}`, origin)).get(grant), null);
    assert.equal((await get('/v1/events', origin)).get(grant), null);
});
