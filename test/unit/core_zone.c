/* core_zone.c: time zone files, whole and damaged, and the rule at their end. */
#include "core/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/zone_rule.h"
#include "test.h"

static int64_t seconds(const char *text)
{
    int64_t ms = 0;

    CHECK_TRUE(time_parse(str_from(text), &ms));
    return ms / 1000;
}

static void put_number(struct buf *b, int64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        buf_append_char(b, (char)(i < 8 ? (uint64_t)value >> 8 * i : 0));
    }
}

/* What a test says about a file; the block has two types: +1 h and +2 h. */
struct file {
    char version;
    int leap_count;
    int64_t times[3];
    int time_count;
    const char *footer;
};

static void put_block(struct buf *b, const struct file *f, int time_bytes)
{
    buf_append_c(b, "TZif");
    buf_append_char(b, f->version);
    put_number(b, 0, 8);
    put_number(b, 0, 7);
    const int counts[] = {0, 0, f->leap_count, f->time_count, 2, 4};
    for (int i = 0; i < 6; i++) {
        put_number(b, counts[i], 4);
    }
    for (int i = 0; i < f->time_count; i++) {
        put_number(b, f->times[i], time_bytes);
    }
    for (int i = 0; i < f->time_count; i++) {
        buf_append_char(b, (char)(1 - i % 2));
    }
    for (int i = 0; i < 2; i++) {
        put_number(b, 3600 * (i + 1), 4);
        put_number(b, i, 1);
        put_number(b, 0, 1);
    }
    buf_append(b, "ABC", 4);
    for (int i = 0; i < f->leap_count; i++) {
        put_number(b, 0, time_bytes + 4);
    }
}

static void put_file(struct buf *b, const struct file *f)
{
    buf_clear(b);
    put_block(b, f, 4);
    if (f->version) {
        put_block(b, f, 8);
        buf_append_char(b, '\n');
        buf_append_c(b, f->footer);
        buf_append_char(b, '\n');
    }
}

static const struct file good = {
    .version = '2', .times = {100, 200, 300}, .time_count = 3, .footer = "ABC-1"};

TEST(offsets_change_at_the_times_of_the_file)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(1 << 16);
    const struct zone *z = NULL;
    struct file f = good;

    for (int version = 0; version < 2; version++) {
        f.version = version ? '2' : '\0';
        put_file(&b, &f);
        OK(zone_parse(buf_str(&b), a, &z, e));
        CHECK_INT(zone_span_at(z, 99).offset_s, 3600);
        CHECK_INT(zone_span_at(z, 100).offset_s, 7200);
        CHECK_INT(zone_span_at(z, 199).from, 100);
        CHECK_INT(zone_span_at(z, 199).until, 200);
        CHECK_INT(zone_span_at(z, 200).offset_s, 3600);
    }
    CHECK_INT(zone_span_at(z, 1 << 30).offset_s, 3600); /* the footer's */
    CHECK_INT(zone_span_at(z, INT64_MIN).from, INT64_MIN);
    CHECK_INT(zone_span_at(z, INT64_MAX).until, INT64_MAX);
    buf_dispose(&b);
    arena_free(a);
}

static void check_refused(const struct file *f, struct arena *a, struct err *e)
{
    struct buf b = BUF_LIMIT(1 << 16);
    const struct zone *z = NULL;

    put_file(&b, f);
    FAILS(zone_parse(buf_str(&b), a, &z, e), RC_INVALID);
    CHECK_TRUE(z == NULL);
    buf_dispose(&b);
}

TEST(a_damaged_zone_file_is_refused)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(1 << 16);
    const struct zone *z = NULL;
    struct file f = good;

    put_file(&b, &f);
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere; a memory of exactly that size shows a read beyond */
        char *cut = malloc(n + 1);
        memcpy(cut, b.p, n);
        FAILS(zone_parse((struct str){cut, n}, a, &z, e), RC_INVALID);
        free(cut);
    }
    buf_dispose(&b);
    f.times[1] = 100;
    check_refused(&f, a, e);
    f = good;
    f.leap_count = 1;
    check_refused(&f, a, e);
    CHECK_TRUE(strstr(e->text, "leap seconds"));
    f = good;
    f.footer = "CET-1CEST,M3.5.0";
    check_refused(&f, a, e);
    arena_free(a);
}

TEST(no_random_damage_of_a_zone_file_is_read_beyond_its_end)
{
    struct arena *a = arena_new();
    struct buf b = BUF_LIMIT(1 << 16);
    uint64_t random = 1;
    int refused = 0;

    for (int i = 0; i < 20000; i++) {
        const struct zone *z = NULL;
        put_file(&b, &good);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        b.p[(random >> 33) % b.n] ^= (char)(1 + (random >> 20) % 255);
        if (zone_parse(buf_str(&b), a, &z, e) != RC_OK) {
            refused++;
        } else {
            CHECK_TRUE(zone_span_at(z, 150).until > 150);
        }
        arena_reset(a);
    }
    CHECK_TRUE(refused > 1000 && refused < 20000);
    buf_dispose(&b);
    arena_free(a);
}

TEST(rules_of_every_form_change_on_their_days)
{
    static const struct {
        const char *rule, *at;
        int offset_s;
    } rows[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2060-03-28T00:59:59Z", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2060-03-28T01:00:00Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2060-10-31T00:59:59Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2060-10-31T01:00:00Z", 3600},
        {"EST5EDT,M3.2.0,M11.1.0", "2060-07-01T00:00:00Z", -14400},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2060-01-01T00:00:00Z", 39600},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2060-12-31T23:59:59Z", 39600},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2060-01-01T00:00:00Z", 0}, /* winter is the exception */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2060-03-28T00:59:59Z", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2060-03-28T01:00:00Z", -3600},
        {"XXX0YYY,J60,J300", "2060-03-01T01:59:59Z", 0}, /* a leap year: J60 is 1 March all the same */
        {"XXX0YYY,J60,J300", "2060-03-01T02:00:00Z", 3600},
        {"XXX0YYY,59,300", "2060-02-29T02:00:00Z", 3600},         /* counted from 0, with the leap day */
        {"XXX3EDT4,0/0,J365/23", "2060-01-01T02:59:59Z", -14400}, /* summer for ever */
        {"XXX3EDT4,0/0,J365/23", "2060-07-01T00:00:00Z", -14400},
        {"UTC0", "2060-01-01T00:00:00Z", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct zone_rule r;
        CHECK_TRUE(zone_rule_parse(str_from(rows[i].rule), &r));
        struct zone_span s = zone_rule_span(&r, seconds(rows[i].at));
        ck_assert_msg(s.offset_s == rows[i].offset_s, "%s at %s: %lld", rows[i].rule, rows[i].at,
                      (long long)s.offset_s);
        CHECK_TRUE(s.from <= seconds(rows[i].at) && s.until > seconds(rows[i].at));
    }
}

TEST(what_is_no_rule_is_refused)
{
    static const char *const bad[] = {
        "",
        "A1",
        "CET",
        "CET-25",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "<CET",
        "CET-1:60",
        "CET-1x",
        "CET-1CEST,M0.1.0",
        "X1",
        "CET-1CEST,M3.6.0,M10.5.0",
        ":abcd",
        "CET-1CEST,J0,J1",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5.0/168,M10.5.0",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct zone_rule r;
        ck_assert_msg(!zone_rule_parse(str_from(bad[i]), &r), "%s", bad[i]);
    }
}
