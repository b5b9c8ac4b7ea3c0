/* cron.c: see cron.h: the text of an expression. What it means in time is cron_next.c's. */
#include "core/cron.h"

/* What a field may hold. */
struct field {
    const char *name;
    int min, max;
    const char *const *words; /* instead of the numbers from `min` on */
    int word_count;
};

static const char *const month_words[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const weekday_words[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, NULL, 0},       [MINUTE] = {"minute", 0, 59, NULL, 0},
    [HOUR] = {"hour", 0, 23, NULL, 0},           [DAY] = {"day of month", 1, 31, NULL, 0},
    [MONTH] = {"month", 1, 12, month_words, 12}, [WEEKDAY] = {"day of week", 0, 7, weekday_words, 7},
};

static const struct {
    struct str name, fields;
} macros[] = {
    {{"@yearly", 7}, {"0 0 1 1 *", 9}},  {{"@annually", 9}, {"0 0 1 1 *", 9}},
    {{"@monthly", 8}, {"0 0 1 * *", 9}}, {{"@weekly", 7}, {"0 0 * * 0", 9}},
    {{"@daily", 6}, {"0 0 * * *", 9}},   {{"@midnight", 9}, {"0 0 * * *", 9}},
    {{"@hourly", 7}, {"0 * * * *", 9}},
};

static enum rc refuse(const struct field *f, struct str part, const char *what, struct err *e)
{
    return err_set_code(e, RC_INVALID, "invalid_field", "cron", "%s: \"%.*s\" %s", f->name,
                        (int)(part.n < 40 ? part.n : 40), part.p ? part.p : "", what);
}

/* A number or a word of the field. */
static enum rc read_value(const struct field *f, struct str text, int *out, struct err *e)
{
    int64_t n = 0;

    for (int i = 0; i < f->word_count; i++) {
        if (str_eq_nocase(text, str_from(f->words[i]))) {
            *out = f->min + i;
            return RC_OK;
        }
    }
    if (text.n == 0 || text.p[0] == '+' || text.p[0] == '-' || !str_to_i64(text, &n)) {
        return refuse(f, text, f->word_count ? "is neither a number nor a name" : "is not a number", e);
    }
    if (n < f->min || n > f->max) {
        err_set_code(e, RC_INVALID, "invalid_field", "cron", "%s: %lld is not from %d to %d", f->name,
                     (long long)n, f->min, f->max);
        return RC_INVALID;
    }
    *out = (int)n;
    return RC_OK;
}

static enum rc read_step(const struct field *f, struct str text, int *out, struct err *e)
{
    int64_t n = 0;
    int values = f->max - f->min + (f == &fields[WEEKDAY] ? 0 : 1);

    if (text.n == 0 || text.p[0] == '+' || !str_to_i64(text, &n) || n < 1 || n > values) {
        err_set_code(e, RC_INVALID, "invalid_field", "cron", "%s: a step must be from 1 to %d", f->name,
                     values);
        return RC_INVALID;
    }
    *out = (int)n;
    return RC_OK;
}

/* `a`, `a-b`, `*`, each with or without `/n`, into the set. */
static enum rc read_range(const struct field *f, struct str part, uint64_t *set, struct err *e)
{
    bool is_weekday = f == &fields[WEEKDAY];
    struct str step_text, last_text;
    struct str range = str_cut(part, '/', &step_text);
    struct str first_text = str_cut(range, '-', &last_text);
    bool is_open = str_eq(range, STR("*")) || (str_eq(range, STR("?")) && (is_weekday || f == &fields[DAY]));
    int first = f->min, last = f->max - is_weekday, step = 1;
    enum rc rc = RC_OK;

    if (!is_open) {
        rc = read_value(f, first_text, &first, e);
        if (!rc && last_text.p) {
            rc = read_value(f, last_text, &last, e);
            last = is_weekday && last == 0 && str_eq_nocase(last_text, STR("SUN")) ? 7 : last;
        } else if (!step_text.p) {
            last = first;
        }
    }
    if (!rc && step_text.p) {
        rc = read_step(f, step_text, &step, e);
    }
    if (!rc && first > last) {
        rc = refuse(f, part, "runs backwards", e);
    }
    for (int n = first; !rc && n <= last; n += step) {
        *set |= UINT64_C(1) << (is_weekday ? n % 7 : n);
    }
    return rc;
}

static enum rc read_day(struct str part, struct cron *c, uint64_t *set, struct err *e)
{
    const struct field *f = &fields[DAY];
    int64_t back = 0;

