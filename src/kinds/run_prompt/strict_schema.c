/* strict_schema.c: see strict_schema.h. The limits are those that OpenAI documents for structured outputs; others take more. */
#include "kinds/run_prompt/strict_schema.h"

#define PROPERTIES_MAX      5000
#define LEVELS_MAX          10
#define ENUM_VALUES_MAX     1000
#define NAME_CHARS_MAX      120000
#define LONG_ENUM_VALUES    250
#define LONG_ENUM_CHARS_MAX 15000
#define SCHEMA_MAX_BYTES    (4 << 20)

struct rewriter {
    struct arena *a;
    struct json_out w;
    struct strict_schema *out;
    int64_t properties, enum_values, name_chars;
    int level;
};

static void rewrite(struct rewriter *r, const struct json *schema, struct str place);

/* The first rule stays. */
static void breaks(struct rewriter *r, const char *rule, struct str place)
{
    if (!r->out->rule) {
        r->out->rule = rule;
        str_copy(r->out->place, sizeof r->out->place, place);
    }
}

static struct str below(struct rewriter *r, struct str place, struct str name)
{
    return arena_printf(r->a, "%.*s/%.*s", STR_ARG(place), STR_ARG(str_sub(name, 0, 200)));
}

static const char *const forbidden[] = {"allOf",
                                        "not",
                                        "if",
                                        "then",
                                        "else",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "patternProperties",
                                        "propertyNames",
                                        "contains",
                                        "prefixItems",
                                        "minProperties",
                                        "maxProperties"};
/* They say nothing to a model, or what the rewritten schema says itself. */
static const char *const dropped[] = {
    "$schema",     "$id",        "$comment", "default",   "examples",
    "required",    "deprecated", "readOnly", "writeOnly", "additionalProperties",
    "minContains", "maxContains"};

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

static bool has_item(const struct json *list, struct str s)
{
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        if (item->type == JSON_STRING && str_eq(item->s, s)) {
            return true;
        }
    }
    return false;
}

static void rewrite_properties(struct rewriter *r, const struct json *schema, const struct json *properties,
                               struct str place)
{
    const struct json *required = json_get(schema, STR("required"));
    json_name(&r->w, "properties");
    json_object_begin(&r->w);
    for (const struct json *p = properties ? properties->first : NULL; p; p = p->next) {
        bool is_optional = !has_item(required, p->name);
        r->properties++;
        r->name_chars += (int64_t)p->name.n;
        json_name(&r->w, arena_c_str(r->a, p->name));
        if (is_optional) {
            json_object_begin(&r->w);
            json_name(&r->w, "anyOf");
            json_array_begin(&r->w);
        }
        rewrite(r, p, below(r, place, p->name));
        if (is_optional) {
            json_raw(&r->w, STR("{\"type\":\"null\"}"));
            json_array_end(&r->w);
            json_object_end(&r->w);
        }
    }
    json_object_end(&r->w);
    json_name(&r->w, "required");
    json_array_begin(&r->w);
    for (const struct json *p = properties ? properties->first : NULL; p; p = p->next) {
        json_str(&r->w, p->name);
    }
    json_array_end(&r->w);
    json_put_bool(&r->w, "additionalProperties", false);
}

static void count_enum(struct rewriter *r, const struct json *values, struct str place)
{
    int64_t chars = 0;
    for (const struct json *v = values->first; v; v = v->next) {
        chars += (int64_t)v->raw.n;
    }
    r->enum_values += (int64_t)values->count;
    r->name_chars += chars;
    if (values->count > LONG_ENUM_VALUES && chars > LONG_ENUM_CHARS_MAX) {
        breaks(r, "an enum of more than 250 values has at most 15,000 characters", place);
    }
}

static void rewrite_list(struct rewriter *r, const char *name, const struct json *list, struct str place)
{
    int64_t index = 0;
    json_name(&r->w, name);
    json_array_begin(&r->w);
    for (const struct json *item = list->first; item; item = item->next) {
        rewrite(r, item, arena_printf(r->a, "%.*s/%lld", STR_ARG(place), (long long)index++));
    }
    json_array_end(&r->w);
}

static void rewrite_definitions(struct rewriter *r, const struct json *definitions, struct str place)
{
    json_name(&r->w, arena_c_str(r->a, definitions->name));
    json_object_begin(&r->w);
    for (const struct json *d = definitions->first; d; d = d->next) {
        r->name_chars += (int64_t)d->name.n;
        json_name(&r->w, arena_c_str(r->a, d->name));
        rewrite(r, d, below(r, place, d->name));
    }
    json_object_end(&r->w);
}

static bool is_definitions(struct str name)
{
    return str_eq(name, STR("$defs")) || str_eq(name, STR("definitions"));
}

static void rewrite_member(struct rewriter *r, const struct json *m, struct str place)
{
    struct str at = below(r, place, m->name);
    if (is_in(m->name, forbidden, sizeof forbidden / sizeof *forbidden)) {
        breaks(r, "a keyword that strict schemas must not have", at);
    } else if (is_definitions(m->name)) {
        if (place.n || !r->out->is_wrapped) {
            rewrite_definitions(r, m, at); /* those of a wrapped root stand at the top */
        }
    } else if (str_eq(m->name, STR("anyOf")) || str_eq(m->name, STR("oneOf"))) {
        rewrite_list(r, "anyOf", m, at);
    } else if (str_eq(m->name, STR("items"))) {
        json_name(&r->w, "items");
        rewrite(r, m, at);
    } else if (!is_in(m->name, dropped, sizeof dropped / sizeof *dropped) &&
               !str_eq(m->name, STR("properties"))) {
        if (str_eq(m->name, STR("enum"))) {
            count_enum(r, m, at);
        }
        if (r->out->is_wrapped && str_eq(m->name, STR("$ref")) && str_eq(m->s, STR("#"))) {
            breaks(r, "a schema that is no object and refers to itself", at);
        }
        json_put_raw(&r->w, arena_c_str(r->a, m->name), m->raw);
    }
}

