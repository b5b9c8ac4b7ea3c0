/* searched.c: see searched.h. */
#include "kinds/run_prompt/searched.h"

#include <stdlib.h>

#include "kinds/run_prompt/pointer.h"

/* ---- names that the schema says, and not the model */

struct names {
    struct arena *a;
    struct str *items; /* sorted */
    size_t n, room;
};

static int by_bytes(const void *one, const void *other)
{
    const struct str *x = one;
    const struct str *y = other;
    return str_compare(*x, *y);
}

static void add_name(struct names *names, struct str name)
{
    if (names->n == names->room) {
        struct str *old = names->items;
        names->room = names->room ? 2 * names->room : 64;
        names->items = arena_array(names->a, struct str, names->room);
        for (size_t i = 0; i < names->n; i++) {
            names->items[i] = old[i];
        }
    }
    names->items[names->n++] = name;
}

/* No deeper than the schema, which is at most JSON_MAX_DEPTH deep. */
static void collect_names(struct names *names, const struct json *schema)
{
    for (const struct json *m = schema->first; m; m = m->next) {
        bool is_properties = m->type == JSON_OBJECT && str_eq(m->name, STR("properties"));
        if (!is_properties) {
            collect_names(names, m);
            continue;
        }
        for (const struct json *p = m->first; p; p = p->next) {
            add_name(names, p->name);
            collect_names(names, p);
        }
    }
}

/* ---- the text */

struct gathering {
    struct buf text;
    struct names names;
    bool with_names;
};

static void put_line(struct gathering *g, struct str line)
{
    if (g->text.n + line.n < g->text.max) {
        buf_append_str(&g->text, line);
        buf_append_char(&g->text, '\n');
    }
}

/* No deeper than the value, which is at most JSON_MAX_DEPTH deep. */
static void gather(struct gathering *g, const struct json *v)
{
    if (v->type == JSON_STRING) {
        put_line(g, v->s);
    } else if (v->type == JSON_INT || v->type == JSON_REAL) {
        put_line(g, v->raw);
    }
    for (const struct json *m = v->first; m; m = m->next) {
        bool is_told =
            v->type == JSON_OBJECT && g->with_names &&
            !(g->names.n && bsearch(&m->name, g->names.items, g->names.n, sizeof(struct str), by_bytes));
        if (is_told) {
            put_line(g, m->name);
        }
        gather(g, m);
    }
}

struct str searched_text(const struct json *value, const struct json *paths, const struct json *schema,
                         size_t max_bytes, struct arena *a)
{
    struct gathering g = {.text = BUF_LIMIT(max_bytes), .names = {.a = a}, .with_names = schema != NULL};
    if (schema) {
        collect_names(&g.names, schema);
    }
    if (g.names.n) {
        qsort(g.names.items, g.names.n, sizeof(struct str), by_bytes);
    }
    paths = paths && paths->first ? paths : NULL;
    if (!paths) {
        gather(&g, value);
    }
    for (const struct json *p = paths ? paths->first : NULL; p; p = p->next) {
        const struct json *v = pointer_get(value, p->s, a);
        if (v) {
            gather(&g, v);
        }
    }
    struct str copy = arena_str(a, buf_str(&g.text));
    buf_dispose(&g.text);
    return copy;
}
