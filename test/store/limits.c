/* limits.c: how many jobs of a key run at once, how many begin in a time, and keys that are paused. */
#include "limit_rig.h"

/* ---- slots */

STORE_TEST(no_more_jobs_of_a_key_run_than_it_allows)
{
    set_limit(s, A, CAPPED(2));
    queue_some(s, 4, HOST);
    struct id free_one = a_queued_job(s);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 3); /* two of the key, and the one that names none */
    CHECK_STATE(s, free_one, JOB_PROCESSING);
    struct limit l = read_limit(s, A);
    CHECK_INT(l.state.used, 2);
    CHECK_INT(l.waiting, 2);
    const struct job *one = id_eq(c.jobs[0].id, free_one) ? &c.jobs[1] : &c.jobs[0];
    complete(s, one, 1);
    CHECK_INT(claimed(s, 10), 1);
    CHECK_INT(claimed(s, 10), 0);
}

STORE_TEST(whatever_ends_a_lease_frees_its_slot)
{
    set_limit(s, A, CAPPED(1));
    struct job *j = a_processing_job(s, .limit_keys = HOST);
    release(s, j, 1);
    j = claim_one(s);
    fail(s, j, 1, ERROR_TRANSIENT);
    CHECK_INT(read_limit(s, A).state.used, 0);
    pass(s, HOUR);
    j = claim_one(s, .lease_ms = SECOND);
    pass(s, 2 * SECOND);
    j = claim_one(s);
    complete(s, j, 1);
    CHECK_INT(read_limit(s, A).state.used, 0);
    a_queued_job(s, .limit_keys = HOST);
    CHECK_INT(claimed(s, 10), 1);
}

STORE_TEST(weights_are_slots_and_the_heaviest_waits_for_all_of_them)
{
    set_limit(s, A, CAPPED(4));
    queue_some(s, 2, HEAVY);
    struct claimed first = claim(s, .max = 10);
    CHECK_INT(first.count, 1);
    queue_some(s, 3, HOST);
    CHECK_INT(claimed(s, 10), 1);
    set_limit(s, A, CAPPED(2)); /* less than one of them weighs: it counts as all of it */
    CHECK_INT(claimed(s, 10), 0);
    complete(s, &first.jobs[0], 1);
    size_t more = claimed(s, 10);
    CHECK_TRUE(more <= 1);
    CHECK_TRUE(read_limit(s, A).state.used <= 3);
}

STORE_TEST(a_heavy_job_is_overtaken_only_until_its_key_was_full)
{
    set_limit(s, A, RATED(4, SECOND, 4));
    CHECK_INT(claim(s, .max = 1).count, 0);
    queue_some(s, 1, HEAVY);
    CHECK_INT(claimed(s, 1), 1);
    struct id heavy = a_queued_job(s, .limit_keys = HEAVY);
    queue_some(s, 40, HOST);
    int before = 0;
    for (bool is_here = false; !is_here && before < 40; advance(s, 50)) {
        struct claimed c = claim(s, .max = 1);
        before += (int)c.count;
        is_here = c.count && id_eq(c.jobs[0].id, heavy);
    }
    CHECK_TRUE(before <= 3); /* itself, and those that took what was left */
}

STORE_TEST(a_job_of_two_keys_needs_room_in_both)
{
    set_limit(s, A, CAPPED(2));
    set_limit(s, STR("host:b"), CAPPED(1));
    queue_some(s, 3, BOTH);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 1);
    queue_some(s, 2, HOST);
    CHECK_INT(claimed(s, 10), 1);
    complete(s, &c.jobs[0], 1);
    CHECK_INT(claimed(s, 10), 1);
    CHECK_INT(claimed(s, 10), 0);
}

