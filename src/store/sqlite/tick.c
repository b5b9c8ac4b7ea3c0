/* tick.c: the due timer and the reaper in one: applies job_decide_due to rows whose time has come. */
#include "store/sqlite/tick.h"

#define TICK_LIMIT_MAX 1000

/* Until when the worker has time to report because the server was away since its last word; 0 = it was not. */
static int64_t grace_end(const struct engine *s, int64_t lease_until, int64_t lease_ms)
{
    int64_t grace_at = atomic_load(&s->grace_at);
    int64_t grace_ms = lease_ms < JOB_RESTART_GRACE_MS ? lease_ms : JOB_RESTART_GRACE_MS;
    return grace_at && lease_until - lease_ms < grace_at ? grace_at + grace_ms : 0;
}

int64_t tick_lease_end(const struct engine *s, int64_t lease_until, int64_t lease_ms)
{
    int64_t grace = grace_end(s, lease_until, lease_ms);
    return lease_until > grace ? lease_until : grace;
}

static struct job_error timed_error(const struct job_outcome *o)
{
    struct job_error error = {.class = o->class};
    switch (o->event) {
    case JOB_EV_EXPIRE:
        error.message = STR("the deadline passed");
        break;
    case JOB_EV_POISON:
        error.message = STR("the lease was lost too often");
        break;
    case JOB_EV_LOST:
        error.message = STR("the lease was lost: nothing was heard from the worker");
        break;
    default:
        error.message = STR("the job ran longer than its timeout");
    }
    return error;
}

static enum rc apply(struct writer *w, struct row *r, const struct job_outcome *o, struct err *e)
{
    bool is_fault = o->event == JOB_EV_EXPIRE || o->event == JOB_EV_POISON || o->event == JOB_EV_LOST ||
                    o->event == JOB_EV_FAIL_RETRY || o->event == JOB_EV_FAIL_FINAL;
    enum rc rc = RC_OK;
    if (is_fault) {
        struct job_error error = timed_error(o);
        rc = row_set_error(w, r, &error, e);
    }
    if (!rc) {
        rc = row_apply(w, r, o, e);
    }
    return rc ? rc : row_save(w, r, e);
}

/* J6. What runs against the worker stands still while nobody could report: from its last word to the server's return. */
static void add_grace(struct writer *w, struct row *r)
{
    int64_t grace = grace_end(w->engine, r->lease_until, r->lease_ms);
    if (grace <= w->now) {
        return;
    }
    int64_t away_ms = atomic_load(&w->engine->grace_at) - (r->lease_until - r->lease_ms);
    r->timeout_at += away_ms;
    r->cancel_at += r->cancel_at ? away_ms : 0;
    r->lease_until = r->lease_until > grace ? r->lease_until : grace;
}

enum rc tick_one(struct writer *w, int64_t ordinal, struct err *e)
{
    struct row r;
    struct job_outcome o;
    bool found = false;
    enum rc rc = row_load_ordinal(w, ordinal, &r, &found, e);
    if (rc || !found) {
        return rc;
    }
    if (r.state == JOB_PROCESSING) {
        add_grace(w, &r);
    }
    struct job_counters c = row_counters(&r);
    struct retry_policy p = row_retry(&r);
    if (job_decide_due(&c, &p, w->now, random_u64(), &o)) {
        return apply(w, &r, &o, e);
    }
    row_set_due(w, &r);
    return row_save(w, &r, e);
}

enum rc tick_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_tick *op = (struct store_tick *)base;
    int64_t limit = op->limit > 0 && op->limit < TICK_LIMIT_MAX ? op->limit : TICK_LIMIT_MAX;
    int64_t *ids = arena_array(w->scratch, int64_t, (size_t)limit);
    int64_t count = 0;
    struct db_stmt *q = NULL;
    bool has_row = false;
    base->rc = RC_OK;
    op->applied = 0;
    op->more = false;
    enum rc rc = stmt(w->db, SQL_JOB_DUE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, w->now);
    db_bind_int(q, 2, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        ids[count++] = db_int(q, 0);
    }
    for (int64_t i = 0; i < count && !rc; i++) {
        rc = tick_one(w, ids[i], e);
        op->applied++;
    }
    op->more = count == limit;
    return rc;
}
