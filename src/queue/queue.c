/* queue.c: the way in and the way back. Operations that callers submit in one turn of the loop are gathered and go to the
 * store as one list, so that what came together shares a round. Rounds come back on the store's threads, are handed over
 * through the inbox with one wake-up, and are taken apart here: first every operation's done, then what changed. That
 * order is what makes claims miss nothing: see wakes.c. */
#include "queue/queue.h"

#include <string.h>

#include "base/log.h"
#include "queue/parts.h"

#define PRUNE_EVERY_MS     60000
#define CLAIM_WAIT_MAX_MS  60000
#define MAX_WAITING_CLAIMS 10000
#define PROGRESS_EVERY_MS  1000

/* ------------------------------------------------------------------ the way in */

static void op_list_add(struct op_list *l, struct store_op *op)
{
    op->next = NULL;
    if (l->last) {
        l->last->next = op;
    } else {
        l->first = op;
    }
    l->last = op;
}

static struct store_op *op_list_take(struct op_list *l)
{
    struct store_op *first = l->first;

    *l = (struct op_list){0};
    return first;
}

static void flush_later(struct queue *q)
{
    if (!q->is_flush_waiting) {
        q->is_flush_waiting = true;
        loop_later(q->loop, &q->flush);
    }
}

static void tell_idle(struct queue *q)
{
    void (*on_idle)(void *ctx) = q->on_idle;

    if (on_idle && q->is_draining && q->metrics.ops_in_flight == 0) {
        q->on_idle = NULL;
        on_idle(q->on_idle_ctx);
    }
}

static void on_flush(struct loop_task *t)
{
    struct queue *q = LOOP_OWNER(t, struct queue, flush);

    q->is_flush_waiting = false;
    services_check_stall(q);
    struct store_op *first = op_list_take(&q->gathered);

    if (first) {
        store_submit_list(q->store, first);
    }
    for (struct store_op *op = op_list_take(&q->refused), *next; op; op = next) {
        next = op->next;
        op->next = NULL;
        op->done(op);
    }
    tell_idle(q);
}

void submit(struct queue *q, struct store_op *op)
{
    q->metrics.ops_in_flight++;
    if (!store_op_is_write(op->kind)) {
        store_submit(q->store, op); /* nothing is gained by gathering reads */
        return;
    }
    op_list_add(&q->gathered, op);
    flush_later(q);
}

void refuse(struct queue *q, struct store_op *op)
{
    op_list_add(&q->refused, op);
    flush_later(q);
}

/* ---- idempotency keys in flight */

struct key_in_flight {
    struct table_node node;
    const struct store_enqueue *enqueue;
};

static struct key_in_flight *find_in_flight(const struct queue *q, const struct store_enqueue *n)
{
    struct table_node *at = table_first(&q->idempotent, table_hash_str(n->tenant, n->idempotency_key));

    for (; at; at = table_next(at)) {
        struct key_in_flight *k = LOOP_OWNER(at, struct key_in_flight, node);

        if (k->enqueue->tenant == n->tenant && str_eq(k->enqueue->idempotency_key, n->idempotency_key)) {
            return k;
        }
    }
    return NULL;
}

static enum rc admit_enqueue(struct queue *q, struct store_enqueue *n, struct err *e)
{
    if (q->is_draining) {
        return err_set_code(e, RC_BUSY, "draining", NULL, "the server is shutting down: send it again");
    }
    if (n->idempotency_key.n == 0) {
        return RC_OK;
    }
    if (find_in_flight(q, n)) {
        return err_set_code(e, RC_CONFLICT, "idempotency_in_flight", NULL,
                            "a request with this Idempotency-Key is being worked on");
    }
    struct key_in_flight *k = mem_alloc(sizeof *k);

    k->enqueue = n;
    table_add(&q->idempotent, &k->node, table_hash_str(n->tenant, n->idempotency_key));
    return RC_OK;
}