STORE_TEST(a_higher_limit_opens_a_full_key_and_a_lower_one_takes_nothing_away)
{
    set_limit(s, A, CAPPED(1));
    queue_some(s, 5, HOST);
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 1);
    set_limit(s, A, CAPPED(3));
    CHECK_INT(claimed(s, 10), 2);
    set_limit(s, A, CAPPED(1));
    complete(s, &c.jobs[0], 1);
    CHECK_INT(claimed(s, 10), 0); /* two still run */
    OK(delete_limit(s, A, e));
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(slots_are_counted_although_no_limit_was_set_when_they_began)
{
    queue_some(s, 3, HOST);
    struct claimed c = claim(s, .max = 2);
    set_limit(s, A, CAPPED(2));
    CHECK_INT(claimed(s, 10), 0);
    complete(s, &c.jobs[0], 1);
    CHECK_INT(claimed(s, 10), 1);
}

DURABLE_STORE_TEST(slots_tokens_and_pauses_outlive_the_server)
{
    set_limit(s, A, (struct limit_rule){.concurrency = 2, .rate = 3, .period_ms = HOUR, .burst = 3});
    pause_limit(s, STR("host:b"), JOB_FOREVER_MS);
    queue_some(s, 5, HOST);
    a_queued_job(s, .limit_keys = STR("[\"host:b\"]"));
    struct claimed c = claim(s, .max = 10);
    CHECK_INT(c.count, 2);
    reopen(s);
    CHECK_INT(read_limit(s, A).state.used, 2);
    CHECK_INT(claimed(s, 10), 0);
    complete(s, &c.jobs[0], 1);
    complete(s, &c.jobs[1], 1);
    CHECK_INT(claimed(s, 10), 1); /* the last token */
    reopen(s);
    CHECK_INT(claimed(s, 10), 0);
    pass(s, HOUR); /* of the third the lease is lost */
    CHECK_INT(claimed(s, 10), 2);
}

/* ---- tokens */

STORE_TEST(tokens_come_back_at_an_even_rate)
{
    set_limit(s, A, RATED(4, MINUTE, 2));
    queue_some(s, 6, HOST);
    CHECK_INT(claimed(s, 10), 2); /* the burst */
    CHECK_INT(claimed(s, 10), 0);
    pass(s, 14 * SECOND);
    CHECK_INT(claimed(s, 10), 0);
    pass(s, SECOND);
    CHECK_INT(claimed(s, 10), 1);
    pass(s, HOUR); /* no more than the burst piles up */
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(a_running_job_takes_tokens_or_hears_when_to_ask_again)
{
    set_limit(s, A, RATED(10, MINUTE, 10));
    struct job *j = a_processing_job(s, .limit_keys = HOST);
    const struct report_tokens five = {A, 5};
    struct report_verdict v = progress(s, j, 1, .take = &five, .take_count = 1);
    CHECK_INT(v.rc, RC_OK);
    CHECK_INT(v.take_wait_ms, 0);
    v = progress(s, j, 2, .take = &five, .take_count = 1); /* four are left */
    CHECK_INT(v.take_wait_ms, 6 * SECOND);
    v = progress(s, j, 2, .take = &five, .take_count = 1);
    CHECK_TRUE(v.replayed && v.take_wait_ms == 6 * SECOND);
    const struct report_tokens back = {A, -5};
    v = progress(s, j, 3, .correct = &back, .correct_count = 1);
    CHECK_INT(v.rc, RC_OK);
    v = progress(s, j, 4, .take = &five, .take_count = 1);
    CHECK_INT(v.take_wait_ms, 0);
}

STORE_TEST(a_job_takes_of_its_own_keys_only)
{
    struct job *j = a_processing_job(s, .limit_keys = HOST);
    const struct report_tokens foreign = {STR("host:b"), 1};
    CHECK_INT(progress(s, j, 1, .take = &foreign, .take_count = 1).rc, RC_INVALID);
    CHECK_INT(progress(s, j, 1, .correct = &foreign, .correct_count = 1).rc, RC_INVALID);
    struct report_verdict v =
        fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = STR("host:b"), .retry_after_ms = SECOND);
    CHECK_INT(v.rc, RC_INVALID);
    CHECK_INT(fail(s, j, 1, ERROR_TRANSIENT, .pause_key = A, .retry_after_ms = SECOND).rc, RC_INVALID);
    CHECK_INT(complete(s, j, 1).rc, RC_OK);
}

/* ---- pauses */

