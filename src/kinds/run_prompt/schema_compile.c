/* schema_compile.c: a schema's text as nodes, each with its keywords checked. References are followed at the end, when every
 * place that one may name has its node. */
#include <stdlib.h>
#include <string.h>

#include "kinds/run_prompt/pointer.h"
#include "kinds/run_prompt/schema_private.h"

struct compiler {
    struct arena *a;
    struct schema_node **nodes;
    size_t count, room;
    struct schema_node **by_place; /* the first `sorted` of nodes, when all that keywords hold are there */
    size_t sorted;
    struct schema_node *anchors[SCHEMA_MAX_ANCHORS];
    size_t anchor_count;
    struct err *e;
};

/* One keyword of a schema. */
struct word {
    struct compiler *c;
    struct schema_node *node;
    const struct json *value;
    struct str place; /* of the keyword */
};

static enum rc wrong(const struct word *w, const char *why)
{
    char field[96];
    str_copy(field, sizeof field, w->place);
    return err_set_code(w->c->e, RC_INVALID, "invalid_schema", field, "the schema's %.*s %s",
                        STR_ARG(w->value->name), why);
}

/* A member's or an item's place (RFC 6901: ~ and / are written ~0 and ~1). */
static struct str place_below(struct compiler *c, struct str place, struct str name)
{
    char *p = arena_alloc(c->a, place.n + 2 * name.n + 2);
    size_t n = place.n;
    if (n) {
        memcpy(p, place.p, n);
    }
    p[n++] = '/';
    for (size_t i = 0; i < name.n; i++) {
        bool is_marked = name.p[i] == '~' || name.p[i] == '/';
        if (is_marked) {
            p[n++] = '~';
        }
        p[n++] = name.p[i] == '~' ? '0' : is_marked ? '1' : name.p[i];
    }
    return (struct str){p, n};
}

static enum rc compile_node(struct compiler *c, const struct json *text, struct str place,
                            struct schema_node **out);

static enum rc read_schema(struct word *w, struct schema_node **out)
{
    return compile_node(w->c, w->value, w->place, out);
}

static enum rc read_list(struct word *w, struct schema_list *out)
{
    if (w->value->type != JSON_ARRAY || !w->value->count) {
        return wrong(w, "must be an array of schemas");
    }
    out->items = arena_array(w->c->a, struct schema_node *, w->value->count);
    for (const struct json *item = w->value->first; item; item = item->next) {
        struct str index = arena_printf(w->c->a, "%zu", out->n);
        enum rc rc = compile_node(w->c, item, place_below(w->c, w->place, index), &out->items[out->n]);
        if (rc) {
            return rc;
        }
        out->n++;
    }
    return RC_OK;
}

static enum rc read_entries(struct word *w, struct schema_entries *out)
{
    if (w->value->type != JSON_OBJECT) {
        return wrong(w, "must be an object of schemas");
    }
    out->items = arena_array(w->c->a, struct schema_entry, w->value->count);
    for (const struct json *member = w->value->first; member; member = member->next) {
        struct schema_entry *entry = &out->items[out->n++];
        entry->name = member->name;
        enum rc rc = compile_node(w->c, member, place_below(w->c, w->place, member->name), &entry->schema);
        if (rc) {
            return rc;
        }
    }
    return RC_OK;
}

static enum rc read_pattern(struct word *w, struct str text, struct pattern **out)
{
    char field[96];
    str_copy(field, sizeof field, w->place);
    enum rc rc = pattern_compile(text, w->c->a, out, w->c->e);
    if (rc) {
        memcpy(w->c->e->field, field, sizeof field);
    }
    return rc;
}

static enum rc read_number(struct word *w, const struct json **out)
{
    if (w->value->type != JSON_INT && w->value->type != JSON_REAL) {
        return wrong(w, "must be a number");
    }
    *out = w->value;
    return RC_OK;
}

static enum rc read_size(struct word *w, enum schema_size which)
{
    const struct json *v = w->value;
    bool is_whole = v->type == JSON_INT ||
                    (v->type == JSON_REAL && v->d >= 0 && v->d < 9e15 && v->d == (double)(int64_t)v->d);
    if (!is_whole || v->d < 0) {
        return wrong(w, "must be a whole number of at least 0");
    }
    w->node->sizes[which] = v->type == JSON_INT ? v->i : (int64_t)v->d;
    return RC_OK;
}

static enum rc read_names(struct word *w, const struct json *list)
{
    if (list->type != JSON_ARRAY) {
        return wrong(w, "must be an array of names");
    }
    for (const struct json *item = list->first; item; item = item->next) {
        if (item->type != JSON_STRING) {
            return wrong(w, "must hold names only");
        }
    }
    return RC_OK;
}

