/* insert.h: rows of new jobs on their way into the table. They gather in memory and go in by one statement for many; nobody
 * may read the table `job` in between: rounds.c flushes before every operation that is no enqueue. Committer only. */
#ifndef STINT_STORE_SQLITE_INSERT_H
#define STINT_STORE_SQLITE_INSERT_H

#include "store/sqlite/rows.h"

/* Beside an open w->db: what it needs, and the table `new_job` that job_insert reads. */
MUST_CHECK enum rc insert_open(struct writer *w, struct err *e);
void insert_close(struct writer *w); /* after the connection */
/* The texts of the row and the spec are borrowed until the round ends. */
MUST_CHECK enum rc insert_add(struct writer *w, const struct sqlite_row *row, const struct job_spec *s,
                              struct err *e);
MUST_CHECK enum rc insert_flush(struct writer *w, struct err *e);
void insert_forget(struct writer *w); /* a round begins */

#endif
