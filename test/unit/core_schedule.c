/* core_schedule.c: intervals, start and end, ticks that were missed, jitter. */
#include "core/schedule.h"

#include "base/clock.h"
#include "test.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define T0     1750000020000LL /* 2025-06-15T15:07:00Z */

static struct schedule_timing of_cron(const char *text, struct err *e)
{
    struct schedule_timing t = {.zone = zone_utc()};

    OK(cron_parse(str_from(text), &t.cron, e));
    return t;
}

static int64_t next(const struct schedule_timing *t, int64_t after)
{
    int64_t tick = 0;

    return schedule_next(t, after, &tick) ? tick : -1;
}

TEST(an_interval_without_a_start_counts_from_1970)
{
    struct schedule_timing t = {.every_ms = 15 * MINUTE};

    CHECK_INT(next(&t, 0), 15 * MINUTE);
    CHECK_INT(next(&t, 15 * MINUTE - 1), 15 * MINUTE);
    CHECK_INT(next(&t, T0), 1750000500000);
    t.every_ms = SCHEDULE_EVERY_MAX_MS;
    CHECK_INT(next(&t, INT64_MAX - 1), -1);
}

TEST(an_interval_counts_from_its_start)
{
    struct schedule_timing t = {.every_ms = 7 * MINUTE, .start_at = T0 + 1234};

    CHECK_INT(next(&t, 0), T0 + 1234);
    CHECK_INT(next(&t, T0 + 1233), T0 + 1234);
    CHECK_INT(next(&t, T0 + 1234), T0 + 1234 + 7 * MINUTE);
}

TEST(a_start_belongs_to_the_plan_and_an_end_does_not)
{
    struct schedule_timing t = of_cron("* * * * *", e);

    t.start_at = T0;
    t.end_at = T0 + 2 * MINUTE;
    CHECK_INT(next(&t, 0), T0);
    CHECK_INT(next(&t, T0), T0 + MINUTE);
    CHECK_INT(next(&t, T0 + MINUTE), -1);
}

TEST(the_last_tick_of_a_time_is_found_however_many_there_are)
{
    struct schedule_timing t = of_cron("* * 3 * * *", e); /* each second of an hour a day */
    int64_t tick = 0;

    CHECK_TRUE(schedule_last(&t, 0, T0, &tick));
    CHECK_STR(str_from(time_text(tick).s), STR("2025-06-15T03:59:59.000Z"));
    CHECK_TRUE(schedule_last(&t, tick - 1, T0, &tick));
    CHECK_FALSE(schedule_last(&t, tick, T0, &tick));
    int64_t exactly = tick;
    CHECK_TRUE(schedule_last(&t, 0, exactly, &tick));
    CHECK_INT(tick, exactly);
}

static struct schedule_due due(const struct schedule_timing *t, enum schedule_catch_up what, int64_t next_at,
                               int64_t now)
{
    const struct schedule_catch_up_rule rule = {what, 10 * MINUTE};
    struct schedule_due d;

    schedule_find_due(t, &rule, next_at, now, &d);
    return d;
}

TEST(a_tick_that_is_seen_within_a_minute_fires_whatever_the_rule)
{
    struct schedule_timing t = of_cron("*/5 * * * *", e);
    int64_t tick = T0 + 3 * MINUTE;

    for (int what = 0; what < SCHEDULE_CATCH_UPS; what++) {
        struct schedule_due d = due(&t, (enum schedule_catch_up)what, tick, tick + SCHEDULE_GRACE_MS - 1);
        CHECK_INT(d.count, 1);
        CHECK_INT(d.ticks[0], tick);
        CHECK_INT(d.next_at, tick + 5 * MINUTE);
        d = due(&t, (enum schedule_catch_up)what, tick, tick - 1);
        CHECK_INT(d.count, 0);
        CHECK_INT(d.next_at, tick);
    }
}

TEST(skip_drops_what_was_missed)
{
    struct schedule_timing t = of_cron("*/5 * * * *", e);
    int64_t now = T0 + 3 * MINUTE + 30000; /* 15:10:30: the tick of 15:10 is on time */
    struct schedule_due d = due(&t, SCHEDULE_SKIP, T0 - 30 * 24 * HOUR, now);

    CHECK_INT(d.count, 1);
    CHECK_INT(d.ticks[0], T0 + 3 * MINUTE);
    d = due(&t, SCHEDULE_SKIP, T0 - 30 * 24 * HOUR, now + MINUTE);
    CHECK_INT(d.count, 0);
    CHECK_INT(d.next_at, T0 + 8 * MINUTE);
}

TEST(run_once_fires_the_last_one_that_was_missed_in_the_window)
{
    struct schedule_timing t = of_cron("*/5 * * * *", e);
    int64_t now = T0 + 5 * MINUTE; /* 15:12 */
    struct schedule_due d = due(&t, SCHEDULE_RUN_ONCE, T0 - 30 * 24 * HOUR, now);

    CHECK_INT(d.count, 1);
    CHECK_INT(d.ticks[0], T0 + 3 * MINUTE);
    CHECK_INT(d.next_at, T0 + 8 * MINUTE);
    t = of_cron("0 * * * *", e); /* 15:00 is older than ten minutes */
    d = due(&t, SCHEDULE_RUN_ONCE, T0 - 30 * 24 * HOUR, now);
    CHECK_INT(d.count, 0);
    d = due(&t, SCHEDULE_RUN_ONCE, T0 + 53 * MINUTE, T0 + 55 * MINUTE);
    CHECK_INT(d.count, 1);
}

