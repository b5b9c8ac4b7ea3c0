/* model_enqueue.c: new jobs of the model. See model.h. */
#include "model.h"

#include <string.h>

#define IDEMPOTENCY_MS 86400000LL

/* ---- enqueue */

static struct str queue_name(const struct job_spec *s)
{
    return s->queue.n ? s->queue : STR("default");
}

static int64_t waiting_in(const struct model *m, const struct store_enqueue *op, struct str queue)
{
    int64_t count = 0;
    for (int i = 0; i < m->count; i++) {
        const struct job *v = &m->jobs[i]->v;
        count += v->tenant == op->tenant && v->state < JOB_PROCESSING && str_eq(v->queue, queue) &&
                 !model_is_leaving(m, op, m->jobs[i]);
    }
    return count;
}

/* How many items before this one count against the limit of its queue. */
static int64_t asked_before(const struct store_enqueue *op, size_t item)
{
    int64_t count = 0;
    struct err e;
    struct str queue = queue_name(&op->specs[item]);
    for (size_t i = 0; i < item; i++) {
        const struct batch_plan *p = op->specs[i].plan;
        if (!p) {
            count += str_eq(queue_name(&op->specs[i]), queue) && job_spec_check(&op->specs[i], &e) == RC_OK;
        } else if (p->filling && str_eq(queue_name(&p->filling->job), queue)) {
            bool is_good = !batch_plan_check(p, &e) && !batch_filling_check(p->filling, &e);
            count += is_good ? p->filling->matrix.count : 0;
        }
    }
    return count;
}

static enum rc check_plan(struct model *m, const struct store_enqueue *op, const struct batch_plan *p,
                          struct err *e)
{
    enum rc rc = batch_plan_check(p, e);
    if (rc || !p->filling) {
        return rc;
    }
    rc = batch_filling_check(p->filling, e);
    const struct model_queue *q = rc ? NULL : model_queue_find(m, op->tenant, queue_name(&p->filling->job));
    if (q && q->settings.max_queued >= 0 &&
        waiting_in(m, op, q->name) + p->filling->matrix.count > q->settings.max_queued) {
        return err_set_code(e, RC_BUSY, "queue_full", "queue", "full");
    }
    return rc;
}

static bool check_items(struct model *m, struct store_enqueue *op)
{
    bool is_good = true;
    for (size_t i = 0; i < op->count; i++) {
        struct enqueue_verdict *v = &op->verdicts[i];
        if (op->specs[i].plan) {
            v->rc = check_plan(m, op, op->specs[i].plan, &v->e);
            is_good = is_good && !v->rc;
            continue;
        }
        const struct model_queue *q = model_queue_find(m, op->tenant, queue_name(&op->specs[i]));
        v->rc = job_spec_check(&op->specs[i], &v->e);
        if (!v->rc && q && q->settings.max_queued >= 0 &&
            waiting_in(m, op, q->name) + asked_before(op, i) >= q->settings.max_queued) {
            v->rc = err_set_code(&v->e, RC_BUSY, "queue_full", "queue", "full");
        }
        if (!v->rc && op->partial && op->specs[i].depends_count) {
            v->rc = err_set_code(&v->e, RC_INVALID, "invalid_field", "depends_on", "not with partial");
        }
        is_good = is_good && !v->rc;
    }
    return is_good;
}

static struct retry_policy policy_of(const struct job_spec *s, const struct queue_settings *q)
{
    struct retry_policy defaults = retry_default(), p = s->retry;
    if (q->max_attempts > 0) {
        defaults.max_attempts = q->max_attempts;
    }
    if (q->retry_base_ms >= 0) {
        defaults.base_ms = q->retry_base_ms;
        defaults.cap_ms = defaults.cap_ms > defaults.base_ms ? defaults.cap_ms : defaults.base_ms;
    }
    retry_fill(&p, &defaults);
    return p;
}

static struct str keep(struct model *m, struct str s)
{
    return s.n ? arena_str(m->a, s) : STR_NONE;
}

/* A new id, in order: of all, if they are all of one node. Those of fillings are counted apart. */
static bool is_good_id(const struct model *m, struct id id)
{
    int at = model_place(m, id);
    bool is_new = at == m->count || !id_eq(m->jobs[at]->v.id, id);
    bool is_after = m->has_nodes || m->is_filling || id_ordinal(id) > m->last_ordinal;
    int64_t ms = id_ordinal(id) >> 21;
    return is_new && is_after && (ms == m->now || (ms > m->now && m->now < m->latest));
}

static void put_job(struct model *m, struct model_job *job)
{
    int at = model_place(m, job->v.id);
    memmove(&m->jobs[at + 1], &m->jobs[at], (size_t)(m->count - at) * sizeof m->jobs[0]);
    m->jobs[at] = job;
    m->count++;
}

