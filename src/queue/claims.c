/* claims.c: claims that wait. Every claim goes to the store first; one that comes back empty stands in the LINES of its
 * queues, in order of arrival, until a job comes (wakes.c), its wait ends, or its worker has a job to stop. */
#include <string.h>

#include "queue/claims_private.h"

static void on_store_done(struct store_op *op);

/* ------------------------------------------------------------------ lines */

struct line *claims_find_line(const struct queue *q, int64_t tenant, struct str name)
{
    struct table_node *n = table_first(&q->lines, table_hash_str(tenant, name));

    for (; n; n = table_next(n)) {
        struct line *l = LOOP_OWNER(n, struct line, node);

        if (l->tenant == tenant && str_eq(l->name, name)) {
            return l;
        }
    }
    return NULL;
}

static struct line *line_get(struct queue *q, int64_t tenant, struct str name)
{
    struct line *l = claims_find_line(q, tenant, name);

    if (!l) {
        l = mem_alloc(sizeof *l);
        l->tenant = tenant;
        l->name = (struct str){mem_c_str(name), name.n};
        table_add(&q->lines, &l->node, table_hash_str(tenant, name));
    }
    return l;
}

static void line_join(struct line *l, struct line_link *link)
{
    link->line = l;
    link->prev = l->last;
    if (l->last) {
        l->last->next = link;
    } else {
        l->first = link;
    }
    l->last = link;
}

static void line_leave(struct queue *q, struct line_link *link)
{
    struct line *l = link->line;

    *(link->prev ? &link->prev->next : &l->first) = link->next;
    *(link->next ? &link->next->prev : &l->last) = link->prev;
    if (!l->first) {
        table_remove(&q->lines, &l->node);
        mem_free((char *)l->name.p);
        mem_free(l);
    }
}

/* ------------------------------------------------------------------ the life of one claim */

static void begin_waiting(struct claim_wait *w)
{
    w->place = WAITING;
    w->q->metrics.waiting_claims++;
    services_see_waiting(w->q);
}

void claims_send(struct claim_wait *w)
{
    struct store_claim *c = &w->c->claim;

    if (w->place == WAITING) {
        w->q->metrics.waiting_claims--;
    }
    w->place = IN_STORE;
    w->again = false;
    w->sent_in_round = w->q->round;
    c->op.rc = RC_OK;
    err_clear(&c->op.e);
    c->jobs = NULL;
    c->count = 0;
    if (c->tenant) {
        submit(w->q, &c->op);
    } else {
        claims_send_all(w);
    }
}

void claims_stop_answering(struct claim_wait *w)
{
    struct claim_wait **at = &w->q->to_answer;

    if (!w->is_to_answer) {
        return;
    }
    while (*at != w) {
        at = &(*at)->answer_next;
    }
    *at = w->answer_next;
}

/* Takes it out of everything and frees what is ours; the claim itself is the caller's again. */
static void forget(struct claim_wait *w)
{
    struct queue *q = w->q;
    struct queue_claim *c = w->c;

    claims_stop_answering(w);
    timer_stop(q->loop, &w->give_up);
    if (w->place == WAITING) {
        q->metrics.waiting_claims--;
    }
    for (size_t i = 0; i < w->link_count; i++) {
        line_leave(q, &w->links[i]);
    }
    if (w->worker) {
        *(w->worker_prev ? &w->worker_prev->worker_next : &w->worker->claims) = w->worker_next;
        if (w->worker_next) {
            w->worker_next->worker_prev = w->worker_prev;
        }
        w->worker->claim_count--;
    }
    *(c->prev ? &c->prev->next : &q->claims) = c->next;
    if (c->next) {
        c->next->prev = c->prev;
    }
    c->next = c->prev = NULL;
    c->wait = NULL;
    q->claim_count--;
    q->all_claim_count -= !c->claim.tenant;
    claims_forget_all(w);
    mem_free(w->links);
    mem_free(w->cancels);
    mem_free(w);
}

static void fill_answer(struct claim_wait *w)
{
    struct queue_claim *c = w->c;

    c->draining = w->q->is_draining;
    c->cancel_count = w->cancel_count;
    c->cancels = arena_array(c->claim.op.a, struct id, w->cancel_count);
    for (size_t i = 0; i < w->cancel_count; i++) {
        c->cancels[i] = w->cancels[i];
    }
}

void claims_finish(struct claim_wait *w)
{
    struct queue_claim *c = w->c;

    fill_answer(w);
    forget(w);
    c->done(c);
}

static void on_give_up(struct loop_timer *t)
{
    struct claim_wait *w = LOOP_OWNER(t, struct claim_wait, give_up);

    w->is_expired = true;
    if (w->place == WAITING) {
        claims_finish(w);
    }
}

