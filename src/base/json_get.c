/* json_get.c: members of an object that has been read, with the checks that every envelope needs. */
#include <string.h>

#include "base/json.h"

const struct json *json_get(const struct json *o, struct str name)
{
    if (!o || o->type != JSON_OBJECT) {
        return NULL;
    }
    for (const struct json *m = o->first; m; m = m->next) {
        if (str_eq(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

struct str json_text(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_STRING ? v->s : STR("");
}

/* The member, or NULL when it is absent or null. */
static const struct json *get_given(const struct json *o, const char *name)
{
    const struct json *m = json_get(o, str_from(name));

    return m && m->type != JSON_NULL ? m : NULL;
}

static enum rc wrong(struct err *e, const char *name, const char *expected)
{
    return err_set_code(e, RC_INVALID, "invalid_field", name, "%s must be %s", name, expected);
}

enum rc json_get_str(const struct json *o, const char *name, struct str *out, struct err *e)
{
    const struct json *m = get_given(o, name);

    if (!m) {
        return RC_OK;
    }
    if (m->type != JSON_STRING) {
        return wrong(e, name, "a string");
    }
    *out = m->s;
    return RC_OK;
}

enum rc json_get_int(const struct json *o, const char *name, int64_t min, int64_t max, int64_t *out,
                     struct err *e)
{
    const struct json *m = get_given(o, name);

    if (!m) {
        return RC_OK;
    }
    if (m->type != JSON_INT) {
        return wrong(e, name, "an integer");
    }
    if (m->i < min || m->i > max) {
        return err_set_code(e, RC_INVALID, "invalid_field", name, "%s must be from %lld to %lld", name,
                            (long long)min, (long long)max);
    }
    *out = m->i;
    return RC_OK;
}

enum rc json_get_bool(const struct json *o, const char *name, bool *out, struct err *e)
{
    const struct json *m = get_given(o, name);

    if (!m) {
        return RC_OK;
    }
    if (m->type != JSON_BOOL) {
        return wrong(e, name, "true or false");
    }
    *out = m->i != 0;
    return RC_OK;
}

enum rc json_get_real(const struct json *o, const char *name, double min, double max, double *out,
                      struct err *e)
{
    const struct json *m = get_given(o, name);

    if (!m) {
        return RC_OK;
    }
    if (m->type != JSON_INT && m->type != JSON_REAL) {
        return wrong(e, name, "a number");
    }
    if (!(m->d >= min && m->d <= max)) {
        return err_set_code(e, RC_INVALID, "invalid_field", name, "%s must be from %g to %g", name, min, max);
    }
    *out = m->d;
    return RC_OK;
}

static bool is_listed(struct str name, const char *const *names)
{
    for (; *names; names++) {
        if (str_eq(str_from(*names), name)) {
            return true;
        }
    }
    return false;
}

enum rc json_only(const struct json *o, const char *const *names, struct err *e)
{
    char field[sizeof e->field];

    if (!o) {
        return RC_OK;
    }
    if (o->type != JSON_OBJECT) {
        return err_set_code(e, RC_INVALID, "invalid_field", NULL, "an object is expected");
    }
    for (const struct json *m = o->first; m; m = m->next) {
        if (!is_listed(m->name, names)) {
            str_copy(field, sizeof field, m->name);
            return err_set_code(e, RC_INVALID, "unknown_field", field, "unknown field %s", field);
        }
    }
    return RC_OK;
}
