/* store.h: the contract: what is kept, and what every engine must mean by it. One door (store.c) in front of the engines.
 *
 * How it works. An operation is a struct whose first member is `struct store_op`. The caller fills the inputs, hands it
 * over with store_submit() and gets it back, done, through the round callback: writes after they are durable, reads
 * when they are read. A write waits for the next ROUND: the committer takes whatever waits, runs it as one
 * transaction, flushes once, and gives all of it back together. Equal meaning of one operation in a round with others and
 * alone; operations of one submitter take effect in the order of submission (reads see every write that was done). With
 * several committers (PostgreSQL) that holds for operations on one job, and for what names no job in one list, but for one that
 * meets a lock which another transaction holds for long: those behind it do not wait; who needs more of it waits for the answer.
 *
 * Failures. op.rc is the outcome of the whole operation; items have verdicts of their own. An expected failure
 * (duplicate, lost lease, unknown id) is a verdict, never an error of the round. RC_FULL: no space on the disk; only
 * enqueues and artifacts get it while reports and cancels go on (J17). RC_FATAL: a flush failed or the store is damaged:
 * nothing of the round is acknowledged, and from then on every operation answers RC_FATAL: the process must end.
 *
 * Ownership. Inputs are borrowed until the operation is done. Results live in op.a, the submitter's arena, which the
 * store's threads use while the operation is theirs.
 *
 * Time. `now` is the store's own clock (options.now in tests). Tenants: every operation names one; objects of another
 * tenant answer exactly as unknown ones (J13). The integer row id of an engine never appears here.
 *
 * Only queue/ and the admin commands call this. Promises J1 … J17: docs/guarantees.md. */
#ifndef STINT_STORE_STORE_H
#define STINT_STORE_STORE_H

#include "base/arena.h"
#include "core/batch.h"
#include "core/job.h"
#include "core/job_state.h"
#include "core/limits.h"
#include "core/report.h"

struct store;

enum store_op_kind {
    /* writes: run by the committer, in rounds */
    STORE_ENQUEUE,
    STORE_CLAIM,
    STORE_REPORT,
    STORE_ACT, /* cancel, retry, promote, erase: by ids or by filter */
    STORE_PATCH,
    STORE_STAGE_ARTIFACT,
    STORE_SET_QUEUE,
    STORE_DELETE_QUEUE,
    STORE_SET_SCHEDULE,
    STORE_DELETE_SCHEDULE,
    STORE_SET_LIMIT,
    STORE_DELETE_LIMIT,
    STORE_CREATE_KEY,
    STORE_REVOKE_KEY,
    STORE_TICK,  /* everything that is due: run_at, leases, timeouts, deadlines */
    STORE_PRUNE, /* one bounded chunk of what is past its retention */
    STORE_FILL,  /* some of the jobs that a batch is filled with */
    /* reads: run by the readers, each on one snapshot */
    STORE_GET_JOB,
    STORE_LIST_JOBS,
    STORE_LIST_CHILDREN,
    STORE_READ_EVENTS,
    STORE_LIST_ARTIFACTS,
    STORE_GET_ARTIFACT,
    STORE_GET_SERIES,
    STORE_LIST_SERIES,
    STORE_LIST_QUEUES,
    STORE_LIST_SCHEDULES,
    STORE_LIST_LIMITS,
    STORE_LIST_BATCHES,
    STORE_LIST_RESULTS,
    STORE_STATS,
    STORE_LIST_KEYS,
    STORE_LIST_TENANTS,
    STORE_FIND_LEASES,
    STORE_LOOK,
    STORE_OP_KINDS,
};

struct store_op {
    enum store_op_kind kind;
    struct arena *a;
    enum rc rc;
    struct err e;
    void *owner;                     /* the submitter's */
    void (*done)(struct store_op *); /* the submitter's: queue/ calls it on the loop; the store never does */
    struct store_op *next;           /* the store's while submitted; then links round.done */
    void *sync;                      /* store_run's */
    size_t items_done, items_run;    /* the store's: a long list is worked off in several rounds */
    int64_t submitted_us;            /* the store's: since when it waits for its answer */
    int64_t until_us;                /* the store's: how long it waits for somebody's lock */
};

