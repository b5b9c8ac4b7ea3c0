// Tenant isolation (J13): for every operation of the OpenAPI document, tenant B's key against tenant A's objects answers exactly as
// against objects that do not exist; and nothing of A shows in B's lists, streams, counts. A new operation without a row fails.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { operations } from './lib/openapi.mjs';
import { createKey, makeDir, startServer } from './lib/server.mjs';
import { seriesOf } from './lib/series.mjs';

let server;
let a;
let b;
let operator; // with a key of the tenant default
let mine; // what A has
before(async () => {
    const dir = makeDir();
    const store = `sqlite:${dir.file('stint.db')}`;
    const [keyA, keyB, ownKey] = ['a-corp', 'b-corp', 'default'].map((t) => createKey(store, ['--tenant', t]));
    server = await startServer({ dir, store, key: keyA });
    a = (method, path, body, more = {}) => server.call(method, path, body, { key: keyA, ...more });
    b = (method, path, body, more = {}) => server.call(method, path, body, { key: keyB, ...more });
    operator = (method, path, body) => server.call(method, path, body, { key: ownKey });
    await a('POST', '/v1/jobs', { kind: 'secret-kind', queue: 'secret-q', unique_key: 'same', tags: ['secret-tag'] }, { headers: { 'idempotency-key': 'same' } });
    const running = (await a('POST', '/v1/claims', { worker: 'secret-w', queues: ['secret-q'], lease_s: 600 })).json.jobs[0];
    const done = (await a('POST', '/v1/jobs', { kind: 'secret-kind', queue: 'secret-q' })).json;
    const claimed = (await a('POST', '/v1/claims', { worker: 'secret-w', queues: ['secret-q'], lease_s: 600 })).json.jobs[0];
    await a('POST', '/v1/reports', { job: claimed.id, lease: claimed.lease, n: 1, op: 'complete', result: 'secret', artifacts: [{ name: 'file', text: 'secret' }],
        publish: [{ artifact: 'file', series: 'secret-series' }, { artifact: 'file', series: seriesOf('/secret-repo') }], events: [{ type: 'x', data: 'secret' }] });
    await a('POST', '/v1/jobs', { kind: 'secret-kind', queue: 'secret-q', delay_s: 3600 });
    await a('PUT', '/v1/schedules/secret-schedule', { cron: '@hourly', job: { kind: 'secret-kind', queue: 'secret-q' } });
    await a('PUT', '/v1/limits/secret-limit', { concurrency: 1 });
    const batch = (await a('POST', '/v1/batches', { name: 'secret-batch', jobs: [{ kind: 'secret-kind', queue: 'secret-q', delay_s: 3600 }] })).json.id;
    mine = { batch, running, done: done.id, key: (await a('GET', '/v1/keys')).json.keys[0].id };
});
after(async () => {
    await server.stop();
    server.dir.remove();
});

const RANDOM = '0199f3c8-7a10-7000-8000-00000000abcd';
const sse = { headers: { accept: 'text/event-stream' } };
const report = (job) => ({ job, lease: mine.running.lease, n: 1, op: 'complete' });

