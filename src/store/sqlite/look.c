/* look.c: which lines have something for a claim. */
#include "store/ops.h"
#include "store/sqlite/sqlite.h"

static enum rc look_at(struct reader *r, struct store_look *op, const struct store_line *wanted,
                       struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_LINE_READY, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, wanted->tenant);
    db_bind_str(q, 2, wanted->queue);
    db_bind_int(q, 3, r->now);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct str kind = names_get(&r->engine->words, db_int(q, 0));
        if (!wanted->kind.n || str_eq(wanted->kind, kind)) {
            ops_add_line(op, &(struct store_line){wanted->tenant, wanted->queue, kind});
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
