// load.mjs: clients that enqueue, work, cancel and retry at random, and note in a History what they were told. The servers are a
// fleet: write(method, path, body, options) resolves with the answer, or with undefined when nobody knows what came of the request.
import assert from 'node:assert/strict';

const BACKLOG = 1500; // producers hold back over it, so that the end does not take long
export const LEASE_S = 2;

/** Of the clients' choices; SEED= repeats them. */
export let seed = Number(process.env.SEED ?? Date.now() % 1e9);
export function random(n) {
    seed = (Math.imul(seed ^ (seed >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return ((seed ^ (seed >>> 13)) >>> 0) % n;
}

/** Prepares a History for the clients below. */
export function expectLoad(history, backlogMax = BACKLOG) {
    history.backlogMax = backlogMax;
    history.recentFailed = new Set();
    // Clients do not hear of every end, and of some twice: what the server counts makes up for it, now and then.
    let unheard = 0;
    history.backlog = () => (history.verbs.get('enqueue') ?? 0) - (history.verbs.get('complete') ?? 0) - (history.verbs.get('cancel') ?? 0) - unheard;
    history.countBacklog = async (fleet) => {
        const answer = await fleet.write('GET', '/v1/stats');
        if (answer?.status !== 200) return;
        const { queued, processing, scheduled } = answer.json.counts;
        unheard += history.backlog() - queued - processing - scheduled;
    };
    const open = [];
    history.anyOpen = () => {
        if (open.length === 0) for (const j of history.jobs.values()) if (!j.finals.length && !j.cancelAsked && !j.isSpared) open.push(j.id);
        return open.splice(random(open.length || 1), 1)[0];
    };
    return history;
}

export async function produce(fleet, history, name) {
    for (let i = 0; !fleet.isOver; i++) {
        if (history.backlog() > history.backlogMax || i % 50 === 49) await history.countBacklog(fleet);
        if (history.backlog() > history.backlogMax) {
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

export async function cancelSome(fleet, history) {
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

export async function retrySome(fleet, history) {
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

export async function work(fleet, history, name) {
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

export async function listAll(server) {
    const found = new Map();
    for (let cursor; ; ) {
        const answer = await server.call('GET', `/v1/jobs?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        assert.equal(answer.status, 200, answer.text);
        for (const j of answer.json.jobs) found.set(j.id, j);
        cursor = answer.json.next_cursor;
        if (!cursor) return found;
    }
}

export async function checkEvents(server, { id, round }) {
    const events = [];
    for (let after = 0; ; after = events.at(-1).seq) {
        const answer = await server.call('GET', `/v1/jobs/${id}/events?last_event_id=${after}`, undefined, { headers: { accept: 'application/json' } });
        assert.equal(answer.status, 200, answer.text);
        if (answer.json.events.length === 0) break;
        events.push(...answer.json.events);
    }
    events.forEach((e, i) => assert.equal(e.seq, i + 1, `${id}: events are not consecutive (J12)`));
    assert.equal(events.filter((e) => e.type === 'end').length, round, `${id}: one end a round`);
    assert.equal(events.at(-1).type, 'end');
    return events.length;
}

