/* render.h: the walk over the content of a page that writes it as Markdown; what its parts (blocks.c, lists.c, tables.c, code.c)
 * share. */
#ifndef STINT_MARKDOWN_RENDER_H
#define STINT_MARKDOWN_RENDER_H

#include "markdown/inline.h"
#include "markdown/page.h"
#include "markdown/url.h"
#include "markdown/writer.h"

#define FRAMES_MAX  1100 /* more than page.c's stack is deep */
#define COLUMNS_MAX 64
#define LISTS_MAX   64 /* deeper ones are counted, and their items written as those of the last */

#define LANGUAGE_BYTES 24
#define LANGUAGES_KEPT 4

/* What is to be done when the walk leaves an element. */
enum leave {
    LEAVE_NOTHING,
    LEAVE_BLOCK, /* the paragraph ends */
    LEAVE_MARK,  /* an emphasis or a link ends */
    LEAVE_CODE,  /* a code span ends */
    LEAVE_HEADING,
    LEAVE_LIST,
    LEAVE_ITEM,
    LEAVE_TERM,
    LEAVE_QUOTE,
    LEAVE_TITLE, /* of an admonition */
    LEAVE_TABLE,
    LEAVE_ROW,
    LEAVE_CELL,
    LEAVE_CAPTION,
    LEAVE_QUOTED, /* <q> */
};

struct frame {
    uint32_t end;
    enum leave leave;
};

enum list_kind { LIST_BULLETS, LIST_NUMBERS, LIST_TERMS };

struct list {
    enum list_kind kind;
    bool is_loose;
    bool has_item;
    bool has_item_box; /* of terms: an entry is open */
    bool had_definition;
    bool is_below_item; /* directly below another list, without an item: it has a box of its own */
    char mark;          /* - or *, . or ) */
    long number;
};

/* The table that is being written; there is no table in it. */
struct table {
    bool is_open;
    bool has_head; /* its delimiter row is written */
    size_t columns, column;
    size_t row;
    uint8_t spans[COLUMNS_MAX]; /* rows that a cell above still reaches into */
    size_t cell_columns;
    size_t empty_cells; /* at the end of the line */
    size_t full_bytes;  /* of the line, up to there */
    struct buf line;
    bool row_is_head;
};

/* A row of a table that is taken apart. */
struct plain_row {
    uint32_t node;
    bool is_short; /* its cells stand behind each other */
};

/* Of an element with code in it; n == 0: none is kept here. */
struct language {
    uint32_t node;
    char name[LANGUAGE_BYTES];
    size_t n;
};

struct render {
    struct page *page;
    struct url_base base;
    struct writer writer;
    struct inline_text text;
    struct frame frames[FRAMES_MAX];
    size_t frame_count;
    struct list lists[LISTS_MAX];
    size_t list_count;
    struct table table;
    struct plain_row row;
    int heading;          /* level of the one that is open; 0 = none */
    bool is_inline;       /* no blocks now: in a heading, a title, a term */
    bool term_is_code;    /* and holds no links then */
    uint32_t quote_title; /* the node that is the title of the admonition */
    bool was_list;        /* the last block was a list, in the same place */
    struct list last_list;
    struct buf code;
    struct buf url; /* the last address */
    struct language languages[LANGUAGES_KEPT];
    size_t next_language;
};

struct render_options {
    struct url_base base;
    size_t max_text_bytes;
};

void render_init(struct render *r, struct page *p, const struct render_options *o);
void render_dispose(struct render *r);
void render_node(struct render *r, uint32_t node); /* and what is in it; NO_NODE is nothing */

/* For the parts. */
void render_flush(struct render *r); /* the paragraph ends; in a cell: a break */
void render_push(struct render *r, uint32_t node, enum leave leave);
/* Each says whether it has dealt with the element; *skip: and with all that is in it. */
bool lists_enter(struct render *r, uint32_t i, bool *skip);
void lists_leave(struct render *r, enum leave leave);
bool quotes_enter(struct render *r, uint32_t i, bool *skip);
void quotes_leave(struct render *r, enum leave leave);
bool tables_enter(struct render *r, uint32_t i, bool *skip);
void tables_leave(struct render *r, enum leave leave);
void code_put(struct render *r, uint32_t i);

#endif
