/* partitions.c: where finished jobs go. A partition holds what is dropped at one instant: the end of the day in which its jobs
 * expire, and for retentions of more than LONG_DAYS the end of a block of BLOCK_DAYS, so that a lookup by id never has to ask
 * hundreds of partitions. */
#include "store/pg/postgres.h"

#include "base/log.h"

#define DAY_MS     86400000LL
#define LONG_DAYS  35
#define BLOCK_DAYS 30

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

static void ensure(struct committer *w, int64_t drop_at)
{
    struct err err = {0};
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    if (is_known(&w->engine->partitions, drop_at)) {
        return;
    }
    pg_bind_int(&q, drop_at);
    if (pg_run(w->link.c, pg_sql(PG_SQL_PARTITION_MAKE), &q, NULL, &err)) {
        log_warn("store.partition", L_INT("drop_at", drop_at), L_C("error", err.text));
        return;
    }
    remember(&w->engine->partitions, drop_at);
}

/* Once a day, and when settings were read: a job of that day can go nowhere else. */
void partitions_prepare(struct committer *w)
{
    int64_t now = w->keeper.now, day = now / DAY_MS;
    if (w->prepared_day == day) {
        return;
    }
    for (size_t i = 0; i < w->settings.retention_count; i++) {
        int64_t ms = w->settings.retentions[i];
        ensure(w, partition_drop_at(now, ms > INT64_MAX / 2 ? 0 : now + ms));
        if (ms < INT64_MAX / 2) { /* so that midnight finds it there */
            ensure(w, partition_drop_at(now, now + ms + DAY_MS));
        }
    }
    w->prepared_day = day;
}
