/* Enqueue: all or nothing, verdicts, defaults, idempotency keys. Unique keys have a file of their own. */
#include "store_test.h"

#include <string.h>

static struct store_enqueue enqueue_many(struct store_test *s, const struct job_spec *specs, size_t count,
                                         bool partial)
{
    struct err err = {0};
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = count;
    op.partial = partial;
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

static struct store_enqueue enqueue_under_key(struct store_test *s, struct str key, int body,
                                              struct job_spec spec)
{
    struct err err = {0};
    struct job_spec *own = arena_array(s->a, struct job_spec, 1);
    *own = spec;
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = own;
    op.count = 1;
    op.idempotency_key = key;
    memset(op.body_hash, body, sizeof op.body_hash);
    op.op.rc = store_run(s->store, &op.op, &err);
    return op;
}

#define A_SPEC ((struct job_spec){.kind = STR("k"), .args = STR("{}")})

STORE_TEST(a_new_job_is_queued_and_can_be_read_back)
{
    struct id id =
        a_queued_job(s, .queue = STR("mail"), .kind = STR("send"), .args = STR(" {\"to\" : 1.50} "),
                     .priority = -7, .tags = STR("[\"a\",\"b\"]"), .group = STR("g"));
    struct job *job = job_of(s, id);

    CHECK_INT(job->state, JOB_QUEUED);
    CHECK_INT(job->tenant, s->tenant);
    CHECK_STR(job->queue, STR("mail"));
    CHECK_STR(job->kind, STR("send"));
    CHECK_STR(job->tags, STR("[\"a\",\"b\"]"));
    CHECK_STR(job->group, STR("g"));
    CHECK_INT(job->priority, -7);
    CHECK_INT(job->round, 1);
    CHECK_INT(job->attempt, 0);
    CHECK_INT(job->progress_permille, -1);
    CHECK_INT(job->created_at, TEST_BEGINS);
    CHECK_INT(job->reason, JOB_REASON_NONE);
    CHECK_INT(job->finished_at, 0);
    CHECK_FALSE(job->has_error);
}

STORE_TEST(args_are_kept_as_the_bytes_that_came)
{
    struct str args = STR("{\"b\":1.50,  \"a\":[1e3,\"\\u00e4\"]}");
    struct id id = a_queued_job(s, .args = args);
    CHECK_STR(job_of(s, id)->args, args);
}

STORE_TEST(a_job_without_a_queue_goes_to_default)
{
    struct id id = a_queued_job(s);
    CHECK_STR(job_of(s, id)->queue, STR("default"));
}

STORE_TEST(a_job_takes_our_defaults_where_nothing_else_is_said)
{
    struct job *job = job_of(s, a_queued_job(s));
    CHECK_INT(job->retry.max_attempts, RETRY_MAX_ATTEMPTS_DEFAULT);
    CHECK_INT(job->retry.base_ms, RETRY_BASE_DEFAULT_MS);
    CHECK_INT(job->timeout_ms, JOB_TIMEOUT_DEFAULT_MS);
    CHECK_INT(job->lost_max, JOB_LOST_MAX_DEFAULT);
    CHECK_INT(job->on_lost, JOB_ON_LOST_RETRY);
    CHECK_INT(job->deadline_at, 0);
}

STORE_TEST(what_a_job_says_wins_over_the_queue)
{
    set_queue(s, STR("q"), settings_with(.max_attempts = 9, .timeout_ms = 9000));
    struct job *told =
        job_of(s, a_queued_job(s, .queue = STR("q"), .timeout_ms = 7000,
                               .retry = {.max_attempts = 2, .backoff = BACKOFF_FIXED, .base_ms = 5}));
    struct job *untold = job_of(s, a_queued_job(s, .queue = STR("q")));

    CHECK_INT(told->retry.max_attempts, 2);
    CHECK_INT(told->retry.backoff, BACKOFF_FIXED);
    CHECK_INT(told->timeout_ms, 7000);
    CHECK_INT(untold->retry.max_attempts, 9);
    CHECK_INT(untold->timeout_ms, 9000);
}

STORE_TEST(a_delay_schedules_the_job)
{
    struct id id = a_scheduled_job(s, 5 * SECOND);
    CHECK_STATE(s, id, JOB_SCHEDULED);
    CHECK_INT(job_of(s, id)->run_at, TEST_BEGINS + 5 * SECOND);
}

STORE_TEST(a_run_at_in_the_future_schedules_and_one_in_the_past_queues)
{
    struct enqueue_verdict later = enqueue(s, .run_at = TEST_BEGINS + 1);
    struct enqueue_verdict past = enqueue(s, .run_at = TEST_BEGINS - DAY);
    VERDICT(later, RC_OK);
    VERDICT(past, RC_OK);
    CHECK_STATE(s, later.job, JOB_SCHEDULED);
    CHECK_STATE(s, past.job, JOB_QUEUED);
}

STORE_TEST(many_jobs_get_ascending_ids_in_order)
{
    struct job_spec specs[50];
    for (int i = 0; i < 50; i++) {
        specs[i] = A_SPEC;
        specs[i].args = arena_printf(s->a, "%d", i);
    }
    struct store_enqueue op = enqueue_many(s, specs, 50, false);

    CHECK_INT(op.op.rc, RC_OK);
    for (int i = 0; i < 50; i++) {
        CHECK_STR(job_of(s, op.verdicts[i].job)->args, specs[i].args);
        if (i) {
            CHECK_TRUE(id_ordinal(op.verdicts[i].job) > id_ordinal(op.verdicts[i - 1].job));
        }
    }
}

STORE_TEST(ids_do_not_go_back_when_the_clock_does)
{
    struct id first = a_queued_job(s);
    advance(s, -HOUR);
    struct id second = a_queued_job(s);
    CHECK_TRUE(id_ordinal(second) > id_ordinal(first));
}

DURABLE_STORE_TEST(ids_do_not_go_back_over_a_restart_with_an_earlier_clock)
{
    struct id first = a_queued_job(s);
    advance(s, -HOUR);
    reopen(s);
    struct id second = a_queued_job(s);
    CHECK_TRUE(id_ordinal(second) > id_ordinal(first));
}

STORE_TEST(one_bad_item_stores_nothing)
{
    struct job_spec specs[3] = {A_SPEC, A_SPEC, A_SPEC};
    specs[1].kind = STR("not a name");
    struct store_enqueue op = enqueue_many(s, specs, 3, false);

    CHECK_INT(op.op.rc, RC_INVALID);
    CHECK_INT(op.verdicts[1].rc, RC_INVALID);
    CHECK_TRUE(op.verdicts[1].e.field[0] != 0);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
}

STORE_TEST(every_bad_item_has_its_verdict)
{
    struct job_spec specs[4] = {A_SPEC, A_SPEC, A_SPEC, A_SPEC};
    specs[0].kind = STR("not a name");
    specs[2].priority = JOB_PRIORITY_MIN - 1;
    struct store_enqueue op = enqueue_many(s, specs, 4, false);

    CHECK_INT(op.op.rc, RC_INVALID);
    CHECK_INT(op.verdicts[0].rc, RC_INVALID);
    CHECK_INT(op.verdicts[2].rc, RC_INVALID);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
}

STORE_TEST(partial_stores_the_good_items)
{
    struct job_spec specs[3] = {A_SPEC, A_SPEC, A_SPEC};
    specs[1].priority = JOB_PRIORITY_MAX + 1;
    struct store_enqueue op = enqueue_many(s, specs, 3, true);

    CHECK_INT(op.op.rc, RC_OK);
    CHECK_INT(op.verdicts[0].rc, RC_OK);
    CHECK_INT(op.verdicts[1].rc, RC_INVALID);
    CHECK_INT(op.verdicts[2].rc, RC_OK);
    CHECK_INT(count_of(s, (struct job_filter){0}), 2);
    check_counts(s);
}

STORE_TEST(a_single_item_answers_with_its_own_code)
{
    char *big = mem_alloc(JOB_ARGS_MAX_BYTES + 3);
    memset(big, 'x', JOB_ARGS_MAX_BYTES + 2);
    big[0] = big[JOB_ARGS_MAX_BYTES + 1] = '"';
    VERDICT(enqueue(s, .args = (struct str){big, JOB_ARGS_MAX_BYTES + 2}), RC_TOO_BIG);
    VERDICT(enqueue(s, .args = (struct str){big, JOB_ARGS_MAX_BYTES + 2}, .kind = STR("k")), RC_TOO_BIG);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
    mem_free(big);
}

STORE_TEST(args_of_exactly_the_limit_are_kept)
{
    char *big = arena_alloc(s->a, JOB_ARGS_MAX_BYTES);
    memset(big, 'x', JOB_ARGS_MAX_BYTES);
    big[0] = big[JOB_ARGS_MAX_BYTES - 1] = '"';
    struct str args = {big, JOB_ARGS_MAX_BYTES};
    struct id id = a_queued_job(s, .args = args);
    CHECK_STR(job_of(s, id)->args, args);
}

STORE_TEST(an_idempotency_key_gives_the_same_verdicts_again)
{
    struct store_enqueue first = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    advance(s, HOUR);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);

    CHECK_INT(first.op.rc, RC_OK);
    CHECK_FALSE(first.replayed);
    CHECK_INT(second.op.rc, RC_OK);
    CHECK_TRUE(second.replayed);
    CHECK_ID(second.verdicts[0].job, first.verdicts[0].job);
    CHECK_FALSE(second.verdicts[0].duplicate);
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
}

