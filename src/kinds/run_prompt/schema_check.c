/* schema_check.c: a value against a compiled schema. Faults are collected where the value must keep to a schema, and not
 * where it may (anyOf, oneOf, not, if, contains): there the failing of one is no fault. */
#include <stdarg.h>
#include <stdio.h>

#include "kinds/run_prompt/schema_private.h"

#define STEPS_MAX 5000000

struct check {
    struct arena *a;
    struct schema_faults *faults; /* NULL: the answer counts alone */
    int64_t steps;
    bool is_out_of_steps;
    bool with_fillers; /* see schema_fits */
};

/* A value, where it is: a chain that leads to the top, so that a path is printed for a fault alone. */
struct spot {
    const struct json *value;
    const struct spot *above;
    struct str name; /* of the member */
    size_t index;    /* of the item, when the value above is an array */
};

static bool check_node(struct check *c, const struct schema_node *n, const struct spot *spot);

static void print_path(struct buf *out, const struct spot *spot)
{
    if (!spot->above) {
        return;
    }
    print_path(out, spot->above);
    if (spot->above->value->type == JSON_ARRAY) {
        buf_printf(out, "/%zu", spot->index);
        return;
    }
    buf_append_char(out, '/');
    for (size_t i = 0; i < spot->name.n; i++) {
        char byte = spot->name.p[i];
        buf_append_c(out, byte == '~' ? "~0" : byte == '/' ? "~1" : "");
        if (byte != '~' && byte != '/') {
            buf_append_char(out, byte);
        }
    }
}

