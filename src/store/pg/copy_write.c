/* copy_write.c: rows of a copy into this engine's tables: an array for each column, one statement for a batch. */
#include "store/pg/blobs.h"
#include "store/pg/copy.h"

static const enum pg_sql_query writes[COPY_TABLES] = {[COPY_TENANT] = PG_SQL_COPY_WRITE_TENANT,
                                                      [COPY_API_KEY] = PG_SQL_COPY_WRITE_API_KEY,
                                                      [COPY_QUEUE] = PG_SQL_COPY_WRITE_QUEUE,
                                                      [COPY_JOB] = PG_SQL_COPY_WRITE_JOB,
                                                      [COPY_EVENT] = PG_SQL_COPY_WRITE_EVENT,
                                                      [COPY_UNIQUE_KEY] = PG_SQL_COPY_WRITE_UNIQUE_KEY,
                                                      [COPY_IDEMPOTENCY] = PG_SQL_COPY_WRITE_IDEMPOTENCY,
                                                      [COPY_ARTIFACT] = PG_SQL_COPY_WRITE_ARTIFACT,
                                                      [COPY_SERIES_ENTRY] = PG_SQL_COPY_WRITE_SERIES_ENTRY,
                                                      [COPY_SCHEDULE] = PG_SQL_COPY_WRITE_SCHEDULE,
                                                      [COPY_TALLY] = PG_SQL_COPY_WRITE_TALLY,
                                                      [COPY_NOTE] = PG_SQL_COPY_WRITE_NOTE,
                                                      [COPY_LINK] = PG_SQL_COPY_WRITE_LINK,
                                                      [COPY_BATCH] = PG_SQL_COPY_WRITE_BATCH,
                                                      [COPY_LIMIT] = PG_SQL_COPY_WRITE_LIMIT};

struct chosen { /* rows of a batch */
    const struct copy_shape *shape;
    const struct copy_value **rows;
    size_t count;
};

/* ---- binding */

static void bind_numbers(struct pg_query *q, const struct chosen *l, int column)
{
    int64_t *values = arena_array(q->a, int64_t, l->count);
    bool *nulls = arena_array(q->a, bool, l->count);
    for (size_t i = 0; i < l->count; i++) {
        values[i] = l->rows[i][column].number;
        nulls[i] = l->rows[i][column].is_null;
    }
    pg_bind_int_rows(q, values, nulls, l->count);
}

static void bind_ids(struct pg_query *q, const struct chosen *l, int column)
{
    struct id *ids = arena_array(q->a, struct id, l->count);
    for (size_t i = 0; i < l->count; i++) {
        ids[i] = copy_get_id(l->rows[i] + column);
    }
    pg_bind_uuids(q, ids, l->count);
}

static void bind_texts(struct pg_query *q, const struct chosen *l, int column)
{
    struct str *texts = arena_array(q->a, struct str, l->count);
    for (size_t i = 0; i < l->count; i++) {
        texts[i] = l->rows[i][column].is_null ? STR_NONE : l->rows[i][column].text;
    }
    if (l->shape->columns[column].type == COPY_TEXT) {
        pg_bind_strs(q, texts, l->count);
    } else {
        pg_bind_blobs(q, texts, l->count);
    }
}

static void bind_columns(struct pg_query *q, const struct chosen *l)
{
    for (int column = 0; column < l->shape->column_count; column++) {
        enum copy_type type = l->shape->columns[column].type;
        if (type == COPY_INT) {
            bind_numbers(q, l, column);
        } else if (type == COPY_ID) {
            bind_ids(q, l, column);
        } else {
            bind_texts(q, l, column);
        }
    }
}

static struct chosen choose(struct arena *a, const struct copy_rows *rows)
{
    struct chosen l = {.shape = rows->shape, .rows = arena_array(a, const struct copy_value *, rows->count)};
    for (size_t i = 0; i < rows->count; i++) {
        l.rows[l.count++] = copy_row(rows, i);
    }
    return l;
}

static enum rc write_all(struct pg_end *c, enum copy_table table, const struct copy_rows *rows, struct err *e)
{
    struct pg_query q = PG_QUERY(c->a);
    struct pg_rows *r = NULL;
    const struct chosen l = choose(c->a, rows);
    bind_columns(&q, &l);
    enum rc rc = pg_run(c->c, pg_sql(writes[table]), &q, &r, e);
    bool is_one_each = table != COPY_EVENT && table != COPY_TALLY;
    if (!rc && is_one_each && pg_affected(r) != (int64_t)l.count) {
        rc = err_set(e, RC_FATAL, "what a row belongs to is missing");
    }
    pg_rows_free(r);
    return rc;
}

