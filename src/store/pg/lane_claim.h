/* lane_claim.h: a claim that looks at lanes, while it chooses: lane_claim.c asks and hands out, lane_fair.c decides. */
#ifndef STINT_STORE_PG_LANE_CLAIM_H
#define STINT_STORE_PG_LANE_CLAIM_H

#include "core/turns.h"
#include "store/pg/claim.h"
#include "store/pg/limits.h"

struct lane_claim {
    const struct store_claim *op;
    struct lane_choice choice; /* all of whose keys are held */
    int64_t quota;             /* how many of each lane are looked at; is_aged: of each priority in it */
    bool is_aged;              /* in one of its queues waiting betters priorities */
    struct lane_claim *next;
};

struct candidate {
    struct str at; /* where the row lies */
    struct id id;
    int64_t priority, run_at, bytes, lease_ms;
    int64_t aged; /* the priority that counts now */
};

struct fair_queue {
    struct str name;
    int64_t turn; /* of the claim's queues */
    int64_t now;
    int64_t age_step_ms;
    struct group_weights weights;
    struct fair_queue *next;
};

struct fair_group {
    struct fair_queue *queue;
    struct lane_turn turn;
    int64_t weight;
    struct fair_group *next;
};

struct source { /* a line, or a lane */
    struct fair_group *group;
    const struct lane_chosen *lane; /* NULL: a line */
    struct limit_entry *keys[LIMITS_PER_JOB];
    int64_t line; /* from 1; 0: a lane */
    struct candidate *list;
    size_t count, at;
    bool is_closed;
    bool is_cut; /* there may be more between what was looked at */
};

struct choosing {
    struct committer *w;
    struct claim_entry *claim;
    struct lane_claim *lanes;
    FIFO(struct fair_queue) queues;
    FIFO(struct fair_group) groups;
    struct source *sources; /* lines first */
    size_t count, line_count;
    uint32_t turn_number;
    const struct str *names; /* of the claim's queues, in turn */
    struct candidate **chosen;
    struct source **from;
    size_t chosen_count;
    int64_t bytes;
};

/* A source for each line and each lane of the claim, without candidates. */
void lane_fair_begin(struct choosing *c);
/* Asks what the queues say of the order of their jobs. */
MUST_CHECK enum rc lane_fair_send(struct choosing *c, struct err *e);
/* From the candidates, as far as keys have room; takes slots and tokens of the round's keys. */
void lane_fair_choose(struct choosing *c);

#endif
