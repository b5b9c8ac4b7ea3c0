/* str.c: see str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HIGH_BITS 0x8080808080808080ULL

struct str str_sub(struct str s, size_t from, size_t to)
{
    if (to > s.n) {
        to = s.n;
    }
    if (from > to) {
        from = to;
    }
    return s.p ? (struct str){s.p + from, to - from} : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t k = 0; k < a.n; k++) {
        if (lower(a.p[k]) != lower(b.p[k])) {
            return false;
        }
    }
    return true;
}

int str_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, s.n), suffix);
}

size_t str_find_char(struct str s, char c, size_t from)
{
    const char *hit = from < s.n ? memchr(s.p + from, c, s.n - from) : NULL;

    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t str_find(struct str s, struct str needle, size_t from)
{
    if (from > s.n || s.n - from < needle.n) {
        return s.n;
    }
    if (needle.n == 0) {
        return from;
    }
    if (needle.n == 2) { /* memmem looks at each byte for so short a one */
        for (from = str_find_char(s, needle.p[0], from); from + 1 < s.n && s.p[from + 1] != needle.p[1];) {
            from = str_find_char(s, needle.p[0], from + 1);
        }
        return from + 1 < s.n ? from : s.n;
    }
    const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);

    return hit ? (size_t)(hit - s.p) : s.n;
}

struct str str_cut(struct str s, char c, struct str *rest)
{
    size_t at = str_find_char(s, c, 0);

    *rest = at < s.n ? str_sub(s, at + 1, s.n) : STR_NONE;
    return str_sub(s, 0, at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

bool str_to_i64(struct str s, int64_t *out)
{
    size_t k = 0;
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;

    if (negative || (s.n > 0 && s.p[0] == '+')) {
        k = 1;
    }
    if (k == s.n) {
        return false;
    }
    for (; k < s.n; k++) {
        unsigned digit = (unsigned)((unsigned char)s.p[k] - '0');

        if (digit > 9 || value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Unicode 15 table 3-7: after E0, ED, F0 and F4 the second byte has a narrower range, which is what keeps
 * out overlong forms, surrogates and everything above U+10FFFF. */
size_t str_utf8_step(struct str s, size_t at)
{
    const unsigned char *p = (const unsigned char *)s.p + at;
    size_t left = at < s.n ? s.n - at : 0;

    if (left == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xC2 || left < 2 || !is_tail(p[1])) {
        return 0;
    }
    if (p[0] < 0xE0) {
        return 2;
    }
    if (left < 3 || !is_tail(p[2])) {
        return 0;
    }
    if (p[0] < 0xF0) {
        bool is_bad = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F);

        return is_bad ? 0 : 3;
    }
    if (left < 4 || !is_tail(p[3]) || p[0] > 0xF4) {
        return 0;
    }
    bool is_bad = (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F);

    return is_bad ? 0 : 4;
}

bool str_is_utf8(struct str s)
{
    size_t k = 0;

    while (k < s.n) {
        uint64_t word;

        while (s.n - k >= sizeof word) {
            memcpy(&word, s.p + k, sizeof word);
            if (word & HIGH_BITS) {
                break;
            }
            k += sizeof word;
        }
        if (k == s.n) {
            break;
        }
        size_t step = str_utf8_step(s, k);

        if (step == 0) {
            return false;
        }
        k += step;
    }
    return true;
}

bool str_is_text(struct str s)
{
    return str_is_utf8(s) && str_find_char(s, '\0', 0) >= s.n;
}

bool str_is_name(struct str s)
{
    if (s.n < 1 || s.n > 128 || str_eq(s, STR(".")) || str_eq(s, STR(".."))) {
        return false;
    }
    for (size_t k = 0; k < s.n; k++) {
        char c = s.p[k];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool is_digit = c >= '0' && c <= '9';

        if (!is_letter && !is_digit && c != '.' && c != '_' && c != ':' && c != '-') {
            return false;
        }
    }
    return true;
}

void str_copy(char *to, size_t size, struct str s)
{
    size_t n = s.n;

    if (size == 0) {
        return;
    }
    if (n > size - 1) {
        n = size - 1;
        /* a sequence has at most three tail bytes; more of them is no UTF-8 and may be cut anywhere */
        for (int back = 0; back < 3 && n > 0 && is_tail((unsigned char)s.p[n]); back++) {
            n--;
        }
    }
    if (n > 0) {
        memmove(to, s.p, n);
    }
    to[n] = '\0';
}

size_t str_print(char *to, size_t size, const char *format, ...)
{
    va_list args;

    if (size == 0) {
        return 0;
    }
    va_start(args, format);
    int n = vsnprintf(to, size, format, args);
    va_end(args);
    if (n < 0) {
        to[0] = '\0';
        return 0;
    }
    return (size_t)n < size ? (size_t)n : size - 1;
}

uint64_t str_hash(struct str s)
{
    uint64_t hash = 0xCBF29CE484222325ULL;

    for (size_t k = 0; k < s.n; k++) {
        hash = (hash ^ (unsigned char)s.p[k]) * 0x100000001B3ULL;
    }
    return hash;
}
