/* parts.h: what the files of this folder share. Nobody else includes it.
 *
 *   queue.c     the way in (submit) and the way back (rounds): everything passes here
 *   claims.c    claims that wait: their lines, deadlines, answers
 *   claims_all.c  those of all tenants, in parts
 *   tenants.c   whose turn it is for those
 *   wakes.c     who is woken: for jobs, along with an enqueue, for cancels
 *   looks.c     what they wait for, as the store has it
 *   reports.c   jobs that are being worked on here: thinned progress, who works on what
 *   workers.c   workers as they were last heard of
 *   watches.c   who wants news of a job or of a tenant
 *   services.c  what time brings: due jobs, pruning, stalls
 *   schedules.c what schedules are due, and their jobs
 *   fillings.c  batches that are being filled
 *   keys.c      API keys in memory
 *
 * All of it runs on the loop's thread; only `inbox` is shared with the store's threads. */
#ifndef STINT_QUEUE_PARTS_H
#define STINT_QUEUE_PARTS_H

#include <pthread.h>

#include "queue/queue.h"
#include "queue/table.h"
#include "queue/tenants.h"

struct op_list { /* linked by next */
    struct store_op *first, *last;
};

struct inbox { /* rounds on their way from the store's threads to the loop */
    pthread_mutex_t lock;
    struct store_round *first, *last;
    bool is_posted;
    struct loop_task task;
};

struct services {
    struct loop_timer due, prune, look;
    struct store_tick tick_op;
    struct store_prune prune_op;
    struct arena *tick_arena, *prune_arena;
    bool is_ticking, is_pruning, is_stopped;
    int64_t next_due_at; /* as the last round said; 0 = nothing */
    int empty_ticks;     /* in a row, for what was due at the same time */
};

struct looks { /* looks.c */
    struct look *under_way;
    bool again; /* what they see may be older than what is asked about */
};

struct schedules { /* schedules.c */
    struct table zones;
    struct arena *zone_arena;
    struct firing *firings; /* in the store */
};

struct worker {
    struct table_node node;
    struct queue_worker view; /* its texts are this struct's own */
    struct str *kinds;        /* views into view.kinds' memory `kinds_text` */
    size_t kind_count;
    char *kinds_text;
    size_t claim_count, job_count; /* neither is 0: it must stay */
    struct worker *newer, *older;  /* by seen_at */
    struct claim_wait *claims;
};

struct workers {
    struct table by_name;
    struct worker *newest, *oldest;
};

struct keys_reading { /* keys.c */
    struct store_list_keys list;
    struct arena *a;
    bool is_under_way, again;
    bool is_stale;       /* a key was revoked here meanwhile: the list may still have it */
    int64_t asked_at_ms; /* by a caller whose key is not known here */
};

struct queue {
    struct loop *loop;
    struct store *store;
    struct queue_options options;
    struct inbox inbox;
    struct op_list gathered, refused;
    struct loop_task flush;
    bool is_flush_waiting;
    bool is_draining, is_fatal;
    void (*on_idle)(void *ctx);
    void *on_idle_ctx;
    void (*on_fatal)(void *ctx, const struct err *e);
    void *on_fatal_ctx;
    void (*on_over)(void *ctx);
    void *on_over_ctx;
    struct queue_metrics metrics;
    uint64_t round; /* turns of the inbox's rounds, to tell what happened in this one */

    struct table lines;         /* claims.c: (tenant, queue) with claims that may wait */
    struct queue_claim *claims; /* all that are not done */
    int64_t claim_count;
    int64_t all_claim_count;       /* of them, those of all tenants */
    struct claim_wait *to_answer;  /* claims that got cancels in this round */
    struct cancel_lookup *lookups; /* reads of who works on a job that should stop */
    struct table running;          /* reports.c */
    struct table idempotent;       /* queue.c: idempotency keys in flight */
    struct table watched;          /* watches.c */
    struct queue_feed *feeds, *feed_cursor;
    struct queue_watch *watch_cursor;
    struct watch_lookup *watch_lookups; /* reads of what may have been missed */
    bool must_look_again;
    struct table keys;
    struct keys_reading keys_reading;
    struct tenants tenants;
    struct workers workers;
    struct services services;
    struct looks looks;
    struct schedules schedules;
    struct filling *fillings; /* fillings.c */
};

