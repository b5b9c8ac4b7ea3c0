/* base_clock.c: times and durations as text. */
#include "base/clock.h"

#include <stdint.h>

#include "test.h"

TEST(a_time_reads_as_the_same_moment_that_it_prints)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1999-12-31T23:59:59.999Z", 946684799999},
        {"2000-02-29T00:00:00.000Z", 951782400000},
        {"2000-03-01T00:00:00.000Z", 951868800000},
        {"2024-02-29T12:34:56.789Z", 1709210096789},
        {"2038-01-19T03:14:08.000Z", 2147483648000},
        {"2100-03-01T00:00:00.000Z", 4107542400000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        int64_t ms = -1;

        CHECK_STR(str_from(time_text(rows[k].ms).s), str_from(rows[k].text));
        CHECK_TRUE(time_parse(str_from(rows[k].text), &ms));
        CHECK_INT(ms, rows[k].ms);
    }
}

TEST(every_day_of_four_centuries_survives_print_and_parse)
{
    int64_t days = 0;

    for (int64_t day = 0; day < 146097; day++) {
        int64_t ms = day * 86400000 + 43200000, again = -1;

        days += time_parse(str_from(time_text(ms).s), &again) && again == ms;
    }
    CHECK_INT(days, 146097);
}

TEST(a_time_may_have_a_zone_small_letters_and_any_number_of_decimals)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2023-11-14T22:13:20Z", 1700000000000},
        {"2023-11-14t22:13:20z", 1700000000000},
        {"2023-11-15T00:13:20+02:00", 1700000000000},
        {"2023-11-14T16:43:20-05:30", 1700000000000},
        {"2023-11-14T22:13:20-00:00", 1700000000000},
        {"2023-11-14T22:13:20.5Z", 1700000000500},
        {"2023-11-14T22:13:20.123999999Z", 1700000000123},
        {"2023-11-14T22:13:20.0000001+00:00", 1700000000000},
        {"1970-01-01T01:00:00+01:00", 0},
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        int64_t ms = -1;

        CHECK_TRUE(time_parse(str_from(rows[k].text), &ms));
        CHECK_INT(ms, rows[k].ms);
    }
}

TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {
        "",
        "2023-11-14",
        "2023-11-14T22:13:20", /* no zone */
        "2023-11-14T22:13Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20Z ",
        " 2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20+0200",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+02:60",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-00-10T00:00:00Z",
        "2023-13-10T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z", /* a leap second has no unix time */
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", /* before 1970 in UTC */
        "9999-12-31T23:59:59-00:01", /* after 9999 in UTC */
        "12023-01-01T00:00:00Z",
        "+023-01-01T00:00:00Z",
        "2023-1-01T00:00:00Z",
    };
    int64_t ms = 42;

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        if (time_parse(str_from(bad[k]), &ms)) {
            CHECK_STR(str_from(bad[k]), STR("refused"));
        }
    }
    CHECK_INT(ms, 42);
}

TEST(a_time_outside_the_calendar_prints_as_the_nearest_in_it)
{
    CHECK_STR(str_from(time_text(-1).s), STR("1970-01-01T00:00:00.000Z"));
    CHECK_STR(str_from(time_text(INT64_MAX).s), STR("9999-12-31T23:59:59.999Z"));
}

TEST(a_duration_is_read_in_the_units_people_write)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"30s", 30000},   {"15m", 900000},           {"7d", 604800000},
        {"250ms", 250},   {"1h30m", 5400000},        {"45", 45000},
        {"0", 0},         {"1m5ms", 60005},          {"forever", INT64_MAX},
        {"90m", 5400000}, {"1d2h3m4s5ms", 93784005}, {"106751991167d", 9223372036828800000},
    };

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        int64_t ms = -1;

        CHECK_TRUE(duration_parse(str_from(rows[k].text), &ms));
        CHECK_INT(ms, rows[k].ms);
    }
}

TEST(what_is_no_duration_is_refused)
{
    static const char *const bad[] = {"",
                                      "s",
                                      "-1s",
                                      "+1s",
                                      "1.5s",
                                      "1 s",
                                      "1w",
                                      "30m1h",
                                      "1s1s",
                                      "1h5",
                                      "5x",
                                      "1hour",
                                      "1H",
                                      " 1s",
                                      "1s ",
                                      "106751991168d",
                                      "9223372036854775807",
                                      "99999999999999999999",
                                      "foreverr",
                                      "9223372036854775807ms1"};
    int64_t ms = 42;

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        if (duration_parse(str_from(bad[k]), &ms)) {
            CHECK_STR(str_from(bad[k]), STR("refused"));
        }
    }
    CHECK_INT(ms, 42);
}

TEST(the_clocks_do_not_run_backwards)
{
    int64_t boot = clock_boot_ms(), mono = clock_mono_us();

    CHECK_TRUE(clock_wall_ms() > 1700000000000);
    CHECK_TRUE(clock_boot_ms() >= boot);
    CHECK_TRUE(clock_mono_us() >= mono);
}
