/* Reports: what a worker may say under its lease, how often, and how late (J3, J4). */
#include "store_test.h"

#include <string.h>

/* ---- each verb */

STORE_TEST(complete_ends_the_job)
{
    struct job *job = a_processing_job(s);
    advance(s, 5);
    struct report_verdict v = complete(s, job, 1, .result = STR("{\"sum\": 3}"));
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_COMPLETED);
    CHECK_FALSE(v.replayed);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_COMPLETED);
    CHECK_STR(after->result, STR("{\"sum\": 3}"));
    CHECK_INT(after->finished_at, TEST_BEGINS + 5);
    CHECK_INT(after->lease_until, 0);
    CHECK_TRUE(after->expires_at > after->finished_at);
    CHECK_INT(after->reason, JOB_REASON_NONE);
}

STORE_TEST(a_transient_failure_is_tried_again_later)
{
    struct job *job =
        a_processing_job(s, .retry = {.max_attempts = 3, .backoff = BACKOFF_FIXED, .base_ms = 10 * SECOND});
    struct report_verdict v = fail(s, job, 1, ERROR_TRANSIENT);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_SCHEDULED);
    CHECK_INT(v.run_at, TEST_BEGINS + 10 * SECOND);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_SCHEDULED);
    CHECK_TRUE(after->has_error);
    CHECK_INT(after->error.class, ERROR_TRANSIENT);
    CHECK_STR(after->error.code, STR("c"));
    CHECK_STR(after->error.message, STR("m"));
    claim_none(s);
    (void)pass(s, 10 * SECOND);
    CHECK_INT(claim_one(s)->attempt, 2);
}

STORE_TEST(the_last_attempt_that_fails_is_a_dead_letter)
{
    struct job *job =
        a_processing_job(s, .retry = {.max_attempts = 2, .backoff = BACKOFF_FIXED, .base_ms = SECOND});
    VERDICT(fail(s, job, 1, ERROR_TRANSIENT), RC_OK);
    (void)pass(s, SECOND);
    job = claim_one(s);
    struct report_verdict v = fail(s, job, 1, ERROR_TRANSIENT);
    CHECK_INT(v.state, JOB_FAILED);
    CHECK_INT(job_of(s, job->id)->reason, JOB_REASON_ERROR);
    CHECK_INT(job_of(s, job->id)->attempt, 2);
    (void)pass(s, HOUR);
    claim_none(s);
}

STORE_TEST(a_permanent_failure_is_not_tried_again)
{
    struct job *job = a_processing_job(s);
    struct report_verdict v = report_one(s, a_report(job, 1, REPORT_FAIL,
                                                     .error = {.class = ERROR_PERMANENT,
                                                               .code = STR("no_such_repo"),
                                                               .message = STR("gone"),
                                                               .stack = STR("at line 3")}));
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_FAILED);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->reason, JOB_REASON_ERROR);
    CHECK_STR(after->error.code, STR("no_such_repo"));
    CHECK_STR(after->error.stack, STR("at line 3"));
}

STORE_TEST(rate_limited_costs_no_attempt)
{
    struct job *job = a_processing_job(s, .retry = {.max_attempts = 1});
    struct report_verdict v = fail(s, job, 1, ERROR_RATE_LIMITED, .retry_after_ms = 7 * SECOND);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_SCHEDULED);
    CHECK_INT(v.run_at, TEST_BEGINS + 7 * SECOND);
    CHECK_INT(job_of(s, job->id)->attempt, 0);
}

STORE_TEST(a_worker_may_name_the_delay_before_the_next_attempt)
{
    struct job *job = a_processing_job(s);
    struct report_verdict v = fail(s, job, 1, ERROR_TRANSIENT, .retry_after_ms = 90 * SECOND);
    VERDICT(v, RC_OK);
    CHECK_INT(v.run_at, TEST_BEGINS + 90 * SECOND);
}

STORE_TEST(snooze_gives_the_attempt_back_and_waits)
{
    struct job *job = a_processing_job(s);
    struct report_verdict v = snooze(s, job, 1, 20 * SECOND);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_SCHEDULED);
    CHECK_INT(v.run_at, TEST_BEGINS + 20 * SECOND);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->attempt, 0);
    CHECK_INT(after->snoozes, 1);
    (void)pass(s, 20 * SECOND);
    CHECK_INT(claim_one(s)->attempt, 1);
}

