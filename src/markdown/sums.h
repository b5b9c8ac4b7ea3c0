/* sums.h: how many letters and digits each node holds, and how many of them in links, without looking into it. What is dropped
 * does not count. */
#ifndef STINT_MARKDOWN_SUMS_H
#define STINT_MARKDOWN_SUMS_H

#include "markdown/page.h"

struct sums_link {
    uint32_t end;   /* of the node */
    uint32_t bytes; /* letters and digits in this link and in those before it */
};

struct sums {
    uint32_t *before; /* of the nodes before this one */
    struct sums_link *links;
    size_t link_count, link_capacity;
};

struct sums sums_new(struct page *p); /* also says of nodes that they have text */
/* What has been dropped since then no longer counts. What was dropped and no longer is does not come back. */
void sums_leave_out(struct sums *s, struct page *p);
void sums_dispose(struct sums *s);
uint32_t sums_between(const struct sums *s, uint32_t from, uint32_t end);
uint32_t sums_links_between(const struct sums *s, uint32_t from, uint32_t end); /* of links that end there */
uint32_t sums_of(const struct sums *s, const struct page *p, uint32_t node);
uint32_t sums_links_of(const struct sums *s, const struct page *p, uint32_t node);

#endif
