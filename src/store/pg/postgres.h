/* postgres.h: the PostgreSQL engine, inside: one of any number of equal nodes on a database. What operations mean is
 * store/rules; here is how a round of them becomes one transaction.
 *
 *   submit ──▶ writes ──▶ committers: a thread, a connection and a transaction at a time each ──▶ store_deliver
 *          └─▶ reads  ──▶ readers:    a thread and a connection each, one snapshot an operation ──▶ store_deliver
 *
 * A round (rounds.c) of a committer:
 *   1. BEGIN; the clock; locks, in order, on the limit keys that it needs (limits.h); locks, in order of ids, on all jobs that
 *      its reports, acts and patches name; their rows                                                            one trip
 *   2. the rules decide, operation by operation, over the rows in memory; what they write is collected (rows.c, keeper.c)
 *   3. the writes as arrays, the claims, COMMIT; did it flush?                                                     one trip
 * A round of enqueues and claims alone begins with 3; claims that look at lanes choose before it (lane_claim.c). What the rules ask and 1
 * has not brought is asked for at once.
 *
 * Which committer: an operation that names jobs goes to that of its first job, so that operations on a job keep their order;
 * claims and whatever else names no job go to the first, enqueues that came alone to an idle one. A round that fails is rolled back and replayed in
 * halves; a single operation that waits for a lock of a stranger goes to the slow lane, a committer of its own. */
#ifndef STINT_STORE_PG_POSTGRES_H
#define STINT_STORE_PG_POSTGRES_H

#include "store/map.h"
#include "store/op_queue.h"
#include "store/ops.h"
#include "store/pg/cache.h"
#include "store/pg/due.h"
#include "store/pg/heads.h"
#include "store/pg/lanes.h"
#include "store/pg/link.h"
#include "store/pg/nodes.h"
#include "store/pg/sql.h"
#include "store/rules/rules.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMMITTERS_MAX   16
#define COMMITTERS       4
#define SCANNED_ROWS_MAX 20000 /* a list or a bulk action looks at no more rows at once */

struct pg_engine;
struct pg_row;     /* rows.h */
struct key_entry;  /* unique.c */
struct claim_plan; /* claim.c */

/* ---- settings of queues, as one version of table queue has them: settings.c */

struct queue_entry {
    int64_t tenant;
    struct str name;
    bool is_paused;
    int64_t deleted_total;          /* -1: it was not deleted */
    struct queue_settings settings; /* without group_weights: lane_fair.c asks */
};

struct settings {
    struct arena *a;
    struct map queues;
    bool has_deleted;    /* some queue was deleted */
    bool has_aging;      /* in some, waiting betters the priority */
    int64_t version;     /* 0: not loaded */
    int64_t *retentions; /* all that are in use, ours included, in order, each once */
    size_t retention_count;
};

/* ---- what a round collects for its last batch */

struct count_entry {
    int64_t tenant, what, drop_at, n;
    struct str queue, kind;
    struct count_entry *next;
};

struct row_place { /* of one version of a row of table job */
    char at[6];    /* ctid */
    int64_t version;
};

struct claimed_entry { /* a job that the round gives out, for claimed.h once that is committed */
    struct row row;
    struct row_place place;
    struct claimed_entry *next;
};

struct new_job { /* an insert */
    struct row row;
    const struct job_spec *spec;
    struct new_job *next;
};

struct event_entry {
    struct id job;
    struct job_event_row event;
    struct event_entry *next;
};

struct claim_entry {
    struct store_claim *op;
    struct claim_plan *plan; /* claim.c; NULL: it was not sent */
    size_t *line_of;         /* of each job, in the plan; from 1 */
    size_t jobs_before;      /* how many new jobs of the round it may get */
    bool is_put_off;         /* to the next round: lane_claim.c */
    struct claim_entry *next;
};

struct show { /* a job that an operation wants to see as it is when the round is over */
    struct id job;
    struct arena *a;
    struct job *out;
    struct show *next;
};

