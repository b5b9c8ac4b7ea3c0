/* batch.h: a set of jobs that is watched, cancelled and finished as one.
 *
 *   create ──> open ──close──> closed ──(none of its jobs is live)──> finished
 *                                 ^                                      │
 *                                 └── a job of it is retried: next round ┘ */
#ifndef STINT_CORE_BATCH_H
#define STINT_CORE_BATCH_H

#include "core/job.h"

#define BATCH_NAME_MAX_BYTES   128
#define BATCH_LABELS_MAX_BYTES 4096
#define BATCH_JOBS_MAX         1000000000

/* What people say of one when they make it. */
struct batch_plan {
    struct str name;   /* any text; "" = none */
    struct str labels; /* a JSON object; "" = none */
    int64_t max_jobs;  /* 0 = as many as come */
    bool is_closed;    /* from the start */
};

enum batch_state {
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
    int64_t round;              /* 1; the retry of a job of a finished batch begins the next */
    struct job_children counts; /* of its jobs, without the failures */
    int64_t created_at, finished_at;
};

const char *batch_state_name(enum batch_state s);
/* Is it acceptable? RC_INVALID with e->field. Labels are the caller's word for what is JSON. */
MUST_CHECK enum rc batch_plan_check(const struct batch_plan *p, struct err *e);

#endif
