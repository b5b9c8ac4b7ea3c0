/* enqueue.c: new jobs and unique keys. Everything that can refuse is asked before the first insert. */
#include "store/rules/rules.h"

/* ---- what an item becomes */

static struct str queue_name(const struct job_spec *s)
{
    return s->queue.n ? s->queue : STR("default");
}

static struct str retry_text(const struct job_spec *s, const struct queue_settings *q, struct arena *a)
{
    char text[RETRY_TEXT_BYTES];
    struct retry_policy defaults = retry_default(), p = s->retry;
    if (q->max_attempts > 0) {
        defaults.max_attempts = q->max_attempts;
    }
    if (q->retry_base_ms >= 0) {
        defaults.base_ms = q->retry_base_ms;
        defaults.cap_ms = defaults.cap_ms > defaults.base_ms ? defaults.cap_ms : defaults.base_ms;
    }
    retry_fill(&p, &defaults);
    size_t n = retry_print(&p, text, sizeof text);
    return n ? arena_str(a, (struct str){text, n}) : STR_NONE;
}

/* The verdict's job, when somebody holds the key. */
static enum rc find_duplicate(struct keeper *k, int64_t tenant, struct str key, struct enqueue_verdict *v,
                              struct err *e)
{
    struct key_holder holder = {0};
    enum rc rc = k->engine->find_holder(k, tenant, key, &holder, e);
    if (rc || !holder.is_held) {
        return rc;
    }
    v->job = holder.job;
    v->duplicate = true;
    v->pruned = !holder.is_known;
    v->state = holder.is_known ? holder.state : JOB_COMPLETED;
    return RC_OK;
}

static void fill_row(const struct keeper *k, const struct job_spec *s, struct row *r)
{
    const struct queue_settings *q = r->settings;
    r->priority = s->priority || q->priority == -1 ? s->priority : q->priority;
    r->run_at = s->run_at ? s->run_at : s->delay_ms ? k->now + s->delay_ms : k->now;
    r->state = s->depends_count ? JOB_BLOCKED : r->run_at > k->now ? JOB_SCHEDULED : JOB_QUEUED;
    r->lease_ms = JOB_LEASE_DEFAULT_MS;
    r->timeout_ms = s->timeout_ms       ? s->timeout_ms
                    : q->timeout_ms > 0 ? q->timeout_ms
                                        : JOB_TIMEOUT_DEFAULT_MS;
    r->deadline_at = s->deadline_ms ? k->now + s->deadline_ms : 0;
    r->lost_max = s->lost_max ? s->lost_max : JOB_LOST_MAX_DEFAULT;
    r->round = 1;
    r->progress = -1;
    r->unique_key = s->unique_key;
    r->flags = (s->on_lost == JOB_ON_LOST_FAIL ? FLAG_FAIL_ON_LOST : 0) |
               (s->on_cancel == JOB_ON_CANCEL_RUN ? FLAG_RUN_ON_CANCEL : 0) |
               (s->on_parent_failure == JOB_ON_PARENT_SKIP ? FLAG_SKIP_WITH_PARENT : 0) |
               (s->on_parent_failure == JOB_ON_PARENT_CONTINUE ? FLAG_RUN_ANYWAY : 0) |
               (s->depends_count ? FLAG_DEPENDS : 0);
    if (s->unique_key.n && !s->unique_for_ms) {
        r->flags |= FLAG_HOLDS_KEY;
    }
    if (s->group.n || s->limit_keys.n) {
        r->flags |= FLAG_LANED;
        r->group = s->group;
        r->limits = s->limit_keys;
    }
}

static enum rc hold_key(struct keeper *k, const struct job_spec *s, struct row *r, struct err *e)
{
    bool is_for_ever = s->unique_for_ms > INT64_MAX - k->now;
    int64_t held_until = !s->unique_for_ms ? 0 : is_for_ever ? INT64_MAX : k->now + s->unique_for_ms;
    return k->engine->hold_key(k, r, held_until, e);
}

enum rc rules_make_row(struct keeper *k, int64_t tenant, struct str queue, const struct job_spec *s,
                       struct row **out, struct err *e)
{
    enum rc rc = k->engine->make(k, tenant, queue, s->kind, out, e);
    if (!rc) {
        fill_row(k, s, *out);
    }
    return rc;
}