/* What a round changed, for wake-ups and streams. One record per transition or stored event batch. */
struct store_change {
    int64_t tenant;
    struct id job;
    struct str queue, kind;   /* live until store_round_free; queue "": of a batch */
    enum job_state state;     /* afterwards */
    bool became_queued;       /* a claim may find it now */
    int64_t priority, run_at; /* where it stands then; run_at 0: not told */
    bool state_changed;
    bool cancel_asked; /* of a processing job */
    bool is_foreign;   /* another node's doing */
    int64_t last_seq;  /* afterwards */
};

/* A line of which a claim may take something now: what other nodes say, or a limit that has room again. */
struct store_line {
    int64_t tenant;
    struct str queue, kind; /* live until store_round_free */
};

/* News from elsewhere, of a store that several nodes share, comes in records without operations. Their changes hold what is
 * known: of a job of which nobody here has to know more than that it changed, state and last_seq. */
struct store_round {
    struct store_round *next; /* the receiver's */
    struct store_op *done;    /* linked by next; for a read: just that one */
    struct store_change *changes;
    size_t change_count;
    struct store_line *lines; /* of other nodes, of an application's own transaction, or behind a limit */
    size_t line_count;
    bool has_gap;      /* news from elsewhere may be missing: look at everything that is waited for */
    bool keys_changed; /* elsewhere: list them again */
    bool is_over; /* the store is for newer programs now: it takes no more from us, the process should end */
    int64_t
        next_due_at; /* earliest instant at which STORE_TICK has work; 0 = nothing timed; -1 = unchanged (reads) */
    int64_t operations, jobs, flushes, run_us, flush_us; /* of this round; zero for reads */
};

struct store_options {
    int64_t (*now)(void *ctx); /* NULL = the store's own clock */
    void *now_ctx;
    void (*on_round)(
        void *ctx,
        struct store_round *round); /* any thread; the receiver frees the round. NULL: only store_run */
    void *on_round_ctx;
    const char *vfs;         /* SQLite: a VFS by name, for power-cut tests; NULL = the system's */
    int readers;             /* 0 = 2 */
    bool read_only;          /* admin look: no migration, no lock taken */
    const char *synchronous; /* SQLite, mutant builds only: overrides FULL; NULL otherwise */
    bool unsafe;             /* PostgreSQL: a server that does not flush what it commits will do */
    int committers;          /* PostgreSQL: 0 = 4 */
    bool unhurried; /* PostgreSQL, for tests: nothing is left to the slow lane because it takes long */
    /* PostgreSQL, RC_INVALID elsewhere: where LISTEN works, when a pooler stands before the store; NULL, "": as the url. */
    const char *listen_dsn;
};

/* Opens, migrates (all or nothing) and starts the threads. url: `sqlite:PATH`, a plain PATH, `memory:`, or
 * `postgresql://…` (`postgres:` before any DSN that libpq takes), in lower case; another word with a colon behind it is
 * RC_INVALID, so that a slip makes no file of that name. Creates what is missing. Running leases get their restart grace (J6): none ends before now + min(lease, 30 s).
 * RC_BUSY: another server holds the file. RC_FATAL: damaged, or written by a newer version; nothing was touched. */
MUST_CHECK enum rc store_open(struct store **out, const char *url, const struct store_options *options,
                              struct err *e);
/* Brings the store up to date and starts nothing; for people who let other rights change the schema than those a server
 * has. Failures as store_open's. */
MUST_CHECK enum rc store_migrate(const char *url, const struct store_options *options, struct err *e);
/* The url as a log may have it: without a password, wherever it stands. */
void store_print_url(const char *url, char *to, size_t size);
/* Finishes what was submitted, stops the threads, closes. NULL is fine. Not from the round callback. */
void store_close(struct store *s);
int64_t store_now(struct store *s);
/* Any thread. Never blocks on the disk. */
void store_submit(struct store *s, struct store_op *op);
/* Submits `first` and the operations linked behind it by next, in that order and as one: the writes among them run in the
 * same round as long as it has room. That is how an enqueue and the claim that waits for it share a flush. Any thread. */
