/* act.c: cancel, retry, promote, erase, purge: one job at a time, by ids or by filter. */
#include "store/rules/rules.h"

#define ACT_LIMIT_MAX 1000

/* The states in which an action can do something; a filter picks no others. */
static const uint32_t acts_on[] = {
    [ACT_CANCEL] = 1u << JOB_BLOCKED | 1u << JOB_SCHEDULED | 1u << JOB_QUEUED | 1u << JOB_PROCESSING,
    [ACT_RETRY] = 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
    [ACT_PROMOTE] = 1u << JOB_SCHEDULED,
    [ACT_ERASE] = 1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
    [ACT_PURGE] = 1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED | 1u << JOB_SKIPPED,
    [ACT_CLOSE] = 0,
};

static void conflict(const struct row *r, const char *what, struct act_verdict *v)
{
    v->rc = err_set_code(&v->e, RC_CONFLICT, "wrong_state", NULL, "the job is %s and cannot be %s",
                         job_state_name(r->state), what);
}

/* Does the table allow it? Then *to is where it leads. */
static bool allows(const struct row *r, enum job_event event, const char *what, enum job_state *to,
                   struct act_verdict *v)
{
    if (job_next_state(r->state, event, to)) {
        return true;
    }
    conflict(r, what, v);
    return false;
}

static bool has_last_turn(const struct row *r)
{
    return r->flags & FLAG_WAITS && r->flags & FLAG_RUN_ON_CANCEL;
}

bool rules_cancel_ends(const struct row *r)
{
    enum job_state to;
    return job_next_state(r->state, JOB_EV_CANCEL, &to) && to != JOB_PROCESSING &&
           !(r->flags & FLAG_LAST_TURN) && !has_last_turn(r);
}

static enum rc cancel(struct keeper *k, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    if (r->state == JOB_CANCELLED) { /* one's own repeat */
        return RC_OK;
    }
    if (!allows(r, JOB_EV_CANCEL, "cancelled", &to, v)) {
        return RC_OK;
    }
    bool is_repeat = r->flags & (to == JOB_PROCESSING ? FLAG_CANCEL : FLAG_LAST_TURN);
    if (is_repeat) {
        return RC_OK;
    }
    enum rc rc = rules_cancel_children(k, r, e);
    r->flags |= FLAG_STOPPED;
    if (to == JOB_PROCESSING) {
        r->flags |= FLAG_CANCEL;
        r->cancel_at = k->now + JOB_CANCEL_GRACE_MS;
        row_set_due(r);
        row_changed(k, r)->cancel_asked = true;
    } else if (has_last_turn(r)) { /* when its children have stopped */
        r->flags |= FLAG_LAST_TURN;
        row_changed(k, r);
    } else if (!rc) {
        rc = row_finish(k, r, to, JOB_REASON_CANCELLED, e);
    }
    return rc ? rc : k->engine->save(k, r, e);
}

/* A key that is held while the job lives must be free, or its own. */
static enum rc take_key_again(struct keeper *k, struct row *r, struct key_holder *holder, bool *is_taken,
                              struct err *e)
{
    enum rc rc = k->engine->find_holder(k, r->tenant, r->unique_key, holder, e);
    if (rc) {
        return rc;
    }
    bool is_own = id_eq(holder->job, r->id);
    *is_taken = !is_own && holder->is_held && holder->is_known && !job_state_is_final(holder->state);
    if (*is_taken || is_own || !(r->flags & FLAG_HOLDS_KEY)) {
        return RC_OK;
    }
    return k->engine->hold_key(k, r, 0, e);
}

/* The `end` of the round that is over becomes a stored event: the stream goes on behind it (J12). */
static enum rc keep_end(struct keeper *k, struct row *r, struct err *e)
{
    struct job j = {.state = r->state,
                    .reason = r->reason,
                    .attempt = r->attempt,
                    .last_seq = r->last_seq,
                    .finished_at = r->finished_at};
    enum rc rc = k->engine->find_error(k, r, &j.error, &j.has_error, e);
    if (rc) {
        return rc;
    }
    struct job_event_row end = end_event(&j, k->scratch);
    r->last_seq--;
    return row_add_event(k, r, end.type, end.data, e);
}

static void begin_round(struct keeper *k, struct row *r)
{
    r->round++;
    r->attempt = r->lost = r->snoozes = r->waits = 0;
    r->reason = JOB_REASON_NONE;
    r->run_at = k->now;
    r->finished_at = r->expires_at = 0;
    r->lease++; /* nothing from before is accepted any more */
    r->report_n = 0;
    r->progress = -1;
    r->deadline_at = 0; /* it ran from the enqueue; a retry is a decision against it */
    r->flags &= ~(int64_t)(FLAG_CANCEL | FLAG_LOST | FLAG_WAITS | FLAG_LAST_TURN | FLAG_STOPPED);
}

