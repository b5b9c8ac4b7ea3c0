/* page.h: a page as a list of nodes in the order of the page, instead of a tree: whoever goes through it counts up, however
 * deep it is.
 *
 *   <ul><li>a</li><li>b</li></ul>    1 ul end=6 │ 2 li end=4 │ 3 "a" │ 4 li end=6 │ 5 "b"
 *
 * Node 0 is the page. The first child of i is i + 1 (if that is less than its end), its next sibling is at its end. */
#ifndef STINT_MARKDOWN_PAGE_H
#define STINT_MARKDOWN_PAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "markdown/attributes.h"
#include "markdown/tags.h"

#define PAGE_NODES_MAX ((uint32_t)2000000) /* more elements are taken for not there; their text stays */
#define NODE_BITS      0xFFFFFFu
#define NO_NODE        ((uint32_t)NODE_BITS)

struct page_attribute {
    enum attribute name;
    struct str value;
};

enum {
    NODE_IS_DROPPED = 1, /* boilerplate, with all below it */
    NODE_IN_CONTENT = 2,
    NODE_HAS_TEXT = 4,        /* somewhere below it, that is not dropped */
    NODE_HAS_NO_LANGUAGE = 8, /* looked for and not found */
};

/* As small as can be: a page of 10 MB may have two millions. What is in [at, at of the next node) of the page's text is the
 * text of a text node, and of an element its attributes. */
struct node {
    uint32_t end : 24;    /* behind its last descendant */
    uint32_t tag : 8;     /* enum tag; TAG_TEXT */
    uint32_t parent : 24; /* NO_NODE of node 0 */
    uint32_t flags : 8;
    uint32_t at;
};

struct page {
    struct node *nodes; /* one more than count, which ends the last one */
    uint32_t count;
    uint32_t capacity;
    struct buf text;               /* of all text nodes and attributes */
    struct asked_attributes asked; /* by selectors; before the page is read */
    size_t script_count, script_bytes;
};

void page_prepare(void); /* libxml2's own tables, before there are threads */
/* Reads the page. Cannot fail: everything is a page. `html` is valid UTF-8. */
void page_read(struct page *p, struct str html);
void page_dispose(struct page *p);

struct str page_text(const struct page *p, uint32_t i); /* of a text node */
bool page_has_attributes(const struct page *p, uint32_t i);
/* For each attribute of an element: begins with *at = 0; false behind the last. */
bool page_next_attribute(const struct page *p, uint32_t i, uint32_t *at, struct page_attribute *out);
/* The value, "" when it has none; STR_NONE (p == NULL) when the attribute is not there. */
struct str page_attribute(const struct page *p, uint32_t i, enum attribute name);
bool page_has_class(const struct page *p, uint32_t i, struct str name);
bool page_is_code(const struct page *p, uint32_t i);  /* a block of it: <pre>, or Doxygen's <div> */
bool page_has_word(struct str list, struct str word); /* blank-separated, any case */
/* The text below i, blanks as one space, trimmed and cut at max bytes. */
struct str page_inner_text(const struct page *p, uint32_t i, size_t max, struct arena *a);

#endif
