/* options.c: reads the command line and the environment by the table in option_table.c; see options.h. */
#include "cmd/options.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/term.h"

#define VARIABLE_BYTES 64
#define OPTIONS_MAX    128

struct option_value {
    bool is_set, is_default;
    struct str text;
    int64_t number;
    struct str *list;
    size_t list_count;
};

/* The one short option, since everybody types it: --output. */
#define SHORT_OUTPUT STR("-o")

struct options {
    const struct command *command;
    struct arena *a;
    struct option_value values[OPTIONS_MAX]; /* as option_table */
    struct str *args;
    size_t arg_count;
    bool wants_help;
};

/* ------------------------------------------------------------------ the table */

const struct option *option_find(struct str name)
{
    for (const struct option *o = option_table; o->name; o++) {
        if (str_eq(str_from(o->name), name)) {
            return o;
        }
    }
    return NULL;
}

/* Walks the blank-separated names; false at the end. */
static bool next_name(struct str *rest, struct str *name)
{
    while (rest->n > 0) {
        *name = str_cut(*rest, ' ', rest);
        if (name->n > 0) {
            return true;
        }
    }
    return false;
}

bool command_takes(const struct command *c, struct str name)
{
    struct str rest = str_from(c->options), one;

    while (next_name(&rest, &one)) {
        if (str_eq(one, name)) {
            return true;
        }
    }
    return false;
}

/* store-url → STINT_STORE_URL */
static void variable_name(const struct option *o, char out[VARIABLE_BYTES])
{
    str_print(out, VARIABLE_BYTES, "STINT_%s", o->name);
    for (char *p = out; *p; p++) {
        *p = (char)(*p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    }
}

/* ------------------------------------------------------------------ near misses */

#define WORD_MAX ((size_t)32)

/* Steps (a letter more, less, other, or two swapped) from a to b; both are short. */
static size_t distance(struct str a, struct str b)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1];

    if (a.n > WORD_MAX || b.n > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t i = 0; i <= a.n; i++) {
        for (size_t k = 0; k <= b.n; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = i + k;
                continue;
            }
            const size_t other = d[i - 1][k - 1] + (a.p[i - 1] != b.p[k - 1]);
            const size_t more = (d[i - 1][k] < d[i][k - 1] ? d[i - 1][k] : d[i][k - 1]) + 1;

            d[i][k] = other < more ? other : more;
            if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1] &&
                d[i - 2][k - 2] + 1 < d[i][k]) {
                d[i][k] = d[i - 2][k - 2] + 1;
            }
        }
    }
    return d[a.n][b.n];
}

const char *name_nearest(struct str word, const char *(*next)(const void *ctx, size_t i), const void *ctx)
{
    const char *best = NULL, *name;
    size_t best_steps = word.n / 3 + 2; /* fewer than this */

    for (size_t i = 0; (name = next(ctx, i)); i++) {
        const size_t steps =
            word.n >= 3 && str_starts(str_from(name), word) ? 1 : distance(word, str_from(name));

        if (steps < best_steps) {
            best = name;
            best_steps = steps;
        }
    }
    return best;
}

static const char *next_option(const void *ctx, size_t i)
{
    for (const struct option *o = option_table; o->name; o++) {
        if (command_takes(ctx, str_from(o->name)) && i-- == 0) {
            return o->name;
        }
    }
    return NULL;
}

static enum rc unknown_option(const struct command *c, struct str name, struct err *e)
{
    const char *nearest = name_nearest(name, next_option, c);

    if (nearest) {
        return err_set(e, RC_INVALID, "unknown option --%.*s (did you mean --%s?)", STR_ARG(name), nearest);
    }
    return err_set(e, RC_INVALID, "unknown option --%.*s; try: stint %s --help", STR_ARG(name), c->name);
}

/* ------------------------------------------------------------------ values */

static bool parse_size(struct str text, int64_t *out)
{
    static const char units[] = "kmg";
    int64_t factor = 1;

    if (text.n > 1) {
        const char *unit = memchr(units, text.p[text.n - 1] | 0x20, sizeof units - 1);

        factor = unit ? 1LL << (10 * (unit - units + 1)) : 1;
        text.n -= unit ? 1 : 0;
    }
    return str_to_i64(text, out) && !__builtin_mul_overflow(*out, factor, out);
}

static bool parse_bool(struct str text, int64_t *out)
{
    *out = str_eq(text, STR("1")) || str_eq(text, STR("true")) || str_eq(text, STR("yes"));
    return *out || str_eq(text, STR("0")) || str_eq(text, STR("false")) || str_eq(text, STR("no"));
}

static struct term_text bound_text(const struct option *o, int64_t bound)
{
    return o->type == OPT_DURATION ? term_duration(bound)
           : o->type == OPT_SIZE   ? term_bytes(bound)
                                   : term_count(bound);
}

