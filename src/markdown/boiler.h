/* boiler.h: what of a page is around its content, whatever the page is about: by element, role, class and id. */
#ifndef STINT_MARKDOWN_BOILER_H
#define STINT_MARKDOWN_BOILER_H

#include "markdown/page.h"

/* Marks such nodes with NODE_IS_DROPPED: navigation, banners, footers, permalinks, buttons, what is hidden. */
void boiler_mark(struct page *p);

#endif
