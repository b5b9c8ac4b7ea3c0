/* read_artifacts.c: published artifacts of a job, and series. Small contents come with the row, big ones as a file of the
 * node's cache. */
#include "store/pg/blobs.h"

#include <string.h>

#define SERIES_MAX 1000

/* Columns: name, media type, sha256, size, created, bytes, tenant. */
static void read_artifact(const struct pg_rows *rows, size_t at, struct arena *a, struct artifact *out)
{
    struct str sha = pg_str(rows, at, 2);
    *out = (struct artifact){.name = arena_str(a, pg_str(rows, at, 0)),
                             .media_type = arena_str(a, pg_str(rows, at, 1)),
                             .size = pg_int(rows, at, 3),
                             .created_at = pg_int(rows, at, 4)};
    memcpy(out->sha256, sha.p, sha.n < sizeof out->sha256 ? sha.n : sizeof out->sha256);
    if (!pg_is_null(rows, at, 5)) {
        out->bytes = arena_str(a, pg_str(rows, at, 5));
    }
}

static enum rc read_whole(struct reader *r, const struct pg_rows *rows, size_t at, struct arena *a,
                          struct artifact *out, struct err *e)
{
    read_artifact(rows, at, a, out);
    return out->bytes.p ? RC_OK : blob_fetch(r, pg_int(rows, at, 6), out, a, &out->path, e);
}

static enum rc ask(struct reader *r, enum pg_sql_query query, struct pg_query *q, struct pg_rows **rows,
                   struct err *e)
{
    return pg_run(r->link.c, pg_sql(query), q, rows, e);
}

static void bind_job(struct pg_query *q, const struct id *job, int64_t tenant)
{
    pg_bind_uuid(q, job);
    pg_bind_int(q, tenant);
}

enum rc pg_artifact_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_artifacts *op = (struct store_list_artifacts *)base;
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    op->count = 0;
    op->artifacts = NULL;
    bind_job(&q, &op->job, op->tenant);
    enum rc rc = ask(r, PG_SQL_ARTIFACT_LIST, &q, &rows, e);
    if (!rc && !pg_count(rows)) {
        store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    } else if (!rc && !pg_is_null(rows, 0, 0)) {
        op->count = pg_count(rows);
        op->artifacts = arena_array(base->a, struct artifact, op->count);
        for (size_t i = 0; i < op->count; i++) {
            read_artifact(rows, i, base->a, &op->artifacts[i]);
            op->artifacts[i].job = op->job;
        }
    }
    pg_rows_free(rows);
    return rc;
}

/* What was deleted between the row and its parts is not there: an answer. */
static enum rc answer_gone(struct store_op *op, enum rc rc, struct err *e)
{
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    err_clear(e);
    return store_answer(op, RC_NOT_FOUND, NULL, "the artifact was deleted meanwhile");
}

enum rc pg_artifact_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_artifact *op = (struct store_get_artifact *)base;
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    bind_job(&q, &op->job, op->tenant);
    pg_bind_str(&q, op->name);
    enum rc rc = ask(r, PG_SQL_ARTIFACT_GET, &q, &rows, e);
    if (!rc && (!pg_count(rows) || pg_is_null(rows, 0, 0))) {
        store_answer(base, RC_NOT_FOUND, NULL,
                     pg_count(rows) ? "the job has no such artifact" : "no such job");
    } else if (!rc) {
        rc = answer_gone(base, read_whole(r, rows, 0, base->a, &op->artifact, e), e);
        op->artifact.job = op->job;
    }
    pg_rows_free(rows);
    return rc;
}

/* ---- series: behind an artifact's columns: job, result, published */

static void read_entry(const struct pg_rows *rows, size_t at, struct arena *a, struct series_entry *out)
{
    out->artifact.job = pg_uuid(rows, at, 7);
    out->result = arena_str(a, pg_str(rows, at, 8));
    out->published_at = pg_int(rows, at, 9);
}

enum rc pg_series_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_series *op = (struct store_get_series *)base;
    int64_t limit = op->limit > 0 && op->limit < SERIES_MAX ? op->limit : op->limit > 0 ? SERIES_MAX : 1;
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    op->count = 0;
    pg_bind_int(&q, op->tenant);
    pg_bind_str(&q, op->name);
    pg_bind_int(&q, limit);
    enum rc rc = ask(r, PG_SQL_SERIES_GET, &q, &rows, e);
    size_t count = rc ? 0 : pg_count(rows);
    op->entries = arena_array(base->a, struct series_entry, count + 1);
    for (size_t i = 0; i < count && !rc; i++) {
        struct series_entry *entry = &op->entries[op->count];
        rc = read_whole(r, rows, i, base->a, &entry->artifact, e);
        if (rc == RC_NOT_FOUND) { /* it has just left the series */
            err_clear(e);
            rc = RC_OK;
            continue;
        }
        read_entry(rows, i, base->a, entry);
        op->count++;
    }
    pg_rows_free(rows);
    return rc || op->count ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such series");
}

enum rc pg_series_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_series *op = (struct store_list_series *)base;
    struct pg_query q = PG_QUERY(r->scratch);
    struct pg_rows *rows = NULL;
    op->count = 0;
    pg_bind_int(&q, op->tenant);
    pg_bind_str(&q, op->after.p ? op->after : STR(""));
    pg_bind_str(&q, op->prefix.p ? op->prefix : STR(""));
    pg_bind_int(&q, op->limit > 0 && op->limit < SERIES_MAX ? op->limit : SERIES_MAX);
    enum rc rc = ask(r, PG_SQL_SERIES_LIST, &q, &rows, e);
    size_t count = rc ? 0 : pg_count(rows);
    op->names = arena_array(base->a, struct str, count + 1);
    op->entries = arena_array(base->a, struct series_entry, count + 1);
    for (; op->count < count; op->count++) {
        op->names[op->count] = arena_str(base->a, pg_str(rows, op->count, 10));
        read_artifact(rows, op->count, base->a, &op->entries[op->count].artifact);
        read_entry(rows, op->count, base->a, &op->entries[op->count]);
    }
    pg_rows_free(rows);
    return rc;
}
