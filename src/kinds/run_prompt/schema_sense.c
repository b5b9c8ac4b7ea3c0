/* schema_sense.c: see schema_sense.h. For each schema the types of value that may keep to it, as bits: it begins with none for all,
 * and what may be is found from the leaves on until nothing is new. So a schema that needs itself without an end stays at none. */
#include "kinds/run_prompt/schema_sense.h"

#include "kinds/run_prompt/schema_private.h"

#define PLACE_BYTES 96
#define STEPS_MAX   1000000 /* of all values of enums together; what takes more is taken for good */
#define NUMBERS     (1u << JSON_INT | 1u << JSON_REAL)
#define ANY_TYPE    ((1u << (JSON_OBJECT + 1)) - 1)

/* Of a schema that may be none. */
static bool can_be(const struct schema_node *n)
{
    return !n || n->can_be;
}

/* Of two bounds, of which there may be none. */
static bool is_above(const struct json *one, const struct json *other, bool or_equal)
{
    int order = one && other ? schema_compare_numbers(one, other) : -1;
    return or_equal ? order >= 0 : order > 0;
}

/* The keyword below which no number is left; NULL: some are. */
static const char *empty_range(const struct schema_node *n)
{
    bool is_empty = is_above(n->minimum, n->maximum, false) || is_above(n->minimum, n->below, true);
    bool is_empty_above = is_above(n->above, n->maximum, true) || is_above(n->above, n->below, true);
    return is_empty ? "minimum" : is_empty_above ? "exclusiveMinimum" : NULL;
}

static bool is_over(const struct schema_node *n, enum schema_size least)
{
    return n->sizes[least + 1] >= 0 && n->sizes[least] > n->sizes[least + 1];
}

static const struct schema_node *member_of(const struct schema_node *n, struct str name)
{
    for (size_t i = 0; i < n->properties.n; i++) {
        if (str_eq(n->properties.items[i].name, name)) {
            return n->properties.items[i].schema;
        }
    }
    return n->pattern_properties.n ? NULL : n->additional;
}

/* The first required member that cannot be there; NULL: there is none. */
static const struct json *lacking(const struct schema_node *n)
{
    for (const struct json *name = n->required ? n->required->first : NULL; name; name = name->next) {
        if (!can_be(member_of(n, name->s))) {
            return name;
        }
    }
    return NULL;
}

static bool may_be_array(const struct schema_node *n)
{
    for (size_t i = 0; i < n->prefix.n && (int64_t)i < n->sizes[MIN_ITEMS]; i++) {
        if (!n->prefix.items[i]->can_be) {
            return false;
        }
    }
    bool needs_more = n->sizes[MIN_ITEMS] > (int64_t)n->prefix.n;
    bool needs_fitting = n->contains && n->sizes[MIN_CONTAINS] != 0;
    return (!needs_more || can_be(n->items)) && (!needs_fitting || n->contains->can_be) &&
           !is_over(n, MIN_ITEMS);
}

/* What its own keywords leave. */
static unsigned own_types(const struct schema_node *n)
{
    unsigned types = n->types ? n->types & ANY_TYPE : ANY_TYPE;
    types |= n->types & TYPE_INTEGER ? NUMBERS : 0; /* 1.0 is an integer, too */
    types &= empty_range(n) ? ~NUMBERS : ~0u;
    types &= is_over(n, MIN_LENGTH) ? ~(1u << JSON_STRING) : ~0u;
    types &= may_be_array(n) ? ~0u : ~(1u << JSON_ARRAY);
    types &= is_over(n, MIN_PROPERTIES) || lacking(n) ? ~(1u << JSON_OBJECT) : ~0u;
    return n->is_never ? 0 : types;
}

static unsigned types_of_any(const struct schema_list *list)
{
    unsigned types = list->n ? 0 : ANY_TYPE;
    for (size_t i = 0; i < list->n; i++) {
        types |= list->items[i]->can_be;
    }
    return types;
}

static unsigned types_of_values(const struct schema_node *n, int64_t *steps)
{
    const struct json *v = n->constant ? n->constant : n->one_of_values->first;
    unsigned types = 0;
    for (; v; v = n->constant ? NULL : v->next) {
        unsigned type = 1u << v->type & NUMBERS ? NUMBERS : 1u << v->type; /* 1 is 1.0 */
        types |= schema_fits(n, v, false, steps) ? type : 0;
    }
    return *steps < STEPS_MAX ? types : ANY_TYPE;
}

