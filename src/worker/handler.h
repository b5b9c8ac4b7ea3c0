/* handler.h: what a built-in kind of job is made of, and all that it may know of stint. A handler runs in a child
 * process of its own, one attempt at a time; the supervisor renews its lease, kills it (its whole process group) at the
 * hard timeout or after a cancel, keeps its API key away from it, and removes its scratch folder whatever happens.
 * A crash costs one attempt of one job. Foreign workers have the same powers through libstint or plain HTTP. */
#ifndef STINT_WORKER_HANDLER_H
#define STINT_WORKER_HANDLER_H

#include "base/arena.h"
#include "base/json.h"
#include "core/limits.h"
#include "core/retry.h"

struct attempt;

struct handler_options {   /* of the worker */
    const char *providers; /* NULL = none */
};

struct handler_limit {
    struct str key;
    struct limit_rule rule;
};

/* How long a job may run and how often it is tried says the job; whoever enqueues it knows what it asks for. */
struct handler {
    const char *kind;
    /* Does the job. Ends with attempt_complete() or attempt_fail(); a return without either is a failure of class
     * transient (RC_BUSY), permanent (RC_INVALID, RC_NOT_FOUND, RC_DENIED, RC_TOO_BIG) or crash (RC_FATAL) by rc, with e. */
    enum rc (*run)(struct attempt *at, struct err *e);
    /* Optional: answers one request in the parse process, which has no network, no files and no secrets and is killed
     * when it exceeds its limits. NULL when the kind needs none. */
    enum rc (*parse)(struct str request, struct buf *answer, struct err *e);
    /* Optional: what `parse` reads from files, before the process is walled in. */
    void (*prepare)(void);
    /* Optional: what its jobs' limit keys should allow, by the options of the worker, who sees to it when he starts that the server
     * keeps it, where it keeps nothing else for the key. Rules live in `a`. RC_INVALID: the options are wrong, and no job is asked for. */
    enum rc (*limits)(const struct handler_options *o, struct arena *a, struct handler_limit **out,
                      size_t *count, struct err *e);
    const char *needs;  /* an option of the worker without which its jobs are left to others; NULL = none */
    bool is_folderless; /* its jobs have a scratch folder only from the moment they ask where it is */
    const char *help;   /* one line for people */
};

/* ---- the job. All text lives as long as the attempt. */
struct str attempt_job(const struct attempt *at);        /* its id, as text */
struct str attempt_batch_id(const struct attempt *at);   /* whose finaliser it is; "" = of none */
struct str attempt_args(const struct attempt *at);       /* JSON, as it was enqueued */
struct str attempt_checkpoint(const struct attempt *at); /* of the attempt before, "" = none */
int64_t attempt_number(const struct attempt *at);
const char *attempt_scratch(
    struct attempt
        *at); /* an empty private folder; the current directory, too, unless the kind is folderless */
struct arena *attempt_arena(struct attempt *at);
/* How much of this limit key the job took when it was handed out; 0: it does not name it. */
int64_t attempt_limit_weight(const struct attempt *at, struct str key);
struct str attempt_limit_key(const struct attempt *at,
                             struct str prefix); /* the first that begins so; "" = none */
struct str attempt_option(const struct attempt *at,
                          const char *name); /* of the worker: `allow-path`, `exec` … ""= none */
/* A named secret: until the server keeps secrets, the worker's own STINT_SECRET_<NAME>. false = not there. */
MUST_CHECK bool attempt_secret(const struct attempt *at, struct str name, struct str *out);
bool attempt_is_cancelling(
    const struct attempt *at); /* the last turn of a parent that was cancelled while it waited */
bool attempt_is_cancelled(struct attempt *at);     /* polls without waiting; be killed or stop soon */
bool attempt_wait(struct attempt *at, int64_t ms); /* so long, or until it is cancelled: then false */

/* ---- telling. None of these waits for the server; progress is thinned by the supervisor. */
void attempt_progress(struct attempt *at, int64_t permille, const char *format, ...) PRINTF_LIKE(3, 4);
void attempt_event(struct attempt *at, const char *type, struct str json);
void attempt_checkpoint_save(struct attempt *at, struct str json);
/* As attempt_event, into the stream of the root of the job's tree too. */
void attempt_root_event(struct attempt *at, const char *type, struct str json);
/* The end follows at once: what is told from here on goes to the supervisor with it, which wakes up once. */
void attempt_hold(struct attempt *at);
/* A text becomes an artifact when the job completes. Small ones travel with the report. */
void attempt_text(struct attempt *at, const char *name, const char *media_type, struct str text);
/* A finished file in the scratch folder, which goes to the server while the handler goes on, becomes an artifact when the job
 * completes. series "" = none. */
