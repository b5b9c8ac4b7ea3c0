/* lanes.h: lines of jobs that name a group or limits, in the committer's memory. What is kept of them in tables is a line each, with
 * its group and limits; groups' turns are not kept.
 *
 *   queue ─▶ turn (a priority) ─▶ ring (a kind) ─▶ seat (a group that has something open) ─▶ lanes, the oldest head first
 *                                       │
 *                     limit key ─▶ pen ─┘  lanes that the key holds up: whose group's turn it is first
 *
 * A lane is open until a claim finds that one of its keys forbids it; then it stands in the pen of that key, and no claim looks at
 * it. When the key has room again, one lane of each of its pens is let out, the SCOUT; when that has been given a job, or needs
 * none any more, the next. So neither 100,000 jobs of a paused key nor 100,000 lanes behind a full one cost a claim anything.
 *
 * Ranks in heaps are lower bounds: a group's time only grows, and so does the head of a lane when it is taken away. Whoever
 * looks at the first of a heap brings its rank up to date, until the first is the first. Committer only. */
#ifndef STINT_STORE_SQLITE_LANES_H
#define STINT_STORE_SQLITE_LANES_H

#include "store/sqlite/caches.h"
#include "store/sqlite/heap.h"

struct group {
    struct turn *turn;
    struct str name;
    int64_t weight;
    int64_t time,
        lanes; /* time: where its next job starts. It lives while it has lanes, or its time is ahead of the turn's */
    struct seat *seats;
    struct group *next_idle;
    bool is_idle;
    struct str key; /* of writer.groups */
};

struct turn { /* the groups of one priority of a queue */
    struct queue_row *queue;
    int64_t priority, time, arrivals; /* time: of the group that was served last, before it was */
    int64_t lanes;
    struct group none; /* of the jobs that name no group: lanes that name limits, and plain lines */
    struct ring **rings;
    size_t ring_count;
};

struct ring {
    struct turn *turn;
    int64_t kind;
    struct heap seats;
};

struct seat {
    struct heap_node node; /* first */
    struct ring *ring;
    struct group *group;
    struct heap lanes;
    struct seat *next;
};

struct pen {
    struct limit_key *key;
    struct ring *ring;
    struct heap lanes;
    int64_t scouts;
    struct pen *next; /* of the key */
};

struct lane {
    struct heap_node node; /* first; in a seat's or a pen's heap */
    struct line *line;
    struct ring *ring;
    struct group *group;
    struct limit_set *set; /* NULL: it names no limit */
    struct seat *seat;     /* it is open */
    struct pen *pen;       /* it is held up */
    struct pen *scout_of;
    int64_t head_at, head_id; /* no job of it is before this one */
    bool is_head_known;       /* which is there */
    bool is_stored;
    int64_t key[6]; /* queue, kind, priority, group, set, apart: as bytes, the key of writer.lines */
};

struct lane_place {
    int64_t id;    /* the line's number; 0: a new one */
    int64_t apart; /* 0, or which one beside that: caches.h, line_get_apart */
    int64_t kind, priority;
    struct str group, limits;
};

/* The line of such jobs; made when it is missing. */
MUST_CHECK enum rc lane_get(struct writer *w, struct queue_row *q, const struct lane_place *p,
                            struct line **out, struct err *e);
/* The same, with nothing in it, beside that: for jobs that are hidden until lane_reveal, behind line_add. */
MUST_CHECK enum rc lane_get_apart(struct writer *w, struct queue_row *q, struct lane_place p,
                                  struct line **out, struct err *e);
void lane_reveal(struct lane *l);
/* As the table tells it from others; it stays there although it is empty. */
int64_t lane_apart(const struct lane *l);
/* A row of line_all. */
MUST_CHECK enum rc lane_load(struct writer *w, struct queue_row *q, struct db_stmt *row, struct err *e);
/* A queued job has come into the lane, or left it; line_add was called. */
void lane_joined(struct writer *w, struct lane *l, int64_t run_at, int64_t ordinal);
void lane_left(struct writer *w, struct lane *l, int64_t ordinal);
struct str lane_limits(const struct lane *l); /* as the jobs name them */
/* The lane, empty, is in no table any more, and gone. */
void lane_free(struct writer *w, struct lane *l);

struct turn *turn_get(struct writer *w, struct queue_row *q, int64_t priority);
/* A job of the group was handed out. */
void group_served(struct writer *w, struct group *g);
/* The queue's weights have changed. */
void groups_weigh(struct writer *w, const struct queue_row *q);
/* Around handing out the head of a lane that turns_pick gave: its tokens are spent, and the next scout goes. */
struct pen *lane_begin(struct lane *l);
void lane_end(struct writer *w, struct lane *l, struct pen *was_scout_of);
/* The key may have room: its pens let one out each. */
void pens_look(struct writer *w, struct limit_key *key);

/* The queue gives again: the round tells of what is open in it. */
void lanes_announce(struct writer *w, const struct queue_row *q);
void lanes_forget(struct writer *w);

#endif