void store_submit_list(struct store *s, struct store_op *first);
/* Submits and waits; returns op->rc and copies op->e. For tests and admin commands, never on the loop. */
MUST_CHECK enum rc store_run(struct store *s, struct store_op *op, struct err *e);
void store_round_free(struct store_round *r);
/* After a stall of the process: running leases get the restart grace again (J6). Any thread. */
void store_grace(struct store *s);
/* Where artifact files live (absolute folder): write temp files there, on the same file system. "" for engines without. */
const char *store_files_dir(struct store *s);
/* The greatest fault so far, for /readyz: RC_OK, RC_FULL (last enqueue refused), RC_BUSY (it takes nothing now: store_note says
 * why) or RC_FATAL. Any thread. */
enum rc store_health(struct store *s);
/* What whoever runs the server should know of the store, in one line, for /readyz; false: nothing. Any thread. */
#define STORE_NOTE_BYTES 300
bool store_note(struct store *s, char to[STORE_NOTE_BYTES]);
/* How often to look for what nobody told of, while somebody waits for it: other nodes write to the same store, and their news
 * may be lost. 0: never, this process is the only one. Any thread. */
int64_t store_look_ms(struct store *s);
/* Says whether somebody here waits for news of jobs: other nodes send them only then. Cheap. Any thread. */
void store_set_watching(struct store *s, bool is_watching);
/* A 32-byte secret of this store, made at creation: stream tokens and cursors are signed with it. */
void store_secret(struct store *s, unsigned char out[32]);

/* ------------------------------------------------------------------ schedules */

#define STORE_SCHEDULES_MAX 20000 /* of a tenant */
/* Ticks and lists give no more when the definitions of what they have are so big in all. */
#define STORE_SCHEDULE_BYTES ((size_t)8 << 20)
/* Who has been given a due schedule by a tick has this long to take its step; then the next tick gives it out again. A store that
 * belongs to one process gives it out again when it is opened. */
#define STORE_SCHEDULE_HOLD_MS 10000

/* What the store keeps of a schedule. The definition is text to it; what it means, and when its ticks are, its caller
 * knows (core/schedule.h). */
struct schedule {
    int64_t tenant;
    struct str name, definition;
    bool is_paused;
    int64_t version;        /* raised by every change by people, not by ticks */
    int64_t next_at;        /* the first tick that is not decided; 0: there is none */
    int64_t last_tick;      /* the last that fired; 0: none */
    struct id last_job;     /* and its job, or its batch */
    bool is_last_live;      /* that one is not final yet; only where schedules are read */
    int64_t fired, dropped; /* ticks with a job, and without */
    int64_t created_at, updated_at;
};

/* Rides in an enqueue: the specs are what ticks of the schedule ask for, and with them, in one transaction, the schedule
 * goes from `from` to next_at. When it is not there (another node was faster), paused, or changed since `version`, the
 * enqueue is RC_CONFLICT, code `schedule_changed`, and nothing happens. Each spec has a unique key that names its tick, so
 * that (schedule, tick) has one job for ever (J10). No spec: ticks are dropped. */
struct schedule_step {
    struct str name;
    int64_t version, from, next_at;
    int64_t last_tick; /* 0: none fired */
    int64_t fired, dropped;
    /* Zero: none. This job is cancelled if it lives and, with the place that it leaves, there is room for the specs; a batch when
     * there may be behind the end of its open jobs: RC_BUSY then, until it is there. */
    struct id cancel;
};

/* Is it none of people's, but the filling of a batch, last_job (store_fill)? Its definition is then batch_plan.filling_text. No list
 * has these. */
bool store_is_filling(const struct schedule *s);

/* Makes jobs of a batch that is filled from a matrix, as a tick gave it out (store_is_filling): from where it was left on, until
 * they are all there or the round's time is over: then more. Nobody finds, lists or counts any of them until the last is
 * there: then all are, at once, and the batch is closed. A batch that is cancelled meanwhile gets no more; those that are there
 * are cancelled. RC_CONFLICT: it is filled already. */
