/* model.h: the store as a small plain thing in memory: arrays, the decisions of core/, no engine, no index, no maintained
 * count. Written from store.h. The differential test (differential.h) gives the same operations to an engine and to it.
 *
 * Where store.h leaves a choice (a new id, a lease number, a jitter, which queue a claim begins with) the model takes the
 * engine's when the contract allows it, and its own otherwise: then the two answers differ, and that is a mismatch. */
#ifndef STINT_TEST_MODEL_H
#define STINT_TEST_MODEL_H

#include "base/buf.h"
#include "store/store.h"

#define MODEL_JOBS_MAX      6000
#define MODEL_QUEUES_MAX    32
#define MODEL_SCHEDULES_MAX 16
#define MODEL_KEYS_MAX      512 /* unique keys; as many idempotency keys, API keys */
#define MODEL_ENTRIES_MAX   2000
#define MODEL_LIMITS_MAX    64
#define MODEL_GATES_MAX     64
#define MODEL_BATCHES_MAX   256
#define MODEL_BATCH_KEPT_MS (7LL * 86400000)

/* Mistakes that the model can make on purpose: a test of the test. */
enum model_bug {
    BUG_NONE,
    BUG_OLD_LEASE_COMPLETES,  /* complete is accepted under any lease */
    BUG_KEY_FREED_EARLY,      /* a unique key is free as soon as its job is claimed */
    BUG_COUNT_OFF,            /* a lost lease is not counted */
    BUG_SEQ_GAP,              /* a checkpoint takes an event number */
    BUG_RETRY_KEEPS_LEASE,    /* a retry accepts what the round before it says */
    BUG_STALE_IS_NEW,         /* a report with a lower number is accepted */
    BUG_PRIORITY_IGNORED,     /* the oldest first */
    BUG_PAUSE_IGNORED,        /* a paused queue gives */
    BUG_TENANT_IGNORED,       /* another tenant's job is found */
    BUG_STAGED_SURVIVES,      /* an artifact outlives the lease it was staged under */
    BUG_REPLAY_RUNS_AGAIN,    /* an enqueue with a known idempotency key enqueues again */
    BUG_LATE_IS_REFUSED,      /* what a lost lease still brings */
    BUG_NO_GRACE,             /* a restart or a stall ends leases */
    BUG_FIRST_PARENT_FREES,   /* a job runs behind one of those on which it depends */
    BUG_STEP_TWICE,           /* a schedule's step is taken from wherever it is */
    BUG_STEP_CANCELS_NOTHING, /* what the step of a schedule names lives on */
    BUG_LIMIT_IGNORED,        /* a key without room gives */
    BUG_WEIGHT_IGNORED,       /* a slot each, whatever it weighs */
    BUG_PAUSE_SHORTENED,      /* a report ends the pause of a key earlier */
    BUG_TAKE_IN_PAUSE,        /* a running job takes tokens of a paused key */
    BUG_BURST_CUTS_AGAIN,     /* each refusal of one burst halves the slots in force */
    BUG_BATCH_ENDS_EARLY,     /* a batch finishes with one job open */
    BUG_CAP_IGNORED,          /* one takes more than it may */
    BUG_CLOSED_TAKES_MORE,    /* one that is closed takes jobs */
    BUG_ROUND_STAYS,          /* the retry of a job of a finished one begins no round */
    BUG_CANCEL_SPARES,        /* a cancelled one leaves its jobs alone */
    BUG_FINALISER_ONCE,       /* finalisers run behind the first round alone */
    BUG_MATRIX_SHORT,         /* a batch that is filled has no jobs */
    MODEL_BUGS,
};

struct model_event {
    struct job_event_row row;
    struct model_event *next;
};

struct model_artifact {
    struct artifact is;
    int64_t lease; /* it was staged under; 0 = published */
    struct model_artifact *next;
};

struct model_link { /* what a job depends on */
    struct id on;
    bool has_ended, is_bad;
    struct model_link *next;
};