STORE_TEST(a_paused_key_gives_nothing_until_it_is_resumed)
{
    queue_some(s, 2, HOST);
    pause_limit(s, A, JOB_FOREVER_MS);
    a_queued_job(s);
    CHECK_INT(claimed(s, 10), 1);
    pass(s, DAY);
    CHECK_INT(claimed(s, 10), 0);
    pause_limit(s, A, 0);
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(a_pause_ends_at_its_time)
{
    queue_some(s, 2, HOST);
    pause_limit(s, A, s->now + MINUTE);
    CHECK_INT(claimed(s, 10), 0);
    pass(s, MINUTE - 1);
    CHECK_INT(claimed(s, 10), 0);
    pass(s, 1);
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(a_rate_limited_report_without_a_time_pauses_the_key_until_it_is_resumed)
{
    struct job *j = a_processing_job(s, .limit_keys = HOST);
    a_queued_job(s, .limit_keys = HOST);
    CHECK_INT(fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = A, .retry_after_ms = 0).rc, RC_INVALID);
    CHECK_INT(fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = A, .retry_after_ms = -1).rc, RC_OK);
    CHECK_INT(read_limit(s, A).state.paused_until, JOB_FOREVER_MS);
    pass(s, DAY);
    CHECK_INT(claimed(s, 10), 0);
    pause_limit(s, A, 0);
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(a_rate_limited_report_pauses_the_key_for_all)
{
    struct job *j = a_processing_job(s, .limit_keys = HOST);
    struct job *other = a_processing_job(s, .limit_keys = HOST);
    a_queued_job(s, .limit_keys = HOST);
    struct report_verdict v =
        fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = A, .retry_after_ms = 20 * SECOND);
    CHECK_INT(v.rc, RC_OK);
    CHECK_INT(read_limit(s, A).state.paused_until, s->now + 20 * SECOND);
    CHECK_INT(claimed(s, 10), 0);
    const struct report_tokens one = {A, 1};
    CHECK_INT(progress(s, other, 1, .take = &one, .take_count = 1).take_wait_ms, 20 * SECOND);
    pass(s, 20 * SECOND);
    CHECK_INT(claimed(s, 10), 2);
    CHECK_INT(progress(s, other, 2, .take = &one, .take_count = 1).take_wait_ms, 0);
}

STORE_TEST(many_jobs_of_a_paused_key_are_in_nobodys_way)
{
    enum { MANY = 3000 };
    struct job_spec *specs = arena_array(s->a, struct job_spec, MANY);
    for (int i = 0; i < MANY; i++) {
        specs[i] = (struct job_spec){.kind = STR("k"), .args = STR("{}"), .limit_keys = HOST};
    }
    pause_limit(s, A, JOB_FOREVER_MS);
    AN_OP(s, op, store_enqueue, STORE_ENQUEUE);
    op.tenant = s->tenant;
    op.specs = specs;
    op.count = MANY;
    run_op(s, &op.op);
    struct id last = a_queued_job(s);
    CHECK_TRUE(id_eq(claim_one(s)->id, last));
    claim_none(s);
    CHECK_INT(read_limit(s, A).waiting, MANY);
}

/* ---- rules */

STORE_TEST(the_longest_pattern_holds_for_keys_without_a_rule_of_their_own)
{
    set_limit(s, STR("host:*"), CAPPED(1));
    queue_some(s, 3, HOST);
    CHECK_INT(claimed(s, 10), 1);
    CHECK_STR(read_limit(s, A).pattern, STR("host:*"));
    set_limit(s, STR("host:a*"), CAPPED(2));
    CHECK_INT(claimed(s, 10), 1);
    set_limit(s, A, CAPPED(3));
    CHECK_INT(claimed(s, 10), 1);
    queue_some(s, 1, HOST);
    CHECK_INT(claimed(s, 10), 0);
    OK(delete_limit(s, A, e));
    OK(delete_limit(s, STR("host:*"), e));
    OK(delete_limit(s, STR("host:a*"), e));
    CHECK_INT(claimed(s, 10), 1);
}

