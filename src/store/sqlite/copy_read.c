/* copy_read.c: the tables of this engine, told in the words of store/copy_rows.h. The queries do nearly all of it. */
#include "store/sqlite/copy.h"

#include "base/fault.h"

static const enum sql_query queries[COPY_TABLES] = {[COPY_TENANT] = SQL_COPY_READ_TENANT,
                                                    [COPY_API_KEY] = SQL_COPY_READ_API_KEY,
                                                    [COPY_QUEUE] = SQL_COPY_READ_QUEUE,
                                                    [COPY_JOB] = SQL_COPY_READ_JOB,
                                                    [COPY_EVENT] = SQL_COPY_READ_EVENT,
                                                    [COPY_UNIQUE_KEY] = SQL_COPY_READ_UNIQUE_KEY,
                                                    [COPY_IDEMPOTENCY] = SQL_COPY_READ_IDEMPOTENCY,
                                                    [COPY_ARTIFACT] = SQL_COPY_READ_ARTIFACT,
                                                    [COPY_SERIES_ENTRY] = SQL_COPY_READ_SERIES_ENTRY,
                                                    [COPY_SCHEDULE] = SQL_COPY_READ_SCHEDULE,
                                                    [COPY_LIMIT] = SQL_COPY_READ_LIMIT,
                                                    [COPY_TALLY] = SQL_COPY_READ_TALLY,
                                                    [COPY_NOTE] = SQL_COPY_READ_NOTE,
                                                    [COPY_LINK] = SQL_COPY_READ_LINK,
                                                    [COPY_BATCH] = SQL_COPY_READ_BATCH};

static void bind_key(struct db_stmt *q, const struct copy_shape *s, const struct copy_value *key)
{
    for (int i = 0; i < s->key_count; i++) {
        if (s->columns[i].type == COPY_INT) {
            db_bind_int(q, i + 1, key[i].number);
        } else if (s->columns[i].type == COPY_ID) {
            db_bind_int(q, i + 1, id_ordinal(copy_get_id(key + i)));
        } else {
            db_bind_str(q, i + 1, key[i].text);
        }
    }
    db_bind_int(q, s->key_count + 1, COPY_BATCH_ROWS);
}

static struct copy_value read_bytes(struct db_stmt *q, int column, enum copy_type type, struct arena *a)
{
    struct str s = type == COPY_TEXT ? db_str(q, column) : db_blob(q, column);
    return db_is_null(q, column) ? copy_text(STR_NONE) : copy_text(arena_str(a, s.p ? s : STR("")));
}

/* Returns the query's first column behind the row's. */
static int read_row(struct db_stmt *q, const struct copy_shape *s, struct arena *a, struct copy_value *row)
{
    int at = 0;
    for (int i = 0; i < s->column_count; i++) {
        enum copy_type type = s->columns[i].type;
        if (type == COPY_INT) {
            row[i] = (struct copy_value){.is_null = db_is_null(q, at), .number = db_int(q, at)};
        } else if (type == COPY_ID) {
            int64_t ordinal = db_int(q, at++); /* 0: there is none */
            row[i] = ordinal ? copy_id(a, id_from_parts(ordinal, db_int(q, at))) : copy_text(STR_NONE);
        } else {
            row[i] = read_bytes(q, at, type, a);
        }
        at++;
    }
    return at;
}

/* The policy of all is kept as its text here, and as nothing elsewhere. */
static void tidy_job(struct copy_value *row)
{
    char text[RETRY_TEXT_BYTES];
    struct retry_policy usual = retry_default();
    struct str s = {text, retry_print(&usual, text, sizeof text)};
    if (!row[JOB_RETRY_COLUMN].is_null && str_eq(row[JOB_RETRY_COLUMN].text, s)) {
        row[JOB_RETRY_COLUMN] = copy_text(STR_NONE);
    }
}

/* A small artifact may lie in a file, too. */
static enum rc tidy_artifact(struct sqlite_end *c, struct db_stmt *q, int file_at, struct arena *a,
                             struct copy_value *row, struct err *e)
{
    int64_t size = row[ARTIFACT_SIZE_COLUMN].number;
    struct str bytes = STR_NONE;
    if (db_is_null(q, file_at) || size > JOB_ARTIFACT_ROW_BYTES) {
        return RC_OK;
    }
    enum rc rc = sqlite_copy_read_file(c, &(struct file_span){db_str(q, file_at), 0, size}, a, &bytes, e);
    row[ARTIFACT_BYTES_COLUMN] = copy_text(bytes);
    return rc;
}

enum rc sqlite_copy_read(struct copy_end *base, enum copy_table table, const struct copy_value *after,
                         struct arena *a, struct copy_rows *out, struct err *e)
{
    struct sqlite_end *c = (struct sqlite_end *)base;
    const struct copy_shape *s = &copy_shapes[table];
    struct db_stmt *q = NULL;
    bool has_row = false;
    int64_t bytes = 0;
    *out = (struct copy_rows){
        .shape = s, .values = arena_array(a, struct copy_value, (size_t)COPY_BATCH_ROWS * s->column_count)};
    enum rc rc = FAULT("store.copy.read") ? err_set(e, RC_FATAL, "fault: copy read")
                                          : stmt(c->db, queries[table], &q, e);
    if (rc) {
        return rc;
    }
    bind_key(q, s, after);
    while (!rc && bytes < COPY_BATCH_BYTES && !(rc = db_step(q, &has_row, e)) && has_row) {
        struct copy_value *row = copy_row(out, out->count++);
        int end = read_row(q, s, a, row);
        if (table == COPY_JOB) {
            tidy_job(row);
        } else if (table == COPY_ARTIFACT) {
            rc = tidy_artifact(c, q, end, a, row, e);
        }
        bytes += (int64_t)copy_row_bytes(s, row);
    }
    db_reset(q);
    return rc;
}

enum rc sqlite_copy_read_part(struct copy_end *base, const struct copy_value *artifact, int64_t offset,
                              struct arena *a, struct str *out, struct err *e)
{
    struct sqlite_end *c = (struct sqlite_end *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    struct str file = STR_NONE;
    enum rc rc = stmt(c->db, SQL_ARTIFACT_FIND, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(copy_get_id(artifact + ARTIFACT_JOB_COLUMN)));
    db_bind_str(q, 2, artifact[ARTIFACT_NAME_COLUMN].text);
    db_bind_int(q, 3, artifact[ARTIFACT_LEASE_COLUMN].number);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row && !db_is_null(q, 1)) {
        file = arena_str(a, db_str(q, 1));
    }
    db_reset(q);
    if (!rc && !file.p) {
        rc = err_set(e, RC_FATAL, "the contents of an artifact are missing");
    }
    int64_t left = artifact[ARTIFACT_SIZE_COLUMN].number - offset;
    const struct file_span span = {file, offset, left < COPY_PART_BYTES ? left : COPY_PART_BYTES};
    return rc ? rc : sqlite_copy_read_file(c, &span, a, out, e);
}
