/* table.c: see table.h. Chains, doubled when they average more than one entry. */
#include "queue/table.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"

#define FIRST_SLOTS ((size_t)16)

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
    random_bytes(secret, sizeof secret);
    secret[0] |= 1;
    secret[1] |= 1;
}

/* Both halves of a 64 × 64 bit product: each bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(uint64_t seed, const char *p, size_t n)
{
    pthread_once(&secret_once, make_secret);
    uint64_t h = seed ^ secret[0];

    for (; n > 0;) {
        uint64_t word = 0;
        size_t take = n < sizeof word ? n : sizeof word;

        memcpy(&word, p, take);
        h = mix(h ^ word, secret[1] + take);
        p += take;
        n -= take;
    }
    return mix(h ^ secret[1], secret[0]);
}

uint64_t table_hash_str(int64_t tenant, struct str s)
{
    return hash_bytes((uint64_t)tenant * 0x9E3779B97F4A7C15U + s.n, s.p, s.n);
}

uint64_t table_hash_id(struct id id)
{
    return hash_bytes(0, (const char *)id.b, sizeof id.b);
}

static void put(struct table *t, struct table_node *n)
{
    struct table_node **slot = &t->slots[n->hash & (t->slot_count - 1)];

    n->next = *slot;
    *slot = n;
}

static void grow(struct table *t)
{
    struct table_node **old = t->slots;
    size_t old_count = t->slot_count;

    t->slot_count = old_count ? 2 * old_count : FIRST_SLOTS;
    t->slots = mem_alloc(t->slot_count * sizeof *t->slots);
    for (size_t k = 0; k < old_count; k++) {
        while (old[k]) {
            struct table_node *n = old[k];

            old[k] = n->next;
            put(t, n);
        }
    }
    mem_free(old);
}

void table_add(struct table *t, struct table_node *n, uint64_t hash)
{
    if (t->count >= t->slot_count) {
        grow(t);
    }
    n->hash = hash;
    put(t, n);
    t->count++;
}

void table_remove(struct table *t, struct table_node *n)
{
    struct table_node **at = &t->slots[n->hash & (t->slot_count - 1)];

    while (*at != n) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = n->next;
    t->count--;
}

static struct table_node *same_hash(struct table_node *n, uint64_t hash)
{
    while (n && n->hash != hash) {
        n = n->next;
    }
    return n;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
    return t->slot_count ? same_hash(t->slots[hash & (t->slot_count - 1)], hash) : NULL;
}

struct table_node *table_next(const struct table_node *n)
{
    return same_hash(n->next, n->hash);
}

struct table_node *table_any(const struct table *t)
{
    for (size_t k = 0; t->count > 0 && k < t->slot_count; k++) {
        if (t->slots[k]) {
            return t->slots[k];
        }
    }
    return NULL;
}

void table_dispose(struct table *t)
{
    mem_free(t->slots);
    *t = (struct table){0};
}
