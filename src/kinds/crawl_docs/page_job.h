/* page_job.h: between crawl_docs.c and the jobs that it makes. All requests of a crawl are jobs of the kind crawl-docs.page, whatever they
 * ask for: so each keeps to the limits of its host, is tried again by the rules of jobs, and is stored once.
 *
 *   args     {"what": "page" | "robots" | "sitemap" | "llms", "url": what is asked for, "seed": where the crawl began,
 *             "depth", "etag", "last_modified": of the copy that we have, "crawl": the crawl's own args}
 *   result   page     {"status", "redirect": "…"}, {"status": 304, "etag", "last_modified"} (those that were given) or {"status", "type", "bytes", "etag", "last_modified", "noindex", "nofollow", "page": {…page_bytes.h…}},
 *                     and the artifact page.md
 *            robots   {"status", "text"}      sitemap   {"urls": […], "is_index"}      llms   {"urls": […]} */
#ifndef STINT_KINDS_CRAWL_DOCS_PAGE_JOB_H
#define STINT_KINDS_CRAWL_DOCS_PAGE_JOB_H

#include "worker/handler.h"

#define PAGE_KIND     "crawl-docs.page"
#define PAGE_ARTIFACT "page.md"
#define PAGE_ATTEMPTS 3
#define PAGE_PAUSES   5 /* so often a host may put one request off by 429 or 503; its checkpoint counts */

enum page_what { PAGE_PAGE, PAGE_ROBOTS, PAGE_SITEMAP, PAGE_LLMS, PAGE_WHATS };
const char *page_what_name(enum page_what what);
bool page_what_parse(struct str name, enum page_what *out);

extern const struct handler crawl_page_handler;

#endif
