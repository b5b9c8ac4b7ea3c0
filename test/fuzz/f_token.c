/* f_token.c: what strangers send as credentials. Nobody without the key makes a valid token, and no text but the one
 * that an encoder makes is ever decoded. */
#include "crypto/token.h"

#include <assert.h>

#include "base/encoding.h"
#include "crypto/api_key.h"

#define MAX_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(enum base64_form form, struct str text)
{
    char bytes[MAX_BYTES], again[BASE64_TEXT_BYTES(MAX_BYTES)];
    size_t n = 0;

    if (base64_decode(form, text, bytes, sizeof bytes, &n)) {
        size_t chars = base64_encode(form, (struct str){bytes, n}, again);

        assert(str_eq((struct str){again, chars}, text));
    }
}

static void check_base62(struct str text)
{
    char bytes[32], again[44];

    if (text.n == 43 && base62_decode(text, bytes, sizeof bytes)) {
        base62_encode(bytes, sizeof bytes, again, 43);
        assert(str_eq(str_from(again), text));
    }
}

static void check_api_key(struct str text)
{
    unsigned char hash[API_KEY_SHA256_BYTES];
    struct str public_id;

    if (api_key_read(text, &public_id, hash)) {
        struct sha256 want = crypto_sha256(text);

        assert(public_id.n == API_KEY_ID_BYTES && public_id.p > text.p);
        assert(api_key_hash_eq(hash, want.b));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct crypto_key key = {{7}};
    static const struct token_kind kind = {&key, "fuzz"};
    struct str text = {(const char *)data, size};
    struct arena *a = arena_new();
    struct str payload;
    struct err e;

    check_base64(BASE64_URL, text);
    check_base64(BASE64_STANDARD, text);
    check_base62(text);
    check_api_key(text);
    assert(token_verify(&kind, text, 0, a, &payload, &e) == RC_DENIED);
    struct str token = token_sign(&kind, str_sub(text, 0, TOKEN_MAX_PAYLOAD_BYTES), 1, a);

    assert(token_verify(&kind, token, 0, a, &payload, &e) == RC_OK);
    assert(str_eq(payload, str_sub(text, 0, TOKEN_MAX_PAYLOAD_BYTES)));
    arena_free(a);
    return 0;
}