static enum rc read_number(const struct option *o, const char *said, struct str text, int64_t *out,
                           struct err *e)
{
    static const char *const forms[] = {[OPT_FLAG] = "true or false",
                                        [OPT_INT] = "a whole number",
                                        [OPT_DURATION] = "a time such as 500ms, 30s, 15m or 1h30m",
                                        [OPT_SIZE] = "a size such as 4096, 64k or 1m"};
    const bool is_read = o->type == OPT_FLAG       ? parse_bool(text, out)
                         : o->type == OPT_INT      ? str_to_i64(text, out)
                         : o->type == OPT_DURATION ? duration_parse(text, out)
                                                   : parse_size(text, out);

    if (!is_read) {
        return err_set(e, RC_INVALID, "%s: '%.*s' is not %s", said, STR_ARG(text), forms[o->type]);
    }
    if (o->type != OPT_FLAG && (*out < o->min || *out > o->max)) {
        return err_set(e, RC_INVALID, "%s: '%.*s' is outside %s … %s", said, STR_ARG(text),
                       bound_text(o, o->min).s, bound_text(o, o->max).s);
    }
    return RC_OK;
}

static void add_to_list(struct options *os, struct option_value *v, struct str text)
{
    struct str *grown = arena_array(os->a, struct str, v->list_count + 1);

    for (size_t i = 0; i < v->list_count; i++) {
        grown[i] = v->list[i];
    }
    grown[v->list_count++] = text;
    v->list = grown;
}

/* `said`: what the value was called by whoever gave it: --drain or STINT_DRAIN. */
static enum rc set_value(struct options *os, const struct option *o, const char *said, struct str text,
                         struct err *e)
{
    struct option_value *v = &os->values[o - option_table];

    v->is_set = true;
    v->text = arena_str(os->a, text);
    if (o->type == OPT_LIST) {
        add_to_list(os, v, v->text);
        return RC_OK;
    }
    return o->type == OPT_TEXT ? RC_OK : read_number(o, said, text, &v->number, e);
}

/* ------------------------------------------------------------------ command line, environment, defaults */

static enum rc read_flag(struct options *os, int *at, int argc, const char *const *argv, struct err *e)
{
    struct str value = STR_NONE, name = str_from(argv[*at] + 2);
    char said[VARIABLE_BYTES];

    name = str_eq(str_from(argv[*at]), SHORT_OUTPUT) ? STR("output") : str_cut(name, '=', &value);
    const struct option *o = option_find(name);
    bool is_off = false;

    if (!o && str_starts(name, STR("no-"))) {
        o = option_find(str_sub(name, sizeof "no-" - 1, name.n));
        is_off = o && o->type == OPT_FLAG && !value.p;
        o = is_off ? o : NULL;
    }
    if (!o || !command_takes(os->command, str_from(o->name))) {
        return unknown_option(os->command, name, e);
    }
    if (o->type == OPT_FLAG && !value.p) {
        value = is_off ? STR("false") : STR("true");
    } else if (!value.p) {
        if (*at + 1 >= argc) {
            return err_set(e, RC_INVALID, "--%s wants a value (%s)", o->name, o->value);
        }
        value = str_from(argv[++*at]);
    }
    str_print(said, sizeof said, "--%s", o->name);
    return set_value(os, o, said, value, e);
}

static enum rc read_arguments(struct options *os, int argc, const char *const *argv, struct err *e)
{
    bool is_flags_over = false;

    os->args = arena_array(os->a, struct str, (size_t)argc + 1);
    for (int i = 0; i < argc; i++) {
        const struct str word = str_from(argv[i]);

        if (is_flags_over || word.n < 2 || word.p[0] != '-') {
            os->args[os->arg_count++] = word;
        } else if (str_eq(word, STR("--"))) {
            is_flags_over = true;
        } else if (str_eq(word, STR("--help")) || str_eq(word, STR("-h"))) {
            os->wants_help = true;
        } else if (!str_starts(word, STR("--")) && !str_eq(word, SHORT_OUTPUT)) {
            return err_set(e, RC_INVALID, "unknown option %s; options are written out: --name VALUE", word.p);
        } else {
            enum rc rc = read_flag(os, &i, argc, argv, e);

            if (rc) {
                return rc;
            }
        }
    }
    return RC_OK;
}

static enum rc read_variable(struct options *os, const struct option *o, struct err *e)
{
    char variable[VARIABLE_BYTES];

    variable_name(o, variable);
    struct str text = str_from(getenv(variable)), word;

    if (text.n == 0) {
        return RC_OK;
    }
    if (o->type != OPT_LIST) {
        return set_value(os, o, variable, text, e);
    }
    while (next_name(&text, &word)) {
        enum rc rc = set_value(os, o, variable, word, e);

        if (rc) {
            return rc;
        }
    }
    return RC_OK;
}

