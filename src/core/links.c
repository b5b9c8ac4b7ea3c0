/* links.c: see links.h. */
#include "core/links.h"

#include <stdlib.h>

struct name {
    struct str s;
    size_t item;
};

struct names { /* in order */
    struct name *list;
    size_t count;
};

struct graph {
    const struct job_spec *specs;
    size_t count;
    const struct job_links *l;
    size_t *begin;  /* of the links of each item; count + 1 of them */
    size_t *holder; /* of each item: the first with its unique key */
};

static int by_name(const void *one, const void *two)
{
    const struct name *a = one, *b = two;
    int order = str_compare(a->s, b->s);
    return order ? order : (a->item > b->item) - (a->item < b->item);
}

static const struct name *find(const struct names *n, struct str s)
{
    const struct name *names = n->list;
    size_t from = 0, until = n->count;
    while (from < until) {
        size_t middle = from + (until - from) / 2;
        if (str_compare(names[middle].s, s) < 0) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from < n->count && str_eq(names[from].s, s) ? &names[from] : NULL;
}

/* ---- names */

static enum rc read_refs(const struct job_spec *specs, size_t count, struct names *out, size_t *bad,
                         struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (specs[i].ref.n) {
            out->list[out->count++] = (struct name){specs[i].ref, i};
        }
    }
    qsort(out->list, out->count, sizeof *out->list, by_name);
    for (size_t i = 1; i < out->count; i++) {
        if (str_eq(out->list[i - 1].s, out->list[i].s)) {
            *bad = out->list[i].item;
            return err_set_code(e, RC_INVALID, "invalid_field", "ref", "two jobs have the ref %.*s",
                                STR_ARG(out->list[i].s));
        }
    }
    return RC_OK;
}

static enum rc link_item(const struct graph *g, size_t item, const struct names *names, struct job_links *out,
                         struct err *e)
{
    for (size_t i = 0; i < g->specs[item].depends_count; i++) {
        struct str wanted = g->specs[item].depends_on[i];
        const struct name *name = find(names, wanted);
        struct job_link link = {.job = item, .item = name ? name->item : g->count};
        if (!name && !id_parse(wanted, &link.on)) {
            char field[32];
            str_print(field, sizeof field, "depends_on/%zu", i);
            return err_set_code(e, RC_INVALID, "unknown_dependency", field,
                                "depends_on: %.*s is the ref of no job in this call, and no job's id",
                                STR_ARG(wanted));
        }
        if (name) {
            out->is_awaited[name->item] = true;
        }
        out->links[out->count++] = link;
    }
    return RC_OK;
}

/* ---- cycles */

static void find_holders(const struct graph *g, struct name *names)
{
    size_t found = 0;
    for (size_t i = 0; i < g->count; i++) {
        g->holder[i] = i;
        if (g->specs[i].unique_key.n) {
            names[found++] = (struct name){g->specs[i].unique_key, i};
        }
    }
    qsort(names, found, sizeof *names, by_name);
    for (size_t i = 1; i < found; i++) {
        if (str_eq(names[i - 1].s, names[i].s)) {
            g->holder[names[i].item] = g->holder[names[i - 1].item];
        }
    }
}

enum { MARK_NEW, MARK_OPEN, MARK_DONE };

struct walk {
    size_t *path, depth;
    size_t *next; /* link of each item; of a batch: item */
    unsigned char *marks;
};

static void enter(struct walk *w, const struct graph *g, size_t item)
{
    w->path[w->depth++] = item;
    w->next[item] = g->specs[item].plan ? 0 : g->begin[item];
    w->marks[item] = MARK_OPEN;
}

/* The next one that this item waits for; their count: nobody of this call. False: that was all. A batch waits for its jobs. */
static bool next_of(const struct graph *g, struct walk *w, size_t at, size_t *out)
{
    size_t *next = &w->next[at];
    bool is_batch = g->specs[at].plan;
    while (is_batch && *next < g->count && !g->specs[*next].joins_first) {
        ++*next;
    }
    if (*next == (is_batch ? g->count : g->begin[at + 1])) {
        return false;
    }
    *out = is_batch ? *next : g->l->links[*next].item;
    ++*next;
    return true;
}

