/* schedules.c: the rows of schedules. What changes of them mean is in store/rules/schedule.c. */
#include "store/sqlite/rows.h"

#define COLUMNS        13
#define LIST_LIMIT_MAX 1000

static void read_row(struct db_stmt *q, struct arena *a, bool has_live, struct schedule *s)
{
    int64_t job = db_int(q, 7);
    *s = (struct schedule){.tenant = db_int(q, 0),
                           .name = arena_str(a, db_str(q, 1)),
                           .definition = arena_str(a, db_str(q, 2)),
                           .is_paused = db_int(q, 3),
                           .version = db_int(q, 4),
                           .next_at = db_int(q, 5),
                           .last_tick = db_int(q, 6),
                           .fired = db_int(q, 9),
                           .dropped = db_int(q, 10),
                           .created_at = db_int(q, 11),
                           .updated_at = db_int(q, 12),
                           .is_last_live = has_live && db_int(q, COLUMNS)};
    if (job) {
        s->last_job = id_from_parts(job, db_int(q, 8));
    }
}

enum rc schedule_find(struct keeper *k, int64_t tenant, struct str name, struct schedule *out, bool *found,
                      struct err *e)
{
    struct db_stmt *q = NULL;
    *found = false;
    enum rc rc = stmt(writer_of(k)->db, SQL_SCHEDULE_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, tenant);
    db_bind_str(q, 2, name);
    rc = db_step(q, found, e);
    if (!rc && *found) {
        read_row(q, k->scratch, false, out);
        db_reset(q);
    }
    return rc;
}

enum rc schedule_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(writer_of(k)->db, SQL_SCHEDULE_COUNT, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, tenant);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *out = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

enum rc schedule_put(struct keeper *k, const struct schedule *s, struct err *e)
{
    bool has_job = !id_is_zero(s->last_job);
    const int64_t numbers[] = {s->is_paused,
                               s->version,
                               s->next_at,
                               s->last_tick,
                               has_job ? id_ordinal(s->last_job) : 0,
                               has_job ? id_random_bits(s->last_job) : 0,
                               s->fired,
                               s->dropped,
                               s->created_at,
                               s->updated_at};
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_SCHEDULE_PUT, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, s->tenant);
    db_bind_str(q, 2, s->name);
    db_bind_str(q, 3, s->definition);
    for (int i = 0; i < 10; i++) {
        db_bind_int(q, 4 + i, numbers[i]);
    }
    return db_run(q, e);
}

enum rc schedule_remove(struct keeper *k, int64_t tenant, struct str name, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_SCHEDULE_DELETE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, tenant);
        db_bind_str(q, 2, name);
        rc = db_run(q, e);
    }
    return rc;
}

/* What a process was given that is no more. Nobody else has the file. */
enum rc schedule_release(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_SCHEDULE_RELEASE, &q, e);
    return rc ? rc : db_run(q, e);
}

enum rc schedule_take(struct writer *w, struct store_tick *op, int64_t limit, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->now = w->keeper.now;
    op->schedules = NULL;
    op->schedule_count = 0;
    enum rc rc = stmt(w->db, SQL_SCHEDULE_TAKE, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, w->keeper.now);
    db_bind_int(q, 2, w->keeper.now + STORE_SCHEDULE_HOLD_MS);
    db_bind_int(q, 3, limit);
    db_bind_int(q, 4, (int64_t)STORE_SCHEDULE_BYTES);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        op->schedules = op->schedules ? op->schedules : arena_array(op->op.a, struct schedule, (size_t)limit);
        read_row(q, op->op.a, true, &op->schedules[op->schedule_count++]);
    }
    return rc;
}

enum rc schedule_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_schedules *op = (struct store_list_schedules *)base;
    int64_t limit = op->limit > 0 && op->limit < LIST_LIMIT_MAX ? op->limit : LIST_LIMIT_MAX;
    struct db_stmt *q = NULL;
    bool has_row = false;
    op->count = 0;
    op->schedules = arena_array(base->a, struct schedule, op->name.n ? 1 : (size_t)limit);
    enum rc rc = stmt(r->db, SQL_SCHEDULE_LIST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->name.n ? op->name : STR(""));
    db_bind_str(q, 3, op->after.n ? op->after : STR(SCHEDULES_OF_PEOPLE));
    db_bind_int(q, 4, limit);
    db_bind_int(q, 5, (int64_t)STORE_SCHEDULE_BYTES);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        read_row(q, base->a, true, &op->schedules[op->count++]);
    }
    op->more = rules_schedules_may_go_on(op->schedules, op->count, limit);
    return !rc && op->name.n && !op->count ? store_answer(base, RC_NOT_FOUND, NULL, "no such schedule") : rc;
}
