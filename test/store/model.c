/* model.c: see model.h. */
#include "model.h"

const struct str model_queues[MODEL_QUEUES] = {{"a", 1}, {"b", 1}, {"c", 1}};
const struct str model_kinds[MODEL_KINDS] = {{"x", 1}, {"y", 1}};
const struct str model_keys[MODEL_KEYS] = {{"k0", 2}, {"k1", 2}, {"k2", 2},  {"k3", 2},
                                           {"k4", 2}, {"k5", 2}, {"k6", 2},  {"k7", 2},
                                           {"k8", 2}, {"k9", 2}, {"k10", 3}, {"k11", 3}};

void model_begin(struct model *m)
{
    for (int i = 0; i < MODEL_KEYS; i++) {
        m->holder[i] = -1;
    }
}

static void free_key(struct model *m, const struct model_job *job)
{
    if (job->key >= 0 && m->holder[job->key] == (int)(job - m->jobs)) {
        m->holder[job->key] = -1;
    }
}

struct enqueue_verdict model_enqueue(struct model *m, const struct job_spec *spec, struct model_job as,
                                     int64_t now)
{
    if (as.key >= 0 && m->holder[as.key] >= 0) {
        struct model_job *holder = &m->jobs[m->holder[as.key]];
        return (struct enqueue_verdict){.duplicate = true, .job = holder->id, .state = holder->c.state};
    }
    struct model_job *job = &m->jobs[m->count++];
    *job = as;
    job->round = 1;
    job->c.run_at = spec->run_at ? spec->run_at : now + spec->delay_ms;
    job->c.state = job->c.run_at > now ? JOB_SCHEDULED : JOB_QUEUED;
    job->c.deadline_at = spec->deadline_ms ? now + spec->deadline_ms : 0;
    if (as.key >= 0) {
        m->holder[as.key] = m->count - 1;
    }
    return (struct enqueue_verdict){.state = job->c.state};
}

/* By priority, then by how long it could have run, then by age. */
static bool goes_before(const struct model_job *a, const struct model_job *b)
{
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return a->c.run_at != b->c.run_at ? a->c.run_at < b->c.run_at : id_ordinal(a->id) < id_ordinal(b->id);
}

struct model_job *model_next(struct model *m, int queue, int kind)
{
    struct model_job *best = NULL;
    for (int i = 0; i < m->count && !m->is_paused[queue]; i++) {
        struct model_job *job = &m->jobs[i];
        if (job->c.state == JOB_QUEUED && job->queue == queue && (kind < 0 || job->kind == kind) &&
            (!best || goes_before(job, best))) {
            best = job;
        }
    }
    return best;
}

void model_claimed(struct model_job *job, int64_t lease, int64_t lease_ms, int64_t now)
{
    job->c.state = JOB_PROCESSING;
    job->c.attempt++;
    job->c.lease_ms = lease_ms;
    job->c.lease_until = now + lease_ms;
    job->c.timeout_at = now + job->timeout_ms;
    job->lease = lease;
    job->n = job->hash = 0;
    job->is_lost = job->is_lease_raised = false;
}

static void apply(struct model *m, struct model_job *job, const struct job_outcome *o)
{
    job->c.state = o->to;
    job->c.attempt = o->attempt;
    job->c.lost = o->lost;
    job->c.snoozes = o->snoozes;
    job->c.run_at = o->run_at;
    job->c.lease_until = job->c.timeout_at = job->c.cancel_at = 0;
    job->is_lost = o->event == JOB_EV_LOST;
    job->is_lease_raised |= o->raise_lease;
    if (job_state_is_final(o->to)) {
        job->reason = o->reason;
        free_key(m, job);
    }
}

/* ---- reports */

static struct report_verdict refused(enum rc rc)
{
    return (struct report_verdict){.rc = rc};
}

static void renew(struct model_job *job, const struct report *r, int64_t now)
{
    job->c.lease_ms = r->lease_ms ? r->lease_ms : job->c.lease_ms;
    job->c.lease_until = now + job->c.lease_ms;
}

static struct job_outcome ended_by_worker(const struct model_job *job, bool is_complete)
{
    return (struct job_outcome){.to = is_complete ? JOB_COMPLETED : JOB_FAILED,
                                .reason = is_complete ? JOB_REASON_NONE : JOB_REASON_ERROR,
                                .attempt = job->c.attempt,
                                .lost = job->c.lost,
                                .snoozes = job->c.snoozes,
                                .run_at = job->c.run_at};
}

