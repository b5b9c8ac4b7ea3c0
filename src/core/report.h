/* report.h: what a worker says about a job under its lease, and the answers that single items of a call get: plain data
 * that the wire writes and reads and the store acts on. Text and JSON are borrowed. */
#ifndef STINT_CORE_REPORT_H
#define STINT_CORE_REPORT_H

#include "core/job.h"

enum report_op {
    REPORT_HEARTBEAT, /* renews the lease for its length */
    REPORT_PROGRESS,  /* renews too; may carry progress, events, checkpoint, artifacts */
    REPORT_COMPLETE,
    REPORT_FAIL,
    REPORT_SNOOZE,
    REPORT_WAIT, /* parks the job until all that hangs under it is final */
    REPORT_RELEASE,
    REPORT_OPS,
};

struct report_event {
    struct str type; /* a name */
    struct str data; /* one JSON value */
    bool at_root;    /* into the stream of the root too, as long as that has not ended */
};

struct report_artifact { /* ≤ JOB_ARTIFACT_ROW_BYTES; larger ones are staged */
    struct str name, media_type, bytes;
    unsigned char sha256[32]; /* of bytes: the API computes it, the store has no hash of its own */
};

struct report_publish { /* on complete: an artifact of this job becomes the newest of a series */
    struct str artifact, series;
    int64_t keep; /* newest n live on; ≥ 1 */
};

struct report_tokens { /* of a limit key that the job names */
    struct str key;
    int64_t n;
};

struct report {
    struct id job;
    int64_t lease, n;
    int64_t hash; /* of the item's bytes without lease and n: the same n must carry the same hash */
    enum report_op op;
    int64_t lease_ms;          /* heartbeat, progress: 0 = as before */
    int64_t progress_permille; /* -1 = not told */
    struct str progress_message;
    bool store_progress; /* queue/ decides: at most once a second per job */
    const struct report_event *events;
    size_t event_count;
    struct str checkpoint; /* p == NULL = keep */
    const struct report_artifact *artifacts;
    size_t artifact_count;
    const struct report_publish *publish;
    size_t publish_count;
    struct str result; /* complete: one JSON value or "" */
    struct job_error error;
    int64_t retry_after_ms;          /* fail: -1 = none */
    int64_t delay_ms;                /* snooze */
    const struct job_spec *children; /* progress, complete, wait; a queue "" is the reporter's */
    size_t child_count;
    struct str
        pause_key; /* fail of class rate_limited: this key of the job's is paused for retry_after_ms; -1: until resumed */
    const struct report_tokens *take; /* progress: all of them, or none; n ≥ 1 */
    size_t take_count;
    const struct report_tokens
        *correct; /* progress, complete, fail: so many more were spent, or fewer (n < 0) */
    size_t correct_count;
    bool
        is_guest; /* of a tenant other than that which sets keys of the server: what it may say of those is bounded */
};

/* What became of one item of an enqueue. */
struct enqueue_verdict {
    enum rc rc;
    struct err e;  /* when rc != RC_OK */
    struct id job; /* the new job, or the one that holds the unique key */
    enum job_state state;
    bool duplicate; /* the key was held: nothing was enqueued */
    bool pruned;    /* … by a job that is gone */
    bool replaced;  /* … and has the new args (enum job_on_duplicate) */
    bool
        dropped; /* a child of a job that is being cancelled, or more than its batch takes: nothing was enqueued */
};

struct report_verdict {
    enum rc
        rc; /* RC_LEASE_LOST; RC_CONFLICT with code `stale_report`; RC_NOT_FOUND; RC_TOO_BIG; RC_INVALID */
    struct err e;
    bool replayed;        /* the same n again: this is the first answer */
    enum job_state state; /* afterwards */
    bool cancel;          /* the worker should stop: cancel was asked */
    int64_t lease_left_ms;
    int64_t run_at;                   /* when it will run again, for retry and snooze */
    struct enqueue_verdict *children; /* of each of the report's; not kept for a replay: NULL then */
    size_t child_count;
    int64_t
        take_wait_ms; /* of a report that takes: 0 = granted; else nothing was taken, and when to ask again;
                             JOB_FOREVER_MS = a key is paused until somebody resumes it */
    int64_t
        paused_until; /* of its pause_key, when it has paused it, or for longer than before; 0: it has not; not kept for a replay */
};

/* What became of one job of a cancel, retry, promote or erase. */
struct act_verdict {
    struct id job;
    enum rc rc;
    struct err
        e; /* RC_CONFLICT: the text names the state; code `duplicate_key` for a retry whose key is held */
    enum job_state state;
};

/* One stored line of a job's stream. */
struct job_event_row {
    int64_t seq, at;
    struct str type, data;
};

#endif
