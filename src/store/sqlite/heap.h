/* heap.h: the least first, by rank; who is in it knows its place, and may leave or change its rank. */
#ifndef STINT_STORE_SQLITE_HEAP_H
#define STINT_STORE_SQLITE_HEAP_H

#include "base/arena.h"

struct heap_node { /* in the struct that stands in the heap */
    size_t place;  /* 1 is the first; 0: in no heap */
    int64_t rank[3];
};

struct heap {
    struct heap_node **nodes;
    size_t count, room;
};

void heap_put(struct heap *h, struct heap_node *n); /* it is in none */
void heap_take(struct heap *h, struct heap_node *n);
void heap_moved(struct heap *h, struct heap_node *n); /* its rank has changed */
struct heap_node *heap_first(const struct heap *h);   /* NULL: it is empty */
void heap_dispose(struct heap *h);

#endif
