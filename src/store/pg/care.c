/* care.c: see care.h. */
#include "store/pg/care.h"

#include "base/clock.h"

#define SERVICE       STR("care")
#define FOLD_DELTAS   10000
#define FOLD_AFTER_MS 1000
#define COST_TIMES    20   /* deleted deltas may be there for long, and are walked over: see heads.h */
#define IDLE_MS       2000 /* to see that counts were written, or that the database is away */

static enum rc read_until(struct committer *w, int64_t *until, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_str(&q, SERVICE);
    enum rc rc = round_ask(w, PG_SQL_SERVICE_UNTIL, &q, &rows, e);
    *until = !rc && pg_count(rows) ? pg_int(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return rc;
}

enum rc care_take(struct committer *w, bool *is_ours, int64_t *until, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    enum rc rc = round_begin(w, e); /* it brings the clock */
    pg_bind_str(&q, SERVICE);
    pg_bind_uuid(&q, &w->engine->node);
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, w->keeper.now + CARE_LEASE_MS);
    if (!rc) {
        rc = round_ask(w, PG_SQL_SERVICE_TAKE, &q, &rows, e);
    }
    *is_ours = !rc && pg_count(rows);
    pg_rows_free(rows);
    return rc || *is_ours ? rc : read_until(w, until, e);
}

/* ---- counts */

static enum rc fold(struct committer *w, int64_t *folded, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch), tidy = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    *folded = 0;
    enum rc rc = pg_run(w->link.c, pg_sql(PG_SQL_COUNT_TRY_LOCK), NULL, &rows, e);
    bool is_ours = !rc && pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    if (rc || !is_ours) {
        return rc;
    }
    rows = NULL;
    pg_bind_int(&q, FOLD_DELTAS);
    static const enum pg_sql_query folds[] = {PG_SQL_COUNT_FOLD, PG_SQL_TALLY_FOLD};
    for (size_t i = 0; i < sizeof folds / sizeof folds[0] && !rc; i++) {
        rows = NULL;
        rc = pg_run(w->link.c, pg_sql(folds[i]), &q, &rows, e);
        *folded = !rc && pg_int(rows, 0, 0) > *folded ? pg_int(rows, 0, 0) : *folded;
        pg_rows_free(rows);
    }
    if (!rc) {
        pg_bind_int(&tidy, store_now(&w->engine->base));
        rc = pg_run(w->link.c, pg_sql(PG_SQL_COUNT_TIDY), &tidy, NULL, e);
    }
    return rc;
}

static enum rc fold_once(struct committer *w, int64_t *folded, struct err *e)
{
    arena_reset(w->keeper.scratch);
    enum rc rc = link_ready(&w->link, LINK_ONE_TRY, e);
    if (rc) {
        return rc;
    }
    rc = pg_exec(w->link.c, "BEGIN", e);
    if (!rc) {
        rc = fold(w, folded, e);
    }
    if (!rc) {
        rc = pg_exec(w->link.c, "COMMIT", e);
    }
    link_settle(&w->link);
    return rc;
}

void care_note(struct pg_engine *s, int64_t deltas)
{
    atomic_fetch_add(&s->deltas, deltas);
}

int64_t care_wait_ms(const struct committer *w)
{
    bool wants_looks = heads_want_looks(&w->engine->heads) || lanes_want_looks(&w->engine->lanes);
    bool is_wanted = atomic_load(&w->engine->deltas) > 0 || wants_looks || pg_engine_is_failing(w->engine);
    return is_wanted ? FOLD_AFTER_MS : IDLE_MS;
}

/* Deltas that come meanwhile are counted for the next time. What fails is tried again then. */
void care_run(struct committer *w)
{
    struct err e = {0};
    int64_t noted = atomic_load(&w->engine->deltas), folded = 0, now_us = clock_mono_us();
    if (!noted || now_us < w->care_at_us) {
        return;
    }
    do {
        if (fold_once(w, &folded, &e)) {
            break; /* readers add what is not folded */
        }
    } while (folded >= FOLD_DELTAS);
    int64_t wait_us = COST_TIMES * (clock_mono_us() - now_us);
    w->care_at_us = now_us + (wait_us > FOLD_AFTER_MS * 1000 ? wait_us : FOLD_AFTER_MS * 1000);
    if (e.rc) {
        return;
    }
    atomic_fetch_sub(&w->engine->deltas, noted);
}
