/* charset.h: the bytes of a page as UTF-8, whatever they were. */
#ifndef STINT_MARKDOWN_CHARSET_H
#define STINT_MARKDOWN_CHARSET_H

#include "base/buf.h"

struct charset_text {
    struct str utf8;      /* valid, without BOM and NUL; the page's own bytes when nothing had to change */
    struct buf own;       /* else they are here; the caller disposes of it */
    const char *charset;  /* what the page was read as */
    size_t garbled_count; /* bytes that meant nothing: those in a row are one U+FFFD now */
};

/* Opens what the C library needs files for, and keeps it. */
void charset_prepare(void);
/* By BOM, else the field's charset, else <meta>, else UTF-8 if the bytes are that, else windows-1252. RC_INVALID:
 * `bad_encoding`, `not_html`. */
MUST_CHECK enum rc charset_read(struct str html, struct str content_type, struct charset_text *out,
                                struct err *e);
uint32_t charset_latin_point(unsigned char c); /* what windows-1252 means by it */
void charset_put_point(struct buf *to, uint32_t c);

#endif
