/* claim.c: hands out jobs: one statement (sql/pg/queries/claim.sql) that goes with the last batch of a round. */
#include "store/pg/batch.h"
#include "store/pg/views.h"

#define COLUMN_NUMBER (VIEW_COLUMNS + 3)

static int by_number(const void *a, const void *b, void *rows)
{
    int64_t x = pg_int(rows, *(const size_t *)a, COLUMN_NUMBER);
    int64_t y = pg_int(rows, *(const size_t *)b, COLUMN_NUMBER);
    return (x > y) - (x < y);
}

/* The rows in the order in which they are handed out. They come in it, though SQL does not say so. */
static size_t *order_of(struct committer *w, const struct pg_rows *rows)
{
    size_t count = pg_count(rows);
    size_t *order = arena_array(w->keeper.scratch, size_t, count + 1);
    bool is_sorted = true;
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
        is_sorted &= !i || by_number(&order[i - 1], &order[i], (void *)rows) < 0;
    }
    if (!is_sorted) {
        qsort_r(order, count, sizeof *order, by_number, (void *)rows);
    }
    return order;
}

static enum rc take_jobs(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct store_claim *op = arg;
    const size_t *order = order_of(w, rows);
    (void)e;
    op->jobs = arena_array(op->op.a, struct job, pg_count(rows) + 1);
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct job *j = &op->jobs[op->count++];
        pg_view_read(&w->engine->base, rows, order[i], op->op.a, j, NULL);
        view_read_long(rows, order[i], VIEW_COLUMNS, op->op.a, j);
        struct store_change *c = store_round_add(w->keeper.round);
        *c = (struct store_change){.tenant = j->tenant,
                                   .job = j->id,
                                   .queue = arena_str(store_round_arena(w->keeper.round), j->queue),
                                   .kind = arena_str(store_round_arena(w->keeper.round), j->kind),
                                   .state = JOB_PROCESSING,
                                   .state_changed = true,
                                   .last_seq = j->last_seq};
    }
    return RC_OK;
}

/* The queues, beginning where this claim's turn is. */
static void bind_queues(struct committer *w, struct pg_query *q, const struct store_claim *op)
{
    struct str *queues = arena_array(w->keeper.scratch, struct str, op->queue_count + 1);
    uint32_t turn = atomic_fetch_add(&w->engine->turn, 1);
    if (!op->queue_count) {
        pg_bind_int(q, turn);
        return;
    }
    for (size_t i = 0; i < op->queue_count; i++) {
        queues[i] = op->queues[(turn + i) % op->queue_count];
    }
    pg_bind_strs(q, queues, op->queue_count);
}

enum rc claim_send(struct committer *w, struct store_claim *op, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    op->count = 0;
    op->jobs = NULL;
    if (op->max <= 0) {
        return RC_OK;
    }
    pg_bind_int_or_null(&q, w->engine->base.options.now != NULL, w->keeper.now);
    pg_bind_int(&q, op->tenant);
    bind_queues(w, &q, op);
    pg_bind_strs(&q, op->kinds, op->kind_count);
    pg_bind_int(&q, op->max);
    pg_bind_int(&q, op->lease_ms > 0 ? op->lease_ms : 0);
    pg_bind_int(&q, w->engine->epoch << 32);
    pg_bind_str(&q, op->worker.p ? op->worker : STR(""));
    pg_bind_int(&q, (int64_t)STORE_CLAIM_BYTES);
    enum pg_sql_query query = !op->queue_count       ? PG_SQL_CLAIM_ANY_QUEUE
                              : !op->kind_count      ? PG_SQL_CLAIM_ANY_KIND
                              : op->queue_count == 1 ? PG_SQL_CLAIM_ONE_QUEUE
                                                     : PG_SQL_CLAIM;
    return batch_send(w, query, &q, take_jobs, op, e);
}
