/* supervisor.h: inside worker/: what supervisor.c, slot.c and slot_report.c share. Everything runs on one loop. */
#ifndef STINT_WORKER_SUPERVISOR_H
#define STINT_WORKER_SUPERVISOR_H

#include "base/json.h"
#include "core/limits.h"
#include "core/report.h"
#include "loop/loop_children.h"
#include "net/http_client.h"
#include "worker/handler.h"
#include "worker/scratch.h"
#include "worker/worker.h"

#define REPORT_GAP_MS      200   /* progress of a job is sent at most this often */
#define REPORT_RETRY_MS    500   /* after a broken connection or a 5xx */
#define LATE_REPORT_MS     60000 /* how long beyond its lease the end of a job is still offered */
#define CANCEL_GRACE_MS    1500  /* the child may stop by itself before its group is killed */
#define PROCESS_JOBS_MAX   1000  /* then a fresh process */
#define SLOT_ARTIFACTS_MAX 32
#define SLOT_TEXTS_MAX     4 /* artifacts that travel with the report */
#define SLOT_UPLOADS       4 /* of its artifacts at once */
#define SLOTS_PER_JOB      2 /* for one that runs, one whose end is on its way to the server */
#define CLAIMS_AT_ONCE     4
#define SLOT_FETCHES       16 /* requests for a handler at once */
#define SLOT_EVENTS_MAX    64 /* of one report; more wait for the next */
#define SLOT_CHILD_BYTES                                                                                     \
    ((size_t)4 << 20) /* likewise, about: what the server reads of a report at once is more */

enum slot_end { SLOT_RUNNING, SLOT_COMPLETE, SLOT_WAIT, SLOT_FAIL, SLOT_RELEASE };
enum kill_cause { KILL_NONE, KILL_TIMEOUT, KILL_CANCEL, KILL_LEASE, KILL_DRAIN };

struct slot_artifact {
    struct slot *s;
    struct str name, media_type, path, series;
    int64_t keep;
    struct http_call *call; /* it is on its way */
    int fd;                 /* … from here */
    int64_t sent_at_ms;
    bool is_uploaded;
    bool waits_for_end; /* it could not be sent early */
};

/* A process does one job at a time. */
struct slot_process {
    struct supervisor *sup;
    struct slot *slot;              /* NULL: idle */
    struct slot_process *next_idle; /* in sup->idle */
    struct child *child;
    struct stream *stream;
    struct buf in, out; /* out: being written to it */
    struct buf out_next;
    bool is_writing, is_reading_paused; /* what is over a limit waits in the socket */
    bool is_starting;                   /* it has not said that it is there */
    int jobs;
    char tenant[JOB_NAME_MAX_BYTES + 1]; /* of its jobs; "": the worker's key is of one tenant */
};

/* A job from its claim until the server knows its end. Its process may do the next one by then: there are more slots than run. */
struct slot {
    struct supervisor *sup;
    struct slot_process *process; /* NULL: it has none yet, or none any more */
    /* the job; has_job false = free */
    bool has_job;
    struct arena *a;
    struct id job;
    struct str kind;
    char tenant[JOB_NAME_MAX_BYTES + 1]; /* "": the worker's key is of one tenant */
    char lease_field[80];                /* in whose name the job reads, of the server */
    int64_t lease, lease_ms, n;
    int64_t lease_good_until_ms; /* loop clock: nobody renewed it later than this */
    char scratch[SCRATCH_PATH_BYTES];
    enum kill_cause killed_for;
    bool is_cancelled;
    struct loop_timer beat, timeout, kill;
    /* what the child said and the server does not know yet */
    struct arena *news;
    int64_t permille;
    char message[256];
    bool has_progress;
    struct report_event events[SLOT_EVENTS_MAX];
    size_t event_count;
    struct str checkpoint;
    struct slot_artifact artifacts[SLOT_ARTIFACTS_MAX];
    size_t artifact_count;
    struct report_artifact texts[SLOT_TEXTS_MAX];
    size_t text_count;
    struct arena *child_arena;
    struct job_spec *children; /* JOB_CHILDREN_MAX, in their arena; NULL until there is one */
    size_t child_count, child_bytes;
    /* the end */
    enum slot_end end;
    struct str result;
    struct job_error error;
    bool is_fail_told;   /* by the handler itself */
    bool is_end_refused; /* by the server; another is told instead */
    int64_t retry_after_ms;
    struct str pause_key; /* "" = none */
    /* tokens of limit keys: what the child asks for, and what it spent otherwise than was thought */
    struct report_tokens take[LIMITS_PER_JOB], correct[LIMITS_PER_JOB];
    size_t take_count, correct_count;
    bool is_take_sent;
    /* the report that is on its way */
    struct http_call *call;
    struct buf body;
    bool is_final_sent;
    bool has_told_children; /* … children before the end */
    bool has_told_news;     /* the body carries more than how the job goes on */
    /* a download for the handler, beside the reports */
    struct http_call *fetch;
    int fetch_fd;
    struct str fetch_path, fetch_from,
        fetch_result;           /* fetch_from: the address at the server of what is fetched */
    struct str fetch_next;      /* of a batch: the cursor of the next page; "" = none */
    struct slot_gather *gather; /* many requests for the handler; slot_gather.c */
    int64_t sent_at_ms;
    struct loop_work cleanup;
    char cleanup_path[SCRATCH_PATH_BYTES];
    bool is_cleaning;
};

struct claim_call {
    struct supervisor *sup;
    struct http_call *call; /* NULL: there is none */
    int64_t max;            /* 0: it only listens */
    struct buf body;
};