/** One row an operation: requests about a given object of the tenant. `theirs` makes them for A's object, `nobody` for a random one. */
const rows = {
    getJob: (o) => [['GET', `/v1/jobs/${o.job}`], ['GET', `/v1/jobs/${o.job}?wait=1`]],
    patchJob: (o) => [['PATCH', `/v1/jobs/${o.job}`, { priority: 1 }]],
    eraseJob: (o) => [['DELETE', `/v1/jobs/${o.job}`]],
    cancelJob: (o) => [['POST', `/v1/jobs/${o.job}/cancel`]],
    retryJob: (o) => [['POST', `/v1/jobs/${o.job}/retry`]],
    promoteJob: (o) => [['POST', `/v1/jobs/${o.job}/promote`]],
    cancelJobs: (o) => [['POST', '/v1/jobs/cancel', { ids: [o.job] }]],
    retryJobs: (o) => [['POST', '/v1/jobs/retry', { ids: [o.job] }]],
    promoteJobs: (o) => [['POST', '/v1/jobs/promote', { ids: [o.job] }]],
    retryDead: (o) => [['POST', '/v1/dead/retry', { ids: [o.job] }]],
    purgeDead: (o) => [['POST', '/v1/dead/purge', { ids: [o.job] }]],
    listChildren: (o) => [['GET', `/v1/jobs/${o.job}/children`]],
    listChildArtifacts: (o) => [['GET', `/v1/jobs/${o.job}/children/artifacts/a`]],
    readEvents: (o) => [['GET', `/v1/jobs/${o.job}/events`, undefined, sse], ['GET', `/v1/jobs/${o.job}/events`, undefined, { headers: { accept: 'application/json' } }]],
    createStreamToken: (o) => [['POST', `/v1/jobs/${o.job}/stream-token`]],
    listArtifacts: (o) => [['GET', `/v1/jobs/${o.job}/artifacts`]],
    getArtifact: (o) => [['GET', `/v1/jobs/${o.job}/artifacts/file`]],
    putArtifact: (o) => [['PUT', `/v1/jobs/${o.job}/artifacts/file?lease=${mine.running.lease}`, 'x']],
    reportJobs: (o) => [['POST', '/v1/reports', report(o.job)], ['POST', '/v1/reports', [report(o.job)]]],
    getSeries: (o) => [['GET', `/v1/series/${o.series}`]],
    getSeriesContent: (o) => [['GET', `/v1/series/${o.series}/content`], ['GET', `/v1/series/${o.series}/content?job=${o.job}`]],
    getQueue: (o) => [['GET', `/v1/queues/${o.queue}`]],
    deleteQueue: (o) => [['DELETE', `/v1/queues/${o.queue}`]],
    getSchedule: (o) => [['GET', `/v1/schedules/${o.schedule}`]],
    patchSchedule: (o) => [['PATCH', `/v1/schedules/${o.schedule}`, { cron: '@daily' }]],
    deleteSchedule: (o) => [['DELETE', `/v1/schedules/${o.schedule}`]],
    runSchedule: (o) => [['POST', `/v1/schedules/${o.schedule}/run`]],
    pauseSchedule: (o) => [['POST', `/v1/schedules/${o.schedule}/pause`]],
    resumeSchedule: (o) => [['POST', `/v1/schedules/${o.schedule}/resume`]],
    getLimit: (o) => [['GET', `/v1/limits/${o.limit}`]],
    deleteLimit: (o) => [['DELETE', `/v1/limits/${o.limit}`]],
    getBatch: (o) => [['GET', `/v1/batches/${o.batch}`]],
    listBatchJobs: (o) => [['GET', `/v1/batches/${o.batch}/jobs`]],
    listBatchResults: (o) => [['GET', `/v1/batches/${o.batch}/results`]],
    readBatchEvents: (o) => [['GET', `/v1/batches/${o.batch}/events`, undefined, sse], ['GET', `/v1/batches/${o.batch}/events`, undefined, { headers: { accept: 'application/json' } }]],
    closeBatch: (o) => [['POST', `/v1/batches/${o.batch}/close`]],
    cancelBatch: (o) => [['POST', `/v1/batches/${o.batch}/cancel`]],
    revokeKey: (o) => [['DELETE', `/v1/keys/${o.key}`]],
    ...Object.fromEntries(operations.filter((o) => o.path.startsWith('/v1/index/')).map((o) => [o.operation.operationId, (x) => [[o.method, o.path.replace('{repo}', encodeURIComponent(x.repo)).replace(/\{[^}]+\}/g, 'x')]]])),
};
/** Operations about the whole tenant, which the second test reads: B must find nothing of A in them. */
const wholes = {
    listJobs: ['GET', '/v1/jobs?limit=1000'],
    listDead: ['GET', '/v1/dead'],
    listSeries: ['GET', '/v1/series'],
    listQueues: ['GET', '/v1/queues'],
    listSchedules: ['GET', '/v1/schedules'],
    listLimits: ['GET', '/v1/limits'],
    listBatches: ['GET', '/v1/batches'],
    listWorkers: ['GET', '/v1/workers'],
    getStats: ['GET', '/v1/stats'],
    listKeys: ['GET', '/v1/keys'],
    listIndexes: ['GET', '/v1/index'],
};
/** Operations that make something of one's own, or concern no tenant; the last test covers those that could clash. */
const others = ['enqueueJobs', 'createBatch', 'claimJobs', 'readFeed', 'putSchedule', 'putLimit', 'pauseLimit', 'resumeLimit', 'patchQueue', 'pauseQueue', 'resumeQueue', 'createKey', 'getLivez', 'getReadyz', 'getMetrics', 'getOpenapi'];

