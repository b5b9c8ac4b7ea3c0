/* Acting on jobs: cancel, retry, promote, erase; one by one and by filter; and patch. */
#include "store_test.h"

/* ---- cancel (J11) */

STORE_TEST(a_queued_job_is_cancelled_at_once)
{
    struct id id = a_queued_job(s);
    struct act_verdict v = cancel(s, id);
    VERDICT(v, RC_OK);
    CHECK_ID(v.job, id);
    CHECK_INT(v.state, JOB_CANCELLED);
    struct job *job = job_of(s, id);
    CHECK_INT(job->reason, JOB_REASON_CANCELLED);
    CHECK_INT(job->finished_at, TEST_BEGINS);
}

STORE_TEST(a_scheduled_job_is_cancelled_at_once)
{
    struct id id = a_scheduled_job(s, MINUTE);
    CHECK_INT(cancel(s, id).state, JOB_CANCELLED);
    CHECK_INT(pass(s, HOUR), 0);
    CHECK_STATE(s, id, JOB_CANCELLED);
}

STORE_TEST(the_worker_of_a_cancelled_job_is_told_with_its_next_report)
{
    struct job *job = a_processing_job(s);
    struct act_verdict v = cancel(s, job->id);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_PROCESSING);
    CHECK_TRUE(job_of(s, job->id)->cancel_requested);
    struct report_verdict r = heartbeat(s, job, 1);
    VERDICT(r, RC_OK);
    CHECK_TRUE(r.cancel);
    CHECK_TRUE(progress(s, job, 2).cancel);
}

STORE_TEST(a_worker_that_was_asked_to_stop_ends_the_job_as_cancelled)
{
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    struct report_verdict r = fail(s, job, 1, ERROR_TRANSIENT);
    VERDICT(r, RC_OK);
    CHECK_INT(r.state, JOB_CANCELLED);
    CHECK_INT(job_of(s, job->id)->reason, JOB_REASON_CANCELLED);
}

STORE_TEST(a_job_released_while_being_cancelled_does_not_run_again)
{
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    VERDICT(release(s, job, 1), RC_OK);
    claim_none(s);
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_job_snoozed_while_being_cancelled_does_not_run_again)
{
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    VERDICT(snooze(s, job, 1, SECOND), RC_OK);
    (void)pass(s, HOUR);
    claim_none(s);
    CHECK_STATE(s, job->id, JOB_CANCELLED);
}

STORE_TEST(a_complete_that_comes_before_the_worker_heard_of_the_cancel_wins)
{
    struct job *job = a_processing_job(s);
    VERDICT(cancel(s, job->id), RC_OK);
    CHECK_INT(complete(s, job, 1).state, JOB_COMPLETED);
    VERDICT(cancel(s, job->id), RC_CONFLICT);
    CHECK_STATE(s, job->id, JOB_COMPLETED);
}

STORE_TEST(a_cancel_may_be_repeated)
{
    struct id queued = a_queued_job(s);
    VERDICT(cancel(s, queued), RC_OK);
    VERDICT(cancel(s, queued), RC_OK);
    struct job *running = a_processing_job(s);
    VERDICT(cancel(s, running->id), RC_OK);
    advance(s, JOB_CANCEL_GRACE_MS - 1);
    VERDICT(cancel(s, running->id), RC_OK); /* and does not prolong the grace */
    (void)pass(s, 1);
    CHECK_STATE(s, running->id, JOB_CANCELLED);
}

STORE_TEST(what_has_ended_cannot_be_cancelled)
{
    struct act_verdict v = cancel(s, a_final_job(s, JOB_COMPLETED));
    VERDICT(v, RC_CONFLICT);
    CHECK_INT(v.state, JOB_COMPLETED);
    CHECK_TRUE(str_find(str_from(v.e.text), STR("completed"), 0) <
               str_from(v.e.text).n); /* the text names the state */
    VERDICT(cancel(s, a_final_job(s, JOB_FAILED)), RC_CONFLICT);
}

