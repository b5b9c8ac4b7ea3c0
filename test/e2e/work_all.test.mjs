// A key for all tenants (scope work_all): their queues of one name take turns, what its worker does is done in the tenant of the job, and
// it can do nothing else (J13).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { operations } from './lib/openapi.mjs';
import { BIN, createKey, makeDir, startServer, stint } from './lib/server.mjs';

let dir;
let server;
let allKey;
let a;
let b;
let all;
const as = (key) => (method, path, body, headers = {}) => server.call(method, path, body, { key, headers });
before(async () => {
    dir = makeDir();
    const first = await startServer({ dir });
    await first.stop();
    const [keyA, keyB] = ['a-corp', 'b-corp'].map((t) => createKey(first.store, ['--tenant', t]));
    allKey = createKey(first.store, ['--scopes', 'work_all']);
    server = await startServer({ dir, key: first.key });
    [a, b, all] = [keyA, keyB, allKey].map(as);
});
after(async () => {
    await server.stop();
    dir.remove();
});

const enqueue = async (who, queue, count = 1, kind = 'k') =>
    (await who('POST', '/v1/jobs', Array.from({ length: count }, (_, n) => ({ queue, kind, args: { n } })))).json.jobs.map((j) => j.id);
const claim = async (who, queue, more = {}) => (await who('POST', '/v1/claims', { worker: 'w', queues: [queue], ...more })).json?.jobs ?? [];
const text = { 'content-type': 'text/plain' };
const under = (job) => ({ 'stint-lease': `${job.id} ${job.lease}` });

test('tenants take turns, job by job', async () => {
    await enqueue(a, 'turns', 50);
    assert.deepEqual((await claim(all, 'turns', { max: 3 })).map((j) => j.tenant), ['a-corp', 'a-corp', 'a-corp']);
    await enqueue(b, 'turns', 2);
    const seen = [];
    for (let i = 0; i < 6; i++) seen.push(...(await claim(all, 'turns')).map((j) => j.tenant[0]));
    assert.equal(seen.join(''), 'babaaa');
    assert.equal((await claim(all, 'turns', { max: 100 })).length, 43);
    assert.deepEqual(await claim(all, 'turns'), []);
    assert.equal((await claim(a, 'other', { max: 1 }))[0]?.tenant, undefined);
});

test('what its worker does is done in the tenant of the job', async () => {
    const [id] = await enqueue(b, 'deeds');
    await enqueue(a, 'deeds');
    const jobs = await claim(all, 'deeds', { max: 2, lease_s: 600 });
    const job = jobs.find((j) => j.tenant === 'b-corp');
    assert.equal(job.id, id);
    const say = (n, op, more = {}) => ({ job: job.id, lease: job.lease, n, op, ...more });
    const other = jobs.find((j) => j.tenant === 'a-corp');
    const both = await all('POST', '/v1/reports', [say(1, 'heartbeat'), { job: other.id, lease: other.lease, n: 1, op: 'heartbeat' }, { nonsense: 1 }]);
    assert.deepEqual(both.json.verdicts.map((v) => v.status), [200, 200, 422]);
    const told = await all('POST', '/v1/reports', say(2, 'progress', { percent: 50, events: [{ type: 'hello', data: 1 }], checkpoint: { at: 1 }, children: [{ kind: 'child', queue: 'deeds-below' }] }));
    assert.equal(told.status, 200, told.text);
    assert.equal((await all('PUT', `/v1/jobs/${id}/artifacts/small?lease=${job.lease}`, 'x', text)).status, 201);
    assert.equal((await all('PUT', `/v1/jobs/${id}/artifacts/big?lease=${job.lease}`, 'x'.repeat(300_000), text)).status, 201);
    const seen = (await b('GET', `/v1/jobs/${id}`)).json;
    assert.equal(seen.worker, 'all-tenants/w');
    assert.equal(seen.progress.percent, 50);
    const end = say(3, 'complete', { result: 7, publish: [{ artifact: 'small', series: 'all-series' }] });
    assert.equal((await all('POST', '/v1/reports', end)).json.state, 'completed');
    assert.equal((await all('POST', '/v1/reports', end)).json.replayed, true);
    assert.equal((await b('GET', `/v1/jobs/${id}`)).json.result, 7);
    assert.equal((await b('GET', `/v1/series/all-series/content`)).text, 'x');
    assert.equal((await b('GET', `/v1/jobs/${id}/artifacts/big`)).text.length, 300_000);
    assert.equal((await b('GET', '/v1/jobs?queue=deeds-below')).json.jobs.length, 1);
    assert.match((await b('GET', `/v1/jobs/${id}/events`, undefined, { accept: 'application/json' })).text, /hello/);
    for (const path of [`/v1/jobs/${id}`, '/v1/series/all-series']) assert.equal((await a('GET', path)).status, 404);
    assert.deepEqual((await b('GET', '/v1/workers')).json.workers, []);
    assert.ok((await server.call('GET', '/v1/workers')).json.workers.some((w) => w.name === 'all-tenants/w'));
});

