/* crypto.h: hashes and keyed hashes, comparing without telling by the time it takes, wiping. Nothing here is our own
 * invention: this room puts names on libsodium and on OpenSSL's SHA-256, and is the only one that includes them. */
#ifndef STINT_CRYPTO_CRYPTO_H
#define STINT_CRYPTO_CRYPTO_H

#include "base/str.h"

#define SHA256_BYTES     32
#define CRYPTO_KEY_BYTES 32

struct sha256 {
    uint8_t b[SHA256_BYTES];
};

/* A secret for crypto_hmac_sha256 and token.h. */
struct crypto_key {
    uint8_t b[CRYPTO_KEY_BYTES];
};

/* A hash that is fed piece by piece: init, update as often as needed, final once. On the caller's stack; a copy of
 * it goes on independently. */
struct sha256_stream {
    _Alignas(16) unsigned char opaque[128];
};

struct sha256 crypto_sha256(struct str bytes);
void sha256_init(struct sha256_stream *s);
void sha256_update(struct sha256_stream *s, struct str bytes);
struct sha256 sha256_final(struct sha256_stream *s);

/* RFC 2104; a key of any length. */
struct sha256 crypto_hmac_sha256(struct str key, struct str bytes);

/* Equal content; takes as long for a difference in the first byte as in the last. Lengths are no secret. */
bool crypto_equal(struct str a, struct str b);
/* Overwrites a secret; not optimised away. */
void crypto_wipe(void *p, size_t n);

#endif
