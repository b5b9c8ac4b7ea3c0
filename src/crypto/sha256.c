/* sha256.c: SHA-256 by OpenSSL, which uses what the processor has for it; libsodium's is portable C (docs/decisions/0016). By its plain
 * functions: they allocate nothing, so that a stream lives on its owner's stack and a copy of it goes on. */
#define OPENSSL_API_COMPAT 0x10100000L /* 3.0 would rather have everybody use EVP */
#include "crypto/crypto.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256_stream), "the stream holds OpenSSL's state");
_Static_assert(SHA256_DIGEST_LENGTH == SHA256_BYTES, "SHA-256 has 32 bytes");

static SHA256_CTX *state_of(struct sha256_stream *s)
{
    return (SHA256_CTX *)(void *)s->opaque;
}

void sha256_init(struct sha256_stream *s)
{
    (void)SHA256_Init(state_of(s));
}

void sha256_update(struct sha256_stream *s, struct str bytes)
{
    if (bytes.n) {
        (void)SHA256_Update(state_of(s), bytes.p, bytes.n);
    }
}

struct sha256 sha256_final(struct sha256_stream *s)
{
    struct sha256 hash;

    (void)SHA256_Final(hash.b, state_of(s));
    return hash;
}

struct sha256 crypto_sha256(struct str bytes)
{
    struct sha256_stream s;

    sha256_init(&s);
    sha256_update(&s, bytes);
    return sha256_final(&s);
}