static void under_lease(struct model *m, struct model_job *job, const struct report *r, int64_t now)
{
    struct job_outcome o;
    switch (r->op) {
    case REPORT_COMPLETE:
        o = ended_by_worker(job, true);
        break;
    case REPORT_FAIL:
        o = job_decide_fail(&job->c, &job->retry, r->error.class, r->retry_after_ms, now, 0);
        break;
    case REPORT_SNOOZE:
        o = job_decide_snooze(&job->c, r->delay_ms, now);
        break;
    case REPORT_RELEASE:
        o = job_decide_release(&job->c, now);
        break;
    default:
        renew(job, r, now);
        return;
    }
    apply(m, job, &o);
}

struct report_verdict model_report(struct model *m, struct model_job *job, const struct report *r,
                                   int64_t now)
{
    bool is_result = r->op == REPORT_COMPLETE || (r->op == REPORT_FAIL && r->error.class == ERROR_PERMANENT);
    if (r->lease != job->lease || job->is_lease_raised) {
        return refused(RC_LEASE_LOST);
    }
    if (job->n && r->n == job->n && r->hash == job->hash) {
        struct report_verdict again = job->verdict;
        again.replayed = true;
        return again;
    }
    if (job->n && r->n <= job->n) {
        return refused(RC_CONFLICT);
    }
    if (job->c.state == JOB_PROCESSING) {
        under_lease(m, job, r, now);
    } else if (job->c.state == JOB_QUEUED && job->is_lost && is_result) {
        struct job_outcome o = ended_by_worker(job, r->op == REPORT_COMPLETE);
        apply(m, job, &o);
    } else {
        return refused(RC_LEASE_LOST);
    }
    job->n = r->n;
    job->hash = r->hash;
    job->verdict = (struct report_verdict){
        .state = job->c.state, .cancel = job->c.cancel_requested && job->c.state == JOB_PROCESSING};
    if (job->c.state == JOB_SCHEDULED || (job->c.state == JOB_QUEUED && r->op != REPORT_RELEASE)) {
        job->verdict.run_at = job->c.run_at;
    }
    return job->verdict;
}

/* ---- actions */

static enum rc cancel_job(struct model *m, struct model_job *job, int64_t now)
{
    enum job_state to;
    if (job->c.state == JOB_CANCELLED) {
        return RC_OK; /* one's own repeat */
    }
    if (!job_next_state(job->c.state, JOB_EV_CANCEL, &to)) {
        return RC_CONFLICT;
    }
    if (to == JOB_PROCESSING) {
        job->c.cancel_at = job->c.cancel_requested ? job->c.cancel_at : now + JOB_CANCEL_GRACE_MS;
        job->c.cancel_requested = true;
        return RC_OK;
    }
    job->c.state = to;
    job->reason = JOB_REASON_CANCELLED;
    job->is_lost = false;
    free_key(m, job);
    return RC_OK;
}

static enum rc retry_job(struct model *m, struct model_job *job, int64_t now)
{
    enum job_state to;
    if (job->is_erased || !job_next_state(job->c.state, JOB_EV_RETRY, &to) ||
        (job->key >= 0 && m->holder[job->key] >= 0)) {
        return RC_CONFLICT;
    }
    if (job->key >= 0) {
        m->holder[job->key] = (int)(job - m->jobs);
    }
    job->c = (struct job_counters){
        .state = to, .lost_max = job->c.lost_max, .on_lost = job->c.on_lost, .run_at = now};
    job->reason = JOB_REASON_NONE;
    job->round++;
    job->is_lease_raised = true;
    job->is_lost = false;
    return RC_OK;
}

struct act_verdict model_act(struct model *m, struct model_job *job, enum job_action action, int64_t now)
{
    enum job_state to;
    enum rc rc = RC_CONFLICT;
    if (action == ACT_CANCEL) {
        rc = cancel_job(m, job, now);
    } else if (action == ACT_RETRY) {
        rc = retry_job(m, job, now);
    } else if (action == ACT_ERASE) {
        rc = job_state_is_final(job->c.state) ? RC_OK : RC_CONFLICT;
        job->is_erased |= rc == RC_OK;
    } else if (job_next_state(job->c.state, JOB_EV_PROMOTE, &to)) {
        job->c.state = to;
        job->c.run_at = now;
        rc = RC_OK;
    }
    return (struct act_verdict){.job = job->id, .rc = rc, .state = job->c.state};
}

int64_t model_tick(struct model *m, int64_t now)
{
    int64_t changed = 0;
    for (int i = 0; i < m->count; i++) {
        struct model_job *job = &m->jobs[i];
        struct job_outcome o;
        bool has_changed = false;
        while (job_decide_due(&job->c, &job->retry, now, 0, &o)) {
            apply(m, job, &o);
            has_changed = true;
        }
        changed += has_changed ? 1 : 0;
    }
    return changed;
}
