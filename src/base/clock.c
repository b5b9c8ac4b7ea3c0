/* clock.c: see clock.h. Calendar arithmetic is calendar.h's, not the C library's: no locale, no time zone files. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/calendar.h"

#define DAY_MS      86400000LL
#define MAX_UNIX_MS 253402300799999LL /* 9999-12-31T23:59:59.999Z */

static int64_t read_clock(clockid_t which, int64_t units_per_second)
{
    struct timespec t = {0};

    clock_gettime(which, &t); /* cannot fail for the clocks used here */
    return (int64_t)t.tv_sec * units_per_second + (int64_t)t.tv_nsec / (1000000000 / units_per_second);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

int64_t clock_boot_ms(void)
{
    return read_clock(CLOCK_BOOTTIME, 1000);
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

static char *put_digits(char *to, int value, int width)
{
    for (int k = width - 1; k >= 0; k--) {
        to[k] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + width;
}

struct time_text time_text(int64_t unix_ms)
{
    struct time_text text;
    char *to = text.s;

    if (unix_ms < 0) {
        unix_ms = 0;
    }
    if (unix_ms > MAX_UNIX_MS) {
        unix_ms = MAX_UNIX_MS;
    }
    int ms = (int)(unix_ms % DAY_MS);

    struct date d = date_of_days(unix_ms / DAY_MS);

    to = put_digits(to, d.year, 4);
    *to++ = '-';
    to = put_digits(to, d.month, 2);
    *to++ = '-';
    to = put_digits(to, d.day, 2);
    *to++ = 'T';
    to = put_digits(to, ms / 3600000, 2);
    *to++ = ':';
    to = put_digits(to, ms / 60000 % 60, 2);
    *to++ = ':';
    to = put_digits(to, ms / 1000 % 60, 2);
    *to++ = '.';
    to = put_digits(to, ms % 1000, 3);
    *to++ = 'Z';
    *to = '\0';
    return text;
}

/* A cursor over the text being read; `ok` falls once and stays down. */
struct reader {
    struct str s;
    size_t at;
    bool ok;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_digits(struct reader *r, int width, int min, int max)
{
    int value = 0;

    for (int k = 0; k < width; k++, r->at++) {
        if (!r->ok || r->at >= r->s.n || !is_digit(r->s.p[r->at])) {
            r->ok = false;
            return min;
        }
        value = value * 10 + (r->s.p[r->at] - '0');
    }
    r->ok = value >= min && value <= max;
    return value;
}

static char read_one_of(struct reader *r, const char *allowed)
{
    char c = r->ok && r->at < r->s.n ? r->s.p[r->at] : '\0';

    r->ok = c != '\0' && strchr(allowed, c) != NULL;
    r->at++;
    return c;
}

/* Digits below a millisecond are read and dropped. */
static int read_fraction_ms(struct reader *r)
{
    int ms = 0, weight = 100;
    size_t first;

    if (!r->ok || r->at >= r->s.n || r->s.p[r->at] != '.') {
        return 0;
    }
    first = ++r->at;
    for (; r->at < r->s.n && is_digit(r->s.p[r->at]); r->at++) {
        ms += weight * (r->s.p[r->at] - '0');
        weight /= 10;
    }
    r->ok = r->at > first;
    return ms;
}

static int64_t read_zone_ms(struct reader *r)
{
    char sign = read_one_of(r, "Zz+-");

    if (sign != '+' && sign != '-') {
        return 0;
    }
    int64_t hours = read_digits(r, 2, 0, 23);

    read_one_of(r, ":");
    int64_t minutes = read_digits(r, 2, 0, 59);
    int64_t ms = (hours * 60 + minutes) * 60000;

    return sign == '-' ? -ms : ms;
}

bool time_parse(struct str text, int64_t *unix_ms)
{
    struct reader r = {.s = text, .ok = true};
    int year = read_digits(&r, 4, 1970, 9999);

    read_one_of(&r, "-");
    int month = read_digits(&r, 2, 1, 12);

    read_one_of(&r, "-");
    int day = read_digits(&r, 2, 1, r.ok ? days_in_month(year, month) : 31);

    read_one_of(&r, "Tt");
    int hour = read_digits(&r, 2, 0, 23);

    read_one_of(&r, ":");
    int minute = read_digits(&r, 2, 0, 59);

    read_one_of(&r, ":");
    int second = read_digits(&r, 2, 0, 59); /* unix time has no number for a leap second */
    int ms = read_fraction_ms(&r);
    int64_t zone_ms = read_zone_ms(&r);

    if (!r.ok || r.at != text.n) {
        return false;
    }
    int64_t result = days_of_date((struct date){year, month, day}) * DAY_MS + hour * 3600000LL +
                     minute * 60000LL + second * 1000LL + ms - zone_ms;

    if (result < 0 || result > MAX_UNIX_MS) {
        return false;
    }
    *unix_ms = result;
    return true;
}

struct unit {
    struct str name;
    int64_t ms;
};

/* Greatest first: the parts of a duration must come in this order, each once. */
static const struct unit units[] = {
    {{"d", 1}, 86400000}, {{"h", 1}, 3600000}, {{"m", 1}, 60000}, {{"s", 1}, 1000}, {{"ms", 2}, 1},
};

#define UNIT_COUNT (sizeof units / sizeof units[0])

static size_t find_unit(struct str name)
{
    for (size_t k = 0; k < UNIT_COUNT; k++) {
        if (str_eq(units[k].name, name)) {
            return k;
        }
    }
    return UNIT_COUNT;
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.n && is_digit(s.p[at])) {
        at++;
    }
    return at;
}

static size_t skip_letters(struct str s, size_t at)
{
    while (at < s.n && s.p[at] >= 'a' && s.p[at] <= 'z') {
        at++;
    }
    return at;
}

bool duration_parse(struct str text, int64_t *ms)
{
    int64_t total = 0;
    size_t at = 0, next_unit = 0;

    if (str_eq(text, STR("forever"))) {
        *ms = INT64_MAX;
        return true;
    }
    while (at < text.n) {
        size_t digits_end = skip_digits(text, at);
        size_t end = skip_letters(text, digits_end);
        bool is_plain = at == 0 && digits_end == text.n;
        size_t unit = find_unit(is_plain ? STR("s") : str_sub(text, digits_end, end));
        int64_t value;

        if (unit < next_unit || unit == UNIT_COUNT || digits_end == at) {
            return false;
        }
        if (!str_to_i64(str_sub(text, at, digits_end), &value) ||
            __builtin_mul_overflow(value, units[unit].ms, &value) ||
            __builtin_add_overflow(total, value, &total)) {
            return false;
        }
        next_unit = unit + 1;
        at = end;
    }
    if (text.n == 0) {
        return false;
    }
    *ms = total;
    return true;
}
