/* claimed.h: what this node has given out lately, as it stands in the database, so that the completion of such a job needs no
 * trip to read and lock it. Nothing here is believed: the statement that takes the row away names its place and version, and
 * a round that has believed too much runs again without (rows.h). Any committer. */
#ifndef STINT_STORE_PG_CLAIMED_H
#define STINT_STORE_PG_CLAIMED_H

#include "store/pg/rows.h"

#define CLAIMED_MAX        16384 /* jobs; the memory is used as far as so many are out */
#define CLAIMED_NAME_BYTES 96    /* of queue and kind; a job with more, a key or a retry policy is not kept */

void claimed_init(struct claimed *m);
void claimed_dispose(struct claimed *m);

/* After the commit of the claims. */
void claimed_put(struct claimed *m, const struct claimed_entry *first);
/* Forgets these jobs, and makes those that were known rows of the round if `is_wanted`. */
void claimed_take(struct committer *w, const struct id *ids, size_t count, bool is_wanted);

#endif
