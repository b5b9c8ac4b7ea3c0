/* retry_after.c: see retry_after.h. */
#include "kinds/run_prompt/retry_after.h"

#include "base/clock.h"

#define WAIT_MAX_MS (31LL * 86400000) /* a date that is wrong ends some day, too */
#define UNIX_LEAST                                                                                           \
    1e9 /* a number that is as great is no span, which would be of 31 years, but a time: of 2001 at least */
#define UNIX_MS   1e11 /* and as great, one in milliseconds */
#define UNIX_MOST 1e15

static int64_t capped(int64_t ms)
{
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
}

/* Digits, and maybe a fraction, from *at on; below 0: there are none. */
static double read_digits(struct str text, size_t *at)
{
    double value = 0, scale = 0;
    size_t from = *at;
    for (; *at < text.n && (text.p[*at] == '.' || (text.p[*at] >= '0' && text.p[*at] <= '9')); (*at)++) {
        if (text.p[*at] == '.') {
            if (scale > 0) {
                return -1;
            }
            scale = 1;
            continue;
        }
        value = value * 10 + (text.p[*at] - '0');
        scale *= 10;
    }
    if (*at == from || (*at == from + 1 && scale > 0)) {
        return -1;
    }
    return value / (scale > 0 ? scale : 1);
}

/* As so many units; -1: there are none. */
static int64_t read_amount(struct str text, size_t *at, double unit_ms)
{
    double value = read_digits(text, at) * unit_ms;
    int64_t ms = value < (double)WAIT_MAX_MS ? (int64_t)(value + 0.999) : WAIT_MAX_MS;
    return value < 0 ? -1 : ms;
}

/* "20ms", "8.64s", "1m30.951s", "6m0s". */
static int64_t read_span(struct str text)
{
    static const struct {
        struct str name;
        double ms;
    } units[] = {{{"ms", 2}, 1}, {{"s", 1}, 1e3}, {{"m", 1}, 60e3}, {{"h", 1}, 3600e3}, {{"d", 1}, 86400e3}};
    int64_t total = text.n ? 0 : -1;
    size_t at = 0;
    while (at < text.n && total >= 0) {
        size_t digits = at;
        int64_t ms = -1;
        (void)read_amount(text, &digits, 1);
        size_t end = digits;
        while (end < text.n && text.p[end] >= 'a' && text.p[end] <= 'z') {
            end++;
        }
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (str_eq(str_sub(text, digits, end), units[i].name)) {
                size_t begin = at;
                ms = read_amount(text, &begin, units[i].ms);
            }
        }
        total = ms < 0 ? -1 : capped(total + ms);
        at = end;
    }
    return total;
}

/* From what the provider's clock says; ours, when it does not tell. */
static int64_t until(const struct fetch_answer *answer, int64_t at)
{
    int64_t now = fetch_date(fetch_header(answer, STR("date")));
    now = now > 0 ? now : clock_wall_ms();
    return at > now ? capped(at - now) : -1;
}

static int64_t read_time(const struct fetch_answer *answer, struct str name)
{
    int64_t at = 0;
    return time_parse(str_trim(fetch_header(answer, name)), &at) ? until(answer, at) : -1;
}

/* A span, seconds, or a time: ISO 8601's, or Unix's in seconds or milliseconds. */
static int64_t read_reset(const struct fetch_answer *answer, struct str name)
{
    struct str text = str_trim(fetch_header(answer, name));
    size_t at = 0;
    double number = read_digits(text, &at);
    if (number < 0 || at < text.n) {
        int64_t ms = read_span(text);
        return ms < 0 ? read_time(answer, name) : ms;
    }
    at = 0;
    number = number < UNIX_MOST ? number : UNIX_MOST;
    return number < UNIX_LEAST ? read_amount(text, &at, 1000)
                               : until(answer, (int64_t)(number < UNIX_MS ? number * 1000 : number));
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

int64_t retry_after_read(const struct fetch_answer *answer)
{
    struct str milliseconds = str_trim(fetch_header(answer, STR("retry-after-ms")));
    struct str after = str_trim(fetch_header(answer, STR("retry-after")));
    size_t at = 0;
    int64_t ms = read_amount(milliseconds, &at, 1);
    if (ms >= 0 && at == milliseconds.n) {
        return ms;
    }
    at = 0;
    ms = read_amount(after, &at, 1000);
    ms = ms >= 0 && at == after.n ? ms : -1;
    if (ms < 0 && after.n) {
        ms = until(answer, fetch_date(after));
    }
    if (ms < 0) {
        ms = later(read_reset(answer, STR("x-ratelimit-reset-requests")),
                   read_reset(answer, STR("x-ratelimit-reset-tokens")));
    }
    if (ms < 0) {
        ms = later(read_time(answer, STR("anthropic-ratelimit-requests-reset")),
                   read_time(answer, STR("anthropic-ratelimit-tokens-reset")));
    }
    return ms;
}
