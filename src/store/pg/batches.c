/* batches.c: what stands beside batches: table batch; and lists of them and of what their jobs brought. What it means is in
 * store/rules/batch.c. */
#include "store/pg/family.h"
#include "store/pg/reads.h"

#define LIST_MAX           1000
#define SHARED_ORDINAL_MAX 8                               /* nodes that make an id of one ordinal */
#define RANDOM_BITS        (INT64_MAX & ((1LL << 53) - 1)) /* all of an id's */
#define BATCH_COUNTS       9                               /* the first column of batch_list that is one */

/* ---- of a round */

enum rc pg_batch_max(struct keeper *k, struct row *r, int64_t *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuid(&q, &r->id);
    enum rc rc = round_ask((struct committer *)k, PG_SQL_BATCH_MAX, &q, &rows, e);
    *out = !rc && pg_count(rows) ? pg_int(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return rc;
}

/* At once: batches are made seldom. */
enum rc pg_batch_put(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    pg_bind_uuid(&q, &r->id);
    pg_bind_int(&q, r->tenant);
    pg_bind_int(&q, p->max_jobs);
    pg_bind_str(&q, p->name.n ? p->name : STR(""));
    pg_bind_str(&q, p->labels.n ? p->labels : STR("{}"));
    return round_ask((struct committer *)k, PG_SQL_BATCH_INSERT, &q, NULL, e);
}

enum rc pg_batch_put_finalisers(struct keeper *k, int64_t tenant, struct id batch, struct str ids,
                                struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    (void)tenant;
    pg_bind_uuid(&q, &batch);
    pg_bind_str(&q, ids);
    return round_ask((struct committer *)k, PG_SQL_BATCH_SET_FINALLY, &q, NULL, e);
}

enum rc pg_batch_find_finalisers(struct keeper *k, struct row *r, struct str *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuid(&q, &r->id);
    enum rc rc = round_ask((struct committer *)k, PG_SQL_BATCH_FINALLY, &q, &rows, e);
    *out = !rc && pg_count(rows) ? arena_str(k->scratch, pg_str(rows, 0, 0)) : STR_NONE;
    pg_rows_free(rows);
    return rc;
}

/* ---- lists */

static void read_batch(const struct pg_rows *rows, size_t at, struct arena *a, struct batch *b)
{
    int64_t *const counts[] = {&b->counts.open, &b->counts.completed, &b->counts.failed, &b->counts.cancelled,
                               &b->counts.skipped};
    *b = (struct batch){.id = pg_uuid(rows, at, 0),
                        .max_jobs = pg_int(rows, at, 1),
                        .name = arena_str(a, pg_str(rows, at, 2)),
                        .labels = arena_str(a, pg_str(rows, at, 3)),
                        .round = pg_int(rows, at, 6),
                        .finished_at = pg_int(rows, at, 7),
                        .error = arena_str(a, pg_str(rows, at, 8))};
    for (int i = 0; i < 5; i++) {
        *counts[i] = pg_int(rows, at, BATCH_COUNTS + i);
    }
    rules_show_batch(b, (enum job_state)pg_int(rows, at, 4), pg_int(rows, at, 5));
}

static int64_t ordinal_at(const struct pg_rows *rows, size_t at)
{
    return id_ordinal(pg_uuid(rows, at, 0));
}

/* A page ends between two ordinals: nodes may have made several ids of one. */
static size_t page_of(const struct pg_rows *rows, int64_t limit, int64_t *next_cursor)
{
    size_t count = pg_count(rows);
    *next_cursor = 0;
    if ((int64_t)count <= limit) {
        return count;
    }
    count = (size_t)limit;
    while (count > 1 && ordinal_at(rows, count - 1) == ordinal_at(rows, (size_t)limit)) {
        count--;
    }
    *next_cursor = ordinal_at(rows, count - 1);
    return count;
}

enum rc pg_batch_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_batches *op = (struct store_list_batches *)base;
    bool is_one = !id_is_zero(op->id);
    int64_t limit = is_one                                  ? SHARED_ORDINAL_MAX
                    : op->limit > 0 && op->limit < LIST_MAX ? op->limit
                                                            : LIST_MAX;
    const struct id below = id_from_parts(is_one           ? id_ordinal(op->id) + 1
                                          : op->cursor > 0 ? op->cursor
                                                           : INT64_MAX,
                                          0);
    const struct id from = is_one ? op->id : (struct id){0};
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_BATCH_LIST);
    pg_bind_int(q, op->tenant);
    pg_bind_uuid(q, &below);
    pg_bind_uuid(q, &from);
    pg_bind_int(q, limit + 1);
    op->count = 0;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    size_t count = is_one ? pg_count(rows) : page_of(rows, limit, &op->next_cursor);
    op->batches = arena_array(base->a, struct batch, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!is_one || id_eq(pg_uuid(rows, i, 0), op->id)) {
            read_batch(rows, i, base->a, &op->batches[op->count++]);
        }
    }
    op->next_cursor = is_one ? 0 : op->next_cursor;
    read_free(&b);
    return is_one && !op->count ? store_answer(base, RC_NOT_FOUND, NULL, "no such batch") : RC_OK;
}

enum rc pg_result_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_results *op = (struct store_list_results *)base;
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    const struct id from = id_from_parts(op->cursor, RANDOM_BITS);
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_MEMBERS_FINAL);
    pg_bind_int(q, op->tenant);
    pg_bind_uuid(q, &op->batch);
    pg_bind_uuid(q, &from);
    pg_bind_int(q, limit + 1);
    pg_bind_int(q, (int64_t)STORE_RESULTS_BYTES);
    op->count = 0;
    op->next_cursor = 0;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    size_t n = pg_count(rows), count = page_of(rows, limit, &op->next_cursor);
    op->jobs = arena_array(base->a, struct job, count + 1);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct job *j = &op->jobs[op->count++];
        pg_view_read(&r->engine->base, rows, i, base->a, j, NULL);
        view_read_end(rows, i, VIEW_COLUMNS, base->a, j);
        bytes += j->result.n;
    }
    if (!op->next_cursor && n && bytes > STORE_RESULTS_BYTES) {
        op->next_cursor = ordinal_at(rows, n - 1);
    }
    read_free(&b);
    return RC_OK;
}