/* A job that lives has a queue: one that was deleted meanwhile comes back, as with a new job. */
static enum rc bring_queue_back(struct keeper *k, struct row *r, struct err *e)
{
    k->engine->count_out(k, r);
    enum rc rc = k->engine->set_queue(k, r, r->queue, e);
    return rc ? rc : k->engine->count_in(k, r, e);
}

enum rc rules_begin_round(struct keeper *k, struct row *r, enum job_state to, struct err *e)
{
    enum rc rc = keep_end(k, r, e);
    if (!rc) {
        rc = bring_queue_back(k, r, e);
    }
    if (!rc && r->state == JOB_CANCELLED) { /* what its last turn brought */
        rc = k->engine->set_text(k, r, ROW_RESULT, STR_NONE, e);
    }
    begin_round(k, r);
    k->engine->count_total(k, r, TOTAL_RETRIED);
    if (!rc) {
        rc = row_enter(k, r, to, e);
    }
    return rc ? rc : k->engine->save(k, r, e);
}

static enum rc retry(struct keeper *k, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    bool is_taken = false;
    struct key_holder holder = {0};
    enum rc rc = RC_OK;
    if (!allows(r, JOB_EV_RETRY, "retried", &to, v)) {
        return RC_OK;
    }
    if (r->flags & FLAG_ERASED) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "erased", NULL, "the job was erased and cannot be retried");
        return RC_OK;
    }
    if (r->unique_key.n) {
        rc = take_key_again(k, r, &holder, &is_taken, e);
    }
    if (!rc && is_taken) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "duplicate_key", NULL, "job %s holds the unique key",
                             id_text(holder.job).s);
        return RC_OK;
    }
    if (!rc && r->flags & FLAG_MEMBER) {
        rc = rules_reopen_batch(k, r, e);
    }
    return rc ? rc : rules_begin_round(k, r, to, e);
}

static enum rc promote(struct keeper *k, struct row *r, struct act_verdict *v, struct err *e)
{
    enum job_state to = r->state;
    if (!allows(r, JOB_EV_PROMOTE, "promoted", &to, v)) {
        return RC_OK;
    }
    r->run_at = k->now;
    enum rc rc = row_enter(k, r, to, e);
    return rc ? rc : k->engine->save(k, r, e);
}

static enum rc erase(struct keeper *k, struct row *r, struct act_verdict *v, struct err *e)
{
    if (!job_state_is_final(r->state)) {
        conflict(r, "erased", v);
        return RC_OK;
    }
    if (r->flags & FLAG_ERASED) {
        return RC_OK;
    }
    enum rc rc = k->engine->erase(k, r, e);
    row_changed(k, r);
    return rc;
}

static enum rc purge(struct keeper *k, struct row *r, struct act_verdict *v, struct err *e)
{
    if (!job_state_is_final(r->state)) {
        conflict(r, "purged", v);
        return RC_OK;
    }
    return row_remove(k, r, e);
}

enum rc rules_act_on(struct keeper *k, enum job_action action, struct row *r, struct act_verdict *v,
                     struct err *e)
{
    static enum rc (*const actions[])(struct keeper *, struct row *, struct act_verdict *,
                                      struct err *) = {[ACT_CANCEL] = cancel,
                                                       [ACT_RETRY] = retry,
                                                       [ACT_PROMOTE] = promote,
                                                       [ACT_ERASE] = erase,
                                                       [ACT_PURGE] = purge};
    enum rc rc = actions[action](k, r, v, e);
    v->job = r->id;
    v->state = r->state;
    return rc;
}

static enum rc act_by_id(struct keeper *k, const struct store_act *op, struct id id, struct act_verdict *v,
                         struct err *e)
{
    struct row *r = NULL;
    *v = (struct act_verdict){.job = id};
    enum rc rc = k->engine->load(k, op->tenant, id, &r, e);
    if (!rc && (!r || !(r->flags & FLAG_BATCH) == op->of_batches)) {
        v->rc = err_set(&v->e, RC_NOT_FOUND, op->of_batches ? "no such batch" : "no such job");
        return RC_OK;
    }
    if (rc) {
        return rc;
    }
    return op->of_batches ? rules_act_on_batch(k, op->action, r, v, e) : rules_act_on(k, op->action, r, v, e);
}

enum rc rules_act(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_act *op = (struct store_act *)base;
    enum rc rc = RC_OK;
    base->rc = RC_OK;
    if (!base->items_done) {
        op->verdicts = arena_array(base->a, struct act_verdict, op->count ? op->count : 1);
        op->verdict_count = op->count;
    }
    base->items_run = base->items_done;
    while (base->items_run < op->count && !rc && !(base->items_run > base->items_done && keeper_is_over(k))) {
        size_t i = base->items_run++;
        rc = act_by_id(k, op, op->ids[i], &op->verdicts[i], e);
    }
    return rc;
}

uint32_t rules_act_states(enum job_action action)
{
    return acts_on[action];
}

int64_t rules_act_limit(const struct store_act *op)
{
    return op->limit > 0 && op->limit < ACT_LIMIT_MAX ? op->limit : ACT_LIMIT_MAX;
}
