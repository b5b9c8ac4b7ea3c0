/* encoding.h: bytes as letters and digits, and back. Strict: each value has one text, everything else is refused. */
#ifndef STINT_BASE_ENCODING_H
#define STINT_BASE_ENCODING_H

#include "base/str.h"

/* The bytes as one big number, most significant first, in exactly `chars` digits of 0-9A-Za-z and a terminator (43 for
 * 32 bytes, 6 for 4). n is at most 64, and `chars` great enough for any number of n bytes. */
void base62_encode(const void *bytes, size_t n, char *out, size_t chars);
/* False if a character is no digit or the number does not fit n bytes. */
MUST_CHECK bool base62_decode(struct str text, void *out, size_t n);

/* STANDARD is padded (+ and /); URL is not (- and _): RFC 4648 sections 4 and 5. */
enum base64_form { BASE64_STANDARD, BASE64_URL };

#define BASE64_TEXT_BYTES(n) (((n) + 2) / 3 * 4 + 1) /* with terminator, for either form */

/* Returns the length of the text without its terminator. */
size_t base64_encode(enum base64_form form, struct str bytes, char *out);
/* False if the text is not canonical base64 of the form or does not fit max_bytes; then *n is unchanged. */
MUST_CHECK bool base64_decode(enum base64_form form, struct str text, void *out, size_t max_bytes, size_t *n);

#endif
