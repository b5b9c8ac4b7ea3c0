/* id.c: see id.h. Byte layout of an id (RFC 9562 section 5.7), and where our fields lie in it:
 *
 *   byte   0 1 2 3 4 5 | 6          7   | 8                9            10 … 15
 *          unix ms, 48 | 7, seq 20…9    | 10, seq 8…3      seq 2…0, random 52 … 0
 */
#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SEQUENCE_BITS 21
#define SEQUENCE_MASK ((1ULL << SEQUENCE_BITS) - 1)
#define RANDOM_BITS   53
#define RANDOM_MASK   ((1ULL << RANDOM_BITS) - 1)
#define MS_MASK       ((1ULL << 42) - 1)
#define LOW_SEQ_MASK  ((1ULL << 9) - 1)

/* A system call for each id would cost more than the rest of an enqueue, so small wishes are served from a pool.
 * Bytes handed out are wiped, and a forked child starts with an empty pool: it must not repeat its parent's. */
static _Thread_local struct {
    unsigned char bytes[512];
    size_t left;
} pool;

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void from_system(void *to, size_t n)
{
    unsigned char *p = to;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno != EINTR) {
            abort();
        }
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

static void pool_empty(void)
{
    memset(&pool, 0, sizeof pool);
}

static void pool_watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, pool_empty) != 0) {
        abort();
    }
}

void random_bytes(void *to, size_t n)
{
    if (n > 16) {
        from_system(to, n);
        return;
    }
    if (pool.left < n) {
        pthread_once(&pool_once, pool_watch_forks);
        from_system(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= n;
    memcpy(to, pool.bytes + pool.left, n);
    memset(pool.bytes + pool.left, 0, n);
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof value);
    return value;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int k = 7; k >= 0; k--) {
        to[k] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value = 0;

    for (int k = 0; k < 8; k++) {
        value = value << 8 | from[k];
    }
    return value;
}

struct id id_from_parts(int64_t ordinal, int64_t random_bits)
{
    uint64_t ms = (uint64_t)ordinal >> SEQUENCE_BITS & MS_MASK;
    uint64_t sequence = (uint64_t)ordinal & SEQUENCE_MASK;
    struct id id;

    put_u64(id.b, ms << 16 | 7ULL << 12 | sequence >> 9);
    put_u64(id.b + 8,
            2ULL << 62 | (sequence & LOW_SEQ_MASK) << RANDOM_BITS | ((uint64_t)random_bits & RANDOM_MASK));
    return id;
}

int64_t id_ordinal(struct id id)
{
    uint64_t high = get_u64(id.b);
    uint64_t low = get_u64(id.b + 8);
    uint64_t sequence = (high & 0xFFF) << 9 | (low >> RANDOM_BITS & LOW_SEQ_MASK);

    return (int64_t)((high >> 16 & MS_MASK) << SEQUENCE_BITS | sequence);
}

int64_t id_random_bits(struct id id)
{
    return (int64_t)(get_u64(id.b + 8) & RANDOM_MASK);
}

static int64_t ordinal_of_time(int64_t now)
{
    return now > 0 ? (int64_t)(((uint64_t)now & MS_MASK) << SEQUENCE_BITS) : 0;
}

struct id id_next(struct id_generator *g, int64_t now)
{
    int64_t ordinal = ordinal_of_time(now);

    /* The clock stood still or stepped back: go on counting from the last one. A sequence that runs over
     * borrows from the next millisecond, which is harmless. */
    if (ordinal <= g->last_ordinal) {
        ordinal = g->last_ordinal + 1;
    }
    g->last_ordinal = ordinal;
    return id_from_parts(ordinal, (int64_t)(random_u64() & RANDOM_MASK));
}

struct id id_random(int64_t now)
{
    int64_t sequence = (int64_t)(random_u64() & SEQUENCE_MASK);

    return id_from_parts(ordinal_of_time(now) | sequence, (int64_t)(random_u64() & RANDOM_MASK));
}

bool id_eq(struct id a, struct id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool id_is_zero(struct id id)
{
    static const struct id none;
    return memcmp(&id, &none, sizeof id) == 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool hex_decode(struct str hex, void *out, size_t n)
{
    uint8_t *to = out;

    if (hex.n != 2 * n) {
        return false;
    }
    for (size_t k = 0; k < hex.n; k++) {
        if (hex_value(hex.p[k]) < 0) {
            return false;
        }
    }
    for (size_t k = 0; k < n; k++) {
        to[k] = (uint8_t)(hex_value(hex.p[2 * k]) << 4 | hex_value(hex.p[2 * k + 1]));
    }
    return true;
}

static char *put_hex(char *to, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t k = 0; k < n; k++) {
        *to++ = digits[bytes[k] >> 4];
        *to++ = digits[bytes[k] & 15];
    }
    return to;
}

void hex_encode(const void *bytes, size_t n, char *out)
{
    *put_hex(out, bytes, n) = '\0';
}

/* 8-4-4-4-12 digits */
bool id_parse(struct str text, struct id *out)
{
    static const uint8_t group_bytes[] = {4, 2, 2, 2, 6};
    struct id id;
    size_t at = 0, done = 0;

    if (text.n != ID_TEXT_BYTES) {
        return false;
    }
    for (size_t g = 0; g < sizeof group_bytes; g++) {
        size_t n = group_bytes[g];

        if (g > 0 && text.p[at++] != '-') {
            return false;
        }
        if (!hex_decode(str_sub(text, at, at + 2 * n), id.b + done, n)) {
            return false;
        }
        at += 2 * n;
        done += n;
    }
    if (id.b[6] >> 4 != 7 || id.b[8] >> 6 != 2) {
        return false;
    }
    *out = id;
    return true;
}

struct id_text id_text(struct id id)
{
    struct id_text text;
    char *to = put_hex(text.s, id.b, 4);

    *to++ = '-';
    to = put_hex(to, id.b + 4, 2);
    *to++ = '-';
    to = put_hex(to, id.b + 6, 2);
    *to++ = '-';
    to = put_hex(to, id.b + 8, 2);
    *to++ = '-';
    *put_hex(to, id.b + 10, 6) = '\0';
    return text;
}
