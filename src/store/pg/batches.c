/* batches.c: what stands beside batches: table batch; and lists of them and of what their jobs brought. What it means is in
 * store/rules/batch.c. */
#include "store/pg/family.h"
#include "store/pg/reads.h"

#define LIST_MAX      1000
#define RANDOM_BITS   (INT64_MAX & ((1LL << 53) - 1)) /* all of an id's */
#define BATCH_NAME    2                               /* columns of batch_list: the name … */
#define BATCH_COUNTS  9                               /* … the first that is a count … */
#define BATCH_FILL_AT 14                              /* … and when it is to be filled */
#define RESULT_COLUMN (VIEW_COLUMNS + 2)              /* of members_final */

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

enum rc pg_batch_find_flags(struct keeper *k, struct id batch, int64_t *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_uuid(&q, &batch);
    enum rc rc = round_ask((struct committer *)k, PG_SQL_BATCH_FLAGS, &q, &rows, e);
    *out = !rc && pg_count(rows) ? pg_int(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return rc;
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
                        .error = arena_str(a, pg_str(rows, at, 8)),
                        .fill_at = pg_int(rows, at, BATCH_FILL_AT)};
    for (int i = 0; i < 5; i++) {
        *counts[i] = pg_int(rows, at, BATCH_COUNTS + i);
    }
    rules_show_batch(b, (enum job_state)pg_int(rows, at, 4), pg_int(rows, at, 5));
}

/* Of rows that have the label, those with the name: so many of them that they make a page. */
static void take_page(const struct pg_rows *rows, size_t count, size_t limit, struct store_list_batches *op)
{
    for (size_t i = 0; i < count; i++) {
        if (op->count >= limit && view_ordinal(rows, i) != view_ordinal(rows, i - 1)) {
            op->next_cursor = view_ordinal(rows, i - 1);
            return;
        }
        if (!op->name.n || str_eq(op->name, pg_str(rows, i, BATCH_NAME))) {
            read_batch(rows, i, op->op.a, &op->batches[op->count++]);
        }
    }
}

static void add_list(struct reader *r, struct read_batch *b, const struct store_list_batches *op,
                     int64_t rows)
{
    bool has_label = op->label.n, has_name = op->name.n && !has_label;
    const struct id below = id_from_parts(op->cursor > 0 ? op->cursor : INT64_MAX, 0), from = {{0}};
    struct pg_query *q = read_add(r, b,
                                  has_label  ? PG_SQL_BATCH_LIST_LABELLED
                                  : has_name ? PG_SQL_BATCH_LIST_NAMED
                                             : PG_SQL_BATCH_LIST);
    pg_bind_int(q, op->tenant);
    pg_bind_uuid(q, &below);
    pg_bind_uuid(q, &from);
    pg_bind_int(q, rows);
    if (has_label || has_name) {
        pg_bind_str(q, has_label ? op->label : op->name);
    }
}

static enum rc list(struct reader *r, struct store_list_batches *op, struct err *e)
{
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    int64_t rows =
        op->name.n && op->label.n ? LIST_MAX : limit; /* with two things wanted one is looked for */
    struct read_batch b = {0};
    add_list(r, &b, op, rows + READ_SHARED_MAX);
    enum rc rc = read_run(r, &b, e);
    if (!rc) {
        size_t count = read_page_end(b.queries[0].rows, (size_t)rows, &op->next_cursor);
        op->batches = arena_array(op->op.a, struct batch, (size_t)limit + READ_SHARED_MAX);
        take_page(b.queries[0].rows, count, (size_t)limit, op);
        read_free(&b);
    }
    return rc;
}

static enum rc get(struct reader *r, struct store_list_batches *op, struct err *e)
{
    const struct id below = id_from_parts(id_ordinal(op->id) + 1, 0);
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_BATCH_LIST);
    pg_bind_int(q, op->tenant);
    pg_bind_uuid(q, &below);
    pg_bind_uuid(q, &op->id);
    pg_bind_int(q, READ_SHARED_MAX);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    op->batches = arena_array(op->op.a, struct batch, 1);
    for (size_t i = 0; i < pg_count(rows) && !op->count; i++) {
        if (id_eq(pg_uuid(rows, i, 0), op->id)) {
            read_batch(rows, i, op->op.a, &op->batches[op->count++]);
        }
    }
    read_free(&b);
    return op->count ? RC_OK : store_answer(&op->op, RC_NOT_FOUND, NULL, "no such batch");
}

enum rc pg_batch_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_batches *op = (struct store_list_batches *)base;
    op->count = 0;
    op->next_cursor = 0;
    return id_is_zero(op->id) ? list(r, op, e) : get(r, op, e);
}

/* Where their results are big the rows end in the midst of a page. */
static size_t page_of_results(const struct pg_rows *rows, size_t limit, int64_t *next_cursor)
{
    size_t n = pg_count(rows), count = read_page_end(rows, limit, next_cursor), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += pg_str(rows, i, RESULT_COLUMN).n;
    }
    return count == n && n && bytes > STORE_RESULTS_BYTES ? read_page_end(rows, n - 1, next_cursor) : count;
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
    pg_bind_int(q, limit + READ_SHARED_MAX);
    pg_bind_int(q, (int64_t)STORE_RESULTS_BYTES);
    op->count = 0;
    op->next_cursor = 0;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    size_t count = page_of_results(rows, (size_t)limit, &op->next_cursor);
    op->jobs = arena_array(base->a, struct job, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct job *j = &op->jobs[op->count++];
        pg_view_read(&r->engine->base, rows, i, base->a, j, NULL);
        view_read_end(rows, i, VIEW_COLUMNS, base->a, j);
        struct str stack = pg_str(rows, i, VIEW_COLUMNS + VIEW_END_COLUMNS);
        j->error.stack = stack.p ? arena_str(base->a, stack) : STR_NONE;
    }
    read_free(&b);
    return RC_OK;
}
