/* prompt_spending.c: what a call takes of a batch's budget. */
#include "kinds/run_prompt/spending.h"

#include "test.h"

TEST(a_budget_of_calls_lets_so_many_through_and_how_many_more_is_known)
{
    static const int64_t more[] = {100001, 250000, 300000, 1000000, INT64_C(1000000000000)};
    for (int64_t calls = 1; calls <= 100000; calls++) {
        int64_t share = spending_share_of_call(calls);
        int64_t beyond = calls <= 9000 ? 0 : calls / 1000 + 1;
        ck_assert_msg(calls * share + SPENDING_HELD <= SPENDING_ALL, "%lld calls", (long long)calls);
        ck_assert_msg((calls + beyond + 1) * share > SPENDING_ALL, "%lld calls", (long long)calls);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        CHECK_TRUE((more[i] + 1) * spending_share_of_call(more[i]) > SPENDING_ALL);
    }
    CHECK_TRUE(300000 - SPENDING_ALL / spending_share_of_call(300000) <= 900);
}

TEST(parts_of_a_budget_never_come_to_more_than_it)
{
    static const double parts[] = {1e-9, 0.001, 0.3, 0.5, 0.99, 0.999995};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int64_t share = spending_share(parts[i] * 7, 7);
        CHECK_TRUE((double)(SPENDING_ALL / share) * parts[i] <= 1 + 1e-9);
    }
    CHECK_INT(spending_share(7, 7), SPENDING_WHOLE); /* the first call may be as much as all of it */
    CHECK_INT(spending_share(8, 7), SPENDING_WHOLE);
    CHECK_INT(spending_share(0, 7), 0);
    CHECK_INT(spending_share(7, 0), 0);
}