STORE_TEST(snooze_without_a_delay_queues_at_once)
{
    struct job *job = a_processing_job(s);
    CHECK_INT(snooze(s, job, 1, 0).state, JOB_QUEUED);
    CHECK_ID(claim_one(s)->id, job->id);
}

STORE_TEST(a_job_can_be_snoozed_a_thousand_times_and_no_more)
{
    struct id id = a_queued_job(s);
    for (int i = 0; i < JOB_SNOOZES_MAX; i++) {
        VERDICT(snooze(s, claim_one(s), 1, 0), RC_OK);
    }
    struct job *job = claim_one(s);
    VERDICT(snooze(s, job, 1, 0), RC_CONFLICT);
    CHECK_STATE(s, id, JOB_PROCESSING);
    VERDICT(complete(s, job, 2), RC_OK);
}

STORE_TEST(release_gives_the_job_and_its_attempt_back)
{
    struct job *job = a_processing_job(s);
    struct report_verdict v = release(s, job, 1);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_QUEUED);
    CHECK_INT(job_of(s, job->id)->attempt, 0);
    CHECK_INT(job_of(s, job->id)->lost, 0);
    CHECK_ID(claim_one(s)->id, job->id);
}

STORE_TEST(a_heartbeat_renews_the_lease_for_its_length)
{
    struct job *job = a_processing_job(s);
    advance(s, 10 * SECOND);
    struct report_verdict v = heartbeat(s, job, 1);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_PROCESSING);
    CHECK_FALSE(v.cancel);
    CHECK_INT(v.lease_left_ms, JOB_LEASE_DEFAULT_MS);
    CHECK_INT(job_of(s, job->id)->lease_until, TEST_BEGINS + 10 * SECOND + JOB_LEASE_DEFAULT_MS);
    (void)pass(s, JOB_LEASE_DEFAULT_MS - 1);
    CHECK_STATE(s, job->id, JOB_PROCESSING); /* J5 */
}

STORE_TEST(a_heartbeat_may_change_the_length_of_the_lease)
{
    struct job *job = a_processing_job(s);
    VERDICT(heartbeat(s, job, 1, .lease_ms = 60 * SECOND), RC_OK);
    CHECK_INT(job_of(s, job->id)->lease_until, TEST_BEGINS + 60 * SECOND);
    advance(s, SECOND);
    VERDICT(heartbeat(s, job, 2), RC_OK); /* 0 = as before */
    CHECK_INT(job_of(s, job->id)->lease_until, TEST_BEGINS + 61 * SECOND);
}

STORE_TEST(progress_renews_the_lease_too_and_is_kept)
{
    struct job *job = a_processing_job(s);
    advance(s, 10 * SECOND);
    VERDICT(progress(s, job, 1, .progress_permille = 425, .progress_message = STR("page 3 of 7"),
                     .store_progress = true),
            RC_OK);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->progress_permille, 425);
    CHECK_STR(after->progress_message, STR("page 3 of 7"));
    CHECK_INT(after->lease_until, TEST_BEGINS + 40 * SECOND);
}

STORE_TEST(events_of_a_report_get_consecutive_numbers)
{
    struct job *job = a_processing_job(s); /* J12 */
    int64_t before = job_of(s, job->id)->last_seq;
    struct report_event events[3] = {
        {STR("a"), STR("1")}, {STR("b"), STR("{\"x\":2}")}, {STR("c"), STR("null")}};
    VERDICT(progress(s, job, 1, .events = events, .event_count = 3), RC_OK);
    struct store_read_events r = events_of(s, job->id, before, 100);
    CHECK_INT(r.count, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(r.events[i].seq, before + 1 + i);
        CHECK_STR(r.events[i].type, events[i].type);
        CHECK_STR(r.events[i].data, events[i].data);
        CHECK_INT(r.events[i].at, TEST_BEGINS);
    }
}

STORE_TEST(a_checkpoint_is_kept_until_the_next_one)
{
    struct job *job = a_processing_job(s);
    VERDICT(progress(s, job, 1, .checkpoint = STR("1")), RC_OK);
    VERDICT(progress(s, job, 2), RC_OK);
    CHECK_STR(job_of(s, job->id)->checkpoint, STR("1"));
    VERDICT(fail(s, job, 3, ERROR_TRANSIENT, .retry_after_ms = 0, .checkpoint = STR("2")), RC_OK);
    (void)tick(s);
    CHECK_STR(claim_one(s)->checkpoint, STR("2"));
}

