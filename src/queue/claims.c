/* claims.c: claims that wait. Every claim goes to the store first; one that comes back empty stands in the LINES of its
 * queues, in order of arrival, until a job comes, its wait ends, or its worker has a job to stop.
 *
 * Why no wake-up is lost. A job that became claimable and is still so at the end of its round gives one TOKEN to the first
 * waiting claim that takes its kind, and that claim is submitted. What could go wrong, and why it does not:
 *  - The claim was in the store, not in the lines, when the change came. With one committer its round is either an earlier
 *    one: then its done ran before (rounds are taken in order, and of one round all done before the changes), so it
 *    was in the lines; or a later one: then it sees the job. With several committers neither order is sure. So a token
 *    that finds nobody waiting marks every such claim `again`: when it comes back empty it is submitted once more.
 *  - The woken claim took another job (older, or of another of its kinds), so that the token's job is still there and
 *    nobody looks for it. Then the token passes on to the next waiting claim of that queue and kind. A claim that comes
 *    back empty proves that there was nothing of its queue and kind any more, and the token ends.
 *  - The woken claim failed, or its client left: it passes the token on; what it was given is released, which is a change.
 *  - Jobs became claimable without a change of their own: a resumed queue. Then all claims of that queue are woken.
 *
 * Where several nodes share the store, others tell of lines, not of jobs, and may not be heard at all. A line that was told
 * wakes one claim, which wakes two more when it got something; and once a second they are looked at (looks.c).
 * Both are SCOUTS. */
#include <assert.h>
#include <string.h>

#include "queue/parts.h"

#define CANCELS_MAX   1000 /* more of them at once are told with the reports */
#define SCOUTS_CALLED 2

enum place { WAITING, IN_STORE };

struct line { /* the claims that take from one queue, in order of arrival */
    struct table_node node;
    int64_t tenant;
    struct str name;
    struct line_link *first, *last;
};

struct line_link {
    struct claim_wait *wait;
    struct line *line;
    struct line_link *next, *prev;
};

struct claim_wait {
    struct queue *q;
    struct queue_claim *c;
    enum place place;
    struct loop_timer give_up;
    struct worker *worker; /* NULL: it did not say its name */
    struct claim_wait *worker_next, *worker_prev;
    struct line_link *links;
    size_t link_count;
    bool is_expired, is_abandoned, again, is_scout;
    uint64_t sent_in_round;
    struct line *token_line; /* NULL: it was not woken for a job */
    char token_kind[JOB_NAME_MAX_BYTES + 1];
    struct id *cancels;
    size_t cancel_count;
    struct claim_wait *answer_next;
    bool is_to_answer;
};

struct cancel_lookup {
    struct store_get_job get;
    struct queue *q;
    struct cancel_lookup *next, *prev;
};

static void on_store_done(struct store_op *op);

/* ------------------------------------------------------------------ lines */

static struct line *line_find(const struct queue *q, int64_t tenant, struct str name)
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
    struct line *l = line_find(q, tenant, name);

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

static bool takes_kind(const struct claim_wait *w, struct str kind)
{
    const struct store_claim *c = &w->c->claim;

    for (size_t i = 0; i < c->kind_count; i++) {
        if (str_eq(c->kinds[i], kind)) {
            return true;
        }
    }
    return c->kind_count == 0;
}

/* ------------------------------------------------------------------ the life of one claim */

static void begin_waiting(struct claim_wait *w)
{
    w->place = WAITING;
    w->q->metrics.waiting_claims++;
    services_see_waiting(w->q);
}

static void send(struct claim_wait *w)
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
    submit(w->q, &c->op);
}

static void stop_answering(struct claim_wait *w)
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

    stop_answering(w);
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

static void finish(struct claim_wait *w)
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
        finish(w);
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
    return w;
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
        send(w);
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

/* ------------------------------------------------------------------ wake-ups */

