/* sitemap.h: the addresses that a sitemap (sitemaps.org) names: of pages, or of further sitemaps. It is read by a scanner that knows
 * elements, texts and the five entities and nothing else of XML: no document type is looked at, nothing is ever fetched or expanded.
 * Forgiving: whatever is no address is left out. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_SITEMAP_H
#define STINT_KINDS_CRAWL_DOCS_SITEMAP_H

#include "base/arena.h"
#include "base/buf.h"

#define SITEMAP_URLS_MAX 50000
#define SITEMAP_URL_MAX  2048

struct sitemap {
    struct str *urls; /* trimmed, entities decoded, in their order; at most SITEMAP_URLS_MAX */
    size_t count;
    bool is_index; /* they are sitemaps */
};

/* Any bytes, unpacked: XML, or a list with an address a line. Everything in `a`. */
void sitemap_read(struct str text, struct arena *a, struct sitemap *out);

#endif