STORE_TEST(an_unknown_id_is_not_found_by_any_action)
{
    for (int action = ACT_CANCEL; action <= ACT_PURGE; action++) {
        VERDICT(act_on(s, (enum job_action)action, id_random(TEST_BEGINS)), RC_NOT_FOUND);
    }
}

STORE_TEST(many_ids_have_a_verdict_each_in_order)
{
    struct id ids[4] = {
        a_queued_job(s), a_final_job(s, JOB_COMPLETED, .queue = STR("q")), id_random(TEST_BEGINS), {{0}}};
    ids[3] = a_scheduled_job(s, MINUTE);
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = ACT_CANCEL;
    op.ids = ids;
    op.count = 4;
    run_op(s, &op.op);
    CHECK_INT(op.verdict_count, 4);
    static const enum rc expected[] = {RC_OK, RC_CONFLICT, RC_NOT_FOUND, RC_OK};
    for (int i = 0; i < 4; i++) {
        CHECK_ID(op.verdicts[i].job, ids[i]);
        VERDICT(op.verdicts[i], expected[i]);
    }
    check_counts(s);
}

/* ---- retry */

static void a_retry_works_from(struct store_test *s, enum job_state state)
{
    struct id id = a_final_job(s, state);
    struct job *before = job_of(s, id);
    struct act_verdict v = retry(s, id);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_QUEUED);
    struct job *after = job_of(s, id);
    CHECK_INT(after->state, JOB_QUEUED);
    CHECK_INT(after->round, before->round + 1);
    CHECK_INT(after->attempt, 0);
    CHECK_INT(after->reason, JOB_REASON_NONE);
    CHECK_INT(after->finished_at, 0);
    CHECK_FALSE(after->cancel_requested);
    CHECK_STR(after->args, before->args);
    struct job *job = claim_one(s);
    CHECK_ID(job->id, id);
    CHECK_TRUE(job->lease > before->lease); /* J4 */
    VERDICT(complete(s, job, 1), RC_OK);
    check_counts(s);
    check_events(s, id);
}

STORE_TEST(a_failed_job_can_be_tried_again)
{
    a_retry_works_from(s, JOB_FAILED);
}

STORE_TEST(a_cancelled_job_can_be_tried_again)
{
    a_retry_works_from(s, JOB_CANCELLED);
}

STORE_TEST(a_retry_outlives_the_retention_of_the_first_round)
{
    struct id id = a_final_job(s, JOB_FAILED);
    VERDICT(retry(s, id), RC_OK);
    advance(s, 60 * DAY);
    (void)prune(s);
    CHECK_STATE(s, id, JOB_QUEUED);
}

STORE_TEST(what_is_live_or_completed_cannot_be_retried)
{
    VERDICT(retry(s, a_final_job(s, JOB_COMPLETED)), RC_CONFLICT);
    VERDICT(retry(s, a_processing_job(s)->id), RC_CONFLICT);
    VERDICT(retry(s, a_queued_job(s)), RC_CONFLICT);
    VERDICT(retry(s, a_scheduled_job(s, MINUTE)), RC_CONFLICT);
}

STORE_TEST(a_poisoned_job_that_is_retried_may_be_lost_again)
{
    struct job *job = a_processing_job(s, .lost_max = 1);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STATE(s, job->id, JOB_FAILED);
    VERDICT(retry(s, job->id), RC_OK);
    CHECK_INT(complete(s, claim_one(s), 1).state, JOB_COMPLETED);
}

/* ---- promote */

STORE_TEST(a_promoted_job_can_be_claimed_now)
{
    struct id id = a_scheduled_job(s, HOUR);
    struct act_verdict v = promote(s, id);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_QUEUED);
    CHECK_ID(claim_one(s)->id, id);
    CHECK_INT(pass(s, JOB_LEASE_DEFAULT_MS - 1), 0);
}

