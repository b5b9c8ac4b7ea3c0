/* json_scan.h: the tokens of JSON that have an inside, strings and numbers. For json_*.c only. */
#ifndef STINT_BASE_JSON_SCAN_H
#define STINT_BASE_JSON_SCAN_H

#include <endian.h>
#include <string.h>

#include "base/json.h"

/* Where the reader stands. After a failure `p` is at the offending byte and `why` says what is wrong with it. */
struct json_cursor {
    const char *p, *end;
    const char *why;
};

/* Always false, so that `return json_fail(c, "…")` reads well. The first reason stays. */
bool json_fail(struct json_cursor *c, const char *why);

/* From behind the opening quote to behind the closing one. *body is what is between, checked but not decoded. */
bool json_scan_string(struct json_cursor *c, struct str *body, bool *has_escape);
/* Decodes a body that json_scan_string has accepted; `to` needs body.n bytes. Returns the bytes written. */
size_t json_unescape(struct str body, char *to);
/* Sets type, i and d of v from the literal at the cursor and steps behind it. */
bool json_scan_number(struct json_cursor *c, struct json *v);

#define JSON_EACH_BYTE(b) (0x0101010101010101ULL * (b))

/* The first byte from p on that a JSON string cannot hold as it is, or that is not ASCII: a quote, a backslash,
 * below 0x20, or 0x80 and above. Eight bytes at a time: the lowest bit set in `hits` is exact, those above may be
 * due to a borrow, and only the lowest is used. */
static inline const char *json_skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word;

        memcpy(&word, p, sizeof word);
        word = le64toh(word);
        uint64_t quote = word ^ JSON_EACH_BYTE('"');
        uint64_t slash = word ^ JSON_EACH_BYTE('\\');
        uint64_t hits = ((quote - JSON_EACH_BYTE(1)) & ~quote) | ((slash - JSON_EACH_BYTE(1)) & ~slash) |
                        (word - JSON_EACH_BYTE(0x20)) | word;

        hits &= JSON_EACH_BYTE(0x80);
        if (hits) {
            return p + (__builtin_ctzll(hits) >> 3);
        }
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

#endif
