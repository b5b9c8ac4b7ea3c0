/* rounds.c: rounds and their failures. What goes wrong unexpectedly rolls the round back and replays it in halves, down to
 * single operations. No savepoints: they make a round twice as long. */
#include "store/pg/artifacts.h"
#include "store/pg/batch.h"
#include "store/pg/collect.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <assert.h>

#define STALE_SETTINGS "ST001" /* sql/pg/migrations/0001_first.sql, check_settings */
#define STALE_JOBS     "ST002" /* … check_jobs */
#define REPLAYS_MAX    20      /* of a single operation: deadlocks, settings that change all the time */
#define SPACE_LOOK_US  1000000LL
#define HURRY_US       1000000LL
#define LOCK_WAIT_US   10000000LL /* of one operation, in the slow lane */

/* ---- answers */

static void deliver(struct committer *w, struct store_op *list)
{
    struct store_round *r = w->keeper.round;
    r->done = list;
    w->keeper.round = NULL;
    pg_engine_deliver(w->engine, r);
}

static void answer_all(struct committer *w, struct store_op *list, enum rc rc, const struct err *e)
{
    ops_answer(list, rc, e);
    store_round_clear_changes(w->keeper.round);
    deliver(w, list);
}

enum verdict { FAIL_ALL, REPLAY, REPLAY_HALVES, TO_SLOW_LANE, LATER, WITHOUT_ENQUEUES };

static bool has_code(const struct err *e, const char *code)
{
    return e->code && str_eq(str_from(e->code), str_from(code));
}

enum rc pg_round_blame_lock(struct err *e)
{
    return err_set_code(e, RC_BUSY, "store_unavailable", NULL,
                        "another transaction of the database holds for long what this needs");
}

/* A stranger holds a lock. Whose operation meets it is found out quickly, and waits for it where it is in nobody's way:
 * in the slow lane, in turn with others. */
static enum verdict judge_lock(struct committer *w, struct store_op *list, int replays, enum rc *rc,
                               struct err *e)
{
    int64_t now = clock_mono_us();
    bool is_slow = w->number >= w->engine->committer_count; /* or the filler */
    if (!is_slow && w->engine->base.options.unhurried && replays < REPLAYS_MAX) {
        return REPLAY;
    }
    if (!is_slow) {
        w->hurry_until_us = now + HURRY_US;
        list->until_us = now + LOCK_WAIT_US; /* also when many wait before it there */
        return list->next ? REPLAY_HALVES : TO_SLOW_LANE;
    }
    if (now < list->until_us) {
        return LATER;
    }
    *rc = pg_round_blame_lock(e);
    return FAIL_ALL;
}

/* What a failure asks for; the error becomes what callers are told. */
static enum verdict judge(struct committer *w, struct store_op *list, int replays, enum rc *rc, struct err *e)
{
    enum pg_fault fault = w->link.c ? pg_fault(w->link.c) : PG_LOST;
    bool is_single = !list->next;
    if (has_code(e, "store_unavailable")) {
        return FAIL_ALL;
    }
    if (fault == PG_UNKNOWN || has_code(e, "outcome_unknown")) {
        *rc = err_set_code(e, RC_BUSY, "outcome_unknown", NULL,
                           "the database did not say whether it has kept this: ask before it is sent again");
        return FAIL_ALL;
    }
    if (w->link.c && fault == PG_LOST && !replays && !pg_has_timed_out(w->link.c)) {
        return REPLAY; /* nothing of it has happened; with the next connection, if there is one soon */
    }
    if (!w->link.c || fault == PG_LOST || fault == PG_READ_ONLY || fault == PG_OVERLOADED) {
        if (w->link.c && fault != PG_LOST) {
            log_warn("store.unavailable", L_C("error", e->text));
        }
        *rc = err_set_code(e, RC_BUSY, "store_unavailable", NULL, PG_AWAY);
        return FAIL_ALL;
    }
    if (has_code(e, SETTINGS_CHANGED) || str_eq(str_from(pg_sqlstate(w->link.c)), STR(STALE_SETTINGS))) {
        w->settings.version = 0;
        return replays < REPLAYS_MAX ? REPLAY : FAIL_ALL;
    }
    if (has_code(e, JOBS_CHANGED) || str_eq(str_from(pg_sqlstate(w->link.c)), STR(STALE_JOBS))) {
        return replays < REPLAYS_MAX ? REPLAY : FAIL_ALL; /* what was believed is forgotten */
    }
    if (*rc == RC_FULL && !w->keeper.is_refusing) {
        return WITHOUT_ENQUEUES;
    }
    if (fault == PG_LOCKED) {
        return judge_lock(w, list, replays, rc, e);
    }
    if (!is_single) {
        return REPLAY_HALVES;
    }
    return fault == PG_RETRY && replays < REPLAYS_MAX ? REPLAY : FAIL_ALL;
}

