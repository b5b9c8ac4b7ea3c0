/* views.h: a job's row as others see it: struct job, from the columns @job_columns@ of sql/sqlite/queries/job.sql. Used by
 * the readers and by claims, each with its own connection. */
#ifndef STINT_STORE_SQLITE_VIEWS_H
#define STINT_STORE_SQLITE_VIEWS_H

#include "store/sqlite/sqlite.h"

struct viewer {
    struct engine *engine;
    struct db *db;
    struct arena *a; /* texts are copied to it */
    bool of_batches; /* view_get finds these, and no jobs */
};

struct view {
    struct job *job; /* the caller's; filled */
    int64_t flags;   /* the row's */
    bool found;
};

/* The current row of a statement over @job_columns@; with `is_full` the four long columns behind them too. */
void view_read(const struct viewer *v, struct db_stmt *q, bool is_full, struct view *out);
/* Parent, root and batch of a job that view_read has read. */
MUST_CHECK enum rc view_read_kin(const struct viewer *v, struct view *out, struct err *e);
/* One job by id, with its long texts. out->found: it is there; not of a batch. */
MUST_CHECK enum rc view_get(const struct viewer *v, int64_t tenant, struct id id, struct view *out,
                            struct err *e);
/* The same by the integer key, whoever's it is. */
MUST_CHECK enum rc view_get_ordinal(const struct viewer *v, int64_t ordinal, struct view *out, struct err *e);

#endif
