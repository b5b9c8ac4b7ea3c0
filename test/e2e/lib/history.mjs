// history.mjs: what clients of a server saw, nothing else, and what of it cannot be true. history.test.mjs plants a violation for
// each rule.
export class History {
    jobs = new Map(); // id → what was acknowledged about it
    verbs = new Map(); // verb → how often it was acknowledged
    problems = [];
    unknown = 0; // requests of which nobody knows what came of them

    job(id) {
        let j = this.jobs.get(id);
        if (!j) {
            // unsure: something unknown was asked that may change its state, or it was retried: its end proves nothing
            // isSpared: a test's own, which the clients leave alone
            j = { id, enqueued: false, leases: [], finals: [], cancelled: false, cancelAsked: false, unsure: false, isSpared: false };
            this.jobs.set(id, j);
        }
        return j;
    }

    ok(verb, n = 1) {
        this.verbs.set(verb, (this.verbs.get(verb) ?? 0) + n);
    }

    violation(text) {
        this.problems.push(text);
    }

    claimed(id, lease) {
        const j = this.job(id);
        if (j.leases.length > 0 && lease <= j.leases.at(-1)) this.violation(`${id}: lease ${lease} after ${j.leases.at(-1)} (J4)`);
        if (j.cancelled && !j.unsure) this.violation(`${id}: handed out after its cancel was acknowledged (J11)`);
        j.leases.push(lease);
    }

    /** A report was accepted and ended the job. */
    ended(id, lease, state, replayed) {
        this.job(id).finals.push({ lease, state, replayed });
    }

    /** Holds all of it against what the store has at the end: a map from id to the job. */
    compare(stored) {
        for (const j of this.jobs.values()) this.#compareJob(j, stored.get(j.id));
        // Every enqueue was repeated under its Idempotency-Key until it was acknowledged: what nobody knows was made twice.
        for (const id of stored.keys()) if (!this.jobs.get(id)?.enqueued) this.violation(`${id}: in the store, but never acknowledged: enqueued twice`);
    }

    #compareJob(j, stored) {
        if (!stored) {
            if (j.enqueued) this.violation(`${j.id}: acknowledged and lost (J1)`);
            return;
        }
        if (j.unsure) return;
        const told = JSON.stringify(j.finals);
        if (j.finals.filter((f) => !f.replayed).length > 1) this.violation(`${j.id}: ended more than once: ${told} (J3)`);
        if (new Set(j.finals.map((f) => f.state)).size > 1) this.violation(`${j.id}: two outcomes: ${told} (J3)`);
        if (j.finals.length > 0 && stored.state !== j.finals[0].state) this.violation(`${j.id}: was told ${j.finals[0].state}, is ${stored.state} (J1)`);
        if (j.cancelled && stored.state !== 'cancelled') this.violation(`${j.id}: its cancel was acknowledged, it is ${stored.state} (J1)`);
    }
}
