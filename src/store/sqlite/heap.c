/* heap.c: see heap.h. */
#include "store/sqlite/heap.h"

static bool goes_before(const struct heap_node *a, const struct heap_node *b)
{
    for (int i = 0; i < 3; i++) {
        if (a->rank[i] != b->rank[i]) {
            return a->rank[i] < b->rank[i];
        }
    }
    return false;
}

static void set(struct heap *h, size_t place, struct heap_node *n)
{
    h->nodes[place - 1] = n;
    n->place = place;
}

static void rise(struct heap *h, struct heap_node *n)
{
    size_t at = n->place;
    while (at > 1 && goes_before(n, h->nodes[at / 2 - 1])) {
        set(h, at, h->nodes[at / 2 - 1]);
        at /= 2;
    }
    set(h, at, n);
}

static void sink(struct heap *h, struct heap_node *n)
{
    size_t at = n->place;
    while (2 * at <= h->count) {
        size_t child = 2 * at;
        child += child < h->count && goes_before(h->nodes[child], h->nodes[child - 1]);
        if (!goes_before(h->nodes[child - 1], n)) {
            break;
        }
        set(h, at, h->nodes[child - 1]);
        at = child;
    }
    set(h, at, n);
}

void heap_moved(struct heap *h, struct heap_node *n)
{
    rise(h, n);
    sink(h, n);
}

void heap_put(struct heap *h, struct heap_node *n)
{
    if (h->count == h->room) {
        h->room = h->room ? 2 * h->room : 4;
        h->nodes = mem_grow(h->nodes, h->room * sizeof(struct heap_node *));
    }
    n->place = ++h->count;
    rise(h, n);
}

void heap_take(struct heap *h, struct heap_node *n)
{
    struct heap_node *last = h->nodes[--h->count];
    if (last != n) {
        set(h, n->place, last);
        heap_moved(h, last);
    }
    n->place = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}

void heap_dispose(struct heap *h)
{
    mem_free(h->nodes);
    *h = (struct heap){0};
}
