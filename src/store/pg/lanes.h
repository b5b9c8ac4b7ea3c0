/* lanes.h: what this node knows of lanes: which have something, where their first job stands, which of their keys have room, and
 * whose turn it is. It lives in memory and may be lost at any time; what it says of keys is judged again under their locks
 * before a job is handed out (lane_claim.c).
 *
 *   rounds of this node ──▶ notes: a job is ready, a slot is free, a key was seen
 *   looks (limit.sql, lane_look) ──▶ lanes that nobody told of: by each claim of a tenant that has lanes; where that has become
 *                                    dear, by the slow lane, for no more than a twentieth of the time
 *
 * A lane with a key that has no room is not looked at: what is queued behind it costs nothing. Any thread. */
#ifndef STINT_STORE_PG_LANES_H
#define STINT_STORE_PG_LANES_H

#include "base/arena.h"
#include "core/limits.h"
#include "store/map.h"
#include "store/store.h"

#include <pthread.h>

struct lane_name {
    int64_t tenant;
    struct str queue, kind, group, limits; /* group, limits: as the job has them; "" = none */
};

struct lane_head { /* where its first job stands */
    int64_t priority, run_at;
    struct id id;
};

struct lane; /* in memory */

struct lanes {
    pthread_mutex_t lock;
    struct arena *a;
    struct map lane_by_name, key_by_name, turn_by_name, tenant_by_name;
    struct lane_tenant *tenants;
    struct lane_key *keys;
    size_t count;                /* of all that is kept */
    size_t unknown;              /* keys of which nobody knows how they stand */
    struct lane_option *options; /* room for a choice */
    size_t option_room;
    bool is_unhurried; /* store_options; claims look each time */
    uint64_t clock;    /* of notes */
    _Atomic int64_t lane_count;
    _Atomic int64_t next_at; /* when one opens for which a claim, or a tick, has asked; 0: none */
};

void lanes_init(struct lanes *m);
void lanes_dispose(struct lanes *m);

/* ---- notes */

/* A job of the lane is ready there. */
void lanes_note(struct lanes *m, const struct lane_name *name, struct lane_head at);
/* Something of the tenant became ready elsewhere: look. */
void lanes_hear(struct lanes *m, int64_t tenant);
/* The queue was paused here, or goes on. Behind a pause that others have made there may be more than is known: look. */
void lanes_see_queue(struct lanes *m, int64_t tenant, struct str queue, bool is_paused);
/* So it was when it was locked, or read. */
void lanes_see_key(struct lanes *m, const struct limit *l);
/* So many jobs of the key have completed. */
void lanes_mend_key(struct lanes *m, int64_t tenant, struct str key, int64_t completed, int64_t now);
/* So many slots of the key are free again. The lines that have something now join the record. false: it has no number of slots. */
bool lanes_free_key(struct lanes *m, int64_t tenant, struct str key, int64_t weight, int64_t now,
                    struct store_round *r);
/* It may have changed in any way. */
void lanes_forget_key(struct lanes *m, int64_t tenant, struct str key, int64_t now, struct store_round *r);
/* The same of all keys for which the pattern holds. */
void lanes_forget_pattern(struct lanes *m, int64_t tenant, struct str pattern, int64_t now,
                          struct store_round *r);
/* When a lane that waits opens, 0: none, or not by time. */
int64_t lanes_next_at(struct lanes *m);
/* Tells the lines that have opened by then. */
void lanes_tick(struct lanes *m, int64_t now, struct store_round *r);

/* ---- keys that have a row in the database */

bool lanes_is_made(struct lanes *m, int64_t tenant, struct str key);
void lanes_set_made(struct lanes *m, int64_t tenant, struct str key, bool is_made);

/* ---- looks */

struct lane_place { /* in the index of lanes */
    struct str queue;
    int64_t lane;
};

struct lane_look {
    int64_t tenant;
    uint64_t clock;
    struct lane_place from; /* behind this */
};

enum lane_asker {
    LANE_CLAIM,    /* has enough to choose from */
    LANE_SHORT,    /* has not, by what is known */
    LANE_SLOW_LANE /* nobody waits for it */
};

/* Is it the tenant's turn? Where lanes are few each claim looks, and its answer is exact. Where they are many a claim looks only when it has
 * not enough to choose from, or others have told of something, and the last look is long enough ago; otherwise, and always where looks
 * take long, that is left to the slow lane. Texts are copied to `a`. */
bool lanes_begin_look(struct lanes *m, int64_t tenant, enum lane_asker who, struct arena *a,
                      struct lane_look *out);
/* A tenant at which the slow lane is to look; 0: there is none. */
int64_t lanes_next_look(struct lanes *m);
/* There is one, or will be. */
bool lanes_want_looks(struct lanes *m);
/* The first job of the lane `lane` stands there; is_paused: its queue. */
void lanes_found(struct lanes *m, const struct lane_look *look, const struct lane_name *name, int64_t lane,
                 struct lane_head at, bool is_paused);
/* So many were found. What was not found up to that place, all of it if is_last, has nothing. */
void lanes_end_look(struct lanes *m, const struct lane_look *look, struct lane_place to, size_t count,
                    int64_t cost_us, bool is_last);
/* … and it took so long, with all that belongs to it. */
void lanes_see_cost(struct lanes *m, int64_t tenant, int64_t us);
/* Keys of which nobody knows how they stand; with_used: and of which slots are used, for others may have given some back. Not more
 * than may be read at once. */
struct limit *lanes_keys_to_read(struct lanes *m, bool with_used, struct arena *a, size_t *count);

/* ---- claims */

struct lane_filter {
    int64_t tenant;
    const struct str *queues, *kinds; /* none: all */
    size_t queue_count, kind_count;
    size_t wanted;                   /* lanes of each queue, about */
    const struct settings *settings; /* NULL: in none of them waiting betters priorities */
};

/* Keys as they stand in the round that asks, which holds them, and may have given some of them out. */
struct lane_eyes {
    const struct limit *const *held;
    size_t count;
};

struct lane_chosen {
    struct lane_name name;
    struct limit_use uses[LIMITS_PER_JOB];
    size_t use_count;
};

struct lane_choice {
    struct lane_chosen *lanes; /* that are open, as far as known: those whose turn it is first */
    size_t count;
    bool has_more; /* of them than these */
    uint64_t clock;
};

/* Has the tenant lanes at all? */
bool lanes_known(struct lanes *m, int64_t tenant);
/* … or may it have, for all that is known? Cheap. */
bool lanes_any(struct lanes *m, int64_t tenant);
/* Those that are next and have room, in `a`. One that does not fit a key, though a lighter one would, is waited for once the
 * key has been full: those of its queue that come behind it and name that key have no room either. */
void lanes_choose(struct lanes *m, const struct lane_filter *f, const struct lane_eyes *eyes, int64_t now,
                  struct arena *a, struct lane_choice *out);
/* The claim that has chosen at `clock` found that its first job stands there now. */
void lanes_left(struct lanes *m, const struct lane_name *name, struct lane_head at);
/* … or that nothing is left. */
void lanes_emptied(struct lanes *m, const struct lane_name *name, uint64_t clock);
/* Lines of lanes that are open join the look. */
void lanes_look(struct lanes *m, struct store_look *op, int64_t now);

/* ---- turns of groups: start-time fair queueing. `now`: where the queue's turns are; next: where the group's next is. */

struct lane_turn {
    struct str queue, group;
    int64_t now, next;
};

void lanes_read_turn(struct lanes *m, int64_t tenant, struct lane_turn *t);
void lanes_keep_turn(struct lanes *m, int64_t tenant, const struct lane_turn *t);

#endif
