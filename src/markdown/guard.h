/* guard.h: what stands between a page and libxml2, whose time grows with the square of some things: attributes of one element,
 * open elements, end tags that end nothing. And scripts, styles and comments need no parser. */
#ifndef STINT_MARKDOWN_GUARD_H
#define STINT_MARKDOWN_GUARD_H

#include "base/str.h"

#define GUARD_DEPTH_MAX 400 /* deeper elements are taken for not there; their text stays */

struct guard_counts {
    size_t script_count;
    size_t script_bytes;
};

/* Hands the page on in pieces that begin and end between two characters of text or tags, each of at most 64 KiB, in order;
 * without comments, without the content of raw elements, and with tags that are cut to a size. Stops when `take` says so. */
void guard_feed(struct str html, bool (*take)(void *ctx, struct str piece), void *ctx,
                struct guard_counts *counts);

#endif
