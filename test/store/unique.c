/* Unique keys (J7): one job per key, while it lives, for a period, or for ever. */
#include "store_test.h"

STORE_TEST(a_second_job_with_a_live_unique_key_is_a_duplicate)
{
    struct id first = a_queued_job(s, .unique_key = STR("u"));
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"), .args = STR("2"));
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.duplicate);
    CHECK_FALSE(v.pruned);
    CHECK_ID(v.job, first);
    CHECK_INT(v.state, JOB_QUEUED);
    CHECK_STR(job_of(s, first)->args, STR("{}"));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
}

STORE_TEST(a_duplicate_within_one_call_names_the_first)
{
    struct job_spec specs[2] = {{.kind = STR("k"), .args = STR("1"), .unique_key = STR("u")},
                                {.kind = STR("k"), .args = STR("2"), .unique_key = STR("u")}};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 2;
    run_op(s, &op.op);
    CHECK_FALSE(op.verdicts[0].duplicate);
    CHECK_TRUE(op.verdicts[1].duplicate);
    CHECK_ID(op.verdicts[1].job, op.verdicts[0].job);
}

STORE_TEST(the_key_is_held_in_every_live_state)
{
    struct id id = a_scheduled_job(s, MINUTE, .unique_key = STR("u"));
    CHECK_TRUE(enqueue(s, .unique_key = STR("u")).duplicate);
    VERDICT(promote(s, id), RC_OK);
    CHECK_TRUE(enqueue(s, .unique_key = STR("u")).duplicate);
    struct job *job = claim_one(s);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    CHECK_TRUE(v.duplicate);
    CHECK_INT(v.state, JOB_PROCESSING);
    VERDICT(snooze(s, job, 1, MINUTE), RC_OK);
    CHECK_TRUE(enqueue(s, .unique_key = STR("u")).duplicate);
}

STORE_TEST(the_key_is_free_once_the_job_is_final)
{
    struct id first = a_final_job(s, JOB_COMPLETED, .unique_key = STR("u"));
    struct id second = a_final_job(s, JOB_FAILED, .unique_key = STR("u"));
    struct id third = a_final_job(s, JOB_CANCELLED, .unique_key = STR("u"));
    struct id fourth = a_queued_job(s, .unique_key = STR("u"));
    CHECK_FALSE(id_eq(first, second) || id_eq(second, third) || id_eq(third, fourth));
}

STORE_TEST(a_period_holds_the_key_beyond_the_end_of_the_job)
{
    struct id first = a_final_job(s, JOB_COMPLETED, .unique_key = STR("u"), .unique_for_ms = HOUR);
    advance(s, HOUR - 1);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    CHECK_TRUE(v.duplicate);
    CHECK_ID(v.job, first);
    CHECK_INT(v.state, JOB_COMPLETED);
    advance(s, 1 + SECOND);
    (void)a_queued_job(s, .unique_key = STR("u"));
}

STORE_TEST(a_period_that_ends_before_the_job_does_frees_the_key)
{
    struct id first = a_queued_job(s, .unique_key = STR("u"), .unique_for_ms = MINUTE);
    advance(s, 2 * MINUTE);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    VERDICT(v, RC_OK);
    CHECK_FALSE(v.duplicate);
    CHECK_FALSE(id_eq(v.job, first));
}

STORE_TEST(a_key_held_for_ever_outlives_its_job)
{
    struct id first = a_final_job(s, JOB_COMPLETED, .unique_key = STR("u"), .unique_for_ms = JOB_FOREVER_MS);
    advance(s, 400 * DAY);
    (void)prune(s);
    CHECK_FALSE(has_job(s, first));
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.duplicate);
    CHECK_TRUE(v.pruned);
    CHECK_ID(v.job, first);
}

STORE_TEST(unique_keys_belong_to_their_tenant)
{
    struct id mine = a_queued_job(s, .unique_key = STR("u"));
    as_tenant(s, s->foreign);
    struct id theirs = a_queued_job(s, .unique_key = STR("u"));
    CHECK_FALSE(id_eq(mine, theirs));
}

STORE_TEST(a_unique_key_spans_queues_and_kinds)
{
    struct id first = a_queued_job(s, .queue = STR("a"), .kind = STR("x"), .unique_key = STR("u"));
    struct enqueue_verdict v = enqueue(s, .queue = STR("b"), .kind = STR("y"), .unique_key = STR("u"));
    CHECK_TRUE(v.duplicate);
    CHECK_ID(v.job, first);
}

STORE_TEST(a_retry_whose_key_is_held_is_refused)
{
    struct id failed = a_final_job(s, JOB_FAILED, .unique_key = STR("u"));
    struct id holder = a_queued_job(s, .unique_key = STR("u"));
    VERDICT_CODE(retry(s, failed), RC_CONFLICT, "duplicate_key");
    CHECK_STATE(s, failed, JOB_FAILED);
    VERDICT(cancel(s, holder), RC_OK);
    VERDICT(retry(s, failed), RC_OK);
}

