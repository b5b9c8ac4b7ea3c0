/* cron.h: cron expressions: when the next tick is. Pure.
 *
 *     ┌──────── second 0-59 (only with six fields; else 0)
 *     │ ┌────── minute 0-59
 *     │ │ ┌──── hour 0-23
 *     │ │ │ ┌── day of month 1-31, L = the last, L-3 = three days before it
 *     │ │ │ │ ┌ month 1-12, JAN-DEC
 *     │ │ │ │ │ ┌ day of week 0-7 (0 and 7 = Sunday), SUN-SAT, 5L = the last Friday, 2#1 = the first Tuesday
 *     0 30 9 * * MON-FRI
 *
 * A field is a list (`1,15`) of values, ranges (`1-5`; one of weekdays may end with SUN), steps (`*`/5, `8-18/2`, and
 * `5/15` = 5-59/15), or `*`; in both fields of days `?` = `*`. Instead of fields: @yearly (@annually), @monthly, @weekly,
 * @daily (@midnight), @hourly.
 *
 * Days, as in Vixie's cron: when both the day of month and the day of week are restricted, a day that matches either will
 * do; a field that begins with `*` or `?` is not restricted (also `*`/2), and then a day must match both.
 *
 * When clocks are changed (P13): a local time that does not exist fires at the first instant after; one that occurs twice
 * fires once, at the first. An expression that admits all 24 hours names no local time of day, but an interval: it
 * fires at each instant whose local reading matches, so that a quarter of an hour stays one: through a repeated hour it
 * goes on, and for a skipped one it makes up nothing. */
#ifndef STINT_CORE_CRON_H
#define STINT_CORE_CRON_H

#include "core/zone.h"

#define CRON_MAX_BYTES 256
/* How far ahead a tick is looked for. B117 asks for 8 years; 40 are what 29 February on a given weekday may need where
 * a year like 2100 is no leap year, so that "never" is the truth. */
#define CRON_SEARCH_YEARS 40

/* Sets are bits: bit n = the value n. */
struct cron {
    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint32_t days_from_last; /* bit n = n days before the last of the month */
    uint32_t weekdays, last_weekdays;
    uint32_t nth_weekdays[6];          /* [1] … [5]: the n-th of the month */
    bool is_day_open, is_weekday_open; /* begins with `*` or `?` */
};

/* RC_INVALID with e->field "cron" and a text that names the field of the expression at fault; e->code is `never_fires`
 * when no date is like that (30 February). */
MUST_CHECK enum rc cron_parse(struct str text, struct cron *out, struct err *e);
/* The first tick strictly after `after` (unix ms, 1970 to 9999), a whole second; false: none in CRON_SEARCH_YEARS. */
MUST_CHECK bool cron_next(const struct cron *c, const struct zone *z, int64_t after, int64_t *tick);

#endif