test('every operation has a row', () => {
    const known = [...Object.keys(rows), ...Object.keys(wholes), ...others];
    assert.deepEqual(operations.map((o) => o.operation.operationId).filter((id) => !known.includes(id)), []);
});

test("another tenant's objects answer exactly as objects that do not exist", async () => {
    const before = (await a('GET', `/v1/jobs/${mine.done}`)).text + (await a('GET', `/v1/jobs/${mine.running.id}`)).text;
    const nobody = { batch: RANDOM, job: RANDOM, repo: '/nothing', series: 'nothing', schedule: 'nothing', limit: 'nothing', queue: 'nothing', key: 'nobodyXX' };
    for (const [id, requests] of Object.entries(rows)) {
        for (const job of [mine.done, mine.running.id]) {
            const theirs = { batch: mine.batch, job, repo: '/secret-repo', series: 'secret-series', schedule: 'secret-schedule', limit: 'secret-limit', queue: 'secret-q', key: mine.key };
            const [got, want] = [requests(theirs), requests(nobody)];
            for (const [i, request] of got.entries()) {
                const [seen, expected] = [await b(...request), await b(...want[i])];
                const plain = (answer, o) => answer.text.replaceAll(o.job, 'JOB').replaceAll(o.schedule, 'SCHEDULE');
                assert.equal(seen.status, expected.status, `${id}: ${seen.text}`);
                assert.equal(plain(seen, theirs), plain(expected, nobody), id);
                assert.ok(seen.status === 404 || /"status":404/.test(seen.text), `${id} answered ${seen.status} ${seen.text}`);
            }
        }
    }
    assert.equal((await a('GET', `/v1/jobs/${mine.done}`)).text + (await a('GET', `/v1/jobs/${mine.running.id}`)).text, before);
});

test('nothing of another tenant is in lists, counts and names', async () => {
    for (const [id, request] of Object.entries(wholes)) {
        const answer = await b(...request);
        assert.equal(answer.status, 200);
        assert.ok(!answer.text.includes('secret') && !answer.text.includes(mine.done), `${id}: ${answer.text}`);
    }
    const stats = (await b('GET', '/v1/stats')).json;
    assert.ok(Object.values(stats.counts).every((n) => n === 0) && Object.values(stats.totals).every((n) => n === 0));
});

test('the same names and keys of two tenants are strangers', async () => {
    const headers = { 'idempotency-key': 'same' };
    const theirs = await b('POST', '/v1/jobs', { kind: 'k', queue: 'secret-q', unique_key: 'same' }, { headers });
    assert.equal(theirs.status, 201);
    assert.equal(theirs.headers.get('idempotency-replayed'), null);
    const claimed = (await b('POST', '/v1/claims', { worker: 'w', queues: ['secret-q'], max: 100 })).json.jobs;
    assert.deepEqual(claimed.map((j) => j.id), [theirs.json.id]);
    await b('POST', '/v1/queues/secret-q/pause');
    assert.equal((await a('GET', '/v1/queues/secret-q')).json.paused, false);
    assert.equal((await b('PUT', '/v1/schedules/secret-schedule', { cron: '@yearly', job: { kind: 'k' } })).status, 201);
    assert.equal((await a('GET', '/v1/schedules/secret-schedule')).json.cron, '@hourly');
    assert.equal((await b('POST', '/v1/jobs/cancel', { all: true })).json.jobs.length, 1);
    assert.equal((await a('GET', '/v1/stats')).json.counts.cancelled, 0);
    const cursor = (await a('GET', '/v1/jobs?limit=1')).json.next_cursor;
    assert.equal((await a('GET', `/v1/jobs?limit=1&cursor=${cursor}`)).status, 200);
    assert.equal((await b('GET', `/v1/jobs?limit=1&cursor=${cursor}`)).status, 400);
    const { token } = (await a('POST', `/v1/jobs/${mine.done}/stream-token`)).json;
    const own = (await b('POST', '/v1/jobs', { kind: 'k', queue: 'own' })).json.id;
    assert.equal((await b('GET', `/v1/jobs/${own}/events?token=${token}`, undefined, { key: null })).status, 404);
});

