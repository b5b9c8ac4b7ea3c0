/* collect.h: what a round will need, seen from its operations before it begins. Committer only. */
#ifndef STINT_STORE_PG_COLLECT_H
#define STINT_STORE_PG_COLLECT_H

#include "store/pg/unique.h"

struct collected {
    struct id *ids; /* of jobs to lock */
    size_t id_count;
    struct key_entry *keys; /* unique keys to reserve */
    size_t key_count;
    bool may_finish; /* a job may end */
    unsigned kin;    /* of the jobs, that is to be locked too: enum kin */
    bool is_plain;   /* what it says of jobs is that they are complete, and brings no artifacts */
};

/* Cuts the list behind the operations that fit into one round; at least one does. What is left is returned. Also cut is
 * what would have to see what the database makes of the last batch: all that follows a claim but plain new jobs. */
struct store_op *collect_cut(const struct committer *w, struct store_op *list);
/* In the round's scratch arena. */
void collect(struct committer *w, const struct store_op *list, struct collected *out);
/* Does the operation run in a round of its own? */
bool collect_is_alone(const struct store_op *op);

#endif