STORE_TEST(many_reports_at_once_have_a_verdict_each)
{
    struct job *a = a_processing_job(s), *b = a_processing_job(s), *c = a_processing_job(s);
    struct report items[4] = {a_report(a, 1, REPORT_COMPLETE),
                              a_report(b, 1, REPORT_FAIL, .error = {.class = ERROR_PERMANENT}),
                              a_report(c, 1, REPORT_HEARTBEAT), a_report(a, 2, REPORT_HEARTBEAT)};
    items[1].lease += 7;
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = items;
    op.count = 4;
    run_op(s, &op.op);
    VERDICT(op.verdicts[0], RC_OK);
    VERDICT(op.verdicts[1], RC_LEASE_LOST);
    VERDICT(op.verdicts[2], RC_OK);
    VERDICT(op.verdicts[3], RC_LEASE_LOST);
    CHECK_STATE(s, a->id, JOB_COMPLETED);
    CHECK_STATE(s, b->id, JOB_PROCESSING);
}

STORE_TEST(several_reports_of_one_job_in_one_call_take_effect_in_order)
{
    struct job *a = a_processing_job(s);
    struct report_event one = {STR("one"), STR("1")}, two = {STR("two"), STR("2")};
    struct report items[3] = {a_report(a, 1, REPORT_PROGRESS, .events = &one, .event_count = 1),
                              a_report(a, 2, REPORT_PROGRESS, .events = &two, .event_count = 1),
                              a_report(a, 3, REPORT_COMPLETE)};
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = items;
    op.count = 3;
    run_op(s, &op.op);
    for (int i = 0; i < 3; i++) {
        VERDICT(op.verdicts[i], RC_OK);
    }
    CHECK_STATE(s, a->id, JOB_COMPLETED);
    check_events(s, a->id);
}

/* ---- again: idempotent by n */

static void a_replay_changes_nothing(struct store_test *s, enum report_op what, enum job_state expected)
{
    struct job *job = a_processing_job(s);
    struct report_event event = {STR("x"), STR("1")};
    struct report r = a_report(job, 4, what, .events = &event, .event_count = 1, .delay_ms = MINUTE,
                               .error = {.class = ERROR_PERMANENT, .message = STR("m")});
    struct report_verdict first = report_one(s, r);
    struct job *then = job_of(s, job->id);
    struct report_verdict second = report_one(s, r);
    struct job *now = job_of(s, job->id);

    VERDICT(first, RC_OK);
    VERDICT(second, RC_OK);
    CHECK_FALSE(first.replayed);
    CHECK_TRUE(second.replayed);
    CHECK_INT(second.state, first.state);
    CHECK_INT(second.run_at, first.run_at);
    CHECK_INT(now->state, expected);
    CHECK_INT(now->last_seq, then->last_seq);
    CHECK_INT(now->attempt, then->attempt);
    CHECK_INT(now->snoozes, then->snoozes);
    check_counts(s);
}

STORE_TEST(a_heartbeat_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_HEARTBEAT, JOB_PROCESSING);
}

STORE_TEST(a_progress_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_PROGRESS, JOB_PROCESSING);
}

STORE_TEST(a_complete_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_COMPLETE, JOB_COMPLETED);
}

STORE_TEST(a_fail_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_FAIL, JOB_FAILED);
}

STORE_TEST(a_snooze_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_SNOOZE, JOB_SCHEDULED);
}

STORE_TEST(a_release_told_twice_counts_once)
{
    a_replay_changes_nothing(s, REPORT_RELEASE, JOB_QUEUED);
}

STORE_TEST(a_replay_is_recognized_in_the_same_call)
{
    struct job *job = a_processing_job(s);
    struct report items[2] = {a_report(job, 1, REPORT_COMPLETE), a_report(job, 1, REPORT_COMPLETE)};
    AN_OP(s, op, store_report, STORE_REPORT);
    op.tenant = s->tenant;
    op.items = items;
    op.count = 2;
    run_op(s, &op.op);
    VERDICT(op.verdicts[0], RC_OK);
    VERDICT(op.verdicts[1], RC_OK);
    CHECK_FALSE(op.verdicts[0].replayed);
    CHECK_TRUE(op.verdicts[1].replayed);
}

