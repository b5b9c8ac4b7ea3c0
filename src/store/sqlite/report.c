/* report.c: what workers say. An item is checked whole before its first write, so that a refusal leaves no trace. */
#include "store/sqlite/artifacts.h"
#include "store/sqlite/tick.h"

#define EVENTS_PER_REPORT_MAX    1000
#define ARTIFACTS_PER_REPORT_MAX 64

/* The answer of an accepted report in one number: state | cancel | a time. */
static int64_t pack_verdict(const struct report_verdict *v)
{
    return v->run_at << 4 | (int64_t)v->cancel << 3 | (int64_t)v->state;
}

static void unpack_verdict(const struct writer *w, const struct row *r, struct report_verdict *v)
{
    v->state = (enum job_state)(r->report_verdict & 7);
    v->cancel = r->report_verdict >> 3 & 1;
    v->run_at = r->report_verdict >> 4;
    v->replayed = true;
    bool is_running = r->state == JOB_PROCESSING && v->state == JOB_PROCESSING;
    v->lease_left_ms = is_running && r->lease_until > w->now ? r->lease_until - w->now : 0;
}

static bool is_final_say(const struct report *in)
{
    return in->op == REPORT_COMPLETE || (in->op == REPORT_FAIL && in->error.class == ERROR_PERMANENT);
}

static void lease_lost(const struct row *r, struct report_verdict *v)
{
    v->rc = err_set_code(&v->e, RC_LEASE_LOST, "lease_lost", NULL, "the lease is over; the job is %s",
                         job_state_name(r->state));
}

/* Fencing and idempotency. True: go on and apply. */
static bool may_apply(const struct writer *w, const struct row *r, const struct report *in,
                      struct report_verdict *v)
{
    v->state = r->state;
    if (in->lease != r->lease || in->lease <= 0) {
        lease_lost(r, v);
        return false;
    }
    if (r->report_n && in->n == r->report_n && in->hash == r->report_hash) {
        unpack_verdict(w, r, v);
        return false;
    }
    if (r->report_n && in->n <= r->report_n) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "stale_report", "n",
                             "report %lld is not newer than report %lld of this lease", (long long)in->n,
                             (long long)r->report_n);
        return false;
    }
    bool is_late = r->state == JOB_QUEUED && r->flags & FLAG_LOST;
    bool is_over =
        r->state == JOB_PROCESSING && tick_lease_end(w->engine, r->lease_until, r->lease_ms) <= w->now;
    bool is_open = r->state == JOB_PROCESSING && !is_over;
    if (!is_open && !((is_late || is_over) && is_final_say(in))) {
        lease_lost(r, v);
        return false;
    }
    return true;
}

/* ---- the check of what it carries */

static bool too_big(struct report_verdict *v, const char *field, size_t bytes, size_t max)
{
    if (bytes <= max) {
        return false;
    }
    v->rc = err_set_code(&v->e, RC_TOO_BIG, NULL, field, "%s is %zu bytes; at most %zu are allowed", field,
                         bytes, max);
    return true;
}

static bool invalid(struct report_verdict *v, const char *field, const char *what)
{
    v->rc = err_set_code(&v->e, RC_INVALID, "invalid_field", field, "%s %s", field, what);
    return true;
}

