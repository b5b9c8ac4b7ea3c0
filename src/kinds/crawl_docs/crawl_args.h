/* crawl_args.h: what a crawl is asked for; docs/crawl-docs.md describes the members. */
#ifndef STINT_KINDS_CRAWL_DOCS_CRAWL_ARGS_H
#define STINT_KINDS_CRAWL_DOCS_CRAWL_ARGS_H

#include "base/json.h"
#include "kinds/crawl_docs/page_url.h"
#include "kinds/crawl_docs/scope.h"

#define CRAWL_LIST_MAX  64
#define CRAWL_DEPTH_MAX 50
#define CRAWL_PAGES_MAX 20000
#define CRAWL_HOST_SLOTS                                                                                     \
    4 /* requests to a host at once, of all crawls together, unless somebody sets another number */
#define CRAWL_LIMIT_PREFIX "host:"
#define CRAWL_OWN_PREFIX   "crawl:" /* … and of one crawl that wants fewer */
#define CRAWL_OWN_MAX      16
#define CRAWL_ARGS_MAX     (256 << 10) /* bytes: each page's job carries them */
#define CRAWL_OWN_SLOTS                                                                                      \
    720720 /* what can be divided by all of 1 … 16: a request of n at once takes an n-th of them */
#define CRAWL_DELAY_PREFIX "delay:" /* weighs as many milliseconds as its requests are to be apart */
#define CRAWL_DELAY_MAX_MS 30000
#define CRAWL_AGENT        STR("stint") /* our product token in robots.txt */

enum crawl_sitemap { CRAWL_SITEMAP_INCLUDE, CRAWL_SITEMAP_ONLY, CRAWL_SITEMAP_SKIP };

struct crawl_args {
    struct str raw; /* the object itself */
    struct page_url seed;
    int64_t depth, max_pages, concurrency, delay_ms, timeout_ms, max_page_bytes, max_total_bytes, max_tokens;
    enum scope_kind scope;
    struct str include[CRAWL_LIST_MAX], exclude[CRAWL_LIST_MAX], remove[CRAWL_LIST_MAX];
    size_t include_count, exclude_count, remove_count;
    enum crawl_sitemap sitemap;
    enum query_mode query;
    /* concurrency: 0 = as many as the host's limit allows */
    bool robots;         /* keep to robots.txt */
    bool is_conditional; /* ask for pages of the crawl before only whether they have changed */
    struct str selector;
    bool wants_document, wants_pages, wants_llms_txt;
};

/* RC_INVALID, code `invalid_input`, with the field. Everything in `a`. */
MUST_CHECK enum rc crawl_args_read(struct str json, struct arena *a, struct crawl_args *out, struct err *e);

/* Zeroed: none are kept. */
struct crawl_args_kept {
    struct arena *a;
    struct crawl_args args;
};

/* As crawl_args_read, where one page after another comes with the same bytes: those that were good last time are not read again. *out is
 * good until the next call. */
MUST_CHECK enum rc crawl_args_read_kept(struct crawl_args_kept *kept, struct str json,
                                        const struct crawl_args **out, struct err *e);

#endif