test("the feed tells only of one's own", async () => {
    const controller = new AbortController();
    const feed = await fetch(`${server.url}/v1/events`, { headers: { authorization: `Bearer ${(await b('POST', '/v1/keys', { scopes: ['read'] })).json.key}` }, signal: controller.signal });
    await a('POST', '/v1/jobs', { kind: 'secret-kind', queue: 'secret-q' });
    const own = (await b('POST', '/v1/jobs', { kind: 'k', queue: 'feed' })).json.id;
    let text = '';
    for await (const piece of feed.body) {
        text += new TextDecoder().decode(piece);
        if (text.includes(own)) break;
    }
    controller.abort();
    assert.ok(!text.includes('secret'));
});

test("metrics with a key count one's own", async (t) => {
    const outside = Object.values(networkInterfaces()).flat().find((i) => i.family === 'IPv4' && !i.internal);
    if (!outside) return t.skip('no address but loopback');
    const dir = makeDir();
    const store = `sqlite:${dir.file('stint.db')}`;
    const keyA = createKey(store, ['--tenant', 'a-corp']);
    const other = await startServer({ dir, store, key: keyA, listen: '0.0.0.0:0' });
    other.url = `http://${outside.address}:${new URL(other.url).port}`;
    const metrics = async (key) => other.call('GET', '/metrics', undefined, { key });
    assert.equal((await metrics(null)).status, 401);
    assert.match((await metrics(keyA)).text, /^stint_rounds_total /m);
    await other.call('POST', '/v1/jobs', { kind: 'k' });
    const limited = (await other.call('POST', '/v1/keys', { scopes: ['admin'], queues: ['q'] })).json.key;
    assert.equal((await metrics(limited)).status, 403);
    await other.stop();
    const keyB = createKey(store, ['--tenant', 'b-corp']);
    const both = await startServer({ dir, store, key: keyB, listen: '0.0.0.0:0' });
    both.url = `http://${outside.address}:${new URL(both.url).port}`;
    const [seenA, seenB] = [await both.call('GET', '/metrics', undefined, { key: keyA }), await both.call('GET', '/metrics')];
    assert.match(seenA.text, /^stint_jobs\{state="queued"\} 1$/m);
    assert.match(seenB.text, /^stint_jobs\{state="queued"\} 0$/m);
    assert.deepEqual([...seenB.text.matchAll(/^stint_(\w+?)(?:_total)?[ {]/gm)].map((m) => m[1]).filter((n) => !/^(jobs|build_info|limits_paused)/.test(n)), []);
    await both.stop();
    dir.remove();
});

test('a tenant cannot shut a key of the server for the others', async () => {
    const shared = { kind: 'k', queue: 'shared', limits: ['server:gpu'] };
    await b('POST', '/v1/jobs', shared);
    const job = (await b('POST', '/v1/claims', { worker: 'w', queues: ['shared'] })).json.jobs[0];
    const said = { job: job.id, lease: job.lease, n: 1, op: 'fail', error: { class: 'rate_limited', message: '429' }, pause_key: 'server:gpu', correct: { 'server:gpu': 1e9 } };
    assert.equal((await b('POST', '/v1/reports', said)).status, 200);
    const { paused, paused_until } = (await operator('GET', '/v1/limits/server:gpu')).json;
    assert.equal(paused, true);
    assert.ok(Date.parse(paused_until) < Date.now() + 3600_000, paused_until);
});
