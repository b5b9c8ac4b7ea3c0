/* matrix_limits.c: limit keys of a template that are made of the coordinate: "provider:{model.provider}". */
#include "core/limits.h"
#include "core/matrix.h"

static enum rc bad(struct err *e, const char *what, struct str name)
{
    return err_set_code(e, RC_INVALID, "invalid_field", "limits", "limits: {%.*s} %s", STR_ARG(name), what);
}

bool matrix_has_open_limits(struct str limits)
{
    return str_find_char(limits, '{', 1) < limits.n; /* of an object, too: then nothing is found in it */
}

/* Which of its values a dimension has at a coordinate. */
static size_t value_at(const struct matrix *m, size_t dimension, int64_t at)
{
    for (size_t i = m->dimension_count - 1; i > dimension; i--) {
        at /= (int64_t)m->dimensions[i].count;
    }
    return (size_t)(at % (int64_t)m->dimensions[dimension].count);
}

static size_t dimension_named(const struct matrix *m, struct str name)
{
    size_t i = 0;
    while (i < m->dimension_count && !str_eq(m->dimensions[i].name, name)) {
        i++;
    }
    return i;
}

/* What stands for {NAME} or {NAME.MEMBER}. */
static enum rc find_text(const struct matrix *m, struct str path, const struct matrix_place *at,
                         struct arena *a, struct str *out, struct err *e)
{
    struct str member = STR_NONE;
    struct json *value = NULL;
    size_t d = dimension_named(m, path);
    if (d == m->dimension_count) { /* a name may have dots */
        d = dimension_named(m, str_cut(path, '.', &member));
    }
    if (d == m->dimension_count) {
        *out = at->batch;
        return str_eq(path, STR("batch")) ? RC_OK : bad(e, "names no dimension of the matrix", path);
    }
    enum rc rc = json_parse(m->dimensions[d].values[value_at(m, d, at->coordinate)], a, &value, e);
    const struct json *v = rc ? NULL : member.p ? json_get(value, member) : value;
    if (!v || (v->type != JSON_STRING && v->type != JSON_INT)) {
        return bad(e, "is no text and no integer in one of the coordinates", path);
    }
    *out = v->type == JSON_STRING ? v->s : v->raw;
    return RC_OK;
}

static enum rc fill_in(const struct matrix *m, struct str key, const struct matrix_place *at, struct arena *a,
                       struct str *out, struct err *e)
{
    struct buf text = BUF_LIMIT(4096);
    enum rc rc = RC_OK;
    size_t done = 0;
    while (!rc && done < key.n) {
        size_t open = str_find_char(key, '{', done);
        size_t close = str_find_char(key, '}', open);
        struct str value = STR_NONE;
        buf_append_str(&text, str_sub(key, done, open));
        if (close < key.n) {
            rc = find_text(m, str_sub(key, open + 1, close), at, a, &value, e);
            buf_append_str(&text, value);
            done = close + 1;
        } else {
            buf_append_str(&text, str_sub(key, open, key.n));
            done = key.n;
        }
    }
    *out = arena_str(a, buf_str(&text));
    if (!rc && (text.overflowed || !limit_key_is_good(*out, false))) {
        rc = bad(e, "makes a key that is none", key);
    }
    buf_dispose(&text);
    return rc;
}

enum rc matrix_limits(const struct matrix *m, struct str limits, const struct matrix_place *at,
                      struct arena *a, struct str *out, struct err *e)
{
    struct limit_use uses[LIMITS_PER_JOB];
    struct buf text = BUF_LIMIT(64 << 10);
    size_t count = 0;
    if (!matrix_has_open_limits(limits)) {
        *out = limits;
        return RC_OK;
    }
    enum rc rc = limits_read(limits, a, uses, &count, e);
    for (size_t i = 0; i < count && !rc; i++) {
        rc = fill_in(m, uses[i].key, at, a, &uses[i].key, e);
    }
    limits_write(uses, count, &text); /* the order may be another now, and two be the same */
    rc = rc ? rc : limits_read(arena_str(a, buf_str(&text)), a, uses, &count, e);
    buf_clear(&text);
    limits_write(uses, count, &text);
    *out = rc ? limits : arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return rc;
}

/* Each value of each dimension once, beside the first of the others: keys name single values, so all of them are seen. */
enum rc matrix_check_limits(const struct matrix *m, struct str limits, struct err *e)
{
    const struct matrix_place first = {.batch = STR("00000000-0000-7000-8000-000000000000")};
    struct arena *a = arena_new();
    struct str there = STR_NONE, here = STR_NONE;
    enum rc rc = matrix_limits(m, limits, &first, a, &there, e);
    there = arena_str(a, there);
    bool is_open = !rc && matrix_has_open_limits(limits);
    struct arena *step = arena_new();
    int64_t stride = m->count;
    for (size_t d = 0; is_open && d < m->dimension_count && !rc; d++) {
        stride /= (int64_t)m->dimensions[d].count;
        for (size_t k = 1; k < m->dimensions[d].count && !rc; k++) {
            struct matrix_place at = first;
            at.coordinate = (int64_t)k * stride;
            rc = matrix_limits(m, limits, &at, step, &here, e);
            if (!rc && m->count > MATRIX_SHOWN_MAX && !str_eq(here, there)) {
                rc = err_set_code(e, RC_INVALID, "invalid_field", "limits",
                                  "limits that differ between coordinates are for at most %d of them",
                                  MATRIX_SHOWN_MAX);
            }
            arena_reset(step);
        }
    }
    arena_free(step);
    arena_free(a);
    return rc;
}
