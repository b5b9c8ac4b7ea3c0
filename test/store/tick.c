/* Time: what is due, leases that end, timeouts, deadlines, cancel grace; and the instants at which the store wants to be asked. */
#include "store_test.h"

STORE_TEST(a_scheduled_job_is_queued_at_its_time)
{
    struct id id = a_scheduled_job(s, MINUTE);
    CHECK_INT(pass(s, MINUTE - 1), 0);
    CHECK_STATE(s, id, JOB_SCHEDULED);
    CHECK_INT(pass(s, 1), 1);
    CHECK_STATE(s, id, JOB_QUEUED);
    CHECK_INT(tick(s), 0);
}

STORE_TEST(an_expired_lease_returns_the_job_once)
{
    struct job *job = a_processing_job(s);
    CHECK_INT(pass(s, JOB_LEASE_DEFAULT_MS - 1), 0); /* J5 */
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    CHECK_INT(pass(s, 1), 1);
    CHECK_INT(tick(s), 0);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_QUEUED);
    CHECK_INT(after->lost, 1);
    CHECK_INT(after->attempt, 0);
    CHECK_INT(after->lease_until, 0);
    check_counts(s);
}

STORE_TEST(a_job_lost_three_times_is_poisoned)
{
    struct job *job = a_processing_job(s);
    for (int i = 0; i < 2; i++) {
        (void)pass(s, JOB_LEASE_DEFAULT_MS);
        CHECK_STATE(s, job->id, JOB_QUEUED);
        job = claim_one(s);
    }
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_FAILED);
    CHECK_INT(after->reason, JOB_REASON_POISONED);
    CHECK_INT(after->lost, 3);
    VERDICT(complete(s, job, 1), RC_LEASE_LOST); /* poisoning raises the number */
    CHECK_STATE(s, job->id, JOB_FAILED);
}

STORE_TEST(a_job_says_how_often_it_may_be_lost)
{
    struct job *job = a_processing_job(s, .lost_max = 1);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_INT(job_of(s, job->id)->reason, JOB_REASON_POISONED);
}

STORE_TEST(a_job_that_must_not_run_twice_fails_when_it_is_lost)
{
    struct job *job = a_processing_job(s, .on_lost = JOB_ON_LOST_FAIL);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STATE(s, job->id, JOB_FAILED);
    claim_none(s);
    VERDICT(complete(s, job, 1), RC_LEASE_LOST);
}

STORE_TEST(a_timeout_ends_the_attempt_however_often_the_worker_reports)
{
    struct job *job =
        a_processing_job(s, .timeout_ms = 50 * SECOND,
                         .retry = {.max_attempts = 2, .backoff = BACKOFF_FIXED, .base_ms = SECOND});
    (void)pass(s, 25 * SECOND);
    VERDICT(heartbeat(s, job, 1), RC_OK);
    (void)pass(s, 25 * SECOND - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    (void)pass(s, 1);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_SCHEDULED);
    CHECK_INT(after->error.class, ERROR_TIMEOUT);
    CHECK_INT(after->attempt, 1); /* it counts */
    VERDICT(heartbeat(s, job, 2), RC_LEASE_LOST);
}

STORE_TEST(the_last_timeout_is_the_reason_of_the_failure)
{
    struct job *job = a_processing_job(s, .timeout_ms = 5 * SECOND, .retry = {.max_attempts = 1});
    (void)pass(s, 5 * SECOND);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_FAILED);
    CHECK_INT(after->reason, JOB_REASON_TIMEOUT);
    CHECK_INT(after->error.class, ERROR_TIMEOUT);
}

STORE_TEST(the_timeout_runs_anew_with_each_hand_out)
{
    struct job *job = a_processing_job(s, .timeout_ms = 20 * SECOND);
    (void)pass(s, 15 * SECOND);
    VERDICT(release(s, job, 1), RC_OK);
    job = claim_one(s);
    (void)pass(s, 15 * SECOND);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
}

STORE_TEST(a_deadline_ends_a_job_that_never_ran)
{
    struct id id = a_queued_job(s, .deadline_ms = MINUTE);
    CHECK_INT(job_of(s, id)->deadline_at, TEST_BEGINS + MINUTE);
    (void)pass(s, MINUTE - 1);
    CHECK_STATE(s, id, JOB_QUEUED);
    (void)pass(s, 1);
    struct job *after = job_of(s, id);
    CHECK_TRUE(job_state_is_final(after->state));
    CHECK_INT(after->reason, JOB_REASON_EXPIRED);
    claim_none(s);
    check_counts(s);
}

