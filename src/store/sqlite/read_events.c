/* read_events.c: a job's stream. Workers' events are rows; the `end` is made from the job's row. */
#include "store/sqlite/views.h"

#include "store/sqlite/rows.h"

#define EVENTS_MAX 1000

static enum rc first_seq(struct reader *r, int64_t job, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_EVENT_FIRST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, job);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *out = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

static enum rc read_rows(struct reader *r, struct store_read_events *op, int64_t limit, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_EVENT_READ, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(op->job_id));
    db_bind_int(q, 2, op->after);
    db_bind_int(q, 3, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        op->events[op->count++] = (struct job_event_row){.seq = db_int(q, 0),
                                                         .at = db_int(q, 1),
                                                         .type = arena_str(op->op.a, db_str(q, 2)),
                                                         .data = arena_str(op->op.a, db_str(q, 3))};
    }
    return rc;
}

enum rc event_read_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_read_events *op = (struct store_read_events *)base;
    int64_t limit = op->limit > 0 && op->limit < EVENTS_MAX ? op->limit : EVENTS_MAX;
    struct job *j = arena_alloc(base->a, sizeof *j);
    struct viewer viewer = {r->engine, r->db, base->a, op->of_batch};
    struct view view = {.job = j};
    op->count = 0;
    op->first_seq = op->last_seq = 0;
    enum rc rc = view_get(&viewer, op->tenant, op->job_id, &view, e);
    if (rc || !view.found) {
        return rc ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    op->events = arena_array(base->a, struct job_event_row, (size_t)limit);
    bool has_end = job_state_is_final(j->state) && !(view.flags & FLAG_ERASED);
    op->first_seq = has_end ? j->last_seq : 0;
    op->last_seq = j->last_seq;
    if (view.flags & FLAG_EVENTS) {
        rc = first_seq(r, id_ordinal(op->job_id), &op->first_seq, e);
    }
    if (!rc && view.flags & FLAG_EVENTS) {
        rc = read_rows(r, op, limit, e);
    }
    if (!rc && has_end && op->after < j->last_seq && (int64_t)op->count < limit) {
        op->events[op->count++] = end_event(j, base->a);
    }
    j->args = j->result = j->checkpoint = STR_NONE;
    op->job = j;
    return rc;
}