DURABLE_STORE_TEST(a_replay_is_recognized_after_a_restart)
{
    struct job *job = a_processing_job(s);
    VERDICT(complete(s, job, 1, .result = STR("1")), RC_OK);
    reopen(s);
    struct report_verdict again = complete(s, job, 1, .result = STR("1"));
    VERDICT(again, RC_OK);
    CHECK_TRUE(again.replayed);
    CHECK_INT(again.state, JOB_COMPLETED);
}

STORE_TEST(the_same_n_with_other_words_is_refused)
{
    struct job *job = a_processing_job(s);
    VERDICT(progress(s, job, 5, .hash = 1), RC_OK);
    VERDICT(progress(s, job, 5, .hash = 2), RC_CONFLICT);
}

STORE_TEST(a_smaller_n_is_stale)
{
    struct job *job = a_processing_job(s);
    VERDICT(progress(s, job, 5), RC_OK);
    VERDICT_CODE(heartbeat(s, job, 4), RC_CONFLICT, "stale_report");
    VERDICT_CODE(complete(s, job, 1), RC_CONFLICT, "stale_report");
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    VERDICT(complete(s, job, 9), RC_OK); /* gaps are fine */
}

STORE_TEST(n_starts_anew_with_each_lease)
{
    struct job *job = a_processing_job(s);
    VERDICT(release(s, job, 100), RC_OK);
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
}

/* ---- late, and by somebody else */

static void every_verb_is_lost(struct store_test *s, const struct job *job)
{
    int64_t before = job_of(s, job->id)->last_seq;
    enum job_state state = state_of(s, job->id);
    for (int what = 0; what < REPORT_OPS; what++) {
        struct report r =
            a_report(job, 100 + what, (enum report_op)what, .error = {.class = ERROR_PERMANENT});
        VERDICT(report_one(s, r), RC_LEASE_LOST);
    }
    CHECK_STATE(s, job->id, state);
    CHECK_INT(job_of(s, job->id)->last_seq, before);
}

STORE_TEST(nobody_reports_under_a_lease_that_was_taken_over)
{
    struct job *zombie = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct job *holder = claim_one(s, .worker = STR("w2"));
    every_verb_is_lost(s, zombie);
    VERDICT(complete(s, holder, 1), RC_OK);
    every_verb_is_lost(s, zombie);
}

STORE_TEST(nobody_reports_under_a_number_that_was_never_given)
{
    struct job *job = a_processing_job(s);
    struct job liar = *job;
    liar.lease++;
    every_verb_is_lost(s, &liar);
    liar.lease = 0;
    every_verb_is_lost(s, &liar);
    liar.lease = -1;
    every_verb_is_lost(s, &liar);
    VERDICT(complete(s, job, 1), RC_OK);
}

STORE_TEST(an_unknown_job_is_not_found)
{
    struct job nobody = {.id = id_random(TEST_BEGINS), .lease = 1};
    VERDICT(complete(s, &nobody, 1), RC_NOT_FOUND);
}

STORE_TEST(a_late_complete_is_accepted_while_nobody_else_has_claimed)
{
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STATE(s, job->id, JOB_QUEUED);
    struct report_verdict v = complete(s, job, 1, .result = STR("7"));
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_COMPLETED);
    CHECK_STR(job_of(s, job->id)->result, STR("7"));
    claim_none(s);
    check_counts(s);
}

STORE_TEST(a_late_permanent_failure_is_accepted_while_nobody_else_has_claimed)
{
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct report_verdict v = fail(s, job, 1, ERROR_PERMANENT);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_FAILED);
    claim_none(s);
}

STORE_TEST(every_other_late_verb_is_lost)
{
    struct job *job = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    VERDICT(heartbeat(s, job, 1), RC_LEASE_LOST);
    VERDICT(progress(s, job, 2), RC_LEASE_LOST);
    VERDICT(fail(s, job, 3, ERROR_TRANSIENT), RC_LEASE_LOST);
    VERDICT(fail(s, job, 4, ERROR_RATE_LIMITED), RC_LEASE_LOST);
    VERDICT(snooze(s, job, 5, SECOND), RC_LEASE_LOST);
    VERDICT(release(s, job, 6), RC_LEASE_LOST);
    CHECK_STATE(s, job->id, JOB_QUEUED);
    VERDICT(complete(s, job, 7), RC_OK); /* what was refused did not use up n or the number */
}

