/* artifacts.h: artifacts and series in the committer's hands. Files are linked into their place before the transaction
 * commits and unlinked after it has, so that a row never names a file that is not there. Committer only. */
#ifndef STINT_STORE_SQLITE_ARTIFACTS_H
#define STINT_STORE_SQLITE_ARTIFACTS_H

#include "store/sqlite/rows.h"

/* For the rules: store/rules/keeper.h says what they do. */
bool artifacts_has(struct keeper *k, struct row *r, struct str name);
MUST_CHECK enum rc artifacts_stage(struct keeper *k, struct row *r, const struct artifact *a, struct err *e);
MUST_CHECK enum rc artifacts_settle(struct keeper *k, struct row *r, bool publish, struct err *e);
MUST_CHECK enum rc artifacts_publish(struct keeper *k, struct row *r, const struct report_publish *p,
                                     struct str result, struct err *e);
/* Removes all of the job's; with keep_series those that a series holds live on. */
MUST_CHECK enum rc artifacts_remove(struct writer *w, int64_t job, bool keep_series, struct err *e);
/* After the round: unlinks the files it made superfluous (committed) or has put in place (not). */
void artifacts_end_round(struct writer *w, bool is_committed);
/* At start: removes files that no row names. */
MUST_CHECK enum rc artifacts_sweep(struct writer *w, struct err *e);

#endif