static const struct {
    const char *name;
    unsigned bits;
} type_names[] = {
    {"null", 1u << JSON_NULL},
    {"boolean", 1u << JSON_BOOL},
    {"number", 1u << JSON_INT | 1u << JSON_REAL},
    {"integer", TYPE_INTEGER},
    {"string", 1u << JSON_STRING},
    {"array", 1u << JSON_ARRAY},
    {"object", 1u << JSON_OBJECT},
};

static enum rc add_type(struct word *w, const struct json *name)
{
    for (size_t i = 0; name->type == JSON_STRING && i < sizeof type_names / sizeof *type_names; i++) {
        if (str_eq(name->s, str_from(type_names[i].name))) {
            w->node->types |= type_names[i].bits;
            return RC_OK;
        }
    }
    return wrong(w, "must be null, boolean, integer, number, string, array or object, or an array of these");
}

static enum rc read_type(struct word *w)
{
    if (w->value->type != JSON_ARRAY) {
        return add_type(w, w->value);
    }
    if (!w->value->count) {
        return wrong(w, "must name at least one type");
    }
    enum rc rc = RC_OK;
    for (const struct json *item = w->value->first; item && !rc; item = item->next) {
        rc = add_type(w, item);
    }
    return rc;
}

static enum rc read_enum(struct word *w)
{
    w->node->one_of_values = w->value;
    return w->value->type == JSON_ARRAY ? RC_OK : wrong(w, "must be an array of values");
}

static enum rc read_const(struct word *w)
{
    w->node->constant = w->value;
    return RC_OK;
}

static enum rc read_required(struct word *w)
{
    w->node->required = w->value;
    return read_names(w, w->value);
}

static enum rc read_dependent_required(struct word *w)
{
    if (w->value->type != JSON_OBJECT) {
        return wrong(w, "must be an object of arrays of names");
    }
    w->node->dependent_required = w->value;
    enum rc rc = RC_OK;
    for (const struct json *member = w->value->first; member && !rc; member = member->next) {
        rc = read_names(w, member);
    }
    return rc;
}

static enum rc read_text_pattern(struct word *w)
{
    return w->value->type == JSON_STRING ? read_pattern(w, w->value->s, &w->node->pattern)
                                         : wrong(w, "must be a string");
}

static enum rc read_pattern_properties(struct word *w)
{
    enum rc rc = read_entries(w, &w->node->pattern_properties);
    for (size_t i = 0; i < w->node->pattern_properties.n && !rc; i++) {
        struct schema_entry *entry = &w->node->pattern_properties.items[i];
        rc = read_pattern(w, entry->name, &entry->pattern);
    }
    return rc;
}

static enum rc read_format(struct word *w)
{
    if (w->value->type != JSON_STRING) {
        return wrong(w, "must be a string");
    }
    w->node->format_name = w->value->s;
    w->node->format = schema_format(w->value->s);
    return RC_OK;
}

static enum rc read_multiple(struct word *w)
{
    enum rc rc = read_number(w, &w->node->multiple_of);
    return rc || w->value->d > 0 ? rc : wrong(w, "must be greater than 0");
}

static enum rc read_unique(struct word *w)
{
    w->node->unique_items = w->value->i;
    return w->value->type == JSON_BOOL ? RC_OK : wrong(w, "must be true or false");
}

/* Definitions are compiled as if each were a schema of its own, so that references find them. */
static enum rc read_definitions(struct word *w)
{
    struct schema_entries unused = {NULL, 0};
    return read_entries(w, &unused);
}

static enum rc read_reference(struct word *w)
{
    return w->value->type == JSON_STRING ? RC_OK : wrong(w, "must be a string"); /* followed at the end */
}

static enum rc read_anchor(struct word *w)
{
    if (w->value->type != JSON_STRING) {
        return wrong(w, "must be a string");
    }
    if (w->c->anchor_count == SCHEMA_MAX_ANCHORS) {
        return wrong(w, "is one of too many");
    }
    w->c->anchors[w->c->anchor_count++] = w->node;
    return RC_OK;
}

/* Within a schema it would change what references mean. */
static enum rc read_id(struct word *w)
{
    return w->node->place.n ? wrong(w, "is supported at the top only") : read_reference(w);
}

static enum rc refuse(struct word *w)
{
    return wrong(w, "is not supported");
}

#define READ_SCHEMA(name, member)                                                                            \
    static enum rc name(struct word *w)                                                                      \
    {                                                                                                        \
        return read_schema(w, &w->node->member);                                                             \
    }