struct model_job {
    struct job v;   /* as the store shows it; v.lease = the last number that was handed out */
    int number;     /* 0, 1, …: in order of enqueue */
    bool is_raised; /* nothing under v.lease is accepted any more */
    bool is_lost;   /* its lease ended, and nobody has claimed since: its result is still welcome */
    bool is_erased, holds_key;
    bool waits;                   /* blocked until its children are final */
    bool is_stopped;              /* it was cancelled in this round: nothing is attached to it any more */
    bool must_stop_children;      /* it was cancelled: the next tick cancels what hangs under it */
    struct job_children tally;    /* of all that ever hung under it */
    struct model_link *links;     /* blocked until these have ended */
    bool follows, runs_again;     /* a finaliser: when its batch ends once more; when it has ended itself */
    bool is_parent, is_last_word; /* its last turn completes: what it brings is published */
    int64_t timeout_at, cancel_at;
    struct limit_use uses[LIMITS_PER_JOB];
    size_t use_count;
    int64_t n, hash; /* of the last accepted report under the lease; n 0 = none */
    bool has_taken;  /* … and that has asked for tokens */
    struct report_verdict said;
    struct model_event *events;
    struct model_artifact *artifacts;
};

struct model_queue {
    int64_t tenant;
    struct str name;
    bool is_paused;
    struct queue_settings settings;
};

struct model_schedule {
    struct schedule is;
    int64_t due_at; /* 0 = never */
};

struct model_limit { /* a key, or a pattern */
    int64_t tenant;  /* 0 = of the server */
    struct str key;
    bool is_set;
    struct limit_rule rule;
    struct limit_state state; /* without what is used */
};

/* May a job begin, as far as its keys are concerned? */
enum model_gate {
    GATE_CLOSED,
    GATE_ANY, /* it may, and the engine may keep it: another node has changed the key, or a heavier job waits for it */
    GATE_OPEN,
};

struct model_batch {
    struct batch is;
    int64_t tenant;
    int number;
    bool must_stop;                      /* it was cancelled: the next tick cancels its jobs */
    const struct batch_filling *filling; /* NULL: it is there whole */
    int64_t fill_due_at;
    int64_t last_seq, expires_at;
    struct model_event *events;
};

struct model_key { /* a unique key that is held, or was until held_until */
    int64_t tenant;
    struct str key;
    struct id job;
    int64_t held_until; /* 0 = while the job lives */
};

struct model_promise { /* what an idempotency key stands for */
    int64_t tenant;
    struct str key;
    unsigned char hash[32];
    struct enqueue_verdict *verdicts;
    int64_t expires_at;
};

struct model_entry { /* of a series; the array is in order of publication */
    int64_t tenant;
    struct str name;
    struct series_entry is;
};

enum model_total { SUM_ENQUEUED, SUM_COMPLETED, SUM_FAILED, SUM_CANCELLED, SUM_LOST, SUM_RETRIED, SUMS };

struct model {
    struct arena *a;
    enum model_bug bug;
    int64_t now, latest; /* the clock may step back */
    int64_t
        grace_at; /* the store was back then, or awake: what workers said before does not run against them */
    bool has_nodes;       /* each counts ids for itself: those of one instant are in any order */
    bool is_filling;      /* the same, while a batch is filled */
    int64_t last_ordinal; /* of the others */
    bool
        drops_by_day; /* the engine's choice: jobs go at the end of the day, or of the 30 days, in which they ran out */
    bool claims_end; /* the same: a claim ends what it meets too late to start */
    bool
        gives_fewer; /* … it gives some, though not all that it could, where keys have become full while it chose */
    int64_t tenants[2];
    int64_t sums[2][SUMS];
    struct model_job *jobs[MODEL_JOBS_MAX]; /* ascending ids */
    int count, enqueued;
    struct model_queue queues[MODEL_QUEUES_MAX];
    int queue_count;
    struct model_schedule schedules[MODEL_SCHEDULES_MAX];
    int schedule_count;
    struct model_limit limits[MODEL_LIMITS_MAX];
    int limit_count;
    struct {
        int64_t tenant;
        struct str limits;
        enum model_gate is;
    } gates[MODEL_GATES_MAX]; /* as found so far, while one claim runs */
    int gate_count;
    struct model_batch batches[MODEL_BATCHES_MAX];
    int batch_count, batches_made;
    struct id finals[MODEL_BATCHES_MAX]; /* batches of which a finaliser has ended since the last tick */
    int final_count;
    struct model_key keys[MODEL_KEYS_MAX];
    int key_count;
    struct model_promise promises[MODEL_KEYS_MAX];
    int promise_count;
    struct model_entry entries[MODEL_ENTRIES_MAX];
    int entry_count;
    struct api_key api_keys[MODEL_KEYS_MAX];
    int api_key_count;
    struct str
        only_queues; /* of the report that is run: its children change no holder of their key in another queue */
    int64_t before; /* where a walk by cursor stands: the ordinal of the last job that was shown */
    struct job *(*peek)(void *ctx, int64_t tenant,
                        struct id id); /* the engine's view, where it had a choice */
    /* … and the jobs of a batch, oldest first, while none of them can have gone; good until the next */
    const struct id *(*members)(void *ctx, int64_t tenant, struct id batch, size_t *count);
    void *peek_ctx; /* of both */
};

