/* due.c: the next instant at which a tick has work. Each round that changes a due time reads the earliest one of the whole
 * database in its last batch. Rounds of several committers are told in another order than they have read, so a reading that
 * another round has overtaken may only move the instant forward, never away: too early costs a tick, too late would cost J5. */
#include "store/pg/postgres.h"

uint64_t due_begin(struct pg_engine *s)
{
    pthread_mutex_lock(&s->due.lock);
    uint64_t epoch = s->due.epoch;
    pthread_mutex_unlock(&s->due.lock);
    return epoch;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

int64_t due_tell(struct pg_engine *s, uint64_t epoch, int64_t found, int64_t wrote)
{
    struct due_watch *d = &s->due;
    pthread_mutex_lock(&d->lock);
    found = earlier(found, wrote);
    d->told = d->epoch == epoch ? found : earlier(found, d->told);
    d->epoch++;
    found = d->told;
    pthread_mutex_unlock(&d->lock);
    return found;
}

int64_t due_see(struct pg_engine *s, uint64_t epoch, int64_t found)
{
    struct due_watch *d = &s->due;
    pthread_mutex_lock(&d->lock);
    int64_t told = d->epoch == epoch ? found : earlier(found, d->told);
    d->epoch += told != d->told; /* what says nothing new must not make a round that runs doubt its own */
    d->told = told;
    pthread_mutex_unlock(&d->lock);
    return told;
}

int64_t due_hear(struct pg_engine *s, int64_t due_at)
{
    struct due_watch *d = &s->due;
    pthread_mutex_lock(&d->lock);
    d->told = earlier(d->told, due_at);
    d->epoch++;
    due_at = d->told;
    pthread_mutex_unlock(&d->lock);
    return due_at;
}

int64_t due_told(struct pg_engine *s)
{
    pthread_mutex_lock(&s->due.lock);
    int64_t told = s->due.told;
    pthread_mutex_unlock(&s->due.lock);
    return told;
}
