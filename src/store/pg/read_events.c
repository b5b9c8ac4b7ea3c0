/* read_events.c: a job's stream. Workers' events are rows; the `end` is made from the job's row. */
#include "store/pg/reads.h"

#define EVENTS_MAX 1000

enum part { /* of the batch */
            P_JOB,
            P_EVENTS,
            P_FIRST,
};

static int64_t limit_of(const struct store_read_events *op)
{
    return op->limit > 0 && op->limit < EVENTS_MAX ? op->limit : EVENTS_MAX;
}

static void prepare(struct reader *r, const struct store_read_events *op, bool is_history,
                    struct read_batch *b)
{
    pg_bind_uuid(read_add(r, b, is_history ? PG_SQL_HISTORY_BRIEF : PG_SQL_JOB_BRIEF), &op->job_id);
    struct pg_query *events = read_add(r, b, is_history ? PG_SQL_EVENT_HISTORY_READ : PG_SQL_EVENT_READ);
    pg_bind_uuid(events, &op->job_id);
    pg_bind_int(events, op->after);
    pg_bind_int(events, limit_of(op));
    pg_bind_uuid(read_add(r, b, is_history ? PG_SQL_EVENT_HISTORY_FIRST : PG_SQL_EVENT_FIRST), &op->job_id);
}

static void take_rows(struct store_read_events *op, const struct read_batch *b)
{
    const struct pg_rows *rows = b->queries[P_EVENTS].rows, *first = b->queries[P_FIRST].rows;
    if (pg_count(first)) {
        op->first_seq = pg_int(first, 0, 0);
    }
    for (size_t i = 0; i < pg_count(rows); i++) {
        op->events[op->count++] = (struct job_event_row){.seq = pg_int(rows, i, 0),
                                                         .at = pg_int(rows, i, 1),
                                                         .type = arena_str(op->op.a, pg_str(rows, i, 2)),
                                                         .data = arena_str(op->op.a, pg_str(rows, i, 3))};
    }
}

static void fill(struct store_read_events *op, const struct view *view, const struct read_batch *b)
{
    const struct job *j = view->job;
    bool has_end = job_state_is_final(j->state) && !(view->flags & FLAG_ERASED);
    op->job = view->job;
    op->events = arena_array(op->op.a, struct job_event_row, pg_count(b->queries[P_EVENTS].rows) + 1);
    op->first_seq = has_end ? j->last_seq : 0;
    op->last_seq = j->last_seq;
    take_rows(op, b);
    if (has_end && op->after < j->last_seq && (int64_t)op->count < limit_of(op)) {
        op->events[op->count++] = end_event(j, op->op.a);
    }
}

enum rc pg_event_read_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_read_events *op = (struct store_read_events *)base;
    struct view view = {.job = arena_alloc(base->a, sizeof *view.job)};
    enum rc rc = RC_OK;
    op->count = 0;
    op->first_seq = op->last_seq = 0;
    op->job = NULL;
    for (int i = 0; i < READ_LOOKS_MAX && !view.found && !rc; i++) {
        struct read_batch b = {0};
        prepare(r, op, i % 2, &b);
        rc = read_run(r, &b, e);
        if (!rc) {
            read_view(r, b.queries[P_JOB].rows, i % 2, base->a, &view);
        }
        bool is_meant = !rc && view.found && !(view.flags & FLAG_BATCH) == !op->of_batch;
        if (is_meant && (!op->tenant || view.job->tenant == op->tenant)) {
            fill(op, &view, &b);
        }
        read_free(&b);
    }
    return rc || op->job ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such job");
}
