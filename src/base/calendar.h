/* calendar.h: dates of the proleptic Gregorian calendar as numbers of days. No locale, no zone, no C library. */
#ifndef STINT_BASE_CALENDAR_H
#define STINT_BASE_CALENDAR_H

#include <stdint.h>

struct date {
    int year, month, day; /* 1 … 12, 1 … 31 */
};

/* Days since 1970-01-01, and back: the years 0 to 1,000,000. A month of `d` must be right, its day may be any. */
int64_t days_of_date(struct date d);
struct date date_of_days(int64_t days);
int days_in_month(int year, int month);
int weekday_of_days(int64_t days); /* 0 = Sunday */

#endif