static void enqueue_done(struct queue *q, const struct store_enqueue *n)
{
    struct key_in_flight *k = n->idempotency_key.n > 0 ? find_in_flight(q, n) : NULL;

    if (k && k->enqueue == n) {
        table_remove(&q->idempotent, &k->node);
        mem_free(k);
    }
    for (size_t i = 0; n->op.rc == RC_OK && !n->replayed && i < n->count; i++) {
        q->metrics.enqueued += n->verdicts[i].rc == RC_OK && !n->verdicts[i].duplicate &&
                               !n->verdicts[i].dropped && !n->specs[i].plan;
    }
}

void queue_submit(struct queue *q, struct store_op *op)
{
    if (op->kind == STORE_ENQUEUE) {
        struct store_enqueue *n = LOOP_OWNER(op, struct store_enqueue, op);

        op->rc = admit_enqueue(q, n, &op->e);
        if (op->rc) {
            refuse(q, op);
            return;
        }
        submit(q, op);
        wakes_ride(q, n);
        return;
    }
    if (op->kind == STORE_REPORT) {
        reports_prepare(q, LOOP_OWNER(op, struct store_report, op));
    }
    submit(q, op);
}

/* ------------------------------------------------------------------ the way back */

static void note_fatal(struct queue *q, const struct store_op *op)
{
    if (op->rc != RC_FATAL || q->is_fatal) {
        return;
    }
    q->is_fatal = true;
    log_error("store.lost", L_C("op", store_op_name(op->kind)), L_C("error", op->e.text));
    if (q->on_fatal) {
        q->on_fatal(q->on_fatal_ctx, &op->e);
    }
}

/* By hand. */
static void tell_limit(const struct store_set_limit *op)
{
    if (op->pause_until > 0) {
        log_info("limit.paused", L_STR("key", op->key), L_C("by", "api"));
    } else if (op->pause_until == 0) {
        log_info("limit.resumed", L_STR("key", op->key), L_C("by", "api"));
    }
}

static void finish_op(struct queue *q, struct store_op *op)
{
    q->metrics.ops_in_flight--;
    note_fatal(q, op);
    if (op->kind == STORE_ENQUEUE) {
        enqueue_done(q, LOOP_OWNER(op, struct store_enqueue, op));
    } else if (op->kind == STORE_REPORT && op->rc == RC_OK) {
        reports_done(q, LOOP_OWNER(op, struct store_report, op));
    } else if (op->kind == STORE_SET_QUEUE && op->rc == RC_OK) {
        const struct store_set_queue *s = LOOP_OWNER(op, struct store_set_queue, op);

        if (s->pause == 0) {
            wakes_wake_queue(q, s->tenant, s->name);
        }
    } else if (op->kind == STORE_SET_LIMIT && op->rc == RC_OK) {
        tell_limit(LOOP_OWNER(op, struct store_set_limit, op));
    } else if (op->rc == RC_OK) {
        keys_see(q, op);
    }
    op->done(op);
}

/* The changes of a round by job, in order of first appearance. A job may go through several states in one round (queued,
 * then claimed by the claim that rode along): only what it is at the end can be news. */
static size_t fold_changes(const struct store_round *r, struct folded *out)
{
    size_t slots = 4, count = 0;

    while (slots < 2 * r->change_count) {
        slots *= 2;
    }
    size_t *slot_of = mem_alloc(slots * sizeof *slot_of); /* index in out + 1 */

    for (size_t i = 0; i < r->change_count; i++) {
        const struct store_change *c = &r->changes[i];
        size_t at = (size_t)table_hash_id(c->job) & (slots - 1);

        while (slot_of[at] && !id_eq(out[slot_of[at] - 1].last->job, c->job)) {
            at = (at + 1) & (slots - 1);
        }
        if (!slot_of[at]) {
            out[count++] = (struct folded){0};
            slot_of[at] = count;
        }
        struct folded *f = &out[slot_of[at] - 1];

        f->last = c;
        f->became_queued = (f->became_queued || c->became_queued) && c->state == JOB_QUEUED;
        f->cancel_asked = (f->cancel_asked || c->cancel_asked) && c->state == JOB_PROCESSING;
        f->last_seq = c->last_seq > f->last_seq ? c->last_seq : f->last_seq;
    }
    mem_free(slot_of);
    return count;
}

