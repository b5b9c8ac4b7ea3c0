/* token.h: a text that we give out and believe when it comes back: what a stream may show, where a list goes on. Not
 * secret, only signed; nothing is stored. base64url of
 *
 *   HMAC-SHA256, 32 bytes | expiry, unix ms, 8 bytes, big-endian | payload
 *
 * The HMAC also covers the purpose, so that a token made for one use is worthless for another. */
#ifndef STINT_CRYPTO_TOKEN_H
#define STINT_CRYPTO_TOKEN_H

#include "base/arena.h"
#include "crypto/crypto.h"

#define TOKEN_MAX_PAYLOAD_BYTES 4096

struct token_kind {
    const struct crypto_key *key;
    const char *purpose; /* "stream", "cursor", … */
};

/* The token that token_verify accepts for this kind while now < expires_at (INT64_MAX: for ever). It lives in
 * `a`. The payload is at most TOKEN_MAX_PAYLOAD_BYTES (asserted: we choose it). Any thread. */
struct str token_sign(const struct token_kind *kind, struct str payload, int64_t expires_at, struct arena *a);
/* The payload, living in `a`. RC_DENIED: not a token of ours for this kind, or expired. Any thread. */
MUST_CHECK enum rc token_verify(const struct token_kind *kind, struct str token, int64_t now, struct arena *a,
                                struct str *payload, struct err *e);

#endif
