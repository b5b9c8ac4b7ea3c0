/* escape.h: what plain text must not look like in Markdown, and what must not be in it at all. */
#ifndef STINT_MARKDOWN_ESCAPE_H
#define STINT_MARKDOWN_ESCAPE_H

#include "base/buf.h"

struct escape_place {
    char c, before, next; /* next is '\0' at the end of what is known */
    struct str rest;      /* from c on */
    bool is_after_bracket;
    bool is_start; /* of the paragraph */
    bool is_link, is_cell;
};

/* NFC, without control characters (a tab and a line feed stay), soft hyphens and marks that turn text around; U+00A0 is a blank.
 * The same bytes when that changes nothing, else in `scratch` until its next use. */
struct str escape_normalize(struct str text, struct buf *scratch);
/* Takes a piece of at most 32 KiB off the text, behind a blank if there is one: what is normalized piece by piece. */
struct str escape_cut(struct str *rest);
size_t escape_plain_run(struct str text); /* bytes at its start that mean nothing to Markdown */
bool escape_is_bracket(struct str text);  /* it ends with a ] that is not escaped */
bool escape_is_needed(const struct escape_place *p);
/* Where a backslash keeps a line of a paragraph from being a heading, a list, …; line.n: it needs none. */
size_t escape_line_trouble(struct str line, bool is_first);
size_t escape_heading_trouble(struct str line, bool is_first); /* "# C #" would lose its last sign */

#endif