/* As it is for all who can see it. */
static enum rc count_it(struct keeper *k, const struct berth *at, struct row *r, struct err *e)
{
    k->engine->count_total(k, r, TOTAL_ENQUEUED);
    enum rc rc = k->engine->count_in(k, r, e);
    if (!rc && !id_is_zero(at->parent)) {
        rc = k->engine->tally(k, r->parent, r, r->state, 1, e);
    }
    if (!rc && !id_is_zero(at->batch)) {
        rc = k->engine->tally(k, r->batch, r, r->state, 1, e);
    }
    struct store_change *c = row_changed(k, r);
    c->state_changed = true;
    c->became_queued = r->state == JOB_QUEUED;
    return rc;
}

static enum rc insert_job(struct keeper *k, const struct berth *at, const struct job_spec *s,
                          struct enqueue_verdict *v, struct err *e)
{
    struct row *r = NULL;
    bool is_child = !id_is_zero(at->parent), is_member = !id_is_zero(at->batch);
    enum rc rc = rules_make_row(k, at->tenant, at->queue, s, &r, e);
    if (rc) {
        return rc;
    }
    r->flags |= at->hidden ? FLAG_FILLED : 0;
    r->flags |= at->is_awaited ? FLAG_AWAITED : 0;
    if (is_child) {
        r->parent = at->parent;
        r->root = at->root;
        r->flags |= FLAG_CHILD;
    }
    if (is_member) {
        r->batch = at->batch;
        r->flags |= FLAG_MEMBER | (at->is_capped ? FLAG_CAPPED : 0);
    }
    if (!id_is_zero(at->finally_of)) {
        r->batch = at->finally_of;
        r->flags |= FLAG_FINALLY;
    }
    r->retry = retry_text(s, r->settings, k->scratch);
    if (r->state == JOB_SCHEDULED || r->deadline_at) {
        row_set_due(r);
    }
    v->job = r->id;
    v->state = r->state;
    rc = at->hidden ? k->engine->hide(k, r, at->hidden, e) : count_it(k, at, r, e);
    if (!rc) {
        rc = k->engine->insert(k, r, s, e);
    }
    return rc || !s->unique_key.n ? rc : hold_key(k, s, r, e);
}

/* ---- a key that is held */

enum rc rules_load_beside(struct keeper *k, struct row *adder, int64_t tenant, struct id id, struct row **out,
                          struct err *e)
{
    if (adder && id_eq(adder->id, id)) {
        *out = adder;
        return RC_OK;
    }
    return k->engine->load(k, tenant, id, out, e);
}

/* The holder is as the new job would have been. */
static enum rc replace(struct keeper *k, const struct job_spec *s, struct row *r, struct enqueue_verdict *v,
                       struct err *e)
{
    struct store_patch change = {.has_args = true,
                                 .args = s->args,
                                 .has_run_at = s->on_duplicate == JOB_ON_DUPLICATE_REPLACE,
                                 .run_at = s->delay_ms ? k->now + s->delay_ms : s->run_at};
    enum rc rc = rules_change(k, &change, r, e);
    v->state = r->state;
    v->replaced = true;
    return rc;
}

/* What is asked when the holder waits still, or lets go of the key; neither when whoever asks may not touch it. */
static enum rc replace_or_follow(struct keeper *k, const struct berth *at, const struct job_spec *s,
                                 struct enqueue_verdict *v, struct err *e)
{
    struct row *r = NULL;
    enum rc rc = rules_load_beside(k, at->adder, at->tenant, v->job, &r, e);
    if (rc || !r || job_state_is_final(r->state) || !store_queue_allowed(at->only_queues, r->queue)) {
        return rc;
    }
    if (!row_had_begun(r)) {
        return replace(k, s, r, v, e);
    }
    if (r->flags & FLAG_HOLDS_KEY) {
        r->flags &= ~FLAG_HOLDS_KEY;
        v->duplicate = false;
        rc = k->engine->save(k, r, e);
    }
    return rc;
}

enum rc rules_enqueue_one(struct keeper *k, const struct berth *at, const struct job_spec *s,
                          struct enqueue_verdict *v, struct err *e)
{
    enum rc rc = s->unique_key.n ? find_duplicate(k, at->tenant, s->unique_key, v, e) : RC_OK;
    if (!rc && v->duplicate && !v->pruned && s->on_duplicate != JOB_ON_DUPLICATE_KEEP) {
        rc = replace_or_follow(k, at, s, v, e);
    }
    return rc || v->duplicate ? rc : insert_job(k, at, s, v, e);
}