struct model *model_new(enum model_bug bug);
void model_free(struct model *m);
/* Answers `op` (the inputs are set) at m->now; `got` is the engine's answer to the same. */
void model_run(struct model *m, struct store_op *op, const struct store_op *got);
/* Its place among the jobs, which are in order of their ids, or where it would be. */
int model_place(const struct model *m, struct id id);
/* How many of so many ids, each `step` bytes behind the one before, in the order of a list, are its first page. It ends between two
 * ordinals: several nodes make ids of one. */
size_t model_page_end(const struct id *first, size_t step, size_t count, int64_t limit);
bool model_is_beside(const struct model_job *job, const struct job *last); /* an id of its ordinal */
struct model_job *model_find(const struct model *m, int64_t tenant, struct id id);
bool model_has_passed_deadline(
    const struct model *m); /* … of a live job: a claim may end it, or the next tick */

/* ---- between its files */

struct model_queue *model_queue_find(struct model *m, int64_t tenant, struct str name);
struct model_queue *model_queue_get(struct model *m, int64_t tenant, struct str name);
struct model_key *model_key_find(struct model *m, int64_t tenant, struct str key);
void model_key_put(struct model *m, const struct model_job *job, int64_t held_until);
void model_key_free(struct model *m, const struct model_job *job); /* if it is the job's while it lives */
bool model_pass_time(struct model *m,
                     struct model_job *job); /* true: it was due, and is what time made of it */
void model_sum(struct model *m, const struct model_job *job, enum model_total total);
struct job_counters model_counters(const struct model_job *job);
/* The grace of its lease becomes part of it (J6). */
void model_add_grace(const struct model *m, struct model_job *job);
int64_t model_lease_end(const struct model *m, const struct model_job *job);
void model_apply(struct model *m, struct model_job *job, const struct job_outcome *o);
void model_finish(struct model *m, struct model_job *job, enum job_state to, enum job_reason reason);
void model_add_event(struct model *m, struct model_job *job, struct str type, struct str data);
struct job_event_row model_end_event(struct model *m, const struct model_job *job);
void model_stage(struct model *m, struct model_job *job, struct artifact artifact);
void model_drop_staged(struct model_job *job);
struct model_artifact *model_artifact_find(const struct model_job *job, struct str name, int64_t lease);
void model_remove(struct model *m, struct model_job *job);
/* The job is in another state now: what its parent and its batch count. */
void model_tally(struct model *m, const struct model_job *job, enum job_state state, int64_t n);
void model_cancel(struct model *m, struct model_job *job); /* in a state that allows it */
void model_see_to_families(struct model *m);               /* what a tick does first, and last */
struct job_children *model_children(struct model *m, const struct model_job *job);
void model_add_children(struct model *m, struct model_job *job, const struct report *in,
                        struct report_verdict *v, const struct report_verdict *got);
void model_tell_root(struct model *m, const struct model_job *job, const struct report *in);
void model_list_children(struct model *m, struct store_list_children *op);
/* Of an enqueue, whose items have their verdicts if they are refused. False: some are. */
bool model_check_links(struct model *m, struct store_enqueue *op);
/* Behind the enqueue. */
void model_link(struct model *m, const struct store_enqueue *op);
void model_tell_end_of(struct model *m, struct id id, bool is_good);
/* The job has ended: whoever depends on it hears of it at the next tick. */
void model_tell_end(struct model *m, const struct model_job *job);
bool model_see_to_links(struct model *m); /* true: something has changed */
void model_enqueue_one(struct model *m, const struct job_spec *s, const struct model_job *parent,
                       int64_t tenant, struct enqueue_verdict *v, struct id id);
/* What the store shows. Lease numbers that nobody was told are the engine's choice. */
struct job model_view(const struct model *m, const struct model_job *job, const struct job *got);
bool model_matches(const struct model_job *job, int64_t tenant, const struct job_filter *filter);

