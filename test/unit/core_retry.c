/* core_retry.c: backoff, its limits, and the text of a policy. */
#include "test.h"

#include "core/retry.h"

TEST(exponential_backoff_doubles_up_to_its_cap)
{
    struct retry_policy p = {.max_attempts = 9, .base_ms = 1000, .cap_ms = 5000, .no_jitter = true};
    CHECK_INT(retry_delay_ms(&p, 1, 0), 1000);
    CHECK_INT(retry_delay_ms(&p, 2, 0), 2000);
    CHECK_INT(retry_delay_ms(&p, 3, 0), 4000);
    CHECK_INT(retry_delay_ms(&p, 4, 0), 5000);
    CHECK_INT(retry_delay_ms(&p, INT64_MAX, 0), 5000);
    p.cap_ms = INT64_MAX;
    CHECK_INT(retry_delay_ms(&p, 1000, 0), INT64_MAX);
    p.base_ms = 0;
    CHECK_INT(retry_delay_ms(&p, 1000, 0), 0);
}

TEST(full_jitter_stays_between_zero_and_the_delay_and_reaches_both)
{
    struct retry_policy p = {.max_attempts = 9, .base_ms = 3, .cap_ms = 100};
    bool seen[4] = {false};
    for (uint64_t random = 0; random < 100; random++) {
        int64_t d = retry_delay_ms(&p, 1, random * UINT64_C(0x9E3779B97F4A7C15));
        CHECK_TRUE(d >= 0 && d <= 3);
        seen[d] = true;
    }
    CHECK_TRUE(seen[0] && seen[1] && seen[2] && seen[3]);
    p.base_ms = p.cap_ms = INT64_MAX;
    CHECK_TRUE(retry_delay_ms(&p, 1, UINT64_MAX) >= 0);
}

TEST(fixed_and_list_backoff_need_no_luck)
{
    struct retry_policy f = {.backoff = BACKOFF_FIXED, .base_ms = 42};
    CHECK_INT(retry_delay_ms(&f, 1, 9), 42);
    CHECK_INT(retry_delay_ms(&f, 50, 9), 42);
    struct retry_policy l = {.backoff = BACKOFF_LIST, .list_ms = {1, 5, 9}, .list_count = 3};
    CHECK_INT(retry_delay_ms(&l, 1, 0), 1);
    CHECK_INT(retry_delay_ms(&l, 3, 0), 9);
    CHECK_INT(retry_delay_ms(&l, 4, 0), 9);
}

TEST(a_policy_survives_its_text)
{
    const struct retry_policy all[] = {
        retry_default(),
        {.max_attempts = 7, .base_ms = 5, .cap_ms = 9},
        {.max_attempts = 7, .base_ms = 5, .cap_ms = 9, .no_jitter = true},
        {.max_attempts = 1, .backoff = BACKOFF_FIXED, .base_ms = 0},
        {.max_attempts = 4, .backoff = BACKOFF_LIST, .list_ms = {1, 2, RETRY_DELAY_MAX_MS}, .list_count = 3},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char text[RETRY_TEXT_BYTES];
        size_t n = retry_print(&all[i], text, sizeof text);
        struct retry_policy back = {0};
        CHECK_TRUE(retry_parse((struct str){text, n}, &back));
        CHECK_INT(back.max_attempts, all[i].max_attempts);
        CHECK_INT(back.backoff, all[i].backoff);
        CHECK_INT(back.base_ms, all[i].base_ms);
        CHECK_INT(back.cap_ms, all[i].cap_ms);
        CHECK_INT(back.no_jitter, all[i].no_jitter);
        CHECK_INT(back.list_count, all[i].list_count);
        for (int k = 0; k < all[i].list_count; k++) {
            CHECK_INT(back.list_ms[k], all[i].list_ms[k]);
        }
    }
    char none[RETRY_TEXT_BYTES];
    CHECK_INT(retry_print(&all[0], none, sizeof none), 0);
}

TEST(a_text_that_is_no_policy_is_refused)
{
    static const char *const bad[] = {"3",     "3,x,1", "x,f,1",  "3,f",   "3,f,x",
                                      "3,e,1", "3,l",   "3,l,1,", "3,ff,1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct retry_policy p = {.max_attempts = 5};
        bool is_policy = retry_parse(str_from(bad[i]), &p);
        ck_assert_msg(!is_policy || i == 7, "accepted: %s", bad[i]); /* a comma at the end is nothing */
        CHECK_TRUE(is_policy || p.max_attempts == 5);
    }
}

TEST(what_a_policy_leaves_open_is_filled_from_the_defaults)
{
    struct retry_policy d = {.max_attempts = 8, .backoff = BACKOFF_FIXED, .base_ms = 10};
    struct retry_policy p = {0};
    retry_fill(&p, &d);
    CHECK_INT(p.max_attempts, 8);
    CHECK_INT(p.backoff, BACKOFF_FIXED);
    p = (struct retry_policy){.max_attempts = 2, .base_ms = 500};
    retry_fill(&p, &d);
    CHECK_INT(p.max_attempts, 2);
    CHECK_INT(p.backoff, BACKOFF_EXPONENTIAL);
    CHECK_INT(p.cap_ms, RETRY_CAP_DEFAULT_MS);
    p = (struct retry_policy){.backoff = BACKOFF_FIXED};
    retry_fill(&p, &d);
    CHECK_INT(p.base_ms, 0);
}

TEST(error_classes_have_names)
{
    for (int i = 0; i < ERROR_CLASSES; i++) {
        enum error_class back = ERROR_CLASSES;
        CHECK_TRUE(error_class_parse(str_from(error_class_name((enum error_class)i)), &back));
        CHECK_INT(back, i);
    }
    enum error_class c = ERROR_CRASH;
    CHECK_FALSE(error_class_parse(STR("oops"), &c));
}
