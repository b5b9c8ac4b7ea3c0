/* act.c: cancel, retry, promote, erase, purge: one job at a time, by ids or by filter. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/end_event.h"
#include "store/sqlite/filter.h"
#include "store/sqlite/views.h"

#define ACT_LIMIT_MAX 1000

/* The states in which an action can do something; a filter picks no others. */
static const uint32_t acts_on[] = {
    [ACT_CANCEL] = 1u << JOB_BLOCKED | 1u << JOB_SCHEDULED | 1u << JOB_QUEUED | 1u << JOB_PROCESSING,
    [ACT_RETRY] = 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
    [ACT_PROMOTE] = 1u << JOB_SCHEDULED,
    [ACT_ERASE] = 1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
    [ACT_PURGE] = 1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
};

static void conflict(const struct row *r, const char *what, struct act_verdict *v)
{
    v->rc = err_set_code(&v->e, RC_CONFLICT, "wrong_state", NULL, "the job is %s and cannot be %s",
                         job_state_name(r->state), what);
}

/* Does the table allow it? Then *to is where it leads. */
static bool allows(const struct row *r, enum job_event event, const char *what, enum job_state *to,
                   struct act_verdict *v)
{
    if (job_next_state(r->state, event, to)) {
        return true;
    }
    conflict(r, what, v);
    return false;
}

static enum rc cancel(struct writer *w, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    if (r->state == JOB_CANCELLED) { /* one's own repeat */
        return RC_OK;
    }
    if (!allows(r, JOB_EV_CANCEL, "cancelled", &to, v)) {
        return RC_OK;
    }
    if (to != JOB_PROCESSING) {
        enum rc rc = row_finish(w, r, to, JOB_REASON_CANCELLED, e);
        return rc ? rc : row_save(w, r, e);
    }
    if (r->flags & FLAG_CANCEL) {
        return RC_OK;
    }
    r->flags |= FLAG_CANCEL;
    r->cancel_at = w->now + JOB_CANCEL_GRACE_MS;
    row_set_due(w, r);
    row_changed(w, r)->cancel_asked = true;
    return row_save(w, r, e);
}

/* A key that is held while the job lives must be free, or its own. *holder_is_other answers. */
static enum rc take_key_again(struct writer *w, struct row *r, bool *is_taken, struct id *holder,
                              struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_UNIQUE_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, r->tenant);
    db_bind_str(q, 2, r->unique_key);
    rc = db_step(q, &has_row, e);
    if (rc) {
        return rc;
    }
    int64_t job = has_row ? db_int(q, 0) : 0, held_until = has_row ? db_int(q, 2) : 0;
    *holder = has_row ? id_from_parts(job, db_int(q, 1)) : (struct id){0};
    db_reset(q);
    if (has_row && job != r->id && (held_until == 0 || held_until > w->now)) {
        struct row other;
        bool found = false;
        rc = row_load_ordinal(w, job, &other, &found, e);
        *is_taken = !rc && found && !job_state_is_final(other.state);
        if (rc || *is_taken) {
            return rc;
        }
    }
    bool is_own = has_row && job == r->id;
    if (is_own || !(r->flags & FLAG_HOLDS_KEY)) {
        return RC_OK;
    }
    rc = stmt(w->db, SQL_UNIQUE_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->tenant);
        db_bind_str(q, 2, r->unique_key);
        db_bind_int(q, 3, r->id);
        db_bind_int(q, 4, r->random);
        db_bind_int(q, 5, 0);
        rc = db_run(q, e);
    }
    return rc;
}

/* The `end` of the round that is over becomes a stored event: the stream goes on behind it (J12). */
static enum rc keep_end(struct writer *w, struct row *r, struct err *e)
{
    struct job j = {0};
    struct viewer viewer = {w->engine, w->db, w->scratch};
    struct view view = {.job = &j};
    enum rc rc = view_get_ordinal(&viewer, r->id, &view, e);
    if (rc || !view.found || view.flags & FLAG_ERASED) {
        return rc;
    }
    struct job_event_row end = end_event(&j, w->scratch);
    r->last_seq--;
    return event_add(w, r, end.type, end.data, e);
}

static void begin_round(struct writer *w, struct row *r)
{
    r->round++;
    r->attempt = r->lost = r->snoozes = r->waits = 0;
    r->reason = JOB_REASON_NONE;
    r->run_at = w->now;
    r->finished_at = r->expires_at = 0;
    r->lease++; /* nothing from before is accepted any more */
    r->report_n = 0;
    r->progress = -1;
    r->deadline_at = 0; /* it ran from the enqueue; a retry is a decision against it */
    r->flags &= ~(int64_t)(FLAG_CANCEL | FLAG_LOST);
}

static enum rc retry(struct writer *w, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    bool is_taken = false;
    struct id holder = {0};
    enum rc rc = RC_OK;
    if (!allows(r, JOB_EV_RETRY, "retried", &to, v)) {
        return RC_OK;
    }
    if (r->flags & FLAG_ERASED) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "erased", NULL, "the job was erased and cannot be retried");
        return RC_OK;
    }
    if (r->unique_key.n) {
        rc = take_key_again(w, r, &is_taken, &holder, e);
    }
    if (!rc && is_taken) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "duplicate_key", NULL, "job %s holds the unique key",
                             id_text(holder).s);
        return RC_OK;
    }
    if (!rc) {
        rc = keep_end(w, r, e);
    }
    begin_round(w, r);
    queue_add_total(w, queue_by_id(w, r->queue), TOTAL_RETRIED);
    if (!rc) {
        rc = row_enter(w, r, to, e);
    }
    return rc ? rc : row_save(w, r, e);
}

