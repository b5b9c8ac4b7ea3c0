/* core_limits.c: what a job may name, and when a key lets something begin. */
#include "test.h"

#include "core/limits.h"

TEST(limits_are_sorted_and_print_the_same_however_they_came)
{
    struct arena *a = arena_new();
    struct buf text = BUF_LIMIT(1000);
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    OK(limits_read(STR("[{\"weight\":3,\"key\":\"b\"},\"a\",{\"key\":\"c\"}]"), a, uses, &count, e));
    limits_write(uses, count, &text);
    CHECK_STR(buf_str(&text), STR("[\"a\",{\"key\":\"b\",\"weight\":3},\"c\"]"));
    OK(limits_read(STR(""), a, uses, &count, e));
    CHECK_INT(count, 0);
    buf_dispose(&text);
    arena_free(a);
}

TEST(limits_that_are_none_are_refused)
{
    static const char *const bad[] = {"{}",
                                      "[1]",
                                      "[\"\"]",
                                      "[\"a*\"]",
                                      "[\"a\",\"a\"]",
                                      "[{\"weight\":1}]",
                                      "[{\"key\":\"a\",\"more\":1}]",
                                      "[{\"key\":\"a\",\"weight\":1000001}]",
                                      "[{\"key\":\"a\",\"weight\":1.5}]",
                                      "[\"a\\u0000\"]",
                                      "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"};
    struct arena *a = arena_new();
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FAILS(limits_read(str_from(bad[i]), a, uses, &count, e), RC_INVALID);
        CHECK_STR(str_from(e->field), STR("limits"));
    }
    arena_free(a);
}

TEST(never_more_begin_than_the_rate_and_the_burst_allow)
{
    const struct limit_rule rule = {.rate = 7, .period_ms = 1000, .burst = 3};
    struct limit_state s = {0};
    int begun = 0;
    for (int64_t now = 1000000; now < 1010000; now++) {
        int64_t until = limit_wait(&rule, &s, 1, now);
        if (!until) {
            limit_begin(&rule, &s, 1, now);
            begun++;
        } else {
            CHECK_TRUE(until > now);
            CHECK_INT(limit_wait(&rule, &s, 1, until), 0); /* no sooner and no later */
            CHECK_TRUE(limit_wait(&rule, &s, 1, until - 1) != 0);
        }
    }
    CHECK_INT(begun, 3 + 69); /* the burst, and seven a second behind it */
    CHECK_INT(limit_tokens_left(&rule, &s, 1020000), 3);
}

TEST(tokens_are_exact_however_many_there_are)
{
    const struct limit_rule rule = {
        .rate = LIMIT_RATE_MAX, .period_ms = LIMIT_PERIOD_MAX_MS, .burst = LIMIT_RATE_MAX};
    struct limit_state s = {0};
    CHECK_INT(limit_wait_tokens(&rule, &s, LIMIT_RATE_MAX, 1), 0);
    limit_spend(&rule, &s, LIMIT_RATE_MAX, 1);
    CHECK_INT(limit_tokens_left(&rule, &s, 1), 0);
    CHECK_INT(limit_wait_tokens(&rule, &s, LIMIT_RATE_MAX, 1), 1 + LIMIT_PERIOD_MAX_MS);
    limit_spend(&rule, &s, -500, 1);
    CHECK_INT(limit_tokens_left(&rule, &s, 1), 500);
    CHECK_INT(limit_wait_tokens(&rule, &s, 500, 1), 0);
    limit_spend(&rule, &s, -LIMIT_RATE_MAX, 1); /* nobody gets more than all of it */
    CHECK_INT(limit_tokens_left(&rule, &s, 1), LIMIT_RATE_MAX);
}

TEST(a_debt_ends_however_much_is_spent)
{
    const struct limit_rule slow = {.rate = 1, .period_ms = LIMIT_PERIOD_MAX_MS, .burst = 2};
    const struct limit_rule quick = {.rate = 5, .period_ms = 1000, .burst = 5};
    struct limit_state s = {.full_at_us = INT64_MAX}; /* as older versions may have left it */
    for (int i = 0; i < 10; i++) {
        CHECK_INT(limit_wait_tokens(&slow, &s, 1, 1000), 1000 + 3 * LIMIT_PERIOD_MAX_MS);
        limit_spend(&slow, &s, LIMIT_RATE_MAX, 1000);
    }
    CHECK_INT(limit_tokens_left(&slow, &s, 1000), -2);
    limit_spend(&slow, &s, -LIMIT_RATE_MAX, 1000);
    CHECK_INT(limit_tokens_left(&slow, &s, 1000), 2);
    limit_spend(&quick, &s, LIMIT_RATE_MAX, 1000);
    CHECK_INT(limit_wait_tokens(&quick, &s, 1, 1000), 1000 + LIMIT_OVERDRAFT_MS + 200);
}

