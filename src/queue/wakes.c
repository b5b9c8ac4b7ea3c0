/* wakes.c: which waiting claims go to the store again, and which are answered because their worker has a job to stop.
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
 * Where several nodes share the store, others tell of lines, not of jobs, and may not be heard at all: then a look tells them,
 * once a second (looks.c). A line that was told wakes one claim, which wakes two more when it got something: SCOUTS. */
#include <string.h>

#include "queue/claims_private.h"

#define CANCELS_MAX   1000 /* more of them at once are told with the reports */
#define SCOUTS_CALLED 2

struct cancel_lookup {
    struct store_get_job get;
    struct queue *q;
    struct cancel_lookup *next, *prev;
};

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

/* ------------------------------------------------------------------ wake-ups */

/* Gives n tokens of (line, kind) to waiting claims, first come first served; the header says why `again`. Returns how many are
 * left. */
static size_t wake_in(struct queue *q, struct line *l, const struct store_line *what, size_t n,
                      bool as_scouts)
{
    const struct str kind = what->kind;

    for (struct line_link *k = l->first; k && n > 0; k = k->next) {
        struct claim_wait *w = k->wait;

        if (w->place == WAITING && takes_kind(w, kind)) {
            w->is_scout = as_scouts;
            w->token_line = l; /* it stays while w stands in it */
            w->token_tenant = what->tenant;
            str_copy(w->token_kind, sizeof w->token_kind, kind);
            claims_send(w);
            n--;
        }
    }
    for (struct line_link *k = l->first; k && n > 0; k = k->next) {
        struct claim_wait *w = k->wait;

        const bool may_miss_it = w->all || w->sent_in_round != q->round;

        if (w->place == IN_STORE && may_miss_it && takes_kind(w, kind)) {
            w->again = true;
        }
    }
    return n;
}

/* The tenant's own first, then those of all tenants. */
static void wake(struct queue *q, const struct store_line *what, size_t n, bool as_scouts)
{
    struct line *own = claims_find_line(q, what->tenant, what->queue);
    struct line *all = q->all_claim_count > 0 ? claims_find_line(q, 0, what->queue) : NULL;

    n = own ? wake_in(q, own, what, n, as_scouts) : n;
    if (all && n > 0) {
        wake_in(q, all, what, n, as_scouts);
    }
}

static bool got_token_kind(const struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;

    for (size_t i = 0; i < c->count; i++) {
        if (c->jobs[i].tenant == w->token_tenant && str_eq(c->jobs[i].queue, w->token_line->name) &&
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
        wake(w->q, &(struct store_line){w->token_tenant, l->name, str_from(w->token_kind)}, 1, w->is_scout);
    }
}

/* A scout that found something calls others: there may be more. */
static void settle_scout(struct claim_wait *w)
{
    const struct store_claim *c = &w->c->claim;
    const struct job *found = w->is_scout && c->count > 0 ? &c->jobs[c->count - 1] : NULL;

    w->is_scout = false;
    if (found) {
        wake(w->q, &(struct store_line){found->tenant, found->queue, found->kind}, SCOUTS_CALLED, true);
    }
}

void wakes_settle(struct claim_wait *w)
{
    settle_token(w);
    settle_scout(w);
}

/* ------------------------------------------------------------------ rides */

/* Takes up to n claims that wait for this queue and kind along, right behind what was just submitted. */
static size_t ride_in(const struct line *l, struct str kind, size_t n)
{
    for (struct line_link *k = l ? l->first : NULL; k && n > 0; k = k->next) {
        if (k->wait->place == WAITING && takes_kind(k->wait, kind)) {
            claims_send(k->wait);
            n--;
        }
    }
    return n;
}

static void ride(struct queue *q, int64_t tenant, const struct job_spec *spec, size_t n)
{
    const struct store_line what = {tenant, spec->queue.n > 0 ? spec->queue : STR("default"), spec->kind};

    n = ride_in(claims_find_line(q, tenant, what.queue), what.kind, n);
    if (n > 0 && q->all_claim_count > 0) {
        tenants_note(q, &what);
        ride_in(claims_find_line(q, 0, what.queue), what.kind, n);
    }
}

void wakes_ride(struct queue *q, const struct store_enqueue *enqueue)
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
            claims_finish(w);
        } else {
            claims_stop_answering(w); /* it was woken since: the store's answer takes the cancels along */
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
        const bool is_of_all = str_starts(k->get.job->worker, STR(QUEUE_OF_ALL));
        struct worker *w = workers_find(q, is_of_all ? 0 : k->get.tenant, k->get.job->worker);

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
    if (group) {
        const struct store_line what = {group->tenant, group->queue, group->kind};

        tenants_note(q, &what);
        wake(q, &what, n, false);
    }
}

void wakes_see_changes(struct queue *q, const struct folded *f, size_t count)
{
    const struct store_change *group = NULL; /* jobs of one bulk stand together: one look for all of them */
    size_t n = 0;

    if (!q->claims && !q->tenants.count) {
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

static void wake_line(const struct line *l)
{
    for (struct line_link *k = l ? l->first : NULL; k; k = k->next) {
        if (k->wait->place == WAITING) {
            claims_send(k->wait);
        } else {
            k->wait->again = true;
        }
    }
}

void wakes_wake_queue(struct queue *q, int64_t tenant, struct str queue)
{
    wake_line(claims_find_line(q, tenant, queue));
}

void wakes_resumed(struct queue *q, const struct store_change *c)
{
    tenants_note(q, &(struct store_line){c->tenant, c->queue, c->kind});
    wake_line(q->all_claim_count > 0 ? claims_find_line(q, 0, c->queue) : NULL);
}

/* ------------------------------------------------------------------ other nodes */

void wakes_see_line(struct queue *q, const struct store_line *line)
{
    tenants_note(q, line);
    wake(q, line, 1, true);
}

void wakes_dispose(struct queue *q)
{
    while (q->lookups) {
        lookup_free(q->lookups);
    }
}
