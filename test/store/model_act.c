/* model_act.c: what people do to the model's jobs, queues and keys. See model.h. */
#include "model.h"

#include <string.h>

#define ACT_LIMIT_MAX 1000

static void wrong_state(struct act_verdict *v)
{
    v->rc = err_set_code(&v->e, RC_CONFLICT, "wrong_state", NULL, "wrong state");
}

static void cancel(struct model *m, struct model_job *job, struct act_verdict *v)
{
    enum job_state to;
    if (job->v.state == JOB_CANCELLED) {
        return; /* one's own repeat */
    }
    if (!job_next_state(job->v.state, JOB_EV_CANCEL, &to)) {
        wrong_state(v);
    } else {
        model_cancel(m, job);
    }
}

/* Does another job hold the key? One that is over does not, also when its key is kept for a time. */
static bool is_key_taken(struct model *m, const struct model_job *job)
{
    const struct model_key *k = model_key_find(m, job->v.tenant, job->v.unique_key);
    if (!k || id_eq(k->job, job->v.id) || (k->held_until && k->held_until <= m->now)) {
        return false;
    }
    const struct model_job *holder = model_find(m, job->v.tenant, k->job);
    return holder && !job_state_is_final(holder->v.state);
}

static void begin_round(struct model *m, struct model_job *job)
{
    struct job *v = &job->v;
    v->round++;
    v->attempt = v->lost = v->snoozes = v->waits = 0;
    v->reason = JOB_REASON_NONE;
    v->run_at = m->now;
    v->finished_at = v->expires_at = v->deadline_at = 0;
    v->progress_permille = -1;
    v->result = STR_NONE;
    model_tally(m, job, v->state, -1);
    v->state = JOB_QUEUED;
    model_tally(m, job, v->state, 1);
    if (m->bug != BUG_RETRY_KEEPS_LEASE) {
        job->is_raised = true;
    }
    job->n = 0;
    job->is_stopped = false;
}

void model_live_again(struct model *m, struct model_job *job)
{
    struct job_event_row end = model_end_event(m, job);
    job->v.last_seq--;
    model_add_event(m, job, end.type, end.data);           /* the stream goes on behind it */
    (void)model_queue_get(m, job->v.tenant, job->v.queue); /* a job that lives has a queue */
    begin_round(m, job);
    model_sum(m, job, SUM_RETRIED);
}

static void retry(struct model *m, struct model_job *job, struct act_verdict *v)
{
    enum job_state to;
    if (!job_next_state(job->v.state, JOB_EV_RETRY, &to)) {
        wrong_state(v);
    } else if (job->is_erased) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "erased", NULL, "erased");
    } else if (job->v.unique_key.n && is_key_taken(m, job)) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "duplicate_key", NULL, "taken");
    } else {
        const struct model_key *k =
            job->v.unique_key.n ? model_key_find(m, job->v.tenant, job->v.unique_key) : NULL;
        if (job->holds_key && !(k && id_eq(k->job, job->v.id))) {
            model_key_put(m, job, 0);
        }
        model_reopen_batch(m, job);
        model_live_again(m, job);
    }
}

static void forget_entries(struct model *m, const struct model_job *job)
{
    int kept = 0;
    for (int i = 0; i < m->entry_count; i++) {
        if (!id_eq(m->entries[i].is.artifact.job, job->v.id)) {
            m->entries[kept++] = m->entries[i];
        }
    }
    m->entry_count = kept;
}

static void erase(struct model *m, struct model_job *job, struct act_verdict *v)
{
    if (!job_state_is_final(job->v.state)) {
        wrong_state(v);
        return;
    }
    struct job *j = &job->v;
    forget_entries(m, job);
    j->args = j->result = j->checkpoint = j->progress_message = STR_NONE;
    j->error = (struct job_error){.class = j->error.class};
    job->events = NULL;
    job->artifacts = NULL;
    job->is_erased = true;
}

