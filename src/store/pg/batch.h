/* batch.h: statements that leave together and whose answers come together. Committer only. */
#ifndef STINT_STORE_PG_BATCH_H
#define STINT_STORE_PG_BATCH_H

#include "store/pg/postgres.h"

/* Queues a statement. `take` reads the answer's rows, which are freed behind it; NULL: they do not matter. q may be NULL. */
MUST_CHECK enum rc batch_send(struct committer *w, enum pg_sql_query query, const struct pg_query *q,
                              enum rc (*take)(struct committer *w, const struct pg_rows *rows, void *arg,
                                              struct err *e),
                              void *arg, struct err *e);
/* The same for what has no name and no parameters: BEGIN. */
MUST_CHECK enum rc batch_send_text(struct committer *w, const char *sql, struct err *e);
MUST_CHECK enum rc batch_send_commit(struct committer *w, struct err *e); /* its answer sets is_committed */
/* Sends what was queued and takes every answer; the first failure ends it. */
MUST_CHECK enum rc batch_run(struct committer *w, struct err *e);
/* Forgets what was queued: the round is over. */
void batch_forget(struct committer *w);

#endif
