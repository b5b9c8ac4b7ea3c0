/* job.h: the data. Everything that stint knows about one piece of work, on one page; read this first.
 *
 *   enqueue ─┬─> blocked ──(parents done)──┐
 *            ├─> scheduled ──(run_at)──────┤
 *            └─────────────────────────────┴─> queued ──claim──> processing ──> completed | failed | cancelled
 *                                                 ^                   │
 *                                                 └─ retry, release, snooze, lease lost, wait
 *   skipped: never ran, on purpose.
 *
 * What may happen in which state is decided in job_state.h alone. Times are unix milliseconds of the store's clock,
 * 0 = none. Text and JSON are borrowed: whoever made the struct says where they live. */
#ifndef STINT_CORE_JOB_H
#define STINT_CORE_JOB_H

#include "base/id.h"
#include "core/retry.h"

enum job_state {
    JOB_BLOCKED,    /* waits for its parents or children */
    JOB_SCHEDULED,  /* waits for run_at */
    JOB_QUEUED,     /* can be claimed */
    JOB_PROCESSING, /* a worker holds its lease */
    JOB_COMPLETED,  /* final: the worker said so */
    JOB_FAILED,     /* final: the dead letter */
    JOB_CANCELLED,  /* final: somebody asked for it */
    JOB_SKIPPED,    /* final: never ran, on purpose */
    JOB_STATES,
};

enum job_reason { /* why it ended */
                  JOB_REASON_NONE,
                  JOB_REASON_ERROR,
                  JOB_REASON_TIMEOUT,
                  JOB_REASON_POISONED, /* its lease was lost too often */
                  JOB_REASON_PARENT_FAILED,
                  JOB_REASON_EXPIRED, /* its deadline passed */
                  JOB_REASON_OVERLAP,
                  JOB_REASON_CANCELLED,
                  JOB_REASONS,
};

enum job_on_lost { JOB_ON_LOST_RETRY, JOB_ON_LOST_FAIL }; /* FAIL = at most once */
enum job_on_cancel {
    JOB_ON_CANCEL_STOP,
    JOB_ON_CANCEL_RUN
};                   /* RUN = one last turn, if it waits for children */
enum job_on_parent { /* when a job on which it depends ends, but is not completed */
                     JOB_ON_PARENT_FAIL,
                     JOB_ON_PARENT_SKIP,
                     JOB_ON_PARENT_CONTINUE,
};

/* What becomes of an enqueue whose unique key is held: it is dropped; or, while the holder waits for a worker, that takes over the
 * new args and time, or the args alone. A holder that has begun lets the new job have the key. */
enum job_on_duplicate { JOB_ON_DUPLICATE_KEEP, JOB_ON_DUPLICATE_REPLACE, JOB_ON_DUPLICATE_REPLACE_ARGS };

/* Limits with names; the API's answers and the docs cite them. */
#define JOB_ARGS_MAX_BYTES       (1 << 20)
#define JOB_RESULT_MAX_BYTES     (1 << 20)
#define JOB_CHECKPOINT_MAX_BYTES (64 << 10)
#define JOB_EVENT_MAX_BYTES      (64 << 10)
#define JOB_ARTIFACT_MAX_BYTES   (256LL << 20)
#define JOB_ARTIFACT_ROW_BYTES   (256 << 10) /* larger artifacts are files */
#define JOB_ERROR_MAX_BYTES      (16 << 10)  /* message and stack together; longer ones are cut */
#define JOB_NAME_MAX_BYTES       128
#define JOB_KEY_MAX_BYTES        256         /* unique keys, groups */
#define JOB_TICK_KEYS            "schedule:" /* so begin the unique keys of schedules' ticks, and nobody else's */
#define JOB_TAGS_MAX             16
#define JOB_PRIORITY_MIN         (-32768)
#define JOB_PRIORITY_MAX         32767
#define JOB_SNOOZES_MAX          1000
#define JOB_WAITS_MAX            1000
#define JOB_CHILDREN_MAX         1000  /* of one report */
#define JOB_DEPENDS_MAX          1000  /* jobs on which one depends */
#define JOB_DEPENDS_SHOWN        100   /* of them, where a job is told alone */
#define JOB_LINKS_MAX            20000 /* … all jobs of one enqueue together */
#define JOB_FAILURES_MAX         100   /* of children that failed, told by name */
#define JOB_ATTEMPTS_MAX         1000
#define JOB_LOST_MAX_DEFAULT     3
#define JOB_LEASE_DEFAULT_MS     30000
#define JOB_LEASE_MIN_MS         1000
#define JOB_LEASE_MAX_MS         43200000
#define JOB_TIMEOUT_DEFAULT_MS   300000
#define JOB_TIMEOUT_MAX_MS       (7LL * 86400000)
#define JOB_CANCEL_GRACE_MS      10000
#define JOB_RESTART_GRACE_MS     30000
#define JOB_LEASE_NUMBER_MAX     ((1LL << 53) - 1)
#define JOB_FOREVER_MS           INT64_MAX

struct job_error {
    enum error_class class;
    struct str code;    /* a word the worker chose: `repo_not_found` */
    struct str message; /* for people */
    struct str stack;
};

