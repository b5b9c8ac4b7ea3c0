/* guard.h: what stands between a page and libxml2, whose time grows with the square of some things: attributes of one element,
 * open elements, end tags that end nothing, references. And scripts, styles and comments need no parser. */
#ifndef STINT_MARKDOWN_GUARD_H
#define STINT_MARKDOWN_GUARD_H

#include "base/buf.h"
#include "markdown/attributes.h"

struct guard_counts {
    size_t script_count;
    size_t script_bytes;
};

struct guard_reader {
    bool (*take)(void *ctx, struct str piece); /* false: no more of them */
    void *ctx;
    const struct asked_attributes *asked;
    struct guard_counts counts; /* filled */
};

/* Hands the page on in pieces of about 32 KiB that begin and end between tags or characters, in order; without comments and
 * the content of raw elements. References are read: what a parser would take for markup is a sign of its own (guard_unmask).
 * Only the attributes that are asked for are there, under short names (guard_attribute); elements that nobody knows are called
 * "x-" and two digits, because libxml2 keeps each name that it sees. */
void guard_feed(struct str html, struct guard_reader *r);
enum attribute guard_attribute(struct str name); /* by a name in a piece; ATTR_COUNT: the parser made it up */
void guard_unmask(struct str text,
                  struct buf *to); /* appends the text of a piece, or a value, as it is on the page */

#endif
