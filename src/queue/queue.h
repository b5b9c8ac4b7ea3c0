/* queue.h: what users can ask: the store plus wake-ups, long polls, watching, keys in memory, and the services that act
 * when time passes (due, reaper, pruner). The API, push and cron all come through here, so that they cannot differ in
 * meaning. Everything in this header is called on the loop's thread and calls back on it; nothing blocks.
 *
 * No polling: a waiting claim costs memory and one timer; a commit that makes jobs claimable wakes as many waiting claims
 * as it has jobs. An enqueue for which a claim already waits takes that claim along in the same round: one flush
 * from enqueue to start. One timer stands at the store's next due time. */
#ifndef STINT_QUEUE_QUEUE_H
#define STINT_QUEUE_QUEUE_H

#include "core/schedule.h"
#include "loop/loop.h"
#include "store/store.h"

struct queue;

struct queue_options {
    struct loop *loop;
    const char *store_url;
    bool store_unsafe;          /* as store_options.unsafe */
    const char *listen_dsn;     /* as in store_options */
    int64_t prune_every_ms;     /* 0 = 60 s; only while there is something to prune */
    int64_t claim_wait_max_ms;  /* 0 = 60 s */
    int64_t max_waiting_claims; /* 0 = 10,000; over it: RC_BUSY */
    int64_t progress_every_ms;  /* progress is stored at most this often per job; 0 = 1 s */
    /* Reads the definition of a schedule; NULL: this server expands none. */
    enum rc (*read_plan)(struct str text, struct arena *a, struct schedule_plan *out, struct err *e);
    /* The same of what a batch is filled with; with read_plan, and not without. */
    enum rc (*read_filling)(struct str text, struct arena *a, struct batch_filling *out, struct err *e);
    int64_t (*now)(void *ctx); /* tests: the store's clock; NULL = its own */
    void *now_ctx;
};

MUST_CHECK enum rc queue_open(struct queue **out, const struct queue_options *options, struct err *e);
/* Stops the services, waits for the store, frees. Claims, watches and what is still in flight are dropped without a call:
 * the memory of operations must stay until this returns. Outside loop_run, and the loop must not run again. */
void queue_close(struct queue *q);
/* Begins the drain: enqueues answer RC_BUSY `draining`, waiting and new claims end empty with `draining`, reports go on,
 * every watch hears it. `on_idle` is called once when no submitted operation is left. */
void queue_drain(struct queue *q, void (*on_idle)(void *ctx), void *ctx);
bool queue_is_draining(const struct queue *q);
/* Called when the store is lost for good (RC_FATAL): the process must end with exit code 1. */
void queue_on_fatal(struct queue *q, void (*on_fatal)(void *ctx, const struct err *e), void *ctx);
/* Called once when the store takes nothing more from this program, because a newer one has changed it: drain, and end with
 * exit code 1. */
void queue_on_over(struct queue *q, void (*on_over)(void *ctx), void *ctx);
struct store *queue_store(struct queue *q); /* for store_now, store_secret, store_files_dir, store_health */

/* Hands any operation to the store; op->done(op) is called on the loop when it is finished. Enqueues are refused while
 * draining (RC_BUSY, code `draining`) and while the same idempotency key is in flight (RC_CONFLICT, code
 * `idempotency_in_flight`); reports have their `store_progress` set here. The refusals too come through done, later. */
void queue_submit(struct queue *q, struct store_op *op);

/* A claim that may wait for jobs. Fill claim's inputs with store_init(&c.claim.op, …), but leave its op.done and op.owner to
 * queue/; wait_ms 0 = answer at once. `done` is called once: with jobs, with cancels, with neither after the wait, or with
 * claim.op.rc set. max 0 asks for no job: a worker without a free slot hears which of its jobs should stop.
 *
 * Tenant 0: a claim of the queues of these names of all tenants, who take turns, job by job, at each node for itself; its queues are
 * named. Its worker's name gets QUEUE_OF_ALL before it, in whatever the jobs say of it; of a tenant's own claim such a name is
 * RC_INVALID. So store_find_leases tells whose leases were given to such workers. */
