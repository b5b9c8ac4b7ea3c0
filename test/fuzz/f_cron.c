/* f_cron.c: cron expressions. The first bytes choose a moment and a zone, the rest is the expression. What is accepted has
 * ticks that rise; in UTC each is the first second that matches, by looking at every second of two days before it. */
#include "core/cron.h"

#include <assert.h>
#include <string.h>

#include "base/calendar.h"
#include "base/zoneinfo.h"

#define CHOICE_BYTES 6
#define ZONES        4
#define DAY_S        86400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool matches_date(const struct cron *c, struct date d)
{
    int64_t days = days_of_date(d);
    int weekday = weekday_of_days(days);
    int last = days_in_month(d.year, d.month);
    bool by_day = (c->days >> d.day & 1) || (c->days_from_last >> (last - d.day) & 1);
    bool by_weekday = (c->weekdays >> weekday & 1) ||
                      (d.day > last - 7 && (c->last_weekdays >> weekday & 1)) ||
                      (c->nth_weekdays[(d.day - 1) / 7 + 1] >> weekday & 1);
    bool is_open = c->is_day_open || c->is_weekday_open;

    return (c->months >> d.month & 1) && (is_open ? by_day && by_weekday : by_day || by_weekday);
}

static bool matches(const struct cron *c, int64_t civil_s)
{
    int64_t day = civil_s / DAY_S - (civil_s % DAY_S < 0);
    int64_t s = civil_s - day * DAY_S;

    return (c->hours >> s / 3600 & 1) && (c->minutes >> s / 60 % 60 & 1) && (c->seconds >> s % 60 & 1) &&
           matches_date(c, date_of_days(day));
}

static const struct zone *zone_number(int n)
{
    static const char *const names[ZONES] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe",
                                             "America/Santiago"};
    static const struct zone *zones[ZONES];
    struct buf bytes = BUF_LIMIT(ZONEINFO_MAX_BYTES);

    if (!zones[n]) {
        static struct arena *a;
        a = a ? a : arena_new();
        zones[n] = zone_utc();
        if (n > 0 && !zoneinfo_read(ZONEINFO_FOLDER, str_from(names[n]), &bytes, NULL)) {
            assert(zone_parse(buf_str(&bytes), a, &zones[n], NULL) == RC_OK);
        }
    }
    buf_dispose(&bytes);
    return zones[n];
}

static void check_first(const struct cron *c, int64_t after_s, int64_t tick_s)
{
    int64_t from = tick_s - 2 * DAY_S > after_s ? tick_s - 2 * DAY_S : after_s;

    assert(matches(c, tick_s));
    for (int64_t s = from + 1; s < tick_s; s++) {
        if (s % 60 == 1 && c->seconds == 1) { /* nothing but whole minutes */
            s += 58;
        }
        assert(s >= tick_s || !matches(c, s));
    }
}

/* A tick shows a time that matches, unless the clock jumped over one just there. */
static void check_local(const struct cron *c, const struct zone *z, int64_t tick_s)
{
    struct zone_span span = zone_span_at(z, tick_s);

    assert(matches(c, tick_s + span.offset_s) || span.from == tick_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t choice;
    struct cron c;
    struct err e = {0};

    if (size < CHOICE_BYTES) {
        return 0;
    }
    memcpy(&choice, data, sizeof choice);
    struct str text = {(const char *)data + CHOICE_BYTES, size - CHOICE_BYTES};
    if (cron_parse(text, &c, &e) != RC_OK) {
        assert(e.rc == RC_INVALID && e.text[0] && strcmp(e.field, "cron") == 0);
        return 0;
    }
    const struct zone *z = zone_number(data[4] % ZONES);
    int64_t after = (int64_t)choice * 1000 + data[5], tick = 0;
    for (int i = 0; i < 4 && cron_next(&c, z, after, &tick); i++) {
        assert(tick > after && tick % 1000 == 0);
        if (z == zone_utc()) {
            check_first(&c, after / 1000, tick / 1000);
        } else {
            check_local(&c, z, tick / 1000);
        }
        after = tick;
    }
    return 0;
}
