/* transact.c: one round as one transaction: asks, rules, writes, COMMIT: see postgres.h. */
#include "store/pg/artifacts.h"
#include "store/pg/batch.h"
#include "store/pg/claim.h"
#include "store/pg/claimed.h"
#include "store/pg/collect.h"
#include "store/pg/family.h"
#include "store/pg/limits.h"
#include "store/pg/migrate.h"
#include "store/pg/schedules.h"
#include "store/pg/unique.h"
#include "store/pg/views.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

/* ---- the transaction */

static enum rc take_clock(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    w->keeper.now = pg_int(rows, 0, 0);
    w->is_checked = w->settings.version == pg_int(rows, 0, 1);
    if (!w->engine->base.options.now) {
        pg_engine_see_clock(w->engine, w->keeper.now);
    }
    return RC_OK;
}

static enum rc send_begin(struct committer *w, struct err *e)
{
    const char *setup = link_transaction_setup(&w->link);
    enum rc rc = batch_send_text(w, "BEGIN", e);
    if (!rc && setup) {
        rc = batch_send_text(w, setup, e);
    }
    bool is_in_hurry = !rc && clock_mono_us() < w->hurry_until_us;
    return is_in_hurry ? batch_send_text(w, "SET LOCAL lock_timeout = '20ms'", e) : rc;
}

/* BEGIN, the clock, the locks on limit keys and then on `ids` in one trip; then what they have not brought. */
static enum rc begin_with(struct committer *w, const struct id *ids, size_t count, unsigned kin,
                          struct err *e)
{
    const struct store_options *o = &w->engine->base.options;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    pg_bind_int_or_null(&q, o->now != NULL, w->keeper.now);
    enum rc rc = send_begin(w, e);
    if (!rc) {
        rc = batch_send(w, PG_SQL_ROUND_CLOCK, &q, take_clock, NULL, e);
    }
    rc = rc ? rc : limits_send_lock(w, e);
    if (!rc && count) {
        rc = rows_send_lock(w, ids, count, kin, e);
    }
    if (!rc) {
        w->is_begun = true;
        rc = batch_run(w, e);
    }
    if (!rc &&
        !w->is_checked) { /* again: rules have gone by the old ones, and there may be no partition for a new retention */
        w->settings.version = 0;
        return err_set_code(e, RC_BUSY, SETTINGS_CHANGED, NULL, "the settings of queues have changed");
    }
    return !rc && count ? rows_load_missing(w, ids, count, e) : rc;
}

enum rc round_begin(struct committer *w, struct err *e)
{
    return w->is_begun ? RC_OK : begin_with(w, NULL, 0, 0, e);
}

enum rc round_ask(struct committer *w, enum pg_sql_query query, const struct pg_query *q,
                  struct pg_rows **out, struct err *e)
{
    enum rc rc = round_begin(w, e);
    return rc ? rc : pg_run(w->link.c, pg_sql(query), q, out, e);
}

static void reset(struct committer *w)
{
    struct round_work *work = &w->work;
    struct map maps[] = {work->row_by_id,        work->count_by_key,     work->key_by_name,
                         work->waiting_by_queue, work->schedule_by_name, work->note_by_job,
                         work->limit_by_key};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        map_clear(&maps[i]);
    }
    *work = (struct round_work){.row_by_id = maps[0],
                                .count_by_key = maps[1],
                                .key_by_name = maps[2],
                                .waiting_by_queue = maps[3],
                                .schedule_by_name = maps[4],
                                .note_by_job = maps[5],
                                .limit_by_key = maps[6]};
    arena_reset(w->keeper.scratch);
    batch_forget(w);
    w->is_begun = w->is_checked = w->is_committed = false;
    err_clear(&w->failure);
    w->keeper.now = store_now(&w->engine->base);
}

/* When the round must be answered: counted from its oldest operation, but for what has been answered in part. */
static int64_t answer_until(const struct store_op *list)
{
    int64_t oldest = clock_mono_us();
    for (const struct store_op *op = list; op; op = op->next) {
        oldest = !op->items_done && op->submitted_us < oldest ? op->submitted_us : oldest;
    }
    return oldest + LINK_WAIT_MS * 1000;
}

