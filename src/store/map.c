/* map.c: see map.h. Open addressing, at most half full. */
#include "store/map.h"

#include "base/arena.h"
#include "base/id.h"

#include <string.h>

static uint64_t mix(uint64_t h, uint64_t v)
{
    unsigned __int128 wide = (unsigned __int128)(h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

static uint64_t hash(const struct map *m, struct str key)
{
    uint64_t h = m->seed ^ key.n;
    size_t at = 0;
    for (; at + 8 <= key.n; at += 8) {
        uint64_t v = 0;
        memcpy(&v, key.p + at, 8);
        h = mix(h, v + m->seed);
    }
    uint64_t rest = 0;
    if (at < key.n) {
        memcpy(&rest, key.p + at, key.n - at);
    }
    return mix(mix(h, rest), m->seed);
}

static struct map_slot *slot_of(const struct map *m, struct str key)
{
    size_t i = hash(m, key) & (m->room - 1);
    while (m->slots[i].value && !str_eq(m->slots[i].key, key)) {
        i = (i + 1) & (m->room - 1);
    }
    return &m->slots[i];
}

void *map_get(const struct map *m, struct str key)
{
    return m->room ? slot_of(m, key)->value : NULL;
}

static void grow(struct map *m)
{
    struct map_slot *old = m->slots;
    size_t old_room = m->room;
    m->seed = m->seed ? m->seed : random_u64() | 1;
    m->room = old_room ? 2 * old_room : 64;
    m->slots = mem_alloc(m->room * sizeof *m->slots);
    for (size_t i = 0; i < old_room; i++) {
        if (old[i].value) {
            *slot_of(m, old[i].key) = old[i];
        }
    }
    mem_free(old);
}

void map_put(struct map *m, struct str key, void *value)
{
    if (2 * (m->count + 1) > m->room) {
        grow(m);
    }
    *slot_of(m, key) = (struct map_slot){key, value};
    m->count++;
}

/* Those behind it that were put off by it move up. */
void map_remove(struct map *m, struct str key)
{
    struct map_slot *gone = m->room ? slot_of(m, key) : NULL;
    if (!gone || !gone->value) {
        return;
    }
    *gone = (struct map_slot){0};
    m->count--;
    size_t mask = m->room - 1;
    for (size_t i = ((size_t)(gone - m->slots) + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        struct map_slot moved = m->slots[i];
        m->slots[i] = (struct map_slot){0};
        *slot_of(m, moved.key) = moved;
    }
}

void map_clear(struct map *m)
{
    if (m->room) {
        memset(m->slots, 0, m->room * sizeof *m->slots);
    }
    m->count = 0;
}

void map_dispose(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}
