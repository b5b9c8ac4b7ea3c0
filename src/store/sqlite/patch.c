/* patch.c: changes a job that nobody works on. */
#include "store/sqlite/rows.h"
#include "store/sqlite/views.h"

static bool refuse(struct store_patch *op, const struct row *r, bool found)
{
    if (!found) {
        store_answer(&op->op, RC_NOT_FOUND, NULL, "no such job");
    } else if (r->state == JOB_PROCESSING || job_state_is_final(r->state)) {
        store_answer(&op->op, RC_CONFLICT, "wrong_state", "the job is %s and cannot be changed",
                     job_state_name(r->state));
    } else if (op->has_args && job_args_check(op->args, &op->op.e)) {
        op->op.rc = op->op.e.rc;
    } else if (op->has_priority && (op->priority < JOB_PRIORITY_MIN || op->priority > JOB_PRIORITY_MAX)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "priority is out of range");
    } else if (op->has_queue && !str_is_name(op->queue)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "queue is no name");
    } else if (op->has_run_at && op->run_at < 0) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "run_at is out of range");
    } else {
        return false;
    }
    return true;
}

/* Out of the old queue's counts and line, into the new one's; the state may change with run_at. */
static enum rc move(struct writer *w, struct store_patch *op, struct row *r, struct err *e)
{
    struct queue_row *from = queue_by_id(w, r->queue), *to = from;
    enum rc rc = op->has_queue ? queue_get(w, r->tenant, op->queue, &to, e) : RC_OK;
    if (rc) {
        return rc;
    }
    enum job_state state = r->state;
    if (op->has_run_at) {
        r->run_at = op->run_at ? op->run_at : w->now;
        if (state != JOB_BLOCKED) {
            state = r->run_at > w->now ? JOB_SCHEDULED : JOB_QUEUED;
        }
    }
    if (r->state == JOB_QUEUED) {
        line_add(w, line_by_id(w, r->line), -1);
    }
    queue_add(w, from, r->state, -1);
    queue_add(w, to, r->state, 1);
    bool was_queued = r->state == JOB_QUEUED;
    r->queue = to->id;
    r->priority = op->has_priority ? op->priority : r->priority;
    if (was_queued) { /* row_enter takes it out of its line again */
        struct line *l = NULL;
        rc = line_get(w, to, r->kind, r->priority, &l, e);
        if (rc) {
            return rc;
        }
        line_add(w, l, 1);
        r->line = l->id;
    }
    return row_enter(w, r, state, e);
}

static enum rc save(struct writer *w, struct store_patch *op, struct row *r, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = RC_OK;
    if (op->has_args) {
        rc = row_set_text(w, r, BODY_ARGS, op->args, e);
    }
    if (!rc) {
        rc = row_save(w, r, e);
    }
    if (!rc) {
        rc = stmt(w->db, SQL_JOB_SET_PLACE, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, r->id);
    db_bind_int(q, 2, r->queue);
    db_bind_int(q, 3, r->line);
    db_bind_int(q, 4, r->priority);
    return db_run(q, e);
}

enum rc patch_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_patch *op = (struct store_patch *)base;
    struct row r;
    bool found = false;
    base->rc = RC_OK;
    enum rc rc = row_load(w, op->tenant, op->job_id, &r, &found, e);
    if (rc || refuse(op, &r, found)) {
        return rc;
    }
    rc = move(w, op, &r, e);
    if (!rc) {
        rc = save(w, op, &r, e);
    }
    op->job = arena_alloc(base->a, sizeof *op->job);
    struct viewer viewer = {w->engine, w->db, base->a};
    struct view view = {.job = op->job};
    return rc ? rc : view_get_ordinal(&viewer, r.id, &view, e);
}
