/* report.c: what workers say. An item is checked whole before its first write, so that a refusal leaves no trace. */
#include "store/rules/rules.h"

#include <string.h>

#define EVENTS_PER_REPORT_MAX    1000
#define ARTIFACTS_PER_REPORT_MAX 64

#define PACKED_FOREVER (1LL << 58)

/* The answer of an accepted report in one number: state | cancel | a time: of the next run, or of a take. */
static int64_t pack_verdict(const struct report_verdict *v)
{
    int64_t time = v->take_wait_ms == JOB_FOREVER_MS ? PACKED_FOREVER : v->take_wait_ms;
    return (v->run_at ? v->run_at : time) << 4 | (int64_t)v->cancel << 3 | (int64_t)v->state;
}

static void unpack_verdict(const struct keeper *k, const struct row *r, const struct report *in,
                           struct report_verdict *v)
{
    v->state = (enum job_state)(r->report_verdict & 7);
    v->cancel = r->report_verdict >> 3 & 1;
    int64_t time = r->report_verdict >> 4;
    v->run_at = in->take_count ? 0 : time;
    v->take_wait_ms = !in->take_count ? 0 : time == PACKED_FOREVER ? JOB_FOREVER_MS : time;
    v->replayed = true;
    bool is_running = r->state == JOB_PROCESSING && v->state == JOB_PROCESSING;
    int64_t end = rules_lease_end(k->store, r->lease_until, r->lease_ms);
    v->lease_left_ms = is_running && end > k->now ? end - k->now : 0;
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
static bool may_apply(const struct keeper *k, const struct row *r, const struct report *in,
                      struct report_verdict *v)
{
    v->state = r->state;
    if (in->lease != r->lease || in->lease <= 0) {
        lease_lost(r, v);
        return false;
    }
    if (r->report_n && in->n == r->report_n && in->hash == r->report_hash) {
        unpack_verdict(k, r, in, v);
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
        r->state == JOB_PROCESSING && rules_lease_end(k->store, r->lease_until, r->lease_ms) <= k->now;
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

static bool is_bad_publish(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v)
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
        if (p->keep < 1 || (!has_name(in, p->artifact) && !k->engine->has_artifact(k, r, p->artifact))) {
            return invalid(v, "publish", "names no artifact of this job, or keeps none");
        }
    }
    return false;
}

/* Where it is wrong, by the report that brings it. */
static void in_child(struct err *e, size_t at)
{
    char field[sizeof e->field];
    str_copy(field, sizeof field, str_from(e->field));
    str_print(e->field, sizeof e->field, "/children/%zu%s%s", at, field[0] && field[0] != '/' ? "/" : "",
              field);
    err_wrap(e, e->rc, "children[%zu]", at);
}

/* Children are new jobs: none on a full disk, while reports without them go on (J17). */
static bool has_bad_child(struct keeper *k, const struct row *r, const struct store_report *op,
                          const struct report *in, struct report_verdict *v)
{
    bool may_have = in->op == REPORT_PROGRESS || in->op == REPORT_COMPLETE || in->op == REPORT_WAIT;
    if (in->child_count && (!may_have || in->child_count > JOB_CHILDREN_MAX)) {
        return invalid(v, "children",
                       may_have ? "has too many items" : "goes with progress, complete and wait");
    }
    if (in->child_count && k->is_refusing) {
        v->rc = err_set(&v->e, RC_FULL, "the store's disk is full");
        return true;
    }
    for (size_t i = 0; i < in->child_count && !v->rc; i++) {
        const struct job_spec *s = &in->children[i];
        v->rc = job_spec_check(s, &v->e);
        if (!v->rc && !store_queue_allowed(op->only_queues, rules_child_queue(r, s))) {
            v->rc = err_set(&v->e, RC_DENIED, "this key is limited to other queues");
        }
        if (v->rc) {
            in_child(&v->e, i);
        }
    }
    struct job_links unused;
    size_t bad = 0;
    if (!v->rc && in->child_count && (v->rc = rules_check_child_links(k, in, &unused, &bad, &v->e))) {
        in_child(&v->e, bad);
    }
    return v->rc != RC_OK;
}

static bool is_bad(struct keeper *k, struct row *r, const struct store_report *op, const struct report *in,
                   struct report_verdict *v)
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
           is_bad_publish(k, r, in, v) || has_bad_child(k, r, op, in, v) || rules_has_bad_limits(k, r, in, v);
}

/* ---- applying */