static struct model_job *add_job(struct model *m, int64_t tenant, struct str queue, const struct job_spec *s,
                                 struct id id)
{
    const struct model_queue *q = model_queue_get(m, tenant, queue);
    struct model_job *job = arena_alloc(m->a, sizeof *job);
    static const struct id nobody;
    bool is_good = is_good_id(m, id);
    job->number = m->enqueued++;
    job->v = (struct job){.id = is_good ? id : nobody,
                          .tenant = tenant,
                          .queue = q->name,
                          .kind = keep(m, s->kind),
                          .round = 1,
                          .args = keep(m, s->args),
                          .tags = keep(m, s->tags),
                          .group = keep(m, s->group),
                          .limit_keys = keep(m, s->limit_keys),
                          .unique_key = keep(m, s->unique_key),
                          .priority =
                              s->priority || q->settings.priority == -1 ? s->priority : q->settings.priority,
                          .retry = policy_of(s, &q->settings),
                          .timeout_ms = s->timeout_ms                ? s->timeout_ms
                                        : q->settings.timeout_ms > 0 ? q->settings.timeout_ms
                                                                     : JOB_TIMEOUT_DEFAULT_MS,
                          .deadline_at = s->deadline_ms ? m->now + s->deadline_ms : 0,
                          .lost_max = s->lost_max ? s->lost_max : JOB_LOST_MAX_DEFAULT,
                          .on_lost = s->on_lost,
                          .on_cancel = s->on_cancel,
                          .on_parent_failure = s->on_parent_failure,
                          .lease_ms = JOB_LEASE_DEFAULT_MS,
                          .progress_permille = -1,
                          .created_at = is_good ? id_ordinal(id) >> 21 : m->now,
                          .run_at = s->run_at ? s->run_at : m->now + s->delay_ms};
    (void)!limits_read(job->v.limit_keys, m->a, job->uses, &job->use_count, NULL);
    job->v.state = s->depends_count ? JOB_BLOCKED : job->v.run_at > m->now ? JOB_SCHEDULED : JOB_QUEUED;
    job->holds_key = s->unique_key.n && !s->unique_for_ms;
    model_sum(m, job, SUM_ENQUEUED);
    put_job(m, job);
    if (!m->is_filling && id_ordinal(job->v.id) > m->last_ordinal) {
        m->last_ordinal = id_ordinal(job->v.id);
    }
    return job;
}

static bool has_begun(const struct model_job *job)
{
    return job->v.started_at || job_state_is_final(job->v.state);
}

static bool replace(struct model *m, const struct job_spec *s, struct model_job *holder)
{
    if (s->on_duplicate == JOB_ON_DUPLICATE_KEEP || has_begun(holder)) {
        return false;
    }
    struct job *v = &holder->v;
    v->args = arena_str(m->a, s->args);
    if (s->on_duplicate == JOB_ON_DUPLICATE_REPLACE) {
        v->run_at = s->run_at ? s->run_at : m->now + s->delay_ms;
        v->state = v->state == JOB_BLOCKED ? JOB_BLOCKED : v->run_at > m->now ? JOB_SCHEDULED : JOB_QUEUED;
    }
    return true;
}

static bool lets_go(const struct job_spec *s, const struct model_job *holder)
{
    return s->on_duplicate != JOB_ON_DUPLICATE_KEEP && holder->holds_key && has_begun(holder) &&
           !job_state_is_final(holder->v.state);
}

void model_enqueue_one(struct model *m, const struct job_spec *s, const struct model_job *parent,
                       int64_t tenant, struct enqueue_verdict *v, struct id id)
{
    const struct model_key *k = s->unique_key.n ? model_key_find(m, tenant, s->unique_key) : NULL;
    if (k && (!k->held_until || k->held_until > m->now)) {
        struct model_job *holder = model_find(m, tenant, k->job);
        bool may_change = holder && store_queue_allowed(m->only_queues, holder->v.queue);
        bool is_replaced = may_change && replace(m, s, holder);
        *v = (struct enqueue_verdict){.job = k->job,
                                      .duplicate = true,
                                      .pruned = !holder,
                                      .replaced = is_replaced,
                                      .state = holder ? holder->v.state : JOB_COMPLETED};
        if (!may_change || !lets_go(s, holder)) {
            return;
        }
        holder->holds_key = false;
    }
    struct model_job *job =
        add_job(m, tenant, parent && !s->queue.n ? parent->v.queue : queue_name(s), s, id);
    if (parent) {
        struct id root = id_is_zero(parent->v.root) ? parent->v.id : parent->v.root;
        job->v.parent = s->at_root ? root : parent->v.id;
        job->v.root = root;
    }
    if (s->is_finaliser) {
        job->v.finally_of = s->batch;
    } else {
        job->v.batch = parent ? parent->v.batch : s->batch;
    }
    model_tally(m, job, job->v.state, 1);
    if (s->unique_key.n) {
        bool is_for_ever = s->unique_for_ms > INT64_MAX - m->now;
        model_key_put(m, job, !s->unique_for_ms ? 0 : is_for_ever ? INT64_MAX : m->now + s->unique_for_ms);
    }
    *v = (struct enqueue_verdict){.job = job->v.id, .state = job->v.state};
}