static bool has_name(const struct report *in, struct str name)
{
    for (size_t i = 0; i < in->artifact_count; i++) {
        if (str_eq(in->artifacts[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool is_bad_publish(struct writer *w, const struct row *r, const struct report *in,
                           struct report_verdict *v)
{
    if (in->publish_count > ARTIFACTS_PER_REPORT_MAX) {
        return invalid(v, "publish", "has too many items");
    }
    for (size_t i = 0; i < in->publish_count; i++) {
        const struct report_publish *p = &in->publish[i];
        if (in->op != REPORT_COMPLETE) {
            return invalid(v, "publish", "goes with complete only");
        }
        if (!p->series.n || p->series.n > 4 * JOB_NAME_MAX_BYTES || !str_is_utf8(p->series)) {
            return invalid(v, "publish", "needs the name of a series");
        }
        if (p->keep < 1 || (!has_name(in, p->artifact) && !artifacts_has(w, r, p->artifact))) {
            return invalid(v, "publish", "names no artifact of this job, or keeps none");
        }
    }
    return false;
}

static bool is_bad(struct writer *w, const struct row *r, const struct report *in, struct report_verdict *v)
{
    if (in->n < 1 || in->op < 0 || in->op >= REPORT_OPS) {
        return invalid(v, in->n < 1 ? "n" : "op", "is not valid");
    }
    if (in->event_count > EVENTS_PER_REPORT_MAX || in->artifact_count > ARTIFACTS_PER_REPORT_MAX) {
        return invalid(v, in->event_count > EVENTS_PER_REPORT_MAX ? "events" : "artifacts",
                       "has too many items");
    }
    for (size_t i = 0; i < in->event_count; i++) {
        if (!str_is_name(in->events[i].type)) {
            return invalid(v, "events", "needs a type that is a name");
        }
        if (too_big(v, "events", in->events[i].data.n, JOB_EVENT_MAX_BYTES)) {
            return true;
        }
    }
    for (size_t i = 0; i < in->artifact_count; i++) {
        if (!str_is_name(in->artifacts[i].name)) {
            return invalid(v, "artifacts", "needs a name");
        }
        if (too_big(v, "artifacts", in->artifacts[i].bytes.n, JOB_ARTIFACT_ROW_BYTES)) {
            return true;
        }
    }
    if (in->lease_ms < 0 || in->lease_ms > JOB_LEASE_MAX_MS) {
        return invalid(v, "lease_s", "is out of range");
    }
    if (in->op == REPORT_SNOOZE && (in->delay_ms < 0 || in->delay_ms > RETRY_DELAY_MAX_MS)) {
        return invalid(v, "delay_s", "is out of range");
    }
    return too_big(v, "result", in->result.n, JOB_RESULT_MAX_BYTES) ||
           too_big(v, "checkpoint", in->checkpoint.n, JOB_CHECKPOINT_MAX_BYTES) ||
           is_bad_publish(w, r, in, v);
}

/* ---- applying */

/* Events, checkpoint, progress and artifacts: any report may bring them. */
static enum rc carry(struct writer *w, struct row *r, const struct report *in, bool *is_news, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < in->event_count && !rc; i++) {
        rc = event_add(w, r, in->events[i].type, in->events[i].data, e);
    }
    if (!rc && in->checkpoint.p) {
        rc = row_set_text(w, r, BODY_CHECKPOINT, in->checkpoint, e);
    }
    for (size_t i = 0; i < in->artifact_count && !rc; i++) {
        rc = artifacts_put(w, r, &in->artifacts[i], e);
    }
    bool keeps_progress = in->store_progress || in->op != REPORT_PROGRESS;
    if (!rc && keeps_progress && in->progress_permille >= 0) {
        r->progress = in->progress_permille > 1000 ? 1000 : in->progress_permille;
        *is_news = true;
        if (in->progress_message.p) {
            rc = run_with_text(w->db, SQL_JOB_SET_PROGRESS_MESSAGE, r->id, in->progress_message, e);
        }
    }
    *is_news |= in->event_count > 0;
    return rc;
}

static void note_report(struct row *r, const struct report *in, const struct report_verdict *v)
{
    r->report_n = in->n;
    r->report_hash = in->hash;
    r->report_verdict = pack_verdict(v);
}

static enum rc save_touch(struct writer *w, const struct row *r, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_TOUCH, &q, e);
    if (rc) {
        return rc;
    }
    const int64_t numbers[] = {r->id,          r->due_at,         r->lease_ms, r->lease_until, r->report_n,
                               r->report_hash, r->report_verdict, r->last_seq, r->progress,    r->flags};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        db_bind_int(q, (int)i + 1, numbers[i]);
    }
    return db_run(q, e);
}

static enum rc renew(struct writer *w, struct row *r, const struct report *in, bool is_news,
                     struct report_verdict *v, struct err *e)
{
    r->lease_ms = in->lease_ms ? in->lease_ms : r->lease_ms;
    r->lease_until = w->now + r->lease_ms;
    row_set_due(w, r);
    v->state = r->state;
    v->cancel = r->flags & FLAG_CANCEL;
    v->lease_left_ms = r->lease_ms;
    note_report(r, in, v);
    if (is_news) {
        row_changed(w, r);
    }
    return save_touch(w, r, e);
}

static enum rc complete(struct writer *w, struct row *r, const struct report *in, struct report_verdict *v,
                        struct err *e)
{
    enum job_event event = r->state == JOB_PROCESSING ? JOB_EV_COMPLETE : JOB_EV_COMPLETE_LATE;
    enum job_state to = JOB_COMPLETED;
    bool found = false;
    enum rc rc =
        job_next_state(r->state, event, &to) ? RC_OK : err_set(e, RC_FATAL, "complete is not allowed");
    if (!rc) {
        rc = row_finish(w, r, to, JOB_REASON_NONE, e);
    }
    for (size_t i = 0; i < in->publish_count && !rc; i++) {
        rc = artifacts_publish(w, r, &in->publish[i], in->result, &found, e);
    }
    v->state = r->state;
    note_report(r, in, v);
    return rc ? rc : row_save_finished(w, r, in->result, e);
}

static enum rc apply_outcome(struct writer *w, struct row *r, const struct job_outcome *o,
                             const struct report *in, struct report_verdict *v, struct err *e)
{
    enum rc rc = row_apply(w, r, o, e);
    v->state = r->state;
    bool runs_later = o->event == JOB_EV_FAIL_RETRY || o->event == JOB_EV_SNOOZE;
    v->run_at = runs_later ? r->run_at : 0;
    note_report(r, in, v);
    return rc ? rc : row_save(w, r, e);
}

static enum rc fail(struct writer *w, struct row *r, const struct report *in, struct report_verdict *v,
                    struct err *e)
{
    struct job_counters c = row_counters(r);
    struct retry_policy p = row_retry(r);
    struct job_outcome o = {.event = JOB_EV_FAIL_LATE,
                            .to = JOB_FAILED,
                            .reason = JOB_REASON_ERROR,
                            .run_at = r->run_at,
                            .attempt = r->attempt,
                            .lost = r->lost,
                            .snoozes = r->snoozes};
    if (r->state == JOB_PROCESSING) {
        o = job_decide_fail(&c, &p, in->error.class, in->retry_after_ms, w->now, random_u64());
    }
    enum rc rc = row_set_error(w, r, &in->error, e);
    return rc ? rc : apply_outcome(w, r, &o, in, v, e);
}

static enum rc give_back(struct writer *w, struct row *r, const struct report *in, struct report_verdict *v,
                         struct err *e)
{
    struct job_counters c = row_counters(r);
    struct job_outcome o = in->op == REPORT_SNOOZE ? job_decide_snooze(&c, in->delay_ms, w->now)
                                                   : job_decide_release(&c, w->now);
    return apply_outcome(w, r, &o, in, v, e);
}

static enum rc apply(struct writer *w, struct row *r, const struct report *in, struct report_verdict *v,
                     struct err *e)
{
    bool is_news = false;
    enum rc rc = carry(w, r, in, &is_news, e);
    if (rc) {
        return rc;
    }
    switch (in->op) {
    case REPORT_COMPLETE:
        return complete(w, r, in, v, e);
    case REPORT_FAIL:
        return fail(w, r, in, v, e);
    case REPORT_SNOOZE:
    case REPORT_RELEASE:
        return give_back(w, r, in, v, e);
    default:
        return renew(w, r, in, is_news, v, e);
    }
}

static enum rc report_one(struct writer *w, const struct store_report *op, const struct report *in,
                          struct report_verdict *v, struct err *e)
{
    struct row r;
    bool found = false;
    *v = (struct report_verdict){0};
    enum rc rc = row_load(w, op->tenant, in->job, &r, &found, e);
    if (rc) {
        return rc;
    }
    if (!found) {
        v->rc = err_set(&v->e, RC_NOT_FOUND, "no such job");
        return RC_OK;
    }
    if (!store_queue_allowed(op->only_queues, names_get(&w->engine->queue_names, r.queue))) {
        v->rc = err_set(&v->e, RC_DENIED, "this key is limited to other queues");
        return RC_OK;
    }
    if (!may_apply(w, &r, in, v) || is_bad(w, &r, in, v)) {
        return RC_OK;
    }
    bool is_snoozed_out = in->op == REPORT_SNOOZE && r.snoozes >= JOB_SNOOZES_MAX && !(r.flags & FLAG_CANCEL);
    if (is_snoozed_out) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "snoozed_too_often", NULL, "the job was snoozed %d times",
                             JOB_SNOOZES_MAX);
        return RC_OK;
    }
    return apply(w, &r, in, v, e);
}

enum rc report_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_report *op = (struct store_report *)base;
    enum rc rc = RC_OK;
    base->rc = RC_OK;
    if (!base->items_done) {
        op->verdicts = arena_array(base->a, struct report_verdict, op->count ? op->count : 1);
    }
    base->items_run = base->items_done;
    while (base->items_run < op->count && !rc && !(base->items_run > base->items_done && round_is_over(w))) {
        size_t i = base->items_run++;
        rc = report_one(w, op, &op->items[i], &op->verdicts[i], e);
    }
    return rc;
}
