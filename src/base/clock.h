/* clock.h: reading time. Only cmd/, loop/ and a store's default clock call these: everywhere else `now` is an argument. */
#ifndef STINT_BASE_CLOCK_H
#define STINT_BASE_CLOCK_H

#include "base/str.h"

int64_t clock_wall_ms(void); /* unix milliseconds; may step */
int64_t clock_boot_ms(void); /* milliseconds since boot, suspends included; never steps */
int64_t clock_mono_us(void); /* for measuring */

#define TIME_TEXT_BYTES 24 /* 2026-11-01T12:34:56.789Z */

struct time_text {
    char s[TIME_TEXT_BYTES + 1];
};

struct time_text time_text(int64_t unix_ms);
/* RFC 3339 with a zone (Z or ±hh:mm), years 1970 to 9999, real calendar days only. */
MUST_CHECK bool time_parse(struct str text, int64_t *unix_ms);
/* "30s", "15m", "7d", "250ms", "1h30m", plain seconds "45"; "forever" is INT64_MAX. */
MUST_CHECK bool duration_parse(struct str text, int64_t *ms);

#endif
