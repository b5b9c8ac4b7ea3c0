// Many jobs in one call: arrays, NDJSON, partial, idempotency.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { startServer } from './lib/server.mjs';

let server;
let call;
before(async () => {
    server = await startServer();
    call = server.call;
});
after(() => server.stop());

const ndjson = { headers: { 'content-type': 'application/x-ndjson' } };
const queued = async (queue) => (await call('GET', '/v1/queues')).json.queues.find((q) => q.name === queue)?.counts.queued ?? 0;

test('ten thousand jobs in one call come out in order', async () => {
    const answer = await call('POST', '/v1/jobs', Array.from({ length: 10_000 }, (_, n) => ({ kind: 'k', queue: 'big', args: n })));
    assert.equal(answer.status, 201);
    assert.equal(answer.json.jobs.length, 10_000);
    const ids = answer.json.jobs.map((j) => j.id);
    assert.deepEqual([...ids].sort(), ids);
    const got = [];
    for (let i = 0; i < 10; i++) {
        const { jobs } = (await call('POST', '/v1/claims', { worker: 'w', queues: ['big'], max: 1000 })).json;
        got.push(...jobs.map((j) => j.args));
        const done = await call('POST', '/v1/reports', jobs.map((j) => ({ job: j.id, lease: j.lease, n: 1, op: 'complete' })));
        assert.ok(done.json.verdicts.every((v) => v.state === 'completed'));
    }
    assert.deepEqual(got, Array.from({ length: 10_000 }, (_, n) => n));
});

test('NDJSON is a line a job, with blank lines and either line end', async () => {
    const answer = await call('POST', '/v1/jobs', '{"kind":"a","queue":"nd"}\r\n\n{"kind":"b","queue":"nd"}', ndjson);
    assert.equal(answer.status, 201);
    assert.equal(answer.json.jobs.length, 2);
    const bad = await call('POST', '/v1/jobs', '{"kind":"a","queue":"nd"}\n\n{"kind":', ndjson);
    assert.equal(bad.status, 400);
    assert.match(bad.json.detail, /^line 3: .*byte/);
    assert.equal((await call('POST', '/v1/jobs', '\n \n', ndjson)).status, 422);
    assert.equal(await queued('nd'), 2);
});

test('all or nothing: one bad item and nothing is stored; the answer names every bad one', async () => {
    const jobs = Array.from({ length: 1000 }, () => ({ kind: 'k', queue: 'strict' }));
    jobs[7] = { kind: 'k', queue: 'strict', priority: 'high' };
    jobs[998] = { kind: 'k', queue: 'strict', nope: 1 };
    const answer = await call('POST', '/v1/jobs', jobs);
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.json.errors.map((e) => [e.index, e.code, e.field]), [[7, 'invalid_field', '/priority'], [998, 'unknown_field', '/nope']]);
    assert.equal(await queued('strict'), 0);
});

test('partial: the good ones are stored, and each has its verdict', async () => {
    const answer = await call('POST', '/v1/jobs?partial=true', [
        { kind: 'k', queue: 'part' },
        { queue: 'part' },
        { kind: 'k', queue: 'part', unique_key: 'u' },
        { kind: 'k', queue: 'part', unique_key: 'u' },
        { kind: 'k', queue: 'part', args: 'x'.repeat(1 << 20) },
    ]);
    assert.equal(answer.status, 207);
    const [a, b, c, d, e] = answer.json.jobs;
    assert.equal(a.state, 'queued');
    assert.deepEqual([b.status, b.field], [422, '/kind']);
    assert.deepEqual([d.id, d.duplicate], [c.id, true]);
    assert.equal(e.status, 413);
    assert.equal(await queued('part'), 2);
    const none = await call('POST', '/v1/jobs?partial=true', [{}, 5]);
    assert.deepEqual([none.status, none.json.jobs.map((j) => j.status)], [207, [422, 422]]);
    const lines = await call('POST', '/v1/jobs?partial=true', '{"kind":"k","queue":"part"}\n{bad\n', ndjson);
    assert.deepEqual([lines.status, lines.json.jobs[1].status], [207, 400]);
    const twice = await call('POST', '/v1/jobs', [{ kind: 'k', queue: 'part', unique_key: 'u' }]);
    assert.equal(twice.status, 200);
});

test('an idempotency key gives the first answer again, and enqueues nothing', async () => {
    const headers = { 'idempotency-key': 'order-17' };
    const body = { kind: 'k', queue: 'idem', args: 1 };
    const first = await call('POST', '/v1/jobs', body, { headers });
    assert.equal(first.headers.get('idempotency-replayed'), null);
    const again = await call('POST', '/v1/jobs', body, { headers });
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.deepEqual([again.status, again.json], [first.status, first.json]);
    const other = await call('POST', '/v1/jobs', { ...body, args: 2 }, { headers });
    assert.deepEqual([other.status, other.json.code], [422, 'idempotency_mismatch']);
    assert.equal(await queued('idem'), 1);
    const many = [{ kind: 'k', queue: 'idem' }, { kind: 'k', queue: 'idem' }];
    const one = await call('POST', '/v1/jobs', many, { headers: { 'idempotency-key': 'two' } });
    const two = await call('POST', '/v1/jobs', many, { headers: { 'idempotency-key': 'two' } });
    assert.deepEqual(two.json, one.json);
    assert.equal(await queued('idem'), 3);
});

test('a hundred at once with one idempotency key make one job', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => call('POST', '/v1/jobs', { kind: 'k', queue: 'race' }, { headers: { 'idempotency-key': 'race' } })));
    const ids = new Set(answers.filter((a) => a.status === 201).map((a) => a.json.id));
    assert.equal(ids.size, 1);
    for (const a of answers) {
        if (a.status === 201) continue;
        assert.deepEqual([a.status, a.json.code, a.headers.get('retry-after')], [409, 'idempotency_in_flight', '1']);
    }
    assert.equal(await queued('race'), 1);
});

test('idempotency keys that cannot be are refused', async () => {
    for (const key of ['x'.repeat(256), '', 'caf\xe9']) { // the last one byte of Latin 1: no UTF-8
        const answer = await call('POST', '/v1/jobs', { kind: 'k', queue: 'never' }, { headers: { 'idempotency-key': key } });
        assert.deepEqual([answer.status, answer.json.code], [400, 'malformed_request']);
    }
    // fetch would join two into one.
    const status = await new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json', 'idempotency-key': ['a', 'b'] };
        const body = '{"kind":"k","queue":"never"}';
        request(`${server.url}/v1/jobs`, { method: 'POST', headers: { ...headers, 'content-length': body.length } }, (answer) => resolve(answer.resume().statusCode))
            .on('error', reject)
            .end(body);
    });
    assert.equal(status, 400);
    assert.equal(await queued('never'), 0);
});

test('a claim of many big jobs gives what fits into one answer, and the rest to the next', async () => {
    for (let i = 0; i < 2; i++) {
        const jobs = Array.from({ length: 20 }, () => ({ kind: 'k', queue: 'heavy', args: 'x'.repeat(1_000_000) }));
        assert.equal((await call('POST', '/v1/jobs', jobs)).status, 201);
    }
    let total = 0;
    for (let claims = 0; total < 40; claims++) {
        assert.ok(claims < 5);
        const { jobs } = (await call('POST', '/v1/claims', { worker: 'w', queues: ['heavy'], max: 1000, lease_s: 600 })).json;
        assert.ok(jobs.length > 0 && jobs.length < 20, `${jobs.length} at once`);
        total += jobs.length;
    }
    assert.equal(total, 40);
});
