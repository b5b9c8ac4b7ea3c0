/* batch.h: a set of jobs that is watched, cancelled and finished as one.
 *
 *   create ──> open ──close──> closed ──(none of its jobs is live)──> finished
 *          └─> filling ─────────^ ^                                      │
 *                                 └── a job of it is retried: next round ┘
 *
 * One that is made of a matrix is filling until all of its jobs are there: nobody sees one of them before. */
#ifndef STINT_CORE_BATCH_H
#define STINT_CORE_BATCH_H

#include "core/job.h"
#include "core/matrix.h"

#define BATCH_NAME_MAX_BYTES   128
#define BATCH_LABELS_MAX_BYTES 4096
#define BATCH_JOBS_MAX         1000000000
#define BATCH_REF              STR(" batch") /* of the batch among the items of its enqueue: no ref of a job */

/* What a batch is filled with: a job for each coordinate of a matrix. Texts are borrowed. */
struct batch_filling {
    struct job_spec job; /* the template */
    struct matrix matrix;
    struct str schedule; /* whose tick it is of; "" = of none */
    int64_t tick;        /* 0 = of none, because somebody wanted it now */
    struct str batch;    /* its id, when it is being filled */
};

/* What people say of one when they make it. */
struct batch_plan {
    struct str name;                     /* any text; "" = none */
    struct str labels;                   /* a JSON object; "" = none */
    int64_t max_jobs;                    /* 0 = as many as come */
    bool is_closed;                      /* from the start */
    const struct batch_filling *filling; /* NULL = none */
    struct str filling_text;             /* the same as it is kept: text to the store */
    int64_t fill_at;                     /* not before; 0 = at once */
};

enum batch_state {
    BATCH_FILLING,  /* its jobs are being made, and hidden */
    BATCH_OPEN,     /* takes jobs from everybody */
    BATCH_CLOSED,   /* takes those that its own jobs report */
    BATCH_FINISHED, /* all of its jobs are final; for this round */
};

struct batch {
    struct id id;
    struct str name, labels;
    int64_t max_jobs;
    enum batch_state state;
    bool is_cancelled;          /* or is being cancelled */
    struct str error;           /* why it could not be filled; "" = it could */
    int64_t round;              /* 1; the retry of a job of a finished batch begins the next */
    struct job_children counts; /* of its jobs, without the failures */
    int64_t created_at, finished_at;
    int64_t fill_at; /* of one that is filling, and that nobody has begun: not before; else 0 */
};

struct batch_progress {
    int64_t
        permille; /* of its jobs that are final; -1: it has none yet. 1000 with the last of them, not before */
    int64_t eta_ms; /* until then, if it goes on as since it was made; -1: nobody can say */
};

/* How far is it? */
struct batch_progress batch_progress(const struct batch *b, int64_t now);
const char *batch_state_name(enum batch_state s);
/* The job of a coordinate. It has the template's members and its own args; of a schedule's tick, a tag `schedule:NAME`, and a
 * unique key for ever that names tick and coordinate. RC_INVALID, RC_TOO_BIG: job_spec_check's. The texts live in `a`. */
MUST_CHECK enum rc batch_filling_job(const struct batch_filling *f, int64_t at, struct arena *a,
                                     struct job_spec *out, struct err *e);
/* Is it acceptable, that is, are all of its jobs? RC_INVALID, RC_TOO_BIG with e->field: of the template. */
MUST_CHECK enum rc batch_filling_check(const struct batch_filling *f, struct err *e);
/* Is it acceptable? RC_INVALID with e->field. Labels are the caller's word for what is JSON. */
MUST_CHECK enum rc batch_plan_check(const struct batch_plan *p, struct err *e);

#endif
