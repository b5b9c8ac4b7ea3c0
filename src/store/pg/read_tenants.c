/* read_tenants.c: what those ask who work for all tenants: which there are, and whose a lease is. */
#include "store/pg/reads.h"

enum rc pg_tenant_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_tenants *op = (struct store_list_tenants *)base;
    struct read_batch b = {0};
    (void)read_add(r, &b, PG_SQL_TENANT_LIST);
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    op->count = pg_count(rows);
    op->tenants = arena_array(base->a, struct tenant, op->count + 1);
    for (size_t i = 0; i < op->count; i++) {
        op->tenants[i] = (struct tenant){pg_int(rows, i, 0), arena_str(base->a, pg_str(rows, i, 1))};
    }
    read_free(&b);
    return RC_OK;
}

enum {
    COLUMN_NUMBER,
    COLUMN_TENANT,
    COLUMN_STATE,
    COLUMN_LEASE,
    COLUMN_LEASE_MS,
    COLUMN_LEASE_UNTIL,
    COLUMN_WORKER
};

static void take(struct reader *r, struct store_find_leases *op, const struct pg_rows *rows, size_t at)
{
    size_t i = (size_t)pg_int(rows, at, COLUMN_NUMBER) - 1;
    struct str worker = pg_str(rows, at, COLUMN_WORKER);
    if (pg_int(rows, at, COLUMN_LEASE) != op->leases[i].lease || !worker.p ||
        !str_starts(worker, op->worker)) {
        return;
    }
    int64_t until = rules_lease_end(&r->engine->base, pg_int(rows, at, COLUMN_LEASE_UNTIL),
                                    pg_int(rows, at, COLUMN_LEASE_MS));
    op->places[i] = (struct lease_place){
        .tenant = pg_int(rows, at, COLUMN_TENANT),
        .is_live = pg_int(rows, at, COLUMN_STATE) == JOB_PROCESSING && until > r->now,
    };
}

enum rc pg_lease_find_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_find_leases *op = (struct store_find_leases *)base;
    struct id *ids = arena_array(r->scratch, struct id, op->count + 1);
    struct read_batch b = {0};
    op->places = arena_array(base->a, struct lease_place, op->count + 1);
    for (size_t i = 0; i < op->count; i++) {
        ids[i] = op->leases[i].job;
    }
    pg_bind_uuids(read_add(r, &b, PG_SQL_LEASE_FIND), ids, op->count);
    enum rc rc = read_run(r, &b, e);
    for (size_t i = 0; !rc && i < pg_count(b.queries[0].rows); i++) {
        take(r, op, b.queries[0].rows, i);
    }
    read_free(&b);
    return rc;
}
