/* read_artifacts.c: published artifacts of a job, and series. */
#include "store/sqlite/views.h"

#define SERIES_MAX 1000

/* Columns: name, media type, sha256, size, created, file, bytes. */
static void read_artifact(struct reader *r, struct db_stmt *q, struct arena *a, struct artifact *out)
{
    struct str sha = db_blob(q, 2);
    *out = (struct artifact){.name = arena_str(a, db_str(q, 0)),
                             .media_type = arena_str(a, db_str(q, 1)),
                             .size = db_int(q, 3),
                             .created_at = db_int(q, 4)};
    memcpy(out->sha256, sha.p, sha.n < sizeof out->sha256 ? sha.n : sizeof out->sha256);
    if (!db_is_null(q, 5)) {
        out->path = arena_printf(a, "%s/%.*s", r->engine->files_dir, STR_ARG(db_str(q, 5)));
    } else if (!db_is_null(q, 6)) {
        out->bytes = arena_str(a, db_blob(q, 6));
    }
}

static enum rc has_job(struct reader *r, int64_t tenant, struct id id, bool *found, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(r->db, SQL_JOB_LOAD, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(id));
    rc = db_step(q, found, e);
    if (!rc && *found) {
        *found = db_int(q, 0) == id_random_bits(id) && (!tenant || db_int(q, 1) == tenant) &&
                 !(db_int(q, 9) & FLAG_BATCH);
        db_reset(q);
    }
    return rc;
}

enum rc artifact_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_artifacts *op = (struct store_list_artifacts *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    op->count = 0;
    op->artifacts = NULL;
    enum rc rc = has_job(r, op->tenant, op->job, &has_row, e);
    if (!rc && !has_row) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    if (!rc) {
        rc = stmt(r->db, SQL_ARTIFACT_LIST, &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(op->job));
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (op->count == room) {
            room = room ? 2 * room : 16;
            struct artifact *grown = arena_array(base->a, struct artifact, room);
            for (size_t i = 0; i < op->count; i++) {
                grown[i] = op->artifacts[i];
            }
            op->artifacts = grown;
        }
        read_artifact(r, q, base->a, &op->artifacts[op->count]);
        op->artifacts[op->count++].job = op->job;
    }
    return rc;
}

enum rc artifact_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_artifact *op = (struct store_get_artifact *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = has_job(r, op->tenant, op->job, &has_row, e);
    if (!rc && has_row) {
        rc = stmt(r->db, SQL_ARTIFACT_GET, &q, e);
    }
    if (rc || !has_row) {
        return rc ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such job");
    }
    db_bind_int(q, 1, id_ordinal(op->job));
    db_bind_str(q, 2, op->name);
    rc = db_step(q, &has_row, e);
    if (rc || !has_row) {
        return rc ? rc : store_answer(base, RC_NOT_FOUND, NULL, "the job has no such artifact");
    }
    read_artifact(r, q, base->a, &op->artifact);
    op->artifact.job = op->job;
    db_reset(q);
    return RC_OK;
}

static void read_entry(struct reader *r, struct db_stmt *q, struct arena *a, struct series_entry *out)
{
    read_artifact(r, q, a, &out->artifact);
    out->artifact.job = id_from_parts(db_int(q, 7), db_int(q, 8));
    out->result = arena_str(a, db_str(q, 9));
    out->published_at = db_int(q, 10);
}

enum rc series_get_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_get_series *op = (struct store_get_series *)base;
    int64_t limit = op->limit > 0 && op->limit < SERIES_MAX ? op->limit : op->limit > 0 ? SERIES_MAX : 1;
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->count = 0;
    enum rc rc = stmt(r->db, SQL_SERIES_GET, &q, e);
    if (rc) {
        return rc;
    }
    op->entries = arena_array(base->a, struct series_entry, (size_t)limit);
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->name);
    db_bind_int(q, 3, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        read_entry(r, q, base->a, &op->entries[op->count++]);
    }
    if (!rc && !op->count) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such series");
    }
    return rc;
}

static enum rc read_newest(struct reader *r, struct store_list_series *op, const int64_t *ids, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < op->count && !rc; i++) {
        struct db_stmt *q = NULL;
        bool has_row = false;
        rc = stmt(r->db, SQL_SERIES_NEWEST, &q, e);
        if (!rc) {
            db_bind_int(q, 1, ids[i]);
            rc = db_step(q, &has_row, e);
        }
        if (!rc && has_row) {
            read_entry(r, q, op->op.a, &op->entries[i]);
            db_reset(q);
        }
    }
    return rc;
}

enum rc series_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_series *op = (struct store_list_series *)base;
    int64_t limit = op->limit > 0 && op->limit < SERIES_MAX ? op->limit : SERIES_MAX;
    int64_t *ids = arena_array(base->a, int64_t, (size_t)limit);
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->count = 0;
    enum rc rc = stmt(r->db, SQL_SERIES_NAMES, &q, e);
    if (rc) {
        return rc;
    }
    op->names = arena_array(base->a, struct str, (size_t)limit);
    op->entries = arena_array(base->a, struct series_entry, (size_t)limit);
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->after.p ? op->after : STR(""));
    db_bind_str(q, 3, op->prefix.p ? op->prefix : STR(""));
    db_bind_int(q, 4, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row && str_starts(db_str(q, 1), op->prefix)) {
        ids[op->count] = db_int(q, 0);
        op->names[op->count++] = arena_str(base->a, db_str(q, 1));
    }
    db_reset(q);
    return rc ? rc : read_newest(r, op, ids, e);
}
