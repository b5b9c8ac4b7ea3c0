/* graph_parts.h: what the files of the graph share: crawl_graph.c walks over the pages, graph_outcomes.c knows what jobs have brought, graph_lists.c what
 * hosts say of their pages as a whole. Everything lives in the arena of the graph. */
#ifndef STINT_KINDS_CRAWL_DOCS_GRAPH_PARTS_H
#define STINT_KINDS_CRAWL_DOCS_GRAPH_PARTS_H

#include "kinds/crawl_docs/crawl_graph.h"

/* ---- graph_map.c */
#define CRAWL_NOWHERE SIZE_MAX

struct crawl_map *crawl_map_new(struct arena *a);
size_t crawl_map_get(const struct crawl_map *m, struct str key); /* CRAWL_NOWHERE: it is not there */
void crawl_map_put(struct crawl_map *m, struct str key,
                   size_t value); /* in place of what was there; keeps key.p */

/* ---- graph_outcomes.c */
struct outcomes {
    const struct json **jobs;
    size_t count, room;
};

/* Jobs, a line of JSON each, in place of those of the same address that came before. */
MUST_CHECK enum rc outcomes_read(struct crawl_graph *g, struct str lines, struct outcomes *out,
                                 struct err *e);
/* Records of the crawl before, likewise. One that cannot be read is none: its page is asked for as if it were new. */
void outcomes_read_records(struct crawl_graph *g, struct str lines);
const struct json *outcomes_record(const struct crawl_graph *g, struct str identity); /* NULL: none */
const struct json *outcomes_find(const struct crawl_graph *g, const struct outcomes *o, enum page_what what,
                                 struct str identity); /* the job; NULL: none yet */
bool outcomes_is_completed(const struct json *job);
bool outcomes_has_failed(const struct json *job);
struct str outcomes_identity(const struct crawl_graph *g,
                             struct str address); /* the address itself when it is none */

/* ---- crawl_graph.c */
/* A job to make; those beyond CRAWL_ASK_MAX are left to the next turn. */
void crawl_graph_ask(struct crawl_graph *g, enum page_what what, const struct page_url *page, int depth);

/* ---- graph_lists.c */
/* robots.txt, one for each origin that has been asked. */
struct origins {
    struct {
        struct str origin;
        struct robots robots;
    } items[64];
    size_t count;
};

enum permission { MAY_BE_ASKED, MAY_NOT_BE_ASKED, NOT_KNOWN_YET };

const struct robots *origins_robots(const struct origins *origins, struct str origin); /* NULL: not known */
/* NOT_KNOWN_YET: its robots.txt is asked for. */
enum permission origins_may_ask(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                                const struct url *url);

/* What sitemaps and llms.txt have said. */
struct lists {
    const struct json *results[CRAWL_LISTS_MAX];
    size_t count, sitemaps;
};

void lists_read(struct crawl_graph *g, const struct outcomes *o, const struct origins *origins,
                struct lists *lists);

#endif
