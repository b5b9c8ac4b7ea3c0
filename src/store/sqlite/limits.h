/* limits.h: limit keys in the committer's memory: rules, and what is used. Slots are counted from the jobs that run (J8): at
 * start from the table of slots, then by what becomes of each. Committer only, but limit_list_run. */
#ifndef STINT_STORE_SQLITE_LIMITS_H
#define STINT_STORE_SQLITE_LIMITS_H

#include "store/sqlite/heap.h"
#include "store/sqlite/rows.h"

struct limit_key {
    struct heap_node wake; /* first; rank: when tokens or the end of a pause let something out of its pens */
    int64_t tenant;        /* 0: of the server */
    struct str key;
    bool is_set, is_stored, is_dirty;
    struct limit_rule own, rule; /* rule: which holds */
    struct str pattern;          /* by which */
    struct limit_state state;
    int64_t refs; /* sets that name it */
    struct pen *pens;
    struct limit_key *next_dirty;
    struct str map_key; /* tenant and key: of writer.limit_keys */
};

struct limit_set { /* what jobs name together */
    struct str map_key;
    size_t count;
    struct {
        struct limit_key *key;
        int64_t weight;
    } uses[LIMITS_PER_JOB];
    int64_t refs; /* lanes, and jobs that run */
};

/* "" is NULL. To be released. */
MUST_CHECK enum rc limit_set_get(struct writer *w, int64_t tenant, struct str text, struct limit_set **out,
                                 struct err *e);
void limit_set_release(struct writer *w, struct limit_set *s);
/* The first of them that lets nothing begin, and until when (LIMIT_WAIT_FOREVER: somebody will tell); NULL: all are free. */
struct limit_key *limit_set_blocked(const struct writer *w, const struct limit_set *s, int64_t *until);
/* A job begins: its tokens. The slots are limits_begin's. */
void limit_set_spend(struct writer *w, const struct limit_set *s);
int64_t limit_set_weight(const struct limit_set *s, const struct limit_key *key);
void limit_key_wake_at(struct writer *w, struct limit_key *key, int64_t at);

/* The row, which names limits, began to run; it does so no longer. The table hears of it in limits_flush. */
MUST_CHECK enum rc limits_begin(struct writer *w, const struct sqlite_row *s, struct err *e);
void limits_end(struct writer *w, const struct sqlite_row *s);
/* Its slot, in the table alone: for a copy. */
MUST_CHECK enum rc limits_put_slot(struct writer *w, int64_t ordinal, int64_t tenant, struct str text,
                                   struct err *e);
/* What time has set free; the round tells of it. */
void limits_pass_time(struct writer *w);
int64_t limits_next_at(const struct writer *w); /* 0: nothing waits for a time */

MUST_CHECK enum rc limits_load(struct writer *w, struct err *e);
MUST_CHECK enum rc limits_flush(struct writer *w, struct err *e);
void limits_forget(struct writer *w);
/* States that say nothing any more. */
MUST_CHECK enum rc limits_prune(struct writer *w, struct err *e);

/* for the rules: keeper.h */
MUST_CHECK enum rc limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out,
                               struct err *e);
MUST_CHECK enum rc limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
MUST_CHECK enum rc limits_mend(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc limits_put(struct keeper *k, const struct limit *l, struct err *e);

#endif