STORE_TEST(an_idempotency_key_repeats_refusals_to_the_letter)
{
    const struct job_spec specs[] = {{.kind = STR("no name")}, {.kind = STR("k"), .queue = STR("full")}};
    (void)set_queue(s, STR("full"), settings_with(.max_queued = 0));
    for (int i = 0; i < 2; i++) {
        AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
        op.tenant = s->tenant;
        op.specs = specs;
        op.count = 2;
        op.partial = true;
        op.idempotency_key = STR("key-1");
        run_op(s, &op.op);
        CHECK_INT(op.replayed, i);
        VERDICT_CODE(op.verdicts[0], RC_INVALID, "invalid_field");
        VERDICT_CODE(op.verdicts[1], RC_BUSY, "queue_full");
        CHECK_TRUE(id_is_zero(op.verdicts[0].job));
        CHECK_TRUE(id_is_zero(op.verdicts[1].job));
    }
}

STORE_TEST(an_idempotency_key_with_another_body_is_a_mistake)
{
    struct store_enqueue first = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 2, A_SPEC);
    CHECK_INT(first.op.rc, RC_OK);
    CHECK_INT(second.op.rc, RC_INVALID);
    CHECK_STR(str_from(second.op.e.code), STR("idempotency_mismatch"));
    CHECK_INT(count_of(s, (struct job_filter){0}), 1);
}

