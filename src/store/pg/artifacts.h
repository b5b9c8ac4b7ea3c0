/* artifacts.h: artifacts and series of a round: noted, and sent with its last batch. Small contents are rows, big ones
 * blobs.h. Committer only. */
#ifndef STINT_STORE_PG_ARTIFACTS_H
#define STINT_STORE_PG_ARTIFACTS_H

#include "store/pg/rows.h"

/* Before the round's transaction: brings the files that its operations stage into the database, which may take seconds. */
MUST_CHECK enum rc pg_artifacts_prepare(struct committer *w, const struct store_op *list, struct err *e);

/* store/rules/keeper.h's */
bool pg_artifacts_has(struct keeper *k, struct row *r, struct str name);
MUST_CHECK enum rc pg_artifacts_stage(struct keeper *k, struct row *r, const struct artifact *a,
                                      struct err *e);
MUST_CHECK enum rc pg_artifacts_settle(struct keeper *k, struct row *r, bool publish, struct err *e);
MUST_CHECK enum rc pg_artifacts_publish(struct keeper *k, struct row *r, const struct report_publish *p,
                                        struct str result, struct err *e);
/* All of the job's; with keep_series those that a series holds live on. */
MUST_CHECK enum rc pg_artifacts_remove(struct committer *w, struct pg_row *r, bool keep_series,
                                       struct err *e);
/* Queues what was noted. */
MUST_CHECK enum rc pg_artifacts_send(struct committer *w, struct err *e);
/* After the round: files that it has taken over go to the node's cache. */
void pg_artifacts_end_round(struct committer *w, bool is_committed);

#endif
