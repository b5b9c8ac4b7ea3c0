#include <string.h>

#include "crypto/api_key.h"
#include "test.h"

TEST(a_new_key_reads_back_with_its_id_and_hash)
{
    struct api_key_text k;
    struct str id;
    unsigned char hash[API_KEY_SHA256_BYTES];

    api_key_make(&k);
    CHECK_INT(strlen(k.text), API_KEY_TEXT_BYTES);
    CHECK_TRUE(api_key_read(str_from(k.text), &id, hash));
    CHECK_STR(id, str_from(k.public_id));
    CHECK_TRUE(api_key_hash_eq(hash, k.sha256));
    CHECK_TRUE(str_ends(str_from(k.text), str_from(k.last4)));
}

TEST(a_key_with_any_letter_changed_is_refused_by_its_form_or_has_another_hash)
{
    struct api_key_text k;

    api_key_make(&k);
    for (size_t i = 0; i < API_KEY_TEXT_BYTES; i++) {
        struct str id;
        unsigned char hash[API_KEY_SHA256_BYTES];
        struct api_key_text bad = k;

        bad.text[i] = bad.text[i] == 'x' ? 'y' : 'x';
        CHECK_FALSE(api_key_read(str_from(bad.text), &id, hash));
    }
}

TEST(two_keys_share_neither_id_nor_secret)
{
    struct api_key_text a, b;

    api_key_make(&a);
    api_key_make(&b);
    CHECK_FALSE(str_eq(str_from(a.public_id), str_from(b.public_id)));
    CHECK_FALSE(api_key_hash_eq(a.sha256, b.sha256));
    api_key_wipe(&a);
    CHECK_INT(a.text[0], 0);
}

TEST(a_key_read_again_gives_the_same_answer_and_no_other_text_takes_its_place)
{
    struct api_key_memo memo;

    api_key_memo_init(&memo);
    for (size_t round = 0; round < 3 * API_KEY_MEMO_ENTRIES; round++) { /* more keys than it has room for */
        struct api_key_text k;
        struct str id;
        unsigned char hash[API_KEY_SHA256_BYTES];

        api_key_make(&k);
        for (size_t again = 0; again < 2; again++) {
            CHECK_TRUE(api_key_read_again(&memo, str_from(k.text), &id, hash));
            CHECK_STR(id, str_from(k.public_id));
            CHECK_TRUE(api_key_hash_eq(hash, k.sha256));
        }
        k.text[API_KEY_TEXT_BYTES - 1] = k.text[API_KEY_TEXT_BYTES - 1] == 'x' ? 'y' : 'x';
        CHECK_FALSE(api_key_read_again(&memo, str_from(k.text), &id, hash));
    }
}
