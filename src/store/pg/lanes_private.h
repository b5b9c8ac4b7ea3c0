/* lanes_private.h: how lanes.h keeps what it knows: lanes.c, lane_looks.c, lane_choice.c. All of it under the lock. */
#ifndef STINT_STORE_PG_LANES_PRIVATE_H
#define STINT_STORE_PG_LANES_PRIVATE_H

#include "store/pg/lanes.h"

struct lane_turns { /* of a group in a queue; of a group p NULL: of the queue */
    int64_t next;
    bool
        is_paused; /* of a queue: when it was last looked, or changed here; committers may know older settings */
    struct lane_turns *queue;
};

struct lane_key {
    int64_t tenant;
    struct str key;
    bool is_made, is_known;
    const struct lane *kept_for; /* a heavy one; lane_choice.c */
    const struct limit *held;    /* while lanes are chosen: as the round that asks knows it */
    struct limit_rule rule;
    struct limit_state state;
    struct lane_ref *lanes; /* that name it */
    struct lane_key *next;
};

struct lane_ref {
    struct lane *lane;
    struct lane_ref *next;
};

struct lane {
    struct lane_name name;
    struct limit_use uses[LIMITS_PER_JOB];
    struct lane_key *keys[LIMITS_PER_JOB];
    size_t use_count;
    struct lane_turns *turns;
    bool may_hold;
    bool has_place; /* lane, its number in the index, is known */
    int64_t lane;
    struct lane_head head; /* there may be a job before it that nobody told of */
    uint64_t noted_at;
    struct lane *next; /* of its tenant */
};

struct lane_tenant {
    int64_t tenant;
    struct lane *lanes;
    bool has_late;            /* the last look has found lanes, perhaps none of which may give anything */
    bool is_wanted, is_begun; /* is_begun: not all has been looked at once */
    int64_t looked_at_us, cost_us; /* cost: the database's */
    int64_t took_us;               /* with what belongs to it, as the node has waited */
    size_t found;                  /* lanes, the last time */
    int dear_looks;                /* in a row */
    struct lane_place at;          /* how far the look of all has come; its queue lies in queue_room */
    char queue_room[JOB_NAME_MAX_BYTES + 1];
    struct lane_tenant *next;
};

#define LANES_CHOSEN_MAX 1024 /* of a claim */

/* A lane that may be chosen, or one that is waited for. */
struct lane_option {
    const struct lane *lane;
    bool is_awaited;
    int64_t aged, start; /* the head's priority as it counts, and where its group's turn begins */
};

/* Those of each queue whose turn it is, about `wanted` of it. lane_order.c. */
void lanes_order(struct lanes *m, size_t count, size_t wanted, struct arena *a, struct lane_choice *out);
struct lane_key *lanes_key_of(struct lanes *m, int64_t tenant, struct str key); /* NULL: nobody names it */
struct lane_tenant *lanes_tenant_of(struct lanes *m, int64_t tenant);
struct lane_turns *lanes_turns_of(struct lanes *m, int64_t tenant, struct str queue, struct str group);
/* NULL: it is not known, and not to be made. */
struct lane *lanes_find(struct lanes *m, const struct lane_name *n, bool make);
void lanes_put_note(struct lanes *m, struct lane *l, struct lane_head at);
int lanes_compare_heads(const struct lane_head *a, const struct lane_head *b);
/* 0: a job of it may begin, as far as known; else when. */
int64_t lanes_wait_of(const struct lane *l, int64_t now);
/* A claim, or a tick, waits for that time. */
void lanes_expect(struct lanes *m, int64_t at);

#endif
