/* fields.c: see fields.h. One switch over the types; whoever needs more than a type writes a `read` of its own. */
#include "wire/wire.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/job.h"

struct json_budget wire_budget(void)
{
    static const struct str opaque[] = {STR("args"), STR("result"), STR("checkpoint"),
                                        STR("data"), STR("json"),   STR_NONE};

    return (struct json_budget){opaque, 500000, 4000000};
}

enum rc wire_invalid(struct err *e, const char *name, const char *format, ...)
{
    char text[sizeof e->text];
    char field[sizeof e->field];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_print(field, sizeof field, name[0] ? "/%s" : "%s", name);
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s", text);
}

/* A JSON pointer escapes "~" and "/" (RFC 6901); what a stranger sends as a name is cut to 40 bytes. */
enum rc wire_in_member(struct err *e, enum rc rc, struct str name)
{
    char before[64];
    char rest[sizeof e->field];
    size_t n = 0;

    if (!e || rc == RC_OK) {
        return rc;
    }
    before[n++] = '/';
    name = str_sub(name, 0, 40);
    for (size_t i = 0; i < name.n && n < sizeof before - 2; i++) {
        if (name.p[i] == '~' || name.p[i] == '/') {
            before[n++] = '~';
            before[n++] = name.p[i] == '~' ? '0' : '1';
        } else {
            before[n++] = name.p[i];
        }
    }
    str_copy(rest, sizeof rest, str_from(e->field));
    /* Whoever checks a plain struct (core/) names the bare member. */
    str_print(e->field, sizeof e->field, rest[0] && rest[0] != '/' ? "%.*s/%s" : "%.*s%s", (int)n, before,
              rest);
    return rc;
}

enum rc wire_in_item(struct err *e, enum rc rc, size_t index)
{
    char digits[24];
    size_t n = str_print(digits, sizeof digits, "%zu", index);

    return wire_in_member(e, rc, (struct str){digits, n});
}

static enum rc wrong(struct err *e, const struct wire_field *f, const char *what)
{
    return wire_invalid(e, f->name.p, "%s must be %s", f->name.p, what);
}

static enum rc read_str(const struct json *v, const struct wire_field *f, struct str *to, struct err *e)
{
    if (v->type != JSON_STRING) {
        return wrong(e, f, "a string");
    }
    if ((int64_t)v->s.n < f->min || (int64_t)v->s.n > f->max) {
        return wire_invalid(e, f->name.p, "%s must have %lld to %lld bytes", f->name.p, (long long)f->min,
                            (long long)f->max);
    }
    if (str_find_char(v->s, '\0', 0) < v->s.n) {
        return wrong(e, f, "text without NUL");
    }
    *to = v->s;
    return RC_OK;
}

static enum rc read_name(const struct json *v, const struct wire_field *f, struct str *to, struct err *e)
{
    if (v->type != JSON_STRING || !str_is_name(v->s)) {
        return wrong(e, f, "1 to 128 of A-Z a-z 0-9 . _ : -");
    }
    *to = v->s;
    return RC_OK;
}

static enum rc read_int(const struct json *v, const struct wire_field *f, int64_t *to, struct err *e)
{
    if (v->type != JSON_INT || v->i < f->min || v->i > f->max) {
        return wire_invalid(e, f->name.p, "%s must be an integer from %lld to %lld", f->name.p,
                            (long long)f->min, (long long)f->max);
    }
    *to = v->i;
    return RC_OK;
}

static enum rc read_seconds(const struct json *v, const struct wire_field *f, int64_t *to, struct err *e)
{
    if (f->type == WIRE_FOREVER && v->type == JSON_STRING && str_eq(v->s, STR("forever"))) {
        *to = JOB_FOREVER_MS;
        return RC_OK;
    }
    if ((v->type != JSON_INT && v->type != JSON_REAL) || !(v->d * 1000 >= (double)f->min) ||
        !(v->d * 1000 <= (double)f->max)) {
        return wire_invalid(e, f->name.p, "%s must be seconds from %.15g to %.15g%s", f->name.p,
                            (double)f->min / 1000, (double)f->max / 1000,
                            f->type == WIRE_FOREVER ? ", or \"forever\"" : "");
    }
    *to = (int64_t)llround(v->d * 1000);
    return RC_OK;
}

