/* reads.h: what the reads share: their statements, sent together on one snapshot. Readers only. */
#ifndef STINT_STORE_PG_READS_H
#define STINT_STORE_PG_READS_H

#include "store/pg/views.h"

#define READ_QUERIES_MAX 4

struct read_batch {
    int count;
    struct {
        enum pg_sql_query sql;
        struct pg_query params;
        struct pg_rows *rows; /* the answer */
    } queries[READ_QUERIES_MAX];
};

/* One more statement; its parameters are to be bound. */
struct pg_query *read_add(struct reader *r, struct read_batch *b, enum pg_sql_query sql);
/* Runs them all on one snapshot, in one trip. On failure there are no rows. */
MUST_CHECK enum rc read_run(struct reader *r, struct read_batch *b, struct err *e);
void read_free(struct read_batch *b);

/* How many of the rows, oldest or newest first, are a page of `limit`, about, when READ_SHARED_MAX more were asked for. It ends between
 * two ordinals: nodes may have made several ids of one, and cursors are ordinals. *next_cursor: the last one, or 0: that was all. */
#define READ_SHARED_MAX 8
size_t read_page_end(const struct pg_rows *rows, size_t limit, int64_t *next_cursor);

/* The one row of job_view or history_view; out->found says whether it is there. */
void read_view(const struct reader *r, const struct pg_rows *rows, bool is_history, struct arena *a,
               struct view *out);
/* A job is live or in history, and may go from one to the other while we look: in the one, the other, the first again. */
#define READ_LOOKS_MAX 3

#endif
