/* blobs.h: the contents of big artifacts: rows of table blob in parts, once for each tenant and content, and a file of the
 * node's cache. Small contents lie in the artifact's own row.
 *
 *   blob_upload   parts, each a transaction of its own; a note for the care-taker to look at them in an hour
 *   blob_hold     in the transaction that makes the artifact: a shared lock, then: are all parts there?
 *   care-taker    the lock alone (or later), then: does no artifact name them? Then they go (blob_expire).
 *
 * So a content is never deleted between the look of whoever needs it and his commit. */
#ifndef STINT_STORE_PG_BLOBS_H
#define STINT_STORE_PG_BLOBS_H

#include "store/pg/postgres.h"

#define BLOB_PART_BYTES (256 << 10)

/* Writes the file of an artifact that is to be staged, unless it is there or the worker may not stage it (which the rule
 * will say). Outside of a transaction. */
MUST_CHECK enum rc blob_upload(struct committer *w, const struct store_stage_artifact *op, struct err *e);
/* In the round's transaction, which is to make an artifact of these contents. RC_BUSY: they are gone again. */
MUST_CHECK enum rc blob_hold(struct committer *w, int64_t tenant, const struct artifact *a, struct err *e);
/* The path of a file with the contents, in the node's cache. RC_NOT_FOUND: they were deleted meanwhile. */
MUST_CHECK enum rc blob_fetch(struct reader *r, int64_t tenant, const struct artifact *a, struct arena *paths,
                              struct str *out, struct err *e);
/* Deletes contents that no artifact names: at most so many parts of one. *more: there is more to look at. */
MUST_CHECK enum rc blob_sweep(struct committer *w, int64_t parts, bool *more, struct err *e);

/* The contents' name in the cache, and their lock. */
struct str blob_name(struct arena *a, int64_t tenant, const unsigned char sha256[32]);

#endif