STORE_TEST(a_deadline_ends_a_scheduled_job)
{
    struct id id = a_scheduled_job(s, HOUR, .deadline_ms = MINUTE);
    (void)pass(s, MINUTE);
    CHECK_INT(job_of(s, id)->reason, JOB_REASON_EXPIRED);
}

STORE_TEST(a_deadline_ends_a_running_job)
{
    struct job *job = a_processing_job(s, .deadline_ms = 20 * SECOND);
    (void)pass(s, 20 * SECOND);
    struct job *after = job_of(s, job->id);
    CHECK_TRUE(job_state_is_final(after->state));
    CHECK_INT(after->reason, JOB_REASON_EXPIRED);
    VERDICT(complete(s, job, 1), RC_LEASE_LOST);
}

STORE_TEST(a_cancel_that_nobody_answers_is_enforced_after_its_grace)
{
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    (void)pass(s, JOB_CANCEL_GRACE_MS - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    (void)pass(s, 1);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_CANCELLED);
    CHECK_INT(after->reason, JOB_REASON_CANCELLED);
    VERDICT(complete(s, job, 1), RC_LEASE_LOST); /* revocation raises the number */
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_job_whose_lease_ends_while_it_is_being_cancelled_does_not_run_again)
{
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS - 5 * SECOND);
    VERDICT(cancel(s, job->id), RC_OK);
    (void)pass(s, 5 * SECOND);
    claim_none(s);
    (void)pass(s, JOB_CANCEL_GRACE_MS);
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_tick_is_bounded_and_says_when_there_is_more)
{
    for (int i = 0; i < 25; i++) {
        (void)a_scheduled_job(s, SECOND);
    }
    advance(s, SECOND);
    int64_t applied = 0, calls = 0;
    for (bool more = true; more; calls++) {
        AN_OP(s, op, store_tick, STORE_TICK);
        op.limit = 10;
        run_op(s, &op.op);
        CHECK_TRUE(op.applied <= 10);
        applied += op.applied;
        more = op.more;
    }
    CHECK_INT(applied, 25);
    CHECK_TRUE(calls >= 3);
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], 25);
}

STORE_TEST(a_tick_serves_all_tenants)
{
    struct id mine = a_scheduled_job(s, SECOND);
    int64_t me = s->tenant;
    as_tenant(s, s->foreign);
    struct id theirs = a_scheduled_job(s, SECOND);
    CHECK_INT(pass(s, SECOND), 2);
    CHECK_STATE(s, theirs, JOB_QUEUED);
    as_tenant(s, me);
    CHECK_STATE(s, mine, JOB_QUEUED);
}

STORE_TEST(exponential_backoff_with_jitter_stays_below_its_ceiling)
{
    for (int i = 0; i < 20; i++) {
        struct job *job =
            a_processing_job(s, .retry = {.max_attempts = 3, .base_ms = 40 * SECOND, .cap_ms = HOUR});
        struct report_verdict v = fail(s, job, 1, ERROR_TRANSIENT);
        VERDICT(v, RC_OK);
        CHECK_TRUE(v.run_at >= TEST_BEGINS && v.run_at <= TEST_BEGINS + 40 * SECOND);
    }
}

/* ---- restart (J6) */

