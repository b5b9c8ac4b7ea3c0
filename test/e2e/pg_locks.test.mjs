// An application's transaction that stays open with a unique key of its own delays nobody but who wants the same key, and those
// not for ever. OPEN_S lets it stay open longer (make chaos: 60 s) and then prints how long the others took.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SKIP } from './lib/need_postgres.mjs';
import { makeDatabase } from './lib/postgres.mjs';
import { allowNode, createKey, startServer } from './lib/server.mjs';

const OPEN_MS = Number(process.env.OPEN_S ?? 0) * 1000;
const AT_LEAST = 40; // rounds of the others while it is open

let db;
let nodes;
before(async () => {
    if (SKIP) return;
    db = makeDatabase();
    const store = allowNode(db);
    const key = createKey(store);
    nodes = [await startServer({ store, key }), await startServer({ store, key })];
});
after(async () => {
    await Promise.all((nodes ?? []).map((n) => n.stop()));
    db?.drop();
});

const took = { enqueue: [], claim: [], report: [] };
async function timed(name, ask) {
    const began = performance.now();
    const answer = await ask();
    took[name].push(performance.now() - began);
    return answer;
}
function quantiles() {
    const told = {};
    for (const [name, times] of Object.entries(took)) {
        times.sort((x, y) => x - y);
        told[name] = `n ${times.length} p50 ${times[times.length >> 1]?.toFixed(1)} p99 ${times[Math.floor(times.length * 0.99)]?.toFixed(1)} max ${times.at(-1)?.toFixed(1)} ms`;
        times.length = 0;
    }
    return JSON.stringify(told);
}

/** A job with a key of its own, from its enqueue to its end, each step at a node of its own. */
let round = 0;
async function live(lane) {
    const n = (round += 1);
    const [one, other] = n % 2 ? nodes : [nodes[1], nodes[0]];
    const queue = `free-${lane}`;
    const put = await timed('enqueue', () => one.call('POST', '/v1/jobs', [{ kind: 'k', queue, unique_key: `mine-${n}` }, { kind: 'k', queue }]));
    assert.equal(put.status, 201, put.text);
    const { json } = await timed('claim', () => other.call('POST', '/v1/claims', { worker: `w${lane}`, queues: [queue], max: 2 }));
    assert.deepEqual(json.jobs.map((j) => j.id).sort(), put.json.jobs.map((j) => j.id).sort());
    for (const job of json.jobs) {
        const done = await timed('report', () => one.call('POST', '/v1/reports', { job: job.id, lease: job.lease, n: 1, op: 'complete' }));
        assert.equal(done.status, 200, done.text);
    }
}

const wantKey = (node) => node.call('POST', '/v1/jobs', { kind: 'k', queue: 'held', unique_key: 'held' });

test('a transaction that stays open with a unique key delays nobody else', { skip: SKIP, timeout: 240_000 + 2 * OPEN_MS }, async (t) => {
    for (let i = 0; i < AT_LEAST; i++) await live(0);
    t.diagnostic(`before: ${quantiles()}`);
    const app = db.session();
    t.after(() => app.close()); // or it would keep this process waiting
    await app.say('BEGIN');
    const id = await app.say(`SELECT stint.enqueue('held', 'k', 'null', '{"unique_key": "held"}')`);

    const until = performance.now() + OPEN_MS;
    let isAnswered = false;
    let rounds = 0;
    let refused = 0;
    const want = async (node) => {
        do {
            const answer = await wantKey(node);
            assert.equal(answer.status, 503, answer.text);
            assert.equal(answer.json.code, 'store_unavailable');
            assert.match(answer.json.detail, /another transaction/);
            refused++;
        } while (performance.now() < until);
        isAnswered = true;
    };
    const others = async (lane) => {
        for (; !isAnswered || rounds < AT_LEAST; rounds++) await live(lane);
    };
    await Promise.all([want(nodes[0]), want(nodes[1]), want(nodes[0]), others(1), others(2)]);
    assert.ok(refused >= 3);
    t.diagnostic(`while it was open, ${rounds} jobs pairs beside ${refused} that wanted its key: ${quantiles()}`);

    const waiting = wantKey(nodes[1]);
    await live(3);
    await app.say('COMMIT');
    const answer = await waiting;
    assert.deepEqual([answer.status, answer.json.id, answer.json.duplicate], [200, id, true], answer.text);
});

test('what is due, and held by somebody, is not asked for again and again', { skip: SKIP, timeout: 240_000 }, async (t) => {
    const rounds = async () => Number(/^stint_rounds_total (\d+)/m.exec((await nodes[0].call('GET', '/metrics')).text)[1]);
    const app = db.session();
    t.after(() => app.close());
    await app.say('SELECT 1'); // it is there
    let id;
    let queue;
    for (let n = 0, isEarly; !isEarly; n++) { // held before it is due
        queue = `due-${n}`;
        ({ id } = (await nodes[0].call('POST', '/v1/jobs', { kind: 'k', queue, delay_s: 1 })).json);
        isEarly = (await app.say(`COMMIT; BEGIN; SELECT run_at > stint.now() FROM stint.job WHERE id = '${id}' FOR UPDATE`)) === 't';
    }
    await app.say('SELECT pg_sleep(1.2)'); // time is what is measured
    const began = performance.now();
    const before = await rounds();
    await app.say('SELECT pg_sleep(2)');
    const asked = (await rounds()) - before;
    const took = performance.now() - began;
    assert.ok(asked <= took / 20, `${asked} rounds in ${took} ms`);
    while ((await rounds()) - before < 3) assert.ok(performance.now() - began < 10_000, 'it is forgotten');
    await app.say('COMMIT');
    const { json } = await nodes[1].call('POST', '/v1/claims', { worker: 'w', queues: [queue], wait_s: 20 });
    assert.deepEqual(json.jobs.map((j) => j.id), [id]);
});