STORE_TEST(only_scheduled_jobs_can_be_promoted)
{
    VERDICT(promote(s, a_processing_job(s)->id), RC_CONFLICT);
    VERDICT(promote(s, a_queued_job(s)), RC_CONFLICT);
    VERDICT(promote(s, a_final_job(s, JOB_FAILED, .queue = STR("q"))), RC_CONFLICT);
}

/* ---- erase */

STORE_TEST(erase_takes_what_the_job_said_and_leaves_its_row)
{
    struct job *job = a_processing_job(s, .args = STR("{\"name\":\"x\"}"));
    struct report_artifact artifact = {STR("a.txt"), STR("text/plain"), STR("personal")};
    VERDICT(say(s, job, 1, STR("personal")), RC_OK);
    VERDICT(complete(s, job, 2, .result = STR("\"personal\""), .artifacts = &artifact, .artifact_count = 1),
            RC_OK);
    struct act_verdict v = erase(s, job->id);
    VERDICT(v, RC_OK);
    CHECK_INT(v.state, JOB_COMPLETED);
    struct job *after = job_of(s, job->id);
    CHECK_INT(after->state, JOB_COMPLETED);
    CHECK_INT(after->result.n, 0);
    CHECK_FALSE(str_eq(after->args, STR("{\"name\":\"x\"}")));
    CHECK_INT(artifact_count_of(s, job->id), 0);
    struct store_read_events r = events_of(s, job->id, 0, 100);
    for (size_t i = 0; i < r.count; i++) {
        CHECK_FALSE(str_eq(r.events[i].type, STR("personal")));
    }
    VERDICT(erase(s, job->id), RC_OK);
    check_counts(s);
}

STORE_TEST(an_erased_job_cannot_be_retried)
{
    struct id id = a_final_job(s, JOB_FAILED);
    VERDICT(erase(s, id), RC_OK);
    VERDICT(retry(s, id), RC_CONFLICT); /* its args are gone */
    CHECK_STATE(s, id, JOB_FAILED);
}

STORE_TEST(a_live_job_cannot_be_erased)
{
    VERDICT(erase(s, a_processing_job(s)->id), RC_CONFLICT);
    VERDICT(erase(s, a_queued_job(s)), RC_CONFLICT);
    VERDICT(erase(s, a_scheduled_job(s, MINUTE)), RC_CONFLICT);
}

/* ---- purge */

STORE_TEST(a_purged_job_is_gone_as_after_its_retention)
{
    struct job *job = a_processing_job(s, .unique_key = STR("u"), .unique_for_ms = JOB_FOREVER_MS);
    struct report_artifact artifact = {.name = STR("a"), .media_type = STR("text/plain"), .bytes = STR("1")};
    VERDICT(complete(s, job, 1, .artifacts = &artifact, .artifact_count = 1), RC_OK);
    VERDICT(purge(s, job->id), RC_OK);
    CHECK_FALSE(has_job(s, job->id));
    CHECK_INT(artifact_of(s, job->id, STR("a")).op.rc, RC_NOT_FOUND);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    VERDICT(purge(s, job->id), RC_NOT_FOUND);
    VERDICT(complete(s, job, 1), RC_NOT_FOUND);
    CHECK_TRUE(enqueue(s, .unique_key = STR("u")).pruned);
    CHECK_INT(stats_of(s).completed_total, 1);
    check_counts(s);
}

STORE_TEST(a_live_job_cannot_be_purged)
{
    VERDICT(purge(s, a_processing_job(s)->id), RC_CONFLICT);
    VERDICT(purge(s, a_queued_job(s)), RC_CONFLICT);
    VERDICT(purge(s, a_scheduled_job(s, MINUTE)), RC_CONFLICT);
}

DURABLE_STORE_TEST(ids_do_not_come_again_after_the_newest_was_purged)
{
    struct id first = a_final_job(s, JOB_FAILED);
    VERDICT(purge(s, first), RC_OK);
    advance(s, -HOUR);
    reopen(s);
    struct id second = a_queued_job(s);
    CHECK_TRUE(id_ordinal(second) > id_ordinal(first));
}

