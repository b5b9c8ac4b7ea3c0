// faults.mjs: J1, J3, J4, J12, J17: every fault point of the source (`FAULT("name")`), set off in the real server under a short mixed
// workload: failing once, failing always, and being killed there, at several hits. The process goes on or ends with a documented
// code; started again it has everything that was acknowledged, no job twice, no lease again and events without a gap.
// Two files of tests share the points, because each runs at the same time as others.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeDir, startServer, stint } from './server.mjs';

const SMALL = process.env.STINT_SMALL === '1';
const SRC = fileURLToPath(new URL('../../../src', import.meta.url));
export const NAMES = readdirSync(SRC, { recursive: true })
    .filter((f) => f.endsWith('.c'))
    .flatMap((f) => [...readFileSync(join(SRC, f), 'utf8').matchAll(/\bFAULT\("([a-z_.0-9]+)"\)/g)].map((m) => m[1]))
    .filter((name) => !name.startsWith('store.copy.') && !/^store\.(fill|lane|slot|limit)\./.test(name)); // copy.test.mjs, of no server; matrices.test.mjs, limit_kills.test.mjs
// Which hit: some points are passed once in a run, others at every request.
const OFTEN = SMALL ? [7] : process.env.CHAOS ? [1, 2, 3, 5, 9, 15, 30, 60] : [2, 12];
export const HITS = { 'store.migrate.step': [1], 'store.checkpoint': [1], 'store.files.fsync': [1, 3], 'store.files.link': [1, 3], 'store.prune.chunk': [1, 2], 'store.tick.note': [1, 2], 'api.artifact.fsync': [1, 3], 'net.upload.write': [1, 3] };
const UNKNOWN = { status: 0 };

const text = (n, c) => c.repeat(n);
const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** What was acknowledged: the jobs by their tags, and what each may be now. */
class Ledger {
    jobs = new Map(); // id → { may: states it may be in, leases, artifact }
    tags = []; // every enqueue that was tried: { tag, ids, isSure }
    may(id, ...states) {
        const j = this.jobs.get(id) ?? this.jobs.set(id, { leases: [] }).get(id);
        j.may = states;
        return j;
    }
}

class Client {
    constructor(server) {
        this.server = server;
    }
    /** An answer, or UNKNOWN: no answer, or one that promises nothing. */
    async ask(method, path, body, options) {
        try {
            const answer = await this.server.call(method, path, body, options);
            if (answer.status < 500) return answer;
            assert.ok([500, 503, 507].includes(answer.status), answer.text);
            return { ...UNKNOWN, refused: answer.status };
        } catch (e) {
            if (e instanceof assert.AssertionError) throw e;
            return UNKNOWN;
        }
    }
}

async function enqueue(client, ledger, tag, count, bytes) {
    const items = Array.from({ length: count }, (_, i) => ({ kind: 'k', queue: 'q', tags: [tag], args: { i, pad: text(bytes, 'x') }, max_attempts: 1 }));
    const entry = { tag, items, isSure: false };
    ledger.tags.push(entry);
    await send(client, ledger, entry);
}

async function send(client, ledger, entry) {
    const answer = await client.ask('POST', '/v1/jobs', entry.items, { headers: { 'idempotency-key': entry.tag } });
    if (answer === UNKNOWN || answer.refused) return;
    assert.equal(answer.status, 201, answer.text);
    entry.isSure = true;
    // A repeat may tell of jobs that somebody has worked on meanwhile.
    for (const { id } of answer.json.jobs) if (!ledger.jobs.has(id)) ledger.may(id, ...(entry.may ?? ['queued', 'processing']));
}

const REST = { complete: 'completed', fail: 'failed', release: 'queued', snooze: 'scheduled' };

async function report(client, ledger, job, n, op, more = {}) {
    const answer = await client.ask('POST', '/v1/reports', { job: job.id, lease: job.lease, n, op, ...more });
    if (answer === UNKNOWN || answer.refused) {
        if (REST[op]) ledger.may(job.id, 'processing', 'queued', REST[op]);
        return false;
    }
    assert.equal(answer.status, 200, `${op}: ${answer.text}`);
    if (REST[op]) ledger.may(job.id, answer.json.state, ...(answer.json.state === 'queued' ? ['processing'] : []));
    return true;
}