/* Gives n tokens of (line, kind) to waiting claims, first come first served; the header says why `again`. */
static void wake(struct queue *q, struct line *l, struct str kind, size_t n, bool as_scouts)
{
    for (struct line_link *k = l->first; k && n > 0; k = k->next) {
        struct claim_wait *w = k->wait;

        if (w->place == WAITING && takes_kind(w, kind)) {
            w->is_scout = as_scouts;
            w->token_line = l; /* it stays while w stands in it */
            str_copy(w->token_kind, sizeof w->token_kind, kind);
            send(w);
            n--;
        }
    }
    for (struct line_link *k = l->first; k && n > 0; k = k->next) {
        struct claim_wait *w = k->wait;

        if (w->place == IN_STORE && w->sent_in_round != q->round && takes_kind(w, kind)) {
            w->again = true;
        }
    }
}

static bool got_token_kind(const struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;

    for (size_t i = 0; i < c->count; i++) {
        if (str_eq(c->jobs[i].queue, w->token_line->name) &&
            str_eq(c->jobs[i].kind, str_from(w->token_kind))) {
            return true;
        }
    }
    return false;
}

/* The claim came back: is its token used up, or does somebody else have to look? */
static void settle_token(struct claim_wait *w)
{
    struct line *l = w->token_line;

    if (!l) {
        return;
    }
    const bool is_empty = w->c->claim.op.rc == RC_OK && w->c->claim.count == 0;
    const bool is_used = is_empty || got_token_kind(w);

    w->token_line = NULL;
    if (!is_used) {
        wake(w->q, l, str_from(w->token_kind), 1, w->is_scout);
    }
}

/* A scout that found something calls others: there may be more. */
static void settle_scout(struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;
    const struct job *found = w->is_scout && c->count > 0 ? &c->jobs[c->count - 1] : NULL;
    struct line *l = found ? line_find(w->q, c->tenant, found->queue) : NULL;

    w->is_scout = false;
    if (l) {
        wake(w->q, l, found->kind, SCOUTS_CALLED, true);
    }
}

static void on_store_done(struct store_op *op)
{
    struct queue_claim *c = LOOP_OWNER(op, struct queue_claim, claim.op);
    struct claim_wait *w = c->wait;
    struct queue *q = w->q;

    settle_token(w);
    settle_scout(w);
    q->metrics.claimed += (int64_t)c->claim.count;
    reports_claimed(q, &c->claim, w->worker);
    const bool has_answer = op->rc || c->claim.count > 0 || w->cancel_count > 0;
    const bool may_wait = w->link_count > 0 && !w->is_expired && !w->is_abandoned && !q->is_draining;

    if (has_answer || !may_wait) {
        finish(w);
    } else if (w->again) {
        send(w);
    } else {
        begin_waiting(w);
    }
}

/* ------------------------------------------------------------------ rides */

/* Takes up to n claims that wait for this queue and kind along, right behind what was just submitted. */
static void ride(struct queue *q, int64_t tenant, const struct job_spec *spec, size_t n)
{
    struct line *l = line_find(q, tenant, spec->queue.n > 0 ? spec->queue : STR("default"));

    for (struct line_link *k = l ? l->first : NULL; k && n > 0; k = k->next) {
        if (k->wait->place == WAITING && takes_kind(k->wait, spec->kind)) {
            send(k->wait);
            n--;
        }
    }
}

void claims_ride(struct queue *q, const struct store_enqueue *enqueue)
{
    const struct job_spec *group = NULL; /* equal specs stand together in a bulk: one look for all of them */
    size_t n = 0;

    if (q->metrics.waiting_claims == 0) {
        return;
    }
    for (size_t i = 0; i < enqueue->count; i++) {
        const struct job_spec *s = &enqueue->specs[i];

        if (s->run_at > 0 || s->delay_ms > 0) {
            continue;
        }
        if (group && !(str_eq(group->queue, s->queue) && str_eq(group->kind, s->kind))) {
            ride(q, enqueue->tenant, group, n);
            n = 0;
        }
        group = s;
        n++;
    }
    if (group) {
        ride(q, enqueue->tenant, group, n);
    }
}

/* ------------------------------------------------------------------ changes */

