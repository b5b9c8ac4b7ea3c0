/* copy_read.c: the tables of this engine, told in the words of store/copy_rows.h. The queries do nearly all of it. */
#include "store/pg/blobs.h"
#include "store/pg/copy.h"

#include "base/fault.h"

static const struct {
    enum pg_sql_query query;
    bool is_bounded; /* by bytes too: its texts may be long */
} reads[COPY_TABLES] = {[COPY_TENANT] = {PG_SQL_COPY_READ_TENANT, false},
                        [COPY_API_KEY] = {PG_SQL_COPY_READ_API_KEY, false},
                        [COPY_QUEUE] = {PG_SQL_COPY_READ_QUEUE, false},
                        [COPY_JOB] = {PG_SQL_COPY_READ_JOB, true},
                        [COPY_EVENT] = {PG_SQL_COPY_READ_EVENT, true},
                        [COPY_UNIQUE_KEY] = {PG_SQL_COPY_READ_UNIQUE_KEY, false},
                        [COPY_IDEMPOTENCY] = {PG_SQL_COPY_READ_IDEMPOTENCY, true},
                        [COPY_ARTIFACT] = {PG_SQL_COPY_READ_ARTIFACT, true},
                        [COPY_SERIES_ENTRY] = {PG_SQL_COPY_READ_SERIES_ENTRY, true},
                        [COPY_SCHEDULE] = {PG_SQL_COPY_READ_SCHEDULE, true},
                        [COPY_TALLY] = {PG_SQL_COPY_READ_TALLY, false},
                        [COPY_NOTE] = {PG_SQL_COPY_READ_NOTE, false},
                        [COPY_LINK] = {PG_SQL_COPY_READ_LINK, false},
                        [COPY_BATCH] = {PG_SQL_COPY_READ_BATCH, false},
                        [COPY_LIMIT] = {PG_SQL_COPY_READ_LIMIT, false}};

static void bind_key(struct pg_query *q, const struct copy_shape *s, const struct copy_value *key)
{
    for (int i = 0; i < s->key_count; i++) {
        struct id id = copy_get_id(key + i);
        if (s->columns[i].type == COPY_INT) {
            pg_bind_int(q, key[i].number);
        } else if (s->columns[i].type == COPY_ID) {
            pg_bind_uuid(q, &id);
        } else {
            pg_bind_str(q, key[i].text);
        }
    }
}

static struct copy_value read_value(const struct pg_rows *r, size_t at, int column, enum copy_type type,
                                    struct arena *a)
{
    if (type == COPY_INT) {
        return (struct copy_value){.is_null = pg_is_null(r, at, column), .number = pg_int(r, at, column)};
    }
    if (pg_is_null(r, at, column)) {
        return copy_text(STR_NONE);
    }
    struct str s = type == COPY_ID ? STR_NONE : pg_str(r, at, column);
    return type == COPY_ID ? copy_id(a, pg_uuid(r, at, column)) : copy_text(arena_str(a, s.p ? s : STR("")));
}

/* What has completed of a key that is cut, and the rule that holds for it, stand behind its columns. The cut is forgotten in its time,
 * wherever it is by then. */
static void mend(const struct pg_rows *r, size_t at, struct copy_value *key)
{
    enum { COMPLETED = LIMIT_CUT_AT_COLUMN + 1, CONCURRENCY, IS_ADAPTIVE };
    const struct limit_rule rule = {.concurrency = pg_int(r, at, CONCURRENCY),
                                    .is_adaptive = pg_bool(r, at, IS_ADAPTIVE)};
    struct limit_state state = {.cut_micro = key[LIMIT_CUT_MICRO_COLUMN].number,
                                .cut_at = key[LIMIT_CUT_AT_COLUMN].number};
    (void)limit_mend(&rule, &state, pg_int(r, at, COMPLETED), state.cut_at);
    key[LIMIT_CUT_MICRO_COLUMN].number = state.cut_micro;
    key[LIMIT_CUT_AT_COLUMN].number = state.cut_at;
}

enum rc pg_copy_read(struct copy_end *base, enum copy_table table, const struct copy_value *after,
                     struct arena *a, struct copy_rows *out, struct err *e)
{
    struct pg_end *c = (struct pg_end *)base;
    const struct copy_shape *s = &copy_shapes[table];
    struct pg_rows *r = NULL;
    arena_reset(c->a);
    struct pg_query q = PG_QUERY(c->a);
    bind_key(&q, s, after);
    pg_bind_int(&q, COPY_BATCH_ROWS);
    if (reads[table].is_bounded) {
        pg_bind_int(&q, COPY_BATCH_BYTES);
    }
    enum rc rc = FAULT("store.copy.read") ? err_set(e, RC_FATAL, "fault: copy read")
                                          : pg_run(c->c, pg_sql(reads[table].query), &q, &r, e);
    if (rc) {
        return rc;
    }
    *out = (struct copy_rows){.shape = s, .count = pg_count(r)};
    out->values = arena_array(a, struct copy_value, out->count * (size_t)s->column_count + 1);
    for (size_t i = 0; i < out->count; i++) {
        for (int column = 0; column < s->column_count; column++) {
            copy_row(out, i)[column] = read_value(r, i, column, s->columns[column].type, a);
        }
        if (table == COPY_LIMIT) {
            mend(r, i, copy_row(out, i));
        }
    }
    pg_rows_free(r);
    return RC_OK;
}

enum rc pg_copy_read_part(struct copy_end *base, const struct copy_value *artifact, int64_t offset,
                          struct arena *a, struct str *out, struct err *e)
{
    struct pg_end *c = (struct pg_end *)base;
    struct pg_rows *r = NULL;
    struct buf bytes = BUF_LIMIT((size_t)COPY_PART_BYTES);
    arena_reset(c->a);
    struct pg_query q = PG_QUERY(c->a);
    pg_bind_int(&q, artifact[ARTIFACT_TENANT_COLUMN].number);
    pg_bind_bytes(&q, artifact[ARTIFACT_SHA256_COLUMN].text);
    pg_bind_int(&q, offset / BLOB_PART_BYTES);
    pg_bind_int(&q, COPY_PART_BYTES / BLOB_PART_BYTES);
    enum rc rc = pg_run(c->c, pg_sql(PG_SQL_BLOB_READ), &q, &r, e);
    for (size_t i = 0; !rc && i < pg_count(r); i++) {
        buf_append_str(&bytes, pg_str(r, i, 1));
    }
    if (!rc && !bytes.n) {
        rc = err_set(e, RC_FATAL, "the contents of an artifact are missing");
    }
    *out = rc ? STR_NONE : arena_str(a, buf_str(&bytes));
    buf_dispose(&bytes);
    pg_rows_free(r);
    return rc;
}