/* True: the last of the path stands in it twice. */
static bool walk_from(const struct graph *g, struct walk *w, size_t root)
{
    w->depth = 0;
    enter(w, g, root);
    while (w->depth) {
        size_t at = w->path[w->depth - 1], item = 0;
        if (!next_of(g, w, at, &item)) {
            w->marks[at] = MARK_DONE;
            w->depth--;
            continue;
        }
        size_t to = item < g->count ? g->holder[item] : 0;
        if (item == g->count || w->marks[to] == MARK_DONE) {
            continue;
        }
        if (w->marks[to] == MARK_OPEN) {
            w->path[w->depth++] = to;
            return true;
        }
        enter(w, g, to);
    }
    return false;
}

#define SHOWN_MAX 10 /* of a way around */

static void append_name(const struct graph *g, size_t item, char *text, size_t size, size_t *n)
{
    struct str ref = g->specs[item].plan ? STR("the batch") : g->specs[item].ref;
    const char *arrow = *n ? " -> " : "";
    size_t number = item - (g->specs[0].plan != NULL); /* jobs are counted without the batch before them */
    *n += ref.n ? str_print(text + *n, size - *n, "%s%.*s", arrow, (int)(ref.n < 24 ? ref.n : 24), ref.p)
                : str_print(text + *n, size - *n, "%s#%zu", arrow, number);
}

static enum rc tell_cycle(const struct graph *g, const struct walk *w, size_t *bad, struct err *e)
{
    char text[320];
    size_t n = 0, last = w->depth - 1, first = 0;
    while (w->path[first] != w->path[last]) {
        first++;
    }
    for (size_t i = first; i < last && i - first < SHOWN_MAX; i++) {
        append_name(g, w->path[i], text, sizeof text, &n);
    }
    if (last - first > SHOWN_MAX) {
        n += str_print(text + n, sizeof text - n, " -> ...");
    }
    append_name(g, w->path[last], text, sizeof text, &n);
    *bad = w->path[g->specs[w->path[first]].plan ? first + 1 : first];
    return err_set_code(e, RC_INVALID, "dependency_cycle", "depends_on", "depends_on goes in a circle: %s",
                        text);
}

static enum rc check_cycles(const struct graph *g, struct arena *a, size_t *bad, struct err *e)
{
    struct walk w = {.path = arena_array(a, size_t, g->count + 1),
                     .next = arena_array(a, size_t, g->count),
                     .marks = arena_alloc(a, g->count)};
    for (size_t i = 0; i < g->count; i++) {
        if (g->holder[i] == i && w.marks[i] == MARK_NEW && walk_from(g, &w, i)) {
            return tell_cycle(g, &w, bad, e);
        }
    }
    return RC_OK;
}

/* ---- all of it */

enum rc job_links_make(const struct job_spec *specs, size_t count, struct arena *a, struct job_links *out,
                       size_t *bad, struct err *e)
{
    size_t total = 0;
    bool has_refs = false;
    *out = (struct job_links){0};
    for (size_t i = 0; i < count; i++) {
        total += specs[i].depends_count;
        has_refs |= specs[i].ref.n > 0;
        if (total > JOB_LINKS_MAX) {
            *bad = i;
            return err_set_code(e, RC_TOO_BIG, NULL, "depends_on",
                                "more than %d entries of depends_on in one call", JOB_LINKS_MAX);
        }
    }
    if (!total && !has_refs) {
        return RC_OK;
    }
    struct names names = {.list = arena_array(a, struct name, count)};
    if (!total) { /* a name that two have is a slip, also when nobody says it */
        return read_refs(specs, count, &names, bad, e);
    }
    struct job_links l = {.links = arena_array(a, struct job_link, total),
                          .is_awaited = arena_array(a, bool, count)};
    const struct graph g = {.specs = specs,
                            .count = count,
                            .l = &l,
                            .begin = arena_array(a, size_t, count + 1),
                            .holder = arena_array(a, size_t, count)};
    enum rc rc = read_refs(specs, count, &names, bad, e);
    for (size_t i = 0; i < count && !rc; i++) {
        *bad = i;
        rc = link_item(&g, i, &names, &l, e);
        g.begin[i + 1] = l.count;
    }
    if (!rc) {
        find_holders(&g, names.list);
        rc = check_cycles(&g, a, bad, e);
    }
    if (!rc) {
        *out = l;
    }
    return rc;
}
