/* filter.h: jobs newest first that pass a filter, live and finished ones by age; looks at a bounded number of rows, so that
 * neither a list nor a bulk action holds anybody up. A cursor is the ordinal (base/id.h) below which to go on. */
#ifndef STINT_STORE_PG_FILTER_H
#define STINT_STORE_PG_FILTER_H

#include "store/pg/postgres.h"

struct filter_scan {
    int64_t tenant, cursor, limit;
    const struct job_filter *filter;
};

struct filter_page { /* the answer's first `count` rows, over @list_columns@ */
    size_t count;
    int64_t next_cursor; /* 0: there is nothing more */
};

/* The statement for the filter's states, and its parameters. */
enum pg_sql_query filter_bind(const struct filter_scan *f, struct pg_query *q);
/* What of its answer is the page. Jobs of several nodes may have one ordinal: a page ends between two ordinals, and holds
 * more than the limit only when so many share one. */
struct filter_page filter_page(const struct filter_scan *f, const struct pg_rows *rows);

#endif