struct kept_entry { /* an idempotency key that the round has reserved */
    const struct store_enqueue *op;
    struct str verdicts; /* p NULL: to be freed */
    int64_t expires_at;
    struct kept_entry *next;
};

#define FIFO(type)                                                                                           \
    struct {                                                                                                 \
        type *first, *last;                                                                                  \
        size_t count;                                                                                        \
    }
#define FIFO_ADD(fifo, item)                                                                                 \
    do {                                                                                                     \
        if ((fifo)->last) {                                                                                  \
            (fifo)->last->next = (item);                                                                     \
        } else {                                                                                             \
            (fifo)->first = (item);                                                                          \
        }                                                                                                    \
        (fifo)->last = (item);                                                                               \
        (fifo)->count++;                                                                                     \
    } while (0)

struct tally_entry { /* how many more of a job's children are not final (what 0), or in a final state */
    struct id owner;
    int64_t what, n;
    struct tally_entry *next;
};

struct link_entry { /* a job that depends on another; on zero: on none any more */
    struct id job, on;
    int64_t round;
    struct link_entry *next;
};

struct note_entry {
    struct note note;
    bool is_seen_to; /* in this round: it need not be kept */
    struct note_entry *next;
};

struct round_work {
    FIFO(struct pg_row) rows; /* loaded; rows.c */
    FIFO(struct new_job) jobs;
    FIFO(struct event_entry) events;
    FIFO(struct count_entry) counts;
    FIFO(struct key_entry) keys;
    FIFO(struct schedule_entry) schedules; /* schedules.c */
    FIFO(struct kept_entry) kept;
    FIFO(struct claim_entry) claims;
    FIFO(struct claimed_entry) claimed;
    FIFO(struct show) shows;
    FIFO(struct tally_entry) tallies; /* family.c */
    FIFO(struct note_entry) notes;
    FIFO(struct link_entry) links, cut_links; /* links.c */
    FIFO(struct artifact_work) artifacts;     /* artifacts.c */
    FIFO(struct limit_entry) limits;          /* limits.h: the keys that it has locked */
    FIFO(struct slot_entry) slots, freed, mends;
    FIFO(struct lane_claim) lane_claims; /* lane_claim.c */
    struct map row_by_id, count_by_key, key_by_name, waiting_by_queue, schedule_by_name, note_by_job,
        limit_by_key;
    int64_t due_at;    /* the earliest due time that the round writes; 0: none */
    bool wants_tick;   /* it leaves something that the next has to see to */
    bool had_wish;     /* its tick took one */
    bool is_timed;     /* it writes, or takes away, a due time */
    bool is_shrinking; /* jobs go: the greatest id that ever was is remembered */
    bool is_limit_set; /* people change limits */
    const struct store_set_queue *queue_set;
    size_t jobs_sent;
};

/* ---- threads */

struct answer; /* batch.h */

struct committer {
    struct keeper keeper; /* first; its fields are of the round that runs */
    struct pg_engine *engine;
    struct op_queue ops;
    pthread_t thread;
    bool has_thread;
    _Atomic bool is_busy;
    int number; /* engine.committer_count: the slow lane */
    struct link link;
    struct settings settings;
    struct round_work work;
    struct answer *answers, **last_answer; /* of the batch under way */
    bool is_begun;                         /* a transaction is open */
    bool is_checked;                       /* … and its settings are those of the database */
    bool is_committed;                     /* … and its COMMIT was answered */
    struct due_reading due, scan;          /* of the round, and of its tick */
    int64_t scanned_until;
    int64_t until_us;       /* when the round must be answered, of clock_mono_us */
    int64_t care_at_us;     /* care.c */
    struct err failure;     /* of an ask that has no rc of its own */
    int64_t hurry_until_us; /* a stranger's lock was met: until then locks are waited for but briefly */
    int64_t prepared_day;   /* partitions.c */
    bool has_key_race;      /* of the filler: keys are to be asked for before they are taken */
    int lane_tries;         /* how often the list has failed; lane_claim.c */
    int put_off;            /* rounds, one after the other, that have put claims off; lane_claim.c */
};

