/* tick.c: the due timer and the reaper in one: finds the rows whose time has come. */
#include "store/sqlite/limits.h"
#include "store/sqlite/rows.h"

#define TICK_LIMIT_MAX 1000
#define HIDDEN_MS      1000

enum rc tick_one(struct writer *w, int64_t ordinal, int64_t *applied, struct err *e)
{
    struct row *r = NULL;
    bool is_hidden = false;
    enum rc rc = rows_load_ordinal(w, ordinal, &r, e);
    if (!rc && r) {
        rc = batch_hides(w->db, ordinal, r->flags, &is_hidden, e);
    }
    if (!rc && is_hidden) { /* late already; its end is for those who see it */
        r->due_at = w->keeper.now + HIDDEN_MS;
        return rows_save(&w->keeper, r, e);
    }
    return rc || !r ? rc : rules_tick(&w->keeper, r, applied, e);
}

enum rc tick_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_tick *op = (struct store_tick *)base;
    int64_t limit = op->limit > 0 && op->limit < TICK_LIMIT_MAX ? op->limit : TICK_LIMIT_MAX;
    int64_t *ids = arena_array(w->keeper.scratch, int64_t, (size_t)limit);
    int64_t count = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    base->rc = RC_OK;
    op->applied = 0;
    op->more = false;
    bool has_taken = false;
    limits_pass_time(w);
    enum rc rc = w->has_notes ? family_take_notes(w, limit, &has_taken, e) : RC_OK;
    if (rc || has_taken) { /* what is due has its turn then */
        op->now = w->keeper.now;
        op->schedule_count = 0;
        op->more = !rc;
        return rc;
    }
    rc = stmt(w->db, SQL_JOB_DUE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, w->keeper.now);
    db_bind_int(q, 2, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        ids[count++] = db_int(q, 0);
    }
    for (int64_t i = 0; i < count && !rc; i++) {
        rc = tick_one(w, ids[i], &op->applied, e);
    }
    rc = rc ? rc : schedule_take(w, op, limit, e);
    op->more = count == limit || w->has_notes || /* of those that have just ended */
               rules_schedules_may_go_on(op->schedules, op->schedule_count, limit);
    return rc;
}