#define QUEUE_OF_ALL "all-tenants/"

struct queue_claim {
    struct store_claim claim;
    int64_t wait_ms;
    struct str only_queues; /* as in api_key: it is told of no job of other queues */
    void (*done)(struct queue_claim *c);
    void *owner;
    /* out */
    struct id *cancels; /* jobs of this worker that should stop; in the claim's arena */
    size_t cancel_count;
    bool draining;
    /* queue/'s own */
    struct queue_claim *next, *prev;
    struct claim_wait *wait;
};

void queue_claim(struct queue *q, struct queue_claim *c);
/* The caller left: a waiting claim ends now without done (true); one that is in the store ends through done (false), and
 * the caller must then release what it was given. */
MUST_CHECK bool queue_claim_cancel(struct queue *q, struct queue_claim *c);

/* News of one job, after they are durable; progress may be news that is not stored (last_seq unchanged). */
struct queue_news {
    enum job_state state;
    int64_t last_seq; /* the greatest that was told to watches of this job so far; 0 = none yet */
    bool has_progress;
    int64_t progress_permille;
    struct str progress_message;
    bool draining; /* the server goes away: last call */
};

struct queue_watch {
    int64_t tenant;
    struct id job;
    bool of_batch; /* it is one */
    void (*on_news)(struct queue_watch *w, const struct queue_news *news);
    void *owner;
    /* queue/'s own */
    struct queue_watch *next, *prev;
    struct watched *of;
};

/* From this call on no news are missed (a state read after it is at most older than the next news). Does not check
 * that the job exists or whose it is beyond the tenant match: read the job too. */
void queue_watch_start(struct queue *q, struct queue_watch *w);
void queue_watch_stop(struct queue *q, struct queue_watch *w);

/* The tenant's live feed (best effort): every change of a tenant. */
struct queue_feed {
    int64_t tenant;
    void (*on_change)(struct queue_feed *f, const struct store_change *change);
    void *owner;
    struct queue_feed *next, *prev;
};

void queue_feed_start(struct queue *q, struct queue_feed *f);
void queue_feed_stop(struct queue *q, struct queue_feed *f);

/* API keys in memory, kept current by the operations that go through here. NULL: unknown, and then the store is asked, at most
 * once a second, whether another process made it. The pointer is good until the loop turns. */
const struct api_key *queue_find_key(struct queue *q, struct str public_id);

/* Of a job that a claim of all tenants has given; the text stays. */
struct str queue_tenant_name(struct queue *q, int64_t tenant);

/* Workers as they were last heard of (claims and reports), newest first. */
struct queue_worker {
    struct str name;
    int64_t tenant, seen_at, claimed, reported;
    bool is_waiting;
    struct str queues, kinds; /* JSON arrays, as last declared */
};

/* Tenant 0: those that work for all. */
size_t queue_workers(struct queue *q, int64_t tenant, struct arena *a, struct queue_worker **out);
/* True when some live worker of the tenant, or of all, declares the kind (stats show queued jobs that nobody can do). */
bool queue_kind_has_worker(struct queue *q, int64_t tenant, struct str kind);

/* ---- schedules: the services expand those that are due */

/* When the plan's ticks are. RC_INVALID names the member of the definition that is wrong; time zones are read once from the
 * system's and kept. The timing is good as long as the queue. */
MUST_CHECK enum rc queue_schedule_timing(struct queue *q, const struct schedule_plan *p,
                                         struct schedule_timing *out, struct err *e);

/* Counters for /metrics, since start. */
struct queue_metrics {
    int64_t rounds, operations, jobs, flushes, round_us, flush_us;
    int64_t waiting_claims, watches, ops_in_flight;
    int64_t enqueued, claimed, completed, failed, lost, cancelled;
    int64_t schedule_fired, schedule_dropped, schedule_failed; /* ticks */
};

struct queue_metrics queue_metrics(const struct queue *q);

#endif
