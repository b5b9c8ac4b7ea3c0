// Limits over HTTP and by the command line: rules, pauses, what running jobs say of keys, and claims that wait for a slot.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BIN, startServer } from './lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(() => server.stop());

async function call(method, path, body, status = 200) {
    const answer = await server.call(method, path, body);
    assert.equal(answer.status, status, answer.text);
    return answer.json;
}

const put = (key, rule) => call('PUT', `/v1/limits/${encodeURIComponent(key)}`, rule);
const get = (key) => call('GET', `/v1/limits/${encodeURIComponent(key)}`);
const enqueue = (queue, more) => call('POST', '/v1/jobs', { kind: 'k', queue, ...more }, 201);

async function claim(queue, wait_s = 0, max = 1) {
    const answer = await server.call('POST', '/v1/claims', { worker: 'w', queues: [queue], kinds: ['k'], wait_s, max });
    return answer.json?.jobs ?? [];
}

let n = 0;
const report = (job, op, more = {}) => call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: ++n, op, ...more });

test('a claim that waits gets the job when a slot is free, and when a pause ends', async () => {
    await put('slot/a b', { concurrency: 1 });
    for (let i = 0; i < 3; i++) {
        await enqueue('a', { limits: [{ key: 'slot/a b', weight: 1 }], group: 'g' });
    }
    const [first] = await claim('a', 0, 10);
    assert.deepEqual([first.limits, first.group], [['slot/a b'], 'g']);
    assert.deepEqual(await claim('a', 0, 10), []);
    const limit = await get('slot/a b');
    assert.deepEqual([limit.concurrency, limit.rate, limit.set, limit.used, limit.waiting], [1, null, true, 1, 2]);
    const waiting = claim('a', 20);
    await report(first, 'complete');
    const [second] = await waiting;
    const from = performance.now();
    const verdict = await report(second, 'fail', { error: { class: 'rate_limited', message: '429' }, retry_after_s: 0.3, pause_key: 'slot/a b' });
    assert.equal(verdict.state, 'scheduled');
    assert.ok((await get('slot/a b')).paused || performance.now() - from >= 300);
    await server.logged(/ limit\.paused key="?slot\/a b"? job=\S+ for_ms=\d+/);
    const [third] = await claim('a', 20);
    assert.notEqual(third, undefined);
    await report(third, 'complete');
});

test('the slots of an adaptive key are cut by half when a job says that it refused, and grow with what completes', async () => {
    const shown = async () => { const { concurrency, adaptive, slots } = await get('adaptive'); return [concurrency, adaptive, slots]; };
    assert.deepEqual((await put('adaptive', { concurrency: 4, adaptive: true })).adaptive, true);
    for (let i = 0; i < 12; i++) await enqueue('adaptive', { limits: ['adaptive'] });
    const first = await claim('adaptive', 0, 10);
    assert.deepEqual([first.length, await shown()], [4, [4, true, 4]]);
    for (const job of first.slice(0, 2)) await report(job, 'fail', { error: { class: 'rate_limited', message: '429' }, retry_after_s: 3600, pause_key: 'adaptive' });
    assert.deepEqual(await shown(), [4, true, 2]);
    for (const job of first.slice(2)) await report(job, 'release');
    await call('POST', '/v1/limits/adaptive/resume', {});
    for (const length of [2, 2, 3]) {
        const jobs = await claim('adaptive', 0, 10);
        assert.equal(jobs.length, length);
        for (const job of jobs) await report(job, 'complete');
    }
    assert.deepEqual((await put('adaptive', { concurrency: 4 })).adaptive, false);
});

test('tokens: take, wait, correct', async () => {
    await put('tokens', { rate: { n: 10, per_s: 1000 } });
    await enqueue('b', { limits: ['tokens'] });
    const [job] = await claim('b');
    assert.equal((await report(job, 'progress', { take: { tokens: 9 } })).granted, true);
    const no = await report(job, 'progress', { take: { tokens: 1 } });
    assert.equal(no.granted, false);
    assert.ok(no.wait_s > 90 && no.wait_s <= 100, `${no.wait_s}`);
    await report(job, 'progress', { correct: { tokens: -5 } });
    assert.equal((await get('tokens')).tokens, 5);
    await server.call('POST', '/v1/limits/tokens/pause', {});
    await server.logged(/ limit\.paused key=tokens by=api/);
    assert.match((await server.call('GET', '/metrics')).text, /^stint_limits_paused 1$/m);
    assert.equal((await report(job, 'progress', { take: { tokens: 1 } })).wait_s, 'forever');
    await server.call('POST', '/v1/limits/tokens/resume', {});
    assert.equal((await report(job, 'complete', { correct: { tokens: 1 } })).state, 'completed');
    assert.equal((await get('tokens')).tokens, 4);
});

test('groups take turns', async () => {
    for (const group of ['A', 'A', 'A', 'A', 'B', 'B']) {
        await enqueue('c', { group });
    }
    assert.deepEqual((await claim('c', 0, 10)).map((j) => j.group).join(''), 'ABABAA');
});