/* A full disk is looked at again once a second: by trying. */
static void see_full_disk(struct committer *w, const struct err *e)
{
    if (pg_engine_health(w->engine) == RC_OK) {
        log_error("store.full", L_C("error", e->text));
    }
    atomic_store(&w->engine->full_at_us, clock_mono_us());
    w->keeper.is_refusing = true;
}

static void look_for_space(struct committer *w)
{
    int64_t at = atomic_load(&w->engine->full_at_us);
    w->keeper.is_refusing = at && clock_mono_us() - at < SPACE_LOOK_US;
}

/* What ends jobs, or hands them out, is worth asking again soon, and brings room. */
static bool is_for_later(enum store_op_kind kind)
{
    return kind == STORE_CLAIM || kind == STORE_REPORT || kind == STORE_ACT || kind == STORE_TICK ||
           kind == STORE_PRUNE;
}

/* A failure that no replay has healed. RC_FATAL would end the process: a database that is odd about one operation must not;
 * and what it denies to us is no word about the client's rights. */
static void fail_list(struct committer *w, struct store_op *list, enum rc rc, struct err *e)
{
    if (rc == RC_FULL) {
        see_full_disk(w, e);
    }
    if (rc == RC_FULL && is_for_later(list->kind)) {
        rc = err_set_code(e, RC_BUSY, "store_unavailable", NULL, "the database's disk is full: ask again");
    }
    if (rc == RC_FATAL || rc == RC_CONFLICT || rc == RC_NOT_FOUND || rc == RC_DENIED) {
        log_error("store.refused", L_C("op", store_op_name(list->kind)), L_C("error", e->text));
        rc = err_set_code(e, RC_BUSY, "store_error", NULL, "the database has refused this: the log says why");
    }
    answer_all(w, list, rc, e);
}

static void clean_up(struct committer *w, struct store_op *list)
{
    pg_artifacts_end_round(w, false);
    batch_forget(w);
    link_settle(&w->link);
    for (struct store_op *op = list; op; op = op->next) {
        op->items_run = op->items_done;
    }
}

/* Runs the list as one round, or as smaller ones when it fails; returns what had no time. */
static struct store_op *run(struct committer *w, struct store_op *list, int replays)
{
    struct err e = {0};
    struct store_op *rest = NULL;
    w->keeper.round = store_round_new();
    enum rc rc = round_transact(w, &list, &rest, &e);
    if (!rc) {
        pg_artifacts_end_round(w, true);
        (void)FAULT("store.round.answer"); /* only to die or pause here */
        if (rest) {
            rest->items_done = rest->items_run;
        }
        notify_round(w->engine, w->keeper.round);
        deliver(w, list);
        return rest;
    }
    list = ops_append(list, rest);
    assert(list != NULL); /* a round has at least one operation */
    enum verdict v = judge(w, list, replays, &rc, &e);
    clean_up(w, list);
    if (v == FAIL_ALL) {
        fail_list(w, list, rc, &e);
        return NULL;
    }
    store_round_free(w->keeper.round);
    w->keeper.round = NULL;
    if (v == TO_SLOW_LANE) {
        op_queue_push(&SLOW_LANE(w->engine)->ops, list);
        return NULL;
    }
    if (v == LATER) {
        return list;
    }
    if (v == REPLAY_HALVES) {
        struct store_op *second = ops_halve(list);
        return ops_append(run(w, list, 0), second);
    }
    if (v == WITHOUT_ENQUEUES) {
        see_full_disk(w, &e);
    }
    struct store_op *behind = collect_cut(w, list); /* by what is known now */
    return ops_append(run(w, list, replays + 1), behind);
}

struct store_op *pg_round_run(struct committer *w, struct store_op *list)
{
    struct err e = {0};
    if (pg_engine_check(w->engine, &e)) {
        pg_engine_refuse(w->engine, list, &e);
        return NULL;
    }
    struct store_op *rest = collect_cut(w, list);
    look_for_space(w);
    w->lane_tries = 0;
    return ops_append(run(w, list, 0), rest);
}