/* ---- jobs: two tables, and partitions */

static bool is_final(const struct copy_value *row)
{
    return job_state_is_final((enum job_state)row[JOB_STATE_COLUMN].number);
}

static int64_t drop_at_of(const struct copy_value *row)
{
    return partition_drop_at(row[JOB_FINISHED_AT_COLUMN].number, row[JOB_EXPIRES_AT_COLUMN].number);
}

static struct chosen choose_jobs(struct arena *a, const struct copy_rows *rows, bool final)
{
    struct chosen l = {.shape = rows->shape, .rows = arena_array(a, const struct copy_value *, rows->count)};
    for (size_t i = 0; i < rows->count; i++) {
        if (is_final(copy_row(rows, i)) == final) {
            l.rows[l.count++] = copy_row(rows, i);
        }
    }
    return l;
}

/* Where it cannot be made, its rows go to the rest, as a server's would; here that is no reason to go on. */
static enum rc make_partition(struct pg_end *c, int64_t drop_at, struct err *e)
{
    struct pg_query q = PG_QUERY(c->a);
    for (size_t i = 0; i < c->partition_count; i++) {
        if (c->partitions[i] == drop_at) {
            return RC_OK;
        }
    }
    if (drop_at == DROP_NEVER) {
        return RC_OK;
    }
    pg_bind_int(&q, drop_at);
    enum rc rc = pg_run(c->c, pg_sql(PG_SQL_PARTITION_MAKE), &q, NULL, e);
    if (!rc && c->partition_count < PARTITIONS_KEPT) {
        c->partitions[c->partition_count++] = drop_at;
    }
    return rc;
}

static enum rc write_live(struct pg_end *c, const struct copy_rows *rows, struct err *e)
{
    struct pg_query q = PG_QUERY(c->a);
    const struct chosen l = choose_jobs(c->a, rows, false);
    if (!l.count) {
        return RC_OK;
    }
    bind_columns(&q, &l);
    return pg_run(c->c, pg_sql(PG_SQL_COPY_WRITE_JOB), &q, NULL, e);
}

static enum rc write_finished(struct pg_end *c, const struct copy_rows *rows, struct err *e)
{
    struct pg_query q = PG_QUERY(c->a);
    const struct chosen l = choose_jobs(c->a, rows, true);
    int64_t *drops = arena_array(c->a, int64_t, l.count + 1);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < l.count && !rc; i++) {
        drops[i] = drop_at_of(l.rows[i]);
        rc = make_partition(c, drops[i], e);
    }
    if (rc || !l.count) {
        return rc;
    }
    bind_columns(&q, &l);
    pg_bind_ints(&q, drops, l.count);
    return pg_run(c->c, pg_sql(PG_SQL_COPY_WRITE_HISTORY), &q, NULL, e);
}

enum rc pg_copy_write(struct copy_end *base, enum copy_table table, const struct copy_rows *rows,
                      struct err *e)
{
    struct pg_end *c = (struct pg_end *)base;
    arena_reset(c->a);
    enum rc rc = copy_expect_text(rows, c->a, e);
    if (!rc && table != COPY_JOB) {
        return write_all(c, table, rows, e);
    }
    rc = rc ? rc : write_live(c, rows, e);
    return rc ? rc : write_finished(c, rows, e);
}

/* Parts that are there already are those of another artifact with the same contents. */
enum rc pg_copy_write_part(struct copy_end *base, const struct copy_value *artifact, int64_t offset,
                           struct str bytes, struct err *e)
{
    struct pg_end *c = (struct pg_end *)base;
    struct str parts[COPY_PART_BYTES / BLOB_PART_BYTES];
    size_t count = 0;
    arena_reset(c->a);
    struct pg_query q = PG_QUERY(c->a);
    for (size_t at = 0; at < bytes.n; at += BLOB_PART_BYTES) {
        parts[count++] = str_sub(bytes, at, at + BLOB_PART_BYTES);
    }
    pg_bind_int(&q, artifact[ARTIFACT_TENANT_COLUMN].number);
    pg_bind_bytes(&q, artifact[ARTIFACT_SHA256_COLUMN].text);
    pg_bind_int(&q, offset / BLOB_PART_BYTES);
    pg_bind_blobs(&q, parts, count);
    return count ? pg_run(c->c, pg_sql(PG_SQL_BLOB_PUT), &q, NULL, e) : RC_OK;
}