test('groups weigh, and waiting betters a priority, as the queue says', async () => {
    const set = (body) => call('PATCH', '/v1/queues/w', body);
    const { settings } = await set({ group_weights: { 'user-*': 1, A: 3 }, age_step_s: 1.5 });
    assert.deepEqual([settings.group_weights, settings.age_step_s], [{ A: 3, 'user-*': 1 }, 1.5]);
    for (const group of ['A', 'A', 'A', 'A', 'user-1', 'user-1']) {
        await enqueue('w', { group });
    }
    assert.equal((await claim('w', 0, 4)).filter((j) => j.group === 'A').length, 3);
    const cleared = (await set({ group_weights: null })).settings;
    assert.deepEqual([cleared.group_weights, cleared.age_step_s], [null, 1.5]);
    assert.equal((await set({ age_step_s: null })).settings.age_step_s, null);
    for (const [body, field] of [
        [{ group_weights: { a: 0 } }, '/group_weights'],
        [{ group_weights: ['a'] }, '/group_weights'],
        [{ group_weights: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`g${i}`, 2])) }, '/group_weights'],
        [{ age_step_s: 0.5 }, '/age_step_s'],
    ]) {
        const answer = await server.call('PATCH', '/v1/queues/w', body);
        assert.deepEqual([answer.status, answer.json.field], [422, field], answer.text);
    }
});

test('what is wrong with a limit is named', async () => {
    const refused = async (method, path, body, status, field) => {
        const answer = await server.call(method, path, body);
        assert.deepEqual([answer.status, answer.json.field], [status, field], answer.text);
    };
    await refused('PUT', '/v1/limits/x', { concurrency: -1 }, 422, '/concurrency');
    await refused('PUT', '/v1/limits/x', { rate: { n: 5 } }, 422, '/rate/per_s');
    await refused('PUT', '/v1/limits/x', { adaptive: true }, 422, '/adaptive');
    await refused('PUT', `/v1/limits/${'x'.repeat(201)}`, { concurrency: 1 }, 422, '/key');
    await refused('PUT', '/v1/limits/host:*.org', { concurrency: 1 }, 422, '/key');
    await refused('PUT', '/v1/limits/host:**', { concurrency: 1 }, 422, '/key');
    await refused('POST', '/v1/limits/x/pause', { for_s: 1, until: '2099-01-01T00:00:00Z' }, 422, '/until');
    await refused('POST', '/v1/jobs', { kind: 'k', limits: ['a', 'a'] }, 422, '/limits');
    await refused('POST', '/v1/jobs', { kind: 'k', limits: ['a*'] }, 422, '/limits');
    await refused('POST', '/v1/jobs', { kind: 'k', limits: [{ key: 'a', weight: 0 }] }, 422, '/limits');
    const third = await server.call('POST', '/v1/jobs', { kind: 'k', limits: ['a', 'b', { key: 'c', weight: 0 }] });
    assert.match(third.json.detail, /^limits\/2 needs a weight/);
    await refused('GET', '/v1/limits/nobody', undefined, 404, undefined);
    await refused('DELETE', '/v1/limits/nobody', undefined, 404, undefined);
    assert.deepEqual(Object.values(await put('x', { concurrency: null, rate: null })).slice(2, 5), [null, null, null]);
    assert.equal((await put('server:x', { concurrency: 1 })).key, 'server:x');
    assert.deepEqual((await call('GET', '/v1/limits?server=true')).limits.map((l) => l.key), ['server:x']);
    assert.deepEqual((await call('GET', '/v1/limits')).limits.filter((l) => l.key.startsWith('server:')), []);
});

