/* rounds.c: one round: BEGIN, the operations, the counts, COMMIT, answers. What goes wrong unexpectedly rolls the round
 * back and replays it in halves, down to single operations. No savepoints: they make a round a third longer, and a full disk
 * takes the whole transaction with it anyway. */
#include "store/ops.h"
#include "store/sqlite/artifacts.h"
#include "store/sqlite/insert.h"
#include "store/sqlite/limits.h"

#include <assert.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

/* Either the rule is all there is to it, or this engine has something to find or to remember. */
static const struct {
    enum rc (*rule)(struct keeper *k, struct store_op *op, struct err *e);
    enum rc (*run)(struct writer *w, struct store_op *op, struct err *e);
} writes[STORE_OP_KINDS] = {
    [STORE_ENQUEUE] = {.rule = rules_enqueue},
    [STORE_REPORT] = {.rule = rules_report},
    [STORE_PATCH] = {.rule = rules_patch},
    [STORE_STAGE_ARTIFACT] = {.rule = rules_stage_artifact},
    [STORE_SET_SCHEDULE] = {.rule = rules_set_schedule},
    [STORE_DELETE_SCHEDULE] = {.rule = rules_delete_schedule},
    [STORE_FILL] = {.rule = rules_fill},
    [STORE_SET_LIMIT] = {.rule = rules_set_limit},
    [STORE_DELETE_LIMIT] = {.rule = rules_delete_limit},
    [STORE_CLAIM] = {.run = claim_run},
    [STORE_ACT] = {.run = act_run},
    [STORE_SET_QUEUE] = {.run = queue_set_run},
    [STORE_DELETE_QUEUE] = {.run = queue_delete_run},
    [STORE_CREATE_KEY] = {.run = key_create_run},
    [STORE_REVOKE_KEY] = {.run = key_revoke_run},
    [STORE_TICK] = {.run = tick_run},
    [STORE_PRUNE] = {.run = prune_run},
};

/* Cuts the list behind the operations that fit into one round; at least one does. */
static struct store_op *cut(struct store_op *list)
{
    int64_t total = 0;
    int ops = 0;
    for (struct store_op *op = list; op; op = op->next) {
        total += op_weight(op);
        ops++;
        if (op->next && (ops == ROUND_OPS_MAX || total + op_weight(op->next) > ROUND_WEIGHT_MAX)) {
            struct store_op *rest = op->next;
            op->next = NULL;
            return rest;
        }
    }
    return NULL;
}

static void rollback(struct writer *w, enum rc why)
{
    struct err e = {0};
    enum rc rc = RC_OK;
    if (db_in_transaction(w->db)) {
        rc = db_exec(w->db, sql_text(SQL_ROUND_ROLLBACK), &e);
    }
    if (why !=
        RC_FATAL) { /* then nobody knows whether the row is on the disk: the file stays, the next start sweeps */
        artifacts_end_round(w, false);
    }
    if (!rc) {
        rc = caches_load(w, &e);
    }
    if (rc) { /* memory and file may differ now */
        log_error("store.failed", L_C("what", "rollback"), L_C("error", e.text));
        engine_set_health(w->engine, RC_FATAL);
    }
}

static enum rc begin(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    arena_reset(w->keeper.scratch);
    insert_forget(w);
    w->file_changes = NULL;
    w->keeper.now = store_now(&w->engine->base);
    if (FAULT("store.round.begin")) {
        return err_set(e, RC_BUSY, "fault: begin");
    }
    enum rc rc = stmt(w->db, SQL_ROUND_BEGIN, &q, e);
    return rc ? rc : db_run(q, e);
}

static enum rc read_next_due(struct writer *w, int64_t *next_due_at, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_JOB_NEXT_DUE, &q, e);
    if (!rc) {
        rc = db_step(q, &has_row, e);
    }
    if (!rc) {
        *next_due_at = has_row ? db_int(q, 0) : 0;
        db_reset(q);
    }
    if (!rc && w->has_notes) {
        rc = family_look_for_notes(w, e);
        *next_due_at = w->has_notes ? w->keeper.now : *next_due_at;
    }
    int64_t wake_at = limits_next_at(w);
    if (!rc && wake_at && (!*next_due_at || wake_at < *next_due_at)) {
        *next_due_at = wake_at;
    }
    return rc;
}

/* The flush. Whatever fails here but a full disk means that nobody knows what is on the disk: RC_FATAL, for ever. */
static enum rc commit(struct writer *w, struct err *e)
{
    struct db_stmt *q = NULL;
    if (FAULT("store.round.commit")) {
        return err_set(e, RC_FATAL, "fault: commit");
    }
    enum rc rc = stmt(w->db, SQL_ROUND_COMMIT, &q, e);
    return rc ? rc : db_run(q, e);
}

