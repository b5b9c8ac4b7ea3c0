/* crawl_turn.h: what the files of a turn share: crawl_docs.c runs it, crawl_jobs.c makes the jobs that it asks for, crawl_records.c keeps what the
 * next crawl of the same site reads, crawl_end.c writes what the last turn leaves. Everything lives in the arena of the attempt. */
#ifndef STINT_KINDS_CRAWL_DOCS_CRAWL_TURN_H
#define STINT_KINDS_CRAWL_DOCS_CRAWL_TURN_H

#include "kinds/crawl_docs/crawl_docs.h"
#include "kinds/crawl_docs/crawl_graph.h"

#define CRAWL_LINES_MAX_BYTES    ((size_t)1 << 30)
#define CRAWL_DOCUMENT_MAX_BYTES ((size_t)256 << 20)

/* Written first: it has the longest way to the server. */
struct crawl_records {
    const char *path;
    int fd;
    struct buf lines; /* that are not written yet */
    size_t next;      /* node */
    size_t bytes;
    bool is_open;
};

struct crawl {
    struct attempt *at;
    struct arena *a;
    struct crawl_args args;
    struct crawl_graph graph;
    struct str *texts; /* of the graph's nodes, as their jobs left them; STR_NONE: there is none */
    const struct crawl_node **by_id;
    size_t by_id_count;
    struct crawl_records records;
    int64_t turn;
    bool has_previous; /* a crawl with the same args, whose pages may still be good */
};

/* ---- crawl_jobs.c */
struct str crawl_hash(const struct crawl *c, struct str text); /* SHA-256, in hex */
/* A job of its own for what the graph asks for; one for each address of a crawl, whichever turn asks. */
void crawl_make_job(const struct crawl *c, const struct crawl_ask *ask);

/* ---- crawl_records.c */
/* What the crawl before has left, "" = there is none. The first turn decides whether there is one; should it be gone later, the pages that were
 * said to be the same fail. */
MUST_CHECK enum rc crawl_records_read(struct crawl *c, struct str *out, struct err *e);
MUST_CHECK enum rc crawl_records_open(struct crawl *c, struct err *e);
/* Every page with its text and what the host said of its version, in the order of the graph, up to the first whose text may still come. */
MUST_CHECK enum rc crawl_records_write(struct crawl *c, bool have_all_come, struct err *e);
/* Publishes them if all went well; gives `rc` or what went wrong here. A site over the limit of artifacts is asked for as a whole next time. */
MUST_CHECK enum rc crawl_records_close(struct crawl *c, enum rc rc, struct err *e);

/* ---- crawl_end.c */
/* The text of a page, as its job or the crawl before left it; STR_NONE: it has none. */
struct str crawl_text(const struct crawl *c, const struct crawl_node *n);
/* The last turn: writes the document and all beside it, and completes the job. */
MUST_CHECK enum rc crawl_finish(struct crawl *c, struct err *e);

#endif