void attempt_artifact(struct attempt *at, const char *name, const char *media_type, const char *path,
                      struct str series, int64_t keep);

/* So many more tokens of a limit key of the job's were spent than were taken, or fewer; told with the next report, or the end. */
void attempt_correct(struct attempt *at, struct str key, int64_t n);

/* ---- asking. Waits. */
/* Takes tokens of limit keys of the job's: all of them, or none. *wait_ms: 0 = granted; else when to ask again, JOB_FOREVER_MS =
 * not before somebody resumes a key. RC_BUSY: the server refused to say. At most LIMITS_PER_JOB keys. */
MUST_CHECK enum rc attempt_take(struct attempt *at, const struct limit_use *uses, size_t count,
                                int64_t *wait_ms, struct err *e);
/* The newest artifact of a series into a new file of the scratch folder. RC_NOT_FOUND: there is none yet.
 * `result` = the result of the job that published it (may be NULL). */
MUST_CHECK enum rc attempt_series(struct attempt *at, struct str series, const char *to_path,
                                  struct str *result, struct err *e);
/* What the jobs of a batch brought, as GET /v1/batches/{id}/results has it: a line of JSON for each that is final, into a new file
 * of the scratch folder. RC_NOT_FOUND: there is no such batch (any more). */
MUST_CHECK enum rc attempt_batch(struct attempt *at, struct str batch, const char *to_path, struct err *e);
/* Who reads what is asked for while it comes, in pieces that live as long as the attempt. Not RC_OK: it wants no more. */
struct attempt_reader {
    enum rc (*take)(void *ctx, struct str piece, struct err *e);
    void *ctx;
};
/* The jobs that hang under this one and are final, as GET /v1/jobs/{id} has them, with their results: a line of JSON for each, in the
 * order in which they were made; a piece is whole lines. */
MUST_CHECK enum rc attempt_children(struct attempt *at, const struct attempt_reader *reader, struct err *e);
/* The artifact of that name of each job that hangs under this one, as far as it has one: a line "ID BYTES", and behind it so many
 * bytes; a piece is whole ones. In no order that means anything. */
MUST_CHECK enum rc attempt_child_artifacts(struct attempt *at, const char *name,
                                           const struct attempt_reader *reader, struct err *e);
/* One request to the parse process of this slot, at most timeout_ms. RC_BUSY: it ran out of time; RC_FATAL: it
 * died; a new one is started for the next request, so a hostile input costs only itself. Thread-safe per `lane`
 * (0 … 3): each lane has a process of its own. */
MUST_CHECK enum rc attempt_parse(struct attempt *at, int lane, struct str request, int64_t timeout_ms,
                                 struct buf *answer, struct err *e);

/* ---- the end; the last call wins nothing: the first one counts, and what is told behind it is dropped. */
/* A job under this one, as POST /v1/jobs takes it, in the same transaction as the end of this attempt, which is completed or parked; of more than
 * 1,000, or of 4 MiB, each full load before that. Give each a unique key if two attempts may ask for the same one. */
void attempt_child(struct attempt *at, struct str spec_json);
/* Parks the job until all that hangs under it is final; then its handler runs again, with this checkpoint. */
void attempt_park(struct attempt *at, struct str checkpoint_json);
/* A result, a checkpoint, an event or a child that fits into no message (8 MiB) fails the job: result_too_big. */
void attempt_complete(struct attempt *at, struct str result_json);
void attempt_fail(struct attempt *at, enum error_class class, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);
void attempt_fail_after(struct attempt *at, int64_t retry_after_ms, const char *code, const char *message);
/* As attempt_fail_after; and this limit key of the job's is paused for all jobs, for so long (at least 1), or, -1, until somebody
 * resumes it. */
void attempt_fail_pausing(struct attempt *at, struct str key, int64_t for_ms, const char *code,
                          const char *message);

/* The table of built-in kinds; src/kinds/kinds.c. Ends with kind == NULL. */
extern const struct handler *const handlers[];

#endif