static enum rc promote(struct writer *w, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    if (!allows(r, JOB_EV_PROMOTE, "promoted", &to, v)) {
        return RC_OK;
    }
    r->run_at = w->now;
    enum rc rc = row_enter(w, r, to, e);
    return rc ? rc : row_save(w, r, e);
}

static enum rc erase(struct writer *w, struct row *r, struct act_verdict *v, struct err *e)
{
    if (!job_state_is_final(r->state)) {
        conflict(r, "erased", v);
        return RC_OK;
    }
    if (r->flags & FLAG_ERASED) {
        return RC_OK;
    }
    enum rc rc = run_with_id(w->db, SQL_BODY_DELETE_ALL, r->id, e);
    if (!rc && r->flags & FLAG_EVENTS) {
        rc = run_with_id(w->db, SQL_EVENT_DELETE_ALL, r->id, e);
    }
    if (!rc && r->flags & (FLAG_ARTIFACTS | FLAG_STAGED)) {
        rc = artifacts_remove(w, r->id, false, e);
    }
    r->flags &=
        ~(int64_t)(FLAG_ARGS | FLAG_RESULT | FLAG_CHECKPOINT | FLAG_EVENTS | FLAG_ARTIFACTS | FLAG_STAGED);
    r->flags |= FLAG_ERASED;
    struct db_stmt *q = NULL;
    if (!rc) {
        rc = stmt(w->db, SQL_JOB_ERASE, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, r->id);
    db_bind_int(q, 2, r->flags);
    row_changed(w, r);
    return db_run(q, e);
}

static enum rc purge(struct writer *w, struct row *r, struct act_verdict *v, struct err *e)
{
    if (!job_state_is_final(r->state)) {
        conflict(r, "purged", v);
        return RC_OK;
    }
    return prune_remove(w, r, e);
}

static enum rc act_on(struct writer *w, enum job_action action, struct row *r, struct act_verdict *v,
                      struct err *e)
{
    static enum rc (*const actions[])(struct writer *, struct row *, struct act_verdict *,
                                      struct err *) = {[ACT_CANCEL] = cancel,
                                                       [ACT_RETRY] = retry,
                                                       [ACT_PROMOTE] = promote,
                                                       [ACT_ERASE] = erase,
                                                       [ACT_PURGE] = purge};
    enum rc rc = actions[action](w, r, v, e);
    v->job = row_id(r);
    v->state = r->state;
    return rc;
}

static enum rc act_by_id(struct writer *w, const struct store_act *op, struct id id, struct act_verdict *v,
                         struct err *e)
{
    struct row r;
    bool found = false;
    *v = (struct act_verdict){.job = id};
    enum rc rc = row_load(w, op->tenant, id, &r, &found, e);
    if (!rc && !found) {
        v->rc = err_set(&v->e, RC_NOT_FOUND, "no such job");
        return RC_OK;
    }
    return rc ? rc : act_on(w, op->action, &r, v, e);
}

static enum rc act_by_ids(struct writer *w, struct store_act *op, struct err *e)
{
    struct store_op *base = &op->op;
    enum rc rc = RC_OK;
    if (!base->items_done) {
        op->verdicts = arena_array(base->a, struct act_verdict, op->count ? op->count : 1);
        op->verdict_count = op->count;
    }
    base->items_run = base->items_done;
    while (base->items_run < op->count && !rc && !(base->items_run > base->items_done && round_is_over(w))) {
        size_t i = base->items_run++;
        rc = act_by_id(w, op, op->ids[i], &op->verdicts[i], e);
    }
    return rc;
}

/* The scan ends before the first change: it must not walk what it changes. */
static enum rc pick(struct writer *w, struct store_act *op, int64_t *ids, int64_t limit, int64_t *count,
                    struct err *e)
{
    struct job_filter filter = op->filter;
    struct filter_scan scan = {
        .engine = w->engine, .tenant = op->tenant, .filter = &filter, .cursor = op->cursor};
    bool has_row = false;
    filter.states = (filter.states ? filter.states : UINT32_MAX) & acts_on[op->action];
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
    int64_t limit = op->limit > 0 && op->limit < ACT_LIMIT_MAX ? op->limit : ACT_LIMIT_MAX;
    int64_t *ids = arena_array(w->scratch, int64_t, (size_t)limit);
    int64_t count = 0;
    op->next_cursor = 0;
    enum rc rc = pick(w, op, ids, limit, &count, e);
    op->verdicts = arena_array(op->op.a, struct act_verdict, (size_t)count + 1);
    op->verdict_count = 0;
    for (int64_t i = 0; i < count && !rc; i++) {
        struct row r;
        bool found = false;
        rc = row_load_ordinal(w, ids[i], &r, &found, e);
        if (!rc && found) {
            rc = act_on(w, op->action, &r, &op->verdicts[op->verdict_count++], e);
        }
    }
    return rc;
}

enum rc act_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_act *op = (struct store_act *)base;
    base->rc = RC_OK;
    enum rc rc = op->ids ? act_by_ids(w, op, e) : act_by_filter(w, op, e);
    return rc || op->action != ACT_PURGE ? rc : prune_remember_ordinal(w, e);
}
