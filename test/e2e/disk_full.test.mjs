// J1, J17: a full disk, for real. The store lies on a tmpfs of 64 MiB: new jobs get 507, whatever ends jobs goes on, and with
// room again so do enqueues, without a restart. Nothing acknowledged is lost by it.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { startServer } from './lib/server.mjs';
import { mountSmallDisk } from './lib/small_disk.mjs';

const BIG = 'x'.repeat(200_000);
const PAST_RECOVERY_MS = 15_000;

/** What was acknowledged, by id: the state it must be in. */
async function enqueue(server, known, spec, count = 1) {
    const answer = await server.call('POST', '/v1/jobs', Array.from({ length: count }, () => spec));
    if (answer.status === 201) for (const job of answer.json.jobs) known.set(job.id, 'queued');
    return answer;
}

/** Several producers at once, until each has been told that the disk is full. */
async function fill(server, known, spec) {
    const one = async () => {
        for (;;) {
            const answer = await enqueue(server, known, spec, 2);
            if (answer.status === 507) return answer;
            assert.equal(answer.status, 201, answer.text);
        }
    };
    return (await Promise.all([one(), one(), one(), one()]))[0];
}

async function claim(server, count) {
    const answer = await server.call('POST', '/v1/claims', { worker: 'w', queues: ['work'], max: count, lease_s: 600 });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.jobs;
}

async function report(server, job, op, more = {}) {
    job.n = (job.n ?? 0) + 1;
    const answer = await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: job.n, op, ...more });
    assert.equal(answer.status, 200, `${op} on a full disk: ${answer.text}`);
    return answer.json;
}

/** Everything that ends jobs, a hundred times over, while the disk is full. */
async function goOn(server, known, rounds) {
    for (let i = 0; i < rounds; i++) {
        const [done, failed, back] = await claim(server, 3);
        await report(server, done, 'heartbeat');
        await report(server, done, 'progress', { percent: 50, events: [{ type: 'step', data: i }] });
        await report(server, done, 'complete', { result: { i } });
        await report(server, failed, 'fail', { error: { class: 'permanent', message: 'no' } });
        await report(server, back, 'release');
        known.set(done.id, 'completed').set(failed.id, 'failed');
    }
}

async function cancelQueued(server, known, count) {
    const list = await server.call('GET', `/v1/jobs?queue=work&state=queued&limit=${count}`);
    for (const { id } of list.json.jobs) {
        const answer = await server.call('POST', `/v1/jobs/${id}/cancel`);
        assert.equal(answer.status, 200, `cancel on a full disk: ${answer.text}`);
        known.set(id, 'cancelled');
    }
    return list.json.jobs.length;
}

/** Asks until the answer has the status; each request is the wait for the next. */
async function until(status, ask) {
    const end = performance.now() + PAST_RECOVERY_MS;
    for (;;) {
        const answer = await ask();
        if (answer.status === status) return answer;
        assert.ok(performance.now() < end, `still ${answer.status}, wanted ${status}: ${answer.text}`);
    }
}

