/* batches.c: what stands beside batches: table batch; and lists of them and of what their jobs brought. What it means is in
 * store/rules/batch.c. */
#include "store/pg/family.h"
#include "store/pg/reads.h"

#define LIST_MAX           1000
#define SHARED_ORDINAL_MAX 8                               /* nodes that make an id of one ordinal */
#define RANDOM_BITS        (INT64_MAX & ((1LL << 53) - 1)) /* all of an id's */
#define BATCH_NAME         2                               /* columns of batch_list: the name … */
#define BATCH_COUNTS       9                               /* … and the first that is a count */

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

/* Of rows that have the label, those with the name: so many of them that they make a page. */
static void read_page(const struct pg_rows *rows, size_t count, int64_t limit, struct store_list_batches *op)
{
    size_t at = 0;
    for (; at < count && (int64_t)op->count < limit; at++) {
        if (!op->name.n || str_eq(op->name, pg_str(rows, at, BATCH_NAME))) {
            read_batch(rows, at, op->op.a, &op->batches[op->count++]);
        }
    }
    while (at > 1 && at < count && ordinal_at(rows, at - 1) == ordinal_at(rows, at)) {
        at--;
        op->count -= !op->name.n || str_eq(op->name, pg_str(rows, at, BATCH_NAME));
    }
    op->next_cursor = at < count ? ordinal_at(rows, at - 1) : op->next_cursor;
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
    add_list(r, &b, op, rows + 1); /* is there one behind the page? */
    enum rc rc = read_run(r, &b, e);
    if (!rc) {
        size_t count = page_of(b.queries[0].rows, rows, &op->next_cursor);
        op->batches = arena_array(op->op.a, struct batch, (size_t)limit);
        read_page(b.queries[0].rows, count, limit, op);
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
    pg_bind_int(q, SHARED_ORDINAL_MAX);
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
        struct str stack = pg_str(rows, i, VIEW_COLUMNS + VIEW_END_COLUMNS);
        j->error.stack = stack.p ? arena_str(base->a, stack) : STR_NONE;
        bytes += j->result.n;
    }
    if (!op->next_cursor && n && bytes > STORE_RESULTS_BYTES) {
        op->next_cursor = ordinal_at(rows, n - 1);
    }
    read_free(&b);
    return RC_OK;
}