static enum rc read_names(const struct json *v, const struct wire_field *f, struct arena *a, struct str *to,
                          struct err *e)
{
    size_t room = 2;

    if (v->type != JSON_ARRAY || v->count > (size_t)f->max) {
        return wire_invalid(e, f->name.p, "%s must be an array of at most %lld names", f->name.p,
                            (long long)f->max);
    }
    for (const struct json *c = v->first; c; c = c->next) {
        if (c->type != JSON_STRING || !str_is_name(c->s)) {
            return wire_invalid(e, f->name.p, "%s must hold names: 1 to 128 of A-Z a-z 0-9 . _ : -",
                                f->name.p);
        }
        room += c->s.n + 3;
    }
    /* Written anew: a name may have come with escapes, and the store looks for its plain bytes. */
    char *p = arena_alloc(a, room);
    size_t n = 0;
    p[n++] = '[';
    for (const struct json *c = v->first; c; c = c->next) {
        p[n++] = '"';
        memcpy(p + n, c->s.p, c->s.n);
        n += c->s.n;
        p[n++] = '"';
        if (c->next) {
            p[n++] = ',';
        }
    }
    p[n++] = ']';
    *to = (struct str){p, n};
    return RC_OK;
}

static enum rc read_raw(const struct json *v, const struct wire_field *f, struct str *to, struct err *e)
{
    if ((int64_t)v->raw.n > f->max) {
        char field[64];
        str_print(field, sizeof field, "/%s", f->name.p);
        return err_set_code(e, RC_TOO_BIG, "too_big", field, "%s has %zu bytes; at most %lld are allowed",
                            f->name.p, v->raw.n, (long long)f->max);
    }
    *to = v->raw;
    return RC_OK;
}

static enum rc read_one(const struct json *v, const struct wire_field *f, struct arena *a, void *whole,
                        struct err *e)
{
    void *to = (char *)whole + f->at;

    switch (f->type) {
    case WIRE_STR:
        return read_str(v, f, to, e);
    case WIRE_NAME:
        return read_name(v, f, to, e);
    case WIRE_BOOL:
        if (v->type != JSON_BOOL) {
            return wrong(e, f, "true or false");
        }
        *(bool *)to = v->i != 0;
        return RC_OK;
    case WIRE_INT:
        return read_int(v, f, to, e);
    case WIRE_SECONDS:
    case WIRE_FOREVER:
        return read_seconds(v, f, to, e);
    case WIRE_TIME:
        if (v->type != JSON_STRING || !time_parse(v->s, to)) {
            return wrong(e, f, "a time as in RFC 3339, with a zone");
        }
        return RC_OK;
    case WIRE_ID:
        if (v->type != JSON_STRING || !id_parse(v->s, to)) {
            return wrong(e, f, "an id (UUID version 7)");
        }
        return RC_OK;
    case WIRE_RAW:
        return read_raw(v, f, to, e);
    case WIRE_NAMES:
        return read_names(v, f, a, to, e);
    case WIRE_CUSTOM:
        return f->read(v, a, whole, e);
    case WIRE_NOT_YET:
        break;
    }
    char field[64];
    str_print(field, sizeof field, "/%s", f->name.p);
    return err_set_code(e, RC_INVALID, "not_supported", field, "%s is not supported by this version",
                        f->name.p);
}

enum rc wire_read(const struct json *v, struct wire_shape shape, struct arena *a, void *to, uint64_t *seen,
                  struct err *e)
{
    if (!v || v->type != JSON_OBJECT) {
        return err_set_code(e, RC_INVALID, "invalid_field", NULL, "an object is wanted here");
    }
    for (const struct json *c = v->first; c; c = c->next) {
        size_t i = 0;
        while (i < shape.count && !str_eq(shape.fields[i].name, c->name)) {
            i++;
        }
        if (i == shape.count) {
            enum rc rc = err_set_code(e, RC_INVALID, "unknown_field", NULL, "unknown field");
            return wire_in_member(e, rc, c->name);
        }
        enum rc rc = read_one(c, &shape.fields[i], a, to, e);
        if (rc) {
            return rc;
        }
        if (seen) {
            *seen |= UINT64_C(1) << i;
        }
    }
    return RC_OK;
}
