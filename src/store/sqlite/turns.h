/* turns.h: whose turn it is in a queue where jobs name groups or limits. See lanes.h. Committer only. */
#ifndef STINT_STORE_SQLITE_TURNS_H
#define STINT_STORE_SQLITE_TURNS_H

#include "store/sqlite/lanes.h"

struct wanted_kinds {
    int64_t *ids;
    size_t count;
    bool is_any; /* no kind was listed */
};

struct head {
    int64_t id, run_at;
    struct line *line;
};

struct turn_pick {
    struct group *group;
    struct head head; /* its oldest that may begin; id 0: there is none */
};

bool kinds_have(const struct wanted_kinds *k, int64_t kind);
/* Have any lanes of those kinds something open there? */
bool turn_is_open(const struct turn *t, const struct wanted_kinds *kinds);
/* The least priority at which lanes of those kinds are open. */
bool turns_next(const struct queue_row *q, const struct wanted_kinds *kinds, int64_t *priority);
/* Whose turn it is where there are open lanes and, unless that is NULL, plain jobs, of which this is the oldest. */
MUST_CHECK enum rc turns_pick(struct writer *w, struct turn *t, const struct head *plain,
                              const struct wanted_kinds *kinds, struct turn_pick *out, struct err *e);

#endif
