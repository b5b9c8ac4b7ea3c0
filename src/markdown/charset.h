/* charset.h: the bytes of a page as UTF-8, whatever they were. */
#ifndef STINT_MARKDOWN_CHARSET_H
#define STINT_MARKDOWN_CHARSET_H

#include "base/arena.h"

struct charset_text {
    struct str utf8;      /* valid, without BOM and NUL; the page's own bytes when nothing had to change */
    const char *charset;  /* what the page was read as */
    size_t garbled_count; /* bytes that meant nothing: each is U+FFFD now */
};

/* Opens what the C library needs files for, and keeps it. */
void charset_prepare(void);
/* By BOM, else the field's charset, else <meta>, else UTF-8 if the bytes are that, else windows-1252. A new text lives in `a`.
 * RC_INVALID: `bad_encoding`, `not_html`. */
MUST_CHECK enum rc charset_read(struct str html, struct str content_type, struct arena *a,
                                struct charset_text *out, struct err *e);

#endif
