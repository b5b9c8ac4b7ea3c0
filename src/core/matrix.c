/* matrix.c: see matrix.h. */
#include "core/matrix.h"

#include <assert.h>
#include <string.h>

#define COUNT_MAX 1000000000000LL /* that is told */

static enum rc bad(struct err *e, struct str name, const char *what)
{
    char field[sizeof e->field];

    str_print(field, sizeof field, "%s%.*s", name.n ? "/" : "", STR_ARG(name));
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s", what);
}

static enum rc read_values(const struct json *v, struct arena *a, struct matrix_dimension *out, struct err *e)
{
    struct str *values = arena_array(a, struct str, v->count + 1);
    size_t n = 0;

    if (!str_is_name(v->name)) {
        return bad(e, STR(""), "a dimension's name has 1 to 128 of A-Z a-z 0-9 . _ : -");
    }
    if (v->type != JSON_ARRAY || v->count == 0) {
        return bad(e, v->name, "a dimension is an array of at least one value");
    }
    for (const struct json *c = v->first; c; c = c->next) {
        values[n++] = c->raw;
    }
    *out = (struct matrix_dimension){v->name, values, n};
    return RC_OK;
}

enum rc matrix_read(const struct json *v, struct arena *a, struct matrix *out, struct err *e)
{
    struct matrix m = {.count = 1};

    if (v->type != JSON_OBJECT || v->count == 0 || v->count > MATRIX_DIMENSIONS_MAX) {
        return bad(e, STR(""), "a matrix is an object of 1 to 16 arrays");
    }
    for (const struct json *c = v->first; c; c = c->next) {
        struct matrix_dimension *d = &m.dimensions[m.dimension_count++];
        enum rc rc = read_values(c, a, d, e);
        if (rc) {
            return rc;
        }
        assert(d->count > 0);
        m.count = m.count > COUNT_MAX / (int64_t)d->count ? COUNT_MAX : m.count * (int64_t)d->count;
    }
    if (m.count > MATRIX_JOBS_MAX) {
        return err_set_code(e, RC_INVALID, "invalid_field", "",
                            "a matrix has at most %d coordinates; this one has %s%lld", MATRIX_JOBS_MAX,
                            m.count == COUNT_MAX ? "more than " : "", (long long)m.count);
    }
    *out = m;
    return RC_OK;
}

static struct str inside(struct str args)
{
    return str_starts(args, STR("{")) ? str_trim(str_sub(args, 1, args.n - 1)) : STR("");
}

/* Of a member and what is between it and its neighbours. */
static size_t member_bytes(const struct matrix_dimension *d, size_t value)
{
    return d->name.n + d->values[value].n + sizeof "\"\":," - 1;
}

/* The longest args of a coordinate, and the bytes of all. */
static void measure(const struct matrix *m, struct str args, size_t *longest, int64_t *all)
{
    *longest = args.n + 2;
    *all = m->count * (int64_t)*longest;
    for (size_t i = 0; i < m->dimension_count; i++) {
        const struct matrix_dimension *d = &m->dimensions[i];
        size_t most = 0;
        int64_t sum = 0;
        assert(d->count > 0); /* matrix_read */
        for (size_t k = 0; k < d->count; k++) {
            most = member_bytes(d, k) > most ? member_bytes(d, k) : most;
            sum += (int64_t)member_bytes(d, k);
        }
        *longest += most;
        *all += sum * (m->count / (int64_t)d->count);
    }
}

enum rc matrix_check_args(const struct matrix *m, struct str args, size_t max_bytes, struct err *e)
{
    struct arena *a = arena_new();
    struct json *v = NULL;
    size_t longest = 0;
    int64_t all = 0;
    enum rc rc = args.n ? json_parse(args, a, &v, e) : RC_OK;

    if (!rc && v && v->type != JSON_OBJECT && v->type != JSON_NULL) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", "args",
                          "args must be an object: the values of the matrix become members of it");
    }
    for (size_t i = 0; i < m->dimension_count && !rc; i++) {
        if (json_get(v, m->dimensions[i].name)) {
            rc = err_set_code(e, RC_INVALID, "invalid_field", "args", "args have a member %.*s already",
                              STR_ARG(m->dimensions[i].name));
        }
    }
    measure(m, args, &longest, &all);
    if (!rc && longest > max_bytes) {
        rc = err_set_code(e, RC_TOO_BIG, NULL, "args",
                          "the args of a coordinate have %zu bytes; at most %zu are allowed", longest,
                          max_bytes);
    }
    if (!rc && all > MATRIX_BYTES_MAX) {
        rc = err_set_code(e, RC_TOO_BIG, NULL, "args",
                          "the args of all coordinates have %lld bytes; at most %lld are allowed",
                          (long long)all, MATRIX_BYTES_MAX);
    }
    arena_free(a);
    return rc;
}

struct str matrix_args(const struct matrix *m, struct str args, int64_t at, struct arena *a)
{
    struct str rest = inside(args);
    size_t values[MATRIX_DIMENSIONS_MAX], bytes = rest.n + 3, n = 0;

    for (size_t i = m->dimension_count; i-- > 0;) {
        values[i] = (size_t)(at % (int64_t)m->dimensions[i].count);
        at /= (int64_t)m->dimensions[i].count;
        bytes += member_bytes(&m->dimensions[i], values[i]);
    }
    char *text = arena_alloc(a, bytes);
    text[n++] = '{';
    memcpy(text + n, rest.p, rest.n);
    n += rest.n;
    for (size_t i = 0; i < m->dimension_count; i++) {
        const struct matrix_dimension *d = &m->dimensions[i];
        const struct str parts[] = {n > 1 ? STR(",\"") : STR("\""), d->name, STR("\":"),
                                    d->values[values[i]]};
        for (size_t k = 0; k < 4; k++) {
            memcpy(text + n, parts[k].p, parts[k].n);
            n += parts[k].n;
        }
    }
    text[n++] = '}';
    return (struct str){text, n};
}
