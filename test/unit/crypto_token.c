/* crypto_token.c: signed tokens. */
#include "crypto/token.h"

#include <string.h>

#include "test.h"

static const struct crypto_key key_a = {{1}}, key_b = {{2}};
static const struct token_kind stream_a = {&key_a, "stream"}, cursor_a = {&key_a, "cursor"},
                               stream_b = {&key_b, "stream"};

TEST(a_token_gives_back_its_payload_until_it_expires)
{
    struct arena *a = arena_new();
    struct str token = token_sign(&stream_a, STR("job=1\0x"), 1000, a);
    struct str payload = STR_NONE;

    CHECK_INT(token.n, (32 + 8 + 7) * 4 / 3 + 1);
    OK(token_verify(&stream_a, token, 999, a, &payload, e));
    CHECK_STR(payload, STR("job=1\0x"));
    payload = STR_NONE;
    FAILS(token_verify(&stream_a, token, 1000, a, &payload, e), RC_DENIED);
    CHECK_STR(str_from(e->text), STR("the token has expired"));
    CHECK_TRUE(payload.p == NULL);
    arena_free(a);
}

TEST(a_token_counts_only_for_its_key_and_purpose)
{
    struct arena *a = arena_new();
    struct str token = token_sign(&stream_a, STR("p"), INT64_MAX, a);
    struct str payload;

    OK(token_verify(&stream_a, token, INT64_MAX, a, &payload, e));
    FAILS(token_verify(&cursor_a, token, 0, a, &payload, e), RC_DENIED);
    FAILS(token_verify(&stream_b, token, 0, a, &payload, e), RC_DENIED);
    arena_free(a);
}

TEST(a_token_changed_in_any_bit_or_cut_is_denied)
{
    struct arena *a = arena_new();
    struct str token = token_sign(&stream_a, STR("payload"), 1000, a);
    struct str payload;
    char *copy = arena_c_str(a, token);

    for (size_t at = 0; at < token.n; at++) {
        for (int bit = 0; bit < 8; bit++) {
            copy[at] = (char)(token.p[at] ^ 1 << bit);
            FAILS(token_verify(&stream_a, (struct str){copy, token.n}, 0, a, &payload, e), RC_DENIED);
        }
        copy[at] = token.p[at];
        FAILS(token_verify(&stream_a, str_sub(token, 0, at), 0, a, &payload, e), RC_DENIED);
    }
    OK(token_verify(&stream_a, (struct str){copy, token.n}, 0, a, &payload, e));
    arena_free(a);
}

TEST(a_token_has_room_for_an_empty_and_for_the_greatest_payload)
{
    struct arena *a = arena_new();
    struct str payload = STR("unset");
    struct str big = {arena_alloc(a, TOKEN_MAX_PAYLOAD_BYTES), TOKEN_MAX_PAYLOAD_BYTES};
    char *huge = arena_alloc(a, 100000);

    OK(token_verify(&stream_a, token_sign(&stream_a, STR_NONE, 1, a), 0, a, &payload, e));
    CHECK_INT(payload.n, 0);
    OK(token_verify(&stream_a, token_sign(&stream_a, big, 1, a), 0, a, &payload, e));
    CHECK_INT(payload.n, TOKEN_MAX_PAYLOAD_BYTES);
    memset(huge, 'A', 100000);
    FAILS(token_verify(&stream_a, (struct str){huge, 100000}, 0, a, &payload, e), RC_DENIED);
    arena_free(a);
}
