/* Claim: who gets what, in which order, under which lease. */
#include "store_test.h"

STORE_TEST(a_claimed_job_comes_with_everything_a_worker_needs)
{
    struct id id = a_queued_job(s, .kind = STR("send"), .args = STR("{\"to\":1}"), .timeout_ms = 9000);
    struct job *job = claim_one(s, .worker = STR("w1"), .lease_ms = 5000);

    CHECK_ID(job->id, id);
    CHECK_STR(job->args, STR("{\"to\":1}"));
    CHECK_STR(job->kind, STR("send"));
    CHECK_STR(job->queue, STR("default"));
    CHECK_STR(job->worker, STR("w1"));
    CHECK_INT(job->state, JOB_PROCESSING);
    CHECK_INT(job->attempt, 1);
    CHECK_TRUE(job->lease > 0);
    CHECK_INT(job->lease_ms, 5000);
    CHECK_INT(job->lease_until, TEST_BEGINS + 5000);
    CHECK_INT(job->timeout_ms, 9000);
    CHECK_INT(job_of(s, id)->started_at, TEST_BEGINS);
    CHECK_INT(job_of(s, id)->lease, job->lease);
}

STORE_TEST(nothing_to_do_is_no_error)
{
    claim_none(s);
    claim_none(s, .queue = STR("never-heard-of"));
}

STORE_TEST(no_job_is_handed_out_twice)
{
    (void)a_queued_job(s);
    (void)claim_one(s);
    claim_none(s);
}

STORE_TEST(the_lower_priority_number_goes_first)
{
    struct id later = a_queued_job(s, .priority = 5);
    struct id first = a_queued_job(s, .priority = -5);
    struct id second = a_queued_job(s);
    CHECK_ID(claim_one(s)->id, first);
    CHECK_ID(claim_one(s)->id, second);
    CHECK_ID(claim_one(s)->id, later);
}

STORE_TEST(within_a_priority_the_oldest_goes_first)
{
    struct id ids[10];
    for (int i = 0; i < 10; i++) {
        ids[i] = a_queued_job(s, .kind = i % 2 ? STR("odd") : STR("even"));
        advance(s, i % 3);
    }
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 10);
    for (int i = 0; i < 10; i++) {
        CHECK_ID(c.jobs[i].id, ids[i]);
    }
}

STORE_TEST(one_claim_gives_at_most_what_was_asked_for)
{
    for (int i = 0; i < 5; i++) {
        (void)a_queued_job(s);
    }
    CHECK_INT(claim(s, .max = 3).count, 3);
    CHECK_INT(claim(s, .max = 3).count, 2);
    CHECK_INT(claim(s, .max = 3).count, 0);
}

STORE_TEST(a_worker_gets_only_the_kinds_it_names)
{
    struct id a = a_queued_job(s, .kind = STR("a"));
    struct id b = a_queued_job(s, .kind = STR("b"));
    claim_none(s, .kind = STR("c"));
    CHECK_ID(claim_one(s, .kind = STR("b"))->id, b);
    claim_none(s, .kind = STR("b"));
    CHECK_ID(claim_one(s, .kind = STR("a"))->id, a);
}

STORE_TEST(no_kind_named_means_every_kind)
{
    (void)a_queued_job(s, .kind = STR("a"));
    (void)a_queued_job(s, .kind = STR("b"));
    CHECK_INT(claim(s, .max = 5).count, 2);
}

STORE_TEST(several_kinds_come_in_one_order)
{
    struct id a1 = a_queued_job(s, .kind = STR("a"));
    (void)a_queued_job(s, .kind = STR("x"));
    struct id b1 = a_queued_job(s, .kind = STR("b"), .priority = -1);
    struct id a2 = a_queued_job(s, .kind = STR("a"));
    struct str queue = STR("default"), kinds[2] = {STR("a"), STR("b")};
    AN_OP(s, op, store_claim, STORE_CLAIM);
    op.tenant = s->tenant;
    op.worker = STR("w");
    op.queues = &queue;
    op.queue_count = 1;
    op.kinds = kinds;
    op.kind_count = 2;
    op.max = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 3);
    CHECK_ID(op.jobs[0].id, b1);
    CHECK_ID(op.jobs[1].id, a1);
    CHECK_ID(op.jobs[2].id, a2);
}

