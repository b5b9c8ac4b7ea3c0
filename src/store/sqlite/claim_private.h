/* claim_private.h: what claim.c and claim_aged.c share: a claim while it looks at one queue. Committer only. */
#ifndef STINT_STORE_SQLITE_CLAIM_PRIVATE_H
#define STINT_STORE_SQLITE_CLAIM_PRIVATE_H

#include "store/sqlite/turns.h"

struct heads {
    struct head *items;
    size_t count, room;
};

struct walk { /* over the lines of a queue */
    const struct wanted_kinds *kinds;
    size_t at; /* the next line */
    struct heads heads;
};

/* ---- claim.c */
/* At or behind walk->at, which moves there; NULL: there is none. */
const struct line *claim_next_plain(const struct queue_row *q, struct walk *walk);
/* The heads, at most `want` of each, oldest first, of all wanted lines of the first open priority at or behind walk->at, which moves
 * behind them. */
MUST_CHECK enum rc claim_next_heads(struct writer *w, struct queue_row *q, int64_t want, struct walk *walk,
                                    struct err *e);
/* *is_late: the job was too late to start and has ended. Others stay where they are unless may_give. */
MUST_CHECK enum rc claim_one(struct writer *w, struct store_claim *op, const struct head *h, bool may_give,
                             bool *is_late, struct err *e);
/* Jobs with big args: what is claimed has to fit into one answer. */
bool claim_is_heavy(const struct store_claim *op);

/* ---- claim_aged.c */
/* Up to `until` jobs in all, of a queue where waiting betters priorities. */
MUST_CHECK enum rc claim_aged(struct writer *w, struct store_claim *op, struct queue_row *q,
                              const struct wanted_kinds *kinds, size_t until, struct err *e);

#endif