static enum rc fill_the_rest(struct options *os, struct err *e)
{
    for (const struct option *o = option_table; o->name; o++) {
        struct option_value *v = &os->values[o - option_table];
        enum rc rc = RC_OK;

        if (!v->is_set && command_takes(os->command, str_from(o->name))) {
            rc = read_variable(os, o, e);
        }
        if (!rc && !v->is_set && o->fallback) {
            rc = set_value(os, o, o->name, str_from(o->fallback), e);
            v->is_default = true;
        }
        if (rc) {
            return rc;
        }
    }
    return RC_OK;
}

/* As the help has them: "KIND [ARGS]" are two, "create | ls | revoke ID" at most two, "ID..." as many as there are. */
static size_t most_arguments(struct str wanted)
{
    size_t most = 0;
    size_t count = 0;

    if (str_find(wanted, STR("..."), 0) < wanted.n) {
        return SIZE_MAX;
    }
    while (wanted.n > 0) {
        const struct str word = str_cut(wanted, ' ', &wanted);
        count = str_eq(word, STR("|")) ? 0 : count + 1;
        most = count > most ? count : most;
    }
    return most;
}

static enum rc check_argument_count(const struct options *os, struct err *e)
{
    const struct str wanted = str_from(os->command->arguments);

    if (wanted.n == 0 && os->arg_count > 0) {
        return err_set(e, RC_INVALID, "%s takes no arguments: %s", os->command->name, os->args[0].p);
    }
    if (wanted.n > 0 && wanted.p[0] != '[' && os->arg_count == 0) {
        return err_set(e, RC_INVALID, "%s wants %s", os->command->name, wanted.p);
    }
    if (os->arg_count > most_arguments(wanted)) {
        return err_set(e, RC_INVALID, "%s wants %s, and nothing behind it: %s", os->command->name, wanted.p,
                       os->args[os->arg_count - 1].p);
    }
    return RC_OK;
}

enum rc options_parse(struct options **out, const struct command *c, int argc, const char *const *argv,
                      struct err *e)
{
    struct options *os = mem_alloc(sizeof *os);

    os->command = c;
    os->a = arena_new();
    enum rc rc = read_arguments(os, argc, argv, e);

    if (rc) {
        goto out;
    }
    if (!os->wants_help) {
        rc = fill_the_rest(os, e);
        rc = rc ? rc : check_argument_count(os, e);
    }
    if (rc) {
        goto out;
    }
    *out = os;
    os = NULL;
out:
    options_free(os);
    return rc;
}

void options_free(struct options *o)
{
    if (o) {
        arena_free(o->a);
        mem_free(o);
    }
}

/* ------------------------------------------------------------------ asking */

static const struct option_value *value_of(const struct options *os, const char *name)
{
    const struct option *o = option_find(str_from(name));

    assert(o && command_takes(os->command, str_from(name)) && o - option_table < OPTIONS_MAX);
    return &os->values[o - option_table];
}

const struct command *options_command(const struct options *o)
{
    return o->command;
}

bool options_has(const struct options *o, const char *name)
{
    return value_of(o, name)->is_set;
}

bool options_is_given(const struct options *o, const char *name)
{
    return value_of(o, name)->is_set && !value_of(o, name)->is_default;
}

bool options_flag(const struct options *o, const char *name)
{
    return value_of(o, name)->number != 0;
}

int64_t options_int(const struct options *o, const char *name)
{
    return value_of(o, name)->number;
}

struct str options_str(const struct options *o, const char *name)
{
    return value_of(o, name)->text;
}

size_t options_list(const struct options *o, const char *name, const struct str **out)
{
    const struct option_value *v = value_of(o, name);

    *out = v->list;
    return v->list_count;
}

size_t options_arg_count(const struct options *o)
{
    return o->arg_count;
}

struct str options_arg(const struct options *o, size_t i)
{
    return i < o->arg_count ? o->args[i] : STR_NONE;
}

bool options_wants_help(const struct options *o)
{
    return o->wants_help;
}

/* ------------------------------------------------------------------ help */

void command_print_help(const struct command *c, struct buf *out)
{
    buf_printf(out, "stint %s: %s\n\nUsage: stint %s", c->name, c->help, c->name);
    buf_printf(out, "%s%s%s\n", c->options[0] ? " [OPTIONS]" : "", c->arguments[0] ? " " : "", c->arguments);
    if (c->options[0]) {
        buf_append_c(out, "\nOptions (each also as a variable: --log-level is STINT_LOG_LEVEL):\n");
    }
    for (const struct option *o = option_table; o->name; o++) {
        char left[48];

        if (!command_takes(c, str_from(o->name))) {
            continue;
        }
        str_print(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        buf_printf(out, "  %-28s %s", left, o->help);
        if (o->fallback && o->fallback[0]) {
            buf_printf(out, " [%s]", o->fallback);
        }
        buf_append_char(out, '\n');
    }
    if (c->more) {
        buf_printf(out, "\n%s", c->more);
    }
}