struct store_fill {
    struct store_op op;
    int64_t tenant;
    struct str name;
    const struct batch_filling
        *filling; /* NULL: it cannot be read, `failure` says why. The batch is cancelled */
    struct str failure;
    int64_t
        limit; /* about so many in one round; 0: as its time allows. Where all of it is one transaction, all */
    bool more;    /* out */
    int64_t jobs; /* out: that were made now */
};

/* Creates or changes. RC_NOT_FOUND: it is missing, and there is no definition. RC_CONFLICT, code `schedule_changed`: its
 * version is not if_version (0: any). RC_BUSY, code `too_many_schedules`. */
struct store_set_schedule {
    struct store_op op;
    int64_t tenant;
    struct str name;
    struct str definition; /* "" = leave */
    int pause;             /* -1 leave, 0 resume, 1 pause */
    int64_t next_at;       /* -1 = leave; 0 = never */
    int64_t if_version;
    struct schedule *schedule; /* out */
    bool is_new;               /* out */
};

/* RC_NOT_FOUND. Its jobs stay, and its ticks stay used. */
struct store_delete_schedule {
    struct store_op op;
    int64_t tenant;
    struct str name;
};

/* name: that one, or RC_NOT_FOUND. "" = by name, after `after`; fewer than `limit` when they are big. */
struct store_list_schedules {
    struct store_op op;
    int64_t tenant;
    struct str name, after;
    int64_t limit;
    struct schedule *schedules; /* out */
    size_t count;
    bool more; /* out: there may be others behind the last of these */
};

/* ------------------------------------------------------------------ limits */

#define STORE_LIMITS_MAX 10000 /* set by a tenant */

/* What holds for a key. A key that begins with LIMIT_SERVER_PREFIX is one for all tenants, whoever names it; any other is the
 * tenant's own. Never are more leases alive than the rule allows (J8): slots are those of the live leases. A lower rule takes
 * none away: nothing begins until enough have ended. Once a pause is durable, no claim gives a job of the key and no token of it
 * is taken until it ends. */
struct limit {
    int64_t tenant; /* 0: of the server */
    struct str key;
    struct str pattern; /* by which the rule holds; "" when it is the key's own, or there is none */
    bool is_set;        /* the rule is the key's own */
    struct limit_rule rule;
    struct limit_state state;
    int64_t waiting; /* queued jobs that name it; only where one limit is read */
};

/* Sets a key's own rule, or, when the key ends in `*`, that of all keys which begin so and have none of their own: the longest such
 * holds. Pauses and resumes a key, whether or not it has a rule. RC_INVALID: key, rule, or the pause of a pattern. RC_BUSY, code
 * `too_many_limits`. */
struct store_set_limit {
    struct store_op op;
    int64_t tenant;
    struct str key;
    bool has_rule;
    struct limit_rule rule;
    int64_t pause_until; /* -1 leave; 0 resume; JOB_FOREVER_MS: until resumed */
    struct limit *limit; /* out */
};

/* The key's own rule is gone; a pause of it stays. What it owes is forgotten, unless a pattern with a rate holds then. RC_NOT_FOUND:
 * it has no rule of its own. */
struct store_delete_limit {
    struct store_op op;
    int64_t tenant;
    struct str key;
};

/* key: that one, with the rule that holds for it; RC_NOT_FOUND when none does and it is not paused. "": those that have a rule of
 * their own, or are paused, by key, after `after`; those of the server too when of_server (then no others). */
struct store_list_limits {
    struct store_op op;
    int64_t tenant;
    bool of_server;
    struct str key, after;
    int64_t limit;
    struct limit *limits; /* out */
    size_t count;
    bool more; /* out: there may be others behind the last of these */
};

/* Whose key it is: the tenant, or 0. */
int64_t store_limit_tenant(int64_t tenant, struct str key);

/* ------------------------------------------------------------------ enqueue */

