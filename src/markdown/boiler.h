/* boiler.h: what of a page is around its content, whatever the page is about: by element, role, class and id. */
#ifndef STINT_MARKDOWN_BOILER_H
#define STINT_MARKDOWN_BOILER_H

#include "markdown/sums.h"

/* Marks such nodes with NODE_IS_DROPPED: navigation, banners, footers, permalinks, buttons, what is hidden. Gives the sums of the
 * whole page, which the caller disposes. */
struct sums boiler_mark(struct page *p);

#endif
