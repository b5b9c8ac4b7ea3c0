/* id.h: 128-bit identifiers, UUID version 7 (RFC 9562 section 5.7): sortable by time, unguessable in the rest.
 * Layout used here: 48 bits unix milliseconds | 4 bits version | 12 + 9 bits sequence within the millisecond
 * (RFC 9562 section 6.2, method 1) | 2 bits variant | 53 random bits. The time and the sequence together are the
 * id's `ordinal`, a positive 63-bit number that grows with every id of one generator: a store may use it as
 * its integer row key, and compare the random bits to be sure. */
#ifndef STINT_BASE_ID_H
#define STINT_BASE_ID_H

#include "base/str.h"

#define ID_TEXT_BYTES 36

struct id {
    uint8_t b[16];
};

struct id_text {
    char s[ID_TEXT_BYTES + 1];
};

/* Makes ids; one generator per store, used by one thread. Its ordinals never repeat and never fall, also when the
 * clock steps back; seed `last_ordinal` with the greatest one ever stored. */
struct id_generator {
    int64_t last_ordinal;
};

struct id id_next(struct id_generator *g, int64_t now);
struct id id_random(int64_t now); /* for ids that need no order, any thread */
int64_t id_ordinal(struct id id); /* (ms << 21 | sequence); ms is cut to 42 bits: good until the year 2109 */
int64_t id_random_bits(struct id id); /* the 53 random bits, 0 … 2^53-1 */
struct id id_from_parts(int64_t ordinal, int64_t random_bits);
bool id_eq(struct id a, struct id b);
bool id_is_zero(struct id id);
MUST_CHECK bool id_parse(struct str text,
                         struct id *out); /* canonical lower or upper case form; version 7 only */
struct id_text id_text(struct id id);

/* Fills with random bytes of the system; ends the process when there are none. */
void random_bytes(void *to, size_t n);
uint64_t random_u64(void);
/* Lower-case hex of n bytes, and back. `out` needs 2n + 1 bytes. */
void hex_encode(const void *bytes, size_t n, char *out);
MUST_CHECK bool hex_decode(struct str hex, void *out, size_t n);

#endif