/* Always false, so that `return fault(…)` reads well. */
PRINTF_LIKE(4, 5)
static bool fault(struct check *c, const struct spot *spot, const char *keyword, const char *format, ...)
{
    if (!c->faults || c->faults->n == SCHEMA_MAX_FAULTS) {
        return false;
    }
    struct schema_fault *f = &c->faults->items[c->faults->n++];
    struct buf path = BUF_LIMIT(4096);
    char text[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_path(&path, spot);
    f->path = arena_str(c->a, buf_str(&path));
    f->keyword = str_from(keyword);
    f->text = arena_str(c->a, str_from(text));
    buf_dispose(&path);
    return false;
}

/* As check_node, but what fails is no fault of the value. */
static bool is_so(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    struct schema_faults *faults = c->faults;
    c->faults = NULL;
    bool answer = check_node(c, n, spot);
    c->faults = faults;
    return answer;
}

static const char *type_name(const struct json *v)
{
    static const char *const names[] = {"null",     "a boolean", "a number", "a number",
                                        "a string", "an array",  "an object"};
    return names[v->type];
}

static bool check_type(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    const struct json *v = spot->value;
    if (!n->types || n->types & 1u << v->type || (n->types & TYPE_INTEGER && schema_is_integer(v))) {
        return true;
    }
    struct str wanted = json_get(n->text, STR("type"))->raw;
    return fault(c, spot, "type", "is %s, and must be %.*s", type_name(v), STR_ARG(wanted));
}

static bool check_values(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    if (n->constant && !schema_values_equal(n->constant, spot->value)) {
        return fault(c, spot, "const", "must be %.*s", STR_ARG(str_sub(n->constant->raw, 0, 200)));
    }
    if (!n->one_of_values) {
        return true;
    }
    for (const struct json *item = n->one_of_values->first; item; item = item->next) {
        c->steps++;
        if (schema_values_equal(item, spot->value)) {
            return true;
        }
    }
    return fault(c, spot, "enum", "must be one of %.*s", STR_ARG(str_sub(n->one_of_values->raw, 0, 200)));
}

static bool check_number(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    const struct json *v = spot->value;
    bool ok = true;
    if (n->minimum && schema_compare_numbers(v, n->minimum) < 0) {
        ok = fault(c, spot, "minimum", "must be at least %.*s", STR_ARG(n->minimum->raw));
    }
    if (n->maximum && schema_compare_numbers(v, n->maximum) > 0) {
        ok = fault(c, spot, "maximum", "must be at most %.*s", STR_ARG(n->maximum->raw));
    }
    if (n->above && schema_compare_numbers(v, n->above) <= 0) {
        ok = fault(c, spot, "exclusiveMinimum", "must be greater than %.*s", STR_ARG(n->above->raw));
    }
    if (n->below && schema_compare_numbers(v, n->below) >= 0) {
        ok = fault(c, spot, "exclusiveMaximum", "must be less than %.*s", STR_ARG(n->below->raw));
    }
    if (n->multiple_of && !schema_is_multiple(v, n->multiple_of)) {
        ok = fault(c, spot, "multipleOf", "must be a multiple of %.*s", STR_ARG(n->multiple_of->raw));
    }
    return ok;
}

/* At least sizes[min], at most the one behind it. */
static bool check_size(struct check *c, const struct schema_node *n, const struct spot *spot,
                       enum schema_size min, int64_t size)
{
    static const char *const keywords[] = {"minLength",     "maxLength",     "minItems",    "maxItems",
                                           "minProperties", "maxProperties", "minContains", "maxContains"};
    static const char *const units[] = {"characters", "items", "members", "items that fit"};
    if (n->sizes[min] >= 0 && size < n->sizes[min]) {
        return fault(c, spot, keywords[min], "has %lld %s, and needs at least %lld", (long long)size,
                     units[min / 2], (long long)n->sizes[min]);
    }
    if (n->sizes[min + 1] >= 0 && size > n->sizes[min + 1]) {
        return fault(c, spot, keywords[min + 1], "has %lld %s, and may have at most %lld", (long long)size,
                     units[min / 2], (long long)n->sizes[min + 1]);
    }
    return true;
}

static bool check_pattern(struct check *c, const struct pattern *p, struct str s)
{
    c->steps += 10;
    enum pattern_answer answer = pattern_find(p, s);
    c->is_out_of_steps |= answer == PATTERN_TOO_LONG;
    return answer == PATTERN_YES;
}

static bool check_string(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    struct str s = spot->value->s;
    int64_t characters = 0;
    for (size_t i = 0; i < s.n; i++) {
        characters += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    bool ok = check_size(c, n, spot, MIN_LENGTH, characters);
    if (n->pattern && !check_pattern(c, n->pattern, s)) {
        ok = fault(c, spot, "pattern", "must match %.*s",
                   STR_ARG(str_sub(json_get(n->text, STR("pattern"))->s, 0, 200)));
    }
    if (n->format && !n->format(s)) {
        ok = fault(c, spot, "format", "must be a valid %.*s", STR_ARG(str_sub(n->format_name, 0, 50)));
    }
    return ok;
}

static bool check_unique(struct check *c, const struct spot *spot)
{
    for (const struct json *x = spot->value->first; x && !c->is_out_of_steps; x = x->next) {
        for (const struct json *y = x->next; y && c->steps < STEPS_MAX; y = y->next) {
            c->steps++;
            if (schema_values_equal(x, y)) {
                return fault(c, spot, "uniqueItems", "holds %.*s twice", STR_ARG(str_sub(x->raw, 0, 200)));
            }
        }
    }
    return true;
}

static bool check_array(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    struct spot item = {.above = spot};
    int64_t fitting = 0;
    bool ok = check_size(c, n, spot, MIN_ITEMS, (int64_t)spot->value->count);
    for (item.value = spot->value->first; item.value; item.value = item.value->next, item.index++) {
        const struct schema_node *schema = item.index < n->prefix.n ? n->prefix.items[item.index] : n->items;
        ok = (!schema || check_node(c, schema, &item)) && ok;
        fitting += n->contains && is_so(c, n->contains, &item);
    }
    if (n->contains) {
        if (n->sizes[MIN_CONTAINS] < 0 && !fitting) {
            ok = fault(c, spot, "contains", "has no item that fits");
        }
        ok = check_size(c, n, spot, MIN_CONTAINS, fitting) && ok;
    }
    return (!n->unique_items || check_unique(c, spot)) && ok;
}

static bool check_names(struct check *c, const struct json *names, const struct spot *spot,
                        const char *keyword)
{
    bool ok = true;
    for (const struct json *name = names ? names->first : NULL; name; name = name->next) {
        c->steps++;
        if (!json_get(spot->value, name->s)) {
            ok = fault(c, spot, keyword, "lacks the member %.*s", STR_ARG(str_sub(name->s, 0, 200)));
        }
    }
    return ok;
}

bool schema_requires(const struct schema_node *n, struct str name)
{
    for (const struct json *item = n->required ? n->required->first : NULL; item; item = item->next) {
        if (str_eq(item->s, name)) {
            return true;
        }
    }
    return false;
}

static bool check_property(struct check *c, const struct schema_node *n, const struct schema_node *property,
                           const struct spot *member)
{
    bool is_filler = c->with_fillers && member->value->type == JSON_NULL && !schema_requires(n, member->name);
    return is_filler || check_node(c, property, member);
}

static bool check_member(struct check *c, const struct schema_node *n, const struct spot *member)
{
    bool ok = true;
    bool is_known = false;
    for (size_t i = 0; i < n->properties.n; i++) {
        if (str_eq(n->properties.items[i].name, member->name)) {
            is_known = true;
            ok = check_property(c, n, n->properties.items[i].schema, member);
        }
    }
    for (size_t i = 0; i < n->pattern_properties.n; i++) {
        if (check_pattern(c, n->pattern_properties.items[i].pattern, member->name)) {
            is_known = true;
            ok = check_node(c, n->pattern_properties.items[i].schema, member) && ok;
        }
    }
    c->steps += (int64_t)n->properties.n / 8;
    if (is_known || !n->additional) {
        return ok;
    }
    if (n->additional->is_never) {
        return fault(c, member, "additionalProperties", "is a member that is not foreseen");
    }
    return check_node(c, n->additional, member) && ok;
}

static bool check_dependents(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    bool ok = true;
    for (const struct json *member = n->dependent_required ? n->dependent_required->first : NULL; member;
         member = member->next) {
        if (json_get(spot->value, member->name)) {
            ok = check_names(c, member, spot, "dependentRequired") && ok;
        }
    }
    for (size_t i = 0; i < n->dependent_schemas.n; i++) {
        if (json_get(spot->value, n->dependent_schemas.items[i].name)) {
            ok = check_node(c, n->dependent_schemas.items[i].schema, spot) && ok;
        }
    }
    return ok;
}

static bool check_object(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    struct spot member = {.above = spot};
    bool ok = check_size(c, n, spot, MIN_PROPERTIES, (int64_t)spot->value->count);
    ok = check_names(c, n->required, spot, "required") && ok;
    for (member.value = spot->value->first; member.value; member.value = member.value->next) {
        member.name = member.value->name;
        ok = check_member(c, n, &member) && ok;
        if (n->property_names) {
            const struct json name = {.type = JSON_STRING, .s = member.name, .raw = member.name};
            const struct spot of_name = {.value = &name, .above = spot, .name = member.name};
            ok = check_node(c, n->property_names, &of_name) && ok;
        }
    }
    return check_dependents(c, n, spot) && ok;
}

static size_t count_fitting(struct check *c, const struct schema_list *list, const struct spot *spot,
                            size_t enough)
{
    size_t fitting = 0;
    for (size_t i = 0; i < list->n && fitting < enough; i++) {
        fitting += is_so(c, list->items[i], spot);
    }
    return fitting;
}

/* Of what must hold of one of several schemas, tell the faults to the one that was most likely meant: if all but one
 * fail by their type, that one. */
static bool tell_nearest(struct check *c, const struct schema_list *list, const struct spot *spot,
                         const char *keyword)
{
    const struct schema_node *meant = NULL;
    size_t candidates = 0;
    for (size_t i = 0; c->faults && i < list->n; i++) {
        const struct schema_node *n = list->items[i]->reference ? list->items[i]->reference : list->items[i];
        unsigned type = 1u << spot->value->type;
        if (!n->types || n->types & type ||
            (n->types & TYPE_INTEGER && (spot->value->type == JSON_INT || spot->value->type == JSON_REAL))) {
            meant = list->items[i];
            candidates++;
        }
    }
    if (candidates == 1) {
        return check_node(c, meant, spot);
    }
    return fault(c, spot, keyword, "fits none of the %zu schemas that it may fit", list->n);
}

static bool check_in_place(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    bool ok = !n->reference || check_node(c, n->reference, spot);
    for (size_t i = 0; i < n->all_of.n; i++) {
        ok = check_node(c, n->all_of.items[i], spot) && ok;
    }
    if (n->any_of.n && !count_fitting(c, &n->any_of, spot, 1)) {
        ok = tell_nearest(c, &n->any_of, spot, "anyOf");
    }
    if (n->one_of.n) {
        size_t fitting = count_fitting(c, &n->one_of, spot, 2);
        if (fitting == 0) {
            ok = tell_nearest(c, &n->one_of, spot, "oneOf");
        } else if (fitting > 1) {
            ok = fault(c, spot, "oneOf", "fits more than one of the schemas of which it must fit one");
        }
    }
    if (n->negated && is_so(c, n->negated, spot)) {
        ok = fault(c, spot, "not", "fits the schema that it must not fit");
    }
    if (n->condition) {
        const struct schema_node *branch = is_so(c, n->condition, spot) ? n->then : n->otherwise;
        ok = (!branch || check_node(c, branch, spot)) && ok;
    }
    return ok;
}

static bool check_node(struct check *c, const struct schema_node *n, const struct spot *spot)
{
    if (++c->steps > STEPS_MAX || c->is_out_of_steps) {
        c->is_out_of_steps = true;
        return false;
    }
    if (n->is_never) {
        return fault(c, spot, "false", "must not be there");
    }
    if (!check_type(c, n, spot)) {
        return false; /* nothing else that is said of it would help */
    }
    bool ok = check_values(c, n, spot);
    switch (spot->value->type) {
    case JSON_INT:
    case JSON_REAL:
        ok = check_number(c, n, spot) && ok;
        break;
    case JSON_STRING:
        ok = check_string(c, n, spot) && ok;
        break;
    case JSON_ARRAY:
        ok = check_array(c, n, spot) && ok;
        break;
    case JSON_OBJECT:
        ok = check_object(c, n, spot) && ok;
        break;
    default:
        break;
    }
    return check_in_place(c, n, spot) && ok;
}

bool schema_check(const struct schema *s, const struct json *value, struct arena *a,
                  struct schema_faults *out)
{
    struct check c = {.a = a, .faults = out};
    const struct spot top = {.value = value};
    out->n = 0;
    bool ok = check_node(&c, s->root, &top);
    if (c.is_out_of_steps) {
        out->n = 0;
        return fault(&c, &top, "limit", "takes too long to check against this schema");
    }
    return ok;
}

bool schema_fits(const struct schema_node *n, const struct json *value, bool with_fillers, int64_t *steps)
{
    struct check c = {.steps = *steps, .with_fillers = with_fillers};
    const struct spot top = {.value = value};
    bool ok = check_node(&c, n, &top);
    *steps = c.is_out_of_steps ? STEPS_MAX + 1 : c.steps;
    return ok && !c.is_out_of_steps;
}