/* All or nothing unless `partial`: with one bad item op.rc is RC_INVALID (or the item's rc when there is one item),
 * every bad item has its verdict and nothing is stored. A duplicate is RC_OK. Jobs get ascending ids in order.
 * idempotency_key: kept 24 h with the body's hash in the same transaction: the same again gives the same verdicts
 * with replayed; another hash gives RC_INVALID, code `idempotency_mismatch`.
 * An item that joins a batch: RC_INVALID, code `unknown_batch`; RC_CONFLICT, code `batch_closed`; dropped when that has as many
 * jobs as it takes (RC_CONFLICT, code `batch_full`, for one that depends on others of the call, or for which they wait: part of
 * them makes no sense). */
struct store_enqueue {
    struct store_op op;
    int64_t tenant;
    struct str
        only_queues; /* as in api_key: a job of other queues that holds a unique key stays as it is (on_duplicate) */
    const struct job_spec *specs;
    size_t count;
    bool partial;
    struct str idempotency_key; /* "" = none */
    unsigned char body_hash[32];
    const struct schedule_step *step; /* NULL: it is of no schedule */
    struct enqueue_verdict *verdicts; /* out: count of them */
    bool replayed;                    /* out */
};

/* ------------------------------------------------------------------ claim */

#define STORE_CLAIM_BYTES ((size_t)16 << 20)

/* Gives up to `max` queued jobs of the queues (in turn, starting where fairness says) whose kind is listed, by priority, then
 * turns of the groups (job by job; no group is one too), then age; none whose limits forbid it now. Groups take turns at each
 * node for itself; one that had no job for a while begins where the others are. Jobs that have waited at their keys are in order of age
 * among those of one kind, group and set of keys, and else about; whether lighter ones pass a heavier one that waits for the same key,
 * the engine decides. Each with a new lease number and until now + lease_ms (lease_ms 0 = the queue's, then 30 s). No two claims get
 * the same job. Fewer when their args are big: about STORE_CLAIM_BYTES in all. Paused queues give nothing. An empty answer is
 * RC_OK. No kind listed = every kind. */
struct store_claim {
    struct store_op op;
    int64_t tenant;
    struct str worker;
    const struct str *queues;
    size_t queue_count;
    const struct str *kinds;
    size_t kind_count;
    int64_t max;
    int64_t lease_ms;
    struct job *jobs; /* out */
    size_t count;     /* out */
};

#define STORE_LOOK_LINES 1000 /* at once */

/* In which of the wanted lines, of any tenants, a claim would have found something; of one without a kind, which lines of its
 * queue; of one of tenant 0, those of all tenants. Of a line that is wanted twice it may be told twice. */
struct store_look {
    struct store_op op;
    const struct store_line *wanted;
    size_t wanted_count;
    struct store_line *lines; /* out */
    size_t count;
};

/* ------------------------------------------------------------------ report */

/* Items in order, each atomic by itself, none affects the verdict of another job's. Late
 * `complete` and permanent `fail` with the last number are accepted until somebody claims.
 * Children are enqueued with the report or not at all: one that is not acceptable makes the item RC_INVALID; what is told of
 * duplicates, and of those of a job that is being cancelled, stands in the verdict. max_queued does not count for them.
 * A parked job (`wait`) is queued again by the tick behind the end of the last job that hangs under it. */
struct store_report {
    struct store_op op;
    int64_t tenant;
    struct str only_queues; /* as in api_key: jobs of other queues get RC_DENIED */
    const struct report *items;
    size_t count;
    struct report_verdict *verdicts; /* out */
};

/* ------------------------------------------------------------------ acting on jobs */

struct job_filter {
    uint32_t states;             /* bit per job_state; 0 = all */
    struct str queue, kind, tag; /* "" = any */
    struct id batch;             /* zero = of any, or of none */
    int64_t since, until;        /* created_at in [since, until); 0 = open */
};

enum job_action {
    ACT_CANCEL, /* live: cancelled, or asked of the worker; final: RC_CONFLICT, but one's own repeat is RC_OK. What hangs
                   under it is cancelled behind it, by the tick */
    ACT_RETRY, /* failed, cancelled, skipped: queued again, attempts reset, next round, lease number raised */
    ACT_PROMOTE, /* scheduled: queued now */
    ACT_ERASE, /* final: args, result, events, artifacts gone; the job's row stays until retention, and cannot be retried */
    ACT_PURGE, /* final: the job is gone, as after its retention: unknown from now on */
    ACT_CLOSE, /* of batches: it takes no more jobs from outside. These know ACT_CANCEL else: it is closed, its jobs are cancelled
                  behind it, by the tick */
};

