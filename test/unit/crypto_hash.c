/* crypto_hash.c: hashes against published vectors, comparing, encodings. */
#include "crypto/crypto.h"

#include <string.h>

#include "base/encoding.h"
#include "base/id.h"
#include "test.h"

static void check_hash(struct sha256 hash, const char *want)
{
    char text[2 * SHA256_BYTES + 1];

    hex_encode(hash.b, sizeof hash.b, text);
    CHECK_STR(str_from(text), str_from(want));
}

TEST(sha256_gives_the_published_values)
{
    check_hash(crypto_sha256(STR_NONE), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hash(crypto_sha256(STR("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash(crypto_sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(a_hash_does_not_depend_on_how_the_bytes_arrive)
{
    char text[1000];
    struct sha256_stream s;

    memset(text, 'a', sizeof text);
    for (size_t piece = 1; piece < sizeof text; piece = piece * 2 + 1) {
        sha256_init(&s);
        for (size_t at = 0; at < sizeof text; at += piece) {
            sha256_update(&s, str_sub((struct str){text, sizeof text}, at, at + piece));
        }
        check_hash(sha256_final(&s), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
    }
}

/* RFC 4231, test cases 1, 2 and 6 */
TEST(hmac_sha256_gives_the_values_of_rfc_4231)
{
    char key[131];

    memset(key, 0x0B, 20);
    check_hash(crypto_hmac_sha256((struct str){key, 20}, STR("Hi There")),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hash(crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?")),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xAA, sizeof key);
    check_hash(crypto_hmac_sha256((struct str){key, sizeof key},
                                  STR("Test Using Larger Than Block-Size Key - Hash Key First")),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(equal_means_same_length_and_same_bytes)
{
    CHECK_TRUE(crypto_equal(STR("secret"), STR("secret")));
    CHECK_FALSE(crypto_equal(STR("secret"), STR("Secret")));
    CHECK_FALSE(crypto_equal(STR("secret"), STR("secreT")));
    CHECK_FALSE(crypto_equal(STR("secret"), STR("secre")));
    CHECK_TRUE(crypto_equal(STR(""), STR_NONE));
}

TEST(wiped_memory_is_zero)
{
    char secret[] = "secret";

    crypto_wipe(secret, sizeof secret);
    CHECK_INT(memcmp(secret, "\0\0\0\0\0\0", sizeof secret), 0);
}

TEST(base62_is_a_number_of_fixed_width)
{
    char text[44];
    uint8_t bytes[32], back[32];

    base62_encode("\0\0\0\0", 4, text, 6);
    CHECK_STR(str_from(text), STR("000000"));
    base62_encode("\0\0\0\x3D", 4, text, 6);
    CHECK_STR(str_from(text), STR("00000z"));
    base62_encode("\0\0\0\x3E", 4, text, 6);
    CHECK_STR(str_from(text), STR("000010"));
    base62_encode("\xFF\xFF\xFF\xFF", 4, text, 6);
    CHECK_STR(str_from(text), STR("4gfFC3"));
    memset(bytes, 0xFF, sizeof bytes);
    base62_encode(bytes, sizeof bytes, text, 43);
    CHECK_TRUE(base62_decode(str_from(text), back, sizeof back));
    CHECK_INT(memcmp(bytes, back, sizeof back), 0);
    for (int round = 0; round < 200; round++) {
        random_bytes(bytes, sizeof bytes);
        base62_encode(bytes, sizeof bytes, text, 43);
        CHECK_TRUE(base62_decode(str_from(text), back, sizeof back));
        CHECK_INT(memcmp(bytes, back, sizeof back), 0);
    }
}

TEST(base62_that_does_not_fit_or_is_none_is_refused)
{
    uint8_t bytes[4] = {7, 7, 7, 7};

    CHECK_FALSE(base62_decode(STR("4gfFC4"), bytes, 4)); /* 2^32 */
    CHECK_FALSE(base62_decode(STR("zzzzzz"), bytes, 4));
    CHECK_FALSE(base62_decode(STR("00-000"), bytes, 4));
    CHECK_FALSE(base62_decode(STR(""), bytes, 4));
    CHECK_INT(bytes[0], 7);
}

TEST(base64_has_a_standard_form_and_one_for_urls)
{
    static const struct {
        struct str bytes;
        const char *standard, *url;
    } rows[] = {
        {STR(""), "", ""},
        {STR("f"), "Zg==", "Zg"},
        {STR("fo"), "Zm8=", "Zm8"},
        {STR("foo"), "Zm9v", "Zm9v"},
        {STR("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {STR("\xFB\xFF\xBF\0"), "+/+/AA==", "-_-_AA"},
    };
    char text[BASE64_TEXT_BYTES(6)], back[6];

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        size_t n = 99;

        CHECK_INT(base64_encode(BASE64_STANDARD, rows[k].bytes, text), strlen(rows[k].standard));
        CHECK_STR(str_from(text), str_from(rows[k].standard));
        base64_encode(BASE64_URL, rows[k].bytes, text);
        CHECK_STR(str_from(text), str_from(rows[k].url));
        CHECK_TRUE(base64_decode(BASE64_URL, str_from(rows[k].url), back, sizeof back, &n));
        CHECK_STR(((struct str){back, n}), rows[k].bytes);
        CHECK_TRUE(base64_decode(BASE64_STANDARD, str_from(rows[k].standard), back, sizeof back, &n));
        CHECK_STR(((struct str){back, n}), rows[k].bytes);
    }
}

TEST(base64_that_is_not_canonical_is_refused)
{
    static const char *const bad[] = {"Z",
                                      "Zg==",
                                      "Zh",
                                      "Zm9",
                                      "Zm+v",
                                      "Zm/v",
                                      "Zm9v ",
                                      " Zm9v",
                                      "Zm\n9v",
                                      "Zm9v=",
                                      "\xFF\xFF\xFF\xFF",
                                      "Zm9\xC3"};
    char back[6];
    size_t n = 99;

    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        if (base64_decode(BASE64_URL, str_from(bad[k]), back, sizeof back, &n)) {
            CHECK_STR(str_from(bad[k]), STR("refused"));
        }
    }
    CHECK_FALSE(base64_decode(BASE64_STANDARD, STR("Zg"), back, sizeof back, &n));
    CHECK_FALSE(base64_decode(BASE64_URL, STR("Zm9vYmFy"), back, 5, &n));
    CHECK_INT(n, 99);
}
