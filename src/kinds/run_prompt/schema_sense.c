/* schema_sense.c: see schema_sense.h. */
#include "kinds/run_prompt/schema_sense.h"

#define PLACE_BYTES 96

static enum rc look(const struct json *schema, const char *place, struct err *e);

static enum rc never(const char *place, const char *keyword, const char *why, struct err *e)
{
    char field[PLACE_BYTES];
    str_print(field, sizeof field, "%s/%s", place, keyword);
    return err_set_code(e, RC_INVALID, "invalid_schema", field, "no answer can keep to it: %s", why);
}

static bool is_above(const struct json *one, const struct json *other)
{
    bool are_numbers = one && other && (one->type == JSON_INT || one->type == JSON_REAL) &&
                       (other->type == JSON_INT || other->type == JSON_REAL);
    double x = !are_numbers ? 0 : one->type == JSON_INT ? (double)one->i : one->d;
    double y = !are_numbers ? 0 : other->type == JSON_INT ? (double)other->i : other->d;
    return x > y;
}

static enum rc look_at_bounds(const struct json *schema, const char *place, struct err *e)
{
    static const char *const bounds[][2] = {{"minimum", "maximum"},
                                            {"minLength", "maxLength"},
                                            {"minItems", "maxItems"},
                                            {"minProperties", "maxProperties"}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (is_above(json_get(schema, str_from(bounds[i][0])), json_get(schema, str_from(bounds[i][1])))) {
            return never(place, bounds[i][0], "the least is over the most", e);
        }
    }
    return RC_OK;
}

/* A member that must be there and may not. */
static enum rc look_at_required(const struct json *schema, const char *place, struct err *e)
{
    const struct json *others = json_get(schema, STR("additionalProperties"));
    const struct json *required = json_get(schema, STR("required"));
    const struct json *known = json_get(schema, STR("properties"));
    if (!others || others->type != JSON_BOOL || others->i || json_get(schema, STR("patternProperties"))) {
        return RC_OK;
    }
    for (const struct json *name = required ? required->first : NULL; name; name = name->next) {
        if (!json_get(known, name->s)) {
            char why[PLACE_BYTES];
            str_print(why, sizeof why, "%.*s is none of the properties, and there may be no other",
                      (int)(name->s.n < 24 ? name->s.n : 24), name->s.p);
            return never(place, "required", why, e);
        }
    }
    return RC_OK;
}

static enum rc look_below(const struct json *schema, const char *place, struct err *e)
{
    const struct json *properties = json_get(schema, STR("properties")),
                      *items = json_get(schema, STR("items"));
    char below[PLACE_BYTES];
    enum rc rc = RC_OK;
    for (const struct json *p = properties ? properties->first : NULL; p && !rc; p = p->next) {
        str_print(below, sizeof below, "%s/properties/%.*s", place, STR_ARG(p->name));
        rc = look(p, below, e);
    }
    str_print(below, sizeof below, "%s/items", place);
    return rc || !items ? rc : look(items, below, e);
}

static enum rc look(const struct json *schema, const char *place, struct err *e)
{
    const struct json *values = json_get(schema, STR("enum"));
    if (schema->type != JSON_OBJECT) {
        return RC_OK;
    }
    enum rc rc = values && !values->count ? never(place, "enum", "it has no value", e) : RC_OK;
    rc = rc ? rc : look_at_bounds(schema, place, e);
    rc = rc ? rc : look_at_required(schema, place, e);
    return rc ? rc : look_below(schema, place, e);
}

enum rc schema_check_sense(const struct json *schema, struct err *e)
{
    return look(schema, "", e);
}