#define READ_LIST(name, member)                                                                              \
    static enum rc name(struct word *w)                                                                      \
    {                                                                                                        \
        return read_list(w, &w->node->member);                                                               \
    }
#define READ_ENTRIES(name, member)                                                                           \
    static enum rc name(struct word *w)                                                                      \
    {                                                                                                        \
        return read_entries(w, &w->node->member);                                                            \
    }
#define READ_NUMBER(name, member)                                                                            \
    static enum rc name(struct word *w)                                                                      \
    {                                                                                                        \
        return read_number(w, &w->node->member);                                                             \
    }
#define READ_SIZE(name, which)                                                                               \
    static enum rc name(struct word *w)                                                                      \
    {                                                                                                        \
        return read_size(w, which);                                                                          \
    }

READ_SCHEMA(read_additional, additional)
READ_SCHEMA(read_property_names, property_names)
READ_SCHEMA(read_items, items)
READ_SCHEMA(read_contains, contains)
READ_SCHEMA(read_not, negated)
READ_SCHEMA(read_if, condition)
READ_SCHEMA(read_then, then)
READ_SCHEMA(read_else, otherwise)
READ_LIST(read_prefix, prefix)
READ_LIST(read_all_of, all_of)
READ_LIST(read_any_of, any_of)
READ_LIST(read_one_of, one_of)
READ_ENTRIES(read_properties, properties)
READ_ENTRIES(read_dependent_schemas, dependent_schemas)
READ_NUMBER(read_minimum, minimum)
READ_NUMBER(read_maximum, maximum)
READ_NUMBER(read_above, above)
READ_NUMBER(read_below, below)
READ_SIZE(read_min_length, MIN_LENGTH)
READ_SIZE(read_max_length, MAX_LENGTH)
READ_SIZE(read_min_items, MIN_ITEMS)
READ_SIZE(read_max_items, MAX_ITEMS)
READ_SIZE(read_min_properties, MIN_PROPERTIES)
READ_SIZE(read_max_properties, MAX_PROPERTIES)
READ_SIZE(read_min_contains, MIN_CONTAINS)
READ_SIZE(read_max_contains, MAX_CONTAINS)

static const struct {
    const char *name;
    enum rc (*read)(struct word *w);
} keywords[] = {
    {"$ref", read_reference},
    {"$id", read_id},
    {"$anchor", read_anchor},
    {"$defs", read_definitions},
    {"definitions", read_definitions}, /* as drafts before 2019 called them; people still do */
    {"$dynamicRef", refuse},
    {"unevaluatedItems", refuse},
    {"unevaluatedProperties", refuse},
    {"type", read_type},
    {"enum", read_enum},
    {"const", read_const},
    {"multipleOf", read_multiple},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"exclusiveMinimum", read_above},
    {"exclusiveMaximum", read_below},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"pattern", read_text_pattern},
    {"format", read_format},
    {"prefixItems", read_prefix},
    {"items", read_items},
    {"contains", read_contains},
    {"minContains", read_min_contains},
    {"maxContains", read_max_contains},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"uniqueItems", read_unique},
    {"properties", read_properties},
    {"patternProperties", read_pattern_properties},
    {"additionalProperties", read_additional},
    {"propertyNames", read_property_names},
    {"required", read_required},
    {"dependentRequired", read_dependent_required},
    {"dependentSchemas", read_dependent_schemas},
    {"minProperties", read_min_properties},
    {"maxProperties", read_max_properties},
    {"allOf", read_all_of},
    {"anyOf", read_any_of},
    {"oneOf", read_one_of},
    {"not", read_not},
    {"if", read_if},
    {"then", read_then},
    {"else", read_else},
};

static enum rc read_keyword(struct word *w)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (str_eq(w->value->name, str_from(keywords[i].name))) {
            w->place = place_below(w->c, w->node->place, w->value->name);
            return keywords[i].read(w);
        }
    }
    return RC_OK;
}

static enum rc add_node(struct compiler *c, struct schema_node *node)
{
    if (c->count == SCHEMA_MAX_NODES) {
        return err_set_code(c->e, RC_TOO_BIG, "invalid_schema", NULL, "the schema holds more than %d schemas",
                            SCHEMA_MAX_NODES);
    }
    if (c->count == c->room) {
        struct schema_node **old = c->nodes;
        c->room = c->room ? 2 * c->room : 64;
        c->nodes = arena_array(c->a, struct schema_node *, c->room);
        if (old) {
            memcpy(c->nodes, old, c->count * sizeof(struct schema_node *));
        }
    }
    c->nodes[c->count++] = node;
    return RC_OK;
}

