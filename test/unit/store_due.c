/* Due times: from where they are read, and what must not be passed over. */
#include "store/pg/due.h"
#include "test.h"

#define NOW 1000000000

static int64_t reads_from(struct due *d)
{
    struct due_reading r;
    due_begin_whole(d, &r, NOW);
    due_cancel(d, &r);
    return r.from;
}

static void read_whole(struct due *d, int64_t cost_us, int64_t found)
{
    struct due_reading r;
    due_begin_whole(d, &r, NOW);
    r.cost_us = cost_us;
    (void)due_end(d, &r, found);
}

static void crowd(struct due *d, int64_t found)
{
    for (int i = 0; i < 5; i++) {
        CHECK_INT(reads_from(d), 0);
        read_whole(d, 900000, found);
    }
}

TEST(all_due_times_are_read_until_that_is_dear_some_times_in_a_row)
{
    struct due d;
    due_init(&d);
    for (int i = 0; i < 20; i++) {
        read_whole(&d, i % 5 ? 900000 : 1000, NOW + 5000);
        CHECK_INT(reads_from(&d), 0);
    }
    read_whole(&d, 1000, NOW + 5000);
    crowd(&d, NOW + 5000);
    CHECK_TRUE(reads_from(&d) > NOW - 10000 && reads_from(&d) < NOW);
}

TEST(what_is_told_while_all_is_read_is_not_passed_over)
{
    struct due d;
    struct due_reading r;
    due_init(&d);
    crowd(&d, NOW + 5000);
    due_begin_whole(&d, &r, NOW);
    (void)due_note(&d, NOW - 60000);
    CHECK_INT(due_end(&d, &r, NOW + 5000), NOW - 60000);
    CHECK_INT(reads_from(&d), NOW - 60000);
    due_begin_whole(&d, &r, NOW);
    due_end_tick(&d, &r, NOW);
    CHECK_INT(reads_from(&d), NOW - 60000); /* until the round has seen what is left */
    due_begin(&d, &r);
    CHECK_INT(due_end(&d, &r, NOW + 5000), NOW + 5000);
    CHECK_TRUE(reads_from(&d) > NOW - 10000);
}

TEST(the_slow_lane_reads_all_of_what_is_crowded_until_it_is_cheap)
{
    struct due d;
    struct due_reading r;
    due_init(&d);
    CHECK_FALSE(due_begin_full(&d, &r, NOW));
    for (int i = 0; i < 5; i++) {
        due_begin_whole(&d, &r, NOW);
        r.cost_us = i < 4 ? 900000 : 20000;
        d.looked_at_us = 0;
        (void)due_end(&d, &r, 0);
    }
    CHECK_TRUE(reads_from(&d) > 0);
    CHECK_FALSE(due_begin_full(&d, &r, NOW)); /* not before a second */
    d.looked_at_us = 0;
    CHECK_TRUE(due_begin_full(&d, &r, NOW));
    r.cost_us = 1000;
    (void)due_end(&d, &r, NOW - 70000);
    CHECK_INT(reads_from(&d), 0);
}
