/* rows.h: what this engine gives to the rules (store/rules/keeper.h): rows, counts, texts, keys, written at once. Each
 * function means what the member of its name in struct keeper_engine says. Committer only. */
#ifndef STINT_STORE_SQLITE_ROWS_H
#define STINT_STORE_SQLITE_ROWS_H

#include "store/sqlite/caches.h"

/* row.flags that are ours: the text is in body, because it is long. */
enum body_flag { FLAG_ARGS = 32, FLAG_RESULT = 64, FLAG_CHECKPOINT = 128 };

struct sqlite_row {
    struct row row; /* first: what the rules see */
    int64_t ordinal, random, kind, line;
    struct queue_row *queue;
    enum job_state stored_state;
};

static inline struct sqlite_row *sqlite_row_of(struct row *r)
{
    return (struct sqlite_row *)r;
}

extern const struct keeper_engine sqlite_keeper;

/* rows.c */
MUST_CHECK enum rc rows_load(struct keeper *k, int64_t tenant, struct id id, struct row **out, struct err *e);
MUST_CHECK enum rc rows_load_ordinal(struct writer *w, int64_t ordinal, struct row **out, struct err *e);
MUST_CHECK enum rc rows_save(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc rows_save_place(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc rows_save_renewed(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc rows_save_finished(struct keeper *k, struct row *r, struct str result, struct err *e);
/* In which the row, queued, stands or will. */
MUST_CHECK enum rc rows_find_line(struct writer *w, const struct sqlite_row *s, struct line **out,
                                  struct err *e);
MUST_CHECK enum rc rows_count_in(struct keeper *k, struct row *r, struct err *e);
void rows_count_out(struct keeper *k, struct row *r);
void rows_count_total(struct keeper *k, struct row *r, enum queue_total total);
MUST_CHECK enum rc rows_set_queue(struct keeper *k, struct row *r, struct str name, struct err *e);
/* What a time that is not set is stored as: negative, as wide as it will be. */
int64_t rows_stored_time(const struct writer *w, int64_t at);

/* texts.c */
MUST_CHECK enum rc texts_set(struct keeper *k, struct row *r, enum row_text which, struct str text,
                             struct err *e);
MUST_CHECK enum rc texts_set_progress(struct keeper *k, struct row *r, struct str text, struct err *e);
MUST_CHECK enum rc texts_set_error(struct keeper *k, struct row *r, const struct job_error *error,
                                   struct err *e);
MUST_CHECK enum rc texts_add_event(struct keeper *k, struct row *r, const struct job_event_row *event,
                                   struct err *e);
MUST_CHECK enum rc texts_find_error(struct keeper *k, struct row *r, struct job_error *out, bool *has_error,
                                    struct err *e);
MUST_CHECK enum rc texts_show(struct keeper *k, struct row *r, struct arena *a, struct job *out,
                              struct err *e);
MUST_CHECK enum rc texts_erase(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc body_put(struct writer *w, int64_t job, enum row_text which, struct str text,
                            struct err *e);

/* enqueue.c */
MUST_CHECK enum rc enqueue_make(struct keeper *k, int64_t tenant, struct str queue, struct str kind,
                                struct row **out, struct err *e);
MUST_CHECK enum rc enqueue_insert(struct keeper *k, struct row *r, const struct job_spec *s, struct err *e);
MUST_CHECK enum rc enqueue_expect_keys(struct keeper *k, int64_t tenant, const struct job_spec *specs,
                                       size_t count, struct err *e);
MUST_CHECK enum rc enqueue_hide(struct keeper *k, struct row *r, int64_t *place, struct err *e);
MUST_CHECK enum rc enqueue_flush(struct keeper *k, struct id batch, struct err *e);
MUST_CHECK enum rc enqueue_reveal(struct keeper *k, struct row *r, int64_t place, int64_t n, struct err *e);
bool enqueue_reserve(struct keeper *k, int64_t tenant, struct str queue);
void enqueue_unreserve(struct keeper *k, int64_t tenant, struct str queue);
void enqueue_expect_room(struct keeper *k, int64_t tenant, struct str queue, int64_t n);
MUST_CHECK enum rc enqueue_find_holder(struct keeper *k, int64_t tenant, struct str key,
                                       struct key_holder *out, struct err *e);
MUST_CHECK enum rc enqueue_hold_key(struct keeper *k, struct row *r, int64_t held_until, struct err *e);
MUST_CHECK enum rc enqueue_release_key(struct keeper *k, struct row *r, struct err *e);
MUST_CHECK enum rc enqueue_find_verdicts(struct keeper *k, const struct store_enqueue *op,
                                         struct kept_verdicts *out, struct err *e);
MUST_CHECK enum rc enqueue_keep_verdicts(struct keeper *k, const struct store_enqueue *op,
                                         struct str verdicts, int64_t expires_at, struct err *e);

/* schedules.c */
MUST_CHECK enum rc schedule_find(struct keeper *k, int64_t tenant, struct str name, struct schedule *out,
                                 bool *found, struct err *e);
MUST_CHECK enum rc schedule_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
MUST_CHECK enum rc schedule_put(struct keeper *k, const struct schedule *s, struct err *e);
MUST_CHECK enum rc schedule_remove(struct keeper *k, int64_t tenant, struct str name, struct err *e);
MUST_CHECK enum rc schedule_release(struct writer *w, struct err *e);
MUST_CHECK enum rc schedule_take(struct writer *w, struct store_tick *op, int64_t limit, struct err *e);

/* family.c: what stands beside a job that has kin. The first is for views too, on any connection. */
MUST_CHECK enum rc family_read_kin(struct db *db, int64_t ordinal, struct id *parent, struct id *root,
                                   struct err *e);
MUST_CHECK enum rc family_read_tally(struct db *db, int64_t ordinal, struct job_children *out, struct err *e);
MUST_CHECK enum rc family_read_children(struct writer *w, int64_t ordinal, struct arena *a,
                                        struct job_children **out, struct err *e);
MUST_CHECK enum rc family_insert(struct writer *w, const struct sqlite_row *s, struct err *e);
MUST_CHECK enum rc family_remove(struct writer *w, const struct sqlite_row *s, struct err *e);
MUST_CHECK enum rc family_count(struct keeper *k, struct row *r, struct job_children *out, struct err *e);
MUST_CHECK enum rc family_find_open(struct keeper *k, struct row *r, struct open_children *open,
                                    struct err *e);
MUST_CHECK enum rc family_tally(struct keeper *k, struct id owner, struct row *r, enum job_state state,
                                int64_t n, struct err *e);
MUST_CHECK enum rc family_leave_note(struct keeper *k, const struct note *note, struct err *e);
/* Up to `limit` notes, in their order, if there are any. */
MUST_CHECK enum rc family_take_notes(struct writer *w, int64_t limit, bool *has_taken, struct err *e);
/* Whether there are any left, where there may be. */
MUST_CHECK enum rc family_look_for_notes(struct writer *w, struct err *e);

/* batches.c: what stands beside a batch, and beside its jobs. batch_read_id and batch_hides on any connection. */
/* Is the job, which has these flags, of a batch that is being filled? Then it is not there for anybody. */
MUST_CHECK enum rc batch_hides(struct db *db, int64_t ordinal, int64_t flags, bool *out, struct err *e);
MUST_CHECK enum rc batch_read_id(struct db *db, int64_t ordinal, struct id *out, struct err *e);
MUST_CHECK enum rc batch_add_member(struct writer *w, const struct sqlite_row *s, struct err *e);
MUST_CHECK enum rc batch_remove(struct writer *w, const struct sqlite_row *s, struct err *e);
MUST_CHECK enum rc batch_max(struct keeper *k, struct row *r, int64_t *out, struct err *e);
MUST_CHECK enum rc batch_put(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e);
MUST_CHECK enum rc batch_find_flags(struct keeper *k, struct id batch, int64_t *out, struct err *e);
MUST_CHECK enum rc batch_find_finalisers(struct keeper *k, struct row *r, struct str *out, struct err *e);
MUST_CHECK enum rc batch_put_finalisers(struct keeper *k, int64_t tenant, struct id batch, struct str ids,
                                        struct err *e);

/* links.c */
MUST_CHECK enum rc links_add(struct keeper *k, struct id job, struct id on, int64_t round, struct err *e);
MUST_CHECK enum rc links_forget(struct keeper *k, struct row *r, struct err *e);
/* Some of those that depend on a job which has ended hear of it (NOTE_DONE, NOTE_MISSED); is_whole: all have. */
MUST_CHECK enum rc links_tell(struct writer *w, const struct note *note, bool *is_whole, struct err *e);

/* What the job, blocked, depends on still; on any connection. */
MUST_CHECK enum rc links_read(struct db *db, struct arena *a, struct job *out, struct err *e);

/* prune.c */
MUST_CHECK enum rc prune_remove(struct keeper *k, struct row *r, struct err *e);
/* An id is never given twice, also when the newest jobs are gone and the clock steps back: after every removal. */
MUST_CHECK enum rc prune_remember_ordinal(struct writer *w, struct err *e);
/* tick.c: for a claim that meets a due job before the timer does. */
MUST_CHECK enum rc tick_one(struct writer *w, int64_t ordinal, int64_t *applied, struct err *e);

/* One-parameter-and-id statements: (?1 = id) and (?1 = id, ?2 = n). */
MUST_CHECK enum rc run_with_id(struct db *db, enum sql_query query, int64_t id, struct err *e);
MUST_CHECK enum rc run_with_text(struct db *db, enum sql_query query, int64_t id, struct str text,
                                 struct err *e);
/* Statements (?1 = id) whose row is `count` ids, each as its ordinal and its random bits: into ids, which stay as they are when
 * there is no row. */
MUST_CHECK enum rc read_ids(struct db *db, enum sql_query query, int64_t id, struct id *ids, int count,
                            struct err *e);

#endif
