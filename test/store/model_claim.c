/* model_claim.c: which jobs a claim may get from the model. See model.h. */
#include "model.h"

#include "core/turns.h"

#include <string.h>

static int64_t step_of(struct model *m, const struct job *v)
{
    return model_queue_get(m, v->tenant, v->queue)->settings.age_step_ms;
}

static int64_t aged(struct model *m, const struct job *v)
{
    return priority_aged(v->priority, v->run_at, step_of(m, v), m->now);
}

static bool goes_before(struct model *m, const struct job *a, const struct job *b)
{
    int64_t x = aged(m, a), y = aged(m, b);
    if (x != y && m->bug != BUG_PRIORITY_IGNORED) {
        return x < y;
    }
    return a->run_at != b->run_at ? a->run_at < b->run_at : memcmp(a->id.b, b->id.b, sizeof a->id.b) < 0;
}

static bool is_listed(const struct str *names, size_t count, struct str name)
{
    bool is_in = count == 0;
    for (size_t i = 0; i < count; i++) {
        is_in |= str_eq(names[i], name);
    }
    return is_in;
}

static bool is_wanted(struct model *m, const struct store_claim *op, const struct job *v)
{
    if (v->state != JOB_QUEUED || v->tenant != op->tenant || !is_listed(op->kinds, op->kind_count, v->kind) ||
        !is_listed(op->queues, op->queue_count, v->queue)) {
        return false;
    }
    return !model_queue_get(m, v->tenant, v->queue)->is_paused || m->bug == BUG_PAUSE_IGNORED;
}

/* Another job for this claim, or NULL. */
static struct model_job *next_of(struct model *m, const struct store_claim *op)
{
    struct model_job *best = NULL;
    for (int i = 0; i < m->count; i++) {
        struct job *v = &m->jobs[i]->v;
        bool is_late = v->deadline_at && v->deadline_at <= m->now;
        if (is_wanted(m, op, v) && !is_late && (!best || goes_before(m, v, &best->v)) &&
            model_gate(m, m->jobs[i]) == GATE_OPEN) {
            best = m->jobs[i];
        }
    }
    return best;
}

/* Of those that have waited at keys the engine keeps the order of priorities, and that of a lane; other order only about. */
static bool is_strict(const struct model *m, const struct model_job *rival, const struct job *v)
{
    const struct job *r = &rival->v;
    return r->priority != v->priority || !model_is_limited(m, rival) ||
           (str_eq(r->kind, v->kind) && str_eq(r->limit_keys, v->limit_keys));
}

static bool may_start(struct model *m, const struct store_claim *op, const struct job *v)
{
    bool is_late = v->deadline_at && v->deadline_at <= m->now;
    return !is_late && is_wanted(m, op, v);
}

static bool is_kin(const struct job *a, const struct job *b, bool same_group)
{
    return a->tenant == b->tenant && str_eq(a->queue, b->queue) && a->priority == b->priority &&
           (!same_group || str_eq(a->group, b->group));
}

/* Has the group of `like`, at its priority, a job that has become better than v? One that no key may hold up. */
static bool group_is_better(struct model *m, const struct store_claim *op, const struct job *like,
                            const struct job *v)
{
    for (int i = 0; i < m->count; i++) {
        const struct job *j = &m->jobs[i]->v;
        if (is_kin(j, like, true) && may_start(m, op, j) && !j->limit_keys.n && aged(m, j) < aged(m, v)) {
            return true;
        }
    }
    return false;
}

/* At this priority: whichever group's turn it is. Who is too late holds its group's turn until a claim meets it. */
static bool level_is_better(struct model *m, const struct store_claim *op, const struct job *like,
                            const struct job *v)
{
    for (int i = 0; i < m->count; i++) {
        const struct job *j = &m->jobs[i]->v;
        bool is_in_it = is_kin(j, like, false) && is_wanted(m, op, j) &&
                        (may_start(m, op, j) || aged(m, j) >= aged(m, v));
        if (is_in_it && !group_is_better(m, op, j, v)) {
            return false;
        }
    }
    return true;
}

/* Where waiting betters priorities (core/turns.h). is_any: at which priority nobody can tell, for the claim has ended what it met. */
static bool is_next_aged(struct model *m, const struct store_claim *op, const struct job *v, bool is_any)
{
    for (int i = 0; i < m->count; i++) {
        const struct job *other = &m->jobs[i]->v;
        if (!str_eq(other->queue, v->queue) || !may_start(m, op, other) || other->limit_keys.n) {
            continue;
        }
        if (is_kin(other, v, true) && goes_before(m, other, v)) {
            return false;
        }
        if (!is_any && other->priority != v->priority && aged(m, other) < aged(m, v) &&
            level_is_better(m, op, other, v)) {
            return false;
        }
    }
    return true;
}

/* Whose turn it is among the groups of the least priority is the engine's to say; in each the oldest goes first of those that may. */
static bool may_be_next(struct model *m, const struct store_claim *op, const struct model_job *job,
                        bool has_ended)
{
    const struct job *v = &job->v;
    bool is_aged = step_of(m, v) > 0;
    for (int i = 0; i < m->count && !is_aged; i++) {
        const struct job *other = &m->jobs[i]->v;
        bool is_late = other->deadline_at && other->deadline_at <= m->now;
        bool is_rival = str_eq(other->group, v->group) || other->priority != v->priority;
        if (is_wanted(m, op, other) && !is_late && str_eq(other->queue, v->queue) && is_rival &&
            goes_before(m, other, v) && is_strict(m, m->jobs[i], v) &&
            model_gate(m, m->jobs[i]) == GATE_OPEN) {
            return false;
        }
    }
    return may_start(m, op, v) && model_gate(m, job) != GATE_CLOSED &&
           (!is_aged || is_next_aged(m, op, v, has_ended));
}

