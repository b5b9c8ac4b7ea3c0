/* claim.h: a claim while its round runs: which lines its statement looks at, and what has come of it. Jobs that stand in lines are
 * handed out by one statement (claim.c); where lanes may have something, too, two statements pick and a third hands out what was
 * chosen among both (lane_claim.c). Committer only. */
#ifndef STINT_STORE_PG_CLAIM_H
#define STINT_STORE_PG_CLAIM_H

#include "store/pg/lanes.h"
#include "store/pg/postgres.h"
#include "store/pg/stretches.h"

/* What the statement looks at; then, what it has left there. */
struct claim_part {
    bool is_full;
    int count;
    struct stretch all[2 * STRETCHES_MAX];
};

struct claim_plan {
    struct line **lines; /* of the statement, in its order; NULL: there are too many to remember this one */
    struct str *queues, *kinds;
    int64_t *turns;
    struct claim_part *parts; /* of each line */
    size_t count;
    bool is_any;      /* the statement finds the lines */
    struct str found; /* these: "QUEUE KIND\n" */
    bool is_answered;
    struct look look;
    int64_t taken; /* of what was met there */
};

/* ---- claim.c */
/* The queues of a claim, beginning where its turn is. */
const struct str *claim_queues(struct committer *w, const struct store_claim *op, uint32_t turn);
/* When a queue has its turn: those that were named in their order, others mixed. */
int64_t claim_turn_of(struct str queue, const struct str *queues, size_t count, uint32_t turn);
/* Room for so many lines; then each with its turn, begun (heads.h). */
void claim_make_room(struct committer *w, struct claim_plan *p, size_t count);
void claim_add_line(struct committer *w, struct claim_plan *p, int64_t tenant, struct str queue,
                    struct str kind, int64_t turn);
/* $10 … $16. */
void claim_bind_lines(struct committer *w, struct pg_query *q, struct claim_plan *p);
/* NULLs in their place. */
void claim_bind_no_lines(struct pg_query *q);
/* The jobs of an answer; not what it says of the look. */
void claim_read_jobs(struct committer *w, const struct pg_rows *rows, struct claim_entry *c);

/* ---- lane_claim.c */
/* Looks for lanes where it is time, and chooses those in which claims of the list will look; their keys join the round, and all of
 * its keys get rows. Before the round's transaction. */
MUST_CHECK enum rc lane_claims_prepare(struct committer *w, const struct store_op *list, struct err *e);
/* NULL: the claim looks at no lanes. */
struct lane_claim *lane_claims_find(const struct committer *w, const struct store_claim *op);
/* Has the round itself made ready, before a claim that looks at no lanes, what stands in one? Then that is known, and the claim begins a
 * round when this runs again (collect.c). */
bool lane_claim_comes_early(const struct committer *w, const struct claim_entry *c);
/* Which lanes have room, now that their keys are held. False: none, and there are no others. */
bool lane_claim_choose(struct committer *w, struct lane_claim *l);
/* In the round's transaction, at once, but for what hands out. */
MUST_CHECK enum rc lane_claim_send(struct committer *w, struct claim_entry *c, struct lane_claim *l,
                                   struct err *e);
void lane_claims_end(struct committer *w, bool is_done);
struct lane_question {
    int64_t tenant;
    enum lane_asker who;
    bool has_looked; /* out: something may be known that was not before */
};

/* One look, in a transaction of its own, if it is time; and how keys stand of which nobody knows it. */
MUST_CHECK enum rc lanes_look_for(struct pg_engine *s, struct link *link, struct arena *a,
                                  struct lane_question *q, struct err *e);

#endif
