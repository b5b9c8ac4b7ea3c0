/* lanes_private.h: how lanes.h keeps what it knows: lanes.c, lane_looks.c, lane_choice.c. All of it under the lock. */
#ifndef STINT_STORE_PG_LANES_PRIVATE_H
#define STINT_STORE_PG_LANES_PRIVATE_H

#include "store/pg/lanes.h"

struct lane_turns { /* of a group in a queue; of a group p NULL: of the queue */
    int64_t next;
    struct lane_turns *queue;
};

struct lane_key {
    int64_t tenant;
    struct str key;
    bool is_made, is_known;
    const struct lane *kept_for; /* a heavy one; lane_choice.c */
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
    bool is_paused; /* its queue, when it was last looked; committers may know older settings */
    bool has_place; /* lane, its number in the index, is known */
    int64_t lane;
    struct lane_head head; /* there may be a job before it that nobody told of */
    int64_t aged;          /* while lanes are chosen: the head's priority as it counts */
    uint64_t noted_at;
    struct lane *next; /* of its tenant */
};

struct lane_tenant {
    int64_t tenant;
    struct lane *lanes;
    bool has_late;            /* the last look has found lanes, perhaps none of which may give anything */
    bool is_wanted, is_begun; /* is_begun: not all has been looked at once */
    int64_t looked_at_us, cost_us;
    int dear_looks;       /* in a row */
    struct lane_place at; /* how far the look of all has come; its queue lies in queue_room */
    char queue_room[JOB_NAME_MAX_BYTES + 1];
    struct lane_tenant *next;
};

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
