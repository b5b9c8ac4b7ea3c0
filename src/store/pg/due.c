/* due.c: the next instant at which a tick has work. Each round that changes a due time reads the earliest one of the whole
 * database in its last batch. Rounds of several committers are told in another order than they have read, so a reading that
 * another round has overtaken may only move the instant forward, never away: too early costs a tick, too late would cost J5. */
#include "store/pg/postgres.h"

void due_begin(struct committer *w)
{
    struct due_watch *d = &w->engine->due;
    pthread_mutex_lock(&d->lock);
    w->due_epoch = d->epoch;
    pthread_mutex_unlock(&d->lock);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

int64_t due_tell(struct committer *w, int64_t found)
{
    struct due_watch *d = &w->engine->due;
    pthread_mutex_lock(&d->lock);
    found = earlier(found, w->work.due_at);
    d->told = d->epoch == w->due_epoch ? found : earlier(found, d->told);
    d->epoch++;
    found = d->told;
    pthread_mutex_unlock(&d->lock);
    return found;
}

int64_t due_told(struct pg_engine *s)
{
    pthread_mutex_lock(&s->due.lock);
    int64_t told = s->due.told;
    pthread_mutex_unlock(&s->due.lock);
    return told;
}
