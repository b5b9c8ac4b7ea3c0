/* schema_values.c: how values of JSON compare, as JSON Schema means it (Core, section 4.2.2: 1 is 1.0). */
#include <math.h>

#include "kinds/run_prompt/schema_private.h"

bool schema_is_integer(const struct json *v)
{
    return v->type == JSON_INT || (v->type == JSON_REAL && isfinite(v->d) && v->d == floor(v->d));
}

static bool is_number(const struct json *v)
{
    return v->type == JSON_INT || v->type == JSON_REAL;
}

int schema_compare_numbers(const struct json *x, const struct json *y)
{
    if (x->type == JSON_INT && y->type == JSON_INT) {
        return (x->i > y->i) - (x->i < y->i);
    }
    return (x->d > y->d) - (x->d < y->d);
}

static bool same_members(const struct json *one, const struct json *other)
{
    for (const struct json *member = one->first; member; member = member->next) {
        const struct json *match = json_get(other, member->name);
        if (!match || !schema_values_equal(member, match)) {
            return false;
        }
    }
    return true;
}

bool schema_values_equal(const struct json *one, const struct json *other)
{
    if (is_number(one) && is_number(other)) {
        return schema_compare_numbers(one, other) == 0;
    }
    if (one->type != other->type || one->count != other->count) {
        return false;
    }
    if (one->type == JSON_STRING) {
        return str_eq(one->s, other->s);
    }
    if (one->type == JSON_OBJECT) {
        return same_members(one, other);
    }
    const struct json *y = other->first;
    for (const struct json *x = one->first; x; x = x->next, y = y->next) {
        if (!schema_values_equal(x, y)) {
            return false;
        }
    }
    return one->type != JSON_BOOL || one->i == other->i;
}

bool schema_is_multiple(const struct json *v, const struct json *of)
{
    if (v->type == JSON_INT && of->type == JSON_INT) {
        return v->i % of->i == 0;
    }
    double quotient = v->d / of->d;
    double error = fabs(quotient - round(quotient));
    return isfinite(quotient) && error <= 1e-9 * fmax(1, fabs(quotient)) && error < 0.5;
}
