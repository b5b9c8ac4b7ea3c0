/* read_tenants.c: what those ask who work for all tenants: which there are, and whose a lease is. */
#include "store/sqlite/sqlite.h"

#define LIST_ROOM 16

enum rc tenant_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_tenants *op = (struct store_list_tenants *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    op->count = 0;
    op->tenants = NULL;
    enum rc rc = stmt(r->db, SQL_TENANT_LIST, &q, e);
    if (rc) {
        return rc;
    }
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (op->count == room) {
            room = room ? 2 * room : LIST_ROOM;
            struct tenant *grown = arena_array(base->a, struct tenant, room);
            for (size_t i = 0; i < op->count; i++) {
                grown[i] = op->tenants[i];
            }
            op->tenants = grown;
        }
        op->tenants[op->count++] = (struct tenant){db_int(q, 0), arena_str(base->a, db_str(q, 1))};
    }
    return rc;
}

static enum rc find_one(struct reader *r, const struct store_find_leases *op, const struct lease_name *name,
                        struct lease_place *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_JOB_LEASE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id_ordinal(name->job));
    rc = db_step(q, &has_row, e);
    if (rc || !has_row) {
        return rc;
    }
    bool is_it = db_int(q, 0) == id_random_bits(name->job) && db_int(q, 3) == name->lease &&
                 !db_is_null(q, 6) && str_starts(db_str(q, 6), op->worker);
    int64_t until = rules_lease_end(&r->engine->base, db_int(q, 5), db_int(q, 4));
    if (is_it) {
        *out = (struct lease_place){.tenant = db_int(q, 1),
                                    .is_live = db_int(q, 2) == JOB_PROCESSING && until > r->now};
    }
    db_reset(q);
    return RC_OK;
}

enum rc lease_find_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_find_leases *op = (struct store_find_leases *)base;
    enum rc rc = RC_OK;
    op->places = arena_array(base->a, struct lease_place, op->count + 1);
    for (size_t i = 0; i < op->count && !rc; i++) {
        rc = find_one(r, op, &op->leases[i], &op->places[i], e);
    }
    return rc;
}
