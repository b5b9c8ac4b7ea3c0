/* readers.c: threads that answer reads, each with its own connection, each operation on one snapshot; on the same one what is read by
 * an id, some at a time: to begin a snapshot and to tell of its end takes longer than to read a row. */
#include "store/sqlite/sqlite.h"

#include "base/log.h"

#define SHORT_ONES 16 /* at once */

static const struct {
    enum rc (*run)(struct reader *r, struct store_op *op, struct err *e);
    bool is_short;
} reads[STORE_OP_KINDS] = {
    [STORE_GET_JOB] = {job_get_run, true},        [STORE_LIST_JOBS] = {job_list_run},
    [STORE_LIST_CHILDREN] = {child_list_run},     [STORE_READ_EVENTS] = {event_read_run},
    [STORE_LIST_ARTIFACTS] = {artifact_list_run}, [STORE_GET_ARTIFACT] = {artifact_get_run, true},
    [STORE_GET_SERIES] = {series_get_run},        [STORE_LIST_SERIES] = {series_list_run},
    [STORE_LIST_QUEUES] = {queue_list_run},       [STORE_LIST_SCHEDULES] = {schedule_list_run},
    [STORE_LIST_LIMITS] = {limit_list_run},       [STORE_LIST_BATCHES] = {batch_list_run},
    [STORE_LIST_RESULTS] = {result_list_run},     [STORE_STATS] = {stats_run},
    [STORE_LIST_KEYS] = {key_list_run},           [STORE_LIST_TENANTS] = {tenant_list_run},
    [STORE_FIND_LEASES] = {lease_find_run},       [STORE_LOOK] = {look_run},
};

static bool is_short(const struct store_op *op)
{
    return reads[op->kind].is_short;
}

static enum rc begin(struct reader *r, struct err *e)
{
    struct db_stmt *q = NULL;
    if (db_in_transaction(r->db)) {
        return RC_OK;
    }
    enum rc rc = stmt(r->db, SQL_READ_BEGIN, &q, e);
    return rc ? rc : db_run(q, e);
}

static void end(struct reader *r)
{
    if (db_in_transaction(r->db)) {
        (void)!db_exec(r->db, sql_text(SQL_ROUND_ROLLBACK), NULL);
    }
}

static void run(struct reader *r, struct store_op *op)
{
    struct err e = {0};
    err_clear(&op->e);
    enum rc rc = begin(r, &e);
    if (!rc) {
        op->rc = RC_OK;
        rc = reads[op->kind].run(r, op, &e);
    }
    if (rc) {
        end(r); /* what comes behind it has a snapshot of its own */
        op->rc = rc;
        op->e = e;
    }
    if (rc == RC_FATAL) {
        log_error("store.failed", L_C("what", store_op_name(op->kind)), L_C("error", e.text));
        engine_set_health(r->engine, RC_FATAL);
    }
}

static void run_all(struct reader *r, struct store_op *first)
{
    struct store_round *round = store_round_new();
    r->now = store_now(&r->engine->base);
    for (struct store_op *op = first; op; op = op->next) {
        run(r, op);
    }
    end(r);
    round->done = first;
    store_deliver(&r->engine->base, round);
}

/* The connection is opened with the first read: an idle server has none. */
static bool is_ready(struct reader *r, struct store_op *op)
{
    struct err e = {0};
    if (!r->db && engine_open_db(r->engine, false, &r->db, &e)) {
        log_error("store.failed", L_C("what", "reader"), L_C("error", e.text));
        engine_set_health(r->engine, RC_FATAL);
    }
    if (atomic_load(&r->engine->health) == RC_FATAL) {
        engine_refuse(r->engine, op);
        return false;
    }
    return true;
}

void *reader_main(void *arg)
{
    struct reader r = {.engine = arg};
    struct store_op *op = NULL;
    while ((op = op_queue_take_short(&r.engine->reads, is_short, SHORT_ONES))) {
        if (is_ready(&r, op)) {
            run_all(&r, op);
        }
    }
    db_close(r.db);
    return NULL;
}
