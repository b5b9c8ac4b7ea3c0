/* scout.c: the full looks that are too dear for claims and ticks (heads.h, due.h): when the store is opened, and by the slow
 * lane's connection. */
#include "store/pg/care.h"
#include "store/pg/claim.h"

#include "base/clock.h"

#define LOOKS_MAX  100   /* in one go; operations wait for the slow lane too */
#define CROWDED_US 50000 /* a look at open */
#define LINES_MAX  1000

static void bind_now(struct pg_query *q, struct pg_engine *s)
{
    pg_bind_int_or_null(q, s->base.options.now != NULL, store_now(&s->base));
}

/* The first job of each priority. */
static enum rc look_at_line(struct pg_engine *s, struct pg *c, const struct line *name, struct arena *a,
                            struct err *e)
{
    struct heads *h = &s->heads;
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    struct line *l = heads_begin(h, name);
    if (!l) {
        return RC_OK; /* too many to be remembered */
    }
    int64_t begun_us = clock_mono_us();
    pg_bind_int(&q, name->tenant);
    pg_bind_str(&q, name->queue);
    pg_bind_str(&q, name->kind);
    bind_now(&q, s);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_READY_FIRST), &q, &rows, e);
    for (size_t i = 1; !rc && i < pg_count(rows); i++) {
        heads_found(h, l, pg_int(rows, i, 1), (struct place){pg_int(rows, i, 2), pg_uuid(rows, i, 3)});
    }
    const struct look look = {.is_full = true,
                              .is_apart = true,
                              .now = rc ? 0 : pg_int(rows, 0, 0),
                              .cost_us = clock_mono_us() - begun_us};
    heads_learned(h, l, rc ? NULL : &look);
    pg_rows_free(rows);
    return rc;
}

/* Which lines of the tenant, or of its queue, have anything. */
static enum rc look_for_lines(struct pg_engine *s, struct pg *c, const struct line *l, struct arena *a,
                              struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    int64_t begun_us = clock_mono_us();
    pg_bind_int(&q, l->tenant);
    pg_bind_strs(&q, &l->queue, l->queue.n > 0);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_READY_LINES), &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        const struct line found = {
            .tenant = l->tenant, .queue = pg_str(rows, i, 0), .kind = pg_str(rows, i, 1)};
        heads_note_line(&s->heads, &found);
    }
    pg_rows_free(rows);
    const struct look look = {
        .is_full = true, .is_apart = true, .is_short = l->was_short, .cost_us = clock_mono_us() - begun_us};
    heads_looked(&s->heads, l, &look);
    return rc;
}

/* All due times. */
static enum rc look_for_due(struct pg_engine *s, struct pg *c, struct due_reading *r, struct arena *a,
                            struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, r->from);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_JOB_NEXT_DUE), &q, &rows, e);
    if (rc) {
        due_cancel(&s->due, r);
        return rc;
    }
    (void)due_end(&s->due, r, pg_count(rows) ? pg_int(rows, 0, 0) : 0);
    pg_rows_free(rows);
    return RC_OK;
}

/* ---- the slow lane */

static enum rc begin(struct committer *w, struct err *e)
{
    enum rc rc = link_ready(&w->link, LINK_ONE_TRY, e);
    const char *setup = rc ? NULL : link_transaction_setup(&w->link);
    rc = rc ? rc : pg_exec(w->link.c, "BEGIN", e);
    return !rc && setup ? pg_exec(w->link.c, setup, e) : rc;
}

static enum rc look_once(struct committer *w, const struct line *l, struct due_reading *r)
{
    struct pg_engine *s = w->engine;
    struct arena *a = w->keeper.scratch;
    enum rc rc = begin(w, NULL);
    if (rc && !l) {
        due_cancel(&s->due, r);
    } else if (!rc) {
        rc = !l          ? look_for_due(s, w->link.c, r, a, NULL)
             : l->kind.n ? look_at_line(s, w->link.c, l, a, NULL)
                         : look_for_lines(s, w->link.c, l, a, NULL);
    }
    rc = rc ? rc : pg_exec(w->link.c, "COMMIT", NULL);
    link_settle(&w->link);
    return rc;
}

/* What fails has its next turn the next time. */
void scout_run(struct committer *w)
{
    struct pg_engine *s = w->engine;
    struct due_reading r;
    struct line l;
    enum rc rc = RC_OK;
    arena_reset(w->keeper.scratch);
    if (due_begin_full(&s->due, &r, store_now(&s->base))) {
        struct store_round *round = store_round_new();
        rc = look_once(w, NULL, &r);
        round->next_due_at = due_told(&s->due);
        pg_engine_deliver(s, round);
    }
    for (int i = 0; i < LOOKS_MAX && !rc && heads_next(&s->heads, w->keeper.scratch, &l); i++) {
        rc = look_once(w, &l, NULL);
    }
    int64_t tenant = 0;
    for (int i = 0; i < LOOKS_MAX && !rc && (tenant = lanes_next_look(&s->lanes)); i++) {
        struct lane_question q = {.tenant = tenant, .who = LANE_SLOW_LANE};
        rc = link_ready(&w->link, 0, NULL);
        rc = rc ? rc : lanes_look_for(s, &w->link, w->keeper.scratch, &q, NULL);
        link_settle(&w->link);
    }
}

/* ---- at open: nobody waits for us yet. Where much is gone, all lines are looked at, so that no claim has to. */

static enum rc look_at_lines(struct pg_engine *s, struct pg *c, struct arena *a, struct err *e)
{
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, LINES_MAX);
    enum rc rc = pg_run(c, pg_sql(PG_SQL_READY_KNOWN), &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        const struct line name = {
            .tenant = pg_int(rows, i, 0), .queue = pg_str(rows, i, 1), .kind = pg_str(rows, i, 2)};
        rc = look_at_line(s, c, &name, a, e);
    }
    pg_rows_free(rows);
    return rc;
}

enum rc scout_open(struct pg_engine *s, struct pg *c, struct err *e)
{
    struct arena *a = arena_new();
    struct due_reading r;
    int64_t begun_us = clock_mono_us();
    enum rc rc = pg_exec(c, "BEGIN", e);
    rc = rc ? rc : pg_exec(c, "SET LOCAL enable_seqscan = off", e);
    if (!rc) {
        due_begin_whole(&s->due, &r, store_now(&s->base));
        rc = look_for_due(s, c, &r, a, e);
    }
    if (!rc && clock_mono_us() - begun_us > CROWDED_US) {
        rc = look_at_lines(s, c, a, e);
    }
    rc = rc ? rc : pg_exec(c, "COMMIT", e);
    arena_free(a);
    return rc;
}