STORE_TEST(limits_are_listed_by_key_and_wrong_ones_are_refused)
{
    set_limit(s, STR("b"), CAPPED(1));
    set_limit(s, STR("a"), RATED(1, SECOND, 1));
    pause_limit(s, STR("c"), JOB_FOREVER_MS);
    AN_OP(s, op, store_list_limits, STORE_LIST_LIMITS);
    op.tenant = s->tenant;
    op.limit = 2;
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
    CHECK_STR(op.limits[0].key, STR("a"));
    CHECK_INT(op.limits[0].rule.rate, 1);
    CHECK_TRUE(op.more);
    op.after = STR("b");
    run_op(s, &op.op);
    CHECK_INT(op.count, 1);
    CHECK_STR(op.limits[0].key, STR("c"));
    CHECK_TRUE(!op.more && !op.limits[0].is_set);
    CHECK_INT(refused_limit(s, STR("d"), CAPPED(-1), e), RC_INVALID);
    CHECK_INT(refused_limit(s, STR("d"), RATED(-5, SECOND, 1), e), RC_INVALID);
    CHECK_INT(refused_limit(s, STR("d"), RATED(5, 0, 1), e), RC_INVALID);
    CHECK_INT(refused_limit(s, STR(""), CAPPED(1), e), RC_INVALID);
    CHECK_INT(delete_limit(s, STR("d"), e), RC_NOT_FOUND);
    CHECK_INT(enqueue(s, .limit_keys = STR("[\"x\",\"x\"]")).rc, RC_INVALID);
    CHECK_INT(enqueue(s, .limit_keys = STR("[{\"key\":\"x\",\"weight\":0}]")).rc, RC_INVALID);
}

STORE_TEST(a_list_shows_what_holds_for_a_paused_key_by_its_pattern)
{
    set_limit(s, STR("host:*"), CAPPED(4));
    pause_limit(s, A, JOB_FOREVER_MS);
    AN_OP(s, op, store_list_limits, STORE_LIST_LIMITS);
    op.tenant = s->tenant;
    op.limit = 10;
    run_op(s, &op.op);
    CHECK_INT(op.count, 2);
    CHECK_STR(op.limits[1].key, A);
    CHECK_STR(op.limits[1].pattern, STR("host:*"));
    CHECK_INT(op.limits[1].rule.concurrency, 4);
}

STORE_TEST(a_limit_is_its_tenants_and_that_of_the_server_is_everybodys)
{
    set_limit(s, A, CAPPED(1));
    set_limit(s, STR("server:x"), CAPPED(1));
    queue_some(s, 2, STR("[\"server:x\"]"));
    CHECK_INT(claimed(s, 10), 1);
    as_tenant(s, s->foreign);
    queue_some(s, 2, HOST);
    queue_some(s, 1, STR("[\"server:x\"]"));
    CHECK_INT(claimed(s, 10), 2);
}

/* ---- turns: turns.c */

STORE_TEST(groups_take_turns_at_a_key_that_is_full)
{
    set_limit(s, A, CAPPED(1));
    for (int i = 0; i < 6; i++) {
        a_queued_job(s, .group = i < 4 ? STR("A") : STR("B"), .limit_keys = HOST);
    }
    char order[7] = "";
    for (int i = 0; i < 6; i++) {
        struct job *j = claim_one(s);
        claim_none(s);
        order[i] = j->group.p[0];
        complete(s, j, 1);
    }
    CHECK_STR(str_from(order), STR("ABABAA"));
}

/* A node that does not know yet how keys stand must not take them for open again and again. */
STORE_TEST(a_job_behind_those_of_many_keys_that_were_just_paused_is_found_at_once)
{
    enum { KEYS = 60 };
    for (int i = 0; i < KEYS; i++) {
        struct str key = arena_printf(s->a, "host:%d", i);
        (void)a_queued_job(s, .limit_keys = arena_printf(s->a, "[\"%.*s\"]", STR_ARG(key)));
        pause_limit(s, key, JOB_FOREVER_MS);
    }
    struct id id = a_queued_job(s, .limit_keys = STR("[\"free\"]"));
    CHECK_ID(claim_one(s)->id, id);
    claim_none(s);
    check_counts(s);
}
