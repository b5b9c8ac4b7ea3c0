/* tick.c: the due timer and the reaper in one. Every node may tick: rows that another works on are left to it. */
#include "store/pg/rows.h"

#define TICK_LIMIT_MAX 1000

enum rc pg_tick_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_tick *op = (struct store_tick *)base;
    int64_t limit = op->limit > 0 && op->limit < TICK_LIMIT_MAX ? op->limit : TICK_LIMIT_MAX;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    base->rc = RC_OK;
    op->applied = 0;
    op->more = false;
    w->work.is_timed = true; /* its round tells the next due time, also when nothing was due */
    enum rc rc = round_begin(w, e);
    rc = rc ? rc : nodes_see_outage(w, e);
    if (rc) {
        return rc;
    }
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    rc = round_ask(w, PG_SQL_JOB_DUE, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        rc = rules_tick(&w->keeper, &rows_add(w, rows, i, false)->row, e);
        op->applied++;
    }
    op->more = !rc && (int64_t)pg_count(rows) == limit;
    pg_rows_free(rows);
    return rc;
}
