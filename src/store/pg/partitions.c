/* partitions.c: where finished jobs go. A partition holds what is dropped at one instant: the end of the day in which its jobs
 * expire, and for retentions of more than LONG_DAYS the end of a block of BLOCK_DAYS, so that a lookup by id never has to ask
 * hundreds of partitions. */
#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#define DAY_MS     86400000LL
#define LONG_DAYS  35
#define BLOCK_DAYS 30

#define MAKE_FOR_US    1000000 /* in one round: operations wait */
#define RETRY_FIRST_MS 60000
#define RETRY_MAX_MS   (15 * RETRY_FIRST_MS)

int64_t partition_drop_at(int64_t finished_at, int64_t expires_at)
{
    if (expires_at <= 0) {
        return DROP_NEVER;
    }
    if (expires_at - finished_at <= LONG_DAYS * DAY_MS) {
        return (expires_at / DAY_MS + 1) * DAY_MS;
    }
    return (expires_at / (BLOCK_DAYS * DAY_MS) + 1) * BLOCK_DAYS * DAY_MS;
}

static bool is_known(struct partitions *p, int64_t drop_at)
{
    bool found = drop_at == DROP_NEVER;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->count && !found; i++) {
        found = p->known[i] == drop_at;
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

static void remember(struct partitions *p, int64_t drop_at)
{
    pthread_mutex_lock(&p->lock);
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 32;
        p->known = mem_grow(p->known, p->room * sizeof *p->known);
    }
    p->known[p->count++] = drop_at;
    pthread_mutex_unlock(&p->lock);
}

/* A failure is logged when it begins. Committers that meet it together count as one. */
static void note_failure(struct committer *w, int64_t drop_at, const struct err *why)
{
    struct partitions *p = &w->engine->partitions;
    pthread_mutex_lock(&p->lock);
    bool is_first = !p->retry_ms;
    if (w->keeper.now >= p->retry_at) {
        p->retry_ms = is_first                         ? RETRY_FIRST_MS
                      : 2 * p->retry_ms < RETRY_MAX_MS ? 2 * p->retry_ms
                                                       : RETRY_MAX_MS;
        p->retry_at = w->keeper.now + p->retry_ms;
    }
    pthread_mutex_unlock(&p->lock);
    if (is_first) {
        log_warn("store.partition", L_INT("drop_at", drop_at), L_C("error", why->text),
                 L_C("note", "finished jobs of that day go to history_rest and are deleted one by one; give "
                             "the owner of schema stint the right to make tables there, and end what locks "
                             "stint.history: it is tried again every few minutes"));
    }
}

static bool is_waiting(struct partitions *p, int64_t now)
{
    pthread_mutex_lock(&p->lock);
    bool is = now < p->retry_at && p->retry_at - now <= RETRY_MAX_MS; /* the clock may have stepped back */
    pthread_mutex_unlock(&p->lock);
    return is;
}

static void note_success(struct partitions *p)
{
    pthread_mutex_lock(&p->lock);
    p->retry_at = p->retry_ms = 0;
    pthread_mutex_unlock(&p->lock);
}

struct attempt {
    int64_t until_us;
    bool has_failed;
    bool is_over; /* the others would fail like it, and take their time, or there is no time for more */
};

static void ensure(struct committer *w, int64_t drop_at, struct attempt *t)
{
    struct err err = {0};
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    if (is_known(&w->engine->partitions, drop_at)) {
        return;
    }
    pg_bind_int(&q, drop_at);
    if (!pg_run(w->link.c, pg_sql(PG_SQL_PARTITION_MAKE), &q, NULL, &err)) {
        remember(&w->engine->partitions, drop_at);
        t->is_over = clock_mono_us() > t->until_us;
        return;
    }
    enum pg_fault fault = pg_fault(w->link.c);
    t->is_over = fault == PG_LOCKED || fault == PG_TIMEOUT || pg_is_lost(w->link.c);
    if (!t->has_failed && !pg_is_lost(w->link.c)) {
        note_failure(w, drop_at, &err);
    }
    t->has_failed = true;
}

static void ensure_all(struct committer *w, int64_t ahead_ms, struct attempt *t)
{
    const struct settings *s = &w->settings;
    int64_t now = w->keeper.now + ahead_ms, last = 0;
    for (size_t i = 0; i < s->retention_count && !t->is_over; i++) {
        int64_t ms = s->retentions[i];
        int64_t drop_at = partition_drop_at(now, ms > INT64_MAX / 2 ? 0 : now + ms);
        if (drop_at != last) { /* of neighbours: they may be thousands, of a day */
            ensure(w, drop_at, t);
        }
        last = drop_at;
    }
}

/* Once a day, and when settings were read: a job of that day can go nowhere else. However many
 * retentions there are, they have one partition for each day up to LONG_DAYS, and for each block of the ten years that one may be. */
void partitions_prepare(struct committer *w)
{
    struct attempt t = {.until_us = clock_mono_us() + MAKE_FOR_US};
    int64_t now = w->keeper.now, day = now / DAY_MS;
    if (w->prepared_day == day || is_waiting(&w->engine->partitions, now)) {
        return;
    }
    ensure_all(w, 0, &t);
    ensure_all(w, DAY_MS, &t); /* so that midnight finds it there */
    if (!t.has_failed && !t.is_over) {
        note_success(&w->engine->partitions);
        w->prepared_day = day;
    }
}
