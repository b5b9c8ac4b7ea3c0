/* nesting.h: which elements are open, closely enough to libxml2's own stack to bound it: what its time grows with the square of
 * is open elements, and end tags that end nothing. */
#ifndef STINT_MARKDOWN_NESTING_H
#define STINT_MARKDOWN_NESTING_H

#include "markdown/tags.h"

#define NESTING_MAX 400 /* deeper elements are taken for not there; their text stays */

struct nesting {
    size_t depth;
    uint8_t open[NESTING_MAX];
};

bool nesting_open(struct nesting *n, enum tag t);  /* false: too deep */
bool nesting_close(struct nesting *n, enum tag t); /* false: nothing is open that it would end */

#endif
