/* lanes_private.h: what lanes.c, groups.c, pens.c and turns.c share. Committer only. */
#ifndef STINT_STORE_SQLITE_LANES_PRIVATE_H
#define STINT_STORE_SQLITE_LANES_PRIVATE_H

#include "store/sqlite/lanes.h"

/* ---- groups.c */
struct ring *ring_get(struct writer *w, struct turn *t, int64_t kind);
struct group *group_get(struct writer *w, struct turn *t, struct str name);
void group_leave(struct writer *w, struct group *g); /* a lane of it is gone, and it may be, too */
void groups_forget(struct writer *w);

/* ---- pens.c */
/* Its head is set. */
void lane_open(struct lane *l);
/* … and has changed. */
void seat_moved(struct lane *l);
void pen_moved(struct lane *l);
/* It is open, and the key forbids it until then. */
void lane_hold(struct writer *w, struct lane *l, struct limit_key *key, int64_t until);
/* It has nothing any more. */
void lane_put_away(struct writer *w, struct lane *l);
/* Where the seat stands in its ring. */
void seat_rank(struct seat *s);

#endif
