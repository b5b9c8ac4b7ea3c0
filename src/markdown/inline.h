/* inline.h: the text of one paragraph, heading or cell: blanks become one, what Markdown would misread is escaped, and marks
 * (emphasis, links) are written when there is text in them. Knows nothing of blocks. */
#ifndef STINT_MARKDOWN_INLINE_H
#define STINT_MARKDOWN_INLINE_H

#include "base/buf.h"

#define INLINE_MARKS_MAX 32 /* open at once; deeper ones are not written */

enum mark_kind { MARK_STRONG, MARK_EM, MARK_DEL, MARK_KBD, MARK_SUB, MARK_SUP, MARK_LINK, MARK_NONE };

struct mark {
    enum mark_kind kind;
    bool is_open;   /* its beginning is written */
    bool is_silent; /* never written: it would not work here, or is there already */
    size_t at;      /* where its beginning stands */
};

struct inline_text {
    struct buf text;
    struct buf code; /* what waits to stand between backticks */
    struct mark marks[INLINE_MARKS_MAX];
    size_t mark_count; /* may be more than are kept */
    bool has_waiting;  /* one of them may have to be written before the next text */
    bool in_link;      /* one of them is a link that is written */
    int code_depth;
    bool has_blank;                /* one waits */
    bool has_break;                /* so does a line break */
    bool is_cell;                  /* of a table: one line, and | is escaped */
    bool is_heading;               /* one line */
    bool is_own_end;               /* the last byte is of a mark, a link or a code span, not of text */
    size_t code_end;               /* where the last code span ended; 0: none */
    struct mark closed;            /* the last mark that was written whole */
    size_t closed_from, closed_to; /* its end */
    struct buf url;                /* of the link that is open: there is no link in a link */
    struct buf scratch;
};

void inline_init(struct inline_text *t, size_t max_bytes);
void inline_dispose(struct inline_text *t);
void inline_clear(struct inline_text *t); /* a new paragraph; open marks begin anew in it */
void inline_put_text(struct inline_text *t, struct str text);
void inline_put_break(struct inline_text *t);
void inline_put_image(struct inline_text *t, struct str alt, struct str url);
void inline_put_checkbox(struct inline_text *t, bool is_checked); /* only at the start */
void inline_open_mark(struct inline_text *t, enum mark_kind kind, struct str url);
void inline_close_mark(struct inline_text *t);
void inline_open_code(struct inline_text *t);
void inline_close_code(struct inline_text *t);
bool inline_is_empty(const struct inline_text *t);
/* All of it, with marks closed, until the next change; its lines may want a backslash (escape_line_trouble). */
struct str inline_take(struct inline_text *t);

#endif
