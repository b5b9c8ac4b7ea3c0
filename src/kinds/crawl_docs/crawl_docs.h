/* crawl_docs.h: the kind crawl-docs: a documentation site to one Markdown document. */
#ifndef STINT_KINDS_CRAWL_DOCS_CRAWL_DOCS_H
#define STINT_KINDS_CRAWL_DOCS_CRAWL_DOCS_H

#include "worker/handler.h"

extern const struct handler crawl_docs_handler;

#endif
