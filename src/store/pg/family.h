/* family.h: jobs that hang under another, on PostgreSQL: see store/rules/family.c for what it means. */
#ifndef STINT_STORE_PG_FAMILY_H
#define STINT_STORE_PG_FAMILY_H

#include "store/pg/care.h"
#include "store/pg/rows.h"

/* keeper.h's */
MUST_CHECK enum rc pg_family_count(struct keeper *k, struct row *r, struct job_children *out, struct err *e);
MUST_CHECK enum rc pg_family_find_open(struct keeper *k, struct row *r, struct open_children *open,
                                       struct err *e);
MUST_CHECK enum rc pg_family_tally(struct keeper *k, struct id owner, struct row *r, enum job_state state,
                                   int64_t n, struct err *e);
MUST_CHECK enum rc pg_family_leave_note(struct keeper *k, const struct note *note, struct err *e);
/* That the job has ended, which this round has left and seen to, is not yet told to all. */
void pg_family_keep_note(struct keeper *k, struct id job);

/* batches.c */
MUST_CHECK enum rc pg_batch_max(struct keeper *k, struct row *r, int64_t *out, struct err *e);
MUST_CHECK enum rc pg_batch_put(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e);
MUST_CHECK enum rc pg_batch_find_flags(struct keeper *k, struct id batch, int64_t *out, struct err *e);
MUST_CHECK enum rc pg_batch_find_finalisers(struct keeper *k, struct row *r, struct str *out, struct err *e);
MUST_CHECK enum rc pg_batch_put_finalisers(struct keeper *k, int64_t tenant, struct id batch, struct str ids,
                                           struct err *e);

/* links.c */
MUST_CHECK enum rc pg_links_add(struct keeper *k, struct id job, struct id on, int64_t round, struct err *e);
MUST_CHECK enum rc pg_links_forget(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc pg_links_send(struct committer *w, struct err *e);
/* Some of those that depend on the notes' jobs, which have ended alike, hear of it; the others by another note. */
MUST_CHECK enum rc pg_links_tell(struct committer *w, const struct note *notes, size_t count, struct err *e);

/* Queues what the round has collected of it. */
MUST_CHECK enum rc pg_family_send(struct committer *w, struct err *e);
/* Up to `limit` notes, locked and seen to, where there may be some. */
MUST_CHECK enum rc pg_family_take_notes(struct committer *w, int64_t limit, bool *has_taken, struct err *e);
/* What children_of (sql/pg/queries/family.sql) says. */
struct job_children *pg_family_read_children(struct str packed, struct arena *a);

#endif
