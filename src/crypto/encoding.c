/* encoding.c: see encoding.h. */
#include "crypto/encoding.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define MAX_NUMBER_BYTES 64

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void base62_encode(const void *bytes, size_t n, char *out, size_t chars)
{
    uint8_t number[MAX_NUMBER_BYTES];

    assert(n <= sizeof number);
    memcpy(number, bytes, n);
    for (size_t k = chars; k > 0; k--) {
        unsigned rest = 0;

        for (size_t b = 0; b < n; b++) {
            unsigned part = rest << 8 | number[b];

            number[b] = (uint8_t)(part / 62);
            rest = part % 62;
        }
        out[k - 1] = digits[rest];
    }
    for (size_t b = 0; b < n; b++) {
        assert(number[b] == 0); /* `chars` was too small */
    }
    out[chars] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'Z') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 36;
    }
    return -1;
}

bool base62_decode(struct str text, void *out, size_t n)
{
    uint8_t number[MAX_NUMBER_BYTES] = {0};

    assert(n <= sizeof number);
    if (text.n == 0) {
        return false;
    }
    for (size_t k = 0; k < text.n; k++) {
        int digit = digit_value(text.p[k]);

        if (digit < 0) {
            return false;
        }
        unsigned carry = (unsigned)digit;

        for (size_t b = n; b > 0; b--) {
            unsigned part = number[b - 1] * 62U + carry;

            number[b - 1] = (uint8_t)part;
            carry = part >> 8;
        }
        if (carry > 0) {
            return false;
        }
    }
    memcpy(out, number, n);
    return true;
}

static bool is_ascii(struct str s)
{
    for (size_t k = 0; k < s.n; k++) {
        if ((unsigned char)s.p[k] >= 0x80) {
            return false;
        }
    }
    return true;
}

static int sodium_variant(enum base64_form form)
{
    return form == BASE64_URL ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL;
}

size_t base64_encode(enum base64_form form, struct str bytes, char *out)
{
    const unsigned char *p = (const unsigned char *)(bytes.p ? bytes.p : "");

    sodium_bin2base64(out, BASE64_TEXT_BYTES(bytes.n), p, bytes.n, sodium_variant(form));
    return strlen(out);
}

bool base64_decode(enum base64_form form, struct str text, void *out, size_t max_bytes, size_t *n)
{
    size_t got = 0;

    if (text.n == 0) {
        *n = 0;
        return true;
    }
    /* libsodium 1.0.18 takes bytes above 0x7F for letters where char is signed */
    if (!is_ascii(text)) {
        return false;
    }
    if (sodium_base642bin(out, max_bytes, text.p, text.n, NULL, &got, NULL, sodium_variant(form)) != 0) {
        return false;
    }
    *n = got;
    return true;
}
