/* page_bytes.h: what the parse process does with the bytes of a page, a sitemap or an llms.txt: texts of strangers in, JSON out, and behind it
 * the Markdown of a page. */
#ifndef STINT_KINDS_CRAWL_DOCS_PAGE_BYTES_H
#define STINT_KINDS_CRAWL_DOCS_PAGE_BYTES_H

#include "kinds/crawl_docs/crawl_args.h"

#define PAGE_LINKS_MAX 5000

/* A request: {"what", "url", "seed", "type": content type, "crawl": args} on one line, and the bytes behind it. */
/* The answer: one line of JSON, and the Markdown behind it. Of a page:
 *   {"title", "hash", "words", "tokens", "quality", "charset", "canonical"?, "noindex"?, "needs_js"?, "links": ["…"], "blocks": "…",
 *    "skipped": {"reason": n}}
 * links are what the crawl may ask for, each once, in the order of the page; blocks are "bytes:hash:kind " of each block of the text. */
MUST_CHECK enum rc page_bytes_read(struct str request, struct buf *answer, struct err *e);

#endif