/* ---- the operation */

static enum rc check_batch(struct keeper *k, const struct store_enqueue *op, const struct batch_plan *p,
                           struct err *e)
{
    enum rc rc = batch_plan_check(p, e);
    if (rc || !p->filling) {
        return rc;
    }
    rc = batch_filling_check(p->filling, e);
    if (!rc && !rules_reserve_to_fill(k, op->tenant, p->filling)) {
        rc = err_set_code(e, RC_BUSY, "queue_full", "queue",
                          "the queue has no room for all jobs of the matrix");
    }
    return rc;
}

/* With the room that `leaving` makes. */
static size_t check_items(struct keeper *k, struct store_enqueue *op, const struct leaving *leaving)
{
    size_t bad = 0;
    if (leaving->places) {
        k->engine->expect_room(k, op->tenant, leaving->queue, leaving->places);
    }
    for (size_t i = 0; i < op->count; i++) {
        struct enqueue_verdict *v = &op->verdicts[i];
        if (op->specs[i].plan) {
            v->rc = check_batch(k, op, op->specs[i].plan, &v->e);
            bad += v->rc != RC_OK;
            continue;
        }
        v->rc = job_spec_check(&op->specs[i], &v->e);
        if (!v->rc && !k->engine->reserve(k, op->tenant, queue_name(&op->specs[i]))) {
            v->rc = err_set_code(&v->e, RC_BUSY, "queue_full", "queue", "the queue is full");
        }
        if (!v->rc && op->partial && op->specs[i].depends_count) {
            v->rc = err_set_code(&v->e, RC_INVALID, "invalid_field", "depends_on",
                                 "depends_on needs a call of which all or nothing is done");
        }
        bad += v->rc != RC_OK;
    }
    for (size_t i = 0; i < op->count; i++) {
        const struct batch_plan *plan = op->specs[i].plan;
        bool is_filled = plan && plan->filling;
        k->engine->unreserve(k, op->tenant,
                             is_filled ? rules_filling_queue(plan->filling) : queue_name(&op->specs[i]));
    }
    if (leaving->places) {
        k->engine->unreserve(k, op->tenant, leaving->queue);
    }
    return bad;
}

struct checked {
    struct job_links links;
    struct joining joining;
    struct leaving leaving;
    size_t bad;
};

static enum rc check(struct keeper *k, struct store_enqueue *op, struct checked *c, struct err *e)
{
    enum rc rc = rules_find_leaving(k, op, &c->leaving, e);
    c->bad = rc ? 0 : check_items(k, op, &c->leaving);
    if (!rc && !c->bad) {
        rc = rules_check_links(k, op, &c->links, &c->bad, e);
    }
    if (!rc && (!c->bad || op->partial)) {
        rc = rules_check_batches(k, op, &c->links, &c->joining, &c->bad, e);
    }
    return rc;
}

/* Then a tick whose batch has no room yet beside the jobs of the last one stays due. */
static enum rc make_room(struct keeper *k, struct store_enqueue *op, struct checked *c, struct err *e)
{
    static const struct leaving nobody;
    enum rc rc = rules_cancel_last(k, &c->leaving, e);
    c->bad += !rc && c->leaving.is_later ? check_items(k, op, &nobody) : 0;
    return rc;
}

static enum rc insert_item(struct keeper *k, struct store_enqueue *op, size_t i, struct joining *j,
                           struct berth *at, struct err *e)
{
    struct enqueue_verdict *v = &op->verdicts[i];
    enum rc rc = rules_join(k, op, &op->specs[i], j, at, e);
    bool is_member = !id_is_zero(at->batch);
    if (!rc && is_member && j->room <= 0) {
        v->dropped = true;
        return RC_OK;
    }
    rc = rc ? rc : rules_enqueue_one(k, at, &op->specs[i], v, e);
    j->room -= is_member && !v->duplicate;
    return rc;
}

