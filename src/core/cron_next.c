/* cron_next.c: see cron.h: the next tick. Local readings are counted in seconds as if they were UTC ("civil"), and of
 * the local clock only two questions are asked: how far it has got, and when it first gets somewhere. */
#include "core/cron.h"

#include "base/calendar.h"

#define DAY_S       86400LL
#define CIVIL_END_S 253402300800LL /* the year 10000 */

static bool has(uint64_t set, int value)
{
    return set >> value & 1;
}

/* The first member at or after `from`, or `end`. */
static int next_member(uint64_t set, int from, int end)
{
    uint64_t rest = from < end ? set >> from : 0;

    return rest ? from + __builtin_ctzll(rest) : end;
}

static bool day_matches(const struct cron *c, struct date d, int weekday)
{
    int last = days_in_month(d.year, d.month);
    bool day = has(c->days, d.day) || has(c->days_from_last, last - d.day);
    bool is_last_week = d.day + 7 > last;
    bool by_week = has(c->weekdays, weekday) || (is_last_week && has(c->last_weekdays, weekday)) ||
                   has(c->nth_weekdays[(d.day + 6) / 7], weekday);

    return c->is_day_open || c->is_weekday_open ? day && by_week : day || by_week;
}

/* The first matching second of a day at or after `from`; DAY_S = none. */
static int64_t next_second(const struct cron *c, int64_t from)
{
    int hour = (int)(from / 3600), minute = (int)(from / 60 % 60), second = (int)(from % 60);

    for (int h = next_member(c->hours, hour, 24); h < 24; h = next_member(c->hours, h + 1, 24)) {
        int first = h == hour ? minute : 0;
        for (int m = next_member(c->minutes, first, 60); m < 60; m = next_member(c->minutes, m + 1, 60)) {
            int s = next_member(c->seconds, h == hour && m == minute ? second : 0, 60);
            if (s < 60) {
                return h * 3600 + m * 60 + s;
            }
        }
    }
    return DAY_S;
}

/* The first matching reading in [from, until). */
static bool next_civil(const struct cron *c, int64_t from, int64_t until, int64_t *out)
{
    int64_t day = from / DAY_S - (from % DAY_S < 0);
    int64_t second = from - day * DAY_S;

    while (day * DAY_S < until) {
        struct date d = date_of_days(day);

        if (!has(c->months, d.month)) {
            day += days_in_month(d.year, d.month) - d.day + 1;
            second = 0;
            continue;
        }
        int64_t found = day_matches(c, d, weekday_of_days(day)) ? next_second(c, second) : DAY_S;
        if (found < DAY_S) {
            *out = day * DAY_S + found;
            return *out < until;
        }
        day++;
        second = 0;
    }
    return false;
}

/* The latest reading that the local clock has shown up to `at`. Not always its last one: it may have been set back. */
static int64_t furthest_reading(const struct zone *z, int64_t at)
{
    struct zone_span span = zone_span_at(z, at);
    int64_t furthest = at + span.offset_s;

    while (span.from > at - 2 * ZONE_OFFSET_MAX_S) {
        int64_t end = span.from;
        span = zone_span_at(z, end - 1);
        if (end - 1 + span.offset_s > furthest) {
            furthest = end - 1 + span.offset_s;
        }
    }
    return furthest;
}

/* The first instant after `after` at which the local clock shows `civil` or more. In a gap that is its end. */
static int64_t instant_of_reading(const struct zone *z, int64_t after, int64_t civil)
{
    int64_t at = after + 1;

    if (at < civil - ZONE_OFFSET_MAX_S) {
        at = civil - ZONE_OFFSET_MAX_S;
    }
    for (;;) {
        struct zone_span span = zone_span_at(z, at);
        if (at + span.offset_s >= civil) {
            return at;
        }
        if (civil - span.offset_s < span.until) {
            return civil - span.offset_s;
        }
        at = span.until;
    }
}

/* Readings rise with the instants at which they are first shown, so the next reading that was never shown is the next
 * tick, and what happens in gaps and repeated hours follows by itself. */
static bool next_by_reading(const struct cron *c, const struct zone *z, int64_t after, int64_t end,
                            int64_t *out)
{
    int64_t civil;

    if (!next_civil(c, furthest_reading(z, after) + 1, end, &civil)) {
        return false;
    }
    *out = instant_of_reading(z, after, civil);
    return true;
}

static bool next_by_instant(const struct cron *c, const struct zone *z, int64_t after, int64_t end,
                            int64_t *out)
{
    int64_t civil, at = after + 1;

    while (at < end) {
        struct zone_span span = zone_span_at(z, at);
        int64_t until = (span.until < end ? span.until : end) + span.offset_s;
        if (next_civil(c, at + span.offset_s, until, &civil)) {
            *out = civil - span.offset_s;
            return true;
        }
        at = span.until;
    }
    return false;
}

bool cron_next(const struct cron *c, const struct zone *z, int64_t after, int64_t *tick)
{
    int64_t after_s = after / 1000 - (after % 1000 < 0);
    int64_t end = after_s + (CRON_SEARCH_YEARS * 366LL + 2) * DAY_S;
    bool has_all_hours = c->hours == 0xFFFFFF;
    int64_t found_s;

    end = end < CIVIL_END_S ? end : CIVIL_END_S;
    if (!(has_all_hours ? next_by_instant : next_by_reading)(c, z, after_s, end, &found_s)) {
        return false;
    }
    *tick = found_s * 1000;
    return true;
}
