/* encoding.c: see encoding.h. */
#include "base/encoding.h"

#include <assert.h>
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

/* The alphabets differ in their last two letters. */
static const char *letters_of(enum base64_form form)
{
    return form == BASE64_URL ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

/* What each letter stands for; 255: it is none. */
static void read_letters(enum base64_form form, uint8_t values[256])
{
    const char *letters = letters_of(form);
    memset(values, 255, 256);
    for (uint8_t i = 0; i < 64; i++) {
        values[(uint8_t)letters[i]] = i;
    }
}

size_t base64_encode(enum base64_form form, struct str bytes, char *out)
{
    const char *letters = letters_of(form);
    size_t n = 0;

    size_t i = 0;
    for (; i + 3 <= bytes.n; i += 3, n += 4) {
        unsigned bits = (unsigned)(uint8_t)bytes.p[i] << 16 | (unsigned)(uint8_t)bytes.p[i + 1] << 8 |
                        (unsigned)(uint8_t)bytes.p[i + 2];
        out[n] = letters[bits >> 18];
        out[n + 1] = letters[bits >> 12 & 63];
        out[n + 2] = letters[bits >> 6 & 63];
        out[n + 3] = letters[bits & 63];
    }
    for (; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        unsigned bits = (unsigned)(uint8_t)bytes.p[i] << 16;
        bits |= left > 1 ? (unsigned)(uint8_t)bytes.p[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)(uint8_t)bytes.p[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            if (k <= left) {
                out[n++] = letters[bits >> (18 - 6 * k) & 63];
            } else if (form == BASE64_STANDARD) {
                out[n++] = '=';
            }
        }
    }
    out[n] = '\0';
    return n;
}

/* Cuts off the padding that the form asks for; false when it is not exactly that. */
static bool take_padding(enum base64_form form, struct str *text)
{
    size_t padding = 0;

    if (form == BASE64_STANDARD) {
        while (padding < 2 && padding < text->n && text->p[text->n - 1 - padding] == '=') {
            padding++;
        }
        if (text->n % 4 != 0) {
            return false;
        }
        text->n -= padding;
        return padding == (4 - text->n % 4) % 4;
    }
    return text->n % 4 != 1;
}

bool base64_decode(enum base64_form form, struct str text, void *out, size_t max_bytes, size_t *n)
{
    const uint8_t *from = (const uint8_t *)text.p;
    uint8_t *to = out;
    uint8_t values[256];
    unsigned bits = 0;
    unsigned have = 0;
    size_t got = 0;
    size_t i = 0;

    if (!take_padding(form, &text) || text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0) > max_bytes) {
        return false;
    }
    read_letters(form, values);
    for (; i + 4 <= text.n; i += 4, got += 3) {
        unsigned v[4] = {values[from[i]], values[from[i + 1]], values[from[i + 2]], values[from[i + 3]]};
        if ((v[0] | v[1] | v[2] | v[3]) > 63) {
            return false;
        }
        to[got] = (uint8_t)(v[0] << 2 | v[1] >> 4);
        to[got + 1] = (uint8_t)(v[1] << 4 | v[2] >> 2);
        to[got + 2] = (uint8_t)(v[2] << 6 | v[3]);
    }
    for (; i < text.n; i++) {
        if (values[from[i]] > 63) {
            return false;
        }
        bits = (bits << 6 | values[from[i]]) & 0xfff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[got++] = (uint8_t)(bits >> have);
        }
    }
    if (bits & ((1U << have) - 1)) { /* bits that no byte has: not the one text of these bytes */
        return false;
    }
    *n = got;
    return true;
}
