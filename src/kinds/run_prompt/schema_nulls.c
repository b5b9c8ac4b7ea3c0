/* schema_nulls.c: what a strict schema made a model write, taken away again: see schema_drop_nulls. A value and the schemas that
 * speak of it are walked together, because the same name may be optional in one place and allow null in another. */
#include "kinds/run_prompt/schema_private.h"

#define SPEAKERS_MAX   32 /* schemas that speak of one value; of more, nulls stay */
#define TEXT_MAX_BYTES (8 << 20)

struct speakers {
    const struct schema_node *items[SPEAKERS_MAX];
    size_t n;
};

struct walk {
    struct arena *a;
    struct json_out w;
    int64_t steps;
    bool has_dropped;
};

static void walk_value(struct walk *walk, const struct speakers *speakers, const struct json *v);

static void add_speaker(struct walk *walk, struct speakers *s, const struct schema_node *n,
                        const struct json *v);

/* Of several the first that the value keeps to; else the first of its type, which was meant. */
static void add_branch(struct walk *walk, struct speakers *s, const struct schema_list *list,
                       const struct json *v)
{
    const struct schema_node *meant = NULL;
    for (size_t i = 0; i < list->n; i++) {
        const struct schema_node *n = list->items[i];
        const struct schema_node *typed = n->reference ? n->reference : n;
        if (schema_fits(n, v, true, &walk->steps)) {
            meant = n;
            break;
        }
        meant = !meant && (!typed->types || typed->types & 1u << v->type) ? n : meant;
    }
    if (meant) {
        add_speaker(walk, s, meant, v);
    }
}

/* And all that it leads to in place; schema_find_loop says that this ends. */
static void add_speaker(struct walk *walk, struct speakers *s, const struct schema_node *n,
                        const struct json *v)
{
    if (s->n == SPEAKERS_MAX) {
        return;
    }
    s->items[s->n++] = n;
    if (n->reference) {
        add_speaker(walk, s, n->reference, v);
    }
    add_branch(walk, s, &n->any_of, v);
    add_branch(walk, s, &n->one_of, v);
}

static const struct schema_node *property_of(const struct schema_node *n, struct str name)
{
    for (size_t i = 0; i < n->properties.n; i++) {
        if (str_eq(n->properties.items[i].name, name)) {
            return n->properties.items[i].schema;
        }
    }
    return NULL;
}

/* Is it there because it had to be? Where nothing is said of a member it is as the model wants it. */
static bool is_filler(struct walk *walk, const struct speakers *speakers, const struct json *m)
{
    bool is_allowed = true;
    for (size_t i = 0; i < speakers->n; i++) {
        const struct schema_node *property = property_of(speakers->items[i], m->name);
        if (schema_requires(speakers->items[i], m->name)) {
            return false;
        }
        is_allowed = is_allowed && (!property || schema_fits(property, m, false, &walk->steps));
    }
    return m->type == JSON_NULL && !is_allowed;
}

static void walk_object(struct walk *walk, const struct speakers *speakers, const struct json *v)
{
    json_object_begin(&walk->w);
    for (const struct json *m = v->first; m; m = m->next) {
        struct speakers below = {.n = 0};
        if (m->type == JSON_NULL && is_filler(walk, speakers, m)) {
            walk->has_dropped = true;
            continue;
        }
        for (size_t i = 0; i < speakers->n; i++) {
            const struct schema_node *property = property_of(speakers->items[i], m->name);
            if (property) {
                add_speaker(walk, &below, property, m);
            }
        }
        json_name(&walk->w, arena_c_str(walk->a, m->name));
        walk_value(walk, &below, m);
    }
    json_object_end(&walk->w);
}

static void walk_array(struct walk *walk, const struct speakers *speakers, const struct json *v)
{
    json_array_begin(&walk->w);
    for (const struct json *item = v->first; item; item = item->next) {
        struct speakers below = {.n = 0};
        for (size_t i = 0; i < speakers->n; i++) {
            if (speakers->items[i]->items) {
                add_speaker(walk, &below, speakers->items[i]->items, item);
            }
        }
        walk_value(walk, &below, item);
    }
    json_array_end(&walk->w);
}

/* No deeper than the value, which is at most JSON_MAX_DEPTH deep. */
static void walk_value(struct walk *walk, const struct speakers *speakers, const struct json *v)
{
    if (speakers->n && v->type == JSON_OBJECT) {
        walk_object(walk, speakers, v);
    } else if (speakers->n && v->type == JSON_ARRAY) {
        walk_array(walk, speakers, v);
    } else {
        json_raw(&walk->w, v->raw);
    }
}

struct str schema_drop_nulls(const struct schema *s, const struct json *value, struct arena *a,
                             bool *has_dropped)
{
    struct buf text = BUF_LIMIT(TEXT_MAX_BYTES);
    struct walk walk = {.a = a, .w = json_writer(&text)};
    struct speakers top = {.n = 0};
    add_speaker(&walk, &top, s->root, value);
    walk_value(&walk, &top, value);
    *has_dropped = walk.has_dropped && !text.overflowed;
    struct str left = *has_dropped ? arena_str(a, buf_str(&text)) : value->raw;
    buf_dispose(&text);
    return left;
}
