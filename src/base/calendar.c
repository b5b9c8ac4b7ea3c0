/* calendar.c: see calendar.h. Years begin in March here, so that the leap day is the last day of its year; 146097 days
 * are 400 years. */
#include "base/calendar.h"

int64_t days_of_date(struct date d)
{
    int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    int64_t century = y / 400;
    int64_t year_of = y - century * 400;
    int64_t day_of = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;

    return century * 146097 + year_of * 365 + year_of / 4 - year_of / 100 + day_of - 719468;
}

struct date date_of_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t century = z / 146097;
    int64_t day_of_era = z - century * 146097;
    int64_t year_of = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of = day_of_era - (365 * year_of + year_of / 4 - year_of / 100);
    int64_t shifted = (5 * day_of + 2) / 153;
    struct date d;

    d.day = (int)(day_of - (153 * shifted + 2) / 5 + 1);
    d.month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    d.year = (int)(year_of + century * 400 + (d.month <= 2));
    return d;
}

int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

int weekday_of_days(int64_t days)
{
    int64_t w = (days + 4) % 7; /* 1970-01-01 was a Thursday */

    return (int)(w < 0 ? w + 7 : w);
}
