/* limit_rules.c: rules that change while keys owe tokens; what tenants may say of keys that they share. */
#include "limit_rig.h"

#define PATTERN STR("host:*")
#define LONGER  STR("host:a*")

/* All tokens of A are spent: so many jobs run. */
static void use_up(struct store_test *s, int64_t burst)
{
    queue_some(s, (int)burst + 20, HOST);
    CHECK_INT(claimed(s, 100), burst);
}

/* Five tokens are owed by A, whose rule is five in so long: one begins when a fifth of that is over. */
static void expect_five_owed(struct store_test *s, int64_t period_ms)
{
    struct limit l = read_limit(s, A);
    CHECK_INT(limit_tokens_left(&l.rule, &l.state, s->now), 0);
    pass(s, period_ms / 5 - 1);
    CHECK_INT(claimed(s, 100), 0);
    pass(s, 1);
    CHECK_INT(claimed(s, 100), 1);
    CHECK_INT(claimed(s, 100), 0);
}

STORE_TEST(a_higher_rate_holds_at_once)
{
    set_limit(s, A, RATED(5, 30 * DAY, 5));
    use_up(s, 5);
    struct limit l = set_limit(s, A, RATED(5, SECOND, 5));
    CHECK_INT(l.state.full_at_us, (s->now + SECOND) * 1000);
    expect_five_owed(s, SECOND);
}

STORE_TEST(a_lower_rate_gives_nothing_for_what_was_spent)
{
    set_limit(s, A, RATED(5, SECOND, 5));
    use_up(s, 5);
    set_limit(s, A, RATED(5, HOUR / 4, 5));
    expect_five_owed(s, HOUR / 4);
}

STORE_TEST(a_smaller_burst_overdraws_nobody)
{
    set_limit(s, A, RATED(10, HOUR, 10));
    use_up(s, 10);
    set_limit(s, A, RATED(5, MINUTE, 5));
    expect_five_owed(s, MINUTE);
}

STORE_TEST(keys_owe_by_the_pattern_that_holds_now)
{
    set_limit(s, PATTERN, RATED(5, 30 * DAY, 5));
    use_up(s, 5);
    set_limit(s, PATTERN, RATED(5, SECOND, 5));
    expect_five_owed(s, SECOND);
    set_limit(s, LONGER, RATED(5, MINUTE, 5));
    expect_five_owed(s, MINUTE);
    set_limit(s, PATTERN, RATED(5, HOUR / 2, 5)); /* it does not hold for the key */
    expect_five_owed(s, MINUTE);
    OK(delete_limit(s, LONGER, e));
    expect_five_owed(s, HOUR / 2);
}

STORE_TEST(a_rule_of_its_own_and_a_pattern_hand_over_what_is_owed)
{
    set_limit(s, PATTERN, RATED(5, 30 * DAY, 5));
    use_up(s, 5);
    set_limit(s, A, RATED(5, SECOND, 5));
    expect_five_owed(s, SECOND);
    set_limit(s, PATTERN, RATED(5, MINUTE, 5));
    OK(delete_limit(s, A, e));
    expect_five_owed(s, MINUTE);
}

STORE_TEST(a_pause_outlives_the_rule_and_ends_when_it_is_resumed)
{
    set_limit(s, A, CAPPED(1));
    queue_some(s, 2, HOST);
    pause_limit(s, A, JOB_FOREVER_MS);
    OK(delete_limit(s, A, e));
    CHECK_INT(claimed(s, 10), 0);
    struct limit l = read_limit(s, A);
    CHECK_INT(l.state.paused_until, JOB_FOREVER_MS);
    CHECK_TRUE(!l.is_set && !l.rule.concurrency);
    CHECK_INT(delete_limit(s, A, e), RC_NOT_FOUND);
    pause_limit(s, A, 0);
    CHECK_INT(claimed(s, 10), 2);
}

STORE_TEST(a_rule_without_a_rate_owes_nothing)
{
    set_limit(s, A, RATED(5, 30 * DAY, 5));
    use_up(s, 5);
    set_limit(s, A, CAPPED(100));
    set_limit(s, A, RATED(5, 30 * DAY, 5));
    CHECK_INT(claimed(s, 100), 5);
}

DURABLE_STORE_TEST(what_is_owed_by_another_pattern_outlives_the_server)
{
    set_limit(s, PATTERN, RATED(5, 30 * DAY, 5));
    use_up(s, 5);
    set_limit(s, PATTERN, RATED(5, HOUR / 4, 5));
    reopen(s);
    expect_five_owed(s, HOUR / 4);
}

/* ---- keys of the server */

#define SHARED       STR("server:x")
#define HEAVY_SHARED STR("[{\"key\":\"server:x\",\"weight\":3}]")

STORE_TEST(a_guest_pauses_a_key_of_the_server_for_minutes)
{
    struct job *j = a_processing_job(s, .limit_keys = HEAVY_SHARED);
    struct job *other = a_processing_job(s, .limit_keys = HEAVY_SHARED);
    fail(s, j, 1, ERROR_RATE_LIMITED, .pause_key = SHARED, .retry_after_ms = -1, .is_guest = true);
    CHECK_INT(read_limit(s, SHARED).state.paused_until, s->now + 10 * MINUTE);
    fail(s, other, 1, ERROR_RATE_LIMITED, .pause_key = SHARED, .retry_after_ms = HOUR);
    CHECK_INT(read_limit(s, SHARED).state.paused_until, s->now + HOUR);
}

static int64_t shared_left(struct store_test *s)
{
    struct limit l = read_limit(s, SHARED);
    return limit_tokens_left(&l.rule, &l.state, s->now);
}

STORE_TEST(a_guest_gives_back_what_its_job_began_with_and_no_more)
{
    const struct report_tokens back = {SHARED, -100}, more = {SHARED, 2};
    set_limit(s, SHARED, RATED(50, DAY, 50));
    struct job *j = a_processing_job(s, .limit_keys = HEAVY_SHARED);
    struct job *other = a_processing_job(s, .limit_keys = HEAVY_SHARED);
    CHECK_INT(shared_left(s), 44);
    progress(s, j, 1, .correct = &more, .correct_count = 1, .is_guest = true);
    CHECK_INT(shared_left(s), 42);
    progress(s, j, 2, .correct = &back, .correct_count = 1, .is_guest = true);
    CHECK_INT(shared_left(s), 42);
    fail(s, j, 3, ERROR_TRANSIENT, .correct = &back, .correct_count = 1, .is_guest = true);
    CHECK_INT(shared_left(s), 45);
    complete(s, other, 1, .correct = &back, .correct_count = 1);
    CHECK_INT(shared_left(s), 50);
}
