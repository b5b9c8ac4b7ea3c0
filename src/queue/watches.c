/* watches.c: who wants news of a job, or of all jobs of a tenant. Watches of a job hang together under its id; a callback
 * may stop any watch, its own or another, and start new ones: the walk's next step is kept where stopping can see it. */
#include <assert.h>
#include <string.h>

#include "queue/parts.h"

struct watched {
    struct table_node node;
    struct id job;
    struct queue_watch *first;
    int64_t last_seq;
};

static struct watched *watched_find(const struct queue *q, struct id job)
{
    struct table_node *n = table_first(&q->watched, table_hash_id(job));

    for (; n; n = table_next(n)) {
        struct watched *d = LOOP_OWNER(n, struct watched, node);

        if (id_eq(d->job, job)) {
            return d;
        }
    }
    return NULL;
}

static void tell_store(struct queue *q)
{
    if (q->store) { /* not while all are let go at the end */
        store_set_watching(q->store, q->metrics.watches > 0 || q->feeds);
    }
}

void queue_watch_start(struct queue *q, struct queue_watch *w)
{
    struct watched *d = watched_find(q, w->job);

    if (!d) {
        d = mem_alloc(sizeof *d);
        d->job = w->job;
        table_add(&q->watched, &d->node, table_hash_id(w->job));
    }
    w->of = d;
    w->prev = NULL;
    w->next = d->first;
    if (w->next) {
        w->next->prev = w;
    }
    d->first = w;
    q->metrics.watches++;
    tell_store(q);
}

void queue_watch_stop(struct queue *q, struct queue_watch *w)
{
    struct watched *d = w->of;

    if (!d) {
        return; /* never started, or ended by the drain */
    }
    if (q->watch_cursor == w) {
        q->watch_cursor = w->next;
    }
    *(w->prev ? &w->prev->next : &d->first) = w->next;
    if (w->next) {
        w->next->prev = w->prev;
    }
    w->next = w->prev = NULL;
    w->of = NULL;
    q->metrics.watches--;
    tell_store(q);
    if (!d->first) {
        table_remove(&q->watched, &d->node);
        mem_free(d);
    }
}

/* d may be gone afterwards. */
static void tell(struct queue *q, struct watched *d, int64_t tenant, const struct queue_news *news)
{
    assert(!q->watch_cursor);
    for (struct queue_watch *w = d->first; w; w = q->watch_cursor) {
        q->watch_cursor = w->next;
        if (w->tenant == tenant) { /* J13 */
            w->on_news(w, news);
        }
    }
    q->watch_cursor = NULL;
}

void watches_see_change(struct queue *q, const struct folded *f)
{
    struct watched *d = watched_find(q, f->last->job);

    if (!d) {
        return;
    }
    d->last_seq = f->last_seq > d->last_seq ? f->last_seq : d->last_seq;
    const struct queue_news news = {
        .state = f->last->state, .last_seq = d->last_seq, .progress_permille = -1};

    tell(q, d, f->last->tenant, &news);
}

void watches_tell_progress(struct queue *q, int64_t tenant, const struct report *r, enum job_state state)
{
    struct watched *d = watched_find(q, r->job);

    if (!d) {
        return;
    }
    const struct queue_news news = {.state = state,
                                    .last_seq = d->last_seq,
                                    .has_progress = true,
                                    .progress_permille = r->progress_permille,
                                    .progress_message = r->progress_message};

    tell(q, d, tenant, &news);
}

/* ------------------------------------------------------------------ changes that nobody told of */

struct watch_lookup {
    struct store_read_events read;
    struct queue *q;
    struct watch_lookup *next, *prev;
};

static void lookup_free(struct watch_lookup *k)
{
    *(k->prev ? &k->prev->next : &k->q->watch_lookups) = k->next;
    if (k->next) {
        k->next->prev = k->prev;
    }
    arena_free(k->read.op.a);
    mem_free(k);
}

static void on_looked_up(struct store_op *op)
{
    struct watch_lookup *k = LOOP_OWNER(op, struct watch_lookup, read.op);
    struct queue *q = k->q;
    struct watched *d = op->rc == RC_OK ? watched_find(q, k->read.job_id) : NULL;

    if (d) {
        d->last_seq = k->read.last_seq > d->last_seq ? k->read.last_seq : d->last_seq;
        const struct queue_news news = {
            .state = k->read.job->state, .last_seq = d->last_seq, .progress_permille = -1};

        tell(q, d, k->read.tenant, &news);
    }
    lookup_free(k);
    if (!q->watch_lookups && q->must_look_again) {
        watches_look(q);
    }
}

static void look_up(struct queue *q, const struct queue_watch *w)
{
    struct watch_lookup *k = mem_alloc(sizeof *k);

    store_init(&k->read.op, sizeof k->read, STORE_READ_EVENTS, arena_new());
    k->read.op.done = on_looked_up;
    k->read.tenant = w->tenant;
    k->read.job_id = w->job;
    k->read.of_batch = w->of_batch;
    k->read.after = INT64_MAX; /* only how far they go */
    k->read.limit = 1;
    k->q = q;
    k->prev = NULL;
    k->next = q->watch_lookups;
    if (k->next) {
        k->next->prev = k;
    }
    q->watch_lookups = k;
    submit(q, &k->read.op);
}

void watches_look(struct queue *q)
{
    q->must_look_again = q->watch_lookups != NULL; /* those may have read too early */
    if (q->must_look_again) {
        return;
    }
    for (size_t i = 0; i < q->watched.slot_count; i++) {
        for (struct table_node *n = q->watched.slots[i]; n; n = n->next) {
            const struct queue_watch *first = LOOP_OWNER(n, struct watched, node)->first;

            for (const struct queue_watch *w = first; w; w = w->next) {
                if (w == first || w->tenant != first->tenant) {
                    look_up(q, w);
                }
            }
        }
    }
}

void watches_drain(struct queue *q)
{
    const struct queue_news news = {.progress_permille = -1, .draining = true};

    for (struct table_node *n; (n = table_any(&q->watched));) {
        struct queue_watch *w = LOOP_OWNER(n, struct watched, node)->first;

        queue_watch_stop(q, w);
        w->on_news(w, &news);
    }
}

/* ------------------------------------------------------------------ the tenant's feed */

void queue_feed_start(struct queue *q, struct queue_feed *f)
{
    f->prev = NULL;
    f->next = q->feeds;
    if (f->next) {
        f->next->prev = f;
    }
    q->feeds = f;
    tell_store(q);
}

void queue_feed_stop(struct queue *q, struct queue_feed *f)
{
    if (q->feed_cursor == f) {
        q->feed_cursor = f->next;
    }
    *(f->prev ? &f->prev->next : &q->feeds) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    f->next = f->prev = NULL;
    tell_store(q);
}

void feeds_see_change(struct queue *q, const struct store_change *c)
{
    assert(!q->feed_cursor);
    if (!c->queue.n) { /* a batch: it has a stream of its own */
        return;
    }
    for (struct queue_feed *f = q->feeds; f; f = q->feed_cursor) {
        q->feed_cursor = f->next;
        if (f->tenant == c->tenant) { /* J13 */
            f->on_change(f, c);
        }
    }
    q->feed_cursor = NULL;
}

void watches_dispose(struct queue *q)
{
    for (struct table_node *n; (n = table_any(&q->watched));) {
        queue_watch_stop(q, LOOP_OWNER(n, struct watched, node)->first);
    }
    while (q->watch_lookups) {
        lookup_free(q->watch_lookups);
    }
    table_dispose(&q->watched);
    q->feeds = NULL;
}
