/* care.h: what one node does for all: deleting what is past its time, and folding counts. It is the node that holds the
 * lease `care` (table service), whose term grows with each new holder. Nothing goes wrong when two believe they hold it: each
 * step takes a chunk that nobody else has. Committers only. */
#ifndef STINT_STORE_PG_CARE_H
#define STINT_STORE_PG_CARE_H

#include "store/pg/postgres.h"

#define CARE_LEASE_MS 60000

/* Takes or renews the lease, in the round's transaction. *is_ours false: another node has it until *until. */
MUST_CHECK enum rc care_take(struct committer *w, bool *is_ours, int64_t *until, struct err *e);

/* Deltas of counts were written (or will be: it does not matter). Any thread. */
void care_note(struct pg_engine *s, int64_t deltas);
/* For the slow lane, which mostly has nothing to do: how long it may wait for something, and what to do then: it folds the
 * deltas of counts into count, a second after this node has written some. A store where nothing happens is left alone. */
int64_t care_wait_ms(const struct committer *w);
void care_run(struct committer *w);

/* scout.c: full looks for claims and ticks, for which they are too dear: those whose turn it is. On the slow lane. */
void scout_run(struct committer *w);
/* Before any thread of the store runs. */
MUST_CHECK enum rc scout_open(struct pg_engine *s, struct pg *c, struct err *e);

#endif
