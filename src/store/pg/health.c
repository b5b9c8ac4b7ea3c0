/* health.c: may this node go on, and what should whoever runs it know? See postgres.h. */
#include "store/pg/migrate.h"
#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#define FULL_FOR_US 5000000LL
#define OUTDATED    "a newer release has changed the store: this server takes nothing more, and ends"

enum rc pg_engine_health(const struct pg_engine *s)
{
    int64_t full_at_us = atomic_load(&s->full_at_us);
    if (atomic_load(&s->is_outdated) || atomic_load(&s->fence.unfit)) {
        return RC_BUSY;
    }
    return full_at_us && clock_mono_us() - full_at_us < FULL_FOR_US ? RC_FULL : RC_OK;
}

const char *pg_engine_note(const struct pg_engine *s)
{
    const char *unfit = atomic_load(&s->fence.unfit);
    return atomic_load(&s->is_outdated) ? OUTDATED : unfit ? unfit : nodes_note(&s->nodes);
}

enum rc pg_engine_check(const struct pg_engine *s, struct err *e)
{
    return atomic_load(&s->is_outdated) ? err_set_code(e, RC_BUSY, "store_unavailable", NULL, OUTDATED)
                                        : RC_OK;
}

enum rc pg_engine_see_program(struct pg_engine *s, int64_t oldest, struct err *e)
{
    struct err why = {0};
    if (!pg_migrate_check_program(oldest, &why)) {
        return RC_OK;
    }
    if (!atomic_exchange(&s->is_outdated, true)) {
        struct store_round *r = store_round_new();
        log_error("store.outdated", L_C("error", why.text));
        r->is_over = true;
        pg_engine_deliver(s, r);
    }
    return pg_engine_check(s, e);
}
