/* limits.h: the limit keys of a round: which it needs is known before it begins, their rows are locked in its first trip, in one
 * order and before any job, and written with its last. Slots are freed with the leases that end. What was seen is remembered
 * (lanes.h). Committer only, but for what the rules call (store/rules/keeper.h). */
#ifndef STINT_STORE_PG_LIMITS_H
#define STINT_STORE_PG_LIMITS_H

#include "store/pg/postgres.h"

struct limit_entry {
    struct limit l;
    bool is_put;     /* by the rules */
    bool is_set_put; /* … because somebody has set it */
    bool is_spent;   /* by a claim */
    int64_t mends;   /* jobs that had completed when it was locked */
    struct limit_entry *next;
};

struct
    slot_entry { /* freed, or to be taken; or, of a key that the round has not locked: a job that has completed */
    int64_t tenant;
    struct str key;
    struct id job;
    int64_t weight;
    struct slot_entry *next;
};

MUST_CHECK enum rc pg_limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out,
                                  struct err *e);
MUST_CHECK enum rc pg_limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
MUST_CHECK enum rc pg_limits_mend(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc pg_limits_put(struct keeper *k, const struct limit *l, struct err *e);

/* ---- the round (transact.c): need, prepare, lock, send, settle */

/* The round will need this key. */
void limits_need(struct committer *w, int64_t tenant, struct str key);
/* Those that its reports and limit operations name. */
void limits_collect(struct committer *w, const struct store_op *list);
/* Those that owe something by a pattern which its operations change, too: limit_rules.c. */
MUST_CHECK enum rc limits_need_owing(struct committer *w, const struct store_op *list, struct err *e);
/* Makes rows where there are none yet: in a transaction of its own, before the round's. */
MUST_CHECK enum rc limits_make(struct committer *w, struct err *e);
/* Queues the locks, and the reading behind them. */
MUST_CHECK enum rc limits_send_lock(struct committer *w, struct err *e);
/* NULL: the round does not have it. */
struct limit_entry *limits_find_entry(const struct committer *w, int64_t tenant, struct str key);
/* n->l, which was `was`, was put: the rule that holds for it, or for all those of the round that it speaks of, and what they owe. */
MUST_CHECK enum rc limits_follow(struct committer *w, struct limit_entry *n, const struct limit *was,
                                 struct err *e);
/* Slots that are free with the leases that the round ends. */
MUST_CHECK enum rc slots_send(struct committer *w, struct err *e);
/* What the round has made of its keys, and the slots that its claims take. */
MUST_CHECK enum rc limits_send(struct committer *w, struct err *e);
void limits_settle(struct committer *w, bool is_done);

/* A row of limit_columns, and how many jobs have completed since somebody has locked it. Texts are copied to `a`. */
int64_t limits_read_row(const struct pg_rows *rows, size_t at, struct arena *a, struct limit *out);
/* … mended by them: to be looked at. */
void limits_read_mended(const struct pg_rows *rows, size_t at, int64_t now, struct arena *a,
                        struct limit *out);
/* Keys as parameters of limit_make, limit_lock and limit_read. */
void limits_bind_keys(struct pg_query *q, const struct limit *keys, size_t count);

#endif
