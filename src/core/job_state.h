/* job_state.h: what may happen to a job. One table (job_state.c) that every engine obeys and a test walks.
 * Adding a state or an event? Also change: the drawing in job.h, docs/guarantees.md, the API's enum in openapi.json. */
#ifndef STINT_CORE_JOB_STATE_H
#define STINT_CORE_JOB_STATE_H

#include "core/job.h"

enum job_event {
    JOB_EV_DUE,           /* run_at came */
    JOB_EV_UNBLOCK,       /* parents or children are final */
    JOB_EV_CLAIM,         /* handed to a worker: new lease, attempt + 1 */
    JOB_EV_COMPLETE,      /* under the current lease */
    JOB_EV_COMPLETE_LATE, /* with the last lease, after it was lost, before anyone else claimed */
    JOB_EV_FAIL_RETRY,    /* will run again later */
    JOB_EV_FAIL_FINAL,    /* permanent, or attempts used up */
    JOB_EV_FAIL_LATE,     /* permanent, as COMPLETE_LATE */
    JOB_EV_SNOOZE,        /* the worker wants it later; attempt given back */
    JOB_EV_RELEASE,       /* the worker gives it back; attempt given back */
    JOB_EV_WAIT,          /* parks until children are final; attempt given back */
    JOB_EV_LOST,          /* the lease ended unrenewed; attempt given back, lost + 1 */
    JOB_EV_POISON,        /* lost too often, or on_lost = fail */
    JOB_EV_CANCEL,        /* asked for by a user */
    JOB_EV_REVOKE,        /* cancel asked, and the grace is over or the worker agreed */
    JOB_EV_EXPIRE,        /* deadline_at passed */
    JOB_EV_SKIP,          /* parent failed with policy skip, schedule overlap */
    JOB_EV_PARENT_FAILED, /* parent failed with policy fail */
    JOB_EV_RETRY,         /* a user wants a final job to run again */
    JOB_EV_PROMOTE,       /* a user wants a scheduled job now */
    JOB_EV_AGAIN,         /* a finaliser, whose batch has finished once more */
    JOB_EVENTS,
};

/* True and *to set when the table allows `event` in `from`. FAIL_RETRY, SNOOZE → JOB_SCHEDULED (or QUEUED at delay 0: the
 * caller's choice by run_at); UNBLOCK → JOB_QUEUED (or SCHEDULED, likewise). CANCEL of a processing job stays PROCESSING: it only asks. */
MUST_CHECK bool job_next_state(enum job_state from, enum job_event event, enum job_state *to);
const char *job_event_name(enum job_event e);

/* ---- decisions: what a report or a timer means for a job. Pure; engines apply the outcome with a guarded UPDATE. */

struct job_counters { /* the part of a job that decisions read */
    enum job_state state;
    int64_t attempt, lost, snoozes, waits, lost_max;
    enum job_on_lost on_lost;
    bool cancel_requested;
    int64_t lease_until, lease_ms, timeout_at, cancel_at, deadline_at, run_at;
};

struct job_outcome {
    enum job_event event;
    enum job_state to;
    enum job_reason reason;                /* for final states */
    enum error_class class;                /* for an error the server itself records (timeout, crash) */
    int64_t run_at;                        /* for SCHEDULED and QUEUED */
    int64_t attempt, lost, snoozes, waits; /* the counters afterwards */
    bool raise_lease; /* the number is raised: nothing from before is accepted any more */
};

/* A worker's `fail`. retry_after_ms -1 = none given. Cancel requested → cancelled, whatever the class. */
struct job_outcome job_decide_fail(const struct job_counters *c, const struct retry_policy *p,
                                   enum error_class class, int64_t retry_after_ms, int64_t now,
                                   uint64_t random);
/* `snooze`: RC_CONFLICT over JOB_SNOOZES_MAX is the engine's to answer; here only the outcome. */
struct job_outcome job_decide_snooze(const struct job_counters *c, int64_t delay_ms, int64_t now);
struct job_outcome job_decide_release(const struct job_counters *c, int64_t now);
/* `wait`: BLOCKED; over JOB_WAITS_MAX it fails for good. Cancel requested → cancelled. */
struct job_outcome job_decide_wait(const struct job_counters *c);
/* What time has done to the job, in this order: deadline_at, cancel_at (grace over), timeout_at, lease_until, run_at.
 * False: nothing yet. A timeout is a `fail` of class timeout. */
MUST_CHECK bool job_decide_due(const struct job_counters *c, const struct retry_policy *p, int64_t now,
                               uint64_t random, struct job_outcome *out);
/* The next instant at which job_decide_due can be true; 0 = never. The one indexed time of a row. */
int64_t job_due_at(const struct job_counters *c);

#endif