STORE_TEST(an_idempotency_key_belongs_to_its_tenant)
{
    struct store_enqueue first = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    as_tenant(s, s->foreign);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 2, A_SPEC);
    CHECK_INT(first.op.rc, RC_OK);
    CHECK_INT(second.op.rc, RC_OK);
    CHECK_FALSE(second.replayed);
}

STORE_TEST(an_idempotency_key_is_forgotten_after_a_day)
{
    struct store_enqueue first = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    advance(s, DAY + SECOND);
    (void)prune(s);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 2, A_SPEC);
    CHECK_INT(first.op.rc, RC_OK);
    CHECK_INT(second.op.rc, RC_OK);
    CHECK_FALSE(second.replayed);
    CHECK_INT(count_of(s, (struct job_filter){0}), 2);
}

DURABLE_STORE_TEST(an_idempotency_key_survives_a_restart)
{
    struct store_enqueue first = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    CHECK_INT(first.op.rc, RC_OK);
    reopen(s);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 1, A_SPEC);
    CHECK_TRUE(second.replayed);
    CHECK_ID(second.verdicts[0].job, first.verdicts[0].job);
}

STORE_TEST(an_enqueue_that_failed_does_not_use_up_its_idempotency_key)
{
    struct job_spec bad = A_SPEC;
    bad.kind = STR("not a name");
    CHECK_INT(enqueue_under_key(s, STR("key-1"), 1, bad).op.rc, RC_INVALID);
    struct store_enqueue second = enqueue_under_key(s, STR("key-1"), 2, A_SPEC);
    CHECK_INT(second.op.rc, RC_OK);
    CHECK_FALSE(second.replayed);
}

STORE_TEST(ten_thousand_jobs_go_in_with_one_call)
{
    struct job_spec *specs = arena_array(s->a, struct job_spec, 10000);
    for (int i = 0; i < 10000; i++) {
        specs[i] = A_SPEC;
    }
    struct store_enqueue op = enqueue_many(s, specs, 10000, false);
    CHECK_INT(op.op.rc, RC_OK);
    CHECK_INT(stats_of(s).counts[JOB_QUEUED], 10000);
    CHECK_INT(queue_of(s, STR("default"))->counts[JOB_QUEUED], 10000);
}

STORE_TEST(a_full_queue_refuses_more)
{
    set_queue(s, STR("q"), settings_with(.max_queued = 2));
    (void)a_queued_job(s, .queue = STR("q"));
    (void)a_queued_job(s, .queue = STR("q"));
    VERDICT_CODE(enqueue(s, .queue = STR("q")), RC_BUSY, "queue_full");
    (void)a_queued_job(s, .queue = STR("another"));
    (void)claim_one(s, .queue = STR("q"));
    (void)a_queued_job(s, .queue = STR("q"));
}

STORE_TEST(a_queue_that_would_overflow_in_the_middle_of_a_batch_takes_none_of_it)
{
    struct job_spec specs[3] = {A_SPEC, A_SPEC, A_SPEC};
    set_queue(s, STR("default"), settings_with(.max_queued = 2));
    struct store_enqueue op = enqueue_many(s, specs, 3, false);
    CHECK_TRUE(op.op.rc == RC_BUSY || op.op.rc == RC_INVALID);
    CHECK_INT(count_of(s, (struct job_filter){0}), 0);
}
