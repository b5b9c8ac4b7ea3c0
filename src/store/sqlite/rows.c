/* rows.c: see rows.h. */
#include "store/sqlite/rows.h"

#include "store/sqlite/artifacts.h"

#include <assert.h>

#define ERROR_TEXT_MAX_BYTES (JOB_ERROR_MAX_BYTES / 2)

enum rc stmt(struct db *db, enum sql_query query, struct db_stmt **out, struct err *e)
{
    return db_prepare(db, sql_text(query), out, e);
}

enum rc run_with_id(struct db *db, enum sql_query query, int64_t id, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(db, query, &q, e);
    if (!rc) {
        db_bind_int(q, 1, id);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc run_with_text(struct db *db, enum sql_query query, int64_t id, struct str text, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(db, query, &q, e);
    if (!rc) {
        db_bind_int(q, 1, id);
        db_bind_str(q, 2, text);
        rc = db_run(q, e);
    }
    return rc;
}

struct id row_id(const struct row *r)
{
    return id_from_parts(r->id, r->random);
}

/* A time that is not set is stored negative, as wide as it will be. */
static int64_t set_time(int64_t stored)
{
    return stored > 0 ? stored : 0;
}

static int64_t stored_time(const struct writer *w, int64_t at)
{
    return at > 0 ? at : -w->now;
}

static void read_row(struct writer *w, struct db_stmt *q, struct row *r)
{
    int at = 0;
    r->random = db_int(q, at++);
    r->tenant = db_int(q, at++);
    r->state = r->stored_state = (enum job_state)db_int(q, at++);
    int64_t *const numbers[] = {&r->queue,     &r->kind,        &r->line,       &r->priority,
                                &r->run_at,    &r->due_at,      &r->flags,      &r->lease,
                                &r->lease_ms,  &r->lease_until, &r->timeout_ms, &r->timeout_at,
                                &r->cancel_at, &r->deadline_at, &r->attempt,    &r->lost,
                                &r->lost_max,  &r->snoozes,     &r->waits,      &r->round};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = db_int(q, at++);
    }
    r->reason = (enum job_reason)db_int(q, at++);
    int64_t *const more[] = {&r->report_n, &r->report_hash, &r->report_verdict, &r->last_seq,
                             &r->progress, &r->started_at,  &r->finished_at,    &r->expires_at};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        *more[i] = db_int(q, at++);
    }
    r->due_at = set_time(r->due_at);
    r->started_at = set_time(r->started_at);
    r->finished_at = set_time(r->finished_at);
    r->expires_at = set_time(r->expires_at);
    r->retry = db_is_null(q, at) ? STR_NONE : arena_str(w->scratch, db_str(q, at));
    at++;
    r->unique_key = db_is_null(q, at) ? STR_NONE : arena_str(w->scratch, db_str(q, at));
}

enum rc row_load_ordinal(struct writer *w, int64_t ordinal, struct row *r, bool *found, struct err *e)
{
    struct db_stmt *q = NULL;
    *found = false;
    enum rc rc = stmt(w->db, SQL_JOB_LOAD, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, ordinal);
    rc = db_step(q, found, e);
    if (!rc && *found) {
        *r = (struct row){.id = ordinal};
        read_row(w, q, r);
        db_reset(q);
    }
    return rc;
}

enum rc row_load(struct writer *w, int64_t tenant, struct id id, struct row *r, bool *found, struct err *e)
{
    enum rc rc = row_load_ordinal(w, id_ordinal(id), r, found, e);
    if (!rc && *found) {
        *found = r->random == id_random_bits(id) && (!tenant || r->tenant == tenant);
    }
    return rc;
}

/* Zero rows can only be a bug here: the committer is alone, and it has just read the row. */
static enum rc run_on_one(struct writer *w, struct db_stmt *q, struct err *e)
{
    enum rc rc = db_run(q, e);
    assert(rc || db_changes(w->db) == 1);
    return rc;
}

enum rc row_save(struct writer *w, struct row *r, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_SAVE, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {r->id,
                               r->state,
                               r->line,
                               r->priority,
                               r->run_at,
                               stored_time(w, r->due_at),
                               r->flags,
                               r->lease,
                               r->lease_ms,
                               r->lease_until,
                               r->timeout_at,
                               r->cancel_at,
                               r->attempt,
                               r->lost,
                               r->snoozes,
                               r->waits,
                               r->round,
                               r->reason,
                               r->report_n,
                               r->report_hash,
                               r->report_verdict,
                               r->last_seq,
                               r->progress,
                               stored_time(w, r->started_at),
                               stored_time(w, r->finished_at),
                               stored_time(w, r->expires_at),
                               r->deadline_at,
                               r->stored_state};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    rc = run_on_one(w, q, e);
    r->stored_state = r->state;
    return rc;
}

