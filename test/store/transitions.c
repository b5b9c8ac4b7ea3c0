/* The walk: every state that can be reached through the store, and every event that the store's users and clock can
 * cause, against the one table of core/job_state.c. What the table allows happens; what it does not changes nothing. */
#include "limit_rig.h"

static const struct job_spec sleeper = {.queue = {"elsewhere", 9},
                                        .kind = {"sleeper", 7},
                                        .delay_ms = 10 * DAY}; /* a child that a job waits for */

/* A job in this state, with the lease number that somebody once held (0 when nobody did), in *job. */
static void bring_to(struct store_test *s, enum job_state state, struct job_spec spec, struct job *job)
{
    if (state == JOB_SKIPPED) {
        spec.deadline_ms = SECOND;
        *job = *job_of(s, enqueue_new(s, spec, JOB_QUEUED));
        (void)pass(s, SECOND);
    } else {
        *job = *claim_new(s, spec);
    }
    switch (state) {
    case JOB_BLOCKED:
        VERDICT(report_one(s, a_report(job, 1, REPORT_WAIT, .children = &sleeper, .child_count = 1)), RC_OK);
        break;
    case JOB_SCHEDULED:
        VERDICT(snooze(s, job, 1, HOUR), RC_OK);
        break;
    case JOB_QUEUED:
        (void)pass(s, JOB_LEASE_DEFAULT_MS); /* lost: its number may still bring a result */
        break;
    case JOB_COMPLETED:
        VERDICT(complete(s, job, 1), RC_OK);
        break;
    case JOB_FAILED:
        VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
        break;
    case JOB_CANCELLED:
        VERDICT(cancel(s, job->id), RC_OK);
        VERDICT(release(s, job, 1), RC_OK);
        break;
    default:
        break;
    }
    CHECK_STATE(s, job->id, state);
}

static void happen_by_report(struct store_test *s, const struct job *job, enum job_event event)
{
    switch (event) {
    case JOB_EV_COMPLETE:
    case JOB_EV_COMPLETE_LATE:
        (void)complete(s, job, 9);
        break;
    case JOB_EV_FAIL_RETRY:
        (void)fail(s, job, 9, ERROR_TRANSIENT, .retry_after_ms = MINUTE);
        break;
    case JOB_EV_FAIL_FINAL:
    case JOB_EV_FAIL_LATE:
        (void)fail(s, job, 9, ERROR_PERMANENT);
        break;
    case JOB_EV_SNOOZE:
        (void)snooze(s, job, 9, MINUTE);
        break;
    case JOB_EV_RELEASE:
        (void)release(s, job, 9);
        break;
    case JOB_EV_WAIT:
        (void)report_one(s, a_report(job, 9, REPORT_WAIT));
        break;
    default:
        break;
    }
}

static void end_children(struct store_test *s, struct id id)
{
    AN_OP(s, list, store_list_children, STORE_LIST_CHILDREN);
    list.tenant = s->tenant;
    list.job_id = id;
    run_op(s, &list.op);
    for (size_t i = 0; i < list.count; i++) {
        VERDICT(cancel(s, list.jobs[i].id), RC_OK);
    }
    (void)tick(s);
}

static void happen(struct store_test *s, const struct job *job, enum job_state from, enum job_event event)
{
    switch (event) {
    case JOB_EV_CLAIM:
        (void)claim(s);
        break;
    case JOB_EV_DUE:
        (void)pass(s, HOUR);
        break;
    case JOB_EV_LOST:
    case JOB_EV_POISON:
        (void)pass(s, JOB_LEASE_DEFAULT_MS);
        break;
    case JOB_EV_CANCEL:
        (void)cancel(s, job->id);
        break;
    case JOB_EV_REVOKE:
        if (from == JOB_PROCESSING) {
            (void)cancel(s, job->id);
        }
        (void)pass(s, JOB_CANCEL_GRACE_MS);
        break;
    case JOB_EV_EXPIRE:
        (void)pass(s, 2 * HOUR);
        break;
    case JOB_EV_UNBLOCK:
        end_children(s, job->id);
        break;
    case JOB_EV_RETRY:
        (void)retry(s, job->id);
        break;
    case JOB_EV_PROMOTE:
        (void)promote(s, job->id);
        break;
    default:
        happen_by_report(s, job, event);
        break;
    }
}

/* Events of those that depend on others (links.c, finalisers.c), and what a state and an event cannot mean together. */
static bool cannot_be_asked(enum job_state from, enum job_event event)
{
    return event == JOB_EV_SKIP || event == JOB_EV_PARENT_FAILED || event == JOB_EV_AGAIN ||
           (event == JOB_EV_DUE && from == JOB_PROCESSING); /* an hour would end its lease */
}

