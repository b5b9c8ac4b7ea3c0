/* map.h: from bytes to a pointer: what the committer keeps in memory (words, queues, lines) is found by it. The hash is
 * keyed by a random number, because strangers choose the names. Keys must live as long as they are in it. */
#ifndef STINT_STORE_MAP_H
#define STINT_STORE_MAP_H

#include "base/str.h"

struct map_slot {
    struct str key;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t count, room; /* room: a power of two, or 0 */
    uint64_t seed;
};

void *map_get(const struct map *m, struct str key);       /* NULL: not there */
void map_put(struct map *m, struct str key, void *value); /* the key must not be there */
void map_remove(struct map *m, struct str key);           /* if it is there */
void map_clear(struct map *m);
void map_dispose(struct map *m);

#endif