enum rc row_save_finished(struct writer *w, struct row *r, struct str result, struct err *e)
{
    struct str inline_result = result.n && result.n <= INLINE_MAX_BYTES ? result : STR_NONE;
    if (result.n > INLINE_MAX_BYTES) {
        enum rc rc = body_put(w, r->id, BODY_RESULT, result, e);
        if (rc) {
            return rc;
        }
        r->flags |= FLAG_RESULT;
    }
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_FINISH, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {r->id,
                               r->state,
                               stored_time(w, r->due_at),
                               r->flags,
                               r->reason,
                               r->report_n,
                               r->report_hash,
                               r->report_verdict,
                               r->last_seq,
                               r->progress,
                               stored_time(w, r->finished_at),
                               stored_time(w, r->expires_at)};
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    db_bind_str(q, (int)count + 1, inline_result);
    db_bind_int(q, (int)count + 2, r->stored_state);
    rc = run_on_one(w, q, e);
    r->stored_state = r->state;
    return rc;
}

struct job_counters row_counters(const struct row *r)
{
    bool is_running =
        r->state == JOB_PROCESSING; /* else these keep old values, so that the row keeps its width */
    return (struct job_counters){.state = r->state,
                                 .attempt = r->attempt,
                                 .lost = r->lost,
                                 .snoozes = r->snoozes,
                                 .waits = r->waits,
                                 .lost_max = r->lost_max,
                                 .on_lost =
                                     r->flags & FLAG_FAIL_ON_LOST ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY,
                                 .cancel_requested = r->flags & FLAG_CANCEL,
                                 .lease_until = is_running ? r->lease_until : 0,
                                 .lease_ms = r->lease_ms,
                                 .timeout_at = is_running ? r->timeout_at : 0,
                                 .cancel_at = is_running ? r->cancel_at : 0,
                                 .deadline_at = r->deadline_at,
                                 .run_at = r->run_at};
}

struct retry_policy row_retry(const struct row *r)
{
    struct retry_policy p = retry_default();
    bool is_good = retry_parse(r->retry, &p);
    assert(is_good); /* we printed it */
    return p;
}

/* ---- transitions */

struct store_change *row_changed(struct writer *w, const struct row *r)
{
    struct store_change *c = store_round_add(w->round);
    const struct queue_row *q = queue_by_id(w, r->queue);
    c->tenant = r->tenant;
    c->job = row_id(r);
    c->queue = q->name;
    c->kind = names_get(&w->engine->words, r->kind);
    c->state = r->state;
    c->last_seq = r->last_seq;
    return c;
}

void row_set_due(struct writer *w, struct row *r)
{
    struct job_counters c = row_counters(r);
    r->due_at = job_due_at(&c);
    w->is_timed_changed = true;
}

enum rc row_enter(struct writer *w, struct row *r, enum job_state to, struct err *e)
{
    struct queue_row *q = queue_by_id(w, r->queue);
    if (r->state == JOB_QUEUED) {
        line_add(w, line_by_id(w, r->line), -1);
    }
    if (to == JOB_QUEUED) {
        struct line *l = NULL;
        enum rc rc = line_get(w, q, r->kind, r->priority, &l, e);
        if (rc) {
            return rc;
        }
        line_add(w, l, 1);
        r->line = l->id;
    }
    queue_add(w, q, r->state, -1);
    queue_add(w, q, to, 1);
    bool is_new_state = r->state != to;
    r->state = to;
    row_set_due(w, r);
    struct store_change *c = row_changed(w, r);
    c->state_changed = is_new_state;
    c->became_queued = to == JOB_QUEUED;
    return RC_OK;
}

static void raise_lease(struct row *r)
{
    if (r->lease < JOB_LEASE_NUMBER_MAX) {
        r->lease++;
    }
}