async function checkKnown(server, known) {
    const stored = new Map();
    for (let cursor; ; ) {
        const answer = await server.call('GET', `/v1/jobs?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        assert.equal(answer.status, 200, answer.text);
        for (const job of answer.json.jobs) stored.set(job.id, job.state);
        cursor = answer.json.next_cursor;
        if (!cursor) break;
    }
    const wrong = [...known].filter(([id, state]) => stored.get(id) !== state).map(([id, state]) => `${id}: ${stored.get(id)}, not ${state}`);
    assert.deepEqual(wrong.slice(0, 10), []);
    assert.equal(stored.size, known.size, 'a job is there that was not acknowledged');
}

test('on a full disk new jobs get 507 while reports, claims and cancels go on, and room ends it without a restart (J17)', { timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 64);
    if (!disk) return;
    const known = new Map();
    const server = await startServer({ dir: disk, args: ['--max-body', '8m'] });
    assert.equal((await enqueue(server, known, { kind: 'small', queue: 'work', args: { s: 'y'.repeat(500) } }, 2000)).status, 201);

    const refused = await fill(server, known, { kind: 'big', queue: 'fill', args: BIG });
    assert.equal(refused.json.code, 'store_full');
    assert.equal(refused.json.detail, undefined, 'paths and SQL are for the log');
    const ready = await server.call('GET', '/readyz');
    assert.equal(ready.status, 503);
    assert.match(ready.text, /full/);
    assert.equal((await server.call('GET', '/livez')).status, 200);
    await goOn(server, known, 100);
    assert.equal((await enqueue(server, known, { kind: 'big', queue: 'fill', args: BIG })).status, 507);
    assert.equal(await cancelQueued(server, known, 300), 300);
    await checkKnown(server, known);

    // Erasing is what an operator does first: it must work on the full disk, and what it frees must count.
    const big = (await server.call('GET', '/v1/jobs?queue=fill&limit=1000')).json.jobs;
    for (const { id } of big.slice(0, 120)) {
        assert.equal((await server.call('POST', `/v1/jobs/${id}/cancel`)).status, 200);
        const erased = await server.call('DELETE', `/v1/jobs/${id}`);
        assert.equal(Math.floor(erased.status / 100), 2, erased.text);
        known.set(id, 'cancelled');
    }
    await until(201, () => enqueue(server, known, { kind: 'small', queue: 'work', args: 1 }));
    await until(200, () => server.call('GET', '/readyz'));
    await checkKnown(server, known);
    assert.equal((await server.kill('SIGTERM')).code, 0);

    const again = await startServer({ dir: disk, key: server.key });
    await checkKnown(again, known);
    assert.equal((await again.kill('SIGTERM')).code, 0);
});

test('a disk that others filled is noticed, and that they left too, though nobody writes (J17)', { timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 64);
    if (!disk) return;
    const known = new Map();
    const server = await startServer({ dir: disk });
    assert.equal((await enqueue(server, known, { kind: 'small', queue: 'work', args: 1 }, 500)).status, 201);
    writeFileSync(disk.file('others'), Buffer.alloc(disk.freeBytes()));
    await fill(server, known, { kind: 'big', queue: 'fill', args: BIG });
    await goOn(server, known, 20);
    assert.equal((await server.call('GET', '/readyz')).status, 503);
    rmSync(disk.file('others'));
    await until(200, () => server.call('GET', '/readyz')); // a server that is not ready is sent nothing that could wake it
    assert.equal((await enqueue(server, known, { kind: 'small', queue: 'work', args: 1 })).status, 201);
    await checkKnown(server, known);
    assert.equal((await server.kill('SIGTERM')).code, 0);
});

test('killed and started on a full disk, the server still takes reports and lost nothing (J1, J17)', { timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 64);
    if (!disk) return;
    const known = new Map();
    const server = await startServer({ dir: disk });
    assert.equal((await enqueue(server, known, { kind: 'small', queue: 'work', args: 1 }, 500)).status, 201);
    await fill(server, known, { kind: 'big', queue: 'fill', args: BIG });
    await server.kill('SIGKILL');
    const again = await startServer({ dir: disk, key: server.key });
    await checkKnown(again, known);
    await fill(again, known, { kind: 'big', queue: 'fill', args: BIG });
    await goOn(again, known, 20);
    await checkKnown(again, known);
    assert.equal((await again.kill('SIGTERM')).code, 0);
});

test('a server that is started on a disk without one free byte gives up its ballast and works on (J17)', { timeout: 480_000 }, async (t) => {
    const disk = mountSmallDisk(t, 64);
    if (!disk) return;
    const known = new Map();
    const server = await startServer({ dir: disk });
    assert.equal((await enqueue(server, known, { kind: 'small', queue: 'work', args: 1 }, 200)).status, 201);
    assert.equal((await server.kill('SIGTERM')).code, 0);
    writeFileSync(disk.file('others'), Buffer.alloc(disk.freeBytes()));
    assert.equal(disk.freeBytes(), 0);
    const again = await startServer({ dir: disk, key: server.key });
    await goOn(again, known, 20);
    await fill(again, known, { kind: 'big', queue: 'fill', args: BIG });
    await checkKnown(again, known);
    assert.equal((await again.kill('SIGTERM')).code, 0);
});