void model_remove(struct model *m, struct model_job *job)
{
    int at = 0;
    while (m->jobs[at] != job) {
        at++;
    }
    memmove(&m->jobs[at], &m->jobs[at + 1], (size_t)(m->count - at - 1) * sizeof m->jobs[0]);
    m->count--;
}

static void act_on(struct model *m, enum job_action action, struct model_job *job, struct act_verdict *v)
{
    enum job_state to;
    switch (action) {
    case ACT_CANCEL:
        cancel(m, job, v);
        break;
    case ACT_RETRY:
        retry(m, job, v);
        break;
    case ACT_PROMOTE:
        if (job_next_state(job->v.state, JOB_EV_PROMOTE, &to)) {
            job->v.state = to;
            job->v.run_at = m->now;
        } else {
            wrong_state(v);
        }
        break;
    case ACT_ERASE:
        erase(m, job, v);
        break;
    case ACT_CLOSE: /* of batches alone */
    case ACT_PURGE:
        if (job_state_is_final(job->v.state)) {
            model_remove(m, job);
        } else {
            wrong_state(v);
        }
    }
    v->state = job->v.state;
}

static bool allows(enum job_action action, enum job_state state)
{
    enum job_state to;
    switch (action) {
    case ACT_CANCEL:
        return job_next_state(state, JOB_EV_CANCEL, &to);
    case ACT_RETRY:
        return job_next_state(state, JOB_EV_RETRY, &to);
    case ACT_PROMOTE:
        return job_next_state(state, JOB_EV_PROMOTE, &to);
    default:
        return job_state_is_final(state);
    }
}

/* A page may be short when there is a cursor to go on from, and no page ends between ids of one ordinal. */
static void act_by_filter(struct model *m, struct store_act *op, const struct store_act *got)
{
    int64_t limit = op->limit > 0 && op->limit < ACT_LIMIT_MAX ? op->limit : ACT_LIMIT_MAX;
    struct model_job **picked =
        arena_array(op->op.a, struct model_job *, (size_t)limit + got->verdict_count + 1);
    size_t count = 0;
    bool is_more = false;
    if (got->next_cursor && (int64_t)got->verdict_count < limit) {
        limit = (int64_t)got->verdict_count;
    }
    m->before = op->cursor ? m->before : INT64_MAX; /* a page that is empty, but for its cursor, leaves it */
    for (int i = m->count - 1; i >= 0 && !is_more; i--) {
        struct model_job *job = m->jobs[i];
        bool is_ahead = id_ordinal(job->v.id) >= m->before;
        if (is_ahead || !model_matches(job, op->tenant, &op->filter) || !allows(op->action, job->v.state)) {
            continue;
        }
        is_more = (int64_t)count >= limit &&
                  !(count < got->verdict_count && model_is_beside(job, &picked[count - 1]->v));
        if (!is_more) {
            picked[count++] = job;
        }
    }
    op->verdicts = arena_array(op->op.a, struct act_verdict, count + 1);
    op->verdict_count = count;
    for (size_t i = 0; i < count; i++) {
        m->before = id_ordinal(picked[i]->v.id);
        op->verdicts[i].job = picked[i]->v.id;
        act_on(m, op->action, picked[i], &op->verdicts[i]);
    }
    op->next_cursor = got->next_cursor || is_more;
}

void model_run_act(struct model *m, struct store_act *op, const struct store_act *got)
{
    if (!op->ids) {
        act_by_filter(m, op, got);
        return;
    }
    if (op->of_batches) {
        model_act_on_batches(m, op);
        return;
    }
    op->verdicts = arena_array(op->op.a, struct act_verdict, op->count + 1);
    op->verdict_count = op->count;
    for (size_t i = 0; i < op->count; i++) {
        struct model_job *job = model_find(m, op->tenant, op->ids[i]);
        op->verdicts[i].job = op->ids[i];
        if (job) {
            act_on(m, op->action, job, &op->verdicts[i]);
        } else {
            op->verdicts[i].rc = err_set(&op->verdicts[i].e, RC_NOT_FOUND, "none");
        }
    }
}

