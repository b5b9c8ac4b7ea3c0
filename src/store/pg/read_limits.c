/* read_limits.c: limits as they stand. */
#include "store/pg/limits.h"
#include "store/pg/reads.h"

#define LIST_LIMIT_MAX 1000

static enum rc read_one(struct reader *r, struct store_list_limits *op, struct err *e)
{
    const struct limit key = {.tenant = store_limit_tenant(op->tenant, op->key), .key = op->key};
    struct read_batch b = {0};
    struct limit *l = arena_array(op->op.a, struct limit, 1);
    limits_bind_keys(read_add(r, &b, PG_SQL_LIMIT_READ), &key, 1);
    struct pg_query *waiting = read_add(r, &b, PG_SQL_LIMIT_WAITING);
    pg_bind_int(waiting, key.tenant);
    pg_bind_str(waiting, key.key);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    limits_read_mended(b.queries[0].rows, 0, r->now, op->op.a, l);
    l->waiting = pg_int(b.queries[1].rows, 0, 0);
    read_free(&b);
    if (!l->is_set && !l->pattern.n && l->state.paused_until <= r->now) {
        return store_answer(&op->op, RC_NOT_FOUND, NULL, "no such limit");
    }
    op->limits = l;
    op->count = 1;
    return RC_OK;
}

static enum rc read_page(struct reader *r, struct store_list_limits *op, struct err *e)
{
    int64_t limit = op->limit > 0 && op->limit < LIST_LIMIT_MAX ? op->limit : LIST_LIMIT_MAX;
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_LIMIT_LIST);
    pg_bind_int(q, op->of_server ? 0 : op->tenant);
    pg_bind_str(q, op->after.n ? op->after : STR(""));
    pg_bind_int(q, limit + 1); /* is there one behind the page? */
    pg_bind_int(q, r->now);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    op->limits = arena_array(op->op.a, struct limit, pg_count(rows) + 1);
    for (; op->count < pg_count(rows) && (int64_t)op->count < limit; op->count++) {
        limits_read_mended(rows, op->count, r->now, op->op.a, &op->limits[op->count]);
    }
    op->more = op->count < pg_count(rows);
    read_free(&b);
    return RC_OK;
}

enum rc pg_limit_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_limits *op = (struct store_list_limits *)base;
    op->limits = NULL;
    op->count = 0;
    op->more = false;
    return op->key.n ? read_one(r, op, e) : read_page(r, op, e);
}
