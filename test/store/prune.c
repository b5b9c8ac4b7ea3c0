/* Prune: what is past its retention goes, in bounded chunks, and nothing else does. */
#include "store_test.h"

static struct store_prune prune_once(struct store_test *s, int64_t limit)
{
    AN_OP(s, op, store_prune, STORE_PRUNE);
    op.limit = limit;
    run_op(s, &op.op);
    return op;
}

STORE_TEST(finished_jobs_are_kept_as_long_as_promised)
{
    struct id done = a_final_job(s, JOB_COMPLETED), failed = a_final_job(s, JOB_FAILED),
              cancelled = a_final_job(s, JOB_CANCELLED);
    CHECK_INT(job_of(s, done)->expires_at, TEST_BEGINS + 7 * DAY);
    CHECK_INT(job_of(s, failed)->expires_at, TEST_BEGINS + 14 * DAY);
    advance(s, 7 * DAY - SECOND);
    (void)prune(s);
    CHECK_TRUE(has_job(s, done) && has_job(s, failed) && has_job(s, cancelled));
    advance(s, 2 * DAY);
    (void)prune(s);
    CHECK_FALSE(has_job(s, done) || has_job(s, cancelled));
    CHECK_TRUE(has_job(s, failed));
    advance(s, 7 * DAY);
    (void)prune(s);
    CHECK_FALSE(has_job(s, failed));
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    check_counts(s);
}

STORE_TEST(a_queue_may_keep_its_jobs_shorter_or_for_ever)
{
    set_queue(s, STR("short"), settings_with(.retain_completed_ms = HOUR));
    set_queue(s, STR("long"), settings_with(.retain_completed_ms = JOB_FOREVER_MS));
    struct id gone = a_final_job(s, JOB_COMPLETED, .queue = STR("short"));
    struct id kept = a_final_job(s, JOB_COMPLETED, .queue = STR("long"));
    advance(s, 2 * DAY);
    (void)prune(s);
    CHECK_FALSE(has_job(s, gone));
    advance(s, 4000 * DAY);
    (void)prune(s);
    CHECK_TRUE(has_job(s, kept));
    check_counts(s);
}

STORE_TEST(live_jobs_are_never_pruned)
{
    struct id queued = a_queued_job(s, .queue = STR("q")), later = a_scheduled_job(s, 3000 * DAY);
    struct job *running = a_processing_job(s);
    VERDICT(heartbeat(s, running, 1, .lease_ms = JOB_LEASE_MAX_MS), RC_OK);
    advance(s, 2000 * DAY);
    (void)prune(s);
    CHECK_TRUE(has_job(s, queued) && has_job(s, later) && has_job(s, running->id));
}

STORE_TEST(prune_works_in_bounded_chunks_and_says_when_to_come_again)
{
    for (int i = 0; i < 25; i++) {
        (void)a_final_job(s, JOB_COMPLETED);
    }
    struct store_prune before = prune_once(s, 10);
    CHECK_INT(before.removed, 0);
    while (before.more) { /* a round's time may be over before all has been looked at */
        before = prune_once(s, 10);
        CHECK_INT(before.removed, 0);
    }
    CHECK_TRUE(before.next_at > TEST_BEGINS && before.next_at <= TEST_BEGINS + 8 * DAY);
    advance(s, 9 * DAY);
    int64_t calls = 0;
    struct store_prune op;
    do {
        op = prune_once(s, 10);
        CHECK_TRUE(op.removed <= 30); /* a job may take its events along */
        calls++;
    } while (op.more);
    CHECK_TRUE(calls >= 2);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    CHECK_INT(op.next_at, 0);
    CHECK_INT(prune_once(s, 10).removed, 0);
}

STORE_TEST(the_events_and_artifacts_of_a_job_go_with_it)
{
    struct job *job = a_processing_job(s);
    struct report_artifact one = {STR("a"), STR("text/plain"), STR("1")};
    VERDICT(say(s, job, 1, STR("x")), RC_OK);
    VERDICT(complete(s, job, 2, .artifacts = &one, .artifact_count = 1), RC_OK);
    advance(s, 9 * DAY);
    (void)prune(s);
    CHECK_INT(artifact_of(s, job->id, STR("a")).op.rc, RC_NOT_FOUND);
    AN_OP(s, op, store_read_events, STORE_READ_EVENTS);
    op.tenant = s->tenant;
    op.job_id = job->id;
    op.limit = 10;
    FAILS(store_run(s->store, &op.op, e), RC_NOT_FOUND);
}

STORE_TEST(counts_of_the_past_stay_when_jobs_go)
{
    (void)a_final_job(s, JOB_COMPLETED);
    advance(s, 9 * DAY);
    (void)prune(s);
    struct store_stats st = stats_of(s);
    CHECK_INT(st.completed_total, 1);
    CHECK_INT(st.enqueued_total, 1);
    CHECK_INT(st.counts[JOB_COMPLETED], 0);
}

STORE_TEST(a_report_about_a_pruned_job_is_not_found)
{
    struct job *job = a_processing_job(s);
    VERDICT(complete(s, job, 1), RC_OK);
    advance(s, 9 * DAY);
    (void)prune(s);
    VERDICT(complete(s, job, 1), RC_NOT_FOUND);
    VERDICT(cancel(s, job->id), RC_NOT_FOUND);
}

STORE_TEST(a_prune_during_the_life_of_a_key_leaves_it)
{
    (void)prune_once(s, 100);
    AN_OP(s, op, store_list_keys, STORE_LIST_KEYS);
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
}
