/* document_parts.h: what the files of the document share: crawl_document.c puts its pages in order, document_boilerplate.c takes out what they all
 * say, document_markdown.c and document_json.c write it down. Everything lives in the arena of the document. */
#ifndef STINT_KINDS_CRAWL_DOCS_DOCUMENT_PARTS_H
#define STINT_KINDS_CRAWL_DOCS_DOCUMENT_PARTS_H

#include "kinds/crawl_docs/crawl_document.h"

/* Takes the blocks that CRAWL_BOILERPLATE_PERCENT of the pages have out of their texts; of fewer than CRAWL_BOILERPLATE_PAGES pages none. */
void document_cut_boilerplate(struct crawl_document *d);

/* The page that this one names as its true address, where that has the same content; NULL: this one stays. Of those that name each other
 * the first one stays. */
const struct crawl_node *document_same(const struct crawl_graph *g, const struct crawl_node *n);

#endif