static void count_change(struct queue *q, const struct store_change *c)
{
    if (c->state_changed && !c->is_foreign && c->queue.n) {
        q->metrics.completed += c->state == JOB_COMPLETED;
        q->metrics.failed += c->state == JOB_FAILED;
        q->metrics.cancelled += c->state == JOB_CANCELLED;
    }
}

static void see_changes(struct queue *q, const struct store_round *r)
{
    struct folded *folded = mem_alloc(r->change_count * sizeof *folded);
    size_t count = fold_changes(r, folded);
    bool has_finished = false;

    for (size_t i = 0; i < r->change_count; i++) {
        has_finished = has_finished || job_state_is_final(r->changes[i].state);
        count_change(q, &r->changes[i]);
    }
    wakes_see_changes(q, folded, count);
    for (size_t i = 0; i < count; i++) {
        reports_see_change(q, folded[i].last);
    }
    for (size_t i = 0; i < count; i++) {
        watches_see_change(q, &folded[i]);
    }
    for (size_t i = 0; q->tenants.count > 0 && i < r->change_count; i++) {
        if (id_is_zero(r->changes[i].job) && r->changes[i].became_queued) {
            wakes_resumed(q, &r->changes[i]); /* each line of its own: above they were one */
        }
    }
    for (size_t i = 0; q->feeds && i < r->change_count; i++) {
        feeds_see_change(q, &r->changes[i]);
    }
    if (has_finished) {
        services_want_prune(q);
    }
    mem_free(folded);
}

/* What other nodes did, as far as it is known. */
static void see_news(struct queue *q, const struct store_round *r)
{
    for (size_t i = 0; i < r->line_count; i++) {
        wakes_see_line(q, &r->lines[i]);
    }
    if (r->has_gap) {
        tenants_doubt(q);
        looks_begin(q);
        watches_look(q);
    }
    if (r->keys_changed) {
        keys_read(q);
    }
    if (r->is_over && q->on_over) {
        q->on_over(q->on_over_ctx);
    }
}

static void see_round(struct queue *q, struct store_round *r)
{
    q->round++;
    q->metrics.rounds += r->operations > 0;
    q->metrics.operations += r->operations;
    q->metrics.jobs += r->jobs;
    q->metrics.flushes += r->flushes;
    q->metrics.round_us += r->run_us;
    q->metrics.flush_us += r->flush_us;
    for (struct store_op *op = r->done, *next; op; op = next) {
        next = op->next; /* done may submit it again, or free it */
        op->next = NULL;
        finish_op(q, op);
    }
    if (r->change_count > 0) {
        see_changes(q, r);
    }
    see_news(q, r);
    services_see_due(q, r->next_due_at);
    store_round_free(r);
}

/* On one of the store's threads. */
static void on_round(void *ctx, struct store_round *r)
{
    struct queue *q = ctx;
    struct inbox *in = &q->inbox;

    r->next = NULL;
    pthread_mutex_lock(&in->lock);
    if (in->last) {
        in->last->next = r;
    } else {
        in->first = r;
    }
    in->last = r;
    const bool is_posted = in->is_posted;

    in->is_posted = true;
    pthread_mutex_unlock(&in->lock);
    if (!is_posted) {
        loop_post(q->loop, &in->task);
    }
}

static struct store_round *take_rounds(struct queue *q)
{
    pthread_mutex_lock(&q->inbox.lock);
    struct store_round *first = q->inbox.first;

    q->inbox.first = q->inbox.last = NULL;
    q->inbox.is_posted = false;
    pthread_mutex_unlock(&q->inbox.lock);
    return first;
}

