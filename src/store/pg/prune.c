/* prune.c: what is past its time goes, in bounded chunks: partitions whole, of the rest so many rows. One node does it
 * (care.h). Waiting is left to the next call: what somebody holds is passed over. */
#include "store/pg/blobs.h"
#include "store/pg/care.h"

#include "base/fault.h"

#define PRUNE_LIMIT_MAX  1000
#define PARTS_AT_ONCE    64 /* of a content: 16 MiB */
#define CONTENTS_AT_ONCE 16

static enum rc ask_number(struct committer *w, enum pg_sql_query query, struct pg_query *q, bool *is_there,
                          int64_t *out, struct err *e)
{
    struct pg_rows *rows = NULL;
    enum rc rc = round_ask(w, query, q, &rows, e);
    *is_there = !rc && pg_count(rows) && !pg_is_null(rows, 0, 0);
    *out = *is_there ? pg_int(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return rc;
}

/* One partition at most: its lock keeps others from history for a moment. */
static enum rc drop_partition(struct committer *w, struct store_prune *op, struct err *e)
{
    struct pg_query find = PG_QUERY(w->keeper.scratch), drop = PG_QUERY(w->keeper.scratch);
    int64_t drop_at = 0, jobs = 0;
    bool found = false, is_done = false;
    pg_bind_int(&find, w->keeper.now);
    enum rc rc = ask_number(w, PG_SQL_PARTITION_EXPIRED, &find, &found, &drop_at, e);
    if (rc || !found) {
        return rc;
    }
    pg_bind_int(&drop, drop_at);
    rc = ask_number(w, PG_SQL_PARTITION_DROP, &drop, &is_done, &jobs, e);
    op->removed += jobs;
    w->work.is_shrinking = w->work.is_shrinking || jobs;
    op->more = op->more || is_done; /* there may be another; one that is in use is for the next time */
    return rc;
}

static enum rc expire_rest(struct committer *w, struct store_prune *op, int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    int64_t jobs = 0;
    bool found = false;
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    enum rc rc = ask_number(w, PG_SQL_REST_EXPIRE, &q, &found, &jobs, e);
    w->work.is_shrinking = w->work.is_shrinking || jobs;
    op->removed += jobs;
    return rc;
}

static enum rc expire_artifacts(struct committer *w, struct store_prune *op, int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    enum rc rc = round_ask(w, PG_SQL_ARTIFACT_EXPIRE, &q, &rows, e);
    if (!rc) {
        op->more = op->more || pg_int(rows, 0, 0) >= limit;
        op->removed += pg_int(rows, 0, 1);
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc expire_keys(struct committer *w, enum pg_sql_query query, struct store_prune *op,
                           int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    enum rc rc = round_ask(w, query, &q, &rows, e);
    op->removed += rc ? 0 : pg_affected(rows);
    pg_rows_free(rows);
    return rc;
}

/* They are nothing that anybody has put there: not counted. */
static enum rc expire_limits(struct committer *w, int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, limit);
    return round_ask(w, PG_SQL_LIMIT_EXPIRE, &q, NULL, e);
}

static enum rc expire_contents(struct committer *w, struct store_prune *op, struct err *e)
{
    bool more = true;
    enum rc rc = RC_OK;
    for (int i = 0; i < CONTENTS_AT_ONCE && more && !rc && !keeper_is_over(&w->keeper); i++) {
        rc = blob_sweep(w, PARTS_AT_ONCE, &more, e);
    }
    op->more = op->more || more;
    return rc;
}

static enum rc expire_rows(struct committer *w, struct store_prune *op, int64_t limit, struct err *e)
{
    enum rc rc = expire_rest(w, op, limit, e);
    if (!rc && op->removed < limit) {
        rc = expire_artifacts(w, op, limit - op->removed, e);
    }
    if (!rc && op->removed < limit) {
        rc = expire_keys(w, PG_SQL_UNIQUE_EXPIRE, op, limit - op->removed, e);
    }
    if (!rc && op->removed < limit) {
        rc = expire_keys(w, PG_SQL_IDEMPOTENCY_EXPIRE, op, limit - op->removed, e);
    }
    op->more = op->more || op->removed >= limit;
    rc = rc ? rc : expire_limits(w, limit, e);
    return rc ? rc : expire_contents(w, op, e);
}

/* The partition last: nothing else waits while its lock is held. */
static enum rc expire_all(struct committer *w, struct store_prune *op, int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    bool found = false;
    enum rc rc = expire_rows(w, op, limit, e);
    if (!rc) {
        rc = ask_number(w, PG_SQL_EXPIRE_NEXT, &q, &found, &op->next_at, e);
    }
    return rc ? rc : drop_partition(w, op, e);
}

enum rc pg_prune_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_prune *op = (struct store_prune *)base;
    int64_t limit = op->limit > 0 && op->limit < PRUNE_LIMIT_MAX ? op->limit : PRUNE_LIMIT_MAX;
    bool is_ours = false;
    base->rc = RC_OK;
    op->next_at = op->removed = 0;
    op->more = false;
    if (FAULT("store.prune.chunk")) {
        return err_set(e, RC_BUSY, "fault: prune");
    }
    enum rc rc = care_take(w, &is_ours, &op->next_at, e);
    return rc || !is_ours ? rc : expire_all(w, op, limit, e);
}