/* By ids (RC_NOT_FOUND per unknown one) or, ids == NULL, on up to `limit` jobs that match the filter and allow the action,
 * newest first from `cursor`; then next_cursor says where to go on, 0 = finished. */
struct store_act {
    struct store_op op;
    int64_t tenant;
    enum job_action action;
    bool of_batches; /* ids are those of batches; a batch is no job elsewhere */
    const struct id *ids;
    size_t count;
    struct job_filter filter;
    int64_t cursor, limit;
    struct act_verdict *verdicts; /* out */
    size_t verdict_count;         /* out */
    int64_t next_cursor;          /* out */
};

/* Changes a job that is not processing and not final (RC_CONFLICT otherwise). Members with their `has_` unset stay. */
struct store_patch {
    struct store_op op;
    int64_t tenant;
    struct id job_id;
    bool has_priority, has_run_at, has_args, has_queue;
    int64_t priority, run_at;
    struct str args, queue;
    struct job *job; /* out */
};

/* ------------------------------------------------------------------ artifacts and series */

struct artifact {
    struct id job;
    struct str name, media_type;
    unsigned char sha256[32];
    int64_t size, created_at;
    struct str bytes; /* rows; p == NULL for files and in lists */
    struct str path;  /* files: absolute; "" for rows */
};

/* Puts an artifact beside a running job: invisible until the job completes under this lease, gone if it does not.
 * The same name again replaces the staged one. Either bytes (≤ JOB_ARTIFACT_ROW_BYTES) or temp_path: a finished, fsynced
 * file inside store_files_dir(), which the store renames and owns when rc is RC_OK. RC_LEASE_LOST as in reports. */
struct store_stage_artifact {
    struct store_op op;
    int64_t tenant;
    struct str only_queues; /* as in store_report */
    struct id job;
    int64_t lease;
    struct artifact artifact; /* name, media_type, sha256, size, and bytes or path (= temp_path) */
};

struct store_list_artifacts {
    struct store_op op;
    int64_t tenant;
    struct id job;
    struct artifact *artifacts; /* out, published ones, by name */
    size_t count;
};

struct store_get_artifact {
    struct store_op op;
    int64_t tenant;
    struct id job;
    struct str name;
    struct artifact artifact; /* out, with bytes or path */
};

struct series_entry {
    struct artifact artifact;
    struct str result; /* of the job that published it */
    int64_t published_at;
};

/* The newest `limit` entries of a series, newest first, with bytes or path. RC_NOT_FOUND when there is none. */
struct store_get_series {
    struct store_op op;
    int64_t tenant;
    struct str name;
    int64_t limit;
    struct series_entry *entries; /* out */
    size_t count;
};

/* Series whose name begins with prefix, by name, after `after`; the newest entry of each, without bytes. */
struct store_list_series {
    struct store_op op;
    int64_t tenant;
    struct str prefix, after;
    int64_t limit;
    struct str *names; /* out */
    struct series_entry *entries;
    size_t count;
};

/* ------------------------------------------------------------------ reading jobs and events */

/* One job with everything but events; with what it depends on still. RC_NOT_FOUND. */
struct store_get_job {
    struct store_op op;
    int64_t tenant;
    struct id id;
    struct job *job; /* out */
};

/* Newest first, without args, result, checkpoint and stack. At most `limit` jobs and a bounded number of rows looked at:
 * a page may be short, even empty, while next_cursor != 0 says there is more. Jobs of one ordinal, which several nodes may make
 * in one millisecond, are on one page, though all of it be of them and longer than that. */
struct store_list_jobs {
    struct store_op op;
    int64_t tenant;
    struct job_filter filter;
    int64_t cursor, limit; /* cursor 0 = from the newest */
    struct job *jobs;      /* out */
    size_t count;
    int64_t next_cursor;
};