    if (part.n == 0 || (part.p[0] != 'L' && part.p[0] != 'l')) {
        return read_range(f, part, set, e);
    }
    if (part.n > 1 && (part.p[1] != '-' || part.n == 2 || part.p[2] == '+' || part.p[2] == '-' ||
                       !str_to_i64(str_sub(part, 2, part.n), &back) || back < 1 || back > 30)) {
        return refuse(f, part, "is not L or L-1 to L-30", e);
    }
    c->days_from_last |= UINT32_C(1) << back;
    return RC_OK;
}

static enum rc read_weekday(struct str part, struct cron *c, uint64_t *set, struct err *e)
{
    const struct field *f = &fields[WEEKDAY];
    struct str nth_text;
    struct str day_text = str_cut(part, '#', &nth_text);
    bool is_last = !nth_text.p && str_ends(part, STR("L"));
    int64_t nth = 0;
    int day = 0;

    is_last = is_last || (!nth_text.p && str_ends(part, STR("l")));
    if (!nth_text.p && !is_last) {
        return read_range(f, part, set, e);
    }
    if (nth_text.p && (nth_text.n != 1 || !str_to_i64(nth_text, &nth) || nth < 1 || nth > 5)) {
        return refuse(f, part, "wants 1 to 5 behind the #", e);
    }
    if (is_last && part.n == 1) {
        return refuse(f, part, "wants a day before the L, as in 5L", e);
    }
    enum rc rc = read_value(f, is_last ? str_sub(part, 0, part.n - 1) : day_text, &day, e);
    if (!rc) {
        uint32_t bit = UINT32_C(1) << day % 7;
        *(is_last ? &c->last_weekdays : &c->nth_weekdays[nth]) |= bit;
    }
    return rc;
}

static enum rc read_field(int which, struct str text, struct cron *c, struct err *e)
{
    uint64_t set = 0;
    struct str rest = text;
    enum rc rc = RC_OK;

    while (!rc && rest.p) {
        struct str part = str_cut(rest, ',', &rest);
        rc = which == DAY       ? read_day(part, c, &set, e)
             : which == WEEKDAY ? read_weekday(part, c, &set, e)
                                : read_range(&fields[which], part, &set, e);
    }
    bool is_open = str_starts(text, STR("*")) || str_starts(text, STR("?"));
    switch (which) {
    case SECOND:
        c->seconds = set;
        break;
    case MINUTE:
        c->minutes = set;
        break;
    case HOUR:
        c->hours = (uint32_t)set;
        break;
    case DAY:
        c->days = (uint32_t)set;
        c->is_day_open = is_open;
        break;
    case MONTH:
        c->months = (uint32_t)set;
        break;
    default:
        c->weekdays = (uint32_t)set;
        c->is_weekday_open = is_open;
    }
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts at blanks; returns how many fields there are, FIELDS + 1 for more than can be. */
static int split(struct str text, struct str out[FIELDS])
{
    int count = 0;
    size_t at = 0;

    while (at < text.n) {
        size_t first = at;
        while (at < text.n && !is_blank(text.p[at])) {
            at++;
        }
        if (at > first) {
            if (count == FIELDS) {
                return FIELDS + 1;
            }
            out[count++] = str_sub(text, first, at);
        }
        at++;
    }
    return count;
}

static enum rc expand_macro(struct str text, struct str *out, struct err *e)
{
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++) {
        if (str_eq_nocase(text, macros[i].name)) {
            *out = macros[i].fields;
            return RC_OK;
        }
    }
    return err_set_code(e, RC_INVALID, "invalid_field", "cron",
                        "of the names with @ there are only @yearly, @annually, @monthly, @weekly, @daily, "
                        "@midnight and @hourly; every_s is for intervals");
}

enum rc cron_parse(struct str text, struct cron *out, struct err *e)
{
    struct str parts[FIELDS];
    struct cron c = {0};
    enum rc rc = RC_OK;
    int64_t tick;

    if (text.n > CRON_MAX_BYTES) {
        return err_set_code(e, RC_INVALID, "invalid_field", "cron", "an expression has at most %d bytes",
                            CRON_MAX_BYTES);
    }
    text = str_trim(text);
    if (text.n > 0 && text.p[0] == '@') {
        rc = expand_macro(text, &text, e);
    }
    int count = rc ? 0 : split(text, parts);
    if (!rc && (count < FIELDS - 1 || count > FIELDS)) {
        rc = err_set_code(
            e, RC_INVALID, "invalid_field", "cron",
            "five fields are wanted (minute, hour, day of month, month, day of week), or six with "
            "the second before them");
    }
    c.seconds = 1;
    for (int i = 0; !rc && i < count; i++) {
        rc = read_field(i + FIELDS - count, parts[i], &c, e);
    }
    if (!rc && !cron_next(&c, zone_utc(), 0, &tick)) {
        rc = err_set_code(e, RC_INVALID, "never_fires", "cron", "there is no such date: it would never fire");
    }
    if (!rc) {
        *out = c;
    }
    return rc;
}
