/* core_cron.c: cron expressions against a table that other implementations made, and what is refused. */
#include "core/cron.h"

#include "base/clock.h"
#include "base/zoneinfo.h"
#include "test.h"

#define TICKS_MAX 3

/* The zones of the table, each read once. */
struct zones {
    struct arena *a;
    struct str names[64];
    const struct zone *zones[64];
    int count;
};

static const struct zone *zone_named(struct zones *all, struct str name, struct err *e)
{
    struct buf bytes = BUF_LIMIT(ZONEINFO_MAX_BYTES);

    for (int i = 0; i < all->count; i++) {
        if (str_eq(all->names[i], name)) {
            return all->zones[i];
        }
    }
    CHECK_TRUE(all->count < 64);
    OK(zoneinfo_read(ZONEINFO_FOLDER, name, &bytes, e));
    all->names[all->count] = arena_str(all->a, name);
    OK(zone_parse(buf_str(&bytes), all->a, &all->zones[all->count], e));
    buf_dispose(&bytes);
    return all->zones[all->count++];
}

static void check_row(struct zones *all, struct str row, struct err *e)
{
    struct str rest, ticks;
    struct cron c;
    int64_t at = -1;
    struct str expression = str_cut(row, '\t', &rest);
    const struct zone *z = zone_named(all, str_cut(rest, '\t', &rest), e);
    struct str from = str_cut(rest, '\t', &rest);

    CHECK_TRUE(time_parse(from, &at));
    OK(cron_parse(expression, &c, e));
    ticks = str_cut(rest, '\t', &rest);
    for (int i = 0; i < TICKS_MAX; i++) {
        int64_t want = -1, got = -1;
        CHECK_TRUE(time_parse(str_cut(ticks, ' ', &ticks), &want));
        CHECK_TRUE(cron_next(&c, z, at, &got));
        ck_assert_msg(got == want, "%.*s: tick %d is %s, and should be %s", STR_ARG(row), i + 1,
                      time_text(got).s, time_text(want).s);
        at = got;
    }
}

TEST(every_row_of_the_table_has_the_ticks_that_others_expect)
{
    struct buf table = BUF_LIMIT(1 << 20);
    struct zones all = {.a = arena_new()};
    int rows = 0;

    OK(buf_read_file(&table, "test/data/cron.tsv", e));
    struct str rest = buf_str(&table);
    while (rest.n > 0) {
        struct str row = str_cut(rest, '\n', &rest);
        if (row.n > 0 && row.p[0] != '#') {
            check_row(&all, row, e);
            rows++;
        }
    }
    CHECK_TRUE(rows >= 500);
    arena_free(all.a);
    buf_dispose(&table);
}

TEST(an_expression_that_is_none_is_refused_by_the_name_of_its_field)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * * *", "five fields"},
        {"60 * * * *", "minute: 60 is not from 0 to 59"},
        {"* 24 * * *", "hour: 24"},
        {"* * 0 * *", "day of month: 0"},
        {"* * 32 * *", "day of month: 32"},
        {"* * * 13 *", "month: 13"},
        {"* * * * 8", "day of week: 8"},
        {"61 * * * * *", "second: 61"},
        {"*/0 * * * *", "minute: a step"},
        {"*/61 * * * *", "minute: a step"},
        {"*/ * * * *", "minute: a step"},
        {"*/-1 * * * *", "minute: a step"},
        {"1-0 * * * *", "minute: \"1-0\" runs backwards"},
        {"* * * DEC-JAN *", "month: \"DEC-JAN\" runs backwards"},
        {"* * * * 5-0", "day of week: \"5-0\" runs backwards"},
        {"1, * * * *", "minute: \"\" is not a number"},
        {",,, * * * *", "minute"},
        {"1--2 * * * *", "minute"},
        {"+1 * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"**  * * * *", "minute"},
        {"? * * * *", "minute"},
        {"L * * * *", "minute"},
        {"* * L-0 * *", "day of month"},
        {"* * L-31 * *", "day of month"},
        {"* * LW * *", "day of month"},
        {"* * 15W * *", "day of month"},
        {"* * * * L", "day of week: \"L\" wants a day"},
        {"* * * * 2#0", "day of week"},
        {"* * * * 2#6", "day of week"},
        {"* * * * 2#", "day of week"},
        {"* * * * MONDAY", "day of week: \"MONDAY\" is neither a number nor a name"},
        {"* * * * JAN", "day of week"},
        {"@reboot", "@hourly"},
        {"@every 5m", "@hourly"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cron c;
        FAILS(cron_parse(str_from(rows[i].text), &c, e), RC_INVALID);
        ck_assert_msg(strstr(e->text, rows[i].says), "%s: %s", rows[i].text, e->text);
        CHECK_STR(str_from(e->field), STR("cron"));
        CHECK_STR(str_from(e->code), STR("invalid_field"));
    }
}

TEST(ten_kilobytes_of_commas_are_refused_at_once)
{
    char text[10240];
    struct cron c;

    memset(text, ',', sizeof text);
    FAILS(cron_parse((struct str){text, sizeof text}, &c, e), RC_INVALID);
}

TEST(an_expression_without_any_date_is_refused_as_one_that_never_fires)
{
    static const char *const never[] = {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 2 *", "0 0 L-30 2 *"};
    struct cron c;

    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        FAILS(cron_parse(str_from(never[i]), &c, e), RC_INVALID);
        CHECK_STR(str_from(e->code), STR("never_fires"));
    }
    OK(cron_parse(STR("0 0 30 2 1"), &c, e)); /* or a Monday in February */
}

TEST(the_rarest_dates_are_found_across_a_century_without_its_leap_day)
{
    struct cron c;
    int64_t at = 0, tick = 0;

    OK(cron_parse(STR("0 0 29 2 *"), &c, e));
    CHECK_TRUE(time_parse(STR("2096-02-29T00:00:00Z"), &at));
    CHECK_TRUE(cron_next(&c, zone_utc(), at, &tick));
    CHECK_STR(str_from(time_text(tick).s), STR("2104-02-29T00:00:00.000Z"));
    OK(cron_parse(STR("0 0 */31 2 1"), &c,
                  e)); /* 1 February, when it is a Monday: the field begins with a star */
    CHECK_TRUE(time_parse(STR("2094-02-02T00:00:00Z"), &at));
    CHECK_TRUE(cron_next(&c, zone_utc(), at, &tick));
    CHECK_STR(str_from(time_text(tick).s), STR("2100-02-01T00:00:00.000Z"));
}

TEST(nothing_fires_after_the_year_9999)
{
    struct cron c;
    int64_t at = 0, tick = 0;

    OK(cron_parse(STR("@yearly"), &c, e));
    CHECK_TRUE(time_parse(STR("9998-12-31T23:59:59Z"), &at));
    CHECK_TRUE(cron_next(&c, zone_utc(), at, &tick));
    CHECK_FALSE(cron_next(&c, zone_utc(), tick, &at));
}

TEST(a_tick_is_after_the_moment_asked_for_to_the_millisecond)
{
    struct cron c;
    int64_t tick = 0;

    OK(cron_parse(STR("* * * * * *"), &c, e));
    CHECK_TRUE(cron_next(&c, zone_utc(), 999, &tick));
    CHECK_INT(tick, 1000);
    CHECK_TRUE(cron_next(&c, zone_utc(), 1000, &tick));
    CHECK_INT(tick, 2000);
}