static void join_lines(struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;

    w->links = mem_alloc(c->queue_count * sizeof *w->links);
    w->link_count = c->queue_count;
    for (size_t i = 0; i < c->queue_count; i++) {
        w->links[i].wait = w;
        line_join(line_get(w->q, c->tenant, c->queues[i]), &w->links[i]);
    }
}

static void join_worker(struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;

    if (c->worker.n == 0) {
        return;
    }
    w->worker = workers_touch(w->q, c->tenant, c->worker);
    workers_declare(w->worker, c);
    w->worker->claim_count++;
    w->worker_next = w->worker->claims;
    if (w->worker_next) {
        w->worker_next->worker_prev = w;
    }
    w->worker->claims = w;
}

static struct claim_wait *wait_new(struct queue *q, struct queue_claim *c)
{
    struct claim_wait *w = mem_alloc(sizeof *w);

    *w = (struct claim_wait){.q = q, .c = c, .place = IN_STORE, .give_up.run = on_give_up};
    c->wait = w;
    c->prev = NULL;
    c->next = q->claims;
    if (c->next) {
        c->next->prev = c;
    }
    q->claims = c;
    q->claim_count++;
    q->all_claim_count += !c->claim.tenant;
    return w;
}

/* By its name a worker of all tenants is known, wherever it stands. */
static enum rc name_worker(struct store_claim *c)
{
    if (!c->tenant) {
        c->worker = arena_printf(c->op.a, QUEUE_OF_ALL "%.*s", STR_ARG(c->worker));
    } else if (str_starts(c->worker, STR(QUEUE_OF_ALL))) {
        return err_set_code(&c->op.e, RC_INVALID, "invalid_field", "worker",
                            "only workers of all tenants are called " QUEUE_OF_ALL "…");
    }
    return RC_OK;
}

void queue_claim(struct queue *q, struct queue_claim *c)
{
    struct store_op *op = &c->claim.op;
    struct claim_wait *w = wait_new(q, c);

    op->done = on_store_done;
    c->cancels = NULL;
    c->cancel_count = 0;
    if (q->is_draining) {
        refuse(q, op);
        return;
    }
    op->rc = name_worker(&c->claim);
    if (op->rc) {
        refuse(q, op);
        return;
    }
    if (c->wait_ms > 0 && q->claim_count > q->options.max_waiting_claims) {
        op->rc = err_set_code(&op->e, RC_BUSY, "too_many_waiting", NULL, "too many claims are waiting");
        refuse(q, op);
        return;
    }
    join_worker(w);
    const bool is_listening = c->claim.max == 0; /* for cancels only: it stands in no line */

    if (c->wait_ms > 0) {
        const int64_t most = q->options.claim_wait_max_ms;

        if (!is_listening) {
            join_lines(w);
        }
        timer_start(q->loop, &w->give_up, c->wait_ms < most ? c->wait_ms : most);
    }
    if (!is_listening) {
        claims_send(w);
    } else if (c->wait_ms > 0) {
        begin_waiting(w);
    } else {
        refuse(q, op);
    }
}

bool queue_claim_cancel(struct queue *q, struct queue_claim *c)
{
    (void)q;
    if (!c->wait) {
        return false;
    }
    if (c->wait->place == WAITING) {
        forget(c->wait);
        return true;
    }
    c->wait->is_abandoned = true;
    return false;
}

static void on_store_done(struct store_op *op)
{
    struct queue_claim *c = LOOP_OWNER(op, struct queue_claim, claim.op);
    struct claim_wait *w = c->wait;
    struct queue *q = w->q;

    wakes_settle(w);
    q->metrics.claimed += (int64_t)c->claim.count;
    reports_claimed(q, &c->claim, w->worker);
    const bool has_answer = op->rc || c->claim.count > 0 || w->cancel_count > 0;
    const bool may_wait = w->link_count > 0 && !w->is_expired && !w->is_abandoned && !q->is_draining;

    if (has_answer || !may_wait) {
        claims_finish(w);
    } else if (w->again) {
        claims_send(w);
    } else {
        begin_waiting(w);
    }
}

bool claims_is_waiting(const struct queue_claim *c)
{
    return c->wait->place == WAITING && c->wait->link_count > 0;
}

/* ------------------------------------------------------------------ the end */

void claims_end_all(struct queue *q)
{
    struct queue_claim *ended = NULL;

    for (struct queue_claim *c = q->claims, *next; c; c = next) {
        next = c->next;
        if (c->wait->place == WAITING) {
            fill_answer(c->wait);
            forget(c->wait);
            c->next = ended;
            ended = c;
        }
    }
    while (ended) { /* only now: `done` may do anything to the other claims */
        struct queue_claim *c = ended;

        ended = c->next;
        c->next = NULL;
        c->done(c);
    }
}

void claims_dispose(struct queue *q)
{
    while (q->claims) {
        forget(q->claims->wait);
    }
    table_dispose(&q->lines);
}