static enum rc begin(struct committer *w, struct store_op *list, struct err *e)
{
    struct collected c = {0};
    reset(w);
    if (FAULT("store.round.begin")) {
        return err_set(e, RC_BUSY, "fault: begin");
    }
    w->until_us = answer_until(list);
    enum rc rc = link_ready(&w->link, w->until_us, e);
    if (!rc && !w->settings.version) {
        rc = settings_load(w, e);
    }
    if (rc) {
        return rc;
    }
    rc = pg_artifacts_prepare(w, list, e);
    if (rc) {
        return rc;
    }
    limits_collect(w, list);
    rc = lane_claims_prepare(w, list, e);
    if (rc) {
        return rc;
    }
    collect(w, list, &c);
    claimed_take(w, c.ids, c.id_count, c.is_plain);
    c.id_count = rows_missing(w, c.ids, c.id_count);
    if (c.may_finish) {
        partitions_prepare(w);
    }
    if (c.id_count || w->work.limits.count) {
        rc = begin_with(w, c.ids, c.id_count, c.kin, e);
    }
    rc = rc ? rc : schedules_prepare(w, list, e);
    if (!rc && c.key_count) {
        rc = unique_reserve(w, c.keys, c.key_count, e);
    }
    return rc;
}

/* ---- the operations */

static enum rc claim_run(struct keeper *k, struct store_op *op, struct err *e)
{
    struct round_work *work = &((struct committer *)k)->work; /* its statement goes with the last batch */
    struct claim_entry *c = arena_alloc(k->scratch, sizeof *c);
    (void)e;
    *c = (struct claim_entry){.op = (struct store_claim *)op, .jobs_before = work->jobs.count};
    FIFO_ADD(&work->claims, c);
    op->rc = RC_OK;
    return RC_OK;
}

static enum rc not_here(struct keeper *k, struct store_op *op, struct err *e)
{
    (void)k;
    (void)e;
    return store_answer(op, RC_DENIED, NULL, "this store does not do that: %s", store_op_name(op->kind));
}

static enum rc run_act(struct keeper *k, struct store_op *op, struct err *e)
{
    bool by_ids = ((const struct store_act *)op)->ids;
    return by_ids ? rules_act(k, op, e) : pg_act_by_filter_run((struct committer *)k, op, e);
}

static enum rc run_set_limit(struct keeper *k, struct store_op *op, struct err *e)
{
    ((struct committer *)k)->work.is_limit_set = true;
    return rules_set_limit(k, op, e);
}

static enum rc run_delete_limit(struct keeper *k, struct store_op *op, struct err *e)
{
    ((struct committer *)k)->work.is_limit_set = true;
    return rules_delete_limit(k, op, e);
}

#define ALONE(name)                                                                                          \
    static enum rc run_##name(struct keeper *k, struct store_op *op, struct err *e)                          \
    {                                                                                                        \
        return pg_##name##_run((struct committer *)k, op, e);                                                \
    }
ALONE(key_create)
ALONE(key_revoke)
ALONE(queue_set)
ALONE(queue_delete)
ALONE(tick)
ALONE(prune)

static const struct {
    enum rc (*run)(struct keeper *k, struct store_op *op, struct err *e);
} writes[STORE_OP_KINDS] = {
    [STORE_ENQUEUE] = {rules_enqueue},
    [STORE_CLAIM] = {claim_run},
    [STORE_REPORT] = {rules_report},
    [STORE_ACT] = {run_act},
    [STORE_PATCH] = {rules_patch},
    [STORE_STAGE_ARTIFACT] = {rules_stage_artifact},
    [STORE_SET_SCHEDULE] = {rules_set_schedule},
    [STORE_DELETE_SCHEDULE] = {rules_delete_schedule},
    [STORE_FILL] = {rules_fill},
    [STORE_SET_QUEUE] = {run_queue_set},
    [STORE_DELETE_QUEUE] = {run_queue_delete},
    [STORE_SET_LIMIT] = {run_set_limit},
    [STORE_DELETE_LIMIT] = {run_delete_limit},
    [STORE_CREATE_KEY] = {run_key_create},
    [STORE_REVOKE_KEY] = {run_key_revoke},
    [STORE_TICK] = {run_tick},
    [STORE_PRUNE] = {run_prune},
};

