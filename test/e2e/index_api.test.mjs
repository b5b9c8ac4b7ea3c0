// /v1/index without a real index: nothing there, garbage there, too long in line. What real indexes answer is tested with the
// pipeline that makes them.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { BIN, ours, startServer } from './lib/server.mjs';
import { seriesOf } from './lib/series.mjs';

let server;
let call;
before(async () => {
    server = await startServer();
    call = server.call;
});
after(() => server.stop());

async function publish(repo, bytes) {
    await call('POST', '/v1/jobs', { kind: 'index-repo' });
    const job = (await call('POST', '/v1/claims', { worker: 'w' })).json.jobs[0];
    const put = await fetch(`${server.url}/v1/jobs/${job.id}/artifacts/index.db?lease=${job.lease}`, { method: 'PUT', body: bytes, headers: { authorization: `Bearer ${server.key}` } });
    assert.equal(put.status, 201);
    const done = await call('POST', '/v1/reports', {
        job: job.id, lease: job.lease, n: 1, op: 'complete', result: { repo, ref: 'HEAD', commit: 'c0ffee' }, publish: [{ artifact: 'index.db', series: seriesOf(repo) }],
    });
    assert.equal(done.status, 200);
    return job.id;
}

test('a repository that is not indexed is 404, and the list is empty', async () => {
    for (const query of ['symbols?q=a', 'outline?file=a', 'deps?file=a', 'cycles', 'files', 'summary', 'summary?ref=main']) {
        const answer = await call('GET', `/v1/index/${encodeURIComponent('https://example.org/a/b')}/${query}`);
        assert.deepEqual([answer.status, answer.json.code], [404, 'not_found'], query);
    }
    assert.deepEqual((await call('GET', '/v1/index')).json.repos, []);
    assert.equal((await call('GET', '/v1/index/x/nothing')).status, 404);
    assert.equal((await call('GET', '/v1/index/x/symbols?quarry=1')).status, 422);
});

test('a folder that is not there is told before a job is made of it', () => {
    const run = spawnSync(BIN, ['index', 'no-such-folder'], { encoding: 'utf8', env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } });
    assert.deepEqual([run.status, run.stderr], [4, 'stint index: no such folder: no-such-folder\n']);
});

test('stint index says that an attempt failed and that another one follows', { timeout: 240_000 }, async () => {
    const run = ours(spawn(BIN, ['index', 'https://example.org/a/b'], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } }));
    const exit = once(run, 'exit');
    const job = (await call('POST', '/v1/claims', { worker: 'w', kinds: ['index-repo'], wait_s: 20 })).json.jobs[0];
    await call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'fail', error: { class: 'transient', code: 'connect', message: 'm' } });
    const [said] = await once(run.stderr, 'data');
    assert.equal(String(said), `this attempt failed, another one follows; stint show ${job.id} tells why and when\n`);
    await call('POST', `/v1/jobs/${job.id}/cancel`);
    assert.deepEqual(await exit, [5, null]);
});

test('what a worker says of a failure gives the terminal no orders', async () => {
    const { id } = (await call('POST', '/v1/jobs', { kind: 'k', queue: 'terminal' })).json;
    await call('POST', '/v1/claims', { worker: 'w', queues: ['terminal'] });
    await call('POST', '/v1/reports', { job: id, lease: 1, n: 1, op: 'fail', error: { class: 'permanent', code: 'c', message: 'a\u001b[31mb\u0007' } });
    const run = spawnSync(BIN, ['watch', id], { encoding: 'utf8', env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } });
    assert.deepEqual([run.status, run.stderr], [5, `stint watch: job ${id} is failed (error): c a?[31mb?\n`]);
});

test('an index that is none is told, whatever is in it; the server goes on', async () => {
    const header = Buffer.from('SQLite format 3\0');
    const files = { '/empty': Buffer.alloc(0), '/text': Buffer.from('no index'), '/zeros': Buffer.alloc(500_000), '/half': Buffer.concat([header, Buffer.alloc(400_000, 7)]) };
    const jobs = [];
    for (const [repo, bytes] of Object.entries(files)) jobs.push(await publish(repo, bytes));
    for (const repo of Object.keys(files)) {
        for (const query of ['summary', 'symbols?q=a']) {
            const answer = await call('GET', `/v1/index/${encodeURIComponent(repo)}/${query}`);
            assert.deepEqual([answer.status, answer.json.code], [409, 'index_unreadable'], `${repo} ${query}`);
        }
    }
    const list = (await call('GET', '/v1/index')).json.repos;
    assert.deepEqual(new Set(list.map((r) => r.job)), new Set(jobs));
    assert.ok(list.every((r) => r.commit === 'c0ffee' && r.ref === 'HEAD' && r.repo in files));
    const page = (await call('GET', '/v1/index?limit=3')).json;
    assert.equal((await call('GET', `/v1/index?after=${encodeURIComponent(page.next_after)}`)).json.repos.length, 1);
});

test('many questions at once stand in line, and those whose asker left are dropped', async () => {
    await publish('/busy', Buffer.alloc(300_000));
    const path = '/v1/index/%2Fbusy/summary';
    const leaving = Array.from({ length: 20 }, () => {
        const controller = new AbortController();
        const asked = call('GET', path, undefined, { signal: controller.signal }).catch(() => 'left');
        setImmediate(() => controller.abort());
        return asked;
    });
    const staying = await Promise.all(Array.from({ length: 40 }, () => call('GET', path)));
    assert.ok(staying.every((a) => a.status === 409));
    await Promise.all(leaving);
    assert.equal((await call('GET', path)).status, 409);
});
