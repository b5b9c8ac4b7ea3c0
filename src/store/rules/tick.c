/* tick.c: what time does to a job, and what a hand-out begins. */
#include "store/rules/rules.h"

#include "base/clock.h"

bool keeper_is_over(const struct keeper *k)
{
    return clock_mono_us() > k->run_until_us;
}

/* Until when the worker has time to report because the server was away since its last word; 0 = it was not. */
static int64_t grace_end(const struct store *s, int64_t lease_until, int64_t lease_ms)
{
    int64_t grace_at = atomic_load(&s->grace_at);
    int64_t grace_ms = lease_ms < JOB_RESTART_GRACE_MS ? lease_ms : JOB_RESTART_GRACE_MS;
    return grace_at && lease_until - lease_ms < grace_at ? grace_at + grace_ms : 0;
}

int64_t rules_lease_end(const struct store *s, int64_t lease_until, int64_t lease_ms)
{
    int64_t grace = grace_end(s, lease_until, lease_ms);
    return lease_until > grace ? lease_until : grace;
}

static struct job_error timed_error(const struct job_outcome *o)
{
    struct job_error error = {.class = o->class};
    switch (o->event) {
    case JOB_EV_EXPIRE:
        error.message = STR("the deadline passed");
        break;
    case JOB_EV_POISON:
        error.message = STR("the lease was lost too often");
        break;
    case JOB_EV_LOST:
        error.message = STR("the lease was lost: nothing was heard from the worker");
        break;
    default:
        error.message = STR("the job ran longer than its timeout");
    }
    return error;
}

static enum rc apply(struct keeper *k, struct row *r, const struct job_outcome *o, struct err *e)
{
    bool is_fault = o->event == JOB_EV_EXPIRE || o->event == JOB_EV_POISON || o->event == JOB_EV_LOST ||
                    o->event == JOB_EV_FAIL_RETRY || o->event == JOB_EV_FAIL_FINAL;
    enum rc rc = RC_OK;
    if (is_fault) {
        struct job_error error = timed_error(o);
        rc = row_set_error(k, r, &error, e);
    }
    if (!rc) {
        rc = row_apply(k, r, o, e);
    }
    return rc ? rc : k->engine->save(k, r, e);
}

bool rules_add_grace(const struct keeper *k, struct row *r)
{
    int64_t grace = grace_end(k->store, r->lease_until, r->lease_ms);
    if (!grace) {
        return false;
    }
    int64_t grace_at = atomic_load(&k->store->grace_at), last_word_at = r->lease_until - r->lease_ms;
    int64_t asked_at = r->cancel_at - JOB_CANCEL_GRACE_MS;
    if (r->cancel_at && asked_at < grace_at) {
        r->cancel_at += grace_at - (asked_at > last_word_at ? asked_at : last_word_at);
    }
    r->timeout_at += grace_at - last_word_at;
    r->lease_until = r->lease_until > grace ? r->lease_until : grace;
    return true;
}

/* The grace is counted in anew at every look, and kept only by the worker's next word: else it would add up. */
enum rc rules_tick(struct keeper *k, struct row *r, int64_t *applied, struct err *e)
{
    struct job_outcome o;
    struct row judged = *r;
    if (r->state == JOB_PROCESSING) {
        rules_add_grace(k, &judged);
    }
    struct job_counters c = row_counters(&judged);
    struct retry_policy p = row_retry(r);
    if (job_decide_due(&c, &p, k->now, random_u64(), &o)) {
        ++*applied;
        return apply(k, r, &o, e);
    }
    r->due_at = job_due_at(&c);
    return k->engine->save(k, r, e);
}

enum rc rules_hand_out(struct keeper *k, struct row *r, int64_t lease, int64_t lease_ms, struct err *e)
{
    enum rc rc = RC_OK;
    if (r->flags & FLAG_STAGED) { /* of a lease that is over */
        rc = row_settle(k, r, false, e);
    }
    r->flags &= ~(int64_t)(FLAG_LOST | FLAG_CANCEL);
    r->lease = lease;
    r->lease_ms = lease_ms > 0                ? lease_ms
                  : r->settings->lease_ms > 0 ? r->settings->lease_ms
                                              : JOB_LEASE_DEFAULT_MS;
    r->lease_ms = r->lease_ms > JOB_LEASE_MAX_MS ? JOB_LEASE_MAX_MS : r->lease_ms;
    r->lease_until = k->now + r->lease_ms;
    r->timeout_at = k->now + r->timeout_ms;
    r->cancel_at = 0;
    r->report_n = 0;
    r->started_at = k->now;
    r->attempt++;
    return rc ? rc : row_enter(k, r, JOB_PROCESSING, e);
}
