// Artifacts and series: staged under a lease, published by completion, read in ranges, gone with a lost lease.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer();
    call = server.call;
});
after(() => server.stop());

const claimNew = async (queue) => {
    await call('POST', '/v1/jobs', { kind: 'k', queue });
    return (await call('POST', '/v1/claims', { worker: 'w', queues: [queue], lease_s: 60 })).json.jobs[0];
};
const report = (job, n, op, more = {}) => call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
const auth = () => ({ authorization: `Bearer ${server.key}` });
const put = async (job, name, bytes, headers = {}) => {
    const answer = await fetch(`${server.url}/v1/jobs/${job.id}/artifacts/${name}?lease=${job.lease}`, { method: 'PUT', body: bytes, headers: { ...auth(), ...headers }, ...(bytes?.getReader ? { duplex: 'half' } : {}) });
    return { status: answer.status, json: await answer.json() };
};
const get = async (path, headers = {}) => {
    const answer = await fetch(server.url + path, { headers: { ...auth(), ...headers } });
    return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
};

for (const [label, size] of [['a small one, a row', 1000], ['a large one, a file', 3_000_000], ['an empty one', 0]]) {
    test(`${label}: staged, invisible until the job completes, then there in ranges`, async () => {
        const job = await claimNew('put');
        const bytes = randomBytes(size);
        const staged = await put(job, 'data.bin', bytes, { 'content-type': 'application/x-thing' });
        assert.equal(staged.status, 201);
        assert.deepEqual(staged.json, { name: 'data.bin', media_type: 'application/x-thing', size, sha256: sha(bytes) });
        const path = `/v1/jobs/${job.id}/artifacts`;
        assert.deepEqual((await call('GET', path)).json.artifacts, []);
        assert.equal((await call('GET', `${path}/data.bin`)).status, 404);
        await report(job, 1, 'complete');
        const [listed] = (await call('GET', path)).json.artifacts;
        assert.equal(listed.sha256, sha(bytes));
        const whole = await get(`${path}/data.bin`);
        assert.equal(whole.status, 200);
        assert.ok(whole.bytes.equals(bytes));
        assert.equal(whole.headers.get('content-type'), 'application/x-thing');
        assert.equal(whole.headers.get('etag'), `"${sha(bytes)}"`);
        assert.equal(whole.headers.get('x-content-type-options'), 'nosniff');
        assert.match(whole.headers.get('content-disposition'), /^attachment/);
        assert.equal((await get(`${path}/data.bin`, { 'if-none-match': whole.headers.get('etag') })).status, 304);
        if (size > 0) {
            const part = await get(`${path}/data.bin`, { range: `bytes=10-${size - 11}` });
            assert.equal(part.status, 206);
            assert.ok(part.bytes.equals(bytes.subarray(10, size - 10)));
            assert.equal((await get(`${path}/data.bin`, { range: `bytes=${size}-` })).status, 416);
        }
    });
}

test('an upload of unknown length is hashed while it is written', async () => {
    const job = await claimNew('chunked');
    const pieces = Array.from({ length: 20 }, () => randomBytes(50_000));
    const body = new ReadableStream({ start: (c) => (pieces.forEach((p) => c.enqueue(p)), c.close()) });
    const staged = await put(job, 'x', body);
    assert.deepEqual([staged.status, staged.json.size, staged.json.sha256], [201, 1_000_000, sha(Buffer.concat(pieces))]);
    await report(job, 1, 'complete');
    assert.ok((await get(`/v1/jobs/${job.id}/artifacts/x`)).bytes.equals(Buffer.concat(pieces)));
});

test('artifacts inside a report have their own hash, so that no cache takes one for another', async () => {
    const job = await claimNew('inside');
    const given = { text: { text: 'abc' }, json: { json: { a: 1 } }, bytes: { base64: 'aGk=' } };
    await report(job, 1, 'complete', { artifacts: Object.entries(given).map(([name, bytes]) => ({ name, ...bytes })), publish: [{ artifact: 'text', series: 'inside' }] });
    const path = `/v1/jobs/${job.id}/artifacts`;
    const listed = (await call('GET', path)).json.artifacts;
    assert.deepEqual(Object.fromEntries(listed.map((a) => [a.name, a.sha256])), { text: sha('abc'), json: sha('{"a":1}'), bytes: sha('hi') });
    assert.equal((await get(`${path}/text`)).headers.get('etag'), `"${sha('abc')}"`);
    assert.equal((await call('GET', '/v1/series/inside')).json.entries[0].sha256, sha('abc'));
});