/* What hangs under a job: the counts, and the jobs that are still there, oldest first, as a list shows them. RC_NOT_FOUND:
 * no such job. A job that is attached while somebody pages comes at the end. */
struct store_list_children {
    struct store_op op;
    int64_t tenant;
    struct id job_id;
    int64_t cursor, limit;      /* cursor 0 = from the oldest */
    struct job_children counts; /* out, without the failures */
    struct job *jobs;           /* out */
    size_t count;
    int64_t next_cursor; /* 0: no more now */
};

/* Stored events with seq > after, in order, consecutive (J12). When the job is final its last one is `end`, data =
 * {"state","reason","attempt","error"?}. first_seq > after + 1 means pruned: the reader must be told to reset. */
struct store_read_events {
    struct store_op op;
    int64_t tenant;
    struct id job_id;
    bool of_batch; /* it is one's: `closed`, `cancelled`, `finished` with the counts, `end` */
    int64_t after, limit;
    struct job_event_row *events; /* out */
    size_t count;
    int64_t first_seq, last_seq; /* out: of all that are stored; 0 = none */
    struct job *job;             /* out: the job now, without args, result and checkpoint */
};

/* ------------------------------------------------------------------ batches: how they are made stands in store_enqueue */

#define STORE_LABEL_BYTES 256 /* of a label that is found: KEY:VALUE */

/* id: that one, or RC_NOT_FOUND. Zero: newest first, those with the name and the label. A page may be short, even empty, while
 * next_cursor says that there is more: so many are looked at for one. */
struct store_list_batches {
    struct store_op op;
    int64_t tenant;
    struct id id;
    struct str name, label; /* "" = any; a label as KEY:VALUE */
    int64_t cursor, limit;  /* cursor 0 = from the newest */
    struct batch *batches;  /* out */
    size_t count;
    int64_t next_cursor; /* 0: no more */
};

#define STORE_RESULTS_BYTES ((size_t)8 << 20)

/* Jobs of a batch that are final now and still there, oldest first, with result and error and without args; fewer than `limit`
 * when their results are big. Complete when the batch has finished. */
struct store_list_results {
    struct store_op op;
    int64_t tenant;
    struct id batch;
    int64_t cursor, limit; /* cursor 0 = from the oldest */
    struct job *jobs;      /* out */
    size_t count;
    int64_t next_cursor; /* 0: no more now */
};

/* ------------------------------------------------------------------ queues, stats */

struct queue_settings { /* -1 = not set: our default */
    int64_t lease_ms, timeout_ms, max_attempts, retry_base_ms, priority;
    int64_t retain_completed_ms, retain_failed_ms,
        retain_cancelled_ms;  /* JOB_FOREVER_MS allowed; skipped = cancelled */
    int64_t max_queued;       /* enqueue over it: RC_BUSY, code `queue_full` */
    int64_t age_step_ms;      /* core/turns.h, priority_aged; -1: priorities stay as they are */
    struct str group_weights; /* core/turns.h, group_weights_read; "" = not set */
};

struct queue_view {
    struct str name;
    bool is_paused;
    struct queue_settings settings;
    int64_t counts[JOB_STATES]; /* maintained, never counted; final states: what is still kept */
    int64_t oldest_queued_at;   /* 0 = none */
};

/* Creates the queue when missing. Settings with has_settings; pause: -1 leave, 0 resume, 1 pause. RC_INVALID, field `group_weights`:
 * they are none. */
struct store_set_queue {
    struct store_op op;
    int64_t tenant;
    struct str name;
    bool has_settings;
    struct queue_settings settings; /* -1, "" = back to default; -2, STR_NONE = leave */
    int pause;
    struct queue_view *queue; /* out */
};

/* RC_CONFLICT while it holds live jobs. */
struct store_delete_queue {
    struct store_op op;
    int64_t tenant;
    struct str name;
};

/* name "" = all, by name. RC_NOT_FOUND for a name that does not exist. */
struct store_list_queues {
    struct store_op op;
    int64_t tenant;
    struct str name;
    struct queue_view *queues; /* out */
    size_t count;
};