struct batch_plan;

/* What an enqueue asks for; a member left at its zero value takes the queue's, then the kind's, then our default. */
struct job_spec {
    struct str queue, kind;    /* names; queue "" = "default" */
    struct str args;           /* one JSON value, kept as these bytes */
    int64_t priority;          /* lower first */
    int64_t run_at;            /* 0 = now */
    int64_t delay_ms;          /* with run_at 0 */
    struct retry_policy retry; /* max_attempts 0 = default */
    int64_t timeout_ms;        /* per hand-out; 0 = default */
    int64_t deadline_ms;       /* from enqueue to final state; 0 = none */
    int64_t lost_max;          /* 0 = default */
    enum job_on_lost on_lost;
    enum job_on_cancel on_cancel;
    bool at_root;   /* of a child in a report: it hangs under the reporter's root */
    struct str ref; /* a name by which others of the same enqueue depend on it; "" = none */
    const struct str *
        depends_on; /* such names, and ids: blocked until those are final. Of children in reports names alone */
    size_t depends_count;
    enum job_on_parent on_parent_failure;
    struct str unique_key; /* "" = none */
    int64_t unique_for_ms; /* 0 = while live; JOB_FOREVER_MS = for ever */
    enum job_on_duplicate on_duplicate;
    struct str tags;       /* JSON array of strings, or "" */
    struct str group;      /* fair turns; "" = none */
    struct str limit_keys; /* JSON array, or "": core/limits.h */
    struct id batch;       /* which it joins; zero = none. Children in reports join their reporter's */
    bool joins_first;      /* … the one that is the first item of the same enqueue */
    bool is_finaliser; /* of that one, on which alone it depends: it runs in each round of the batch's life */
    const struct batch_plan *
        plan; /* not NULL: no job but a batch, of which only ref counts else: core/batch.h. First item alone */
};

/* What hangs under a job. Final ones stay counted when they are gone. */
struct job_failure {
    struct id id;
    struct str kind, code, message;
};

struct job_children {
    int64_t open; /* not final */
    int64_t completed, failed, cancelled, skipped;
    struct job_failure *failures; /* the oldest JOB_FAILURES_MAX that are still there */
    size_t failure_count;
};

/* A job as the store shows it. */
struct job {
    struct id id;
    int64_t tenant;
    struct str queue, kind;
    enum job_state state;
    enum job_reason reason;
    int64_t round; /* 1; a retry of a final job begins the next */
    struct str args, result, checkpoint, tags, group, limit_keys, unique_key;
    int64_t priority;
    struct retry_policy retry;
    int64_t timeout_ms, deadline_at, lost_max;
    enum job_on_lost on_lost;
    enum job_on_cancel on_cancel;
    enum job_on_parent on_parent_failure;
    /* the family; zero = none */
    struct id parent, root, batch;
    struct id finally_of; /* the batch whose finaliser it is */
    struct id *
        depends_on; /* of a blocked job that is told alone: those that nobody has told it of, at most JOB_DEPENDS_SHOWN */
    size_t depends_count;
    struct job_children *children; /* of a claimed job that has, or had, some; else NULL */
    bool cancelling;               /* cancelled: this is its last turn */
    /* counters */
    int64_t attempt, lost, snoozes, waits;
    /* the lease */
    int64_t lease, lease_ms, lease_until;
    struct str worker;
    bool cancel_requested;
    /* progress */
    int64_t progress_permille; /* 0 … 1000; -1 = never said */
    struct str progress_message;
    int64_t last_seq;       /* of its stored events, the `end` included */
    struct job_error error; /* the last one; message.n == 0 = none */
    bool has_error;
    /* times */
    int64_t created_at, run_at, started_at, finished_at, expires_at;
};

const char *job_state_name(enum job_state s);
MUST_CHECK bool job_state_parse(struct str name, enum job_state *out);
bool job_state_is_final(enum job_state s);
const char *job_reason_name(enum job_reason r); /* "" for none */
const char *job_on_lost_name(enum job_on_lost o);
MUST_CHECK bool job_on_lost_parse(struct str name, enum job_on_lost *out);
const char *job_on_cancel_name(enum job_on_cancel o);
const char *job_on_duplicate_name(enum job_on_duplicate o);
MUST_CHECK bool job_on_duplicate_parse(struct str name, enum job_on_duplicate *out);
MUST_CHECK bool job_on_cancel_parse(struct str name, enum job_on_cancel *out);
const char *job_on_parent_name(enum job_on_parent o);
MUST_CHECK bool job_on_parent_parse(struct str name, enum job_on_parent *out);

/* Is this spec acceptable? RC_INVALID or RC_TOO_BIG with e->field = the member's API name. Engines call it for every
 * item, so that no caller can store what another could not read. */
MUST_CHECK enum rc job_args_check(
    struct str args,
    struct err *
        e); /* the part of it that a patch needs; JSON is the caller's word: it has parsed it, and nobody parses twice */
MUST_CHECK enum rc job_spec_check(const struct job_spec *s, struct err *e);

#endif
