/* readers.c: threads that answer reads, each with its own connection, each operation on one snapshot. */
#include "store/pg/postgres.h"

#include "base/clock.h"
#include "base/log.h"

#define HURRY_US       1000000LL
#define BEGIN_SNAPSHOT "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

static const struct {
    enum rc (*run)(struct reader *r, struct store_op *op, struct err *e);
    bool is_one_statement; /* which is a snapshot by itself; or it brings its transaction with it (reads.h) */
} reads[STORE_OP_KINDS] = {
    [STORE_GET_JOB] = {pg_job_get_run, true},
    [STORE_LIST_JOBS] = {pg_job_list_run, true},
    [STORE_LIST_CHILDREN] = {pg_child_list_run, true},
    [STORE_READ_EVENTS] = {pg_event_read_run, true},
    [STORE_LIST_QUEUES] = {pg_queue_list_run, true},
    [STORE_LIST_SCHEDULES] = {pg_schedule_list_run, true},
    [STORE_LIST_LIMITS] = {pg_limit_list_run, true},
    [STORE_LIST_BATCHES] = {pg_batch_list_run, true},
    [STORE_LIST_RESULTS] = {pg_result_list_run, true},
    [STORE_STATS] = {pg_stats_run, true},
    [STORE_LIST_ARTIFACTS] = {pg_artifact_list_run, true},
    [STORE_GET_ARTIFACT] = {pg_artifact_get_run, true},
    [STORE_GET_SERIES] = {pg_series_get_run, true},
    [STORE_LIST_SERIES] = {pg_series_list_run, true},
    [STORE_LIST_KEYS] = {pg_key_list_run, true},
    [STORE_LIST_TENANTS] = {pg_tenant_list_run, true},
    [STORE_FIND_LEASES] = {pg_lease_find_run, true},
    [STORE_LOOK] = {pg_look_run, true},
};

/* When it must be answered. */
static int64_t until_of(const struct store_op *op)
{
    return op->submitted_us + LINK_WAIT_MS * 1000;
}

static enum rc begin(struct reader *r, bool is_one_statement, struct err *e)
{
    const char *setup = link_transaction_setup(&r->link);
    enum rc rc = RC_OK;
    if (!is_one_statement || setup) {
        rc = pg_run(r->link.c, BEGIN_SNAPSHOT, NULL, NULL, e);
    }
    return rc || !setup ? rc : pg_run(r->link.c, setup, NULL, NULL, e);
}

static enum rc run_once(struct reader *r, struct store_op *op, struct err *e)
{
    bool is_one_statement = reads[op->kind].is_one_statement;
    enum rc rc = link_ready(&r->link, until_of(op), e);
    if (!rc) {
        rc = begin(r, is_one_statement, e);
    }
    if (!rc) {
        op->rc = RC_OK;
        rc = reads[op->kind].run ? reads[op->kind].run(r, op, e)
                                 : store_answer(op, RC_DENIED, NULL, "this store does not do that: %s",
                                                store_op_name(op->kind));
    }
    if (!rc && pg_in_transaction(r->link.c)) {
        rc = pg_run(r->link.c, "COMMIT", NULL, NULL, e);
    }
    return rc;
}

/* A read that has lost its connection, or met a table that was just dropped, is read once more: it changes nothing. */
static bool is_worth_another_try(const struct reader *r)
{
    enum pg_fault fault = r->link.c ? pg_fault(r->link.c) : PG_NONE;
    if (r->link.c && pg_has_timed_out(r->link.c)) {
        return false;
    }
    return fault == PG_LOST || fault == PG_UNKNOWN || fault == PG_RETRY || fault == PG_MISSING;
}

/* Until it is answered, or cannot be. */
static enum rc attempt(struct reader *r, struct store_op *op, enum pg_fault *fault, struct err *e)
{
    enum rc rc = RC_OK;
    for (int i = 0; i < 2; i++) {
        err_clear(&op->e);
        err_clear(e);
        arena_reset(r->scratch);
        r->now = store_now(&r->engine->base);
        rc = run_once(r, op, e);
        if (!rc) {
            link_see_answer(&r->link);
            break;
        }
        bool is_again = is_worth_another_try(r);
        *fault = r->link.c ? pg_fault(r->link.c) : PG_LOST;
        link_settle(&r->link);
        if (!is_again) {
            break;
        }
    }
    return rc;
}

static void answer_failure(struct store_op *op, enum rc rc, const struct err *e)
{
    if (rc != RC_BUSY) {
        log_error("store.refused", L_C("op", store_op_name(op->kind)), L_C("error", e->text));
    }
    op->rc = rc == RC_BUSY ? err_set_code(&op->e, RC_BUSY, "store_unavailable", NULL, PG_AWAY)
                           : err_set_code(&op->e, RC_BUSY, "store_error", NULL,
                                          "the database has refused this: the log says why");
}

/* A stranger holds a lock. Who has met it goes to the end of the line, so that others have their turn, and for a while no lock
 * is waited for long: many may want the same. False: its time is over, and it is answered so. */
static bool is_put_off(struct reader *r, struct store_op *op, const struct err *e)
{
    int64_t now_us = clock_mono_us();
    if (now_us >= r->hurry_until_us) {
        log_warn("store.locked", L_C("op", store_op_name(op->kind)), L_C("error", e->text));
    }
    r->hurry_until_us = now_us + HURRY_US;
    if (now_us < until_of(op)) {
        op_queue_push(&r->engine->reads, op);
        return true;
    }
    op->rc = pg_round_blame_lock(&op->e);
    return false;
}

static void run(struct reader *r, struct store_op *op)
{
    struct err e = {0};
    enum pg_fault fault = PG_NONE;
    r->link.is_in_hurry = clock_mono_us() < r->hurry_until_us;
    if (r->link.is_in_hurry && clock_mono_us() > until_of(op)) {
        op->rc = pg_round_blame_lock(&op->e);
    } else {
        enum rc rc = attempt(r, op, &fault, &e);
        if (rc && fault == PG_LOCKED) {
            if (is_put_off(r, op, &e)) {
                return;
            }
        } else if (rc) {
            answer_failure(op, rc, &e);
        }
    }
    struct store_round *round = store_round_new();
    round->done = op;
    store_deliver(&r->engine->base, round);
}

void *pg_reader_main(void *arg)
{
    struct reader *r = arg;
    struct store_op *op = NULL;
    while ((op = op_queue_take_one(&r->engine->reads))) {
        run(r, op);
    }
    return NULL;
}