/* ---- by filter */

static struct store_act act_by_filter(struct store_test *s, enum job_action action, struct job_filter filter,
                                      int64_t cursor, int64_t limit)
{
    AN_OP(s, op, store_act, STORE_ACT);
    op.tenant = s->tenant;
    op.action = action;
    op.filter = filter;
    op.cursor = cursor;
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

STORE_TEST(a_filter_cancels_what_matches_and_nothing_else)
{
    for (int i = 0; i < 5; i++) {
        (void)a_queued_job(s, .queue = STR("a"));
    }
    struct id other = a_queued_job(s, .queue = STR("b"));
    struct store_act op = act_by_filter(s, ACT_CANCEL, (struct job_filter){.queue = STR("a")}, 0, 100);
    CHECK_INT(op.verdict_count, 5);
    CHECK_INT(op.next_cursor, 0);
    CHECK_STATE(s, other, JOB_QUEUED);
    CHECK_INT(queue_of(s, STR("a"))->counts[JOB_CANCELLED], 5);
    check_counts(s);
}

STORE_TEST(a_filter_goes_on_where_the_cursor_says)
{
    for (int i = 0; i < 25; i++) {
        (void)a_final_job(s, JOB_FAILED);
    }
    int64_t cursor = 0, retried = 0, calls = 0;
    do {
        struct store_act op =
            act_by_filter(s, ACT_RETRY, (struct job_filter){.states = 1u << JOB_FAILED}, cursor, 10);
        CHECK_TRUE(op.verdict_count <= 10);
        for (size_t i = 0; i < op.verdict_count; i++) {
            VERDICT(op.verdicts[i], RC_OK);
        }
        retried += (int64_t)op.verdict_count;
        cursor = op.next_cursor;
        calls++;
    } while (cursor);
    CHECK_INT(retried, 25);
    CHECK_TRUE(calls >= 3 && calls <= 6);
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], 25);
    check_counts(s);
}

STORE_TEST(a_filter_skips_jobs_that_do_not_allow_the_action)
{
    (void)a_final_job(s, JOB_COMPLETED);
    (void)a_final_job(s, JOB_FAILED);
    struct id scheduled = a_scheduled_job(s, HOUR);
    struct store_act op = act_by_filter(s, ACT_PROMOTE, (struct job_filter){0}, 0, 100);
    CHECK_INT(op.verdict_count, 1);
    CHECK_ID(op.verdicts[0].job, scheduled);
    op = act_by_filter(s, ACT_RETRY, (struct job_filter){0}, 0, 100);
    CHECK_INT(op.verdict_count, 1);
    CHECK_INT(op.verdicts[0].state, JOB_QUEUED);
}

STORE_TEST(a_filter_acts_on_the_newest_first)
{
    struct id old = a_queued_job(s), young = a_queued_job(s);
    struct store_act op = act_by_filter(s, ACT_CANCEL, (struct job_filter){0}, 0, 1);
    CHECK_INT(op.verdict_count, 1);
    CHECK_ID(op.verdicts[0].job, young);
    CHECK_STATE(s, old, JOB_QUEUED);
}

STORE_TEST(a_filter_purges_the_dead_letters_and_nothing_else)
{
    for (int i = 0; i < 12; i++) {
        (void)a_final_job(s, i % 2 ? JOB_FAILED : JOB_COMPLETED);
    }
    struct id queued = a_queued_job(s);
    struct store_act op =
        act_by_filter(s, ACT_PURGE, (struct job_filter){.states = 1u << JOB_FAILED}, 0, 100);
    CHECK_INT(op.verdict_count, 6);
    CHECK_INT(count_of(s, (struct job_filter){0}), 7);
    CHECK_STATE(s, queued, JOB_QUEUED);
    check_counts(s);
}