/** One worker: claims five and ends each in another way; one of them has an uploaded artifact. */
async function work(client, ledger, name) {
    const answer = await client.ask('POST', '/v1/claims', { worker: name, queues: ['q'], max: 5, lease_s: 60 });
    if (answer.status !== 200) return;
    for (const job of answer.json.jobs) {
        const j = ledger.may(job.id, 'processing');
        assert.ok(j.leases.every((l) => l < job.lease), `${job.id}: lease ${job.lease} after ${j.leases} (J4)`);
        j.leases.push(job.lease);
    }
    const [done, failed, back, later, cancelled] = answer.json.jobs;
    const bytes = text(300_000, name.at(-1));
    const put = done && (await client.ask('PUT', `/v1/jobs/${done.id}/artifacts/out?lease=${done.lease}`, bytes, { headers: { 'content-type': 'text/plain' } }));
    if (done && (await report(client, ledger, done, 1, 'progress', { percent: 10, events: [{ type: 'step', data: name }] }))) {
        if ((await report(client, ledger, done, 2, 'complete', { result: { name }, artifacts: [{ name: 'small', text: 'small' }] })) && put.status === 201)
            ledger.jobs.get(done.id).artifact = sha(bytes);
    }
    if (failed) await report(client, ledger, failed, 1, 'fail', { error: { class: 'permanent', message: 'no' } });
    if (back) await report(client, ledger, back, 1, 'release');
    if (later) await report(client, ledger, later, 1, 'snooze', { delay_s: 3600 });
    if (cancelled) {
        await client.ask('POST', `/v1/jobs/${cancelled.id}/cancel`);
        await report(client, ledger, cancelled, 1, 'fail', { error: { class: 'permanent', message: 'cancelled' } });
        ledger.may(cancelled.id, 'processing', 'cancelled', 'failed');
    }
}

const CHILDREN = 12;

/** A parent that waits for its children: what wakes it is left behind by the child's end, and taken by a tick. */
async function family(client, ledger) {
    const tag = 'family';
    const entry = { tag, items: [{ kind: 'parent', queue: 'families', tags: [tag] }], isSure: false };
    ledger.tags.push(entry);
    await send(client, ledger, entry);
    const take = async (kind) => (await client.ask('POST', '/v1/claims', { worker: 'f', queues: ['families'], kinds: [kind], lease_s: 60 })).json?.jobs?.[0];
    const parent = await take('parent');
    if (!parent) return;
    ledger.may(parent.id, 'processing');
    const children = Array.from({ length: CHILDREN }, () => ({ kind: 'child', tags: ['child'] }));
    ledger.may(parent.id, 'processing', 'blocked', 'queued');
    await client.ask('POST', '/v1/reports', { job: parent.id, lease: parent.lease, n: 1, op: 'wait', children });
    for (let child; (child = await take('child')); ) {
        await client.ask('POST', '/v1/reports', { job: child.id, lease: child.lease, n: 1, op: 'complete' });
    }
}

const LINKED = 6;

/** Jobs that depend on one that ends: they are told by a tick. */
async function linked(client, ledger) {
    const tag = 'linked';
    const items = [{ kind: 'first', queue: 'linked', tags: [tag], ref: 'a' }, ...Array.from({ length: LINKED }, () => ({ kind: 'then', queue: 'linked', tags: [tag], depends_on: ['a'] }))];
    const entry = { tag, items, isSure: false, may: ['blocked', 'queued', 'processing', 'completed'] };
    ledger.tags.push(entry);
    await send(client, ledger, entry);
    const first = (await client.ask('POST', '/v1/claims', { worker: 'f', queues: ['linked'], kinds: ['first'], lease_s: 60 })).json?.jobs?.[0];
    if (first) await client.ask('POST', '/v1/reports', { job: first.id, lease: first.lease, n: 1, op: 'complete' });
}

async function workload(server, ledger, isLogFilled) {
    const client = new Client(server);
    const some = (i) => enqueue(client, ledger, `t${i}`, 8, 200);
    await Promise.all([some(1), some(2), some(3), some(4)]);
    await Promise.all(['w1', 'w2', 'w3', 'w4'].map((w) => work(client, ledger, w)));
    await family(client, ledger);
    await linked(client, ledger);
    if (isLogFilled) for (const tag of ['big1', 'big2', 'big3']) await enqueue(client, ledger, tag, 8, 250_000); // until it is moved
    for (let i = 5; i < 12; i++) await some(i);
    await Promise.all(['w5', 'w6'].map((w) => work(client, ledger, w)));
    await client.ask('POST', '/v1/dead/purge', { all: true, limit: 1 });
}

