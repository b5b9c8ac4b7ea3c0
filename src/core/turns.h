/* turns.h: in which order the jobs of a queue go. Pure: no clock, no store. Lower priorities first, as they are now: waiting may better
 * them (where groups wait at several priorities, of each that job may count whose turn it is there). Within one, groups take turns (start-time fair queueing): a group's job starts where its last one ended, or where the
 * turns are, whichever is later, and whose starts first goes first. A job takes 1 / weight of a turn. */
#ifndef STINT_CORE_TURNS_H
#define STINT_CORE_TURNS_H

#include "base/arena.h"
#include "base/buf.h"

#define TURN_TIME          720720000 /* of a whole turn; small weights divide it without a rest */
#define GROUP_WEIGHT_MAX   1000
#define GROUP_WEIGHTS_MAX  100       /* of a queue */
#define GROUP_WEIGHTS_ROOM (1 << 17) /* bytes of their text at most */
#define AGE_STEP_MIN_MS    1000
#define AGE_STEP_MAX_MS    (365LL * 86400000)

struct group_weight {
    struct str group; /* ends in *: of all groups that begin so */
    int64_t weight;
};

struct group_weights { /* of a queue; sorted by group */
    struct group_weight *items;
    size_t count;
};

/* A JSON object: a group, or the beginning of some with a `*` behind it, and its weight. "" is none. Texts live in `a` or in the text.
 * RC_INVALID, field `group_weights`. */
MUST_CHECK enum rc group_weights_read(struct str json, struct arena *a, struct group_weights *out,
                                      struct err *e);
/* The same object as stores keep it: equal weights give equal text; none gives "". */
void group_weights_write(const struct group_weights *w, struct buf *out);
/* Its own, or that of the longest beginning, or 1. A job that names no group is of the group "". */
int64_t group_weight_of(const struct group_weights *w, struct str group);

/* `next`: where the group's last job ended; `now`: where the turns are, the greatest start that was given. */
int64_t turn_start(int64_t next, int64_t now);
int64_t turn_end(int64_t start, int64_t weight);

/* The priority that counts for a job which might have begun at run_at: one better for each step it has waited. step_ms <= 0: as it
 * is. Of two jobs of one priority, the older never has the worse one. */
int64_t priority_aged(int64_t priority, int64_t run_at, int64_t step_ms, int64_t now);

#endif
