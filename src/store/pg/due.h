/* due.h: the next instant at which a tick has work, in the whole database, and from where the index of due times is read: what
 * jobs leave in it when they end stays at its beginning, as in job_ready (heads.h).
 *
 *   job_due:  │ gone … gone │ now - 2 s: seen │ gone … │ floor: the first that we know of │ …
 *
 * Rounds read from `floor`: nothing that this node has written, or was told of, is before it. Ticks and the node's own thread read
 * all of it, until several readings in a row were dear: much is gone there. From then on they read from `seen`: nothing was there
 * when it was last read, whoever wrote it, and nobody writes a due time that has passed; the slow lane reads all of it (scout.c),
 * after 20 times what that takes and at least a second, until it is cheap again.
 *
 * A reading may not see what commits while it runs, so what is told meanwhile is kept for it. Too early an instant costs a tick,
 * too late a one would cost J5. What no due time says, and a tick has to see to all the same (table note), is a wish: no reading
 * makes it forgotten. */
#ifndef STINT_STORE_PG_DUE_H
#define STINT_STORE_PG_DUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct due_reading {
    int64_t from;  /* to be bound */
    int64_t noted; /* the earliest that was told since it began */
    int64_t now, began_us;
    int64_t cost_us;        /* 0: until its end */
    bool is_open, is_whole; /* is_whole: of whoever wrote it */
    bool is_full;           /* from the very beginning */
    struct due_reading *next;
};

struct due {
    pthread_mutex_t lock;
    int64_t told; /* 0: there is nothing */
    int64_t floor, seen;
    int64_t cost_us, looked_at_us; /* of the last full reading */
    int dear_readings;             /* full ones, in a row */
    bool is_unhurried;             /* store_options; none is dear */
    bool was_asked;                /* a whole one since */
    struct due_reading *readings;
    int64_t wished_at; /* a tick is wanted since then; 0: none is */
};

void due_init(struct due *d);

/* ---- any thread */

/* Before the statement is sent. A reading that was begun is ended, by one of the three. */
void due_begin(struct due *d, struct due_reading *r);
void due_begin_whole(struct due *d, struct due_reading *r, int64_t now);
/* The statement has answered, with so many jobs; what follows is no cost of the reading. */
void due_answered(struct due_reading *r, int64_t met);
/* A full one, if those have become too dear for whoever asks, and it is time. */
bool due_begin_full(struct due *d, struct due_reading *r, int64_t now);
/* What was found: the earliest from r->from on; 0: nothing. Returns what to tell. */
int64_t due_end(struct due *d, struct due_reading *r, int64_t found);
/* All that is due until then was dealt with. */
void due_end_tick(struct due *d, struct due_reading *r, int64_t until);
void due_cancel(struct due *d, struct due_reading *r);

/* This instant was written and may be committed, or its row was locked and a tick may have passed over it, or another node speaks
 * of it (it may have seen less than we); 0: none. Returns what to tell. */
int64_t due_note(struct due *d, int64_t due_at);
int64_t due_told(struct due *d);
/* Wants a tick, whatever is due; returns what to tell. */
int64_t due_wish(struct due *d, int64_t now);
/* Before a tick looks at what that was about: what is left behind is another wish. False: nobody had one. */
bool due_take_wish(struct due *d);

#endif