STORE_TEST(a_worker_gets_only_from_its_queues)
{
    (void)a_queued_job(s, .queue = STR("a"));
    claim_none(s, .queue = STR("b"));
    (void)claim_one(s, .queue = STR("a"));
}

STORE_TEST(several_queues_are_all_served)
{
    struct str queues[3] = {STR("a"), STR("b"), STR("c")};
    for (int i = 0; i < 30; i++) {
        (void)a_queued_job(s, .queue = queues[0]);
    }
    (void)a_queued_job(s, .queue = queues[1]);
    (void)a_queued_job(s, .queue = queues[2]);
    bool served[3] = {false};
    for (int i = 0; i < 6; i++) {
        AN_OP(s, op, store_claim, STORE_CLAIM);
        op.tenant = s->tenant;
        op.worker = STR("w");
        op.queues = queues;
        op.queue_count = 3;
        op.max = 1;
        run_op(s, &op.op);
        CHECK_INT(op.count, 1);
        for (int q = 0; q < 3; q++) {
            served[q] |= str_eq(op.jobs[0].queue, queues[q]);
        }
    }
    CHECK_TRUE(served[0] && served[1] && served[2]); /* in turn: the long queue does not starve the others */
}

STORE_TEST(one_claim_over_several_queues_takes_from_all_when_it_may)
{
    struct str queues[2] = {STR("a"), STR("b")};
    (void)a_queued_job(s, .queue = queues[0]);
    (void)a_queued_job(s, .queue = queues[1]);
    AN_OP(s, op, store_claim, STORE_CLAIM);
    op.tenant = s->tenant;
    op.worker = STR("w");
    op.queues = queues;
    op.queue_count = 2;
    op.max = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
    CHECK_FALSE(id_eq(op.jobs[0].id, op.jobs[1].id));
}

STORE_TEST(a_queue_named_twice_gives_each_job_once)
{
    struct str queues[2] = {STR("a"), STR("a")};
    (void)a_queued_job(s, .queue = queues[0]);
    AN_OP(s, op, store_claim, STORE_CLAIM);
    op.tenant = s->tenant;
    op.worker = STR("w");
    op.queues = queues;
    op.queue_count = 2;
    op.max = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
}

STORE_TEST(a_paused_queue_gives_nothing)
{
    struct id id = a_queued_job(s, .queue = STR("mail"));
    pause_queue(s, STR("mail"));
    claim_none(s, .queue = STR("mail"));
    CHECK_STATE(s, id, JOB_QUEUED);
    resume_queue(s, STR("mail"));
    CHECK_ID(claim_one(s, .queue = STR("mail"))->id, id);
}

STORE_TEST(a_paused_queue_still_takes_jobs_and_reports)
{
    struct job *job = a_processing_job(s, .queue = STR("mail"));
    pause_queue(s, STR("mail"));
    (void)a_queued_job(s, .queue = STR("mail"));
    VERDICT(complete(s, job, 1), RC_OK);
}

STORE_TEST(a_scheduled_job_is_not_handed_out_before_its_time)
{
    struct id id = a_scheduled_job(s, MINUTE); /* J9 */
    claim_none(s);
    (void)pass(s, MINUTE - 1);
    claim_none(s);
    (void)pass(s, 1);
    CHECK_ID(claim_one(s)->id, id);
}

STORE_TEST(a_cancelled_job_is_never_handed_out)
{
    struct id id = a_queued_job(s); /* J11 */
    VERDICT(cancel(s, id), RC_OK);
    claim_none(s);
}