test('the last one staged under a name is the one that is published', async () => {
    const job = await claimNew('twice');
    await put(job, 'x', randomBytes(500_000));
    await put(job, 'x', Buffer.from('second'));
    await report(job, 1, 'complete');
    assert.equal((await get(`/v1/jobs/${job.id}/artifacts/x`)).bytes.toString(), 'second');
});

test('without the lease nothing is staged, and no file stays behind', async () => {
    const files = () => readdirSync(server.dir.path, { recursive: true }).filter((f) => /\.part$/.test(f));
    const job = await claimNew('wrong');
    assert.equal((await put({ ...job, lease: job.lease + 1 }, 'x', randomBytes(400_000))).json.code, 'lease_lost');
    assert.equal((await put({ ...job, lease: 'x' }, 'x', 'y')).status, 422);
    assert.equal((await put({ ...job, id: '0199f3c8-7a10-7000-8000-000000000001' }, 'x', 'y')).status, 404);
    assert.equal((await put(job, 'a%2Fb', 'y')).status, 422);
    assert.equal((await put(job, 'x', 'y', { 'content-type': 'a\tb' })).status, 415);
    assert.equal((await call('PUT', `/v1/jobs/${job.id}/artifacts/x`, 'y')).status, 422, 'no lease at all');
    const controller = new AbortController();
    const body = new ReadableStream({ start: (c) => c.enqueue(randomBytes(600_000)) });
    const leaving = fetch(`${server.url}/v1/jobs/${job.id}/artifacts/x?lease=${job.lease}`, { method: 'PUT', body, duplex: 'half', headers: auth(), signal: controller.signal });
    while (files().length === 0) await call('GET', '/livez');
    controller.abort();
    await leaving.catch(() => {});
    while (files().length > 0) await call('GET', '/livez');
    await report(job, 1, 'complete');
    assert.deepEqual((await call('GET', `/v1/jobs/${job.id}/artifacts`)).json.artifacts, []);
});

test('a job that fails publishes nothing', async () => {
    const job = await claimNew('fails');
    await put(job, 'x', randomBytes(400_000));
    await report(job, 1, 'fail', { error: { class: 'permanent', message: 'no' } });
    assert.deepEqual((await call('GET', `/v1/jobs/${job.id}/artifacts`)).json.artifacts, []);
});

test('a series keeps the newest n, with the results of their jobs, also when a job is erased', async () => {
    const name = encodeURIComponent('index:https://example.org/repo#main');
    const ids = [];
    for (let i = 1; i <= 4; i++) {
        const job = await claimNew('series');
        ids.unshift(job.id);
        await put(job, 'index.db', Buffer.alloc(300_000, i));
        const done = await report(job, 1, 'complete', { result: { i }, publish: [{ artifact: 'index.db', series: decodeURIComponent(name), keep: 2 }] });
        assert.equal(done.status, 200, done.text);
    }
    const series = (await call('GET', `/v1/series/${name}`)).json;
    assert.deepEqual(series.entries.map((e) => [e.job, e.result.i]), [[ids[0], 4], [ids[1], 3]]);
    const newest = await get(`/v1/series/${name}/content`);
    assert.deepEqual([newest.status, newest.bytes[0], newest.headers.get('stint-job')], [200, 4, ids[0]]);
    assert.equal((await get(`/v1/series/${name}/content?job=${ids[1]}`)).bytes[0], 3);
    assert.equal((await get(`/v1/series/${name}/content?job=${ids[3]}`)).status, 404);
    assert.equal((await get(`/v1/series/${name}/content?job=x`)).status, 404);
    assert.equal((await call('DELETE', `/v1/jobs/${ids[3]}`)).status, 200);
    const list = (await call('GET', '/v1/series?prefix=index:')).json;
    assert.deepEqual(list.series.map((s) => [s.series, s.newest.job]), [[decodeURIComponent(name), ids[0]]]);
    assert.equal((await call('GET', '/v1/series/nothing')).status, 404);
});
