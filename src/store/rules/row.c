/* row.c: see row.h. */
#include "store/rules/rules.h"

#include <assert.h>

#define ERROR_TEXT_MAX_BYTES (JOB_ERROR_MAX_BYTES / 2)

struct job_counters row_counters(const struct row *r)
{
    bool is_running =
        r->state == JOB_PROCESSING; /* else these keep old values, so that the row keeps its width */
    return (struct job_counters){
        .state = r->state,
        .attempt = r->attempt,
        .lost = r->lost,
        .snoozes = r->snoozes,
        .waits = r->waits,
        .lost_max = r->lost_max,
        .on_lost = r->flags & FLAG_FAIL_ON_LOST ? JOB_ON_LOST_FAIL : JOB_ON_LOST_RETRY,
        .cancel_requested = r->flags & FLAG_CANCEL || (is_running && r->flags & FLAG_LAST_TURN),
        .lease_until = is_running ? r->lease_until : 0,
        .lease_ms = r->lease_ms,
        .timeout_at = is_running ? r->timeout_at : 0,
        .cancel_at = is_running ? r->cancel_at : 0,
        .deadline_at = r->deadline_at,
        .run_at = r->run_at};
}

struct retry_policy row_retry(const struct row *r)
{
    struct retry_policy p = retry_default();
    bool is_good = retry_parse(r->retry, &p);
    assert(is_good); /* we printed it */
    return p;
}

bool row_has_begun(const struct row *r)
{
    return r->state == JOB_PROCESSING || r->attempt + r->lost + r->snoozes + r->waits > 0 || r->report_n;
}

bool row_had_begun(const struct row *r)
{
    return r->started_at > 0;
}

void row_set_due(struct row *r)
{
    struct job_counters c = row_counters(r);
    r->due_at = job_due_at(&c);
}

struct store_change *row_changed(struct keeper *k, const struct row *r)
{
    struct store_change *c = store_round_add(k->round);
    c->tenant = r->tenant;
    c->job = r->id;
    c->queue = r->queue;
    c->kind = r->kind;
    c->state = r->state;
    c->last_seq = r->last_seq;
    c->priority = r->priority;
    c->run_at = r->run_at;
    return c;
}

/* ---- transitions */

enum rc row_enter(struct keeper *k, struct row *r, enum job_state to, struct err *e)
{
    enum job_state from = r->state;
    k->engine->count_out(k, r);
    r->state = to;
    enum rc rc = k->engine->count_in(k, r, e);
    if (!rc && r->flags & (FLAG_CHILD | FLAG_MEMBER) && job_state_is_final(from) != job_state_is_final(to)) {
        rc = rules_moved(k, r, from, e);
    }
    if (!rc && from == JOB_BLOCKED && to != from && r->flags & FLAG_DEPENDS) {
        r->flags &= ~(int64_t)FLAG_DEPENDS;
        rc = k->engine->forget_links(k, r, e);
    }
    if (!rc && r->flags & FLAG_AWAITED && job_state_is_final(to)) {
        rc = rules_ended(k, r, e);
    }
    if (!rc && r->flags & FLAG_FINALLY && job_state_is_final(to)) {
        rc = rules_finaliser_ended(k, r, e);
    }
    if (rc) {
        return rc;
    }
    row_set_due(r);
    struct store_change *c = row_changed(k, r);
    c->state_changed = from != to;
    c->became_queued = to == JOB_QUEUED;
    return RC_OK;
}

static void raise_lease(struct row *r)
{
    if (r->lease < JOB_LEASE_NUMBER_MAX) {
        r->lease++;
    }
}

enum rc row_finish(struct keeper *k, struct row *r, enum job_state to, enum job_reason reason, struct err *e)
{
    static const enum queue_total totals[JOB_STATES] = {[JOB_COMPLETED] = TOTAL_COMPLETED,
                                                        [JOB_FAILED] = TOTAL_FAILED,
                                                        [JOB_CANCELLED] = TOTAL_CANCELLED,
                                                        [JOB_SKIPPED] = TOTAL_CANCELLED};
    int64_t retention_ms = settings_retention_ms(r->settings, to);
    enum rc rc = RC_OK;
    r->reason = reason;
    r->finished_at = k->now;
    r->expires_at = retention_ms > INT64_MAX / 2 ? 0 : k->now + retention_ms;
    r->last_seq++; /* `end`, which the readers make from this row */
    r->flags &= ~(int64_t)(FLAG_LOST | FLAG_CANCEL | FLAG_WAITS | FLAG_LAST_TURN);
    if (to != JOB_SKIPPED) {
        k->engine->count_total(k, r, totals[to]);
    }
    if (r->flags & FLAG_HOLDS_KEY) {
        rc = k->engine->release_key(k, r, e);
    }
    if (!rc && r->flags & FLAG_STAGED) {
        rc = row_settle(k, r, to == JOB_COMPLETED, e);
    }
    return rc ? rc : row_enter(k, r, to, e);
}

enum rc row_apply(struct keeper *k, struct row *r, const struct job_outcome *o, struct err *e)
{
    if (o->lost > r->lost) {
        k->engine->count_total(k, r, TOTAL_LOST);
    }
    if (o->event == JOB_EV_FAIL_RETRY) {
        k->engine->count_total(k, r, TOTAL_RETRIED);
    }
    r->run_at = o->run_at;
    r->attempt = o->attempt;
    r->lost = o->lost;
    r->snoozes = o->snoozes;
    r->waits = o->waits;
    if (o->raise_lease) {
        raise_lease(r);
    }
    if (job_state_is_final(o->to)) {
        return row_finish(k, r, o->to, o->reason, e);
    }
    if (o->event == JOB_EV_LOST) {
        r->flags |= FLAG_LOST;
    }
    return row_enter(k, r, o->to, e);
}

enum rc row_remove(struct keeper *k, struct row *r, struct err *e)
{
    k->engine->count_out(k, r);
    return k->engine->remove(k, r, e);
}

/* ---- what a row has */

enum rc row_settle(struct keeper *k, struct row *r, bool publish, struct err *e)
{
    enum rc rc = k->engine->settle_artifacts(k, r, publish, e);
    if (publish) {
        r->flags |= FLAG_ARTIFACTS;
    }
    r->flags &= ~(int64_t)FLAG_STAGED;
    return rc;
}

enum rc row_add_event(struct keeper *k, struct row *r, struct str type, struct str data, struct err *e)
{
    struct job_event_row event = {.seq = r->last_seq + 1,
                                  .at = k->now,
                                  .type = type.p ? type : STR(""),
                                  .data = data.p ? data : STR("null")};
    enum rc rc = k->engine->add_event(k, r, &event, e);
    if (!rc) {
        r->last_seq++;
        r->flags |= FLAG_EVENTS;
    }
    return rc;
}

static struct str cut_text(struct str s)
{
    size_t n = s.n < ERROR_TEXT_MAX_BYTES ? s.n : ERROR_TEXT_MAX_BYTES;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--; /* not within a character */
    }
    return str_sub(s, 0, n);
}

enum rc row_set_error(struct keeper *k, struct row *r, const struct job_error *error, struct err *e)
{
    const struct job_error kept = {.class = error->class,
                                   .code = cut_text(error->code),
                                   .message = cut_text(error->message),
                                   .stack = cut_text(error->stack)};
    return k->engine->set_error(k, r, &kept, e);
}
