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
#include "markdown/tags.h"

#define PAGE_NODES_MAX ((uint32_t)2000000) /* more elements are taken for not there; their text stays */
#define NO_NODE        UINT32_MAX

/* The attributes that we ask for; others are kept only if `keeps_all`. */
enum attribute {
    ATTR_ALIGN,
    ATTR_ALT,
    ATTR_ARIA_HIDDEN,
    ATTR_ARIA_LABEL,
    ATTR_CHARSET,
    ATTR_CHECKED,
    ATTR_CLASS,
    ATTR_COLSPAN,
    ATTR_CONTENT,
    ATTR_DATA_LANG,
    ATTR_DATA_LANGUAGE,
    ATTR_DATA_SRC,
    ATTR_HEIGHT,
    ATTR_HIDDEN,
    ATTR_HREF,
    ATTR_ID,
    ATTR_LANG,
    ATTR_NAME,
    ATTR_PROPERTY,
    ATTR_REL,
    ATTR_ROLE,
    ATTR_ROWSPAN,
    ATTR_SRC,
    ATTR_START,
    ATTR_STYLE,
    ATTR_TITLE,
    ATTR_TYPE,
    ATTR_VALUE,
    ATTR_WIDTH,
    ATTR_OTHER,
};

struct page_attribute {
    uint32_t at, n;           /* the value, in the page's text */
    uint32_t name_at, name_n; /* of ATTR_OTHER */
    enum attribute name;
};

enum {
    NODE_IS_DROPPED = 1, /* boilerplate, with all below it */
    NODE_IS_ROOT = 2,    /* of the content */
    NODE_IN_CONTENT = 4,
};

struct node {
    uint32_t end;    /* behind its last descendant */
    uint32_t parent; /* NO_NODE of node 0 */
    uint32_t at;     /* of its first attribute, or of its text */
    uint32_t n;      /* attributes, or bytes of text */
    uint8_t tag;     /* enum tag; TAG_TEXT */
    uint8_t flags;
};

struct page {
    struct node *nodes;
    uint32_t count;
    uint32_t capacity;
    struct page_attribute *attributes;
    uint32_t attribute_count;
    uint32_t attribute_capacity;
    struct buf text; /* of all text nodes and attributes */
    bool keeps_all;
    size_t script_count, script_bytes;
};

void page_prepare(void); /* libxml2's own tables, before there are threads */
/* Reads the page. Cannot fail: everything is a page. `html` is valid UTF-8. */
void page_read(struct page *p, struct str html);
void page_dispose(struct page *p);

struct str page_text(const struct page *p, uint32_t i); /* of a text node */
/* The value, "" when it has none; STR_NONE (p == NULL) when the attribute is not there. */
struct str page_attribute(const struct page *p, uint32_t i, enum attribute name);
struct str page_other_attribute(const struct page *p, uint32_t i, struct str name); /* any, if keeps_all */
bool page_has_class(const struct page *p, uint32_t i, struct str name);
bool page_is_code(const struct page *p, uint32_t i);  /* a block of it: <pre>, or Doxygen's <div> */
bool page_has_word(struct str list, struct str word); /* blank-separated, any case */
/* The text below i, blanks as one space, trimmed and cut at max bytes. */
struct str page_inner_text(const struct page *p, uint32_t i, size_t max, struct arena *a);

#endif
