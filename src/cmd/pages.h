/* pages.h: a list that the server gives in pages, as a table of at most --limit rows or as JSON. */
#ifndef STINT_CMD_PAGES_H
#define STINT_CMD_PAGES_H

#include "cmd/remote.h"
#include "cmd/term.h"

struct pages {
    const char *member;         /* the array of the answer, beside next_cursor */
    const char *const *columns; /* NULL ends them */
    int (*get)(struct remote *r, struct str cursor, const struct json **answer); /* one page; an exit code */
    void (*add)(struct term_table *t, const struct json *item, int64_t now);     /* its row */
    const char *more; /* what to do when there are more: "--limit, or a filter" */
};

/* Prints it and gives the exit code. A page may be short, even empty, while there is more: the server looks at so many rows at once. So the
 * table is filled from as many as it takes, and --json gives the first that is not empty. */
int pages_print(struct remote *r, const struct pages *p);

#endif