static enum job_state expected_state(enum job_state from, enum job_event event)
{
    /* The same report means the late event where the lease is gone, and the prompt one where it is not. */
    if (from == JOB_QUEUED && event == JOB_EV_COMPLETE) {
        event = JOB_EV_COMPLETE_LATE;
    } else if (from == JOB_QUEUED && event == JOB_EV_FAIL_FINAL) {
        event = JOB_EV_FAIL_LATE;
    } else if (from == JOB_PROCESSING && event == JOB_EV_COMPLETE_LATE) {
        event = JOB_EV_COMPLETE;
    } else if (from == JOB_PROCESSING && event == JOB_EV_FAIL_LATE) {
        event = JOB_EV_FAIL_FINAL;
    }
    enum job_state to = from;
    bool is_allowed = job_next_state(from, event, &to);
    if (is_allowed && to == JOB_SKIPPED) {
        return JOB_FAILED; /* the walk's jobs have run, and `skipped` promises that a job did not */
    }
    return is_allowed ? to : from;
}

/* ---- the walk */

#define KEY STR("key")

/* One that takes jobs; its limit key lets one of them run. */
static struct id open_batch(struct store_test *s)
{
    static const struct batch_plan plan;
    const struct job_spec spec = {.plan = &plan, .ref = BATCH_REF};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = &spec;
    op.count = 1;
    run_op(s, &op.op);
    (void)set_limit(s, KEY, CAPPED(1));
    return op.verdicts[0].job;
}

/* Children that nobody waits for any more are cancelled with it. */
static void check_batch(struct store_test *s, struct id id)
{
    AN_OP(s, act, store_act, STORE_ACT);
    AN_OP(s, list, store_list_batches, STORE_LIST_BATCHES);
    act.tenant = list.tenant = s->tenant;
    act.action = ACT_CANCEL;
    act.of_batches = true;
    act.ids = &id;
    act.count = 1;
    run_op(s, &act.op);
    (void)tick(s);
    list.id = id;
    run_op(s, &list.op);
    CHECK_INT(list.batches[0].state, BATCH_FINISHED);
    CHECK_INT(list.batches[0].counts.open, 0);
    CHECK_INT(list.batches[0].round, 1);
}

/* A plain job; or one of a group, with a limit key and in a batch, all of which must follow it wherever it goes. */
static void walk_one(struct store_test *s, enum job_state from, enum job_event event, struct id batch)
{
    struct job job;
    struct job_spec spec = {.deadline_ms = event == JOB_EV_EXPIRE ? 2 * HOUR : 0,
                            .lost_max = event == JOB_EV_POISON && from == JOB_PROCESSING ? 1 : 3,
                            .batch = batch};
    if (!id_is_zero(batch)) {
        spec.group = STR("group");
        spec.limit_keys = STR("[\"key\"]");
    }
    bring_to(s, from, spec, &job);
    happen(s, &job, from, event);
    enum job_state got = state_of(s, job.id), want = expected_state(from, event);
    ck_assert_msg(got == want, "%s when %s: %s, the table says %s", job_state_name(from),
                  job_event_name(event), job_state_name(got), job_state_name(want));
    if (from == JOB_COMPLETED || (job_state_is_final(from) && want == from)) {
        CHECK_INT(job_of(s, job.id)->round, 1);
    }
    check_events(s, job.id);
    if (spec.limit_keys.n) {
        CHECK_INT(read_limit(s, KEY).state.used, got == JOB_PROCESSING); /* J8 */
    }
    if (!job_state_is_final(got)) { /* out of the way of the next one */
        (void)cancel(s, job.id);
        (void)pass(s, JOB_CANCEL_GRACE_MS);
    }
}

#define WALK(test_name, state)                                                                               \
    STORE_TEST(test_name)                                                                                    \
    {                                                                                                        \
        struct id batch = open_batch(s);                                                                     \
        for (int event = 0; event < JOB_EVENTS; event++) {                                                   \
            if (!cannot_be_asked((state), (enum job_event)event)) {                                          \
                walk_one(s, (state), (enum job_event)event, (struct id){{0}});                               \
                walk_one(s, (state), (enum job_event)event, batch);                                          \
            }                                                                                                \
        }                                                                                                    \
        check_batch(s, batch);                                                                               \
        check_counts(s);                                                                                     \
    }

WALK(a_blocked_job_obeys_the_table_at_every_event, JOB_BLOCKED)
WALK(a_scheduled_job_obeys_the_table_at_every_event, JOB_SCHEDULED)
WALK(a_queued_job_obeys_the_table_at_every_event, JOB_QUEUED)
WALK(a_processing_job_obeys_the_table_at_every_event, JOB_PROCESSING)
WALK(a_completed_job_obeys_the_table_at_every_event, JOB_COMPLETED)
WALK(a_failed_job_obeys_the_table_at_every_event, JOB_FAILED)
WALK(a_cancelled_job_obeys_the_table_at_every_event, JOB_CANCELLED)
WALK(a_skipped_job_obeys_the_table_at_every_event, JOB_SKIPPED)
