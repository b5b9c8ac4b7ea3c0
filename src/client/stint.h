/* stint.h: libstint, the C client of a stint server: enqueue jobs, wait for them, watch them, and work on them.
 * A client may be used by several threads. Strings are plain C strings in UTF-8; JSON goes in and out as text. What
 * calls give is freed by stint_job_free, or stint_free where that is said. Functions return 0 or a
 * STINT_E… code and fill `struct stint_error` when it is given. Only http:// addresses are spoken in this version. */
#ifndef STINT_H
#define STINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum stint_code {
    STINT_OK = 0,
    STINT_EINVALID = 1, /* the request is wrong */
    STINT_ENOTFOUND = 2,
    STINT_EDENIED = 3, /* key or scope */
    STINT_ECONFLICT = 4,
    STINT_ELEASE_LOST = 5, /* another worker has the job now: stop */
    STINT_ETOOBIG = 6,
    STINT_EBUSY = 7,    /* draining or overloaded: ask again */
    STINT_EFULL = 8,    /* the server's disk is full */
    STINT_EUNKNOWN = 9, /* no answer: it may or may not have happened; repeat with the same idempotency key */
    STINT_ECONNECT = 10, /* the server was not reached: it did not happen */
    STINT_ETIMEOUT = 11,
};

struct stint_error {
    enum stint_code code;
    int status;        /* HTTP, 0 = none */
    char type[48];     /* the API's stable word, e.g. lease_lost */
    char message[400]; /* for people */
};

struct stint_client;

/* url NULL: STINT_URL, then ./var/dev.json, then http://127.0.0.1:7420. key NULL: STINT_KEY, then ./var/dev.json. */
struct stint_client *stint_open(const char *url, const char *key, struct stint_error *e);
void stint_close(struct stint_client *c);

/* ---- enqueue */
struct stint_job_options { /* zero = the default */
    const char *queue;
    int priority;
    int64_t delay_ms;
    int max_attempts;
    int64_t timeout_ms;
    const char *unique_key;
    const char *idempotency_key;
};

struct stint_enqueued {
    char id[37];    /* the new job's, or that of the job that holds the unique key */
    bool duplicate; /* the key was held: nothing was enqueued */
};

/* Durable when it returns STINT_OK. */
int stint_enqueue(struct stint_client *c, const char *kind, const char *args_json,
                  const struct stint_job_options *o, struct stint_enqueued *out, struct stint_error *e);

/* ---- look, wait, watch */
struct stint_job {
    char id[37];
    char state[16], reason[16];
    int attempt;
    int64_t lease;             /* of a claimed job */
    int64_t timeout_ms;        /* of a claimed job */
    double progress;           /* 0 … 1, -1 = unknown */
    char parent[37], root[37]; /* "" = it hangs under none */
    bool cancelling;           /* it was cancelled: this is its last turn */
    char *children; /* of a claimed job: what became of those under it, JSON; NULL = it never had any */
    char *queue, *kind, *args, *checkpoint, *result, *error; /* JSON texts; NULL = none */
};

int stint_get(struct stint_client *c, const char *id, struct stint_job **out, struct stint_error *e);
/* Returns when the job is final, or STINT_ETIMEOUT. */
int stint_wait(struct stint_client *c, const char *id, int64_t timeout_ms, struct stint_job **out,
               struct stint_error *e);
/* Calls on_event for every stored event after after_seq, across reconnects, each once and in order, until the job's end
 * (STINT_OK) or on_event returns false. seq is 0 for what is not stored (live progress), and for `reset`: the events that were seen
 * are gone (a backup was restored, or they were pruned), and those that are kept follow from the first. */
int stint_watch(struct stint_client *c, const char *id, int64_t after_seq,
                bool (*on_event)(void *ctx, int64_t seq, const char *type, const char *data_json), void *ctx,
                struct stint_error *e);
int stint_cancel(struct stint_client *c, const char *id, struct stint_error *e);
void stint_job_free(struct stint_job *j);
struct stint_answer {
    int status;
    char *body; /* free with stint_free */
};

/* Any other call of the API; the answer is there too when it is a problem (the code tells). body_json may be NULL. */
int stint_call(struct stint_client *c, const char *method, const char *path, const char *body_json,
               struct stint_answer *out, struct stint_error *e);
void stint_free(void *p);

/* ---- work */
struct stint_attempt; /* one job in the hands of this worker */

struct stint_work_options {
    const char *worker;        /* a name for people; NULL = host:pid */
    const char *const *queues; /* NULL-terminated; NULL = "default" */
    int64_t lease_ms;          /* 0 = the server's */
    int64_t wait_ms;           /* long poll; 0 = 20 s */
    bool once;                 /* one job, then return */
    const volatile int
        *stop; /* set to non-zero (a signal handler may): no more claims, current job finishes */
};

struct stint_kind {
    const char *kind;
    /* Works on one job; ends it with stint_complete or stint_fail (returning without either is a transient failure).
     * Heartbeats are sent for it meanwhile by a thread of the client. */
    void (*run)(void *ctx, struct stint_attempt *at, const struct stint_job *job);
    void *ctx;
};

/* Claims and runs jobs of these kinds until told to stop. */
int stint_work(struct stint_client *c, const struct stint_kind *kinds, size_t kind_count,
               const struct stint_work_options *o, struct stint_error *e);
/* True when the job should stop: cancelled, or its lease is lost. */
bool stint_should_stop(struct stint_attempt *at);
int stint_progress(struct stint_attempt *at, double progress, const char *message, struct stint_error *e);
int stint_event(struct stint_attempt *at, const char *type, const char *data_json, struct stint_error *e);
/* The same, into the stream of the top of its tree too. */
int stint_root_event(struct stint_attempt *at, const char *type, const char *data_json,
                     struct stint_error *e);
int stint_checkpoint(struct stint_attempt *at, const char *json, struct stint_error *e);
int stint_artifact(struct stint_attempt *at, const char *name, const char *media_type, const void *bytes,
                   size_t n, struct stint_error *e);
int stint_artifact_file(struct stint_attempt *at, const char *name, const char *media_type, const char *path,
                        struct stint_error *e);
int stint_complete(struct stint_attempt *at, const char *result_json, struct stint_error *e);
/* Jobs that hang under this one: a JSON array of at most 1,000 of what POST /v1/jobs takes, with "attach": "root" for those that
 * hang under the top of its tree. All of them are enqueued, or none; a held unique key is no failure. */
int stint_add_children(struct stint_attempt *at, const char *children_json, struct stint_error *e);
/* The same with the end of the job, in one transaction. */
int stint_complete_with(struct stint_attempt *at, const char *result_json, const char *children_json,
                        struct stint_error *e);
/* Ends the attempt, not the job: it runs again, with this checkpoint, when all that hangs under it is final. No worker is held
 * meanwhile and no attempt is used. Both texts may be NULL. */
int stint_park(struct stint_attempt *at, const char *children_json, const char *checkpoint_json,
               struct stint_error *e);
/* class: "transient", "permanent" or "rate_limited" (then retry_after_ms counts; -1 = none). */
int stint_fail(struct stint_attempt *at, const char *class_name, const char *code, const char *message,
               int64_t retry_after_ms, struct stint_error *e);
/* "rate_limited", and nobody gets a job that names this limit key (one of this job's) until then; -1: until somebody resumes it. */
int stint_fail_pausing(struct stint_attempt *at, const char *pause_key, const char *code, const char *message,
                       int64_t retry_after_ms, struct stint_error *e);

#ifdef __cplusplus
}
#endif

#endif