static bool is_object_schema(const struct json *schema)
{
    const struct json *type = json_get(schema, STR("type"));
    return (type && type->type == JSON_STRING && str_eq(type->s, STR("object"))) ||
           has_item(type && type->type == JSON_ARRAY ? type : NULL, STR("object")) ||
           json_get(schema, STR("properties"));
}

static bool says_a_type(const struct json *schema)
{
    static const char *const names[] = {"type", "enum", "const", "anyOf", "oneOf", "$ref", "properties"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (json_get(schema, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

/* What closing it would take from an answer. */
static void check_openness(struct rewriter *r, const struct json *schema, struct str place)
{
    const struct json *properties = json_get(schema, STR("properties"));
    const struct json *others = json_get(schema, STR("additionalProperties"));
    const struct json *required = json_get(schema, STR("required"));
    bool is_closed = others && others->type == JSON_BOOL && !others->i;
    if (!is_closed && (others || !properties)) {
        breaks(r, "an object with members of any name", place);
    }
    for (const struct json *name = required ? required->first : NULL; name; name = name->next) {
        if (!json_get(properties, name->s)) {
            breaks(r, "a required member that is none of the properties", below(r, place, STR("required")));
        }
    }
}

/* No deeper than the schema, which is at most JSON_MAX_DEPTH deep. */
static void rewrite(struct rewriter *r, const struct json *schema, struct str place)
{
    bool is_object = schema->type == JSON_OBJECT && is_object_schema(schema);
    if (schema->type != JSON_OBJECT || !says_a_type(schema)) {
        breaks(r, "a schema that says no type", place);
    }
    if (json_get(schema, STR("anyOf")) && json_get(schema, STR("oneOf"))) {
        breaks(r, "anyOf and oneOf beside each other", place);
    }
    r->level += is_object;
    if (r->level > LEVELS_MAX) {
        breaks(r, "at most 10 levels of objects", place);
    }
    json_object_begin(&r->w);
    for (const struct json *m = schema->type == JSON_OBJECT ? schema->first : NULL; m; m = m->next) {
        rewrite_member(r, m, place);
    }
    if (is_object) {
        check_openness(r, schema, place);
        rewrite_properties(r, schema, json_get(schema, STR("properties")),
                           below(r, place, STR("properties")));
    }
    json_object_end(&r->w);
    r->level -= is_object;
}

static void check_totals(struct rewriter *r)
{
    if (r->properties > PROPERTIES_MAX) {
        breaks(r, "at most 5,000 properties", STR_NONE);
    }
    if (r->enum_values > ENUM_VALUES_MAX) {
        breaks(r, "at most 1,000 values of enums", STR_NONE);
    }
    if (r->name_chars > NAME_CHARS_MAX) {
        breaks(r, "at most 120,000 characters of names and values", STR_NONE);
    }
}

static void rewrite_wrapped(struct rewriter *r, const struct json *schema)
{
    json_object_begin(&r->w);
    json_put_c(&r->w, "type", "object");
    json_name(&r->w, "properties");
    json_object_begin(&r->w);
    json_name(&r->w, "value");
    rewrite(r, schema, STR_NONE);
    json_object_end(&r->w);
    json_put_raw(&r->w, "required", STR("[\"value\"]"));
    json_put_bool(&r->w, "additionalProperties", false);
    for (const struct json *m = schema->type == JSON_OBJECT ? schema->first : NULL; m; m = m->next) {
        if (is_definitions(m->name)) {
            rewrite_definitions(r, m, below(r, STR_NONE, m->name));
        }
    }
    json_object_end(&r->w);
}

struct strict_schema strict_schema_make(const struct json *schema, struct arena *a)
{
    struct buf text = BUF_LIMIT(SCHEMA_MAX_BYTES);
    struct strict_schema s = {.text = schema->raw};
    struct rewriter r = {.a = a, .w = json_writer(&text), .out = &s};
    const struct json *type = json_get(schema, STR("type"));
    s.is_wrapped = !type || type->type != JSON_STRING || !str_eq(type->s, STR("object")) ||
                   json_get(schema, STR("anyOf")) || json_get(schema, STR("oneOf"));
    if (s.is_wrapped) {
        rewrite_wrapped(&r, schema);
    } else {
        rewrite(&r, schema, STR_NONE);
    }
    check_totals(&r);
    if (text.overflowed) {
        breaks(&r, "a schema of a sensible size", STR_NONE);
    }
    if (s.rule) {
        s.is_wrapped = false;
    } else {
        s.text = arena_str(a, buf_str(&text));
    }
    buf_dispose(&text);
    return s;
}

/* ---- the way back */

struct str strict_schema_restore(const struct strict_schema *s, const struct schema *original,
                                 const struct json *answer, struct arena *a, bool *has_dropped)
{
    const struct json *wrapped = s->is_wrapped ? json_get(answer, STR("value")) : NULL;
    return schema_drop_nulls(original, wrapped ? wrapped : answer, a, has_dropped);
}