static unsigned types_of(const struct schema_node *n, int64_t *steps)
{
    if ((n->constant || n->one_of_values) && *steps < STEPS_MAX) {
        return types_of_values(n, steps);
    }
    unsigned types = own_types(n) & types_of_any(&n->any_of) & types_of_any(&n->one_of);
    types &= n->reference ? n->reference->can_be : ANY_TYPE;
    for (size_t i = 0; i < n->all_of.n; i++) {
        types &= n->all_of.items[i]->can_be;
    }
    return types;
}

static void find_types(struct schema *s)
{
    int64_t steps = 0;
    for (bool is_new = true; is_new;) {
        is_new = false;
        for (size_t i = s->count; i-- > 0;) { /* what a schema holds comes behind it */
            struct schema_node *n = s->nodes[i];
            unsigned types = n->can_be | types_of(n, &steps);
            is_new = is_new || types != n->can_be;
            n->can_be = types;
        }
    }
}

/* ---- what is told */

static enum rc look(struct schema_node *n, struct err *e);

static enum rc never(const struct schema_node *n, const char *keyword, const char *why, struct err *e)
{
    char field[PLACE_BYTES];
    str_print(field, sizeof field, "%.*s%s%s", STR_ARG(n->place), *keyword ? "/" : "", keyword);
    return err_set_code(e, RC_INVALID, "invalid_schema", field, "no answer can keep to it: %s", why);
}

static enum rc look_at_bounds(const struct schema_node *n, struct err *e)
{
    static const char *const least[] = {"minLength", "minItems", "minProperties"};
    static const enum schema_size sizes[] = {MIN_LENGTH, MIN_ITEMS, MIN_PROPERTIES};
    const char *keyword = empty_range(n);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !keyword; i++) {
        keyword = is_over(n, sizes[i]) ? least[i] : NULL;
    }
    return keyword ? never(n, keyword, "the least is over the most", e) : RC_OK;
}

static enum rc look_at_required(const struct schema_node *n, struct err *e)
{
    char why[PLACE_BYTES];
    const struct json *name = lacking(n);
    if (!name) {
        return RC_OK;
    }
    bool is_known = json_get(json_get(n->text, STR("properties")), name->s) != NULL;
    str_print(why, sizeof why, "%.*s %s", (int)(name->s.n < 24 ? name->s.n : 24), name->s.p,
              is_known ? "must be there, and nothing keeps to its schema"
                       : "is none of the properties, and there may be no other");
    return never(n, "required", why, e);
}

static enum rc look_at_list(const struct schema_list *list, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < list->n && !rc; i++) {
        rc = look(list->items[i], e);
    }
    return rc;
}

/* What no value may be at all is meant so: `false`. */
static enum rc look_below(const struct schema_node *n, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n->properties.n && !rc; i++) {
        rc = look(n->properties.items[i].schema, e);
    }
    rc = rc || !n->items ? rc : look(n->items, e);
    rc = rc ? rc : look_at_list(&n->prefix, e);
    rc = rc ? rc : look_at_list(&n->all_of, e);
    return rc || !n->reference ? rc : look(n->reference, e);
}

/* Nothing in it says why it can be nothing: its keywords do so together. */
static enum rc look_together(const struct schema_node *n, struct err *e)
{
    if (n->can_be || n->is_never) {
        return RC_OK;
    }
    if (n->constant || n->one_of_values) {
        return never(n, n->constant ? "const" : "enum", "its values do not keep to the rest", e);
    }
    if (!types_of_any(&n->any_of) || !types_of_any(&n->one_of)) {
        const char *keyword = types_of_any(&n->any_of) ? "oneOf" : "anyOf";
        return never(n, keyword, "nothing keeps to any of its schemas", e);
    }
    if (n->reference && !n->reference->can_be) {
        return never(n, "$ref", "it needs itself without an end, or what it names may not be there", e);
    }
    return never(n, "", "its keywords do not go together", e);
}

static enum rc look(struct schema_node *n, struct err *e)
{
    if (n->is_looked_at) {
        return RC_OK;
    }
    n->is_looked_at = true;
    enum rc rc =
        n->one_of_values && !n->one_of_values->count ? never(n, "enum", "it has no value", e) : RC_OK;
    rc = rc ? rc : look_at_bounds(n, e);
    rc = rc ? rc : look_below(n, e);
    rc = rc ? rc : look_at_required(n, e);
    return rc ? rc : look_together(n, e);
}

enum rc schema_check_sense(struct schema *s, struct err *e)
{
    find_types(s);
    return s->root->is_never ? never(s->root, "", "it is false", e) : look(s->root, e);
}
