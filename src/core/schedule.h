/* schedule.h: when a schedule fires, and what becomes of ticks that came while nobody looked. Pure.
 *
 * A tick is an instant of the plan (unix ms): the same for every node, however late it is seen, so that (schedule, tick)
 * names one firing for ever (J10). Jitter moves the work, never the tick. */
#ifndef STINT_CORE_SCHEDULE_H
#define STINT_CORE_SCHEDULE_H

#include "core/batch.h"
#include "core/cron.h"

/* What happens with ticks that were missed, that is, seen SCHEDULE_GRACE_MS late or more. */
enum schedule_catch_up {
    SCHEDULE_SKIP,     /* nothing */
    SCHEDULE_RUN_ONCE, /* the last one of the window fires */
    SCHEDULE_RUN_ALL,  /* all of the window fire, oldest first */
    SCHEDULE_CATCH_UPS,
};

/* What a tick does while work of an earlier one is open. */
enum schedule_overlap {
    SCHEDULE_ALLOW,
    SCHEDULE_OVERLAP_SKIP,    /* it is dropped */
    SCHEDULE_CANCEL_PREVIOUS, /* what is open is cancelled, and it fires */
    SCHEDULE_OVERLAPS,
};

#define SCHEDULE_GRACE_MS      60000
#define SCHEDULE_EVERY_MIN_MS  1000
#define SCHEDULE_EVERY_MAX_MS  (3660LL * 86400000)
#define SCHEDULE_WINDOW_MS     86400000 /* default */
#define SCHEDULE_WINDOW_MAX_MS (366LL * 86400000)
#define SCHEDULE_JITTER_MAX_MS 86400000
#define SCHEDULE_ROUND_TICKS   100 /* of one schedule at a time */
#define SCHEDULE_FINALLY_MAX   100

struct schedule_timing {
    struct cron cron; /* with every_ms 0 */
    const struct zone *zone;
    int64_t every_ms; /* ticks at start_at + n * every_ms; without a start, at the multiples since 1970 */
    int64_t start_at; /* no tick before it; 0 = none */
    int64_t end_at;   /* none at it or later; 0 = none */
};

struct schedule_catch_up_rule {
    enum schedule_catch_up what;
    int64_t window_ms; /* ticks that are older are never made up for */
};

struct schedule_due {
    int64_t ticks[SCHEDULE_ROUND_TICKS]; /* fire these, in this order */
    int count;
    int64_t next_at; /* then the first tick that is not decided yet: it may be due at once; 0 = never again */
};

/* What people say of a schedule. Texts are borrowed. */
#define SCHEDULE_NAME_MAX_BYTES                                                                              \
    100 /* with a tick behind it, it must fit a unique key, and before it, a tag */
struct schedule_plan {
    struct str cron, tz; /* either cron or every_ms; tz "" = UTC */
    int64_t every_ms, start_at, end_at, jitter_ms;
    enum schedule_overlap overlap;
    struct schedule_catch_up_rule catch_up;
    struct job_spec job;
    struct str job_json; /* the same as it was said */
    struct matrix
        matrix; /* count 0 = none: a tick has one job. Else it has a batch, of a job for each coordinate */
    const struct job_spec *finally; /* that run when it has finished */
    size_t finally_count;
    struct str matrix_json, finally_json;
};

const char *schedule_catch_up_name(enum schedule_catch_up c);
MUST_CHECK bool schedule_catch_up_parse(struct str name, enum schedule_catch_up *out);
const char *schedule_overlap_name(enum schedule_overlap o);
MUST_CHECK bool schedule_overlap_parse(struct str name, enum schedule_overlap *out);

/* The first tick strictly after `after`; false: there is none. */
MUST_CHECK bool schedule_next(const struct schedule_timing *t, int64_t after, int64_t *tick);
/* The last tick in (after, until]. */
MUST_CHECK bool schedule_last(const struct schedule_timing *t, int64_t after, int64_t until, int64_t *tick);
/* What is to be done at `now` when next_at is the first tick that is not decided. Costs a few dozen steps, however long
 * nobody looked. */
void schedule_find_due(const struct schedule_timing *t, const struct schedule_catch_up_rule *rule,
                       int64_t next_at, int64_t now, struct schedule_due *out);
/* Which of the due ticks fire, when work of the last one is_live or not: the number of those that are left in `due`. With
 * SCHEDULE_CANCEL_PREVIOUS that is the last one alone. */
int schedule_sort_out(struct schedule_due *due, enum schedule_overlap overlap, bool is_live);
/* The job of a tick; 0: of no tick, because somebody wants it now. It has a tag `schedule:NAME`, and a unique key for ever
 * that names the tick. RC_INVALID: job_spec_check's, or a member that a schedule sets itself, or that links it to others. The texts live in `a`. */
MUST_CHECK enum rc schedule_job(const struct schedule_plan *p, struct str name, int64_t tick, struct arena *a,
                                struct job_spec *out, struct err *e);
struct schedule_jobs { /* of one enqueue */
    struct job_spec *specs;
    size_t count;
};

/* With a matrix: the items of the enqueue that makes the tick's batch: that itself, with the tick's unique key, and those that run
 * when it has finished. Arguments and failures as schedule_job's; e->field begins with /job or /finally. */
MUST_CHECK enum rc schedule_batch(const struct schedule_plan *p, struct str name, int64_t tick,
                                  struct arena *a, struct schedule_jobs *out, struct err *e);
/* Those, and `schedule:NAME`. */
struct str schedule_tags(struct str tags, struct str name, struct arena *a);
/* How much later than its tick the work begins: 0 … max_ms, the same on every node. */
int64_t schedule_jitter_ms(struct str name, int64_t tick, int64_t max_ms);

#endif