TEST(tokens_owed_stay_owed_by_another_rule)
{
    const struct limit_rule slow = {.rate = 1, .period_ms = LIMIT_PERIOD_MAX_MS, .burst = 50};
    const struct limit_rule fast = {.rate = 50, .period_ms = 1000, .burst = 50};
    const struct limit_rule narrow = {.rate = 10, .period_ms = 1000, .burst = 5};
    const struct limit_rule none = {.concurrency = 1};
    struct limit_state s = {0};
    limit_spend(&slow, &s, 30, 1000);
    limit_rescale(&slow, &fast, &s, 1000);
    CHECK_INT(limit_tokens_left(&fast, &s, 1000), 20);
    CHECK_INT(limit_wait_tokens(&fast, &s, 50, 1000), 1600);
    limit_rescale(&fast, &narrow, &s, 1100); /* 25 are owed: all of the new burst, not more */
    CHECK_INT(limit_wait_tokens(&narrow, &s, 1, 1100), 1200);
    limit_spend(&narrow, &s, 20, 1100); /* overdrawn */
    limit_rescale(&narrow, &fast, &s, 1100);
    CHECK_INT(limit_tokens_left(&fast, &s, 1100), 25);
    limit_rescale(&fast, &none, &s, 1100);
    limit_rescale(&none, &fast, &s, 1100);
    CHECK_INT(limit_tokens_left(&fast, &s, 1100), 50);
}

TEST(no_change_of_rules_overflows)
{
    const struct limit_rule rules[] = {{.rate = 1, .period_ms = LIMIT_PERIOD_MAX_MS, .burst = LIMIT_RATE_MAX},
                                       {.rate = LIMIT_RATE_MAX, .period_ms = 1, .burst = LIMIT_RATE_MAX},
                                       {.rate = LIMIT_RATE_MAX, .period_ms = 1, .burst = 1},
                                       {.rate = 1, .period_ms = LIMIT_PERIOD_MAX_MS, .burst = 1}};
    for (int from = 0; from < 4; from++) {
        for (int to = 0; to < 4; to++) {
            struct limit_state s = {.full_at_us = INT64_MAX};
            limit_rescale(&rules[from], &rules[to], &s, 1000);
            CHECK_TRUE(limit_tokens_left(&rules[to], &s, 1000) <= rules[to].burst);
            CHECK_TRUE(limit_wait_tokens(&rules[to], &s, 1, 1000) >= 0);
        }
    }
}

TEST(what_weighs_more_than_all_waits_for_all)
{
    const struct limit_rule rule = {.concurrency = 2, .rate = 2, .period_ms = 1000, .burst = 2};
    struct limit_state s = {0};
    limit_begin(&rule, &s, 1, 5000);
    CHECK_INT(limit_wait(&rule, &s, 9, 5000), LIMIT_WAIT_FOREVER); /* for the slot */
    s.used = 0;
    CHECK_INT(limit_wait(&rule, &s, 9, 5000), 5500); /* for the token */
    CHECK_INT(limit_wait(&rule, &s, 9, 5500), 0);
    limit_begin(&rule, &s, 9, 5500); /* seven more than there are */
    CHECK_INT(limit_tokens_left(&rule, &s, 5500), -7);
    s.used = 0;
    CHECK_INT(limit_wait(&rule, &s, 1, 5500), 5500 + 4000);
}

TEST(a_paused_key_gives_nothing_until_then)
{
    const struct limit_rule rule = {0};
    struct limit_state s = {.paused_until = 100};
    CHECK_INT(limit_wait(&rule, &s, 1, 99), 100);
    CHECK_INT(limit_wait_tokens(&rule, &s, 1, 99), 100);
    CHECK_INT(limit_wait(&rule, &s, 1, 100), 0);
}

TEST(patterns_speak_of_what_begins_like_them)
{
    CHECK_TRUE(limit_key_matches(STR("host:*"), STR("host:a")));
    CHECK_TRUE(limit_key_matches(STR("host:*"), STR("host:")));
    CHECK_TRUE(limit_key_matches(STR("*"), STR("anything")));
    CHECK_FALSE(limit_key_matches(STR("host:*"), STR("hos")));
    CHECK_FALSE(limit_key_matches(STR("host:a"), STR("host:a")));
}

TEST(slots_that_were_cut_grow_by_one_with_each_window)
{
    const struct limit_rule rule = {.concurrency = 1000, .is_adaptive = true}, fixed = {.concurrency = 1000};
    struct limit_state s = {0};
    CHECK_TRUE(!limit_cut(&fixed, &s, 0, 1000));
    CHECK_TRUE(limit_cut(&rule, &s, 999, 1000));
    CHECK_TRUE(!limit_cut(&rule, &s, 1000, 1001)); /* it began no later than the cut */
    CHECK_INT(limit_slots(&rule, &s, 1001), 500);
    CHECK_INT(limit_slots(&fixed, &s, 1001), 1000);
    CHECK_TRUE(limit_cut(&rule, &s, 1001, 1002));
    CHECK_INT(limit_slots(&rule, &s, 1002), 250);
    for (int64_t slots = 250; slots < 260; slots++) {
        CHECK_TRUE(limit_mend(&rule, &s, slots + 1, 1002));
        CHECK_INT(limit_slots(&rule, &s, 1002), slots + 1);
    }
    CHECK_INT(limit_slots(&rule, &s, 1002 + LIMIT_CUT_MS), 1000);
    CHECK_TRUE(limit_mend(&rule, &s, INT64_MAX, 1002)); /* as many as it takes */
    CHECK_INT(s.cut_micro, 0);
    CHECK_TRUE(!limit_mend(&rule, &s, 1, 1002));
}
