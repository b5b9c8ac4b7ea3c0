/* crypto.c: see crypto.h. */
#include "crypto/crypto.h"

#include <sodium.h>

_Static_assert(crypto_auth_hmacsha256_BYTES == SHA256_BYTES, "SHA-256 has 32 bytes");

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.p ? s.p : "");
}

struct sha256 crypto_hmac_sha256(struct str key, struct str bytes)
{
    crypto_auth_hmacsha256_state state;
    struct sha256 mac;

    crypto_auth_hmacsha256_init(&state, bytes_of(key), key.n);
    crypto_auth_hmacsha256_update(&state, bytes_of(bytes), bytes.n);
    crypto_auth_hmacsha256_final(&state, mac.b);
    crypto_wipe(&state, sizeof state);
    return mac;
}

bool crypto_equal(struct str a, struct str b)
{
    return a.n == b.n && sodium_memcmp(bytes_of(a), bytes_of(b), a.n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}