/* Remembers that the worker should stop the job; the claim is answered at the end of the round, with all of them. */
static void tell_worker(struct queue *q, struct worker *worker, struct id job, struct str queue)
{
    struct claim_wait *w = NULL;

    for (struct claim_wait *k = worker->claims; k; k = k->worker_next) {
        const bool may_know = store_queue_allowed(k->c->only_queues, queue);

        w = may_know && (!w || k->place == WAITING) ? k : w;
    }
    if (!w || w->cancel_count == CANCELS_MAX) {
        return;
    }
    w->cancels = mem_grow(w->cancels, (w->cancel_count + 1) * sizeof *w->cancels);
    w->cancels[w->cancel_count++] = job;
    if (!w->is_to_answer && w->place == WAITING) {
        w->is_to_answer = true;
        w->answer_next = q->to_answer;
        q->to_answer = w;
    }
}

static void answer_cancels(struct queue *q)
{
    while (q->to_answer) {
        struct claim_wait *w = q->to_answer;

        if (w->place == WAITING) {
            finish(w);
        } else {
            stop_answering(w); /* it was woken since: the store's answer takes the cancels along */
            w->is_to_answer = false;
        }
    }
}

static void lookup_free(struct cancel_lookup *k)
{
    *(k->prev ? &k->prev->next : &k->q->lookups) = k->next;
    if (k->next) {
        k->next->prev = k->prev;
    }
    arena_free(k->get.op.a);
    mem_free(k);
}

static void on_looked_up(struct store_op *op)
{
    struct cancel_lookup *k = LOOP_OWNER(op, struct cancel_lookup, get.op);
    struct queue *q = k->q;

    if (op->rc == RC_OK && k->get.job->state == JOB_PROCESSING) {
        struct worker *w = workers_find(q, k->get.tenant, k->get.job->worker);

        if (w) {
            tell_worker(q, w, k->get.id, k->get.job->queue);
            answer_cancels(q);
        }
    }
    lookup_free(k);
}

/* The job was handed out before this process started: only the store knows by whom. */
static void look_up(struct queue *q, const struct store_change *c)
{
    struct cancel_lookup *k = mem_alloc(sizeof *k);

    store_init(&k->get.op, sizeof k->get, STORE_GET_JOB, arena_new());
    k->get.op.done = on_looked_up;
    k->get.tenant = c->tenant;
    k->get.id = c->job;
    k->q = q;
    k->prev = NULL;
    k->next = q->lookups;
    if (k->next) {
        k->next->prev = k;
    }
    q->lookups = k;
    submit(q, &k->get.op);
}

static void see_cancel(struct queue *q, const struct store_change *c)
{
    struct worker *w = reports_worker_of(q, c->tenant, c->job);

    if (w) {
        tell_worker(q, w, c->job, c->queue);
    } else {
        look_up(q, c);
    }
}

static bool is_same_line(const struct store_change *a, const struct store_change *b)
{
    return a->tenant == b->tenant && str_eq(a->queue, b->queue) && str_eq(a->kind, b->kind);
}

static void wake_for(struct queue *q, const struct store_change *group, size_t n)
{
    struct line *l = group ? line_find(q, group->tenant, group->queue) : NULL;

    if (l) {
        wake(q, l, group->kind, n, false);
    }
}

void claims_see_changes(struct queue *q, const struct folded *f, size_t count)
{
    const struct store_change *group = NULL; /* jobs of one bulk stand together: one look for all of them */
    size_t n = 0;

    if (!q->claims) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (f[i].cancel_asked) {
            see_cancel(q, f[i].last);
        }
        if (!f[i].became_queued) {
            continue;
        }
        if (group && !is_same_line(group, f[i].last)) {
            wake_for(q, group, n);
            n = 0;
        }
        group = f[i].last;
        n++;
    }
    wake_for(q, group, n);
    answer_cancels(q);
}

void claims_wake_queue(struct queue *q, int64_t tenant, struct str queue)
{
    struct line *l = line_find(q, tenant, queue);

    for (struct line_link *k = l ? l->first : NULL; k; k = k->next) {
        if (k->wait->place == WAITING) {
            send(k->wait);
        } else {
            k->wait->again = true;
        }
    }
}

/* ------------------------------------------------------------------ other nodes */

void claims_see_line(struct queue *q, const struct store_line *line)
{
    struct line *l = line_find(q, line->tenant, line->queue);

    if (l) {
        wake(q, l, line->kind, 1, true);
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
    while (q->lookups) {
        lookup_free(q->lookups);
    }
    table_dispose(&q->lines);
}
