// J1, J3, J4, J12: the server is killed with -9 under load, again and again, at random times and at named fault points.
// Whatever it acknowledged must be there at the end, with one outcome a job and growing leases.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './lib/history.mjs';
import { makeDir, startServer } from './lib/server.mjs';

const SMALL = process.env.STINT_SMALL === '1';
const KILLS = Number(process.env.KILLS ?? (SMALL ? 10 : 60)); // `make chaos` wants more
const MIN_JOBS = SMALL ? 200 : 1000;
const IN_FLIGHT = 32; // writes, at every kill
const BACKLOG = 1500; // producers hold back over it, so that the end does not take long
const LEASE_S = 2;
// Where the store touches the disk or the round is between two truths; the process dies there as by kill -9.
const FAULTS = [
    'store.round.begin',
    'store.round.middle',
    'store.round.commit',
    'store.round.answer',
];

let seed = Number(process.env.SEED ?? Date.now() % 1e9);
function random(n) {
    seed = (Math.imul(seed ^ (seed >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return ((seed ^ (seed >>> 13)) >>> 0) % n;
}

/** The server as its clients know it: up or not, and where. */
class Fleet {
    server;
    writes = 0;
    #up;
    #setUp;
    isOver = false;
    constructor(dir) {
        this.dir = dir;
        this.down();
    }
    down() {
        this.#up = new Promise((resolve) => (this.#setUp = resolve));
    }
    async start(env) {
        this.server = await startServer({ dir: this.dir, key: this.key, env });
        this.key = this.server.key;
        this.#setUp();
    }
    /** The answer, or undefined when nobody knows what happened to the request. */
    async write(method, path, body, options) {
        await this.#up;
        this.writes++;
        try {
            const answer = await this.server.call(method, path, body, options);
            assert.ok(answer.status < 500 || answer.status === 503, `${method} ${path}: ${answer.status} ${answer.text}`);
            return answer;
        } catch (e) {
            if (e instanceof assert.AssertionError) throw e;
            await this.server.exit; // it can only be the kill: wait for the next life
            return undefined;
        } finally {
            this.writes--;
        }
    }
}

async function produce(fleet, history, name) {
    for (let i = 0; !fleet.isOver; i++) {
        if (history.backlog() > BACKLOG) {
            await cancelSome(fleet, history);
            continue;
        }
        const tag = `${name}-${i}`;
        const spec = { kind: 'work', queue: random(2) ? 'a' : 'b', args: { tag }, priority: random(3), max_attempts: 3, retry: { base_s: 0.05 } };
        const options = { headers: { 'idempotency-key': tag } };
        const bulk = random(4) === 0;
        const body = bulk ? [spec, spec, spec] : spec;
        let answer;
        do answer = await fleet.write('POST', '/v1/jobs', body, options);
        while (!answer && ++history.unknown); // the same key again: it must not make a second job
        assert.equal(Math.floor(answer.status / 100), 2, answer.text);
        for (const item of bulk ? answer.json.jobs : [answer.json]) {
            history.job(item.id).enqueued = true;
            history.ok('enqueue');
        }
    }
}

async function cancelSome(fleet, history) {
    const id = history.anyOpen();
    if (!id) return;
    const answer = await fleet.write('POST', `/v1/jobs/${id}/cancel`);
    const j = history.job(id);
    j.cancelAsked = true;
    if (!answer) return; // what it does to the job is the same as what an acknowledged one may do
    if (answer.status === 200) {
        history.ok('cancel');
        if (answer.json.state === 'cancelled') j.cancelled = true;
    } else assert.equal(answer.status, 409, answer.text);
}

async function retrySome(fleet, history) {
    const j = [...history.recentFailed].pop();
    if (!j) return;
    history.recentFailed.delete(j);
    const answer = await fleet.write('POST', `/v1/jobs/${j.id}/retry`);
    j.unsure = true; // its next round has a life of its own
    if (answer?.status === 200) history.ok('retry');
}

function planOf() {
    const plan = [];
    for (let k = random(3); k > 0; k--) plan.push(random(2) ? { op: 'heartbeat' } : { op: 'progress', percent: random(100), events: [{ type: 'step', data: k }] });
    const dice = random(20);
    if (dice < 15) plan.push({ op: 'complete', result: { at: random(1000) } });
    else if (dice < 16) plan.push({ op: 'fail', error: { class: 'permanent', message: 'no' } });
    else if (dice < 18) plan.push({ op: 'fail', error: { class: 'transient', message: 'not yet' } });
    else if (dice < 19) plan.push({ op: 'release' });
    else plan.push({ op: 'snooze', delay_s: 0.05 });
    return plan;
}

/** Reports one thing until somebody answers; the same n, so that a repeat is known as one. False: the lease is lost. */
async function report(fleet, history, job, n, item) {
    for (;;) {
        const answer = await fleet.write('POST', '/v1/reports', { job: job.id, lease: job.lease, n, ...item });
        if (!answer) {
            history.unknown++;
            continue;
        }
        if (answer.status === 409) {
            assert.match(answer.json.code, /^(lease_lost|stale_report)$/);
            if (answer.json.code === 'stale_report') history.violation(`${job.id}: n=${n} of lease ${job.lease} is stale, but only this worker reports`);
            return false;
        }
        assert.equal(answer.status, 200, answer.text);
        history.ok(item.op);
        if (['completed', 'failed', 'cancelled'].includes(answer.json.state)) {
            history.ended(job.id, job.lease, answer.json.state, answer.json.replayed === true);
            if (answer.json.state === 'failed') history.recentFailed.add(history.job(job.id));
        }
        return answer.json.state === 'processing';
    }
}

async function work(fleet, history, name) {
    const claim = { worker: name, queues: ['a', 'b'], kinds: ['work'], max: 2, wait_s: 1, lease_s: LEASE_S };
    while (!history.isFinished) {
        const answer = await fleet.write('POST', '/v1/claims', claim);
        if (answer?.status !== 200) continue;
        history.ok('claim', answer.json.jobs.length);
        for (const job of answer.json.jobs) {
            history.claimed(job.id, job.lease);
        }
        for (const job of answer.json.jobs) {
            let n = 1;
            for (const item of planOf()) if (!(await report(fleet, history, job, n++, item))) break;
        }
    }
}

/** Kills when enough writes are in flight, or lets the armed fault point do it. */
async function oneLife(fleet, k) {
    const isFault = k % 5 < 2;
    const env = isFault ? { STINT_FAULT: `${FAULTS[random(FAULTS.length)]}:kill:${5 + random(120)}` } : {};
    await fleet.start(env);
    const until = performance.now() + 150 + random(500);
    const timer = setInterval(() => {
        if (performance.now() < until || fleet.writes < IN_FLIGHT) return;
        if (isFault && performance.now() < until + 1500) return;
        fleet.atKill = fleet.writes;
        fleet.server.proc.kill('SIGKILL');
    }, 5);
    fleet.atKill = 0;
    fleet.server.proc.once('exit', () => fleet.down());
    const inFlight = setInterval(() => (fleet.seen = fleet.writes), 1);
    const { signal } = await fleet.server.exit;
    clearInterval(timer);
    clearInterval(inFlight);
    assert.equal(signal, 'SIGKILL', fleet.server.log.slice(-5).join('\n'));
    return { isFault: fleet.atKill === 0, inFlight: fleet.atKill || fleet.seen };
}

async function listAll(fleet) {
    const found = new Map();
    for (let cursor; ; ) {
        const answer = await fleet.server.call('GET', `/v1/jobs?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        assert.equal(answer.status, 200, answer.text);
        for (const j of answer.json.jobs) found.set(j.id, j);
        cursor = answer.json.next_cursor;
        if (!cursor) return found;
    }
}

async function checkEvents(fleet, { id, round }) {
    const events = [];
    for (let after = 0; ; after = events.at(-1).seq) {
        const answer = await fleet.server.call('GET', `/v1/jobs/${id}/events?last_event_id=${after}`, undefined, { headers: { accept: 'application/json' } });
        assert.equal(answer.status, 200, answer.text);
        if (answer.json.events.length === 0) break;
        events.push(...answer.json.events);
    }
    events.forEach((e, i) => assert.equal(e.seq, i + 1, `${id}: events are not consecutive (J12)`));
    assert.equal(events.filter((e) => e.type === 'end').length, round, `${id}: one end a round`);
    assert.equal(events.at(-1).type, 'end');
    return events.length;
}

test('nothing acknowledged is lost and nothing ends twice when the server is killed again and again', { timeout: 60_000 + KILLS * 5000 }, async (t) => {
    const dir = makeDir('stint-kill-');
    const fleet = new Fleet(dir);
    const history = new History();
    t.after(() => {
        fleet.isOver = history.isFinished = true;
        fleet.server?.proc.kill('SIGKILL');
        dir.remove();
    });
    t.diagnostic(`SEED=${seed}`);
    history.recentFailed = new Set();
    history.backlog = () => (history.verbs.get('enqueue') ?? 0) - (history.verbs.get('complete') ?? 0) - (history.verbs.get('cancel') ?? 0);
    const open = [];
    history.anyOpen = () => {
        if (open.length === 0) for (const j of history.jobs.values()) if (!j.finals.length && !j.cancelAsked) open.push(j.id);
        return open.splice(random(open.length || 1), 1)[0];
    };
    const loops = [];
    for (let i = 0; i < 24; i++) loops.push(produce(fleet, history, `p${i}`));
    const workers = [];
    for (let i = 0; i < 24; i++) workers.push(work(fleet, history, `w${i}`));
    const other = async () => {
        while (!fleet.isOver) {
            await (random(3) ? cancelSome(fleet, history) : retrySome(fleet, history));
            await fleet.write('PATCH', '/v1/queues/c', { max_attempts: 1 + random(5) });
        }
    };
    for (let i = 0; i < 4; i++) loops.push(other());
    const failure = Promise.all([...loops, ...workers]);
    failure.catch(() => fleet.server?.proc.kill('SIGKILL'));

    let least = Infinity;
    let atFault = 0;
    for (let k = 0; k < KILLS; k++) {
        const life = await Promise.race([oneLife(fleet, k), failure.then(() => undefined)]);
        least = Math.min(least, life.inFlight);
        atFault += life.isFault;
    }
    await fleet.start({});
    fleet.isOver = true;
    await Promise.all(loops);
    for (;;) {
        const { counts } = (await fleet.server.call('GET', '/v1/stats')).json;
        if (!counts.queued && !counts.processing && !counts.scheduled) break;
        await fleet.write('POST', '/v1/claims', { worker: 'last', queues: ['nothing'], wait_s: 0.2 }); // the server's clock, not ours
    }
    history.isFinished = true;
    await failure;

    const stored = await listAll(fleet);
    history.compare(stored);
    let events = 0;
    const some = [...stored.values()].filter((_, i) => i % Math.ceil(stored.size / 1000) === 0);
    for (const job of some) events += await checkEvents(fleet, job);
    const verbs = Object.fromEntries(history.verbs);
    t.diagnostic(`${KILLS} kills (${atFault} at fault points), at least ${least} writes in flight, ${history.unknown} unknown outcomes, ${stored.size} jobs, ${events} events; ${JSON.stringify(verbs)}`);
    assert.equal((await fleet.server.stop()).code, 0);
    assert.deepEqual(history.problems.slice(0, 20), []);
    assert.ok(least >= IN_FLIGHT, `only ${least} writes in flight at a kill`);
    assert.ok(verbs.enqueue >= MIN_JOBS, `only ${verbs.enqueue} acknowledged jobs: nothing was tested`);
    for (const verb of ['enqueue', 'claim', 'heartbeat', 'progress', 'complete', 'fail', 'release', 'snooze', 'cancel', 'retry']) {
        assert.ok(verbs[verb] > 0, `no ${verb} was acknowledged: nothing was tested`);
    }
});
