/* root.h: which part of a page is its content. */
#ifndef STINT_MARKDOWN_ROOT_H
#define STINT_MARKDOWN_ROOT_H

#include "markdown/sums.h"

struct root {
    uint32_t
        title;     /* a heading that stands before the content, with what it is in; NO_NODE: it has its own */
    uint32_t node; /* NO_NODE: an empty page */
    size_t text_bytes, page_bytes; /* letters and digits of the content, and of all that is not navigation */
    size_t link_bytes;             /* of the content, those in links */
};

/* Chooses, or takes `chosen` (NO_NODE: none), and marks what is in it with NODE_IN_CONTENT. After boiler_mark, whose sums it changes to
 * those of what is not dropped. */
void root_find(struct page *p, struct sums *s, uint32_t chosen, struct root *out);

#endif
