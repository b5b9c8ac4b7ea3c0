/* job_state.c: the one table of what may happen to a job, and the decisions that use it. See job_state.h. */
#include "core/job_state.h"

#include <assert.h>

/* Rows: where the job is. Columns: what happens. Empty = not allowed. Stored as state + 1, so that empty is 0. */
#define TO(state) (unsigned char)((state) + 1)

static const unsigned char next[JOB_STATES][JOB_EVENTS] = {
    [JOB_BLOCKED] =
        {
            [JOB_EV_UNBLOCK] = TO(JOB_QUEUED),
            [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
            [JOB_EV_EXPIRE] = TO(JOB_SKIPPED),
            [JOB_EV_SKIP] = TO(JOB_SKIPPED),
            [JOB_EV_PARENT_FAILED] = TO(JOB_FAILED),
        },
    [JOB_SCHEDULED] =
        {
            [JOB_EV_DUE] = TO(JOB_QUEUED),
            [JOB_EV_PROMOTE] = TO(JOB_QUEUED),
            [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
            [JOB_EV_EXPIRE] = TO(JOB_SKIPPED),
            [JOB_EV_SKIP] = TO(JOB_SKIPPED),
        },
    [JOB_QUEUED] =
        {
            [JOB_EV_CLAIM] = TO(JOB_PROCESSING),
            [JOB_EV_COMPLETE_LATE] = TO(JOB_COMPLETED),
            [JOB_EV_FAIL_LATE] = TO(JOB_FAILED),
            [JOB_EV_CANCEL] = TO(JOB_CANCELLED),
            [JOB_EV_EXPIRE] = TO(JOB_SKIPPED),
            [JOB_EV_SKIP] = TO(JOB_SKIPPED),
        },
    [JOB_PROCESSING] =
        {
            [JOB_EV_COMPLETE] = TO(JOB_COMPLETED),
            [JOB_EV_FAIL_RETRY] = TO(JOB_SCHEDULED),
            [JOB_EV_FAIL_FINAL] = TO(JOB_FAILED),
            [JOB_EV_SNOOZE] = TO(JOB_SCHEDULED),
            [JOB_EV_RELEASE] = TO(JOB_QUEUED),
            [JOB_EV_WAIT] = TO(JOB_BLOCKED),
            [JOB_EV_LOST] = TO(JOB_QUEUED),
            [JOB_EV_POISON] = TO(JOB_FAILED),
            [JOB_EV_CANCEL] = TO(JOB_PROCESSING),
            [JOB_EV_REVOKE] = TO(JOB_CANCELLED),
            [JOB_EV_EXPIRE] = TO(JOB_FAILED),
        },
    [JOB_COMPLETED] = {[JOB_EV_AGAIN] = TO(JOB_QUEUED)},
    [JOB_FAILED] = {[JOB_EV_RETRY] = TO(JOB_QUEUED), [JOB_EV_AGAIN] = TO(JOB_QUEUED)},
    [JOB_CANCELLED] = {[JOB_EV_RETRY] = TO(JOB_QUEUED)},
    [JOB_SKIPPED] = {[JOB_EV_RETRY] = TO(JOB_QUEUED), [JOB_EV_AGAIN] = TO(JOB_QUEUED)},
};

static const char *const event_names[JOB_EVENTS] = {
    [JOB_EV_DUE] = "due",
    [JOB_EV_UNBLOCK] = "unblock",
    [JOB_EV_CLAIM] = "claim",
    [JOB_EV_COMPLETE] = "complete",
    [JOB_EV_COMPLETE_LATE] = "complete_late",
    [JOB_EV_FAIL_RETRY] = "fail_retry",
    [JOB_EV_FAIL_FINAL] = "fail_final",
    [JOB_EV_FAIL_LATE] = "fail_late",
    [JOB_EV_SNOOZE] = "snooze",
    [JOB_EV_RELEASE] = "release",
    [JOB_EV_WAIT] = "wait",
    [JOB_EV_LOST] = "lost",
    [JOB_EV_POISON] = "poison",
    [JOB_EV_CANCEL] = "cancel",
    [JOB_EV_REVOKE] = "revoke",
    [JOB_EV_EXPIRE] = "expire",
    [JOB_EV_SKIP] = "skip",
    [JOB_EV_PARENT_FAILED] = "parent_failed",
    [JOB_EV_RETRY] = "retry",
    [JOB_EV_PROMOTE] = "promote",
    [JOB_EV_AGAIN] = "again",
};

bool job_next_state(enum job_state from, enum job_event event, enum job_state *to)
{
    unsigned char cell = next[from][event];
    if (!cell) {
        return false;
    }
    *to = (enum job_state)(cell - 1);
    return true;
}

const char *job_event_name(enum job_event e)
{
    return event_names[e];
}

/* ---- decisions */

/* An outcome that changes nothing but the state; the table must allow it (only a bug asks for another). */
static struct job_outcome outcome(const struct job_counters *c, enum job_event event)
{
    struct job_outcome o = {.event = event,
                            .run_at = c->run_at,
                            .attempt = c->attempt,
                            .lost = c->lost,
                            .snoozes = c->snoozes,
                            .waits = c->waits};
    bool is_allowed = job_next_state(c->state, event, &o.to);
    assert(is_allowed);
    return o;
}

static struct job_outcome revoked(const struct job_counters *c)
{
    struct job_outcome o = outcome(c, JOB_EV_REVOKE);
    o.reason = JOB_REASON_CANCELLED;
    return o;
}

static void run_later(struct job_outcome *o, int64_t delay_ms, int64_t now)
{
    o->run_at = delay_ms > INT64_MAX - now ? INT64_MAX : now + delay_ms;
    if (delay_ms <= 0) { /* SCHEDULED would only cost a tick */
        o->run_at = now;
        o->to = JOB_QUEUED;
    }
}

static int64_t given_back(int64_t attempt)
{
    return attempt > 0 ? attempt - 1 : 0;
}

struct job_outcome job_decide_fail(const struct job_counters *c, const struct retry_policy *p,
                                   enum error_class class, int64_t retry_after_ms, int64_t now,
                                   uint64_t random)
{
    if (c->cancel_requested) {
        return revoked(c);
    }
    bool is_last = class == ERROR_PERMANENT || (class != ERROR_RATE_LIMITED && c->attempt >= p->max_attempts);
    struct job_outcome o = outcome(c, is_last ? JOB_EV_FAIL_FINAL : JOB_EV_FAIL_RETRY);
    o.class = class;
    if (is_last) {
        o.reason = class == ERROR_TIMEOUT ? JOB_REASON_TIMEOUT : JOB_REASON_ERROR;
        return o;
    }
    run_later(&o, retry_after_ms >= 0 ? retry_after_ms : retry_delay_ms(p, c->attempt, random), now);
    if (class == ERROR_RATE_LIMITED) {
        o.attempt = given_back(c->attempt);
    }
    return o;
}

struct job_outcome job_decide_snooze(const struct job_counters *c, int64_t delay_ms, int64_t now)
{
    if (c->cancel_requested) {
        return revoked(c);
    }
    struct job_outcome o = outcome(c, JOB_EV_SNOOZE);
    run_later(&o, delay_ms, now);
    o.attempt = given_back(c->attempt);
    o.snoozes = c->snoozes + 1;
    return o;
}

/* Keeps run_at: the job goes back to where it stood in the line. */
struct job_outcome job_decide_release(const struct job_counters *c, int64_t now)
{
    (void)now;
    if (c->cancel_requested) {
        return revoked(c);
    }
    struct job_outcome o = outcome(c, JOB_EV_RELEASE);
    o.attempt = given_back(c->attempt);
    return o;
}

struct job_outcome job_decide_wait(const struct job_counters *c)
{
    if (c->cancel_requested) {
        return revoked(c);
    }
    bool is_too_often = c->waits >= JOB_WAITS_MAX;
    struct job_outcome o = outcome(c, is_too_often ? JOB_EV_FAIL_FINAL : JOB_EV_WAIT);
    if (is_too_often) {
        o.class = ERROR_PERMANENT;
        o.reason = JOB_REASON_ERROR;
        return o;
    }
    o.attempt = given_back(c->attempt);
    o.waits = c->waits + 1;
    return o;
}

static struct job_outcome expired(const struct job_counters *c)
{
    struct job_outcome o = outcome(c, JOB_EV_EXPIRE);
    bool has_run = c->attempt || c->lost || c->snoozes || c->waits;
    if (o.to == JOB_SKIPPED && has_run) {
        o.to = JOB_FAILED; /* `skipped` promises that it never ran */
    }
    o.reason = JOB_REASON_EXPIRED;
    o.class = ERROR_TIMEOUT;
    o.raise_lease = true;
    return o;
}

static struct job_outcome lost(const struct job_counters *c)
{
    if (c->cancel_requested) {
        struct job_outcome r = revoked(c);
        r.raise_lease = true;
        return r;
    }
    int64_t lost_max = c->lost_max > 0 ? c->lost_max : JOB_LOST_MAX_DEFAULT;
    bool is_poisoned = c->on_lost == JOB_ON_LOST_FAIL || c->lost + 1 >= lost_max;
    struct job_outcome o = outcome(c, is_poisoned ? JOB_EV_POISON : JOB_EV_LOST);
    o.class = ERROR_CRASH;
    o.lost = c->lost + 1;
    o.attempt = given_back(c->attempt);
    o.raise_lease = is_poisoned; /* a lost lease may still bring its result: the number stays */
    o.reason = is_poisoned ? JOB_REASON_POISONED : JOB_REASON_NONE;
    return o;
}

static bool has_come(int64_t at, int64_t now)
{
    return at && at <= now;
}

bool job_decide_due(const struct job_counters *c, const struct retry_policy *p, int64_t now, uint64_t random,
                    struct job_outcome *out)
{
    if (job_state_is_final(c->state)) {
        return false;
    }
    if (has_come(c->deadline_at, now)) {
        *out = expired(c);
        return true;
    }
    if (c->state == JOB_SCHEDULED && has_come(c->run_at, now)) {
        *out = outcome(c, JOB_EV_DUE);
        return true;
    }
    if (c->state != JOB_PROCESSING) {
        return false;
    }
    if (c->cancel_requested && has_come(c->cancel_at, now)) {
        *out = revoked(c);
    } else if (has_come(c->timeout_at, now)) {
        *out = job_decide_fail(c, p, ERROR_TIMEOUT, -1, now, random);
    } else if (has_come(c->lease_until, now)) {
        *out = lost(c);
        return true;
    } else {
        return false;
    }
    out->raise_lease = true;
    return true;
}

static void keep_earlier(int64_t *due_at, int64_t at)
{
    if (at && (!*due_at || at < *due_at)) {
        *due_at = at;
    }
}

int64_t job_due_at(const struct job_counters *c)
{
    int64_t due_at = 0;
    if (job_state_is_final(c->state)) {
        return 0;
    }
    keep_earlier(&due_at, c->deadline_at);
    if (c->state == JOB_SCHEDULED) {
        keep_earlier(&due_at, c->run_at);
    }
    if (c->state == JOB_PROCESSING) {
        keep_earlier(&due_at, c->cancel_requested ? c->cancel_at : 0);
        keep_earlier(&due_at, c->timeout_at);
        keep_earlier(&due_at, c->lease_until);
    }
    return due_at;
}
