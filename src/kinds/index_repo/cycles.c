/* cycles.c: see cycles.h. */
#include "kinds/index_repo/cycles.h"

#include <stdlib.h>

/* The graph as one list of targets, cut by source: targets of n are at [first[n], first[n + 1]). */
struct graph {
    size_t *first;
    int64_t *targets;
    size_t nodes;
};

struct tarjan {
    struct graph g;
    int64_t *number, *low; /* 0 = not met */
    bool *is_on_stack, *has_self;
    int64_t *stack; /* of the components being built */
    int64_t *path;  /* from the start to the current node */
    size_t *next;   /* per node: the next target to look at */
    size_t stack_count, path_count;
    int64_t counter;
    struct arena *a;
    struct cycle_list out;
};

static struct graph build_graph(const struct edge *edges, size_t count, size_t nodes, struct arena *a)
{
    struct graph g = {.first = arena_array(a, size_t, nodes + 2), .nodes = nodes};
    g.targets = arena_array(a, int64_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        g.first[edges[i].from + 1]++;
    }
    for (size_t n = 1; n <= nodes + 1; n++) {
        g.first[n] += g.first[n - 1];
    }
    size_t *filled = arena_array(a, size_t, nodes + 2);
    for (size_t i = 0; i < count; i++) {
        int64_t from = edges[i].from;
        g.targets[g.first[from] + filled[from]++] = edges[i].to;
    }
    return g;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_cycles(const void *a, const void *b)
{
    return compare_ids(((const struct cycle *)a)->files, ((const struct cycle *)b)->files);
}

/* The component of `node` is what lies on the stack from it on. */
static void close_component(struct tarjan *t, int64_t node)
{
    size_t from = t->stack_count;
    do {
        from--;
        t->is_on_stack[t->stack[from]] = false;
    } while (t->stack[from] != node);
    size_t count = t->stack_count - from;
    t->stack_count = from;
    if (count > 1 || t->has_self[node]) {
        struct cycle *c = &t->out.cycles[t->out.count++];
        c->count = count;
        c->files = arena_array(t->a, int64_t, count);
        memcpy(c->files, t->stack + from, count * sizeof *c->files);
        qsort(c->files, count, sizeof *c->files, compare_ids);
    }
}

static void enter(struct tarjan *t, int64_t node)
{
    t->number[node] = t->low[node] = ++t->counter;
    t->next[node] = t->g.first[node];
    t->is_on_stack[node] = true;
    t->stack[t->stack_count++] = node;
    t->path[t->path_count++] = node;
}

/* Back from `node` to the one before it on the path. */
static void leave(struct tarjan *t, int64_t node)
{
    if (t->low[node] == t->number[node]) {
        close_component(t, node);
    }
    t->path_count--;
    if (t->path_count > 0) {
        int64_t before = t->path[t->path_count - 1];
        t->low[before] = t->low[node] < t->low[before] ? t->low[node] : t->low[before];
    }
}

static void walk_from(struct tarjan *t, int64_t start)
{
    enter(t, start);
    while (t->path_count > 0) {
        int64_t node = t->path[t->path_count - 1];
        if (t->next[node] == t->g.first[node + 1]) {
            leave(t, node);
            continue;
        }
        int64_t target = t->g.targets[t->next[node]++];
        t->has_self[node] |= target == node;
        if (!t->number[target]) {
            enter(t, target);
        } else if (t->is_on_stack[target] && t->number[target] < t->low[node]) {
            t->low[node] = t->number[target];
        }
    }
}

struct cycle_list cycles_find(const struct edge *edges, size_t edge_count, size_t node_count, struct arena *a)
{
    size_t room = node_count + 1;
    struct tarjan t = {.g = build_graph(edges, edge_count, node_count, a), .a = a};
    t.number = arena_array(a, int64_t, room);
    t.low = arena_array(a, int64_t, room);
    t.is_on_stack = arena_array(a, bool, room);
    t.has_self = arena_array(a, bool, room);
    t.stack = arena_array(a, int64_t, room);
    t.path = arena_array(a, int64_t, room);
    t.next = arena_array(a, size_t, room);
    t.out.cycles = arena_array(a, struct cycle, room);
    for (size_t n = 1; n <= node_count; n++) {
        if (!t.number[n]) {
            walk_from(&t, (int64_t)n);
        }
    }
    if (t.out.count > 0) {
        qsort(t.out.cycles, t.out.count, sizeof *t.out.cycles, compare_cycles);
    }
    return t.out;
}
