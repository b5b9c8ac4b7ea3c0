/* heads.h: where claims of this node begin to look in a crowded line. As long as any transaction in the database is older than a
 * job's end, what the job leaves in the index job_ready stays there, before everything that is queued: an hour at 1,000 jobs a
 * second is 3,600,000 entries. So for each line (tenant, queue, kind) and each priority in it that was met, the node keeps the
 * place in (run_at, id) before which nothing is, as far as it knows. It lives in memory and may be lost at any time.
 *
 * A claim looks at all of a line, and its answer is exact, until several looks in a row have cost more than what they met
 * explains: the line is crowded. From then on claims begin at the heads, and the slow lane looks at all of it (scout.c), until
 * such a look is cheap again.
 *
 *   job_ready of a line:   │ priority 0                                │ priority 5            │
 *                          │ gone … gone … ▼head ready ready ready      │ gone … ▼head ready    │
 *   a claim looks at:      ├ 1st stretch ┤ ├─ 2nd stretch ──────────────┤        ├ 3rd ─────────┤
 *
 * The first stretch, and what follows behind each head, hold other priorities: nothing of those was ever met here.
 *
 * What this node makes ready lowers a head when it is committed (heads_note), and before a claim of the same round; what others
 * do, when they tell (notify.c). Rows that a claim or an operation of this node had locked, so that other claims have passed
 * over them, lower it when they are free again. What nobody told is found by a full look. It has its next turn after 20 times what
 * it took, and not before a second, unless a claim came back with less than it wanted. Until then a job that another node, or an
 * application, has made ready or had locked may wait, or come late in a crowded line; one of this node does not. */
#ifndef STINT_STORE_PG_HEADS_H
#define STINT_STORE_PG_HEADS_H

#include "base/arena.h"
#include "base/id.h"
#include "store/map.h"

#include <pthread.h>

#define HEADS_MAX     8 /* of a line; further priorities lie in the stretches between */
#define STRETCHES_MAX (HEADS_MAX + 1)

struct place { /* in a line, among jobs of one priority */
    int64_t run_at;
    struct id id;
};

struct head {
    int64_t priority;
    struct place at;
    struct place noted; /* the first that was noted since the claims under way began */
};

/* Of a kind "": what is known of the question which kinds, or with a queue "" too, which queues have anything. */
struct line {
    int64_t tenant;
    struct str queue, kind;
    struct head heads[HEADS_MAX]; /* by priority */
    int head_count;
    int claims;           /* under way */
    bool may_hold;        /* something: for claims that name no kind, or no queue */
    bool was_noted;       /* since the claims under way began */
    bool was_short;       /* the last claim has found less than it wanted */
    bool was_asked;       /* since the last full look */
    int dear_looks;       /* in a row; at some number it is crowded */
    int64_t looked_at_us; /* then; 0: never */
    int64_t cost_us;      /* of it */
};

struct heads {
    pthread_mutex_t lock;
    struct map by_name;
    struct line **lines;
    size_t count, room;
    size_t claims;     /* under way, of all lines: meanwhile none is forgotten */
    bool has_holes;    /* there were too many lines: may_hold does not say all */
    bool is_unhurried; /* store_options; no look is dear */
};

/* From this place of the line, up to that priority. */
struct stretch {
    int64_t priority, up_to;
    struct place from;
};

void heads_init(struct heads *h);
void heads_dispose(struct heads *h);

/* ---- any thread */

/* A job of the line is ready at this place, or may be. */
void heads_note(struct heads *h, const struct line *name, int64_t priority, struct place at);
/* The line may hold something, but nothing that was not told otherwise. */
void heads_note_line(struct heads *h, const struct line *name);
/* The same of what another node, or an application, has made ready; _since: of whatever priority. */
void heads_hear(struct heads *h, const struct line *name, int64_t priority, int64_t run_at);
void heads_hear_since(struct heads *h, const struct line *name, int64_t run_at);

/* ---- a claim: begin, look, take, leave, end */

/* The line stays where it is until the end. */
struct line *heads_begin(struct heads *h, const struct line *name);
/* Begins all lines of the tenant that may hold something, and are of these queues (none: of all) and kinds. false: the
 * statement has to look for them, because not all are known, or that is cheap: none has begun. */
struct line_filter {
    int64_t tenant;
    const struct str *queues, *kinds;
    size_t queue_count, kind_count;
};
bool heads_begin_all(struct heads *h, const struct line_filter *f, struct arena *a, struct line ***out,
                     size_t *count);
/* *is_full: the stretches are all of the line. Returns how many they are; there is room for STRETCHES_MAX. */
int heads_stretches(struct heads *h, const struct line *l, struct stretch *out, bool *is_full);
/* Of a place, for a statement: the zero id would be NULL there. */
struct id heads_id(struct place p);
struct look {
    bool is_full, is_short; /* is_short: all that is ready in the line was found */
    bool is_apart;          /* from claims: it decides alone whether the line is crowded */
    int64_t now, cost_us, met;
};
/* The line has given this job; they come in order. */
void heads_took(struct heads *h, struct line *l, int64_t priority, struct place at, const struct look *look);
/* The claim had locked more than it took, and others may have passed over that: it is there, from these places on. A later
 * stretch says more about its priority than those before it. */
void heads_left(struct heads *h, struct line *l, const struct stretch *all, int count);
/* look NULL: the claim has failed. */
void heads_end(struct heads *h, struct line *l, const struct look *look);
/* A claim has looked for the lines itself. */
void heads_looked(struct heads *h, const struct line *name, const struct look *look);

/* ---- full looks apart from claims: scout.c. Between heads_begin and heads_learned; look NULL: it has failed. */

/* The first job of this priority. */
void heads_found(struct heads *h, struct line *l, int64_t priority, struct place at);
/* And there is none of other priorities. */
void heads_learned(struct heads *h, struct line *l, const struct look *look);

/* A line whose turn it is; its names are copied to `a`. Ends with heads_looked. */
bool heads_next(struct heads *h, struct arena *a, struct line *out);
/* There is one, or will be. */
bool heads_want_looks(struct heads *h);
/* Copies of the tenant's lines in which much is gone. */
size_t heads_crowded(struct heads *h, int64_t tenant, struct arena *a, struct line **out);

#endif
