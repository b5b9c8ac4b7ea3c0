/* rows.c: rows, loaded and saved, and the counts that go with them. */
#include "store/sqlite/insert.h"

#include <assert.h>

#include "store/sqlite/lanes.h"
#include "store/sqlite/limits.h"

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

enum rc read_ids(struct db *db, enum sql_query query, int64_t id, struct id *ids, int count, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(db, query, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        for (int i = 0; i < count; i++) {
            ids[i] = id_from_parts(db_int(q, 2 * i), db_int(q, 2 * i + 1));
        }
        db_reset(q);
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

/* A time that is not set is stored negative, as wide as it will be. */
static int64_t set_time(int64_t stored)
{
    return stored > 0 ? stored : 0;
}

int64_t rows_stored_time(const struct writer *w, int64_t at)
{
    return at > 0 ? at : -w->keeper.now;
}

static enum rc read_row(struct writer *w, struct db_stmt *q, struct sqlite_row *s, struct err *e)
{
    struct row *r = &s->row;
    int64_t queue = 0;
    int at = 0;
    s->random = db_int(q, at++);
    r->tenant = db_int(q, at++);
    r->state = s->stored_state = (enum job_state)db_int(q, at++);
    int64_t *const numbers[] = {&queue,        &s->kind,        &s->line,       &r->priority,
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
    s->queue = queue_by_id(w, queue);
    if (!s->queue) {
        return err_set(e, RC_FATAL, "a job is of a queue that is not there");
    }
    r->queue = s->queue->name;
    r->settings = &s->queue->settings;
    r->kind = names_get(&w->engine->words, s->kind);
    r->retry = db_is_null(q, at) ? STR_NONE : arena_str(w->keeper.scratch, db_str(q, at));
    at++;
    r->unique_key = db_is_null(q, at) ? STR_NONE : arena_str(w->keeper.scratch, db_str(q, at));
    return RC_OK;
}

static enum rc read_lane(struct writer *w, struct sqlite_row *s, struct err *e)
{
    struct db_stmt *q = NULL;
    bool found = false;
    enum rc rc = stmt(w->db, SQL_JOB_LANE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, s->ordinal);
        rc = db_step(q, &found, e);
    }
    if (!rc && found) {
        s->row.group = arena_str(w->keeper.scratch, db_str(q, 0));
        s->row.limits = arena_str(w->keeper.scratch, db_str(q, 1));
        db_reset(q);
    }
    return rc;
}

enum rc rows_load_ordinal(struct writer *w, int64_t ordinal, struct row **out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool found = false;
    *out = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_LOAD, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, ordinal);
    rc = db_step(q, &found, e);
    if (!rc && found) {
        struct sqlite_row *s = arena_alloc(w->keeper.scratch, sizeof *s);
        s->ordinal = ordinal;
        rc = read_row(w, q, s, e);
        s->row.id = id_from_parts(ordinal, s->random);
        db_reset(q);
        if (!rc && s->row.flags & FLAG_CHILD) {
            rc = family_read_kin(w->db, ordinal, &s->row.parent, &s->row.root, e);
        }
        if (!rc && s->row.flags & FLAGS_OF_BATCH) {
            rc = batch_read_id(w->db, ordinal, &s->row.batch, e);
        }
        if (!rc && s->row.flags & FLAG_LANED) {
            rc = read_lane(w, s, e);
        }
        *out = rc ? NULL : &s->row;
    }
    return rc;
}

enum rc rows_load(struct keeper *k, int64_t tenant, struct id id, struct row **out, struct err *e)
{
    enum rc rc = insert_flush(writer_of(k), e); /* it may be of this round */
    *out = NULL;
    if (!rc) {
        rc = rows_load_ordinal(writer_of(k), id_ordinal(id), out, e);
    }
    if (!rc && *out && (!id_eq((*out)->id, id) || (tenant && (*out)->tenant != tenant))) {
        *out = NULL;
    }
    bool is_hidden = false;
    if (!rc && *out) {
        rc = batch_hides(writer_of(k)->db, id_ordinal(id), (*out)->flags, &is_hidden, e);
        *out = rc || is_hidden ? NULL : *out;
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

enum rc rows_save(struct keeper *k, struct row *r, struct err *e)
{
    struct writer *w = writer_of(k);
    struct sqlite_row *s = sqlite_row_of(r);
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_SAVE, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {s->ordinal,
                               r->state,
                               s->line,
                               r->priority,
                               r->run_at,
                               rows_stored_time(w, r->due_at),
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
                               rows_stored_time(w, r->started_at),
                               rows_stored_time(w, r->finished_at),
                               rows_stored_time(w, r->expires_at),
                               r->deadline_at,
                               s->stored_state};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    rc = run_on_one(w, q, e);
    s->stored_state = r->state;
    return rc;
}

enum rc rows_save_place(struct keeper *k, struct row *r, struct err *e)
{
    struct sqlite_row *s = sqlite_row_of(r);
    struct db_stmt *q = NULL;
    enum rc rc = rows_save(k, r, e);
    if (!rc) {
        rc = stmt(writer_of(k)->db, SQL_JOB_SET_PLACE, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, s->ordinal);
    db_bind_int(q, 2, s->queue->id);
    db_bind_int(q, 3, s->line);
    db_bind_int(q, 4, r->priority);
    return db_run(q, e);
}

enum rc rows_save_renewed(struct keeper *k, struct row *r, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_JOB_TOUCH, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {
        sqlite_row_of(r)->ordinal, r->due_at,   r->lease_ms, r->lease_until, r->report_n, r->report_hash,
        r->report_verdict,         r->last_seq, r->progress, r->flags};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    return db_run(q, e);
}

enum rc rows_save_finished(struct keeper *k, struct row *r, struct str result, struct err *e)
{
    struct writer *w = writer_of(k);
    struct sqlite_row *s = sqlite_row_of(r);
    struct str inline_result = result.n && result.n <= INLINE_MAX_BYTES ? result : STR_NONE;
    if (result.n > INLINE_MAX_BYTES) {
        enum rc rc = body_put(w, s->ordinal, ROW_RESULT, result, e);
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
    const int64_t numbers[] = {s->ordinal,
                               r->state,
                               rows_stored_time(w, r->due_at),
                               r->flags,
                               r->reason,
                               r->report_n,
                               r->report_hash,
                               r->report_verdict,
                               r->last_seq,
                               r->progress,
                               rows_stored_time(w, r->finished_at),
                               rows_stored_time(w, r->expires_at)};
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    db_bind_str(q, (int)count + 1, inline_result);
    db_bind_int(q, (int)count + 2, s->stored_state);
    rc = run_on_one(w, q, e);
    s->stored_state = r->state;
    return rc;
}

/* ---- counts */

void rows_count_out(struct keeper *k, struct row *r)
{
    struct writer *w = writer_of(k);
    struct sqlite_row *s = sqlite_row_of(r);
    if (r->state == JOB_QUEUED) {
        struct line *l = line_by_id(w, s->line);
        line_add(w, l, -1);
        if (l->lane) {
            lane_left(w, l->lane, s->ordinal);
        }
    } else if (r->state == JOB_PROCESSING && r->limits.n) {
        limits_end(w, s);
    }
    queue_add(w, s->queue, r->state, -1);
}

enum rc rows_find_line(struct writer *w, const struct sqlite_row *s, struct line **out, struct err *e)
{
    const struct row *r = &s->row;
    if (!(r->flags & FLAG_LANED)) {
        return line_get(w, s->queue, s->kind, r->priority, out, e);
    }
    const struct lane_place p = {
        .kind = s->kind, .priority = r->priority, .group = r->group, .limits = r->limits};
    return lane_get(w, s->queue, &p, out, e);
}

enum rc rows_count_in(struct keeper *k, struct row *r, struct err *e)
{
    struct writer *w = writer_of(k);
    struct sqlite_row *s = sqlite_row_of(r);
    enum rc rc = RC_OK;
    if (r->state == JOB_QUEUED) {
        struct line *l = NULL;
        rc = rows_find_line(w, s, &l, e);
        if (rc) {
            return rc;
        }
        line_add(w, l, 1);
        if (l->lane) {
            lane_joined(w, l->lane, r->run_at, s->ordinal);
        }
        s->line = l->id;
    } else if (r->state == JOB_PROCESSING && r->limits.n) {
        rc = limits_begin(w, s, e);
    }
    queue_add(w, s->queue, r->state, 1);
    return rc;
}

void rows_count_total(struct keeper *k, struct row *r, enum queue_total total)
{
    queue_add_total(writer_of(k), sqlite_row_of(r)->queue, total);
}

enum rc rows_set_queue(struct keeper *k, struct row *r, struct str name, struct err *e)
{
    struct sqlite_row *s = sqlite_row_of(r);
    enum rc rc = queue_get(writer_of(k), r->tenant, name, &s->queue, e);
    if (!rc) {
        r->queue = s->queue->name;
        r->settings = &s->queue->settings;
    }
    return rc;
}