/* That of a tick which has its batch already, from another life of the schedule. */
static enum rc find_tick(struct keeper *k, struct store_enqueue *op, bool *is_there, struct err *e)
{
    struct enqueue_verdict *v = &op->verdicts[0];
    bool has_key = op->count && op->specs[0].plan && op->specs[0].unique_key.n;
    enum rc rc = has_key ? find_duplicate(k, op->tenant, op->specs[0].unique_key, v, e) : RC_OK;
    *is_there = has_key && v->duplicate;
    for (size_t i = 1; i < op->count && *is_there; i++) {
        op->verdicts[i].duplicate = true;
    }
    return rc;
}

static enum rc insert_items(struct keeper *k, struct store_enqueue *op, const struct job_links *l,
                            struct joining *j, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < op->count && !rc; i++) {
        struct enqueue_verdict *v = &op->verdicts[i];
        if (v->rc) {
            continue;
        }
        struct berth at = {.tenant = op->tenant,
                           .queue = queue_name(&op->specs[i]),
                           .only_queues = op->only_queues,
                           .is_awaited = l->is_awaited && l->is_awaited[i]};
        if (op->specs[i].is_finaliser) {
            at.finally_of = op->verdicts[0].job;
        }
        rc = op->specs[i].plan ? rules_add_batch(k, &at, &op->specs[i], v, j, e)
                               : insert_item(k, op, i, j, &at, e);
    }
    const struct added added = {op->tenant, NULL, op->verdicts, op->count};
    rc = rc ? rc : rules_link(k, &added, l, e);
    return rc ? rc : rules_keep_finalisers(k, op, e);
}

static void refuse_all(struct store_enqueue *op)
{
    store_answer(&op->op, RC_FULL, NULL, "the store's disk is full");
    for (size_t i = 0; i < op->count; i++) {
        op->verdicts[i].rc = op->op.rc;
        op->verdicts[i].e = op->op.e;
    }
}

static enum rc refuse_bad(struct store_enqueue *op, size_t bad)
{
    if (op->count == 1) {
        op->op.rc = op->verdicts[0].rc;
        op->op.e = op->verdicts[0].e;
        return RC_OK;
    }
    for (size_t i = 0; i < op->count; i++) { /* a full queue is no fault of the request */
        if (op->verdicts[i].rc && op->verdicts[i].rc != RC_BUSY) {
            return store_answer(&op->op, RC_INVALID, "invalid_field", "%zu of %zu jobs are refused", bad,
                                op->count);
        }
    }
    return store_answer(&op->op, RC_BUSY, "queue_full", "the queue is full");
}

enum rc rules_enqueue(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_enqueue *op = (struct store_enqueue *)base;
    bool is_done = false;
    op->verdicts = arena_array(base->a, struct enqueue_verdict, op->count ? op->count : 1);
    op->replayed = false;
    base->rc = RC_OK;
    if (op->idempotency_key.n > JOB_KEY_MAX_BYTES) {
        return store_answer(base, RC_INVALID, "invalid_field",
                            "the idempotency key is longer than 256 bytes");
    }
    if (!str_is_text(op->idempotency_key)) {
        return store_answer(base, RC_INVALID, "invalid_field",
                            "the idempotency key must be UTF-8 text without NUL");
    }
    if (op->idempotency_key.n) {
        enum rc rc = rules_replay(k, op, &is_done, e);
        if (rc || is_done) {
            return rc;
        }
    }
    if (k->is_refusing) {
        refuse_all(op);
        return RC_OK;
    }
    bool is_in_step = true;
    enum rc rc = op->step ? rules_check_step(k, op, &is_in_step, e) : RC_OK;
    if (rc || !is_in_step) {
        return rc;
    }
    struct checked c = {.bad = 0};
    rc = check(k, op, &c, e);
    if (!rc && (!c.bad || op->partial)) {
        rc = make_room(k, op, &c, e);
    }
    if (rc || (c.bad && !op->partial)) {
        return rc ? rc : refuse_bad(op, c.bad);
    }
    bool is_there = false;
    rc = find_tick(k, op, &is_there, e);
    if (!rc && !is_there) {
        rc = insert_items(k, op, &c.links, &c.joining, e);
    }
    if (!rc && op->step) {
        rc = rules_take_step(k, op, e);
    }
    if (!rc && op->idempotency_key.n) {
        rc = rules_remember(k, op, e);
    }
    return rc;
}