static void on_inbox(struct loop_task *t)
{
    struct queue *q = LOOP_OWNER(t, struct queue, inbox.task);

    for (struct store_round *r = take_rounds(q), *next; r; r = next) {
        next = r->next;
        see_round(q, r);
    }
    if (q->on_idle) {
        flush_later(q); /* the drain may be over */
    }
}

/* ------------------------------------------------------------------ life */

static void set_defaults(struct queue_options *o)
{
    o->prune_every_ms = o->prune_every_ms > 0 ? o->prune_every_ms : PRUNE_EVERY_MS;
    o->claim_wait_max_ms = o->claim_wait_max_ms > 0 ? o->claim_wait_max_ms : CLAIM_WAIT_MAX_MS;
    o->max_waiting_claims = o->max_waiting_claims > 0 ? o->max_waiting_claims : MAX_WAITING_CLAIMS;
    o->progress_every_ms = o->progress_every_ms > 0 ? o->progress_every_ms : PROGRESS_EVERY_MS;
}

enum rc queue_open(struct queue **out, const struct queue_options *options, struct err *e)
{
    struct queue *q = mem_alloc(sizeof *q);

    q->loop = options->loop;
    q->options = *options;
    set_defaults(&q->options);
    pthread_mutex_init(&q->inbox.lock, NULL);
    q->inbox.task.run = on_inbox;
    q->flush.run = on_flush;
    const struct store_options so = {.now = options->now,
                                     .now_ctx = options->now_ctx,
                                     .on_round = on_round,
                                     .on_round_ctx = q,
                                     .unsafe = options->store_unsafe,
                                     .listen_dsn = options->listen_dsn};
    enum rc rc = store_open(&q->store, options->store_url, &so, e);

    if (rc) {
        goto out;
    }
    rc = keys_load(q, e);
    if (rc) {
        goto out;
    }
    services_start(q);
    *out = q;
    q = NULL;
out:
    queue_close(q);
    return rc;
}

void queue_close(struct queue *q)
{
    if (!q) {
        return;
    }
    services_stop(q);
    loop_later_cancel(q->loop, &q->flush);
    store_close(q->store); /* from here on nobody posts */
    q->store = NULL;
    for (struct store_round *r = take_rounds(q), *next; r; r = next) {
        next = r->next;
        store_round_free(r);
    }
    claims_dispose(q);
    wakes_dispose(q);
    looks_dispose(q);
    watches_dispose(q);
    reports_dispose(q);
    tenants_dispose(q);
    workers_dispose(q);
    keys_dispose(q);
    for (struct table_node *n; (n = table_any(&q->idempotent));) {
        table_remove(&q->idempotent, n);
        mem_free(LOOP_OWNER(n, struct key_in_flight, node));
    }
    table_dispose(&q->idempotent);
    services_dispose(q);
    schedules_dispose(q);
    fillings_dispose(q);
    pthread_mutex_destroy(&q->inbox.lock);
    mem_free(q);
}

void queue_drain(struct queue *q, void (*on_idle)(void *ctx), void *ctx)
{
    q->is_draining = true;
    q->on_idle = on_idle;
    q->on_idle_ctx = ctx;
    claims_end_all(q);
    watches_drain(q);
    flush_later(q);
}

bool queue_is_draining(const struct queue *q)
{
    return q->is_draining;
}

void queue_on_fatal(struct queue *q, void (*on_fatal)(void *ctx, const struct err *e), void *ctx)
{
    q->on_fatal = on_fatal;
    q->on_fatal_ctx = ctx;
}

void queue_on_over(struct queue *q, void (*on_over)(void *ctx), void *ctx)
{
    q->on_over = on_over;
    q->on_over_ctx = ctx;
}

struct store *queue_store(struct queue *q)
{
    return q->store;
}

struct queue_metrics queue_metrics(const struct queue *q)
{
    return q->metrics;
}
