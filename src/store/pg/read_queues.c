/* read_queues.c: views of queues, totals, and queued jobs by kind, all from maintained counts. */
#include "store/pg/reads.h"
#include "store/pg/stretches.h"

#define KINDS_MAX 10000

static void queue_row(const struct pg_rows *rows, size_t at, struct arena *a, struct queue_view *v)
{
    int64_t *m[QUEUE_SETTINGS];
    int c = 0;
    v->name = arena_str(a, pg_str(rows, at, c++));
    v->is_paused = pg_bool(rows, at, c++);
    settings_members(&v->settings, m);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        *m[i] = pg_int(rows, at, c++);
    }
    for (int i = 0; i < JOB_STATES; i++) {
        v->counts[i] = pg_int(rows, at, c++);
    }
    v->oldest_queued_at = pg_int(rows, at, c++);
    v->settings.group_weights = arena_str(a, pg_str(rows, at, c));
}

enum rc pg_queue_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_queues *op = (struct store_list_queues *)base;
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_QUEUE_LIST);
    pg_bind_int(q, op->tenant);
    pg_bind_str(q, op->name.n ? op->name : STR(""));
    pg_bind_str(q, op->name.n ? op->name : STR("\x7f")); /* names are ASCII */
    stretches_bind_crowded(q, &r->engine->heads, op->tenant);
    op->count = 0;
    op->queues = NULL;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    op->queues = arena_array(base->a, struct queue_view, pg_count(rows) + 1);
    for (; op->count < pg_count(rows); op->count++) {
        queue_row(rows, op->count, base->a, &op->queues[op->count]);
    }
    read_free(&b);
    return !op->count && op->name.n ? store_answer(base, RC_NOT_FOUND, NULL, "no such queue") : RC_OK;
}

static void read_sums(struct store_stats *op, const struct pg_rows *rows)
{
    int64_t *const totals[] = {&op->enqueued_total,  &op->completed_total, &op->failed_total,
                               &op->cancelled_total, &op->lost_total,      &op->retried_total};
    for (int i = 0; i < JOB_STATES; i++) {
        op->counts[i] = pg_int(rows, 0, i);
    }
    for (int i = 0; i < QUEUE_TOTALS; i++) {
        *totals[i] = pg_int(rows, 0, JOB_STATES + i);
    }
}

static void read_kinds(struct store_stats *op, const struct pg_rows *rows)
{
    struct arena *a = op->op.a;
    op->kind_count = pg_count(rows);
    op->kinds = arena_array(a, struct kind_count, op->kind_count + 1);
    for (size_t i = 0; i < op->kind_count; i++) {
        op->kinds[i] = (struct kind_count){.queue = arena_str(a, pg_str(rows, i, 0)),
                                           .kind = arena_str(a, pg_str(rows, i, 1)),
                                           .queued = pg_int(rows, i, 2)};
    }
}

enum rc pg_stats_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_stats *op = (struct store_stats *)base;
    struct read_batch b = {0};
    pg_bind_int(read_add(r, &b, PG_SQL_QUEUE_SUMS), op->tenant);
    struct pg_query *kinds = read_add(r, &b, PG_SQL_QUEUE_KINDS);
    pg_bind_int(kinds, op->tenant);
    pg_bind_int(kinds, KINDS_MAX);
    read_add(r, &b, PG_SQL_STORE_SIZE);
    struct pg_query *paused = read_add(r, &b, PG_SQL_LIMIT_PAUSED);
    pg_bind_int(paused, op->tenant);
    pg_bind_int(paused, r->now);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    read_sums(op, b.queries[0].rows);
    read_kinds(op, b.queries[1].rows);
    op->store_bytes = pg_int(b.queries[2].rows, 0, 0);
    op->tenants = pg_int(b.queries[2].rows, 0, 1);
    op->limits_paused = pg_int(b.queries[3].rows, 0, 0);
    read_free(&b);
    return rc;
}
