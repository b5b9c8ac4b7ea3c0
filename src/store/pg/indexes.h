/* indexes.h: the indexes that a migration adds to finished jobs and their events, where there are many of them.
 *
 * CREATE INDEX on a partitioned table locks all its partitions against writers until it has built them all, and whoever ends a
 * job writes there. So what is big is built before the migration, outside of its transaction and partition by partition, by
 * CREATE INDEX CONCURRENTLY. The migration's own statement then finds these indexes, compares definitions, takes them for its
 * parts, and builds what is small. It stands in the migration as ever, on one line that begins with it:
 *
 *   CREATE INDEX history_children ON stint.history (parent, id) WHERE parent IS NOT NULL;
 *
 * An index of a column that is new as well belongs into the migration behind the one that adds the column. Killed at any point
 * it goes on with the next run: what is valid stays, what is not is dropped and made again. Until they are a migration's, these
 * indexes (…_early) are nothing that the check of the schema sees. */
#ifndef STINT_STORE_PG_INDEXES_H
#define STINT_STORE_PG_INDEXES_H

#include "db/pg.h"

/* What a migration may index itself, all partitions and indexes together: about 0.1 s. */
#define INDEXES_BIG_BYTES ((int64_t)8 << 20)

/* Is there one to be made before this migration, because what it would have to index is at least so much altogether? */
MUST_CHECK enum rc indexes_are_due(struct pg *c, struct str migration, int64_t big_bytes, bool *out,
                                   struct err *e);
/* Makes them, from the biggest partition on, until what is left is less. The connection is not in a transaction. It may take hours; it waits for transactions that are open, for a
 * minute each time: RC_BUSY, PG_LOCKED. RC_BUSY: somebody else is at it for longer than a minute · RC_INVALID: a pooler stands
 * between · RC_DENIED: the role may not act as the owner of the schema. */
MUST_CHECK enum rc indexes_make(struct pg *c, struct str migration, int64_t big_bytes, struct err *e);

#endif