void model_run_enqueue(struct model *m, struct store_enqueue *op, const struct store_enqueue *got);
void model_run_claim(struct model *m, struct store_claim *op, const struct store_claim *got);
void model_run_report(struct model *m, struct store_report *op, const struct store_report *got);
void model_run_stage(struct model *m, struct store_stage_artifact *op);
void model_run_act(struct model *m, struct store_act *op, const struct store_act *got);
void model_run_patch(struct model *m, struct store_patch *op, const struct store_patch *got);
void model_run_tick(struct model *m, struct store_tick *op);
void model_run_prune(struct model *m, struct store_prune *op);
void model_run_queue(struct model *m, struct store_op *op);    /* set, delete, list */
void model_run_schedule(struct model *m, struct store_op *op); /* set, delete, list */
struct model_schedule *model_schedule_find(struct model *m, int64_t tenant, struct str name);
bool model_check_step(struct model *m, struct store_enqueue *op); /* false: it is answered */
bool model_is_leaving(const struct model *m, const struct store_enqueue *op, const struct model_job *job);
void model_cancel_last(struct model *m, const struct store_enqueue *op);
void model_take_step(struct model *m, const struct store_enqueue *op);
size_t model_give_schedules(struct model *m);  /* how many a tick gives out */
void model_release_schedules(struct model *m); /* whoever had been given them is no more */
void model_print_schedule(const struct model *m, const struct schedule *s, struct buf *out);
void model_run_limit(struct model *m, struct store_op *op); /* set, delete, list */
struct model_batch *model_batch_find(struct model *m, int64_t tenant, struct id id);
/* Of an enqueue, whose items have their verdicts. False: some are refused. */
bool model_check_batches(struct model *m, struct store_enqueue *op);
void model_add_batch(struct model *m, int64_t tenant, const struct batch_plan *p, struct enqueue_verdict *v,
                     struct id id);
/* So many more it takes; INT64_MAX: it has no cap, or there is none. */
int64_t model_batch_room(struct model *m, int64_t tenant, struct id id);
void model_reopen_batch(struct model *m, const struct model_job *job);
bool model_stop_batches(struct model *m);                            /* true: something has changed */
bool model_finish_batches(struct model *m);                          /* the same */
void model_note_final(struct model *m, const struct model_job *job); /* it has ended */
bool model_see_to_finalisers(struct model *m);                       /* the same */
/* A final job lives again. */
void model_live_again(struct model *m, struct model_job *job);
void model_act_on_batches(struct model *m, struct store_act *op);
void model_run_batch(struct model *m, struct store_op *op); /* list, results, events */
void model_add_batch_event(struct model *m, struct model_batch *b, struct str type, struct str data);
void model_begin_filling(struct model *m, struct model_batch *b, const struct batch_plan *p);
void model_end_filling(struct model_batch *b);
void model_run_fill(struct model *m, struct store_fill *op);
size_t model_give_fillings(struct model *m); /* as model_give_schedules */
void model_release_fillings(struct model *m);
void model_print_batch(const struct model *m, const struct batch *b, struct buf *out);
void model_print_batch_id(const struct model *m, struct id id, struct buf *out);
/* m->gate_count is 0 when a claim begins. */
enum model_gate model_gate(struct model *m, const struct model_job *job);
bool model_is_limited(const struct model *m,
                      const struct model_job *job); /* a key of it has, or had, a rule or a pause */
void model_begin_limits(struct model *m, const struct model_job *job);
/* The member that is wrong, or NULL. */
const char *model_bad_limits(const struct model_job *job, const struct report *in);
void model_use_limits(struct model *m, const struct model_job *job, const struct report *in,
                      struct report_verdict *v);
void model_mend_limits(struct model *m, const struct model_job *job);
/* When the last pause ended that has, or the last tokens were back: what an engine forgets then must not come back. */
int64_t model_last_limit_end(const struct model *m);
void model_print_limit(const struct model *m, const struct limit *l, bool is_counted, struct buf *out);
void model_run_key(struct model *m, struct store_op *op,
                   const struct store_op *got); /* create, revoke, list */
void model_run_read(struct model *m, struct store_op *op,
                    const struct store_op *got);             /* jobs, events, stats */
void model_run_series(struct model *m, struct store_op *op); /* and artifacts */

/* Of several parents that have failed the engine names any. */
#define MODEL_SOME_ID "00000000-0000-0000-0000-000000000000"

/* Everything that an answered operation says, as text, in an order of its own where store.h leaves it free. */
void answer_print(const struct model *m, const struct store_op *op, struct buf *out);
/* What it asked. */
void question_print(const struct model *m, const struct store_op *op, struct buf *out);

#endif