static bool has_closed(struct model *m, const struct store_claim *op)
{
    bool has = false;
    for (int i = 0; i < m->count && !has; i++) {
        has = is_wanted(m, op, &m->jobs[i]->v) && model_gate(m, m->jobs[i]) == GATE_CLOSED;
    }
    return has;
}

static void hand_out(struct model *m, struct model_job *job, const struct store_claim *op, int64_t lease)
{
    struct job *v = &job->v;
    const struct queue_settings *s = &model_queue_get(m, v->tenant, v->queue)->settings;
    int64_t lease_ms = op->lease_ms > 0 ? op->lease_ms : s->lease_ms > 0 ? s->lease_ms : JOB_LEASE_DEFAULT_MS;
    model_drop_staged(job);
    v->lease = lease > v->lease + job->is_raised ? lease : v->lease + 1;
    v->lease_ms = lease_ms < JOB_LEASE_MAX_MS ? lease_ms : JOB_LEASE_MAX_MS;
    v->lease_until = m->now + v->lease_ms;
    v->started_at = m->now;
    v->worker = arena_str(m->a, op->worker);
    v->state = JOB_PROCESSING;
    v->attempt++;
    job->timeout_at = m->now + v->timeout_ms;
    job->cancel_at = job->n = 0;
    job->is_lost = job->is_raised = false;
    model_begin_limits(m, job);
    if (m->bug == BUG_KEY_FREED_EARLY) {
        model_key_free(m, job);
    }
}

struct ended {
    const struct model_job **jobs;
    int count;
};

/* A claim may end what it meets too late to start; when it does, is its own business. */
static struct ended end_late(struct model *m, const struct store_claim *op)
{
    struct ended ended = {.jobs = arena_array(op->op.a, const struct model_job *, (size_t)m->count + 1)};
    for (int i = 0; i < m->count && m->claims_end; i++) {
        struct model_job *job = m->jobs[i];
        bool is_late = job->v.deadline_at && job->v.deadline_at <= m->now;
        const struct job *seen =
            is_late && is_wanted(m, op, &job->v) ? m->peek(m->peek_ctx, op->tenant, job->v.id) : NULL;
        if (seen && job_state_is_final(seen->state) && model_pass_time(m, job)) {
            ended.jobs[ended.count++] = job;
        }
    }
    return ended;
}

static bool drop_failure(struct job_children *c, const struct job_children *got, struct id id)
{
    for (size_t i = 0; i < got->failure_count; i++) {
        if (id_eq(got->failures[i].id, id)) {
            return false; /* it was told */
        }
    }
    for (size_t i = 0; i < c->failure_count; i++) {
        if (id_eq(c->failures[i].id, id)) {
            c->failure_count--;
            memmove(&c->failures[i], &c->failures[i + 1], (c->failure_count - i) * sizeof c->failures[0]);
            return true;
        }
    }
    return false;
}

/* A parent that is handed out before the claim meets such a child has it still. */
static struct job_children *children_of(struct model *m, const struct model_job *job, const struct job *got,
                                        const struct ended *ended)
{
    struct job_children *c = model_children(m, job);
    const struct job_children *g = got->children;
    for (int i = 0; c && g && i < ended->count && c->open < g->open; i++) {
        const struct job *v = &ended->jobs[i]->v;
        int64_t *count = v->state == JOB_SKIPPED ? &c->skipped : &c->failed;
        int64_t told = v->state == JOB_SKIPPED ? g->skipped : g->failed;
        bool is_later = id_eq(v->parent, job->v.id) && *count > told &&
                        (v->state == JOB_SKIPPED || drop_failure(c, g, v->id));
        *count -= is_later;
        c->open += is_later;
    }
    return c;
}

void model_run_claim(struct model *m, struct store_claim *op, const struct store_claim *got)
{
    op->count = 0;
    op->jobs = arena_array(op->op.a, struct job, (size_t)op->max + got->count + 1);
    m->gate_count = 0;
    struct ended ended = end_late(m, op);
    for (size_t i = 0; i < got->count && (int64_t)i < op->max; i++) {
        struct model_job *job = model_find(m, op->tenant, got->jobs[i].id);
        if (!job || !may_be_next(m, op, job, ended.count > 0)) {
            break;
        }
        hand_out(m, job, op, got->jobs[i].lease);
        job->v.children = children_of(m, job, &got->jobs[i], &ended);
        op->jobs[op->count++] = model_view(m, job, NULL);
        job->v.children = NULL;
    }
    struct model_job *job = NULL;
    bool is_enough = op->count && m->gives_fewer && has_closed(m, op);
    while (!is_enough && (int64_t)op->count < op->max && (job = next_of(m, op))) {
        hand_out(m, job, op, 0);
        op->jobs[op->count++] = model_view(m, job, NULL);
    }
}
