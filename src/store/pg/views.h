/* views.h: a job's row as others see it: struct job, from the columns @job_columns@ and @long_columns@ of
 * sql/pg/queries/job.sql. Used by the readers, by claims and by operations that show a job. */
#ifndef STINT_STORE_PG_VIEWS_H
#define STINT_STORE_PG_VIEWS_H

#include "store/pg/postgres.h"

#define VIEW_COLUMNS      36 /* of @job_columns@ */
#define VIEW_LEASE_UNTIL  10
#define VIEW_RETRY        25
#define VIEW_LONG_COLUMNS 3 /* error_stack, checkpoint, args */
#define VIEW_END_COLUMNS  3 /* finished_at, expires_at, result */

/* That of the id in column 0. */
int64_t view_ordinal(const struct pg_rows *r, size_t at);
/* @job_columns@ from column 0 on; *flags may be NULL. Texts are copied to `a`. */
void pg_view_read(const struct store *s, const struct pg_rows *r, size_t at, struct arena *a, struct job *out,
                  int64_t *flags);
/* @long_columns@ from `column` on. */
void view_read_long(const struct pg_rows *r, size_t at, int column, struct arena *a, struct job *out);
/* finished_at, expires_at, result from `column` on: of a row of history. */
void view_read_end(const struct pg_rows *r, size_t at, int column, struct arena *a, struct job *out);

struct view {
    struct job *job; /* the caller's; filled */
    int64_t flags;   /* the row's */
    int64_t drop_at; /* of its history; 0: live */
    bool found;      /* false also for another tenant's (tenant 0: any) */
};

/* One job with its long texts: read_jobs.c. Readers only, in a snapshot. */
MUST_CHECK enum rc pg_view_get(struct reader *r, int64_t tenant, struct id id, struct arena *a,
                               struct view *out, struct err *e);
/* Queues the statements that fill the round's shows (keeper.show). Committer only. */
MUST_CHECK enum rc views_send_shows(struct committer *w, struct err *e);

#endif
