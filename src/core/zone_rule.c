/* zone_rule.c: see zone_rule.h. */
#include "core/zone_rule.h"

#include "base/calendar.h"

#define DAY_S 86400LL

/* A cursor over the rule; `is_good` falls once and stays down. */
struct reader {
    struct str s;
    size_t at;
    bool is_good;
};

static char peek(const struct reader *r)
{
    return r->at < r->s.n ? r->s.p[r->at] : '\0';
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c) {
        return false;
    }
    r->at++;
    return true;
}

static void want(struct reader *r, char c)
{
    if (!take(r, c)) {
        r->is_good = false;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_number(struct reader *r, int min, int max)
{
    int n = 0;
    size_t first = r->at;

    while (is_digit(peek(r)) && n <= max) {
        n = n * 10 + (r->s.p[r->at++] - '0');
    }
    if (r->at == first || n < min || n > max) {
        r->is_good = false;
        return min;
    }
    return n;
}

/* `CET`, or anything between < and >. */
static void skip_name(struct reader *r)
{
    bool is_quoted = take(r, '<');
    size_t first = r->at;

    while (r->at < r->s.n) {
        char c = r->s.p[r->at];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_letter && !(is_quoted && (is_digit(c) || c == '+' || c == '-'))) {
            break;
        }
        r->at++;
    }
    if (r->at - first < 3) {
        r->is_good = false;
    }
    if (is_quoted) {
        want(r, '>');
    }
}

/* [+-]hh[:mm[:ss]] in seconds */
static int64_t read_time(struct reader *r, int max_hours)
{
    bool is_negative = take(r, '-');

    if (!is_negative) {
        (void)take(r, '+');
    }
    int64_t s = 3600LL * read_number(r, 0, max_hours);
    if (take(r, ':')) {
        s += 60LL * read_number(r, 0, 59);
        if (take(r, ':')) {
            s += read_number(r, 0, 59);
        }
    }
    return is_negative ? -s : s;
}

static struct zone_date read_date(struct reader *r)
{
    struct zone_date d = {.time_s = 2 * 3600};

    want(r, ',');
    if (take(r, 'M')) {
        d.kind = ZONE_DATE_MONTH;
        d.month = read_number(r, 1, 12);
        want(r, '.');
        d.week = read_number(r, 1, 5);
        want(r, '.');
        d.day = read_number(r, 0, 6);
    } else if (take(r, 'J')) {
        d.kind = ZONE_DATE_NO_LEAP;
        d.day = read_number(r, 1, 365);
    } else {
        d.kind = ZONE_DATE_DAY;
        d.day = read_number(r, 0, 365);
    }
    if (take(r, '/')) {
        d.time_s = read_time(r, 167);
    }
    return d;
}

bool zone_rule_parse(struct str text, struct zone_rule *out)
{
    struct reader r = {.s = text, .is_good = true};
    struct zone_rule rule = {0};

    skip_name(&r);
    rule.std_s = -read_time(&r, 24); /* the text counts towards the west */
    if (r.is_good && r.at < text.n) {
        rule.has_dst = true;
        skip_name(&r);
        char c = peek(&r);
        bool has_offset = is_digit(c) || c == '+' || c == '-';
        rule.dst_s = has_offset ? -read_time(&r, 24) : rule.std_s + 3600;
        rule.start = read_date(&r);
        rule.end = read_date(&r);
    }
    if (!r.is_good || r.at != text.n) {
        return false;
    }
    *out = rule;
    return true;
}

/* The day of a year on which the offset changes, in days since 1970. */
static int64_t day_of_change(const struct zone_date *d, int year)
{
    int64_t first = days_of_date((struct date){year, 1, 1});

    if (d->kind == ZONE_DATE_DAY) {
        return first + d->day;
    }
    if (d->kind == ZONE_DATE_NO_LEAP) {
        bool is_leap = days_in_month(year, 2) == 29;
        return first + d->day - 1 + (is_leap && d->day >= 60);
    }
    first = days_of_date((struct date){year, d->month, 1});
    int64_t day = (d->day - weekday_of_days(first) + 7) % 7 + 7LL * (d->week - 1);
    while (day >= days_in_month(year, d->month)) {
        day -= 7;
    }
    return first + day;
}

struct change {
    int64_t at, offset_s;
};

/* Stable, so that a summer time that ends as the next begins has no end. */
static void insert(struct change *list, int count, struct change c)
{
    while (count > 0 && list[count - 1].at > c.at) {
        list[count] = list[count - 1];
        count--;
    }
    list[count] = c;
}

struct zone_span zone_rule_span(const struct zone_rule *r, int64_t unix_s)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, r->std_s};
    struct change list[6];
    int count = 0;

    if (!r->has_dst) {
        return span;
    }
    int64_t local = unix_s + r->std_s;
    int year = date_of_days(local / DAY_S - (local % DAY_S < 0)).year;
    for (int y = year - 1; y <= year + 1; y++) {
        int64_t start = day_of_change(&r->start, y) * DAY_S + r->start.time_s - r->std_s;
        int64_t end = day_of_change(&r->end, y) * DAY_S + r->end.time_s - r->dst_s;

        insert(list, count++, (struct change){start, r->dst_s});
        insert(list, count++, (struct change){end, r->std_s});
    }
    for (int i = 0; i < count; i++) {
        if (list[i].at > unix_s) {
            span.until = list[i].at;
            break;
        }
        span.from = list[i].at;
        span.offset_s = list[i].offset_s;
    }
    return span;
}