/* No deeper than the text, and that is at most JSON_MAX_DEPTH deep. */
static enum rc compile_node(struct compiler *c, const struct json *text, struct str place,
                            struct schema_node **out)
{
    struct schema_node *node = arena_alloc(c->a, sizeof *node);
    node->text = text;
    node->place = place;
    for (int i = 0; i < SCHEMA_SIZES; i++) {
        node->sizes[i] = -1;
    }
    enum rc rc = add_node(c, node);
    if (rc) {
        return rc;
    }
    if (text->type == JSON_BOOL) {
        node->is_never = !text->i;
    } else if (text->type == JSON_OBJECT) {
        for (const struct json *member = text->first; member && !rc; member = member->next) {
            struct word w = {.c = c, .node = node, .value = member};
            rc = read_keyword(&w);
        }
    } else {
        char field[96];
        str_copy(field, sizeof field, place);
        rc = err_set_code(c->e, RC_INVALID, "invalid_schema", field,
                          "a schema is an object, or true or false");
    }
    if (!rc) {
        *out = node;
    }
    return rc;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* %41 is A: a reference is a URI. What is no such code stays. */
static struct str percent_decode(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        bool is_code = low >= 0;
        p[n++] = is_code ? (char)(high << 4 | low) : s.p[i];
        i += is_code ? 2 : 0;
    }
    return (struct str){p, n};
}

static int by_place(const void *one, const void *other)
{
    const struct schema_node *const *x = one;
    const struct schema_node *const *y = other;
    return str_compare((*x)->place, (*y)->place);
}

static struct schema_node *find_place(const struct compiler *c, struct str fragment)
{
    const struct schema_node wanted = {.place = fragment};
    const struct schema_node *key = &wanted;
    struct schema_node **found =
        bsearch(&key, c->by_place, c->sorted, sizeof(struct schema_node *), by_place);
    if (found) {
        return *found;
    }
    for (size_t i = c->sorted; i < c->count; i++) {
        if (str_eq(c->nodes[i]->place, fragment)) {
            return c->nodes[i];
        }
    }
    for (size_t i = 0; i < c->anchor_count; i++) {
        if (str_eq(json_get(c->anchors[i]->text, STR("$anchor"))->s, fragment)) {
            return c->anchors[i];
        }
    }
    return NULL;
}

static enum rc follow(struct compiler *c, struct schema_node *node)
{
    const struct json *ref = json_get(node->text, STR("$ref"));
    if (!ref) {
        return RC_OK;
    }
    struct word w = {.c = c, .node = node, .value = ref, .place = place_below(c, node->place, STR("$ref"))};
    struct str uri = ref->s;
    const struct json *id = json_get(c->nodes[0]->text, STR("$id"));
    if (id && id->type == JSON_STRING && str_starts(uri, id->s)) {
        uri = str_sub(uri, id->s.n, uri.n);
    }
    if (uri.n && uri.p[0] != '#') {
        return wrong(&w, "leads out of the schema, which is not supported");
    }
    struct str fragment = percent_decode(c->a, str_sub(uri, 1, uri.n));
    node->reference = find_place(c, fragment);
    if (node->reference) {
        return RC_OK;
    }
    /* a reference may name a place that no keyword holds */
    const struct json *text = pointer_get(c->nodes[0]->text, fragment, c->a);
    if (!text || (text->type != JSON_OBJECT && text->type != JSON_BOOL)) {
        return wrong(&w, arena_printf(c->a, "names no schema in it: %.*s", STR_ARG(ref->s)).p);
    }
    return compile_node(c, text, fragment, &node->reference);
}

enum rc schema_compile(const struct json *text, struct arena *a, struct schema **out, struct err *e)
{
    struct compiler c = {.a = a, .e = e};
    struct schema *s = arena_alloc(a, sizeof *s);
    enum rc rc = compile_node(&c, text, STR_NONE, &s->root);
    if (!rc) {
        c.sorted = c.count;
        c.by_place = arena_array(a, struct schema_node *, c.count);
        memcpy(c.by_place, c.nodes, c.count * sizeof(struct schema_node *));
        qsort(c.by_place, c.count, sizeof(struct schema_node *), by_place);
    }
    for (size_t i = 0; i < c.count && !rc; i++) {
        rc = follow(&c, c.nodes[i]);
    }
    if (!rc) {
        rc = schema_find_loop(c.nodes, c.count, e);
    }
    if (!rc) {
        s->nodes = c.nodes;
        s->count = c.count;
        *out = s;
    }
    return rc;
}
