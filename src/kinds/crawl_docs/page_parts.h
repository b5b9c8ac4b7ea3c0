/* page_parts.h: what the files of a request share: page_job.c asks and takes pages, page_lists.c takes what hosts say of their pages as a whole,
 * page_failures.c says what went wrong. Everything lives in the arena of the attempt. */
#ifndef STINT_KINDS_CRAWL_DOCS_PAGE_PARTS_H
#define STINT_KINDS_CRAWL_DOCS_PAGE_PARTS_H

#include "kinds/crawl_docs/crawl_args.h"
#include "kinds/crawl_docs/page_job.h"
#include "net/fetch.h"

struct page_job {
    struct attempt *at;
    struct arena *a;
    const struct crawl_args *args;
    enum page_what what;
    struct str url, seed;
    struct str etag, last_modified; /* of the copy that we have; "" = none */
    struct url place;               /* of url */
    int64_t depth, from_us;
    int64_t pauses; /* how often the host has put this off */
    struct fetch_answer answer;
    struct buf parsed; /* what the parse process has made of it */
};

/* ---- page_job.c */
bool page_is_status_ok(const struct page_job *j);
/* Has the answer read by the parse process, which is not believed: *json is JSON. *text is what stands behind it. Both live in j->parsed: of what
 * may be many megabytes there is no copy more than it takes. */
MUST_CHECK enum rc page_parse(struct page_job *j, struct str *json, struct str *text, struct err *e);

/* ---- page_lists.c: `rc` and `asked` are what became of the request */
/* What RFC 9309 says of the answer: allowed when there is none, forbidden while nobody knows. */
void page_take_robots(struct page_job *j, enum rc rc, const struct err *asked);
/* A sitemap or llms.txt that is not there is none. One that cannot be had is tried again, and told: the crawl goes on without it. */
void page_take_list(struct page_job *j, enum rc rc, const struct err *asked);

/* ---- page_failures.c: each ends the attempt, and tells the root's stream why */
void page_fail(struct page_job *j, enum error_class class, const char *code, const char *text);
void page_fail_asking(struct page_job *j, const struct err *e); /* there is no answer */
void page_fail_status(struct page_job *j);
void page_fail_parse(struct page_job *j,
                     const struct err *e); /* whose text begins with the parse process's code */
/* The host says later: for all who ask it. False: it did not say so, or has said so too often, and nothing has ended. */
bool page_pause_host(struct page_job *j);

#endif