/* One that may find its new jobs' neighbours still on their way into the table. */
static bool is_plain_enqueue(const struct store_op *op)
{
    const struct schedule_step *step =
        op->kind == STORE_ENQUEUE ? ((const struct store_enqueue *)op)->step : NULL;
    return op->kind == STORE_ENQUEUE && (!step || id_is_zero(step->cancel));
}

static enum rc run_one(struct writer *w, struct store_op *op, struct err *e)
{
    enum rc rc = is_plain_enqueue(op) ? RC_OK : insert_flush(w, e);
    if (rc) {
        return rc;
    }
    return writes[op->kind].rule ? writes[op->kind].rule(&w->keeper, op, e) : writes[op->kind].run(w, op, e);
}

/* Runs operations until the time is over; *rest: those that did not get their turn, the first perhaps half done. Nothing
 * is answered yet. */
static enum rc run_operations(struct writer *w, struct store_op **list, struct store_op **rest, struct err *e)
{
    w->keeper.run_until_us = clock_mono_us() + ROUND_RUN_MAX_US;
    for (struct store_op **at = list; *at; at = &(*at)->next) {
        struct store_op *op = *at;
        op->rc = RC_OK;
        err_clear(&op->e);
        enum rc rc = run_one(w, op, e);
        if (rc) {
            return rc;
        }
        w->keeper.round->operations++;
        w->keeper.round->jobs += op_job_count(op);
        if (FAULT("store.round.middle")) {
            return err_set(e, RC_BUSY, "fault: middle");
        }
        if (!op_is_whole(op)) {
            *rest = op;
            *at = NULL;
            return RC_OK;
        }
        if (op->next && keeper_is_over(&w->keeper)) {
            *rest = op->next;
            op->next = NULL;
        }
    }
    return RC_OK;
}

static enum rc transact(struct writer *w, struct store_op **list, struct store_op **rest, struct err *e)
{
    int64_t start = clock_mono_us();
    int64_t flushes = db_wal_commits(w->db);
    *rest = NULL;
    enum rc rc = begin(w, e);
    if (!rc) {
        rc = run_operations(w, list, rest, e);
    }
    if (!rc) {
        rc = insert_flush(w, e);
    }
    if (!rc) {
        rc = caches_flush(w, e);
    }
    if (!rc) {
        rc = read_next_due(w, &w->keeper.round->next_due_at, e);
    }
    int64_t ran = clock_mono_us();
    w->keeper.round->run_us += ran - start;
    if (!rc) {
        rc = commit(w, e);
    }
    w->keeper.round->flush_us += clock_mono_us() - ran;
    w->keeper.round->flushes += db_wal_commits(w->db) - flushes;
    return rc;
}

static void deliver(struct writer *w, struct store_op *list)
{
    struct store_round *r = w->keeper.round;
    r->done = list;
    w->keeper.round = NULL;
    store_deliver(&w->engine->base, r);
}

static void fail_for_ever(struct writer *w, struct store_op *list, const struct err *e)
{
    log_error("store.failed", L_C("what", "round"), L_C("error", e->text));
    engine_set_health(w->engine, RC_FATAL);
    store_round_clear_changes(w->keeper.round);
    ops_answer(list, RC_FATAL, e);
    deliver(w, list);
}

/* Runs the list as one round, or as smaller ones when it fails; returns what had no time. */
static struct store_op *run(struct writer *w, struct store_op *list)
{
    struct err e = {0};
    struct store_op *rest = NULL;
    w->keeper.round = store_round_new();
    enum rc rc = transact(w, &list, &rest, &e);
    if (!rc) {
        artifacts_end_round(w, true);
        (void)FAULT("store.round.answer"); /* only to die or pause here */
        if (rest) {
            rest->items_done = rest->items_run;
        }
        deliver(w, list);
        return rest;
    }
    list = ops_append(list, rest);
    assert(list != NULL); /* a round has at least one operation */
    rollback(w, rc);
    for (struct store_op *op = list; op; op = op->next) {
        op->items_run = op->items_done;
    }
    if (rc == RC_FATAL || atomic_load(&w->engine->health) == RC_FATAL) {
        fail_for_ever(w, list, &e);
        return NULL;
    }
    bool was_refusing = w->keeper.is_refusing;
    if (rc == RC_FULL && !was_refusing) { /* the replay answers enqueues and artifacts RC_FULL */
        space_release(w);
    } else if (!list->next) {
        store_round_clear_changes(w->keeper.round);
        ops_answer(list, rc, &e);
        deliver(w, list);
        return NULL;
    }
    store_round_free(w->keeper.round);
    w->keeper.round = NULL;
    if (rc == RC_FULL && !was_refusing) {
        return list;
    }
    struct store_op *second = ops_halve(list);
    return ops_append(run(w, list), second);
}

struct store_op *round_run(struct writer *w, struct store_op *list)
{
    struct store_op *rest = cut(list);
    if (w->keeper.is_refusing) {
        space_look(w);
    }
    space_watch(w);
    return ops_append(run(w, list), rest);
}
