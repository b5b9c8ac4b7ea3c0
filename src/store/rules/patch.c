/* patch.c: changes a job that nobody works on. */
#include "store/rules/rules.h"

static bool refuse(struct store_patch *op, const struct row *r)
{
    if (!r || r->flags & FLAG_BATCH) {
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
static enum rc move(struct keeper *k, const struct store_patch *op, struct row *r, struct err *e)
{
    enum job_state state = r->state;
    enum rc rc = RC_OK;
    if (op->has_run_at) {
        r->run_at = op->run_at ? op->run_at : k->now;
        if (state != JOB_BLOCKED) {
            state = r->run_at > k->now ? JOB_SCHEDULED : JOB_QUEUED;
        }
    }
    k->engine->count_out(k, r);
    r->priority = op->has_priority ? op->priority : r->priority;
    if (op->has_queue) {
        rc = k->engine->set_queue(k, r, op->queue, e);
    }
    if (!rc) { /* row_enter takes it out again */
        rc = k->engine->count_in(k, r, e);
    }
    return rc ? rc : row_enter(k, r, state, e);
}

enum rc rules_change(struct keeper *k, const struct store_patch *op, struct row *r, struct err *e)
{
    enum rc rc = move(k, op, r, e);
    if (!rc && op->has_args) {
        rc = k->engine->set_text(k, r, ROW_ARGS, op->args, e);
    }
    return rc ? rc : k->engine->save_place(k, r, e);
}

enum rc rules_patch(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_patch *op = (struct store_patch *)base;
    struct row *r = NULL;
    base->rc = RC_OK;
    enum rc rc = k->engine->load(k, op->tenant, op->job_id, &r, e);
    if (rc || refuse(op, r)) {
        return rc;
    }
    rc = rules_change(k, op, r, e);
    op->job = arena_alloc(base->a, sizeof *op->job);
    return rc ? rc : k->engine->show(k, r, base->a, op->job, e);
}
