/* caches.h: words, queues and lines in the committer's memory. Numbers change here at once and go to the tables once a
 * round (caches_flush). Committer only. */
#ifndef STINT_STORE_SQLITE_CACHES_H
#define STINT_STORE_SQLITE_CACHES_H

#include "store/sqlite/sqlite.h"

/* Reads everything anew: at start, and after a rollback. */
MUST_CHECK enum rc caches_load(struct writer *w, struct err *e);
MUST_CHECK enum rc caches_flush(struct writer *w, struct err *e);
void caches_dispose(struct writer *w);

MUST_CHECK enum rc word_intern(struct writer *w, struct str text, int64_t *id, struct err *e);
int64_t word_find(struct writer *w, struct str text); /* 0: never seen */

struct queue_row *queue_find(struct writer *w, int64_t tenant,
                             struct str name); /* deleted ones too; NULL: none */
struct queue_row *queue_by_id(struct writer *w, int64_t id);
/* Makes the queue when it is missing, and brings a deleted one back. */
MUST_CHECK enum rc queue_get(struct writer *w, int64_t tenant, struct str name, struct queue_row **out,
                             struct err *e);
void queue_add(struct writer *w, struct queue_row *q, enum job_state state, int64_t n);
void queue_add_total(struct writer *w, struct queue_row *q, enum queue_total total);
/* The weights of its groups, from their text. */
MUST_CHECK enum rc queue_weigh(struct writer *w, struct queue_row *q, struct str weights, struct err *e);
void queue_mark(struct writer *w, struct queue_row *q); /* its counts must be written */

struct line *line_by_id(struct writer *w, int64_t id);
MUST_CHECK enum rc line_get(struct writer *w, struct queue_row *q, int64_t kind, int64_t priority,
                            struct line **out, struct err *e);
/* One of these with nothing in it, beside that: for jobs that are hidden until the line is told that it has them. */
MUST_CHECK enum rc line_get_apart(struct writer *w, struct queue_row *q, int64_t kind, int64_t priority,
                                  struct line **out, struct err *e);
/* Of a lane: lanes.h. id 0: a new number. */
struct line *line_new_lane(struct writer *w, int64_t id, struct lane *lane);
/* Its priority, and which one of it, from what the table has. */
int64_t line_priority(int64_t stored);
int64_t line_apart(int64_t stored);
/* Has it a job, whatever it counts? */
MUST_CHECK enum rc line_look_into(struct writer *w, const struct line *l, bool *has_job, struct err *e);
void line_add(struct writer *w, struct line *l, int64_t n);

#endif
