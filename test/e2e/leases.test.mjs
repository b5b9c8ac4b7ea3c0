// J3 to J6 with real processes: workers and servers that are stopped with SIGSTOP and go on later.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { inTime } from './lib/in_time.mjs';
import { startServer } from './lib/server.mjs';

const ZOMBIE = new URL('./lib/zombie.mjs', import.meta.url).pathname;
let server;
let clock; // another server: a claim that waits there for nothing is how these tests let time pass

before(async () => {
    server = await startServer();
    clock = await startServer();
});
after(async () => {
    await server.stop();
    await clock.stop();
});

async function pass(seconds) {
    const answer = await clock.call('POST', '/v1/claims', { worker: 'clock', queues: ['nothing'], wait_s: seconds });
    assert.equal(answer.status, 204);
}

async function enqueue(queue, more = {}) {
    const answer = await server.call('POST', '/v1/jobs', { kind: 'work', queue, args: {}, ...more });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
}

async function claim(queue, lease_s, wait_s = 0, worker = 'w') {
    const answer = await server.call('POST', '/v1/claims', { worker, queues: [queue], lease_s, wait_s });
    return answer.status === 200 ? answer.json.jobs[0] : undefined;
}

const report = (job, n, op, more = {}) => server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });

const VERBS = [
    { op: 'heartbeat' },
    { op: 'progress', percent: 50 },
    { op: 'complete', result: 1 },
    { op: 'fail', error: { class: 'transient', message: 'late' } },
    { op: 'fail', error: { class: 'permanent', message: 'late' } },
    { op: 'snooze', delay_s: 1 },
    { op: 'release' },
];

async function zombie(queue) {
    const child = spawn(process.execPath, [ZOMBIE], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, URL_: server.url, KEY: server.key, CLAIM: JSON.stringify({ worker: 'zombie', queues: [queue], lease_s: 1 }) },
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value);
    const job = (await next()).json.jobs[0];
    return { child, next, job };
}

test('a stopped worker gets lease_lost for every verb once another has claimed its job', async () => {
    const id = await enqueue('zombies');
    const z = await zombie('zombies');
    assert.equal(z.job.id, id);
    z.child.kill('SIGSTOP');
    VERBS.forEach((verb, n) => z.child.stdin.write(`${JSON.stringify({ job: id, lease: z.job.lease, n: n + 1, ...verb })}\n`));
    const other = await claim('zombies', 30, 10, 'other');
    assert.equal(other.id, id);
    assert.ok(other.lease > z.job.lease);
    z.child.kill('SIGCONT');
    for (const verb of VERBS) {
        const answer = await z.next();
        assert.equal(answer.status, 409, `${verb.op}: ${JSON.stringify(answer)}`);
        assert.equal(answer.json.code, 'lease_lost');
    }
    z.child.kill('SIGKILL');
    const now = (await server.call('GET', `/v1/jobs/${id}`)).json;
    assert.equal(now.state, 'processing');
    assert.equal(now.attempt, 1);
    assert.equal((await report(other, 1, 'complete', { result: 'mine' })).status, 200);
    assert.equal((await server.call('GET', `/v1/jobs/${id}`)).json.result, 'mine');
});

test('before anyone else has claimed it, a late result is still accepted and other late verbs are not', async () => {
    const id = await enqueue('late');
    const job = await claim('late', 1);
    await pass(2);
    assert.equal((await server.call('GET', `/v1/jobs/${id}`)).json.state, 'queued');
    for (const verb of [VERBS[0], VERBS[1], VERBS[3], VERBS[5], VERBS[6]]) {
        const answer = await report(job, 1, verb.op, verb);
        assert.equal(answer.status, 409, verb.op);
        assert.equal(answer.json.code, 'lease_lost');
    }
    const answer = await report(job, 2, 'complete', { result: 'late but good' });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await server.call('GET', `/v1/jobs/${id}`)).json.state, 'completed');
});

test('a job that was lost three times is failed as poisoned', async () => {
    const id = await enqueue('poison');
    let lease = 0;
    for (let k = 0; k < 3; k++) {
        const job = await claim('poison', 1, 10);
        assert.equal(job.id, id);
        assert.ok(job.lease > lease);
        lease = job.lease;
    }
    const end = await server.call('GET', `/v1/jobs/${id}?wait=10`);
    assert.equal(end.json.state, 'failed', end.text);
    assert.equal(end.json.reason, 'poisoned');
    assert.equal((await report({ id, lease }, 1, 'complete')).status, 409);
});

test('an abandoned job goes to a waiting claim within a second after its lease ended, and not before', async () => {
    const lateness = async () => {
        const id = await enqueue('abandoned');
        const from = performance.now();
        const job = await claim('abandoned', 2);
        const heard = performance.now();
        const again = await claim('abandoned', 2, 10);
        const now = performance.now();
        assert.deepEqual([job.id, again.id], [id, id]);
        assert.ok(now - from >= 1990, `after ${now - from} ms: early (J5)`); // the clocks may be corrected meanwhile
        await report(again, 1, 'complete');
        return now - heard - 2000;
    };
    await inTime(1000, lateness, 'late (J5)');
});

test('a server that was stopped beyond a lease gives its worker time to report (J6)', { timeout: 240_000 }, async () => {
    await enqueue('stall');
    const job = await claim('stall', 3);
    server.proc.kill('SIGSTOP');
    const other = claim('stall', 3, 2, 'other'); // both wait in the stopped server's socket
    const beat = report(job, 1, 'heartbeat');
    await pass(7);
    server.proc.kill('SIGCONT');
    assert.equal((await beat).status, 200);
    assert.equal(await other, undefined);
    assert.equal((await report(job, 2, 'complete')).status, 200);
    await server.logged(/ server\.stalled /);
});

test('a restart gives running leases time to report (J6)', { timeout: 240_000 }, async () => {
    const first = await startServer();
    const again = async () => startServer({ dir: first.dir, store: first.store, key: first.key });
    assert.equal((await first.call('POST', '/v1/jobs', { kind: 'work', args: 1 })).status, 201);
    const job = (await first.call('POST', '/v1/claims', { worker: 'w', lease_s: 2 })).json.jobs[0];
    await first.kill();
    await pass(3);
    const second = await again();
    const other = second.call('POST', '/v1/claims', { worker: 'other', lease_s: 2, wait_s: 0.5 });
    const beat = await second.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'heartbeat' });
    assert.equal(beat.status, 200, beat.text);
    assert.equal((await other).status, 204);
    assert.equal((await second.stop()).code, 0);
    first.dir.remove();
});
