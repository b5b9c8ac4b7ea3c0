/* copy.h: moves a whole store into another one, of any engine: `stint copy`. For admin commands alone.
 *
 *   source ──▶ rows of a table, in the order of its key, a bounded batch at a time ──▶ target: rows and position in one commit
 *
 * What is kept is the same afterwards, ids included; counts are counted anew from what came. The target carries a mark with the
 * position until all of it was read back from both sides and found equal: no server opens a store with that mark, and a copy
 * that ended early, however, goes on behind its last commit when it is asked for again.
 *
 * Leases go on: who holds one under the old server reports its end to the new one, by the same number. The new store's own
 * numbers begin above all that the old one gave or will ever give (J4). */
#ifndef STINT_STORE_COPY_H
#define STINT_STORE_COPY_H

#include "base/str.h"

#define COPY_TABLES_MAX 16

struct copy_count { /* of a table */
    const char *name;
    int64_t rows;
    uint64_t checksum; /* of its rows, in order, as both sides gave them; 0 before they are compared */
};

struct copy_progress {
    struct copy_count tables[COPY_TABLES_MAX];
    int table_count, table; /* how many; which is at work */
    int64_t rows, bytes;    /* of this run: copied, then, with is_verifying, compared */
    bool is_resumed, is_verifying;
};

struct copy_options {
    bool unsafe;                                                   /* store_options.unsafe, of the target */
    void (*on_progress)(void *ctx, const struct copy_progress *p); /* after each batch; NULL: nobody asks */
    void *ctx;
};

/* Copies `from` to `to`, urls as in store_open, and compares them. What is missing of the target's files or schema is made.
 * RC_INVALID: not two stores that can be copied · RC_BUSY: a server runs on one of them, or another copy · RC_CONFLICT: the
 * target is not empty, nor an unfinished copy of this source as it is now · RC_FULL: no room in the target; goes on later ·
 * RC_FATAL: damaged, of another version, or the two differ: the text says where. The source is only read, and nobody else
 * writes to it meanwhile. */
MUST_CHECK enum rc store_copy(const char *from, const char *to, const struct copy_options *options,
                              struct copy_progress *out, struct err *e);

#endif
