/* act.c: acts by filter pick their jobs here; what an act means is in store/rules/act.c. */
#include "store/sqlite/filter.h"
#include "store/sqlite/rows.h"

/* The scan ends before the first change: it must not walk what it changes. */
static enum rc pick(struct writer *w, struct store_act *op, int64_t *ids, int64_t limit, int64_t *count,
                    struct err *e)
{
    struct job_filter filter = op->filter;
    struct filter_scan scan = {
        .engine = w->engine, .tenant = op->tenant, .filter = &filter, .cursor = op->cursor};
    bool has_row = false;
    filter.states = (filter.states ? filter.states : UINT32_MAX) & rules_act_states(op->action);
    if (!filter.states) {
        return RC_OK;
    }
    enum rc rc = filter_begin(&scan, w->db, e);
    while (!rc && *count < limit && !(rc = filter_next(&scan, &has_row, e)) && has_row) {
        ids[(*count)++] = scan.last;
    }
    return rc ? rc : filter_end(&scan, *count == limit, &op->next_cursor, e);
}

static enum rc act_by_filter(struct writer *w, struct store_act *op, struct err *e)
{
    int64_t limit = rules_act_limit(op);
    int64_t *ids = arena_array(w->keeper.scratch, int64_t, (size_t)limit);
    int64_t count = 0;
    op->next_cursor = 0;
    enum rc rc = pick(w, op, ids, limit, &count, e);
    op->verdicts = arena_array(op->op.a, struct act_verdict, (size_t)count + 1);
    op->verdict_count = 0;
    for (int64_t i = 0; i < count && !rc; i++) {
        struct row *r = NULL;
        rc = rows_load_ordinal(w, ids[i], &r, e);
        if (!rc && r) {
            rc = rules_act_on(&w->keeper, op->action, r, &op->verdicts[op->verdict_count++], e);
        }
    }
    return rc;
}

enum rc act_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_act *op = (struct store_act *)base;
    base->rc = RC_OK;
    enum rc rc = op->ids ? rules_act(&w->keeper, base, e) : act_by_filter(w, op, e);
    return rc || op->action != ACT_PURGE ? rc : prune_remember_ordinal(w, e);
}
