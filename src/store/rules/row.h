/* row.h: a job's row while a round decides about it, and its transitions. Every transition of every operation on every
 * engine goes through row_enter, so counts, due times and change records cannot be forgotten. The committer's thread only. */
#ifndef STINT_STORE_RULES_ROW_H
#define STINT_STORE_RULES_ROW_H

#include "store/store.h"

struct keeper;

enum row_flag {
    FLAG_CANCEL = 1,    /* cancel was asked of the worker */
    FLAG_LOST = 2,      /* the lease ran out: its number may still bring the end */
    FLAG_STAGED = 4,    /* has artifacts that wait for the completion */
    FLAG_ARTIFACTS = 8, /* may have published artifacts */
    FLAG_EVENTS = 16,   /* has stored events */
    /* 32, 64, 128 are an engine's own */
    FLAG_HOLDS_KEY = 256, /* its unique key is held while it lives */
    FLAG_FAIL_ON_LOST = 512,
    FLAG_ERASED = 1024,
    FLAG_CHILD = 2048,  /* it has a parent and a root */
    FLAG_PARENT = 4096, /* jobs hang, or hung, under it */
    FLAG_WAITS = 8192,  /* blocked until those are final */
    FLAG_RUN_ON_CANCEL = 16384,
    FLAG_LAST_TURN = 32768, /* cancelled: it runs, or will run, once more */
    FLAG_DEPENDS = 65536,   /* blocked until the jobs on which it depends are final */
    FLAG_AWAITED = 131072,  /* others depend on it */
    FLAG_SKIP_WITH_PARENT = 262144,
    FLAG_RUN_ANYWAY = 524288, /* whatever becomes of those */
    FLAG_BATCH = 1 << 20,     /* no job: a batch (batch.c) */
    FLAG_CLOSED = 1 << 21,    /* it takes no more from outside */
    FLAG_MEMBER = 1 << 22,    /* it belongs to a batch … */
    FLAG_CAPPED = 1 << 23,    /* … that takes only so many, or is one */
    FLAG_FILLING = 1 << 26,   /* a batch whose jobs are being made */
    FLAG_FILLED = 1 << 27,    /* a job of such a batch: hidden until all of them are there */
    FLAG_LANED = 1 << 24,     /* it names a group or limits: a lane of its own */
    FLAG_STOPPED =
        1
        << 29, /* it was cancelled in this round of its life, whatever it came to: what hung under it is to stop */
    FLAG_FINALLY = 1 << 28, /* a finaliser of a batch: it runs behind each round of that one's life */
    FLAGS_OF_BATCH = FLAG_MEMBER | FLAG_FINALLY,
    FLAGS_FAMILY = FLAG_CHILD | FLAG_PARENT | FLAG_WAITS | FLAG_LAST_TURN | FLAG_DEPENDS | FLAG_AWAITED |
                   FLAG_BATCH | FLAGS_OF_BATCH,
};

/* The engine makes it, first in a struct of its own where it needs more. Times that are not set are 0 here. */
struct row {
    struct id id;
    int64_t tenant;
    struct str queue, kind;                /* live until the round is freed */
    const struct queue_settings *settings; /* of the queue */
    enum job_state state;
    int64_t priority, run_at, due_at, flags;
    int64_t lease, lease_ms, lease_until, timeout_ms, timeout_at, cancel_at, deadline_at;
    int64_t attempt, lost, lost_max, snoozes, waits, round;
    enum job_reason reason;
    int64_t report_n, report_hash, report_verdict, last_seq, progress, started_at, finished_at, expires_at;
    struct str retry, unique_key; /* live as long as the row */
    struct id parent, root;       /* with FLAG_CHILD */
    struct id batch; /* with FLAG_MEMBER; with FLAG_FINALLY, which has not that, the one for which it waits */
    struct str group, limits; /* with FLAG_LANED; live as long as the row */
};

struct job_counters row_counters(const struct row *r);
struct retry_policy row_retry(const struct row *r);
/* Has a worker had it in this round of its life? Attempts that were given back count, too: what they said stands in the row. */
bool row_has_begun(const struct row *r);
/* … or in one before: it may have a checkpoint then. */
bool row_had_begun(const struct row *r);
/* The due time anew from the other times of the row. */
void row_set_due(struct row *r);
/* A record of the round for streams and wake-ups. */
struct store_change *row_changed(struct keeper *k, const struct row *r);

/* Moves the row to a state the table allows (or batch.c): counts, due time, change record. The caller saves. */
MUST_CHECK enum rc row_enter(struct keeper *k, struct row *r, enum job_state to, struct err *e);
/* Applies an outcome of job_decide_*: counters, lease, then row_enter or the end (row_finish). The caller saves. */
MUST_CHECK enum rc row_apply(struct keeper *k, struct row *r, const struct job_outcome *o, struct err *e);
/* row_enter for a final state: reason, times, the `end` event's number, unique key and staged artifacts. */
MUST_CHECK enum rc row_finish(struct keeper *k, struct row *r, enum job_state to, enum job_reason reason,
                              struct err *e);
/* A final job and all that belongs to it is gone, except what its series keep. */
MUST_CHECK enum rc row_remove(struct keeper *k, struct row *r, struct err *e);

MUST_CHECK enum rc row_add_event(struct keeper *k, struct row *r, struct str type, struct str data,
                                 struct err *e);
/* Too long texts are cut. */
MUST_CHECK enum rc row_set_error(struct keeper *k, struct row *r, const struct job_error *error,
                                 struct err *e);
/* The staged artifacts: those of the row's lease are published if `publish`, all others are gone. */
MUST_CHECK enum rc row_settle(struct keeper *k, struct row *r, bool publish, struct err *e);

#endif