/* ---- queue.c */
/* As queue_submit, for operations of this folder: not refused while draining. */
void submit(struct queue *q, struct store_op *op);
/* op->done comes later, on the loop, with rc and error as they are set: it never reached the store. */
void refuse(struct queue *q, struct store_op *op);
/* One change a job: what it is at the end of the round, and whether it became claimable on the way. */
struct folded {
    const struct store_change *last;
    bool became_queued, cancel_asked; /* and still is so */
    int64_t last_seq;
};

/* ---- claims.c */
bool claims_is_waiting(const struct queue_claim *c); /* for a job */
void claims_end_all(struct queue *q);                /* empty, with draining */
void claims_dispose(struct queue *q);

/* ---- wakes.c */
void wakes_ride(struct queue *q, const struct store_enqueue *enqueue);
void wakes_see_changes(struct queue *q, const struct folded *f, size_t count);
void wakes_see_line(struct queue *q, const struct store_line *line); /* as other nodes tell it */
void wakes_wake_queue(struct queue *q, int64_t tenant, struct str queue);
void wakes_resumed(struct queue *q, const struct store_change *c); /* a line of a queue that gives again */
void wakes_dispose(struct queue *q);

/* ---- looks.c */
void looks_begin(
    struct queue *q); /* wakes claims for whatever the store has in the lines that they wait for */
void looks_dispose(struct queue *q);

/* ---- reports.c */
void reports_prepare(struct queue *q, struct store_report *r);
void reports_done(struct queue *q, const struct store_report *r);
void reports_claimed(struct queue *q, const struct store_claim *c, struct worker *w);
void reports_see_change(struct queue *q, const struct store_change *change);
struct worker *reports_worker_of(struct queue *q, int64_t tenant, struct id job);
void reports_dispose(struct queue *q);

/* ---- workers.c */
struct worker *workers_touch(struct queue *q, int64_t tenant, struct str name);
struct worker *workers_find(struct queue *q, int64_t tenant, struct str name);
void workers_declare(struct worker *w, const struct store_claim *c);
void workers_seen(struct queue *q, struct worker *w);
void workers_dispose(struct queue *q);

/* ---- watches.c */
void watches_see_change(struct queue *q, const struct folded *f);
void watches_tell_progress(struct queue *q, int64_t tenant, const struct report *r, enum job_state state);
void watches_drain(struct queue *q);
void watches_look(struct queue *q); /* changes were missed: every watched job is read, and told */
void feeds_see_change(struct queue *q, const struct store_change *change);
void watches_dispose(struct queue *q);

/* ---- keys.c */
MUST_CHECK enum rc keys_load(struct queue *q, struct err *e);
void keys_read(struct queue *q); /* the same, while the server runs: another node has changed them */
void keys_see(struct queue *q, const struct store_op *op);
void keys_dispose(struct queue *q);

/* ---- schedules.c */
/* Expands what a tick gave out. Takes the arena in which that lives. */
void schedules_fire(struct queue *q, const struct store_tick *op, struct arena *a);
void schedules_dispose(struct queue *q);

/* ---- fillings.c */
/* The batch that a tick gave out (store_is_filling), unless that is under way here. */
void fillings_begin(struct queue *q, const struct schedule *s);
void fillings_dispose(struct queue *q);

/* ---- services.c */
void services_start(struct queue *q);
void services_see_due(struct queue *q, int64_t next_due_at); /* as rounds tell it */
void services_want_prune(struct queue *q);                   /* a job finished: it will have to go one day */
void services_see_waiting(struct queue *q);                  /* a claim begins to wait */
void services_check_stall(struct queue *q);                  /* before anything goes to the store */
void services_stop(struct queue *q);
void services_dispose(struct queue *q); /* after the store is closed */

#endif