struct reader {
    struct pg_engine *engine;
    struct link link;
    struct arena *scratch; /* of the operation */
    int64_t now;
    int64_t hurry_until_us; /* a stranger's lock was met: until then locks are waited for but briefly */
};

struct claimed_slot;

struct claimed { /* claimed.h */
    pthread_mutex_t lock;
    struct claimed_slot *slots;
    uint32_t *buckets; /* 1 + the first slot of those whose ids end alike */
    uint32_t used, free, oldest;
};

struct partitions { /* partitions.c: those that are known to be there */
    pthread_mutex_t lock;
    int64_t *known;
    size_t count, room;
    int64_t retry_at, retry_ms; /* when one that could not be made is tried again; 0: nothing has failed */
};

struct pg_engine {
    struct store base;
    char *dsn, *files_dir;
    struct op_queue reads;
    struct committer *committers; /* committer_count, the slow lane, and the filler */
    int committer_count;
    struct reader *readers;
    pthread_t *reader_threads;
    int reader_count;
    _Atomic int64_t full_at_us; /* when the database's disk was last found full; 0: never */
    _Atomic bool is_outdated;   /* the schema is for newer programs: health.c */
    int stop_fd; /* readable when the store is being closed, so that no wait for the database is long */
    int64_t first_lease;          /* new lease numbers are above it */
    struct id node;               /* of this start; later ones are greater, whatever the tests' clock says */
    pthread_mutex_t deliver_lock; /* so that the last instant that is told is what is known last */
    pthread_mutex_t id_lock;
    struct id_generator ids;
    _Atomic uint32_t turn;
    struct due due;
    struct heads heads;
    struct lanes lanes;
    struct partitions partitions;
    struct claimed claimed;
    struct file_cache cache; /* in files_dir */
    _Atomic int64_t deltas;  /* of counts, written since the last fold; care.c */
    struct nodes nodes;
    struct fence fence; /* link.h */
};

#define SLOW_LANE(s) (&(s)->committers[(s)->committer_count])
#define FILLER(s)    (&(s)->committers[(s)->committer_count + 1]) /* fill.c */
#define OWN_LANES    2                                            /* these */

/* ---- engine.c */
/* Answers the list: RC_BUSY, code `store_unavailable`, with the reason. */
void pg_engine_refuse(struct pg_engine *s, struct store_op *list, const struct err *why);
/* store_deliver; a next due time is told as it is known by then. */
void pg_engine_deliver(struct pg_engine *s, struct store_round *r);
struct id pg_engine_next_id(struct pg_engine *s, int64_t now);
int64_t pg_engine_last_ordinal(struct pg_engine *s); /* of the ids so far, of this node */
/* The database's clock is this now, but for the way of the answer. */
void pg_engine_see_clock(struct pg_engine *s, int64_t database_now);

/* ---- health.c: may this node go on? */
/* RC_FULL: the database's disk is, or was a few seconds ago; nobody tells us when there is room again. RC_BUSY: it takes nothing
 * now, and the note says why. */
enum rc pg_engine_health(const struct pg_engine *s);
bool pg_engine_note(const struct pg_engine *s, char to[STORE_NOTE_BYTES]); /* false: nothing to say */
/* The database did not answer when it was asked last, or no COMMIT. */
bool pg_engine_is_failing(const struct pg_engine *s);
/* While that is so: asks whether it is there again and writes, since nobody may send operations to a server that is not
 * ready. The slow lane's. */
void pg_engine_look(struct committer *w);
/* oldest: the oldest program that may run on the schema. If that is a newer one, no more is taken and the process is told to
 * end: RC_BUSY, code `store_unavailable`. Any thread. */
MUST_CHECK enum rc pg_engine_see_program(struct pg_engine *s, int64_t oldest, struct err *e);
/* Is it so? Then the same failure. */
MUST_CHECK enum rc pg_engine_check(const struct pg_engine *s, struct err *e);

/* ---- route.c: which thread runs what */
void route_submit(struct pg_engine *s, struct store_op *first);