STORE_TEST(a_lease_lasts_thirty_seconds_when_nobody_says)
{
    struct job *job = a_processing_job(s);
    CHECK_INT(job->lease_ms, JOB_LEASE_DEFAULT_MS);
    CHECK_INT(job->lease_until, TEST_BEGINS + JOB_LEASE_DEFAULT_MS);
}

STORE_TEST(the_queue_says_how_long_a_lease_lasts)
{
    set_queue(s, STR("q"), settings_with(.lease_ms = 7000));
    struct job *job = a_processing_job(s, .queue = STR("q"));
    CHECK_INT(job->lease_until, TEST_BEGINS + 7000);
}

STORE_TEST(the_claim_says_it_last)
{
    set_queue(s, STR("default"), settings_with(.lease_ms = 7000));
    (void)a_queued_job(s);
    CHECK_INT(claim_one(s, .lease_ms = 3000)->lease_until, TEST_BEGINS + 3000);
}

STORE_TEST(each_hand_out_has_a_greater_lease_number)
{
    struct job *job = a_processing_job(s); /* J4 */
    int64_t last = job->lease;
    for (int i = 0; i < 5; i++) {
        VERDICT(release(s, job, 1), RC_OK);
        job = claim_one(s);
        CHECK_TRUE(job->lease > last);
        CHECK_TRUE(job->lease <= JOB_LEASE_NUMBER_MAX);
        last = job->lease;
    }
}

STORE_TEST(a_claim_takes_back_a_lease_that_ended)
{
    struct job *first = a_processing_job(s);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    struct job *second = claim_one(s, .worker = STR("w2"));
    CHECK_ID(second->id, first->id);
    CHECK_TRUE(second->lease > first->lease);
    CHECK_INT(second->attempt, 1); /* a lost lease gives the attempt back */
    CHECK_INT(second->lost, 1);
    CHECK_STR(second->worker, STR("w2"));
}

STORE_TEST(a_checkpoint_comes_back_with_the_next_claim)
{
    struct job *job = a_processing_job(s);
    VERDICT(progress(s, job, 1, .checkpoint = STR("{\"page\":7}")), RC_OK);
    (void)pass(s, JOB_LEASE_DEFAULT_MS);
    CHECK_STR(claim_one(s)->checkpoint, STR("{\"page\":7}"));
}

STORE_TEST(claims_of_a_thousand_jobs_give_each_once)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, 1000);
    for (int i = 0; i < 1000; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}"), .priority = i % 7};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 1000;
    run_op(s, &op.op);
    int64_t before = INT64_MIN, got = 0, last_ordinal = 0;
    for (struct claimed c = claim(s, .max = 64); c.count; c = claim(s, .max = 64)) {
        for (size_t i = 0; i < c.count; i++, got++) {
            CHECK_TRUE(c.jobs[i].priority > before ||
                       (c.jobs[i].priority == before && id_ordinal(c.jobs[i].id) > last_ordinal));
            before = c.jobs[i].priority;
            last_ordinal = id_ordinal(c.jobs[i].id);
        }
    }
    CHECK_INT(got, 1000);
    check_counts(s);
}

STORE_TEST(a_claim_keeps_the_order_behind_jobs_that_are_too_late)
{
    for (int i = 0; i < 2; i++) {
        (void)a_queued_job(s, .kind = STR("x"), .deadline_ms = SECOND);
    }
    struct id first = a_queued_job(s, .kind = STR("x"));
    struct id second = a_queued_job(s, .kind = STR("y"));
    struct id last = a_queued_job(s, .priority = 1);
    advance(s, SECOND); /* and the timer is behind */
    struct claimed c = claim(s, .max = 2);
    CHECK_INT(c.count, 2);
    CHECK_ID(c.jobs[0].id, first);
    CHECK_ID(c.jobs[1].id, second);
    CHECK_STATE(s, last, JOB_QUEUED);
    check_counts(s);
}