test('a lease opens the reads of a worker in its tenant, while it lasts, and nothing else does', async () => {
    const [id] = await enqueue(a, 'reads');
    const [theirs] = await enqueue(b, 'reads-of-b');
    const [job] = await claim(all, 'reads', { lease_s: 600 });
    assert.equal((await all('GET', `/v1/jobs/${id}`)).status, 403);
    assert.equal((await all('GET', `/v1/jobs/${id}`, undefined, { 'stint-lease': 'x' })).status, 400);
    assert.equal((await all('GET', `/v1/jobs/${id}`, undefined, under(job))).json.id, id);
    assert.equal((await all('GET', `/v1/jobs/${theirs}`, undefined, under(job))).status, 404);
    assert.equal((await all('GET', '/v1/series', undefined, under(job))).status, 200);
    assert.equal((await all('POST', '/v1/reports', { job: id, lease: job.lease, n: 1, op: 'complete' })).status, 200);
    assert.equal((await all('GET', `/v1/jobs/${id}`, undefined, under(job))).json.code, 'lease_lost');
});

test('of leases that it was not given it learns nothing', async () => {
    await enqueue(a, 'foreign');
    const [job] = await claim(a, 'foreign', { lease_s: 600 });
    const unknown = { id: '0199f3c8-7a10-7000-8000-00000000abcd', lease: job.lease };
    const answers = await Promise.all([job, unknown, { ...job, lease: job.lease + 1 }].map(async (j) => {
        const report = { job: j.id, lease: j.lease, n: 1, op: 'complete' };
        const said = [await all('POST', '/v1/reports', report), await all('POST', '/v1/reports', [report]), await all('PUT', `/v1/jobs/${j.id}/artifacts/x?lease=${j.lease}`, 'x'),
            await all('PUT', `/v1/jobs/${j.id}/artifacts/x?lease=${j.lease}`, 'x'.repeat(300_000)), await all('GET', `/v1/jobs/${j.id}`, undefined, under(j))];
        assert.deepEqual(said.map((x) => x.status), [409, 200, 409, 409, 409]);
        return said.map((x) => x.text.replaceAll(j.id, 'JOB'));
    }));
    assert.deepEqual(answers[0], answers[1]);
    assert.deepEqual(answers[0], answers[2]);
    assert.equal((await a('GET', `/v1/jobs/${job.id}`)).json.state, 'processing');
    assert.equal((await a('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' })).status, 200);
});

test('it can do nothing but work', async () => {
    const [id] = await enqueue(a, 'walls');
    const [job] = await claim(all, 'walls', { lease_s: 600 });
    for (const { method, path, operation } of operations) {
        if (!operation['x-scope'] || path === '/metrics' || operation['x-work-all']) continue;
        const target = path.replace('{id}', id).replace(/\{[^}]+\}/g, 'x');
        const answer = await all(method, target, method === 'GET' || method === 'DELETE' ? undefined : {}, under(job));
        assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
    }
    assert.equal((await a('POST', '/v1/claims', { worker: 'all-tenants/w', queues: ['walls'] })).status, 422);
    assert.equal((await server.call('POST', '/v1/keys', { scopes: ['work_all'] })).status, 403);
    for (const args of [['--scopes', 'work,work_all'], ['--scopes', 'work_all', '--tenant', 'a-corp']]) {
        const other = makeDir();
        assert.throws(() => stint(['keys', 'create', '--store', other.file('s.db'), ...args]), /all tenants/);
        other.remove();
    }
});

