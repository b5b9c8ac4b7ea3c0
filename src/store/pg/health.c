/* health.c: may this node go on, and what should whoever runs it know? See postgres.h. */
#include "store/pg/migrate.h"
#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#define FULL_FOR_US 5000000LL
#define AWAY_US     5000000LL
#define AWAY        "the database cannot be reached, or does not answer, since %s: the log says why"
#define OUTDATED    "a newer release has changed the store: this server takes nothing more, and ends"

#define WAITS "the database answers no COMMIT since %s: %s"
#define STANDBY                                                                                              \
    "it waits for a standby that synchronous_standby_names asks for: bring one back, or change the setting"

/* Since when the database is away, of clock_mono_us; 0: it is not, or not for long: it may be about to restart. */
static int64_t away_since(const struct pg_engine *s)
{
    int64_t since = atomic_load(&s->fence.failing_since_us);
    int64_t unwritten = atomic_load(&s->fence.unwritten_since_us);
    since = !since || (unwritten && unwritten < since) ? unwritten : since;
    return since && clock_mono_us() - since > AWAY_US ? since : 0;
}

enum rc pg_engine_health(const struct pg_engine *s)
{
    int64_t full_at_us = atomic_load(&s->full_at_us);
    if (atomic_load(&s->is_outdated) || atomic_load(&s->fence.unfit) || away_since(s)) {
        return RC_BUSY;
    }
    return full_at_us && clock_mono_us() - full_at_us < FULL_FOR_US ? RC_FULL : RC_OK;
}

bool pg_engine_note(const struct pg_engine *s, char to[STORE_NOTE_BYTES])
{
    int64_t since = away_since(s);
    const char *why = atomic_load(&s->is_outdated) ? OUTDATED : atomic_load(&s->fence.unfit);
    if (!why && since) {
        int64_t at = clock_wall_ms() - (clock_mono_us() - since) / 1000;
        const char *waits = atomic_load(&s->fence.unwritten_why);
        (void)(waits ? str_print(to, STORE_NOTE_BYTES, WAITS, time_text(at).s, waits)
                     : str_print(to, STORE_NOTE_BYTES, AWAY, time_text(at).s));
        return true;
    }
    why = why ? why : nodes_note(&s->nodes);
    str_copy(to, STORE_NOTE_BYTES, str_from(why));
    return why != NULL;
}

bool pg_engine_is_failing(const struct pg_engine *s)
{
    return atomic_load(&s->fence.failing_since_us) || atomic_load(&s->fence.unwritten_since_us);
}

/* Does a COMMIT still wait for a standby? It does so in a session that we have long left. Whoever asked by another would
 * leave one more of them each time. */
static enum rc see_standby(struct committer *w, bool *is_waiting, struct err *e)
{
    struct fence *f = &w->engine->fence;
    struct pg_rows *rows = NULL;
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_COMMIT_WAITS), NULL, &rows, e);
    *is_waiting = !rc && pg_bool(rows, 0, 0);
    if (*is_waiting && !atomic_load(&f->unwritten_why)) {
        log_warn("store.unavailable", L_C("error", "COMMIT is not answered: " STANDBY),
                 L_STR("synchronous_standby_names", pg_str(rows, 0, 1)));
    }
    pg_rows_free(rows);
    if (!rc) {
        atomic_store(&f->unwritten_why, *is_waiting ? STANDBY : NULL);
    }
    return rc;
}

void pg_engine_look(struct committer *w)
{
    struct err e = {0};
    bool is_waiting = false;
    if (!pg_engine_is_failing(w->engine)) {
        return;
    }
    enum rc rc = link_ready(&w->link, LINK_ONE_TRY, &e);
    if (!rc) {
        rc = see_standby(w, &is_waiting, &e);
    }
    if (!rc && is_waiting) {
        link_see_answer(&w->link);
    } else if (!rc) {
        rc = pg_run(w->link.c, pg_sql(PG_SQL_COMMIT_TRY), NULL, NULL, &e);
        if (!rc || rc == RC_DENIED) { /* who may not try waits for nothing */
            link_see_commit(&w->link);
        }
    }
    link_settle(&w->link);
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
