/* claim.c: hands out jobs: one statement (sql/pg/queries/claim.sql) that goes with the last batch of a round. */
#include "store/pg/batch.h"
#include "store/pg/views.h"

enum { COLUMN_NUMBER = VIEW_COLUMNS + 3, COLUMN_DUE_AT, COLUMN_TIMEOUT_AT, COLUMN_AT, COLUMN_VERSION };

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

/* The row as the claim has left it. What has a key or a policy of its own is read when it ends. */
static void remember(struct committer *w, const struct pg_rows *rows, size_t at, const struct job *j,
                     int64_t flags)
{
    struct str place = pg_str(rows, at, COLUMN_AT);
    if (j->unique_key.n || pg_str(rows, at, VIEW_RETRY).n || place.n != sizeof(struct row_place){0}.at) {
        return;
    }
    struct claimed_entry *c = arena_alloc(w->keeper.scratch, sizeof *c);
    c->row = (struct row){.id = j->id,
                          .tenant = j->tenant,
                          .queue = j->queue,
                          .kind = j->kind,
                          .state = j->state,
                          .priority = j->priority,
                          .run_at = j->run_at,
                          .due_at = pg_int(rows, at, COLUMN_DUE_AT),
                          .flags = flags,
                          .lease = j->lease,
                          .lease_ms = j->lease_ms,
                          .lease_until = pg_int(rows, at, VIEW_LEASE_UNTIL),
                          .timeout_ms = j->timeout_ms,
                          .timeout_at = pg_int(rows, at, COLUMN_TIMEOUT_AT),
                          .deadline_at = j->deadline_at,
                          .attempt = j->attempt,
                          .lost = j->lost,
                          .lost_max = j->lost_max,
                          .snoozes = j->snoozes,
                          .waits = j->waits,
                          .round = j->round,
                          .reason = j->reason,
                          .last_seq = j->last_seq,
                          .progress = j->progress_permille,
                          .started_at = j->started_at};
    memcpy(c->place.at, place.p, place.n);
    c->place.version = pg_int(rows, at, COLUMN_VERSION);
    FIFO_ADD(&w->work.claimed, c);
}

static enum rc take_jobs(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    struct store_claim *op = arg;
    const size_t *order = order_of(w, rows);
    (void)e;
    op->jobs = arena_array(op->op.a, struct job, pg_count(rows) + 1);
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct job *j = &op->jobs[op->count++];
        int64_t flags = 0;
        pg_view_read(&w->engine->base, rows, order[i], op->op.a, j, &flags);
        view_read_long(rows, order[i], VIEW_COLUMNS, op->op.a, j);
        remember(w, rows, order[i], j, flags);
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
