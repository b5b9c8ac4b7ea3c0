/* views.c: see views.h. */
#include "store/sqlite/views.h"

#include "store/sqlite/rows.h"

static struct str copy(struct arena *a, struct db_stmt *q, int column)
{
    struct str s = db_str(q, column);
    return s.p ? arena_str(a, s) : STR_NONE;
}

static int64_t time_or_none(struct db_stmt *q, int column)
{
    int64_t at = db_int(q, column);
    return at > 0 ? at : 0;
}

static void read_numbers(struct engine *s, struct db_stmt *q, struct job *j, int64_t *flags)
{
    int64_t ordinal = db_int(q, 0);
    j->id = id_from_parts(ordinal, db_int(q, 1));
    j->created_at = ordinal >> 21;
    j->tenant = db_int(q, 2);
    j->state = (enum job_state)db_int(q, 3);
    j->queue = names_get(&s->queue_names, db_int(q, 4));
    j->kind = names_get(&s->words, db_int(q, 5));
    j->priority = db_int(q, 6);
    j->run_at = db_int(q, 7);
    *flags = db_int(q, 8);
    j->lease = db_int(q, 9);
    j->lease_ms = db_int(q, 10);
    j->lease_until = j->state == JOB_PROCESSING ? rules_lease_end(&s->base, db_int(q, 11), j->lease_ms) : 0;
    j->timeout_ms = db_int(q, 12);
    j->deadline_at = db_int(q, 13);
    j->attempt = db_int(q, 14);
    j->lost = db_int(q, 15);
    j->lost_max = db_int(q, 16);
    j->snoozes = db_int(q, 17);
    j->waits = db_int(q, 18);
    j->round = db_int(q, 19);
    j->reason = (enum job_reason)db_int(q, 20);
    j->last_seq = db_int(q, 21);
    j->progress_permille = db_int(q, 22);
    j->started_at = time_or_none(q, 23);
    j->finished_at = time_or_none(q, 24);
    j->expires_at = time_or_none(q, 25);
    j->on_lost = *flags & FLAG_FAIL_ON_LOST ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY;
    j->on_cancel = *flags & FLAG_RUN_ON_CANCEL ? JOB_ON_CANCEL_RUN : JOB_ON_CANCEL_STOP;
    j->on_parent_failure = *flags & FLAG_SKIP_WITH_PARENT ? JOB_ON_PARENT_SKIP
                           : *flags & FLAG_RUN_ANYWAY     ? JOB_ON_PARENT_CONTINUE
                                                          : JOB_ON_PARENT_FAIL;
    j->cancel_requested = *flags & FLAG_CANCEL;
    j->cancelling = *flags & FLAG_LAST_TURN;
}

void view_read(const struct viewer *v, struct db_stmt *q, bool is_full, struct view *out)
{
    struct arena *a = v->a;
    struct job *j = out->job;
    *j = (struct job){0};
    read_numbers(v->engine, q, j, &out->flags);
    j->worker = copy(a, q, 26);
    j->progress_message = copy(a, q, 27);
    if (!retry_parse(db_str(q, 28), &j->retry)) {
        j->retry = retry_default();
    }
    j->unique_key = copy(a, q, 29);
    j->tags = copy(a, q, 30);
    j->group = copy(a, q, 31);
    j->limit_keys = copy(a, q, 32);
    j->has_error = !db_is_null(q, 33);
    j->error.class = (enum error_class)db_int(q, 33);
    j->error.code = copy(a, q, 34);
    j->error.message = copy(a, q, 35);
    if (is_full) {
        j->error.stack = copy(a, q, 36);
        j->checkpoint = copy(a, q, 37);
        j->result = copy(a, q, 38);
        j->args = copy(a, q, 39);
    }
}

static enum rc read_body(const struct viewer *v, int64_t job, enum row_text part, struct str *out,
                         struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(v->db, SQL_BODY_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, job);
    db_bind_int(q, 2, part);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *out = copy(v->a, q, 0);
        db_reset(q);
    }
    return rc;
}

static enum rc read_bodies(const struct viewer *v, int64_t ordinal, struct view *view, struct err *e)
{
    const struct {
        int64_t flag;
        enum row_text part;
        struct str *out;
    } parts[] = {{FLAG_ARGS, ROW_ARGS, &view->job->args},
                 {FLAG_RESULT, ROW_RESULT, &view->job->result},
                 {FLAG_CHECKPOINT, ROW_CHECKPOINT, &view->job->checkpoint}};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !rc; i++) {
        if (view->flags & parts[i].flag) {
            rc = read_body(v, ordinal, parts[i].part, parts[i].out, e);
        }
    }
    return rc;
}

enum rc view_read_kin(const struct viewer *v, struct view *out, struct err *e)
{
    struct job *j = out->job;
    enum rc rc = RC_OK;
    if (out->flags & FLAG_CHILD) {
        rc = family_read_kin(v->db, id_ordinal(j->id), &j->parent, &j->root, e);
    }
    struct id *batch = out->flags & FLAG_FINALLY ? &j->finally_of : &j->batch;
    return rc || !(out->flags & FLAGS_OF_BATCH) ? rc : batch_read_id(v->db, id_ordinal(j->id), batch, e);
}

enum rc view_get_ordinal(const struct viewer *v, int64_t ordinal, struct view *out, struct err *e)
{
    struct db_stmt *q = NULL;
    out->found = false;
    enum rc rc = stmt(v->db, SQL_JOB_VIEW, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, ordinal);
    rc = db_step(q, &out->found, e);
    if (rc || !out->found) {
        return rc;
    }
    view_read(v, q, true, out);
    db_reset(q);
    rc = view_read_kin(v, out, e);
    bool has_bodies = out->flags & (FLAG_ARGS | FLAG_RESULT | FLAG_CHECKPOINT);
    return !rc && has_bodies ? read_bodies(v, ordinal, out, e) : rc;
}

enum rc view_get(const struct viewer *v, int64_t tenant, struct id id, struct view *out, struct err *e)
{
    enum rc rc = view_get_ordinal(v, id_ordinal(id), out, e);
    if (!rc && out->found) {
        out->found = id_eq(out->job->id, id) && (!tenant || out->job->tenant == tenant) &&
                     !(out->flags & FLAG_BATCH) == !v->of_batches;
    }
    return rc;
}
