/* token.c: see token.h. */
#include "crypto/token.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/encoding.h"

#define EXPIRY_BYTES 8
#define HEAD_BYTES   (SHA256_BYTES + EXPIRY_BYTES)

/* A key of its own for each purpose: no way of joining purpose and body can then be mistaken for another. */
static struct sha256 mac_of(const struct token_kind *kind, struct str body)
{
    struct sha256 own = crypto_hmac_sha256((struct str){(const char *)kind->key->b, CRYPTO_KEY_BYTES},
                                           str_from(kind->purpose));
    struct sha256 mac = crypto_hmac_sha256((struct str){(const char *)own.b, sizeof own.b}, body);

    crypto_wipe(&own, sizeof own);
    return mac;
}

struct str token_sign(const struct token_kind *kind, struct str payload, int64_t expires_at, struct arena *a)
{
    assert(payload.n <= TOKEN_MAX_PAYLOAD_BYTES);
    size_t n = HEAD_BYTES + payload.n;
    char *bytes = arena_alloc(a, n);
    char *text = arena_alloc(a, BASE64_TEXT_BYTES(n));
    uint64_t expiry = htobe64((uint64_t)expires_at);

    memcpy(bytes + SHA256_BYTES, &expiry, EXPIRY_BYTES);
    if (payload.n > 0) {
        memcpy(bytes + HEAD_BYTES, payload.p, payload.n);
    }
    struct sha256 mac = mac_of(kind, (struct str){bytes + SHA256_BYTES, n - SHA256_BYTES});

    memcpy(bytes, mac.b, SHA256_BYTES);
    return (struct str){text, base64_encode(BASE64_URL, (struct str){bytes, n}, text)};
}

enum rc token_verify(const struct token_kind *kind, struct str token, int64_t now, struct arena *a,
                     struct str *payload, struct err *e)
{
    const size_t max = HEAD_BYTES + TOKEN_MAX_PAYLOAD_BYTES;
    uint64_t expiry;
    size_t n = 0;

    if (token.n >= BASE64_TEXT_BYTES(max)) {
        return err_set(e, RC_DENIED, "not a valid token");
    }
    char *bytes = arena_alloc(a, token.n + 1);

    if (!base64_decode(BASE64_URL, token, bytes, token.n, &n) || n < HEAD_BYTES) {
        return err_set(e, RC_DENIED, "not a valid token");
    }
    struct sha256 mac = mac_of(kind, (struct str){bytes + SHA256_BYTES, n - SHA256_BYTES});

    if (!crypto_equal((struct str){(const char *)mac.b, SHA256_BYTES}, (struct str){bytes, SHA256_BYTES})) {
        return err_set(e, RC_DENIED, "not a valid token");
    }
    memcpy(&expiry, bytes + SHA256_BYTES, EXPIRY_BYTES);
    int64_t expires_at = (int64_t)be64toh(expiry);

    if (now >= expires_at && expires_at != INT64_MAX) {
        return err_set(e, RC_DENIED, "the token has expired");
    }
    *payload = (struct str){bytes + HEAD_BYTES, n - HEAD_BYTES};
    return RC_OK;
}