STORE_TEST(a_retried_job_holds_its_key_again)
{
    struct id id = a_final_job(s, JOB_FAILED, .unique_key = STR("u"));
    VERDICT(retry(s, id), RC_OK);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    CHECK_TRUE(v.duplicate);
    CHECK_ID(v.job, id);
}

STORE_TEST(the_longest_key_is_kept_and_a_longer_one_refused)
{
    struct str key = arena_printf(s->a, "%0*d", JOB_KEY_MAX_BYTES, 7);
    struct id id = a_queued_job(s, .unique_key = key);
    CHECK_STR(job_of(s, id)->unique_key, key);
    CHECK_TRUE(enqueue(s, .unique_key = key).duplicate);
    enum rc rc = enqueue(s, .unique_key = arena_printf(s->a, "%0*d", JOB_KEY_MAX_BYTES + 1, 7)).rc;
    CHECK_TRUE(rc == RC_INVALID || rc == RC_TOO_BIG);
}

DURABLE_STORE_TEST(a_unique_key_is_held_over_a_restart)
{
    struct id first = a_queued_job(s, .unique_key = STR("u"));
    reopen(s);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"));
    CHECK_TRUE(v.duplicate);
    CHECK_ID(v.job, first);
}

STORE_TEST(promises_of_unique_keys_hold_for_a_thousand_duplicates_in_one_call)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, 1000);
    for (int i = 0; i < 1000; i++) {
        specs[i] = (struct job_spec){
            .kind = STR("k"), .args = STR("{}"), .unique_key = arena_printf(s->a, "u%d", i % 10)};
    }
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 1000;
    run_op(s, &op.op);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(op.verdicts[i].duplicate, i >= 10);
        CHECK_ID(op.verdicts[i].job, op.verdicts[i % 10].job);
    }
    CHECK_INT(count_of(s, (struct job_filter){0}), 10);
    check_counts(s);
}

/* ---- what becomes of the one that comes later */

STORE_TEST(a_later_job_replaces_one_that_waits)
{
    struct id first = a_scheduled_job(s, MINUTE, .unique_key = STR("u"), .args = STR("1"));
    advance(s, 30 * SECOND);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"), .args = STR("2"), .delay_ms = MINUTE,
                                       .on_duplicate = JOB_ON_DUPLICATE_REPLACE);
    VERDICT(v, RC_OK);
    CHECK_TRUE(v.duplicate && v.replaced);
    CHECK_ID(v.job, first);
    CHECK_STR(job_of(s, first)->args, STR("2"));
    CHECK_INT(job_of(s, first)->run_at, TEST_BEGINS + 90 * SECOND);
    v = enqueue(s, .unique_key = STR("u"), .args = STR("3"), .delay_ms = HOUR,
                .on_duplicate = JOB_ON_DUPLICATE_REPLACE_ARGS);
    CHECK_TRUE(v.replaced);
    CHECK_STR(job_of(s, first)->args, STR("3"));
    CHECK_INT(job_of(s, first)->run_at, TEST_BEGINS + 90 * SECOND);
    v = enqueue(s, .unique_key = STR("u"), .args = STR("4"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE);
    CHECK_INT(v.state, JOB_QUEUED);
    CHECK_STR(claim_one(s)->args, STR("4"));
    check_counts(s);
}

