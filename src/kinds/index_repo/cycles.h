/* cycles.h: files that import each other in a circle: strongly connected components of more than one file, and files that
 * import themselves. Tarjan's algorithm with a stack of its own: linear, without recursion. */
#ifndef STINT_KINDS_INDEX_REPO_CYCLES_H
#define STINT_KINDS_INDEX_REPO_CYCLES_H

#include "base/arena.h"

struct edge {
    int64_t from, to; /* ids from 1 to node_count */
};

struct cycle {
    int64_t *files; /* ascending */
    size_t count;
};

struct cycle_list {
    struct cycle *cycles; /* by their first file */
    size_t count;
};

/* Edges in any order, also more than once. All memory comes from `a`. */
struct cycle_list cycles_find(const struct edge *edges, size_t edge_count, size_t node_count,
                              struct arena *a);

#endif
