/* base64.c: RFC 4648 section 4, padded; strict: no blanks, no line breaks, no bits set behind the end. */
#include "wire/wire.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void wire_base64_write(struct json_out *w, struct str bytes)
{
    struct buf text = BUF_LIMIT(bytes.n / 3 * 4 + 8);

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        unsigned b0 = (unsigned char)bytes.p[i];
        unsigned b1 = left > 1 ? (unsigned char)bytes.p[i + 1] : 0;
        unsigned b2 = left > 2 ? (unsigned char)bytes.p[i + 2] : 0;
        buf_append_char(&text, letters[b0 >> 2]);
        buf_append_char(&text, letters[(b0 & 3) << 4 | b1 >> 4]);
        buf_append_char(&text, left > 1 ? letters[(b1 & 15) << 2 | b2 >> 6] : '=');
        buf_append_char(&text, left > 2 ? letters[b2 & 63] : '=');
    }
    json_str(w, buf_str(&text));
    buf_dispose(&text);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool wire_base64_decode(struct str text, struct arena *a, struct str *out)
{
    size_t pad = 0;

    if (text.n % 4) {
        return false;
    }
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=') {
        pad++;
    }
    char *to = arena_alloc(a, text.n / 4 * 3 + 1);
    size_t n = 0;
    unsigned bits = 0;
    int have = 0;
    for (size_t i = 0; i < text.n - pad; i++) {
        int v = value_of(text.p[i]);
        if (v < 0) {
            return false;
        }
        bits = bits << 6 | (unsigned)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[n++] = (char)(bits >> have & 255);
        }
    }
    if (bits & ((1U << have) - 1)) {
        return false;
    }
    *out = (struct str){to, n};
    return true;
}