test('stint limit', async () => {
    const env = { PATH: process.env.PATH, STINT_URL: server.url, STINT_KEY: server.key, NO_COLOR: '1' };
    const run = (...words) => spawnSync(BIN, ['limit', ...words], { encoding: 'utf8', env });
    const limit = (...words) => {
        const { status, stdout, stderr } = run(...words);
        assert.deepEqual([status, stderr], [0, '']);
        return stdout;
    };
    const rate = ['--rate', '60', '--per', '1m', '--burst', '5'];
    assert.equal(limit('set', 'cli:*', '--concurrency', '3', ...rate), 'cli:*: 3 run at once; 60 in 1 min 0 s, 5 of them at once\n');
    assert.equal(limit('set', 'cli:z', '--concurrency', '9', '--adaptive'), 'cli:z: 9 run at once, fewer after a 429\n');
    assert.match(limit('show', 'cli:z'), /concurrency +9, fewer after a 429\nslots +9\n/);
    assert.equal(limit('set', 'cli:y', '--concurrency', '2'), 'cli:y: 2 run at once\n');
    for (let i = 0; i < 25; i++) {
        await put(`cli:many${i}`, { concurrency: 1 });
    }
    assert.equal(limit('list').match(/cli:many/g).length, 25);
    const { stdout: few, stderr: more } = run('list', '--limit', '3');
    assert.deepEqual([few.split('\n').length, more], [5, 'stint limit: there are more: --limit, or all without it\n']);
    for (const n of ['0', '1001']) {
        assert.deepEqual([run('list', '--limit', n).status, (await server.call('GET', `/v1/limits?limit=${n}`)).status], [2, 422]);
    }
    assert.match(run('--help').stdout, /--limit N +at most so many; limit list: all unless told/);
    assert.match(limit('list'), /cli:\*\s+0\s+3\s+5\s+60 in 1 min 0 s, 5 of them at once/);
    for (const half of [[], ['--adaptive'], ['--adaptive', ...rate], ['--burst', '5'], ['--per', '5s', '--concurrency', '2'], ['--per', '5s']]) {
        const { status, stdout, stderr } = run('set', 'cli:y', ...half);
        assert.deepEqual([status, stdout], [2, '']);
        assert.match(stderr, /replaces the whole rule/);
    }
    assert.match(limit('pause', 'cli:y', '--for', '1h'), /^cli:y: 2 run at once; paused until 2/);
    assert.match(limit('delete', 'cli:y'), /^cli:y deleted\ncli:y: 3 run at once; 60 in .*, as cli:\* says; paused until 2/);
    assert.match(limit('show', 'cli:y'), /pattern\s+cli:\*[^]*until 2/);
    assert.match(limit('resume', 'cli:y'), /^cli:y resumed\ncli:y: 3 run at once.* says\n$/);
    const { id } = await enqueue('cli', { limits: ['cli:w', { key: 'cli:x', weight: 2 }], group: 'me' });
    const show = () => spawnSync(BIN, ['show', id], { encoding: 'utf8', env }).stdout;
    assert.match(show(), /^group\s+me$[^]*^priority\s+0$[^]*^limits\s+\["cli:w"/m);
    assert.doesNotMatch(show(), /waits for/);
    assert.match(limit('pause', 'cli:x'), /paused until somebody resumes it$/m);
    assert.match(limit('show', 'cli:x'), /^paused\s+until somebody resumes it$/m);
    assert.match(show(), /^waits for\s+cli:x: paused until somebody resumes it$/m);
    limit('resume', 'cli:x');
    await put('cli:w', { rate: { n: 5, per_s: 1e6 } });
    const other = await enqueue('cli', { limits: [{ key: 'cli:w', weight: 5 }], priority: -1 });
    assert.equal((await claim('cli'))[0].id, other.id);
    assert.match(show(), /^waits for\s+cli:w: 0 of 5 tokens are there$/m);
    assert.equal(limit('delete', 'cli:*'), 'cli:* deleted\n');
    assert.equal((await server.call('GET', '/v1/limits/cli:x')).status, 404);
    assert.equal(run('delete', 'cli:x').status, 4);
});

test('stint queues set', () => {
    const env = { PATH: process.env.PATH, STINT_URL: server.url, STINT_KEY: server.key, NO_COLOR: '1' };
    const queues = (...words) => {
        const { status, stdout, stderr } = spawnSync(BIN, ['queues', ...words], { encoding: 'utf8', env });
        assert.deepEqual([status, stderr], [0, '']);
        return stdout;
    };
    const set = queues('set', 'cli', '--group-weight', 'user=1=3', '--group-weight', 'free-*=2', '--age-step', '10m');
    assert.match(set, /age_step_s\s+600[^]*group_weights\s+\{"free-\*":2,"user=1":3\}/);
    assert.match(queues('set', 'cli', '--age-step', '0s'), /group_weights\s+\{"free/);
    const settings = JSON.parse(queues('set', 'cli', '--group-weight', 'none', '--json')).settings;
    assert.deepEqual([settings.group_weights, settings.age_step_s], [null, null]);
    assert.match(queues('show', 'cli'), /queue\s+cli/);
    assert.match(queues('pause', 'cli'), /cli paused/);
});

test('stint enqueue names group, limit keys and batch, and stint ls lists a batch', async () => {
    const stint = (...args) => spawnSync(BIN, args, { encoding: 'utf8', env: { ...process.env, STINT_URL: server.url, STINT_KEY: server.key } }).stdout.trim();
    const batch = (await call('POST', '/v1/batches', { name: 'by-hand' }, 201)).id;
    const id = stint('enqueue', 'k', '{}', '--queue', 'by-hand', '--group', 'g', '--limit-key', 'host:a', '--limit-key', 'host:b', '--in-batch', batch);
    await enqueue('by-hand', {});
    const job = await call('GET', `/v1/jobs/${id}`);
    assert.deepEqual([job.group, job.limits, job.batch], ['g', ['host:a', 'host:b'], batch]);
    assert.deepEqual(JSON.parse(stint('ls', '--in-batch', batch, '--json')).jobs.map((j) => j.id), [id]);
});