/* ---- patch */

static enum rc refuse_patch(const struct store_patch *op, const struct model_job *job, struct err *e)
{
    if (!job) {
        return err_set(e, RC_NOT_FOUND, "none");
    }
    if (job->v.state == JOB_PROCESSING || job_state_is_final(job->v.state)) {
        return err_set_code(e, RC_CONFLICT, "wrong_state", NULL, "wrong state");
    }
    bool is_bad_priority =
        op->has_priority && (op->priority < JOB_PRIORITY_MIN || op->priority > JOB_PRIORITY_MAX);
    if (is_bad_priority || (op->has_queue && !str_is_name(op->queue)) || (op->has_run_at && op->run_at < 0)) {
        return err_set_code(e, RC_INVALID, "invalid_field", NULL, "invalid");
    }
    return RC_OK;
}

void model_run_patch(struct model *m, struct store_patch *op, const struct store_patch *got)
{
    struct model_job *job = model_find(m, op->tenant, op->job_id);
    op->op.rc = refuse_patch(op, job, &op->op.e);
    if (op->op.rc) {
        return;
    }
    struct job *v = &job->v;
    v->priority = op->has_priority ? op->priority : v->priority;
    v->args = op->has_args ? arena_str(m->a, op->args) : v->args;
    v->queue = op->has_queue ? model_queue_get(m, op->tenant, op->queue)->name : v->queue;
    if (op->has_run_at) {
        v->run_at = op->run_at ? op->run_at : m->now;
        v->state = v->state == JOB_BLOCKED ? JOB_BLOCKED : v->run_at > m->now ? JOB_SCHEDULED : JOB_QUEUED;
    }
    op->job = arena_alloc(op->op.a, sizeof *op->job);
    *op->job = model_view(m, job, got->op.rc ? NULL : got->job);
}

/* ---- what is past its time */

static void keep_earlier(int64_t *at, int64_t than)
{
    if (than > 0 && than < INT64_MAX && (!*at || than < *at)) {
        *at = than;
    }
}

/* When a prune removes the job; 0: never. */
static int64_t dropped_at(const struct model *m, const struct job *v)
{
    int64_t day_ms = 86400000, unit_ms = v->expires_at - v->finished_at > 35 * day_ms ? 30 * day_ms : day_ms;
    bool is_by_day = m->drops_by_day && v->expires_at;
    return is_by_day ? (v->expires_at / unit_ms + 1) * unit_ms : v->expires_at;
}

void model_run_prune(struct model *m, struct store_prune *op)
{
    op->removed = op->next_at = 0;
    for (int i = m->count - 1; i >= 0; i--) {
        int64_t at = dropped_at(m, &m->jobs[i]->v);
        if (at && at <= m->now) {
            model_remove(m, m->jobs[i]);
            op->removed++;
        } else {
            keep_earlier(&op->next_at, at);
        }
    }
    for (int i = m->batch_count - 1; i >= 0; i--) {
        const struct model_batch *b = &m->batches[i];
        const struct job row = {.finished_at = b->is.finished_at, .expires_at = b->expires_at};
        int64_t at = dropped_at(m, &row);
        if (at && at <= m->now) {
            m->batches[i] = m->batches[--m->batch_count];
            op->removed++;
        } else {
            keep_earlier(&op->next_at, at);
        }
    }
    for (int i = m->key_count - 1; i >= 0; i--) {
        int64_t at = m->keys[i].held_until;
        if (at && at <= m->now) {
            m->keys[i] = m->keys[--m->key_count];
            op->removed++;
        } else {
            keep_earlier(&op->next_at, at);
        }
    }
    for (int i = m->promise_count - 1; i >= 0; i--) {
        int64_t at = m->promises[i].expires_at;
        if (at <= m->now) {
            m->promises[i] = m->promises[--m->promise_count];
            op->removed++;
        } else {
            keep_earlier(&op->next_at, at);
        }
    }
}
