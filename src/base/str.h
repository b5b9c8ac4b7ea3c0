/* str.h: a borrowed piece of text or bytes: a pointer and a length, never owned, not terminated.
 * Whoever hands one out says how long it lives. */
#ifndef STINT_BASE_STR_H
#define STINT_BASE_STR_H

#include <string.h>

#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s)   (int)(s).n, (s).p /* for "%.*s" */
#define STR_NONE     ((struct str){NULL, 0})

static inline struct str str_from(const char *c_string) /* NULL gives STR_NONE */
{
    return c_string ? (struct str){c_string, strlen(c_string)} : STR_NONE;
}

struct str str_sub(struct str s, size_t from, size_t to); /* clamped to s */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_compare(struct str a, struct str b);    /* by bytes, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first c at or after `from`, or s.n. */
size_t str_find_char(struct str s, char c, size_t from);
size_t str_find(struct str s, struct str needle, size_t from);
/* Cuts s at the first c: returns what is before it, and leaves what is behind it in *rest (STR_NONE when no c). */
struct str str_cut(struct str s, char c, struct str *rest);
struct str str_trim(struct str s); /* space, tab, CR, LF at both ends */
/* The whole of s as a decimal integer, sign allowed, no blanks; false on anything else and on overflow. */
MUST_CHECK bool str_to_i64(struct str s, int64_t *out);
/* True if s is valid UTF-8 (no overlongs, no surrogates, nothing above U+10FFFF). */
bool str_is_utf8(struct str s);
/* UTF-8 without NUL: what every engine can keep as text. All that comes from outside and becomes text is asked this. */
bool str_is_text(struct str s);
/* Bytes (1 to 4) of the valid UTF-8 sequence that begins at s.p[at]; 0 when there is none. */
size_t str_utf8_step(struct str s, size_t at);
/* True for [A-Za-z0-9._:-]{1,128}: the names of queues, kinds, artifacts, series and workers. Not "." and "..": in a URL or
 * a path they would be somewhere else. */
bool str_is_name(struct str s);
/* Copies into a fixed array and terminates; cuts at size - 1 without splitting a UTF-8 sequence. */
void str_copy(char *to, size_t size, struct str s);
/* Formats into a fixed array, always terminated; returns the bytes written without the terminator. */
size_t str_print(char *to, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
uint64_t str_hash(struct str s); /* FNV-1a; for tables that no stranger fills */

#endif