STORE_TEST(a_later_job_follows_one_that_has_begun)
{
    struct job *first = a_processing_job(s, .unique_key = STR("u"));
    struct enqueue_verdict v =
        enqueue(s, .unique_key = STR("u"), .args = STR("2"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE);
    CHECK_FALSE(v.duplicate || v.replaced || id_eq(v.job, first->id));
    CHECK_TRUE(enqueue(s, .unique_key = STR("u")).duplicate);
    VERDICT(complete(s, first, 1), RC_OK); /* it frees nothing: the key is another's */
    CHECK_ID(enqueue(s, .unique_key = STR("u")).job, v.job);
    VERDICT(complete(s, claim_one(s), 1), RC_OK);
    CHECK_FALSE(enqueue(s, .unique_key = STR("u")).duplicate);
}

/* Whatever brought it back: it may have a checkpoint of its args. */
STORE_TEST(a_later_job_follows_one_that_waits_for_its_next_attempt)
{
    for (int how = 0; how < 6; how++) {
        struct job *first = a_processing_job(s, .unique_key = STR("u"), .args = STR("1"));
        VERDICT(progress(s, first, 1, .checkpoint = STR("{\"page\":7}")), RC_OK);
        if (how == 0) {
            VERDICT(fail(s, first, 2, ERROR_TRANSIENT), RC_OK);
        } else if (how == 1) {
            VERDICT(fail(s, first, 2, ERROR_RATE_LIMITED, .retry_after_ms = MINUTE), RC_OK);
        } else if (how == 2) {
            VERDICT(snooze(s, first, 2, MINUTE), RC_OK);
        } else if (how == 3) {
            VERDICT(release(s, first, 2), RC_OK);
        } else if (how == 4) {
            (void)pass(s, HOUR); /* its lease is lost */
        } else {
            VERDICT(fail(s, first, 2, ERROR_PERMANENT), RC_OK);
            VERDICT(retry(s, first->id), RC_OK);
        }
        struct enqueue_verdict v =
            enqueue(s, .unique_key = STR("u"), .args = STR("2"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE);
        CHECK_FALSE(v.duplicate || v.replaced || id_eq(v.job, first->id));
        CHECK_STR(job_of(s, first->id)->args, STR("1"));
        VERDICT(cancel(s, first->id), RC_OK);
        VERDICT(cancel(s, v.job), RC_OK);
    }
    struct id never = a_queued_job(s, .unique_key = STR("u"));
    VERDICT(cancel(s, never), RC_OK);
    VERDICT(retry(s, never), RC_OK);
    CHECK_TRUE(enqueue(s, .unique_key = STR("u"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE).replaced);
}

STORE_TEST(a_key_of_a_period_is_not_let_go)
{
    struct job *first = a_processing_job(s, .unique_key = STR("u"), .unique_for_ms = HOUR);
    struct enqueue_verdict v = enqueue(s, .unique_key = STR("u"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE);
    CHECK_TRUE(v.duplicate && !v.replaced);
    CHECK_ID(v.job, first->id);
    VERDICT(complete(s, first, 1), RC_OK);
    CHECK_FALSE(enqueue(s, .unique_key = STR("u"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE).replaced);
}

STORE_TEST(the_last_of_a_burst_in_one_call_is_what_runs)
{
    struct job_spec specs[50];
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    for (int i = 0; i < 50; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"),
                                     .args = arena_printf(s->a, "%d", i),
                                     .unique_key = STR("u"),
                                     .on_duplicate = JOB_ON_DUPLICATE_REPLACE};
    }
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = 50;
    run_op(s, &op.op);
    CHECK_FALSE(op.verdicts[0].duplicate);
    CHECK_TRUE(op.verdicts[49].replaced);
    CHECK_STR(claim_one(s)->args, STR("49"));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
    check_counts(s);
}

static struct enqueue_verdict enqueue_with_a_limited_key(struct store_test *s, struct str unique_key,
                                                         enum job_on_duplicate how)
{
    struct job_spec spec = {
        .kind = STR("k"), .queue = STR("b"), .unique_key = unique_key, .args = STR("2"), .on_duplicate = how};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.only_queues = STR("[\"b\"]");
    op.specs = &spec;
    op.count = 1;
    run_op(s, &op.op);
    return op.verdicts[0];
}

STORE_TEST(a_key_limited_to_queues_changes_no_holder_in_another)
{
    struct id waiting =
        a_scheduled_job(s, MINUTE, .queue = STR("a"), .unique_key = STR("w"), .args = STR("1"));
    struct job *running = claim_new(s, (struct job_spec){.unique_key = STR("r")});
    struct enqueue_verdict v = enqueue_with_a_limited_key(s, STR("w"), JOB_ON_DUPLICATE_REPLACE);
    CHECK_TRUE(v.duplicate && !v.replaced);
    CHECK_ID(v.job, waiting);
    CHECK_STR(job_of(s, waiting)->args, STR("1"));
    CHECK_INT(job_of(s, waiting)->run_at, TEST_BEGINS + MINUTE);
    CHECK_TRUE(enqueue_with_a_limited_key(s, STR("r"), JOB_ON_DUPLICATE_REPLACE_ARGS).duplicate);
    CHECK_ID(enqueue(s, .unique_key = STR("r")).job, running->id); /* it holds it still */
    struct id own = a_queued_job(s, .queue = STR("b"), .unique_key = STR("o"), .args = STR("1"));
    CHECK_TRUE(enqueue_with_a_limited_key(s, STR("o"), JOB_ON_DUPLICATE_REPLACE).replaced);
    CHECK_STR(job_of(s, own)->args, STR("2"));
}

STORE_TEST(a_child_of_a_limited_key_changes_no_holder_in_another_queue)
{
    struct id holder = a_queued_job(s, .queue = STR("a"), .unique_key = STR("u"), .args = STR("1"));
    struct job *parent = a_processing_job(s);
    struct job_spec child = {
        .kind = STR("k"), .unique_key = STR("u"), .args = STR("2"), .on_duplicate = JOB_ON_DUPLICATE_REPLACE};
    struct report item = a_report(parent, 1, REPORT_PROGRESS, .children = &child, .child_count = 1);
    AN_OP(s, report, store_report, STORE_REPORT);
    report.tenant = s->tenant;
    report.only_queues = STR("[\"default\"]");
    report.items = &item;
    report.count = 1;
    run_op(s, &report.op);
    VERDICT(report.verdicts[0], RC_OK);
    CHECK_TRUE(report.verdicts[0].children[0].duplicate && !report.verdicts[0].children[0].replaced);
    CHECK_STR(job_of(s, holder)->args, STR("1"));
}

STORE_TEST(on_duplicate_needs_a_key)
{
    VERDICT_CODE(enqueue(s, .on_duplicate = JOB_ON_DUPLICATE_REPLACE), RC_INVALID, "invalid_field");
}
