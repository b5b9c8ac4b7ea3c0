/* filter.h: walks jobs newest first and stops at those that pass a filter; looks at a bounded number of rows, so that
 * neither a list nor a bulk action holds anybody up. The cursor is the integer key of the last row looked at. */
#ifndef STINT_STORE_SQLITE_FILTER_H
#define STINT_STORE_SQLITE_FILTER_H

#include "store/sqlite/sqlite.h"

struct filter_scan {
    /* the caller's */
    struct engine *engine;
    int64_t tenant, cursor;
    const struct job_filter *filter;
    /* the scan's */
    struct db *db;
    struct db_stmt *q; /* over @job_columns@ */
    int64_t looked_at, last;
    uint32_t states;
    bool is_at_end;
};

MUST_CHECK enum rc filter_begin(struct filter_scan *f, struct db *db, struct err *e);
/* To the next job that passes; false: the end, or enough looked at. */
MUST_CHECK enum rc filter_next(struct filter_scan *f, bool *has_row, struct err *e);
/* Ends the scan. *next_cursor: where to go on, 0 = there is nothing more. is_full: the caller stopped. */
MUST_CHECK enum rc filter_end(struct filter_scan *f, bool is_full, int64_t *next_cursor, struct err *e);

#endif