test("a tenant's own worker that waits gets its next job first", async () => {
    const theirs = claim(b, 'own', { wait_s: 60, worker: 'own' });
    const anybodys = claim(all, 'own', { wait_s: 60 });
    for (let text = ''; !/^stint_claims_waiting 2$/m.test(text);) ({ text } = await server.call('GET', '/metrics'));
    const [id] = await enqueue(b, 'own');
    assert.deepEqual((await theirs).map((j) => j.id), [id]);
    const [next] = await enqueue(b, 'own');
    assert.deepEqual((await anybodys).map((j) => [j.id, j.tenant]), [[next, 'b-corp']]);
});

test('a key for all tenants may be limited to queues', async () => {
    await server.stop();
    const few = createKey(server.store, ['--scopes', 'work_all', '--queues', 'few']);
    server = await startServer({ dir, key: server.key });
    await enqueue(a, 'few');
    assert.equal((await as(few)('POST', '/v1/claims', { worker: 'w', queues: ['turns'] })).status, 403);
    const [job] = await claim(as(few), 'few', { lease_s: 600 });
    assert.equal(job.tenant, 'a-corp');
    assert.equal((await as(few)('GET', `/v1/jobs/${job.id}`, undefined, under(job))).status, 200);
    assert.equal((await as(few)('GET', '/v1/series', undefined, under(job))).status, 403);
    await enqueue(a, 'many');
    const [other] = await claim(all, 'many', { lease_s: 600 });
    assert.equal((await as(few)('POST', '/v1/reports', { job: other.id, lease: other.lease, n: 1, op: 'complete' })).status, 403);
    // It is listed and revoked by admins of the tenant `default`, and by those of no other.
    const listed = async (who) => (await who('GET', '/v1/keys')).json.keys.filter((k) => k.scopes.includes('work_all'));
    const ofFew = (await listed(server.call)).find((k) => k.queues?.includes('few'));
    assert.deepEqual(await listed(a), []);
    assert.equal((await a('DELETE', `/v1/keys/${ofFew.id}`)).status, 404);
    assert.equal((await server.call('DELETE', `/v1/keys/${ofFew.id}`)).status, 204);
    assert.equal((await as(few)('POST', '/v1/claims', { worker: 'w', queues: ['few'] })).status, 401);
    assert.equal((await all('POST', '/v1/claims', { worker: 'w', queues: ['few'] })).status, 204);
});

test('stint work serves two tenants in turn, each in processes of its own, through a kill of the server', async () => {
    const scratch = makeDir('stint-scratch-');
    const command = `node -e 'require("fs").writeFileSync(process.env.STINT_RESULT, JSON.stringify({ child: process.ppid, at: Date.now() }))'`;
    const ids = { a: await enqueue(a, 'work', 6, 'here'), b: [] };
    ids.b = await enqueue(b, 'work', 2, 'here');
    const worker = spawn(BIN, ['work', '--queue', 'work', '--slots', '1', '--scratch', scratch.path, '--exec', `here=exec ${command}`, '--exec', 'there=read x; exit 1'],
        { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, STINT_URL: server.url, STINT_KEY: allKey } });
    const exit = once(worker, 'exit');
    const ended = async (who, id) => {
        for (let i = 0; i < 10; i++) {
            const job = (await who('GET', `/v1/jobs/${id}?wait=10`)).json;
            if (job.state === 'completed') return job;
        }
        return assert.fail(`${id} did not end`);
    };
    const jobs = { a: [], b: [] };
    for (const id of ids.a) jobs.a.push(await ended(a, id));
    for (const id of ids.b) jobs.b.push(await ended(b, id));
    const order = [...jobs.a.map((j) => ['a', j]), ...jobs.b.map((j) => ['b', j])].sort((x, y) => Date.parse(x[1].started_at) - Date.parse(y[1].started_at)).map((x) => x[0]).join('');
    assert.ok(['ababaaaa', 'babaaaaa'].includes(order), order);
    const children = (list) => new Set(list.map((j) => j.result.child));
    assert.deepEqual([...children(jobs.a)].filter((p) => children(jobs.b).has(p)), [], 'a process served two tenants');
    const port = new URL(server.url).port;
    await server.kill();
    server = await startServer({ dir, key: server.key, listen: `127.0.0.1:${port}` });
    const [late] = await enqueue(b, 'work', 1, 'here');
    assert.equal((await ended(b, late)).worker.startsWith('all-tenants/'), true);
    worker.kill('SIGTERM');
    await exit;
    scratch.remove();
});
