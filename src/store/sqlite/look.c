/* look.c: which lines have something for a claim. */
#include "store/ops.h"
#include "store/sqlite/sqlite.h"

static enum rc look_at(struct reader *r, struct store_look *op, const struct store_line *wanted,
                       struct err *e)
{
    bool is_of_all = !wanted->tenant;
    struct db_stmt *q = NULL;
    bool has_row = false;
    int at = 1;
    enum rc rc = stmt(r->db, is_of_all ? SQL_LINE_READY_ALL : SQL_LINE_READY, &q, e);
    if (rc) {
        return rc;
    }
    if (!is_of_all) {
        db_bind_int(q, at++, wanted->tenant);
    }
    db_bind_str(q, at++, wanted->queue);
    db_bind_int(q, at, r->now);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct str kind = names_get(&r->engine->words, db_int(q, is_of_all));
        if (!wanted->kind.n || str_eq(wanted->kind, kind)) {
            int64_t tenant = is_of_all ? db_int(q, 0) : wanted->tenant;
            ops_add_line(op, &(struct store_line){tenant, wanted->queue, kind});
        }
    }
    return rc;
}

enum rc look_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_look *op = (struct store_look *)base;
    enum rc rc = RC_OK;
    op->lines = NULL;
    op->count = 0;
    for (size_t i = 0; i < op->wanted_count && !rc; i++) {
        rc = look_at(r, op, &op->wanted[i], e);
    }
    return rc;
}
