/* read_schedules.c: schedules as they are kept. */
#include "store/pg/reads.h"
#include "store/pg/schedules.h"

#define LIST_LIMIT_MAX 1000

enum rc pg_schedule_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_schedules *op = (struct store_list_schedules *)base;
    const int64_t limit = op->limit > 0 && op->limit < LIST_LIMIT_MAX ? op->limit : LIST_LIMIT_MAX;
    struct read_batch b = {0};
    struct pg_query *q = read_add(r, &b, PG_SQL_SCHEDULE_LIST);
    pg_bind_int(q, op->tenant);
    pg_bind_str(q, op->name.n ? op->name : STR(""));
    pg_bind_str(q, op->after.n ? op->after : STR(SCHEDULES_OF_PEOPLE));
    pg_bind_int(q, limit);
    pg_bind_int(q, (int64_t)STORE_SCHEDULE_BYTES);
    op->count = 0;
    op->schedules = NULL;
    enum rc rc = read_run(r, &b, e);
    if (rc) {
        return rc;
    }
    const struct pg_rows *rows = b.queries[0].rows;
    op->schedules = arena_array(base->a, struct schedule, pg_count(rows) + 1);
    for (; op->count < pg_count(rows); op->count++) {
        pg_schedule_read(rows, op->count, true, base->a, &op->schedules[op->count]);
    }
    read_free(&b);
    op->more = rules_schedules_may_go_on(op->schedules, op->count, limit);
    return !op->count && op->name.n ? store_answer(base, RC_NOT_FOUND, NULL, "no such schedule") : RC_OK;
}