static enum rc put_artifact(struct keeper *k, struct row *r, const struct report_artifact *a, struct err *e)
{
    struct artifact whole = {
        .name = a->name, .media_type = a->media_type, .bytes = a->bytes, .size = (int64_t)a->bytes.n};
    memcpy(whole.sha256, a->sha256, sizeof whole.sha256);
    r->flags |= FLAG_STAGED;
    return k->engine->stage_artifact(k, r, &whole, e);
}

/* Events, checkpoint, progress and artifacts: any report may bring them. */
static enum rc carry(struct keeper *k, struct row *r, const struct report *in, bool *is_news, struct err *e)
{
    enum rc rc = RC_OK;
    bool is_for_root = false;
    for (size_t i = 0; i < in->event_count && !rc; i++) {
        rc = row_add_event(k, r, in->events[i].type, in->events[i].data, e);
        is_for_root |= in->events[i].at_root;
    }
    if (!rc && is_for_root && r->flags & FLAG_CHILD) {
        rc = rules_tell_root(k, r, in, e);
    }
    if (!rc && in->checkpoint.p) {
        rc = k->engine->set_text(k, r, ROW_CHECKPOINT, in->checkpoint, e);
    }
    for (size_t i = 0; i < in->artifact_count && !rc; i++) {
        rc = put_artifact(k, r, &in->artifacts[i], e);
    }
    bool keeps_progress = in->store_progress || in->op != REPORT_PROGRESS;
    if (!rc && keeps_progress && in->progress_permille >= 0) {
        r->progress = in->progress_permille > 1000 ? 1000 : in->progress_permille;
        *is_news = true;
        if (in->progress_message.p) {
            rc = k->engine->set_progress_message(k, r, in->progress_message, e);
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

static enum rc renew(struct keeper *k, struct row *r, const struct report *in, bool is_news,
                     struct report_verdict *v, struct err *e)
{
    bool was_away = rules_add_grace(k, r);
    r->lease_ms = in->lease_ms ? in->lease_ms : r->lease_ms;
    r->lease_until = k->now + r->lease_ms;
    row_set_due(r);
    v->state = r->state;
    v->cancel = r->flags & FLAG_CANCEL;
    v->lease_left_ms = r->lease_ms;
    note_report(r, in, v);
    if (is_news) {
        row_changed(k, r);
    }
    return was_away ? k->engine->save(k, r, e) : k->engine->save_renewed(k, r, e);
}

static enum rc complete(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v,
                        struct err *e)
{
    bool is_last_turn = r->flags & FLAG_LAST_TURN; /* what it brings is kept, but it was cancelled */
    enum job_event event = is_last_turn                 ? JOB_EV_REVOKE
                           : r->state == JOB_PROCESSING ? JOB_EV_COMPLETE
                                                        : JOB_EV_COMPLETE_LATE;
    enum job_state to = JOB_COMPLETED;
    enum rc rc =
        job_next_state(r->state, event, &to) ? RC_OK : err_set(e, RC_FATAL, "complete is not allowed");
    if (!rc && event == JOB_EV_COMPLETE && r->flags & FLAG_LANED && r->limits.n) {
        rc = k->engine->mend_limits(k, r, e);
    }
    if (!rc && is_last_turn && r->flags & FLAG_STAGED) {
        rc = row_settle(k, r, true, e);
    }
    if (!rc) {
        rc = row_finish(k, r, to, is_last_turn ? JOB_REASON_CANCELLED : JOB_REASON_NONE, e);
    }
    for (size_t i = 0; i < in->publish_count && !rc; i++) {
        rc = k->engine->publish_artifact(k, r, &in->publish[i], in->result, e);
    }
    v->state = r->state;
    note_report(r, in, v);
    return rc ? rc : k->engine->save_finished(k, r, in->result, e);
}

static enum rc apply_outcome(struct keeper *k, struct row *r, const struct job_outcome *o,
                             const struct report *in, struct report_verdict *v, struct err *e)
{
    enum rc rc = row_apply(k, r, o, e);
    v->state = r->state;
    bool runs_later = o->event == JOB_EV_FAIL_RETRY || o->event == JOB_EV_SNOOZE;
    v->run_at = runs_later ? r->run_at : 0;
    note_report(r, in, v);
    return rc ? rc : k->engine->save(k, r, e);
}

static enum rc fail(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v,
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
                            .snoozes = r->snoozes,
                            .waits = r->waits};
    if (r->state == JOB_PROCESSING) {
        o = job_decide_fail(&c, &p, in->error.class, in->retry_after_ms, k->now, random_u64());
    }
    enum rc rc = row_set_error(k, r, &in->error, e);
    return rc ? rc : apply_outcome(k, r, &o, in, v, e);
}

static enum rc give_back(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v,
                         struct err *e)
{
    struct job_counters c = row_counters(r);
    struct job_outcome o = in->op == REPORT_SNOOZE ? job_decide_snooze(&c, in->delay_ms, k->now)
                                                   : job_decide_release(&c, k->now);
    return apply_outcome(k, r, &o, in, v, e);
}

/* A job that is to have a last turn, and learns only now that it was cancelled, has not run it yet. */
static enum rc wait(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v,
                    struct err *e)
{
    enum rc rc = RC_OK;
    bool is_cancelled =
        r->flags & FLAG_CANCEL && r->flags & FLAG_RUN_ON_CANCEL && !(r->flags & FLAG_LAST_TURN);
    if (is_cancelled) {
        r->flags &= ~(int64_t)FLAG_CANCEL;
    }
    struct job_counters c = row_counters(r);
    struct job_outcome o = job_decide_wait(&c);
    if (o.event == JOB_EV_FAIL_FINAL) {
        const struct job_error error = {.class = ERROR_PERMANENT,
                                        .code = STR("too_many_waits"),
                                        .message = STR("the job waited too often")};
        rc = row_set_error(k, r, &error, e);
    }
    if (o.to == JOB_BLOCKED) {
        r->flags |= FLAG_WAITS | (is_cancelled ? FLAG_LAST_TURN : 0);
    }
    if (!rc) {
        rc = apply_outcome(k, r, &o, in, v, e);
    }
    return rc || o.to != JOB_BLOCKED ? rc : rules_park(k, r, e);
}

static enum rc apply(struct keeper *k, struct row *r, const struct store_report *op, const struct report *in,
                     struct report_verdict *v, struct err *e)
{
    bool is_news = false;
    enum rc rc = carry(k, r, in, &is_news, e);
    if (!rc && in->child_count) {
        rc = rules_add_children(k, r, op, in, v, e);
    }
    if (!rc && (in->take_count || in->correct_count || in->pause_key.n)) {
        rc = rules_use_limits(k, r, in, v, e);
    }
    if (rc) {
        return rc;
    }
    switch (in->op) {
    case REPORT_COMPLETE:
        return complete(k, r, in, v, e);
    case REPORT_FAIL:
        return fail(k, r, in, v, e);
    case REPORT_SNOOZE:
    case REPORT_RELEASE:
        return give_back(k, r, in, v, e);
    case REPORT_WAIT:
        return wait(k, r, in, v, e);
    default:
        return renew(k, r, in, is_news, v, e);
    }
}

static enum rc report_one(struct keeper *k, const struct store_report *op, const struct report *in,
                          struct report_verdict *v, struct err *e)
{
    struct row *r = NULL;
    *v = (struct report_verdict){0};
    enum rc rc = k->engine->load(k, op->tenant, in->job, &r, e);
    if (rc) {
        return rc;
    }
    if (!r || r->flags & FLAG_BATCH) {
        v->rc = err_set(&v->e, RC_NOT_FOUND, "no such job");
        return RC_OK;
    }
    if (!store_queue_allowed(op->only_queues, r->queue)) {
        v->rc = err_set(&v->e, RC_DENIED, "this key is limited to other queues");
        return RC_OK;
    }
    if (!may_apply(k, r, in, v) || is_bad(k, r, op, in, v)) {
        return RC_OK;
    }
    bool is_snoozed_out =
        in->op == REPORT_SNOOZE && r->snoozes >= JOB_SNOOZES_MAX && !(r->flags & FLAG_CANCEL);
    if (is_snoozed_out) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "snoozed_too_often", NULL, "the job was snoozed %d times",
                             JOB_SNOOZES_MAX);
        return RC_OK;
    }
    return apply(k, r, op, in, v, e);
}

enum rc rules_report(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_report *op = (struct store_report *)base;
    enum rc rc = RC_OK;
    base->rc = RC_OK;
    if (!base->items_done) {
        op->verdicts = arena_array(base->a, struct report_verdict, op->count ? op->count : 1);
    }
    base->items_run = base->items_done;
    while (base->items_run < op->count && !rc && !(base->items_run > base->items_done && keeper_is_over(k))) {
        size_t i = base->items_run++;
        rc = report_one(k, op, &op->items[i], &op->verdicts[i], e);
    }
    return rc;
}
