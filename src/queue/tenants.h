/* tenants.h: turns of tenants, for claims of all of them. By the name of a queue the loop keeps whose lines may hold something, and
 * how far each tenant is in its turns (core/turns.h): who gets a job pays a whole turn, who comes back begins where the others
 * are, and whose time is the least is next. So a tenant with a long backlog delays the first job of another by one hand-out.
 * Turns are of this process, as those of groups are.
 *
 * Nothing is kept of queues and kinds for which no such claim came. What may be there is learnt by a look, once, and then from what
 * becomes claimable; a claim that comes back empty takes it away again, unless there was news since it was sent. */
#ifndef STINT_QUEUE_TENANTS_H
#define STINT_QUEUE_TENANTS_H

#include "queue/table.h"
#include "store/store.h"

struct queue;

struct tenant_queue { /* all queues of a name */
    struct table_node node;
    struct str name;
    struct str *kinds; /* that claims have named; "" stands for any, of claims that name none */
    bool *is_known;    /* of each: a look has told what was there */
    size_t kind_count;
    struct tenant_turn **turns; /* of those who may have something, or whose time is ahead */
    size_t turn_count, turn_room;
    int64_t time;     /* the greatest start that was given */
    size_t in_flight; /* shares that are asked for: it must stay */
    uint64_t used;    /* the clock, when a claim last named it */
};

struct tenant_turn {
    struct table_node node;
    struct tenant_queue *of;
    int64_t tenant;
    int64_t time;    /* where its last job ended */
    uint64_t order;  /* of those whose time is the same, the least goes first */
    uint64_t *noted; /* by kind of the queue: when somebody told that it may hold something; 0: it does not */
    size_t noted_count, at, in_flight;
};

struct tenants {
    struct table queues, turns;
    struct tenant_queue **list;
    size_t count;
    uint64_t clock;
    uint32_t next_queue; /* at which a claim begins */
    struct table names;
};

struct tenant_share { /* of a claim */
    int64_t tenant;
    size_t queue; /* of those of the claim */
    int64_t want;
    uint64_t asked_at;
};

/* The line has something, or may have. */
void tenants_note(struct queue *q, const struct store_line *line);
/* News may be missing: each claim looks first. */
void tenants_doubt(struct queue *q);
/* Lines of tenant 0 that must be looked at before the claim is shared out: *out, in a; none: all is known. */
size_t tenants_unknown(struct queue *q, const struct store_claim *c, struct arena *a,
                       struct store_line **out);
void tenants_looked(struct queue *q, const struct store_line *wanted, size_t count);
/* Shares out up to `want` jobs among those whose turn it is; at most `room` shares. 0: nobody may have any. */
size_t tenants_choose(struct queue *q, const struct store_claim *c, int64_t want, struct tenant_share *out,
                      size_t room);
/* What came of a share; got < 0: nobody knows. */
void tenants_gave(struct queue *q, const struct store_claim *c, const struct tenant_share *s, int64_t got);
/* NULL texts: not known yet. */
struct str tenants_name(const struct queue *q, int64_t tenant);
void tenants_learn(struct queue *q, const struct store_list_tenants *list);
void tenants_dispose(struct queue *q);

#endif
