/* artifacts.h: artifacts and series in the committer's hands. Files are linked into their place before the transaction
 * commits and unlinked after it has, so that a row never names a file that is not there. Committer only. */
#ifndef STINT_STORE_SQLITE_ARTIFACTS_H
#define STINT_STORE_SQLITE_ARTIFACTS_H

#include "store/sqlite/rows.h"

/* Stages a small artifact of a report under the row's lease; sets FLAG_STAGED. */
MUST_CHECK enum rc artifacts_put(struct writer *w, struct row *r, const struct report_artifact *a,
                                 struct err *e);
/* The staged ones: those of the row's lease are published if `publish`, all others are gone. Clears FLAG_STAGED. */
MUST_CHECK enum rc artifacts_settle(struct writer *w, struct row *r, bool publish, struct err *e);
/* A published artifact of the row becomes the newest of a series. *found: is there one of that name? */
MUST_CHECK enum rc artifacts_publish(struct writer *w, const struct row *r, const struct report_publish *p,
                                     struct str result, bool *found, struct err *e);
/* Removes all of the job's; with keep_series those that a series holds live on. */
MUST_CHECK enum rc artifacts_remove(struct writer *w, int64_t job, bool keep_series, struct err *e);
/* After the round: unlinks the files it made superfluous (committed) or has put in place (not). */
void artifacts_end_round(struct writer *w, bool is_committed);
/* At start: removes files that no row names. */
MUST_CHECK enum rc artifacts_sweep(struct writer *w, struct err *e);
bool artifacts_has(struct writer *w, const struct row *r,
                   struct str name); /* staged under the lease, or published */

#endif