static struct model_promise *promise_of(struct model *m, const struct store_enqueue *op)
{
    for (int i = 0; i < m->promise_count; i++) {
        if (m->promises[i].tenant == op->tenant && str_eq(m->promises[i].key, op->idempotency_key)) {
            return &m->promises[i];
        }
    }
    return NULL;
}

/* True: the answer is given. */
static bool replay(struct model *m, struct store_enqueue *op)
{
    const struct model_promise *p = promise_of(m, op);
    if (!p || p->expires_at <= m->now || m->bug == BUG_REPLAY_RUNS_AGAIN) {
        return false;
    }
    if (memcmp(p->hash, op->body_hash, sizeof p->hash) != 0) {
        op->op.rc = err_set_code(&op->op.e, RC_INVALID, "idempotency_mismatch", NULL, "another body");
        return true;
    }
    memcpy(op->verdicts, p->verdicts, op->count * sizeof *op->verdicts);
    return op->replayed = true;
}

static void promise(struct model *m, const struct store_enqueue *op)
{
    struct model_promise *p = promise_of(m, op);
    p = p ? p : &m->promises[m->promise_count++];
    *p = (struct model_promise){.tenant = op->tenant,
                                .key = arena_str(m->a, op->idempotency_key),
                                .verdicts = arena_array(m->a, struct enqueue_verdict, op->count + 1),
                                .expires_at = m->now + IDEMPOTENCY_MS};
    memcpy(p->hash, op->body_hash, sizeof p->hash);
    memcpy(p->verdicts, op->verdicts, op->count * sizeof *op->verdicts);
}

static void refuse(struct store_enqueue *op)
{
    bool is_full = true;
    for (size_t i = 0; i < op->count; i++) {
        is_full = is_full && (!op->verdicts[i].rc || op->verdicts[i].rc == RC_BUSY);
    }
    if (op->count == 1) {
        op->op.rc = op->verdicts[0].rc;
        op->op.e = op->verdicts[0].e;
    } else if (is_full) {
        op->op.rc = err_set_code(&op->op.e, RC_BUSY, "queue_full", NULL, "full");
    } else {
        op->op.rc = err_set_code(&op->op.e, RC_INVALID, "invalid_field", NULL, "some are refused");
    }
}

static void insert(struct model *m, struct store_enqueue *op, size_t i, struct id id)
{
    struct job_spec s = op->specs[i];
    struct enqueue_verdict *v = &op->verdicts[i];
    s.batch = s.joins_first || s.is_finaliser ? op->verdicts[0].job : s.batch;
    if (s.plan) {
        model_add_batch(m, op->tenant, s.plan, v, id);
    } else if (!s.is_finaliser && model_batch_room(m, op->tenant, s.batch) <= 0) {
        v->dropped = true;
    } else {
        model_enqueue_one(m, &s, NULL, op->tenant, v, id);
    }
}

void model_run_enqueue(struct model *m, struct store_enqueue *op, const struct store_enqueue *got)
{
    op->verdicts = arena_array(op->op.a, struct enqueue_verdict, op->count + 1);
    if (op->idempotency_key.n > JOB_KEY_MAX_BYTES) {
        op->op.rc = err_set_code(&op->op.e, RC_INVALID, "invalid_field", NULL, "too long");
        return;
    }
    if (op->idempotency_key.n && replay(m, op)) {
        return;
    }
    if (op->step && !model_check_step(m, op)) {
        return;
    }
    bool is_good = check_items(m, op) && model_check_links(m, op);
    if (is_good || op->partial) {
        is_good = model_check_batches(m, op) && is_good;
    }
    if (!is_good && !op->partial) {
        refuse(op);
        return;
    }
    if (op->step) {
        model_cancel_last(m, op);
    }
    int64_t last = 0; /* in order, whoever counts */
    for (size_t i = 0; i < op->count; i++) {
        struct id id = got->op.rc ? (struct id){0} : got->verdicts[i].job;
        bool is_in_order =
            got->op.rc || got->verdicts[i].duplicate || got->verdicts[i].dropped || id_ordinal(id) > last;
        if (!op->verdicts[i].rc) {
            insert(m, op, i, is_in_order ? id : (struct id){0});
            bool is_new = !op->verdicts[i].duplicate && !op->verdicts[i].dropped;
            last = is_new ? id_ordinal(id) : last;
        }
    }
    model_link(m, op);
    if (op->step) {
        model_take_step(m, op);
    }
    if (op->idempotency_key.n) {
        promise(m, op);
    }
}
