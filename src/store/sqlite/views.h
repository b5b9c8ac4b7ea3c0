/* views.h: a job's row as others see it: struct job, from the columns @job_columns@ of sql/sqlite/queries/job.sql. Used by
 * the readers and by claims, each with its own connection. */
#ifndef STINT_STORE_SQLITE_VIEWS_H
#define STINT_STORE_SQLITE_VIEWS_H

#include "store/sqlite/sqlite.h"

/* The current row of a statement over @job_columns@; with `is_full` the four long columns behind them too. *flags: the
 * row's. Texts are copied to `a`. */
void view_read(struct engine *s, struct db_stmt *q, bool is_full, struct arena *a, struct job *out,
               int64_t *flags);
/* One job by id, with its long texts. *found as in row_load. */
MUST_CHECK enum rc view_get(struct engine *s, struct db *db, int64_t tenant, struct id id, struct arena *a,
                            struct job *out, int64_t *flags, bool *found, struct err *e);
/* The same by the integer key, whoever's it is. */
MUST_CHECK enum rc view_get_ordinal(struct engine *s, struct db *db, int64_t ordinal, struct arena *a,
                                    struct job *out, int64_t *flags, bool *found, struct err *e);

#endif