async function listAll(server) {
    const found = [];
    for (let cursor; ; ) {
        const answer = await server.call('GET', `/v1/jobs?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        assert.equal(answer.status, 200, answer.text);
        found.push(...answer.json.jobs);
        cursor = answer.json.next_cursor;
        if (!cursor) return found;
    }
}

async function checkEvents(server, job) {
    const answer = await server.call('GET', `/v1/jobs/${job.id}/events`, undefined, { headers: { accept: 'application/json' } });
    assert.equal(answer.status, 200, answer.text);
    const { events } = answer.json;
    events.forEach((e, i) => assert.equal(e.seq, i + 1, `${job.id}: a gap in its events (J12)`));
    const isFinal = ['completed', 'failed', 'cancelled', 'skipped'].includes(job.state);
    assert.equal(events.filter((e) => e.type === 'end').length, isFinal ? 1 : 0, `${job.id}: ${job.state}`);
}

/** Children are there all or not at all, and behind the last of them the parent runs again, whatever died when. */
async function endFamily(server, stored) {
    const parent = stored.find((j) => j.kind === 'parent');
    const children = stored.filter((j) => j.kind === 'child');
    const claim = async (kind, wait_s) => (await server.call('POST', '/v1/claims', { worker: 'last', queues: ['families'], kinds: [kind], lease_s: 60, wait_s })).json?.jobs?.[0];
    const complete = async (job) => assert.equal((await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' })).status, 200);
    assert.ok([0, CHILDREN].includes(children.length), `${children.length} children`);
    if (!parent || parent.state === 'processing') return assert.equal(children.length, 0);
    for (const child of children.filter((j) => j.state === 'processing')) await server.call('POST', `/v1/jobs/${child.id}/cancel`);
    for (let child; (child = await claim('child', 0)); ) await complete(child);
    if (children.some((j) => j.state === 'processing')) return; // its worker died with the first life: 60 s
    const again = await claim('parent', 10);
    assert.equal(again?.id, parent.id, `${parent.id} waits for ever`);
    if (children.length) assert.deepEqual([again.children.open, again.children.completed], [0, CHILDREN]);
    await complete(again);
}

/** Behind the end of the one all others run, whatever died when. */
async function endLinked(server, stored) {
    const jobs = stored.filter((j) => j.queue === 'linked');
    const claim = async (kind, wait_s) => (await server.call('POST', '/v1/claims', { worker: 'last', queues: ['linked'], kinds: [kind], lease_s: 60, wait_s })).json?.jobs?.[0];
    const complete = async (job) => assert.equal((await server.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' })).status, 200);
    assert.ok([0, LINKED + 1].includes(jobs.length), `${jobs.length} jobs that depend on each other`);
    const first = jobs.find((j) => j.kind === 'first');
    if (!first || first.state === 'processing') return; // its worker died with the first life: 60 s
    if (first.state === 'queued') await complete(await claim('first', 0));
    for (let i = 0; i < LINKED; i++) {
        const job = await claim('then', 10);
        assert.ok(job, `${LINKED - i} of those that depend on ${first.id} wait for ever`);
        await complete(job);
    }
}

/** The next life, without faults: what was acknowledged is there, what was not can be asked for again, and all of it can be done. */
async function checkAfter(server, ledger, dir) {
    const client = new Client(server);
    const purged = (id) => ledger.jobs.get(id).may.includes('failed'); // by the workload's last call
    for (const entry of ledger.tags.filter((t) => !t.isSure)) await send(client, ledger, entry);
    const stored = new Map((await listAll(server)).map((j) => [j.id, j]));
    for (const [id, { may }] of ledger.jobs) {
        if (!stored.has(id) && purged(id)) continue;
        assert.ok(stored.has(id), `${id}: acknowledged (${may}) and lost (J1)`);
        assert.ok(may.includes(stored.get(id).state), `${id}: is ${stored.get(id).state}, was acknowledged as ${may}`);
    }
    assert.deepEqual([...stored.values()].filter((j) => !ledger.jobs.has(j.id) && j.kind !== 'child').map((j) => j.id), [], 'jobs that nobody knows: enqueued twice');
    await Promise.all([...stored.values()].map((job) => checkEvents(server, job)));
    for (const [id, { artifact }] of ledger.jobs) {
        if (!artifact) continue;
        const answer = await server.call('GET', `/v1/jobs/${id}/artifacts/out`);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(sha(answer.text), artifact, `${id}: its artifact changed`);
    }
    const files = readdirSync(`${dir.file('stint.db')}-files`).filter((f) => f.endsWith('.part'));
    assert.deepEqual(files, [], 'parts of uploads are left');
    for (;;) {
        const answer = await server.call('POST', '/v1/claims', { worker: 'last', queues: ['q'], max: 100, lease_s: 60 });
        if (answer.status === 204) break;
        for (const job of answer.json.jobs) {
            const j = ledger.jobs.get(job.id);
            assert.ok(j.leases.every((l) => l < job.lease), `${job.id}: lease ${job.lease} after ${j.leases} (J4)`);
        }
        const ends = await server.call('POST', '/v1/reports', answer.json.jobs.map((job) => ({ job: job.id, lease: job.lease, n: 1, op: 'complete' })));
        assert.ok(ends.json.verdicts.every((verdict) => verdict.status === 200), ends.text);
    }
    await endFamily(server, await listAll(server));
    await endLinked(server, await listAll(server));
    const { counts } = (await server.call('GET', '/v1/stats')).json;
    assert.equal(counts.queued, 0);
}

/** A life under the fault: how it ended, and whether the fault struck. */
async function faultyLife(dir, key, fault, ledger) {
    let server;
    try {
        server = await startServer({ dir, key, args: ['--prune-every', '10ms', '--drain', '5s'], env: { STINT_FAULT: fault } });
    } catch (e) {
        const ended = /^ended \((\w+)\) without/.exec(e.message); // it died before it was ready
        assert.ok(ended, e.stack);
        return { end: ended[1], isStruck: /fault: struck/.test(e.message) || ended[1] === 'SIGKILL' };
    }
    await workload(server, ledger, fault.startsWith('store.checkpoint'));
    server.proc.kill('SIGTERM');
    const { code, signal } = await server.exit;
    return { end: String(signal ?? code), isStruck: server.log.includes('fault: struck') };
}

function expectedEnds(action, name) {
    if (action === 'kill') return ['SIGKILL'];
    // 0: it went on, and drained; 1: the store can no longer be trusted (J17), or could not be opened.
    return ['store.round.commit', 'store.files.fsync', 'store.checkpoint', 'store.migrate.step'].includes(name) ? ['1'] : ['0'];
}

async function oneFault(name, action, nth) {
    const fault = `${name}:${action}:${nth}`;
    const dir = makeDir('stint-fault-');
    const ledger = new Ledger();
    let key;
    if (name === 'store.migrate.step') {
        let died;
        try {
            stint(['keys', 'create', '--store', dir.file('stint.db')], { env: { ...process.env, STINT_FAULT: fault } });
        } catch (e) {
            died = e;
        }
        assert.ok(died, `${fault} did nothing`);
        assert.equal(String(died.signal ?? died.status), expectedEnds(action, name)[0], died.stderr);
        key = stint(['keys', 'create', '--store', dir.file('stint.db')]).trim();
    } else {
        key = stint(['keys', 'create', '--store', dir.file('stint.db')]).trim();
        const life = await faultyLife(dir, key, fault, ledger);
        const wanted = life.isStruck ? expectedEnds(action, name) : ['0'];
        assert.ok(wanted.includes(life.end), `${fault}: ended with ${life.end}, not ${wanted}`);
        if (!life.isStruck && nth > 1) return dir.remove(); // fewer hits in this run than asked for
        assert.ok(life.isStruck, `${fault} never struck: the workload does not pass there`);
    }
    const server = await startServer({ dir, key });
    await checkAfter(server, ledger, dir);
    assert.equal((await server.kill('SIGTERM')).code, 0);
    dir.remove();
}

/** Those of files and connections; the other file has the rest, so that none is left out. */
export const isOfFiles = (name) => /^(store\.files|api|net)\./.test(name);

/** A test for each of these points and each way to fail there. */
export function testFaults(names) {
    for (const name of new Set(names)) {
        for (const action of ['fail', 'always', 'kill']) {
            test(`${name}: ${{ fail: 'failing once', always: 'failing always', kill: 'killed there' }[action]}, nothing acknowledged is lost`, { timeout: 480_000 }, async () => {
                for (const nth of HITS[name] ?? OFTEN) {
                    try {
                        await oneFault(name, action, nth);
                    } catch (e) {
                        e.message = `STINT_FAULT=${name}:${action}:${nth}: ${e.message}`;
                        throw e;
                    }
                }
            });
        }
    }
}
