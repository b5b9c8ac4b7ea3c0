/* act.c: acts by filter pick their jobs here; what an act means is in store/rules/act.c. */
#include "store/pg/filter.h"
#include "store/pg/rows.h"

static enum rc pick(struct committer *w, struct store_act *op, const struct job_filter *filter,
                    struct id **ids, size_t *count, struct err *e)
{
    struct filter_scan scan = {
        .tenant = op->tenant, .filter = filter, .cursor = op->cursor, .limit = rules_act_limit(op)};
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    enum pg_sql_query sql = filter_bind(&scan, &q);
    enum rc rc = round_ask(w, sql, &q, &rows, e);
    if (rc) {
        return rc;
    }
    struct filter_page page = filter_page(&scan, rows);
    *ids = arena_array(w->keeper.scratch, struct id, page.count + 1);
    for (*count = 0; *count < page.count; (*count)++) {
        (*ids)[*count] = pg_uuid(rows, *count, 0);
    }
    op->next_cursor = page.next_cursor;
    pg_rows_free(rows);
    return RC_OK;
}

/* Between the look and the lock another round may have ended a job: then the act is no longer about it. */
static bool is_meant(const struct pg_row *r, const struct job_filter *filter)
{
    return r && filter->states >> r->row.state & 1;
}

enum rc pg_act_by_filter_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_act *op = (struct store_act *)base;
    struct job_filter filter = op->filter;
    struct id *ids = NULL;
    size_t count = 0;
    filter.states = (filter.states ? filter.states : UINT32_MAX) & rules_act_states(op->action);
    base->rc = RC_OK;
    op->verdicts = NULL;
    op->verdict_count = 0;
    op->next_cursor = 0;
    if (!filter.states) {
        return RC_OK;
    }
    enum rc rc = round_begin(w, e);
    rc = rc ? rc : pick(w, op, &filter, &ids, &count, e);
    rc = rc ? rc : pg_rows_load(w, ids, count, e);
    op->verdicts = arena_array(base->a, struct act_verdict, count + 1);
    for (size_t i = 0; i < count && !rc; i++) {
        struct pg_row *r = rows_find(w, ids[i]);
        if (is_meant(r, &filter)) {
            rc = rules_act_on(&w->keeper, op->action, &r->row, &op->verdicts[op->verdict_count++], e);
        }
    }
    return rc;
}
