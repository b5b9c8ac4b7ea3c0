/* select.h: the part of CSS selectors that people use to point at a piece of a page: element, #id, .class, [attribute],
 * [attribute=value] and its ^= $= *= ~= |=, descendants, children (>), and lists of these. */
#ifndef STINT_MARKDOWN_SELECT_H
#define STINT_MARKDOWN_SELECT_H

#include "markdown/page.h"

struct selector;

/* RC_INVALID `bad_selector`: what it says is no selector, or is of the rest of CSS. Lives in `a`, and borrows css. Attributes that
 * nobody else asks for are added to `asked`; only a page that was read with it can be searched. */
MUST_CHECK enum rc select_parse(struct str css, struct asked_attributes *asked, struct arena *a,
                                struct selector **out, struct err *e);
/* Calls found for each match in the order of the page. */
void select_run(const struct selector *s, const struct page *p, void (*found)(void *ctx, uint32_t node),
                void *ctx);

#endif