STORE_TEST(a_lease_number_has_one_accepted_outcome)
{
    struct job *released = a_processing_job(s); /* J3 */
    VERDICT(release(s, released, 1), RC_OK);
    VERDICT(complete(s, released, 2), RC_LEASE_LOST);
    (void)claim_one(s);

    struct job *snoozed = a_processing_job(s);
    VERDICT(snooze(s, snoozed, 1, MINUTE), RC_OK);
    VERDICT(complete(s, snoozed, 2), RC_LEASE_LOST);

    struct job *failed = a_processing_job(s);
    VERDICT(fail(s, failed, 1, ERROR_TRANSIENT, .retry_after_ms = MINUTE), RC_OK);
    VERDICT(complete(s, failed, 2), RC_LEASE_LOST);
    VERDICT(fail(s, failed, 3, ERROR_PERMANENT), RC_LEASE_LOST);
    CHECK_STATE(s, failed->id, JOB_SCHEDULED);
}

STORE_TEST(a_final_job_takes_no_more_reports)
{
    struct job *job = a_processing_job(s);
    VERDICT(complete(s, job, 1), RC_OK);
    every_verb_is_lost(s, job);
}

STORE_TEST(nothing_from_before_a_retry_is_accepted)
{
    struct job *job = a_processing_job(s);
    VERDICT(fail(s, job, 1, ERROR_PERMANENT), RC_OK);
    VERDICT(retry(s, job->id), RC_OK);
    every_verb_is_lost(s, job);
    CHECK_STATE(s, job->id, JOB_QUEUED);
}

/* ---- sizes */

static struct str text_of(struct store_test *s, size_t n)
{
    char *p = arena_alloc(s->a, n);
    memset(p, 'x', n);
    p[0] = p[n - 1] = '"';
    return (struct str){p, n};
}

STORE_TEST(a_result_over_the_limit_is_refused_and_the_job_goes_on)
{
    struct job *job = a_processing_job(s);
    VERDICT(complete(s, job, 1, .result = text_of(s, JOB_RESULT_MAX_BYTES + 1)), RC_TOO_BIG);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
    VERDICT(complete(s, job, 2, .result = text_of(s, JOB_RESULT_MAX_BYTES)), RC_OK);
    CHECK_INT(job_of(s, job->id)->result.n, JOB_RESULT_MAX_BYTES);
}

STORE_TEST(a_checkpoint_over_the_limit_is_refused)
{
    struct job *job = a_processing_job(s);
    VERDICT(progress(s, job, 1, .checkpoint = text_of(s, JOB_CHECKPOINT_MAX_BYTES + 1)), RC_TOO_BIG);
    VERDICT(progress(s, job, 2, .checkpoint = text_of(s, JOB_CHECKPOINT_MAX_BYTES)), RC_OK);
}

STORE_TEST(an_event_over_the_limit_is_refused)
{
    struct job *job = a_processing_job(s);
    struct report_event big = {STR("x"), text_of(s, JOB_EVENT_MAX_BYTES + 1)};
    VERDICT(progress(s, job, 1, .events = &big, .event_count = 1), RC_TOO_BIG);
    CHECK_STATE(s, job->id, JOB_PROCESSING);
}

STORE_TEST(a_long_error_is_cut_not_refused)
{
    struct job *job = a_processing_job(s);
    struct report r = a_report(job, 1, REPORT_FAIL,
                               .error = {.class = ERROR_PERMANENT,
                                         .message = text_of(s, JOB_ERROR_MAX_BYTES),
                                         .stack = text_of(s, JOB_ERROR_MAX_BYTES)});
    VERDICT(report_one(s, r), RC_OK);
    struct job_error kept = job_of(s, job->id)->error;
    CHECK_TRUE(kept.message.n > 0);
    CHECK_TRUE(kept.message.n + kept.stack.n <= JOB_ERROR_MAX_BYTES);
}

/* ---- whose */

STORE_TEST(jobs_of_queues_that_the_reporter_may_not_touch_are_refused)
{
    struct job *job = a_processing_job(s);
    struct report items[] = {
        {.job = job->id, .lease = job->lease, .n = 1, .op = REPORT_COMPLETE, .progress_permille = -1}};
    struct store_report op;
    store_init(&op.op, sizeof op, STORE_REPORT, s->a);
    op.tenant = s->tenant;
    op.items = items;
    op.count = 1;
    op.only_queues = STR("[\"elsewhere\"]");
    run_op(s, &op.op);
    VERDICT(op.verdicts[0], RC_DENIED);
    CHECK_INT(job_of(s, job->id)->state, JOB_PROCESSING);
    VERDICT(complete(s, job, 1), RC_OK);
}