struct supervisor {
    struct loop *loop;
    const struct worker_options *o;
    struct http_client *http;
    struct scratch scratch;
    char name[JOB_NAME_MAX_BYTES + 1];
    char authorization[300];
    struct http_field fields[2];
    char **envp;        /* of the children: ours without the server's address and key */
    struct slot *slots; /* SLOTS_PER_JOB for each job that may run */
    int slot_count, jobs_at_once;
    struct slot_process *idle;
    struct claim_call claims[CLAIMS_AT_ONCE];
    struct loop_timer retry, drain;
    int failures; /* claims in a row */
    /* what limit keys should allow (keep_limits.c) */
    struct arena *limits_arena;
    struct handler_limit *limits;
    size_t limit_count, limits_kept;
    bool is_draining, has_claimed;
    enum rc rc;
    struct err err;
};

/* ---- slot_process.c: the processes that do the jobs ---- */
MUST_CHECK enum rc slot_process_get(struct slot *s, struct err *e); /* an idle one, or a new one */
void slot_process_leave(struct slot *s);                            /* it is sound, and idle from here on */
void slot_process_drop(struct slot *s);                             /* ends it, if there is one */
void slot_process_pause(struct slot *s);                            /* hears nothing of it … */
void slot_process_go_on(struct slot *s);                            /* … until here */
void slot_processes_end(struct supervisor *sup);                    /* the idle ones */
void slot_send(
    struct slot *s,
    struct buf *line); /* a message, which ends its line; nobody hears it when there is no process */

/* ---- slot.c: a job and how it ends ---- */
/* Gives the slot a job (an item of a claim's answer). */
void slot_take(struct slot *s, const struct json *claimed);
void slot_cancel(struct slot *s);                    /* somebody asked for the job's end */
void slot_kill(struct slot *s, enum kill_cause why); /* ends the process group now */
void slot_free_job(struct slot *s);                  /* the server knows the end: the slot is free again */
void slot_dispose(struct slot *s);
void slot_pass_on(struct slot *s); /* its end is on its way: its process may do the next job */
void slot_read_on(struct slot *s); /* there is room for events again */
bool slot_is_full_of_children(const struct slot *s);              /* no more before these are told */
void slot_forget_children(struct slot *s);                        /* they are told, or nobody wants them */
void slot_heard(struct slot *s, const struct json *message);      /* from its process */
void slot_told_death(struct slot *s, const struct child_exit *x); /* of its process, which it has no more */

/* ---- slot_report.c: reports, one call at a time ---- */
void slot_report_soon(struct slot *s); /* there are news */
void slot_report_now(struct slot *s);  /* the end is known, or a heartbeat is due */
void slot_report_in(struct slot *s, int64_t delay_ms);
void slot_end_with(struct slot *s, enum error_class class, const char *code, const char *text);
void slot_lost_lease(struct slot *s, const struct err *why);

/* ---- slot_upload.c: the files that a job leaves, beside its reports ---- */
/* Sends what may be sent now. True: all are at the server, and the end may be told. */
bool slot_upload(struct slot *s);
void slot_upload_cancel(struct slot *s);

/* The header fields of what it asks the server for, beside reports; returns how many of `out`. */
size_t slot_fields(const struct slot *s, struct http_field out[2]);

/* ---- slot_limits.c: tokens of limit keys ---- */
void slot_heard_take(struct slot *s, const struct json *keys);
void slot_heard_correct(struct slot *s, const struct json *keys);
void slot_put_tokens(struct slot *s, struct report *r); /* what is wanted and corrected, into this report */
/* The child hears what became of its take, if the report that has a verdict carried one. error "" = none. */
void slot_answer_take(struct slot *s, int64_t wait_ms, struct str error);

/* ---- slot_fetch.c ---- */
/* The newest artifact of a series into a file of the scratch folder, for the handler that asked; answers the child. */
void slot_fetch_series(struct slot *s, struct str series, struct str path);
/* The results of a batch, likewise. */
void slot_fetch_batch(struct slot *s, struct str batch, struct str path);

/* ---- keep_limits.c ---- */
MUST_CHECK enum rc keep_limits_read(struct supervisor *sup, struct err *e);
void keep_limits_begin(struct supervisor *sup); /* claims when it is done */

void slot_fetch_answer(struct slot *s, bool is_found, const char *error);
/* So many bytes of it are there, and the child may read them; more is on its way. */
void slot_fetch_grown(struct slot *s, size_t bytes);

/* ---- slot_gather.c: many small answers of the server for the handler ---- */
void slot_gather_children(struct slot *s, struct str path);
void slot_gather_artifacts(struct slot *s, struct str name, struct str path);
void slot_gather_cancel(struct slot *s);

/* ---- supervisor.c ---- */
void supervisor_slot_is_free(struct supervisor *sup);
void supervisor_offer_more(struct supervisor *sup); /* there may be more to claim for */
void supervisor_claim(struct supervisor *sup);

/* kinds_done.c */
#define WORKER_KINDS_MAX 64
size_t supervisor_kinds(const struct supervisor *sup, struct str to[WORKER_KINDS_MAX]);
bool supervisor_does(const struct supervisor *sup, struct str kind); /* does it ask for jobs of it? */
/* RC_INVALID: it was told to do a kind, and not what that needs. What it leaves to others because of that is logged. */
MUST_CHECK enum rc supervisor_check_kinds(const struct supervisor *sup, struct err *e);
bool supervisor_is_exec(const struct supervisor *sup, struct str kind, const char **command);

#endif