/* ---- committer.c, readers.c */
void *pg_committer_main(void *committer);
void committer_init(struct committer *w, struct pg_engine *s, int number);
void committer_dispose(struct committer *w);
void *pg_reader_main(void *reader);

/* The code of a round that must run again because it went by old settings. */
#define SETTINGS_CHANGED "settings_changed"
/* … because it believed that a job is still as this node has given it out. */
#define JOBS_CHANGED "jobs_changed"

/* ---- rounds.c: runs the list, all of it or its first part; what is left is returned. */
struct store_op *pg_round_run(struct committer *w, struct store_op *list);
enum rc
pg_round_blame_lock(struct err *e); /* what is said of a stranger's lock that was not given up in time */
/* ---- transact.c: one attempt. *rest: what had no time; *list is what is left of it. After a failure the transaction is not
 * settled yet. */
MUST_CHECK enum rc round_transact(struct committer *w, struct store_op **list, struct store_op **rest,
                                  struct err *e);
/* Makes sure that the round's transaction is open, that keeper.now is the database's and that the settings are current.
 * For whatever asks the database in the middle of a round. */
MUST_CHECK enum rc round_begin(struct committer *w, struct err *e);
/* One statement in the round's transaction, at once. */
MUST_CHECK enum rc round_ask(struct committer *w, enum pg_sql_query query, const struct pg_query *q,
                             struct pg_rows **out, struct err *e);

/* ---- settings.c */
MUST_CHECK enum rc settings_load(struct committer *w, struct err *e); /* in the round's transaction */
void settings_dispose(struct settings *s);
/* NULL: the queue has none of its own. */
const struct queue_entry *settings_find(const struct settings *s, int64_t tenant, struct str name);
const struct queue_settings *settings_of(const struct settings *s, int64_t tenant, struct str name);

/* ---- counts.c */
enum count_what { /* or a state, or COUNT_TOTALS + enum queue_total */
                  COUNT_TOTALS = JOB_STATES,
                  COUNT_REVIVALS = COUNT_TOTALS + QUEUE_TOTALS, /* jobs that entered a deleted queue */
};
void counts_add(struct committer *w, const struct count_entry *c);
/* keeper.c: a deleted queue is back with a job that enters it, however that comes. */
void counts_see_revival(struct committer *w, const struct row *r);
MUST_CHECK enum rc counts_send(struct committer *w, struct err *e);

/* ---- partitions.c */
#define DROP_NEVER INT64_MAX
/* When the history of a job that expires then is dropped: DROP_NEVER for expires_at 0. */
int64_t partition_drop_at(int64_t finished_at, int64_t expires_at);
/* Makes the partitions that jobs which end now would go to, where they are missing: on the committer's connection, before its
 * transaction. What cannot be made is no failure: its rows go to the rest, and it is tried again some minutes later. */
void partitions_prepare(struct committer *w);

/* ---- operations of their own: one in a round, alone. The rc is a failure of the round. */
MUST_CHECK enum rc pg_act_by_filter_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_queue_set_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_queue_delete_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_key_create_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_key_revoke_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_tick_run(struct committer *w, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_prune_run(struct committer *w, struct store_op *op, struct err *e);
/* claim.c: sends the claim's statement; its answer fills the op. Behind it a round has only new jobs (collect_cut). */
MUST_CHECK enum rc claim_send(struct committer *w, struct claim_entry *c, struct err *e);
/* What the round has made ready is known to claims: before its own, and when it may be committed. */
void claims_see_ready(struct committer *w, bool is_done);
/* What its claims have found is remembered; not if the round has failed. */
void claims_end(struct committer *w, bool is_done);

/* ---- reads, each on one snapshot */
MUST_CHECK enum rc pg_job_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_job_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_child_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_event_read_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_artifact_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_artifact_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_series_get_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_series_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_queue_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_schedule_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_batch_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_result_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_stats_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_key_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_limit_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_tenant_list_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_lease_find_run(struct reader *r, struct store_op *op, struct err *e);
MUST_CHECK enum rc pg_look_run(struct reader *r, struct store_op *op, struct err *e);

#endif