struct kind_count {
    struct str queue, kind;
    int64_t queued;
};

/* Totals of a tenant (tenant 0 = of the whole store, for metrics) and its queued jobs by kind, from maintained counts. */
struct store_stats {
    struct store_op op;
    int64_t tenant;
    int64_t counts[JOB_STATES]; /* out */
    int64_t enqueued_total, completed_total, failed_total, cancelled_total, lost_total,
        retried_total;        /* out, since creation */
    struct kind_count *kinds; /* out */
    size_t kind_count;
    int64_t store_bytes, tenants;
    int64_t limits_paused; /* keys of the tenant, or of all */
};

/* ------------------------------------------------------------------ keys and tenants */

enum key_scope {
    SCOPE_ENQUEUE = 1,
    SCOPE_READ = 2,
    SCOPE_WORK = 4,
    SCOPE_ADMIN = 8,
    SCOPE_WORK_ALL = 16, /* works for all tenants, and does nothing else: a key has it alone */
};

struct api_key {
    struct str public_id; /* the 8 characters that name it */
    unsigned char hash[32];
    int64_t tenant;
    struct str tenant_name, name, last4;
    unsigned scopes;
    struct str queues; /* JSON array of queue names, "" = all */
    int64_t created_at, expires_at, revoked_at;
};

/* Creates the tenant by name when missing (tenant_name), else uses it. */
struct store_create_key {
    struct store_op op;
    struct api_key
        key; /* in: public_id, hash, tenant_name, name, last4, scopes, queues, expires_at; out: tenant, created_at */
};

/* tenant 0 = any. RC_NOT_FOUND. Repeating is RC_OK. */
struct store_revoke_key {
    struct store_op op;
    int64_t tenant;
    struct str public_id;
};

/* tenant 0 = of all tenants (the server fills its cache with it). */
struct store_list_keys {
    struct store_op op;
    int64_t tenant;
    struct api_key *keys; /* out */
    size_t count;
};

struct tenant {
    int64_t id;
    struct str name;
};

/* All of them, in the order in which they came. */
struct store_list_tenants {
    struct store_op op;
    struct tenant *tenants; /* out */
    size_t count;
};

struct lease_name {
    struct id job;
    int64_t lease;
};

struct lease_place {
    int64_t tenant; /* 0: there is no such lease */
    bool is_live;   /* it has not ended */
};

/* Of whichever tenants the jobs are: where each is whose last lease has this number, and was given to a worker whose name begins
 * with `worker`. */
struct store_find_leases {
    struct store_op op;
    struct str worker;
    const struct lease_name *leases;
    size_t count;
    struct lease_place *places; /* out: one for each */
};

/* ------------------------------------------------------------------ services */

/* Applies job_decide_due to up to `limit` rows that are due, and gives out up to as many schedules of all tenants whose next
 * tick has come: the caller has STORE_SCHEDULE_HOLD_MS to take their steps. But if there are any, it looks after up to `limit`
 * families instead: a parked job whose children are final is queued, what hangs under a cancelled one is cancelled. more: call
 * again. */
struct store_tick {
    struct store_op op;
    int64_t limit;
    int64_t applied; /* out: rows that were due */
    bool more;
    int64_t now;                /* out: by which it was decided what is due */
    struct schedule *schedules; /* out */
    size_t schedule_count;
};

/* Removes up to `limit` rows that are past their time (history, events, artifacts, keys, idempotency). more: call again. */
struct store_prune {
    struct store_op op;
    int64_t limit;
    int64_t removed; /* out */
    bool more;
    int64_t next_at; /* out: earliest instant at which there is something to prune; 0 = nothing */
};

/* Is `queue` one of `only`, which is as api_key.queues is? */
bool store_queue_allowed(struct str only, struct str queue);

/* Prepares an operation: zeroes it and sets kind and arena. store_init(&c.op, sizeof c, STORE_CLAIM, a); */
void store_init(struct store_op *op, size_t size, enum store_op_kind kind, struct arena *a);
bool store_op_is_write(enum store_op_kind kind);
const char *store_op_name(enum store_op_kind kind);

#endif
