/* rows.h: a job's row in the committer's hands: read, decided about, written back. Every transition of every operation
 * goes through row_enter, so counts, lines, due times and change records cannot be forgotten. Committer only. */
#ifndef STINT_STORE_SQLITE_ROWS_H
#define STINT_STORE_SQLITE_ROWS_H

#include "store/sqlite/caches.h"

enum row_flag {
    FLAG_CANCEL = 1,    /* cancel was asked of the worker */
    FLAG_LOST = 2,      /* the lease ran out: its number may still bring the end */
    FLAG_STAGED = 4,    /* has artifacts that wait for the completion */
    FLAG_ARTIFACTS = 8, /* has published artifacts */
    FLAG_EVENTS = 16,   /* has rows in event */
    FLAG_ARGS = 32,     /* args, result, checkpoint are in body */
    FLAG_RESULT = 64,
    FLAG_CHECKPOINT = 128,
    FLAG_HOLDS_KEY = 256, /* its unique key is held while it lives */
    FLAG_FAIL_ON_LOST = 512,
    FLAG_ERASED = 1024,
};

enum body_part { BODY_ARGS = 1, BODY_RESULT = 2, BODY_CHECKPOINT = 3 };

struct row {
    int64_t id, random, tenant;
    enum job_state state, stored_state;
    int64_t queue, kind, line, priority, run_at, due_at, flags;
    int64_t lease, lease_ms, lease_until, timeout_ms, timeout_at, cancel_at, deadline_at;
    int64_t attempt, lost, lost_max, snoozes, waits, round;
    enum job_reason reason;
    int64_t report_n, report_hash, report_verdict, last_seq, progress, started_at, finished_at, expires_at;
    struct str retry, unique_key; /* in the round's scratch arena */
};

struct id row_id(const struct row *r);
/* *found is false for an unknown id and for another tenant's (tenant 0: any). */
MUST_CHECK enum rc row_load(struct writer *w, int64_t tenant, struct id id, struct row *r, bool *found,
                            struct err *e);
MUST_CHECK enum rc row_load_ordinal(struct writer *w, int64_t ordinal, struct row *r, bool *found,
                                    struct err *e);
/* Writes back all numbers of the row. */
MUST_CHECK enum rc row_save(struct writer *w, struct row *r, struct err *e);
/* The same for a job that has just become final, with its result; shorter. */
MUST_CHECK enum rc row_save_finished(struct writer *w, struct row *r, struct str result, struct err *e);

struct job_counters row_counters(const struct row *r);
struct retry_policy row_retry(const struct row *r);

/* Moves the row to a state the table allows: counts, line, due time, change record. The caller saves. */
MUST_CHECK enum rc row_enter(struct writer *w, struct row *r, enum job_state to, struct err *e);
/* Applies an outcome of job_decide_*: counters, lease, then row_enter or the end (row_finish). The caller saves. */
MUST_CHECK enum rc row_apply(struct writer *w, struct row *r, const struct job_outcome *o, struct err *e);
/* row_enter for a final state: reason, times, the `end` event's number, unique key and staged artifacts. */
MUST_CHECK enum rc row_finish(struct writer *w, struct row *r, enum job_state to, enum job_reason reason,
                              struct err *e);
/* Anew from due times of the row; marks the round as one that changed something timed. */
void row_set_due(struct writer *w, struct row *r);
struct store_change *row_changed(struct writer *w, const struct row *r);

/* Puts args, result or checkpoint where it belongs: inline, or as a body; keeps the flag. The caller saves the row. */
MUST_CHECK enum rc row_set_text(struct writer *w, struct row *r, enum body_part part, struct str text,
                                struct err *e);
MUST_CHECK enum rc row_set_error(struct writer *w, const struct row *r, const struct job_error *error,
                                 struct err *e);
MUST_CHECK enum rc body_put(struct writer *w, int64_t job, enum body_part part, struct str text,
                            struct err *e);
MUST_CHECK enum rc event_add(struct writer *w, struct row *r, struct str type, struct str data,
                             struct err *e);

/* One-parameter-and-id statements: (?1 = id) and (?1 = id, ?2 = n). */
MUST_CHECK enum rc run_with_id(struct db *db, enum sql_query query, int64_t id, struct err *e);
MUST_CHECK enum rc run_with_text(struct db *db, enum sql_query query, int64_t id, struct str text,
                                 struct err *e);

/* prune.c: removes a final job and all that belongs to it, except what its series keep. */
MUST_CHECK enum rc prune_remove(struct writer *w, struct row *r, struct err *e);
/* An id is never given twice, also when the newest jobs are gone and the clock steps back: after every removal. */
MUST_CHECK enum rc prune_remember_ordinal(struct writer *w, struct err *e);

#endif