DURABLE_STORE_TEST(a_restart_gives_running_leases_time_to_report)
{
    struct job *job = a_processing_job(s, .timeout_ms = DAY);
    advance(s, HOUR); /* the server was down for an hour */
    reopen(s);
    (void)pass(s, JOB_RESTART_GRACE_MS - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    VERDICT(heartbeat(s, job, 1), RC_OK);
    (void)pass(s, JOB_LEASE_DEFAULT_MS - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
}

DURABLE_STORE_TEST(a_short_lease_gets_a_short_grace)
{
    (void)a_queued_job(s, .timeout_ms = DAY);
    struct job *job = claim_one(s, .lease_ms = 5000);
    advance(s, HOUR);
    reopen(s);
    (void)pass(s, 4999);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    (void)pass(s, 1);
    CHECK_STATE(s, job->id, JOB_QUEUED);
}

DURABLE_STORE_TEST(a_job_whose_timeout_passed_during_the_restart_may_still_report)
{
    struct job *timed = a_processing_job(s, .timeout_ms = MINUTE); /* J6 */
    advance(s, HOUR);
    reopen(s);
    (void)tick(s);
    CHECK_INT(complete(s, timed, 1).state, JOB_COMPLETED);
    struct job *late = a_processing_job(s, .timeout_ms = MINUTE);
    advance(s, HOUR);
    reopen(s);
    (void)pass(s, JOB_RESTART_GRACE_MS - 1);
    CHECK_STATE(s, late->id, JOB_PROCESSING);
    (void)pass(s, 1);
    CHECK_FALSE(state_of(s, late->id) == JOB_PROCESSING);
}

DURABLE_STORE_TEST(a_restart_does_not_shorten_a_long_lease)
{
    (void)a_queued_job(s);
    struct job *job = claim_one(s, .lease_ms = HOUR);
    reopen(s);
    CHECK_INT(job_of(s, job->id)->lease_until, TEST_BEGINS + HOUR);
}

STORE_TEST(a_stall_of_the_server_gives_running_leases_the_same_time)
{
    struct job *job = a_processing_job(s, .timeout_ms = DAY);
    advance(s, HOUR);
    store_grace(s->store);
    (void)tick(s);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    VERDICT(heartbeat(s, job, 1), RC_OK);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STATE(s, job->id, JOB_QUEUED);
}

STORE_TEST(a_report_that_is_repeated_after_a_stall_is_told_the_time_that_it_has)
{
    struct job *job = a_processing_job(s, .timeout_ms = DAY);
    VERDICT(heartbeat(s, job, 1), RC_OK);
    advance(s, 20 * SECOND);
    store_grace(s->store);
    struct report_verdict again = heartbeat(s, job, 1);
    CHECK_TRUE(again.replayed);
    CHECK_INT(again.lease_left_ms, JOB_RESTART_GRACE_MS);
}

STORE_TEST(a_stall_counts_once_however_often_the_store_looks)
{
    (void)a_queued_job(s, .timeout_ms = MINUTE); /* J6 */
    struct job *job = claim_one(s, .lease_ms = MINUTE);
    VERDICT(cancel(s, job->id), RC_OK);
    advance(s, 2 * SECOND);
    store_grace(s->store);
    for (int64_t at = 2 * SECOND; at < JOB_CANCEL_GRACE_MS + 2 * SECOND; at += SECOND) {
        CHECK_STATE(s, job->id, JOB_PROCESSING);
        (void)pass(s, SECOND);
    }
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_cancel_that_was_asked_after_a_stall_has_its_usual_grace)
{
    (void)a_queued_job(s, .timeout_ms = DAY);
    struct job *job = claim_one(s, .lease_ms = MINUTE);
    advance(s, 20 * SECOND);
    store_grace(s->store);
    VERDICT(cancel(s, job->id), RC_OK);
    (void)pass(s, JOB_CANCEL_GRACE_MS - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    (void)pass(s, 1);
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_timeout_stands_still_during_a_stall_and_goes_on_behind_the_next_word)
{
    (void)a_queued_job(s, .timeout_ms = 10 * MINUTE); /* J6 */
    struct job *job = claim_one(s, .lease_ms = MINUTE);
    advance(s, HOUR);
    store_grace(s->store);
    (void)tick(s);
    VERDICT(heartbeat(s, job, 1), RC_OK);
    for (int64_t i = 2; i <= 20; i++) {
        (void)pass(s, 30 * SECOND);
        CHECK_STATE(s, job->id, JOB_PROCESSING);
        VERDICT(heartbeat(s, job, i), RC_OK);
    }
    (void)pass(s, 30 * SECOND);
    CHECK_FALSE(state_of(s, job->id) == JOB_PROCESSING);
}

DURABLE_STORE_TEST(a_restart_keeps_what_was_scheduled)
{
    struct id id = a_scheduled_job(s, MINUTE);
    reopen(s);
    CHECK_STATE(s, id, JOB_SCHEDULED);
    CHECK_INT(pass(s, MINUTE), 1);
    CHECK_STATE(s, id, JOB_QUEUED);
}

DURABLE_STORE_TEST(a_lease_number_is_not_used_again_after_a_restart)
{
    struct job *job = a_processing_job(s); /* J4 */
    VERDICT(release(s, job, 1), RC_OK);
    reopen(s);
    struct job *again = claim_one(s);
    CHECK_ID(again->id, job->id);
    CHECK_TRUE(again->lease > job->lease);
}

DURABLE_STORE_TEST(the_secret_of_a_store_stays_the_same)
{
    unsigned char before[32], after[32], zero[32] = {0};
    store_secret(s->store, before);
    reopen(s);
    store_secret(s->store, after);
    CHECK_STR(((struct str){(char *)after, 32}), ((struct str){(char *)before, 32}));
    CHECK_FALSE(str_eq((struct str){(char *)after, 32}, (struct str){(char *)zero, 32}));
}

FILE_STORE_TEST(a_second_owner_of_the_store_is_refused)
{
    struct store *second = NULL;
    (void)a_queued_job(s);
    FAILS(store_open(&second, s->url, &s->options, e), RC_BUSY);
    CHECK_TRUE(second == NULL);
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
}
