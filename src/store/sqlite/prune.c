/* prune.c: removes what is past its time, in bounded chunks. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/limits.h"

#include "base/fault.h"

#define PRUNE_LIMIT_MAX 1000

enum rc prune_remove(struct keeper *k, struct row *r, struct err *e)
{
    struct writer *w = writer_of(k);
    int64_t job = sqlite_row_of(r)->ordinal;
    enum rc rc = RC_OK;
    if (r->flags & (FLAG_ARGS | FLAG_RESULT | FLAG_CHECKPOINT)) {
        rc = run_with_id(w->db, SQL_BODY_DELETE_ALL, job, e);
    }
    if (!rc && r->flags & FLAG_EVENTS) {
        rc = run_with_id(w->db, SQL_EVENT_DELETE_ALL, job, e);
    }
    if (!rc && r->flags & (FLAG_ARTIFACTS | FLAG_STAGED)) {
        rc = artifacts_remove(w, job, true, e);
    }
    if (!rc && r->flags & (FLAG_CHILD | FLAG_PARENT | FLAGS_OF_BATCH)) {
        rc = family_remove(w, sqlite_row_of(r), e);
    }
    return rc ? rc : run_with_id(w->db, SQL_JOB_DELETE, job, e);
}

static enum rc prune_job(struct writer *w, int64_t ordinal, struct err *e)
{
    struct row *r = NULL;
    enum rc rc = rows_load_ordinal(w, ordinal, &r, e);
    return rc || !r || !job_state_is_final(r->state) ? rc : row_remove(&w->keeper, r, e);
}

enum rc prune_remember_ordinal(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_META_PUT, &q, e);
    if (!rc) {
        db_bind_c(q, 1, "last_ordinal");
        db_bind_int(q, 2, w->ids.last_ordinal);
        rc = db_run(q, e);
    }
    return rc;
}

static enum rc prune_jobs(struct writer *w, int64_t limit, int64_t *removed, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    int64_t *ids = arena_array(w->keeper.scratch, int64_t, (size_t)limit), count = 0;
    enum rc rc = stmt(w->db, SQL_JOB_EXPIRED, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, w->keeper.now);
    db_bind_int(q, 2, limit);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        ids[count++] = db_int(q, 0);
    }
    for (int64_t i = 0; i < count && !rc; i++) {
        rc = prune_job(w, ids[i], e);
    }
    *removed = count;
    return rc || !count ? rc : prune_remember_ordinal(w, e);
}

static enum rc prune_by(struct writer *w, enum sql_query query, int64_t limit, int64_t *removed,
                        struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, query, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, w->keeper.now);
    db_bind_int(q, 2, limit);
    rc = db_run(q, e);
    *removed += rc ? 0 : db_changes(w->db);
    return rc;
}

static enum rc next_at(struct writer *w, enum sql_query query, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, query, &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (rc || !has_row) {
        return rc;
    }
    int64_t at = db_int(q, 0);
    *out = *out && *out < at ? *out : at;
    db_reset(q);
    return RC_OK;
}

enum rc prune_run(struct writer *w, struct store_op *base, struct err *e)
{
    static const enum sql_query keys[] = {SQL_PRUNE_UNIQUE, SQL_PRUNE_IDEMPOTENCY};
    static const enum sql_query next[] = {SQL_JOB_NEXT_EXPIRY, SQL_NEXT_UNIQUE_EXPIRY,
                                          SQL_NEXT_IDEMPOTENCY_EXPIRY};
    struct store_prune *op = (struct store_prune *)base;
    int64_t limit = op->limit > 0 && op->limit < PRUNE_LIMIT_MAX ? op->limit : PRUNE_LIMIT_MAX;
    base->rc = RC_OK;
    op->next_at = op->removed = 0;
    if (FAULT("store.prune.chunk")) {
        return err_set(e, RC_BUSY, "fault: prune");
    }
    enum rc rc = prune_jobs(w, limit, &op->removed, e);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !rc && op->removed < limit; i++) {
        rc = prune_by(w, keys[i], limit - op->removed, &op->removed, e);
    }
    rc = rc ? rc : limits_prune(w, e);
    op->more = op->removed >= limit;
    for (size_t i = 0; i < sizeof next / sizeof next[0] && !rc; i++) {
        rc = next_at(w, next[i], &op->next_at, e);
    }
    return rc;
}