TEST(run_all_fires_the_whole_window_in_order)
{
    struct schedule_timing t = of_cron("*/2 * * * *", e);
    int64_t now = T0 + 5 * MINUTE; /* 15:12 */
    struct schedule_due d = due(&t, SCHEDULE_RUN_ALL, T0 - 30 * 24 * HOUR, now);

    CHECK_INT(d.count, 6); /* 15:02 … 15:12 */
    CHECK_INT(d.ticks[0], T0 - 5 * MINUTE);
    CHECK_INT(d.ticks[5], now);
    CHECK_INT(d.next_at, now + 2 * MINUTE);
    d = due(&t, SCHEDULE_RUN_ALL, T0 + MINUTE, now); /* what was decided before is not again */
    CHECK_INT(d.count, 3);
}

TEST(more_ticks_than_fit_are_left_for_the_next_look)
{
    struct schedule_timing t = {.every_ms = 1000};
    struct schedule_due d = due(&t, SCHEDULE_RUN_ALL, T0, T0 + 150000);
    int64_t fired = d.count;

    CHECK_INT(d.count, SCHEDULE_ROUND_TICKS);
    CHECK_INT(d.next_at, T0 + 100000);
    d = due(&t, SCHEDULE_RUN_ALL, d.next_at, T0 + 150000);
    CHECK_INT(fired + d.count, 151);
}

TEST(after_the_last_tick_there_is_no_next)
{
    struct schedule_timing t = {.every_ms = MINUTE, .start_at = T0, .end_at = T0 + MINUTE};
    struct schedule_due d = due(&t, SCHEDULE_RUN_ALL, T0, T0 + 10);

    CHECK_INT(d.count, 1);
    CHECK_INT(d.next_at, 0);
}

TEST(looking_at_a_year_of_seconds_costs_nothing)
{
    struct schedule_timing t = of_cron("* * * * * *", e);
    const struct schedule_catch_up_rule rule = {SCHEDULE_RUN_ONCE, SCHEDULE_WINDOW_MAX_MS};
    struct schedule_due d;
    int64_t began = clock_mono_us();

    schedule_find_due(&t, &rule, T0, T0 + 365 * 24 * HOUR, &d);
    CHECK_INT(d.ticks[0], T0 + 365 * 24 * HOUR - SCHEDULE_GRACE_MS);
    CHECK_INT(d.count, 61);
    CHECK_TRUE(clock_mono_us() - began < 1000000);
}

TEST(jitter_is_the_same_for_a_tick_and_spreads_over_all_of_it)
{
    int seen[10] = {0};

    for (int64_t i = 0; i < 1000; i++) {
        int64_t j = schedule_jitter_ms(STR("nightly"), T0 + i * MINUTE, 9);
        CHECK_TRUE(j >= 0 && j <= 9);
        CHECK_INT(schedule_jitter_ms(STR("nightly"), T0 + i * MINUTE, 9), j);
        seen[j]++;
    }
    for (int i = 0; i < 10; i++) {
        CHECK_TRUE(seen[i] > 50);
    }
    CHECK_INT(schedule_jitter_ms(STR("nightly"), T0, 0), 0);
    CHECK_TRUE(schedule_jitter_ms(STR("a"), T0, 1 << 30) != schedule_jitter_ms(STR("b"), T0, 1 << 30));
}

static struct schedule_due three(void)
{
    return (struct schedule_due){.ticks = {T0, T0 + MINUTE, T0 + 2 * MINUTE}, .count = 3};
}

TEST(overlap_decides_which_of_several_ticks_fire)
{
    struct schedule_due d = three();
    CHECK_INT(schedule_sort_out(&d, SCHEDULE_ALLOW, true), 3);
    d = three();
    CHECK_INT(schedule_sort_out(&d, SCHEDULE_OVERLAP_SKIP, true), 0);
    d = three();
    CHECK_INT(schedule_sort_out(&d, SCHEDULE_OVERLAP_SKIP, false), 1); /* its job is open for the others */
    CHECK_INT(d.ticks[0], T0);
    d = three();
    CHECK_INT(schedule_sort_out(&d, SCHEDULE_CANCEL_PREVIOUS, true), 1);
    CHECK_INT(d.ticks[0], T0 + 2 * MINUTE);
    d.count = 0;
    CHECK_INT(schedule_sort_out(&d, SCHEDULE_CANCEL_PREVIOUS, false), 0);
}

TEST(the_job_of_a_tick_names_it_for_ever)
{
    struct schedule_plan p = {.jitter_ms = 5000,
                              .job = {.kind = STR("k"), .args = STR("{}"), .delay_ms = 1000}};
    struct arena *a = arena_new();
    struct job_spec job;

    OK(schedule_job(&p, STR("nightly"), T0, a, &job, e));
    CHECK_STR(job.unique_key, STR("schedule:nightly:2025-06-15T15:07:00.000Z"));
    CHECK_INT(job.unique_for_ms, JOB_FOREVER_MS);
    CHECK_STR(job.tags, STR("[\"schedule:nightly\"]"));
    CHECK_INT(job.run_at, T0 + 1000 + schedule_jitter_ms(STR("nightly"), T0, 5000));
    p.job.tags = STR("[ ]");
    OK(schedule_job(&p, STR("nightly"), 0, a, &job, e));
    CHECK_STR(job.tags, STR("[\"schedule:nightly\"]"));
    CHECK_INT(job.unique_key.n, 0);
    CHECK_INT(job.delay_ms, 1000);
    p.job.tags = STR("[\"x\", \"y\"]");
    OK(schedule_job(&p, STR("nightly"), 0, a, &job, e));
    CHECK_STR(job.tags, STR("[\"schedule:nightly\",\"x\", \"y\"]"));
    p.job.unique_key = STR("u");
    FAILS(schedule_job(&p, STR("nightly"), T0, a, &job, e), RC_INVALID);
    arena_free(a);
}