/* *rest: those that did not get their turn, the first perhaps half done. Nothing is answered yet. */
static enum rc run_operations(struct committer *w, struct store_op **list, struct store_op **rest,
                              struct err *e)
{
    w->keeper.run_until_us = clock_mono_us() + ROUND_RUN_MAX_US;
    for (struct store_op **at = list; *at; at = &(*at)->next) {
        struct store_op *op = *at;
        op->rc = RC_OK;
        err_clear(&op->e);
        enum rc rc = (writes[op->kind].run ? writes[op->kind].run : not_here)(&w->keeper, op, e);
        if (!rc && w->failure.rc) {
            rc = w->failure.rc;
            *e = w->failure;
        }
        if (rc) {
            return rc;
        }
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

/* ---- the last batch */

static enum rc take_due(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    (void)w;
    (void)e;
    *(int64_t *)arg = pg_count(rows) ? pg_int(rows, 0, 0) : 0;
    return RC_OK;
}

/* Each claim between the new jobs before it and those behind. */
static enum rc send_claims(struct committer *w, struct err *e)
{
    enum rc rc = RC_OK;
    if (w->work.claims.first) {
        claims_see_ready(w, true);
    }
    for (struct claim_entry *c = w->work.claims.first; c && !rc; c = c->next) {
        w->work.is_timed = true;
        rc = inserts_send(w, c->jobs_before, e);
        if (!rc) {
            rc = claim_send(w, c, e);
        }
    }
    return rc ? rc : inserts_send(w, w->work.jobs.count, e);
}

static enum rc send_last_ordinal(struct committer *w, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    if (!w->work.is_shrinking) {
        return RC_OK;
    }
    pg_bind_int(&q, pg_engine_last_ordinal(w->engine));
    return batch_send(w, PG_SQL_META_RAISE_ORDINAL, &q, NULL, NULL, e);
}

static enum rc send_writes(struct committer *w, struct err *e)
{
    static enum rc (*const steps[])(struct committer * w, struct err * e) = {
        rows_send,      slots_send,  events_send,    pg_artifacts_send, unique_send,
        schedules_send, counts_send, pg_family_send, send_last_ordinal};
    const struct claim_entry *claim = w->work.claims.first;
    enum rc rc = inserts_send(w, claim ? claim->jobs_before : w->work.jobs.count, e);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !rc; i++) {
        rc = steps[i](w, e);
    }
    if (!rc) {
        rc = send_claims(w, e);
    }
    rc = rc ? rc : limits_send(w, e);
    return rc ? rc : views_send_shows(w, e);
}

/* The link is given up then, and a new one refused for as long as it is so (link.c). */
static enum rc take_flushes(struct committer *w, const struct pg_rows *rows, void *arg, struct err *e)
{
    const char *why = server_lossy(pg_int(rows, 0, 0));
    (void)arg;
    if (!why) {
        return RC_OK;
    }
    log_warn("store.unavailable", L_C("error", why));
    atomic_store(&w->engine->fence.unfit, why);
    return err_set(e, RC_BUSY, "%s", why);
}

/* Whether COMMIT has flushed is asked in the session that it ran in, behind it: a configuration that is loaded anew
 * holds from one statement to the next, and nobody tells us. */
static enum rc send_commit(struct committer *w, struct err *e)
{
    enum rc rc = batch_send_commit(w, e);
    if (rc || w->engine->fence.may_lose) {
        return rc;
    }
    return batch_send(w, PG_SQL_ROUND_FLUSHES, NULL, take_flushes, NULL, e);
}

static enum rc finish(struct committer *w, int64_t *next_due_at, struct err *e)
{
    enum rc rc = w->is_begun ? RC_OK : send_begin(w, e);
    w->is_begun = true;
    if (!rc) {
        rc = send_writes(w, e);
    }
    if (!rc && w->work.is_timed) {
        struct pg_query q = PG_QUERY(w->keeper.scratch);
        due_begin(&w->engine->due, &w->due);
        pg_bind_int(&q, w->due.from);
        rc = batch_send(w, PG_SQL_JOB_NEXT_DUE, &q, take_due, next_due_at, e);
    }
    if (!rc && FAULT("store.round.commit")) {
        return err_set_code(e, RC_BUSY, "outcome_unknown", NULL, "fault: commit");
    }
    if (!rc) {
        rc = send_commit(w, e);
    }
    if (!rc) {
        rc = batch_run(w, e);
    }
    return rc && w->is_committed
               ? err_set_code(e, RC_BUSY, "outcome_unknown", NULL, "committed, perhaps not flushed")
               : rc;
}

/* Ticks may have passed over these while the round had them. */
static void note_locked(struct committer *w, bool is_done)
{
    for (const struct pg_row *r = w->work.rows.first; r; r = r->next) {
        bool is_as_it_was = !is_done || (!r->is_dirty && !r->is_gone);
        if (is_as_it_was && !job_state_is_final(r->was.state)) {
            (void)due_note(&w->engine->due, r->was.due_at);
        }
    }
}

/* No claim looks at lanes of a queue that is paused: it would take them for empty. */
static void see_queue(struct committer *w, bool is_done)
{
    const struct store_set_queue *set = w->work.queue_set;
    if (set && is_done) {
        lanes_see_queue(&w->engine->lanes, set->tenant, set->name, set->queue->is_paused);
    } else if (set) {
        lanes_hear(&w->engine->lanes, set->tenant);
    }
}

/* What the round has told is known to claims and ticks. After a failure nobody may know whether it is committed. */
static int64_t settle(struct committer *w, bool is_done, int64_t found)
{
    struct due *d = &w->engine->due;
    claims_end(w, is_done);
    w->lane_tries += !is_done;
    claims_see_ready(w, is_done);
    note_locked(w, is_done);
    limits_settle(w, is_done);
    see_queue(w, is_done);
    int64_t told = due_note(d, w->work.due_at);
    if (w->work.wants_tick || (w->work.had_wish && !is_done)) {
        told = due_wish(d, w->keeper.now);
    }
    if (w->scan.is_open && is_done) {
        due_end_tick(d, &w->scan, w->scanned_until);
    }
    if (w->due.is_open && is_done) {
        told = due_end(d, &w->due, found);
    }
    due_cancel(d, &w->scan);
    due_cancel(d, &w->due);
    return told;
}

/* Claims for which there may be something that this round could not look at: the next has them. */
static void put_off(struct committer *w, struct store_op **list, struct store_op **rest)
{
    struct store_op *again = NULL, **last = &again;
    for (const struct claim_entry *c = w->work.claims.first; c; c = c->next) {
        struct store_op **at = list;
        while (*at && (!c->is_put_off || *at != &c->op->op)) {
            at = &(*at)->next;
        }
        if (*at) {
            *at = c->op->op.next;
            c->op->op.next = NULL;
            *last = &c->op->op;
            last = &c->op->op.next;
        }
    }
    w->put_off = again ? w->put_off + 1 : 0;
    *rest = ops_append(*rest, again);
}

enum rc round_transact(struct committer *w, struct store_op **list, struct store_op **rest, struct err *e)
{
    struct store_round *r = w->keeper.round;
    int64_t start = clock_mono_us(), found = 0;
    *rest = NULL;
    enum rc rc = begin(w, *list, e);
    if (!rc) {
        rc = run_operations(w, list, rest, e);
    }
    int64_t ran = clock_mono_us();
    r->run_us += ran - start;
    if (!rc) {
        rc = finish(w, &found, e);
    }
    int64_t told = settle(w, !rc, found);
    r->flush_us += clock_mono_us() - ran;
    if (!rc) {
        link_see_commit(&w->link);
        claimed_put(&w->engine->claimed, w->work.claimed.first);
        r->flushes++;
        r->next_due_at = told;
        put_off(w, list, rest);
        for (const struct store_op *op = *list; op; op = op->next) {
            r->operations++;
            r->jobs += op_job_count(op);
        }
    }
    return rc;
}
