/* crawl_graph.h: what a crawl knows: the pages it has asked for, where their links lead, how deep they are, and what to ask for next. It is
 * computed anew from the outcomes of the crawl's jobs, all of which are final then: so it does not depend on which of them was
 * faster, and nothing has to be remembered. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_CRAWL_GRAPH_H
#define STINT_KINDS_CRAWL_DOCS_CRAWL_GRAPH_H

#include "kinds/crawl_docs/crawl_args.h"
#include "kinds/crawl_docs/page_job.h"
#include "kinds/crawl_docs/robots.h"

#define CRAWL_REDIRECTS_MAX     5
#define CRAWL_SITEMAPS_MAX      50
#define CRAWL_SITEMAP_DEPTH_MAX 3
#define CRAWL_LISTS_MAX         (CRAWL_SITEMAPS_MAX + 4)
#define CRAWL_ASK_MAX           (CRAWL_PAGES_MAX + 100) /* jobs at once: all pages, and all lists */

enum crawl_state { CRAWL_UNKNOWN, CRAWL_DONE, CRAWL_MOVED, CRAWL_FAILED };

struct crawl_node {
    struct str fetch, identity;
    struct url url;
    int depth;
    int hops; /* redirects that led to it */
    enum crawl_state state;
    const struct json *job; /* its outcome; NULL: not asked for yet */
    struct str id, code;    /* of the job; why it failed */
    const struct json *result, *page;
    const struct json *record; /* of the crawl before: {"url", "result", "text"}; NULL = it was not there */
    bool is_unchanged;         /* result and page are the record's */
    size_t moved_to;           /* CRAWL_MOVED: another node */
};

struct crawl_ask { /* a job to make */
    enum page_what what;
    struct str url;
    struct str identity;
    struct str host, origin;
    int depth;
    int64_t delay_ms;          /* the host's; 0: it asks for none */
    const struct json *record; /* as of the node */
};

#define CRAWL_SKIPS_SHOWN  10
#define CRAWL_SKIP_REASONS 9

struct crawl_skips {
    int64_t by_reason[CRAWL_SKIP_REASONS];
    struct str shown[CRAWL_SKIP_REASONS]
                    [CRAWL_SKIPS_SHOWN]; /* the first of them, where the addresses are known */
    size_t shown_count[CRAWL_SKIP_REASONS];
};
enum {
    SKIP_OUT,
    SKIP_EXCLUDED,
    SKIP_EXTENSION,
    SKIP_TRAP,
    SKIP_LINKS, /* up to here by the parse processes */
    SKIP_ROBOTS,
    SKIP_DEPTH,
    SKIP_PAGES,
    SKIP_BYTES
};
extern const char *const crawl_skip_names[CRAWL_SKIP_REASONS];

/* A sitemap or llms.txt that could not be had. */
struct crawl_failed_list {
    struct str url, code;
};

struct crawl_graph {
    struct arena *a;
    const struct crawl_args *args;
    struct scope scope;
    struct crawl_node
        *nodes; /* in the order in which they were found: by depth, then as their pages name them */
    size_t count, room;
    size_t seed; /* behind its redirects */
    size_t pages, failed;
    int64_t bytes;          /* of the pages that it has */
    int64_t came_bytes;     /* of all that have come, wherever they stand */
    int64_t turn_pages;     /* that may still be asked for now */
    struct crawl_ask *asks; /* at most CRAWL_ASK_MAX */
    size_t ask_count;
    struct crawl_skips skips;
    struct crawl_failed_list failed_lists[CRAWL_LISTS_MAX];
    size_t failed_list_count;
    int64_t robots_delay_ms; /* of the seed's host, as it is kept; -1 = none */
    bool is_delay_capped;
    struct crawl_map *map; /* texts of addresses to nodes */
    struct crawl_map *jobs, *records;
    struct outcomes *outcomes;
    struct crawl_map *hosts;         /* of the nodes */
    const struct json **record_list; /* of the crawl before, as it wrote them */
    size_t record_count, record_room;
};

/* `previous` are the records of the crawl before, a line of JSON each ("" = none). */
void crawl_graph_begin(const struct crawl_args *args, struct str previous, struct arena *a,
                       struct crawl_graph *out);
/* `lines` are jobs as GET /v1/jobs/{id} has them, a line each: some of them, as they come. They live as long as the graph. */
MUST_CHECK enum rc crawl_graph_take(struct crawl_graph *g, struct str lines, struct err *e);
/* All have come. RC_OK: see ask_count; 0 = nothing is left to ask for. Else the crawl fails: the seed failed (its code), may not be
 * asked for (`robots`), leads in circles (`redirect_loop`), or its robots.txt cannot be had. */
MUST_CHECK enum rc crawl_graph_end(struct crawl_graph *g, struct err *e);

/* The node of this identity; NULL: there is none. */
const struct crawl_node *crawl_graph_node(const struct crawl_graph *g, struct str identity);
/* The node of an address as a page writes it, absolute, with or without fragment; NULL: it is none of the crawl. */
const struct crawl_node *crawl_graph_find(const struct crawl_graph *g, struct str address);
/* "skipped": how many, by reason, where there are any. */
void crawl_graph_put_skipped(const struct crawl_graph *g, struct json_out *w);

#endif
