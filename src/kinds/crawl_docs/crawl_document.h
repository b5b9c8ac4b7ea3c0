/* crawl_document.h: what a crawl leaves: one Markdown document (or parts of so many tokens), llms.txt and crawl.json. The same pages make the
 * same bytes, whenever and in whatever order they came: no time, no id of a job, nothing of the machine is in them. */
#ifndef STINT_KINDS_CRAWL_DOCS_CRAWL_DOCUMENT_H
#define STINT_KINDS_CRAWL_DOCS_CRAWL_DOCUMENT_H

#include "kinds/crawl_docs/crawl_graph.h"

#define CRAWL_BOILERPLATE_PAGES   5  /* from so many pages on … */
#define CRAWL_BOILERPLATE_PERCENT 30 /* … a block that so many of them have is no content */

struct crawl_page {
    const struct crawl_node *node;
    struct str title, text; /* Markdown as it came from the page; title: of its first heading */
    struct str label;       /* the title as the text of a link */
    int64_t tokens;
};

struct crawl_document {
    struct arena *a;
    const struct crawl_graph *graph;
    struct crawl_page *pages; /* of the document, in its order */
    size_t count;
    size_t *numbers; /* of the graph's nodes: the page's place in the document, from 1; 0 = it is not there */
    size_t removed_blocks;
    int64_t tokens;
};

/* The pages of the crawl whose texts `read` gives (STR_NONE: it has none), in the order of the document, without what all pages say. */
void crawl_document_make(const struct crawl_graph *g,
                         struct str (*read)(void *ctx, const struct crawl_node *n), void *ctx,
                         struct arena *a, struct crawl_document *out);

/* What differs from the crawl before, by the texts of pages. */
struct crawl_changes {
    int64_t added, changed, removed, unchanged;
};
void crawl_document_changes(const struct crawl_graph *g, struct arena *a, struct crawl_changes *counts,
                            struct buf *out);

/* One part: pages from *next on, at most max_tokens of them (0 = all), at least one; *next is then the first of the next part. */
void crawl_document_write(const struct crawl_document *d, size_t *next, int64_t max_tokens, struct buf *out);
void crawl_document_llms_txt(const struct crawl_document *d, struct buf *out);
void crawl_document_json(const struct crawl_document *d, struct buf *out);

#endif