STORE_TEST(a_filter_never_reaches_another_tenant)
{
    struct id mine = a_queued_job(s);
    int64_t me = s->tenant;
    as_tenant(s, s->foreign); /* J13 */
    CHECK_INT(act_by_filter(s, ACT_CANCEL, (struct job_filter){0}, 0, 100).verdict_count, 0);
    as_tenant(s, me);
    CHECK_STATE(s, mine, JOB_QUEUED);
}

/* ---- patch */

static struct store_patch patch_of(struct store_test *s, struct id id)
{
    AN_OP(s, op, store_patch, STORE_PATCH);
    op.tenant = s->tenant;
    op.job_id = id;
    return op;
}

STORE_TEST(a_patch_changes_what_it_names)
{
    struct id id = a_queued_job(s, .priority = 1, .args = STR("1"));
    struct store_patch op = patch_of(s, id);
    op.has_priority = op.has_args = true;
    op.priority = -3;
    op.args = STR("{\"new\":true}");
    run_op(s, &op.op);
    CHECK_INT(op.job->priority, -3);
    CHECK_STR(op.job->args, STR("{\"new\":true}"));
    CHECK_STR(op.job->queue, STR("default"));
    CHECK_STR(job_of(s, id)->args, STR("{\"new\":true}"));
    CHECK_INT(job_of(s, id)->state, JOB_QUEUED);
}

STORE_TEST(a_patched_priority_counts_in_the_next_claim)
{
    (void)a_queued_job(s);
    struct id second = a_queued_job(s);
    struct store_patch op = patch_of(s, second);
    op.has_priority = true;
    op.priority = -1;
    run_op(s, &op.op);
    CHECK_ID(claim_one(s)->id, second);
}

STORE_TEST(a_patched_queue_takes_the_job_there)
{
    struct id id = a_queued_job(s, .queue = STR("a"));
    struct store_patch op = patch_of(s, id);
    op.has_queue = true;
    op.queue = STR("b");
    run_op(s, &op.op);
    claim_none(s, .queue = STR("a"));
    check_counts(s);
    CHECK_ID(claim_one(s, .queue = STR("b"))->id, id);
    check_counts(s);
}

STORE_TEST(a_patched_run_at_schedules_or_queues)
{
    struct id id = a_queued_job(s);
    struct store_patch op = patch_of(s, id);
    op.has_run_at = true;
    op.run_at = TEST_BEGINS + HOUR;
    run_op(s, &op.op);
    CHECK_STATE(s, id, JOB_SCHEDULED);
    claim_none(s);
    CHECK_INT(pass(s, HOUR), 1);
    CHECK_STATE(s, id, JOB_QUEUED);
}

STORE_TEST(a_running_or_final_job_cannot_be_patched)
{
    struct job *running = a_processing_job(s);
    struct id ids[2] = {running->id, a_final_job(s, JOB_COMPLETED)};
    for (int i = 0; i < 2; i++) {
        struct store_patch op = patch_of(s, ids[i]);
        op.has_priority = true;
        op.priority = 3;
        FAILS(store_run(s->store, &op.op, e), RC_CONFLICT);
        CHECK_INT(job_of(s, ids[i])->priority, 0);
    }
}

STORE_TEST(a_patch_is_checked_like_an_enqueue)
{
    struct id id = a_queued_job(s);
    struct store_patch op = patch_of(s, id);
    op.has_priority = true;
    op.priority = JOB_PRIORITY_MAX + 1;
    FAILS(store_run(s->store, &op.op, e), RC_INVALID);
    op = patch_of(s, id);
    op.has_queue = true;
    op.queue = STR("not a name");
    FAILS(store_run(s->store, &op.op, e), RC_INVALID);
    CHECK_STR(job_of(s, id)->args, STR("{}"));
}

STORE_TEST(an_unknown_job_cannot_be_patched)
{
    struct store_patch op = patch_of(s, id_random(TEST_BEGINS));
    op.has_priority = true;
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
}
