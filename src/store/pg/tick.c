/* tick.c: the due timer and the reaper in one. Every node may tick: rows that another works on are left to it. */
#include "store/pg/family.h"
#include "store/pg/schedules.h"

#define TICK_LIMIT_MAX 1000
#define WISHES         100

static enum rc grant(struct committer *w, const struct pg_rows *rows, size_t at, struct err *e)
{
    const struct id job = pg_uuid(rows, at, 1);
    struct store_act act;
    if (pg_int(rows, at, 2) > ACT_PURGE) {
        return RC_OK; /* of a newer release: its functions are not for this one's nodes */
    }
    store_init(&act.op, sizeof act, STORE_ACT, w->keeper.scratch);
    act.tenant = pg_int(rows, at, 0);
    act.action = (enum job_action)pg_int(rows, at, 2);
    act.ids = &job;
    act.count = 1;
    return rules_act(&w->keeper, &act.op, e);
}

/* What applications asked of jobs in their transactions (stint.wish): by the rules of the API; what those refuse is refused. */
static enum rc grant_wishes(struct committer *w, bool *more, struct err *e)
{
    _Atomic bool *has_wishes = &w->engine->nodes.has_wishes;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    if (!atomic_exchange(has_wishes, false)) {
        return RC_OK;
    }
    pg_bind_int(&q, WISHES);
    enum rc rc = round_ask(w, PG_SQL_WISH_TAKE, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        rc = grant(w, rows, i, e);
    }
    *more = !rc && pg_count(rows) == WISHES;
    if (rc || *more) {
        atomic_store(has_wishes, true);
    }
    pg_rows_free(rows);
    return rc;
}

enum rc pg_tick_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_tick *op = (struct store_tick *)base;
    int64_t limit = op->limit > 0 && op->limit < TICK_LIMIT_MAX ? op->limit : TICK_LIMIT_MAX;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    base->rc = RC_OK;
    op->applied = 0;
    op->more = false;
    int64_t last_due_at = 0;
    w->work.is_timed = true; /* its round tells the next due time, also when nothing was due */
    enum rc rc = round_begin(w, e);
    rc = rc ? rc : nodes_see_outage(w, e);
    if (rc) {
        return rc;
    }
    bool has_taken = false;
    rc = pg_family_take_notes(w, limit, &has_taken, e);
    if (rc || has_taken) { /* what is due has its turn then: locks are taken in the order of ids */
        op->now = w->keeper.now;
        op->schedule_count = 0;
        op->more = !rc;
        return rc;
    }
    lanes_tick(&w->engine->lanes, w->keeper.now, w->keeper.round);
    due_begin_whole(&w->engine->due, &w->scan, w->keeper.now);
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    pg_bind_int(&q, w->scan.from);
    rc = round_ask(w, PG_SQL_JOB_DUE, &q, &rows, e);
    int64_t count = rc ? 0 : (int64_t)pg_count(rows);
    due_answered(&w->scan, count);
    if (count) {
        nodes_raise_grace(w->engine, rows_more(rows, 0, 0));
    }
    for (size_t i = 0; !rc && (int64_t)i < count; i++) {
        struct row *r = &rows_add(w, rows, i, false)->row;
        last_due_at = r->due_at;
        rc = rules_tick(&w->keeper, r, &op->applied, e);
    }
    bool more_wishes = false;
    rc = rc ? rc : grant_wishes(w, &more_wishes, e);
    w->scanned_until = count == limit ? last_due_at : w->keeper.now;
    rc = rc ? rc : schedules_take(w, op, limit, e);
    op->more = !rc && (more_wishes || w->work.notes.count || /* of those that have just ended */
                       count == limit || rules_schedules_may_go_on(op->schedules, op->schedule_count, limit));
    pg_rows_free(rows);
    return rc;
}