enum rc row_finish(struct writer *w, struct row *r, enum job_state to, enum job_reason reason, struct err *e)
{
    static const enum queue_total totals[JOB_STATES] = {[JOB_COMPLETED] = TOTAL_COMPLETED,
                                                        [JOB_FAILED] = TOTAL_FAILED,
                                                        [JOB_CANCELLED] = TOTAL_CANCELLED,
                                                        [JOB_SKIPPED] = TOTAL_CANCELLED};
    struct queue_row *q = queue_by_id(w, r->queue);
    int64_t retention_ms = queue_retention_ms(q, to);
    enum rc rc = RC_OK;
    r->reason = reason;
    r->finished_at = w->now;
    r->expires_at = retention_ms > INT64_MAX / 2 ? 0 : w->now + retention_ms;
    r->last_seq++; /* `end`, which the readers make from this row */
    r->flags &= ~(int64_t)(FLAG_LOST | FLAG_CANCEL);
    if (to != JOB_SKIPPED) {
        queue_add_total(w, q, totals[to]);
    }
    if (r->flags & FLAG_HOLDS_KEY) {
        struct db_stmt *s = NULL;
        rc = stmt(w->db, SQL_UNIQUE_RELEASE, &s, e);
        if (rc) {
            return rc;
        }
        db_bind_int(s, 1, r->tenant);
        db_bind_str(s, 2, r->unique_key);
        db_bind_int(s, 3, r->id);
        rc = db_run(s, e);
    }
    if (!rc && r->flags & FLAG_STAGED) {
        rc = artifacts_settle(w, r, to == JOB_COMPLETED, e);
    }
    return rc ? rc : row_enter(w, r, to, e);
}

enum rc row_apply(struct writer *w, struct row *r, const struct job_outcome *o, struct err *e)
{
    if (o->lost > r->lost) {
        queue_add_total(w, queue_by_id(w, r->queue), TOTAL_LOST);
    }
    if (o->event == JOB_EV_FAIL_RETRY) {
        queue_add_total(w, queue_by_id(w, r->queue), TOTAL_RETRIED);
    }
    r->run_at = o->run_at;
    r->attempt = o->attempt;
    r->lost = o->lost;
    r->snoozes = o->snoozes;
    if (o->raise_lease) {
        raise_lease(r);
    }
    if (job_state_is_final(o->to)) {
        return row_finish(w, r, o->to, o->reason, e);
    }
    if (o->event == JOB_EV_LOST) {
        r->flags |= FLAG_LOST;
    }
    return row_enter(w, r, o->to, e);
}

/* ---- texts */

enum rc body_put(struct writer *w, int64_t job, enum body_part part, struct str text, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_BODY_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        db_bind_int(q, 2, part);
        db_bind_str(q, 3, text);
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc body_delete(struct writer *w, int64_t job, enum body_part part, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_BODY_DELETE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, job);
        db_bind_int(q, 2, part);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc row_set_text(struct writer *w, struct row *r, enum body_part part, struct str text, struct err *e)
{
    static const struct {
        enum sql_query query;
        enum row_flag flag;
    } parts[] = {[BODY_ARGS] = {SQL_JOB_SET_ARGS, FLAG_ARGS},
                 [BODY_RESULT] = {SQL_JOB_SET_RESULT, FLAG_RESULT},
                 [BODY_CHECKPOINT] = {SQL_JOB_SET_CHECKPOINT, FLAG_CHECKPOINT}};
    enum rc rc = RC_OK;
    bool is_inline = text.n <= INLINE_MAX_BYTES;
    if (!is_inline) {
        rc = body_put(w, r->id, part, text, e);
        r->flags |= parts[part].flag;
    } else if (r->flags & parts[part].flag) {
        rc = body_delete(w, r->id, part, e);
        r->flags &= ~(int64_t)parts[part].flag;
    }
    return rc ? rc : run_with_text(w->db, parts[part].query, r->id, is_inline && text.n ? text : STR_NONE, e);
}

static struct str cut_text(struct str s)
{
    size_t n = s.n < ERROR_TEXT_MAX_BYTES ? s.n : ERROR_TEXT_MAX_BYTES;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--; /* not within a character */
    }
    return str_sub(s, 0, n);
}

enum rc row_set_error(struct writer *w, const struct row *r, const struct job_error *error, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_SET_ERROR, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->id);
        db_bind_int(q, 2, error->class);
        db_bind_str(q, 3, cut_text(error->code));
        db_bind_str(q, 4, cut_text(error->message));
        db_bind_str(q, 5, cut_text(error->stack));
        rc = db_run(q, e);
    }
    return rc;
}

enum rc event_add(struct writer *w, struct row *r, struct str type, struct str data, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_EVENT_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->id);
        db_bind_int(q, 2, r->last_seq + 1);
        db_bind_int(q, 3, w->now);
        db_bind_str(q, 4, type.p ? type : STR(""));
        db_bind_str(q, 5, data.p ? data : STR("null"));
        rc = db_run(q, e);
    }
    if (!rc) {
        r->last_seq++;
        r->flags |= FLAG_EVENTS;
    }
    return rc;
}
