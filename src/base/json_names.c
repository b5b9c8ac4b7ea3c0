/* json_names.c: see json_names.h. */
#include "base/json_names.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"

#define COMPARE_MAX 16 /* up to so many names, comparing them all is faster than hashing one */

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed[2];

static void make_seed(void)
{
    random_bytes(seed, sizeof seed);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3: made for exactly this, hash tables that strangers fill. */
static uint64_t keyed_hash(struct str s)
{
    uint64_t v[4] = {seed[0] ^ 0x736F6D6570736575ULL, seed[1] ^ 0x646F72616E646F6DULL,
                     seed[0] ^ 0x6C7967656E657261ULL, seed[1] ^ 0x7465646279746573ULL};
    uint64_t word;
    size_t k = 0;

    for (; s.n - k >= sizeof word; k += sizeof word) {
        memcpy(&word, s.p + k, sizeof word);
        sip_word(v, le64toh(word));
    }
    word = 0;
    if (s.n > k) {
        memcpy(&word, s.p + k, s.n - k);
    }
    sip_word(v, le64toh(word) | (uint64_t)s.n << 56);
    v[2] ^= 0xFF;
    for (int round = 0; round < 3; round++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void json_names_init(struct json_names *names)
{
    names->items = names->first;
    names->n = 0;
    names->cap = JSON_NAMES_INLINE;
}

void json_names_dispose(struct json_names *names)
{
    if (names->items != names->first) {
        mem_free(names->items);
    }
}

static void push(struct json_names *names, struct str name)
{
    if (names->n == names->cap) {
        struct str *old = names->items == names->first ? NULL : names->items;

        names->items = mem_grow(old, 2 * names->cap * sizeof *names->items);
        if (!old) {
            memcpy(names->items, names->first, sizeof names->first);
        }
        names->cap *= 2;
    }
    names->items[names->n++] = name;
}

void json_name_set_begin(struct json_name_set *set, const struct json_names *names)
{
    *set = (struct json_name_set){.base = names->n};
}

void json_name_set_end(struct json_name_set *set, struct json_names *names)
{
    names->n = set->base;
    mem_free(set->slots);
    set->slots = NULL;
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *find_slot(const struct json_name_set *set, const struct json_names *names, struct str name)
{
    size_t mask = set->slot_count - 1;
    size_t at = (size_t)keyed_hash(name) & mask;

    while (set->slots[at] != 0 && !str_eq(names->items[set->base + set->slots[at] - 1], name)) {
        at = (at + 1) & mask;
    }
    return &set->slots[at];
}

/* Keeps the table at most half full. */
static void make_room(struct json_name_set *set, const struct json_names *names, size_t count)
{
    if (2 * (count + 1) <= set->slot_count) {
        return;
    }
    pthread_once(&seed_once, make_seed);
    mem_free(set->slots);
    set->slot_count = set->slot_count > 0 ? 2 * set->slot_count : 8 * COMPARE_MAX;
    set->slots = mem_alloc(set->slot_count * sizeof *set->slots);
    for (size_t k = 0; k < count; k++) {
        *find_slot(set, names, names->items[set->base + k]) = (uint32_t)(k + 1);
    }
}

bool json_name_set_add(struct json_name_set *set, struct json_names *names, struct str name)
{
    size_t count = names->n - set->base;

    if (count < COMPARE_MAX) {
        for (size_t k = set->base; k < names->n; k++) {
            if (str_eq(names->items[k], name)) {
                return false;
            }
        }
    } else {
        assert(count < UINT32_MAX);
        make_room(set, names, count);
        uint32_t *slot = find_slot(set, names, name);

        if (*slot != 0) {
            return false;
        }
        *slot = (uint32_t)(count + 1);
    }
    push(names, name);
    return true;
}
