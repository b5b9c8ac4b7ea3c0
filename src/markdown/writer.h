/* writer.h: lines of Markdown, with what quotes and list items put before each of them, and with empty lines only between
 * blocks. Knows nothing of HTML.
 *
 *   boxes: > │ - │        > - first line of the item
 *                         >   second line                     a box writes its mark once, then blanks (or ">") */
#ifndef STINT_MARKDOWN_WRITER_H
#define STINT_MARKDOWN_WRITER_H

#include "base/buf.h"
#include "markdown/markdown.h"

#define WRITER_BOXES_MAX 24 /* deeper ones are left out, what is in them stays */
#define WRITER_MARK_MAX  12

struct writer_box {
    char mark[WRITER_MARK_MAX]; /* "- ", "12. ", "> " */
    uint8_t n;
    bool is_quote;
    bool is_begun;
};

struct writer {
    struct buf text;
    struct writer_box boxes[WRITER_BOXES_MAX];
    size_t depth; /* boxes that were asked for; only WRITER_BOXES_MAX are kept */
    int gap;      /* line feeds before the next block: 1 = no empty line between, 2 = one */
    int groups;   /* open lists and quotes: they are one block */
    bool group_has_block;
    enum markdown_block_kind group_kind;
    struct markdown_block *blocks;
    size_t block_count, block_capacity;
    int next_level; /* of the heading that begins */
};

void writer_dispose(struct writer *w);
void writer_open_box(struct writer *w, struct str mark, bool is_quote);
void writer_close_box(struct writer *w);
/* What is written in between belongs together. */
void writer_open_group(struct writer *w, enum markdown_block_kind kind);
void writer_close_group(struct writer *w);
/* The next block begins: the gap and the marks before it. Its first line follows. */
void writer_begin(struct writer *w, enum markdown_block_kind kind);
void writer_line_feed(
    struct writer *w); /* the block's next line begins; a line without text gets no blanks at its end */
void writer_put(struct writer *w, struct str text);
void writer_end(struct writer *w); /* of the block */
/* Where a line wants a backslash before it; its length: nowhere. */
typedef size_t writer_trouble(struct str line, bool is_first);
/* Several lines, separated by line feeds; `trouble` may be NULL. */
void writer_put_lines(struct writer *w, struct str lines, writer_trouble *trouble);
/* Ends the last line, closes the list of blocks and hashes them. */
void writer_finish(struct writer *w);

#endif
