/* keeper.h: what the rules (rules.h) ask of an engine: to load rows, and to keep what was decided.
 *
 * An engine may write at once (SQLite) or collect the writes of a round and send them together behind its last operation
 * (PostgreSQL, which has loaded and locked all that the round's operations name before the first of them runs). So:
 *  - the functions that write have no answer but a failure of the round (rc), and the rules never look at what a write
 *    made of the tables; only those under "asks" look, and they see what the round has written before;
 *  - texts given to a write live until the operation is done; the structs around them (with an artifact's hash in it)
 *    only until it returns;
 *  - r is always a row of this engine, from load or make; a rule that refuses leaves it as it was. */
#ifndef STINT_STORE_RULES_KEEPER_H
#define STINT_STORE_RULES_KEEPER_H

#include "store/engine.h"
#include "store/rules/row.h"

enum row_text { ROW_ARGS = 1, ROW_RESULT = 2, ROW_CHECKPOINT = 3 };

enum queue_total {
    TOTAL_ENQUEUED,
    TOTAL_COMPLETED,
    TOTAL_FAILED,
    TOTAL_CANCELLED,
    TOTAL_LOST,
    TOTAL_RETRIED,
    QUEUE_TOTALS,
};

struct key_holder {
    struct id job;        /* zero: nobody has the key */
    bool is_held;         /* it has not run out; if so: */
    bool is_known;        /* the job is still there */
    enum job_state state; /* then its state */
};

/* What a tick has to see to, left by the transaction after which it has to: sql/…/migrations, table note. Cancels come first: a
 * job that is parked when the cancel reaches it may have a last turn. */
enum note_what {
    NOTE_CHILDREN = 1, /* a job that may be parked, or a batch: are its children, or its jobs, final? */
    NOTE_CANCEL = 2,   /* a job that was cancelled, or a batch: what hangs under it is to be */
    NOTE_DONE = 3,     /* a job is completed: those that depend on it may go on. It may be gone itself */
    NOTE_MISSED = 4,   /* … or has ended otherwise */
};

struct note {
    int64_t tenant;
    struct id job;
    enum note_what what;
    int64_t
        from; /* of NOTE_CANCEL: the engine's, how far it has come; of NOTE_DONE and NOTE_MISSED: the round that has ended */
};

struct open_children {
    struct id *ids; /* the caller's */
    size_t room, count;
    int64_t from; /* the engine's, how far it has come; 0 at first */
    bool more;    /* ask again, in another round: there may be others, or there were when these were found */
};

struct kept_verdicts { /* of an enqueue with an idempotency key; hash.p NULL: there are none */
    struct str hash, verdicts;
};

/* The first member of what an engine's committer owns; the fields are of the round that runs. */
struct keeper {
    const struct keeper_engine *engine;
    struct store *store;
    struct store_round *round;
    struct arena *scratch; /* reset after the round */
    int64_t now;           /* the store's clock */
    int64_t run_until_us;  /* when a long operation must leave the rest for the next round */
    bool is_refusing;      /* the disk is full: enqueues and artifacts answer RC_FULL */
};

struct keeper_engine {
    /* ---- asks */

    /* *out NULL: an unknown id, or another tenant's (tenant 0: any). The row is good until the round ends. */
    enum rc (*load)(struct keeper *k, int64_t tenant, struct id id, struct row **out, struct err *e);
    /* The row of a new job: id, tenant, queue (made when it is missing; a deleted one comes back), kind, settings and the
     * lease number below its first; the rest is zero. Counted and stored by insert. Good until the next is made. */
    enum rc (*make)(struct keeper *k, int64_t tenant, struct str queue, struct str kind, struct row **out,
                    struct err *e);
    enum rc (*find_holder)(struct keeper *k, int64_t tenant, struct str key, struct key_holder *out,
                           struct err *e);
    enum rc (*find_verdicts)(struct keeper *k, const struct store_enqueue *op, struct kept_verdicts *out,
                             struct err *e);
    enum rc (*find_error)(struct keeper *k, struct row *r, struct job_error *out, bool *has_error,
                          struct err *e);
    bool (*has_artifact)(struct keeper *k, struct row *r,
                         struct str name); /* staged under the lease, or published */
    /* Has the queue, when it sets max_queued, room for another job? Counts it in until unreserve. */
    bool (*reserve)(struct keeper *k, int64_t tenant, struct str queue);
    void (*unreserve)(struct keeper *k, int64_t tenant, struct str queue);
    /* Until then n of the jobs that wait in the queue are counted as gone. */
    void (*expect_room)(struct keeper *k, int64_t tenant, struct str queue, int64_t n);
    /* The whole job as others see it, into *out: there when the operation is given back, not before. */
    enum rc (*show)(struct keeper *k, struct row *r, struct arena *a, struct job *out, struct err *e);

    /* The schedule as the round has left it, locked, into *out (is_last_live is not asked for). Its texts are good until the
     * round ends. */
    enum rc (*find_schedule)(struct keeper *k, int64_t tenant, struct str name, struct schedule *out,
                             bool *found, struct err *e);
    /* The same, and not found either while another transaction has it, which nobody waits for here. */
    enum rc (*find_idle_schedule)(struct keeper *k, int64_t tenant, struct str name, struct schedule *out,
                                  bool *found, struct err *e);
    enum rc (*count_schedules)(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
    /* The jobs that hang under r, or belong to it, a batch: how many are as, without the failures. */
    enum rc (*count_children)(struct keeper *k, struct row *r, struct job_children *out, struct err *e);
    /* How many jobs r, a batch, takes; 0: any number. */
    enum rc (*batch_max)(struct keeper *k, struct row *r, int64_t *out, struct err *e);
    /* Its finalisers, as put_finalisers was told; good until the round ends. */
    enum rc (*find_finalisers)(struct keeper *k, struct row *r, struct str *out, struct err *e);
    /* Those of them that are not final and that nobody has cancelled yet, or the first. Of a batch: those that belong to it. */
    enum rc (*find_open_children)(struct keeper *k, struct row *r, struct open_children *open, struct err *e);

    /* The key's rule and state as the round has left them, locked; the key is one that the operation names. Its texts are good
     * until the round ends. state.used is not asked for. */
    enum rc (*find_limit)(struct keeper *k, int64_t tenant, struct str key, struct limit *out, struct err *e);
    enum rc (*count_limits)(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);

    /* The row, which has its slots still, completes: its keys that were cut mend (limit_mend). */
    enum rc (*mend_limits)(struct keeper *k, struct row *r, struct err *e);

    /* ---- counts: of queue, kind, priority and state, as the row says */

    enum rc (*count_in)(struct keeper *k, struct row *r, struct err *e);
    void (*count_out)(struct keeper *k, struct row *r);
    void (*count_total)(struct keeper *k, struct row *r, enum queue_total total);
    /* The row belongs to this queue from now on (made when it is missing): name and settings. It is counted nowhere. */
    enum rc (*set_queue)(struct keeper *k, struct row *r, struct str name, struct err *e);

    /* n more of what hangs under the owner, or belongs to it, are as r, one of them, is: in that state, or just not final. */
    enum rc (*tally)(struct keeper *k, struct id owner, struct row *r, enum job_state state, int64_t n,
                     struct err *e);
    /* The note is taken by a tick that sees all that this transaction and those before it did. The engine leaves out one that
     * would find nothing to do. */
    enum rc (*leave_note)(struct keeper *k, const struct note *note, struct err *e);

    /* `job`, blocked, depends on `on`: until that round of its life, or a later one, has ended and a tick has told it
     * (rules_dependency_ended), or forget_links. If it does already, then until the later round of the two. Finalisers also when
     * they are not blocked. */
    enum rc (*link)(struct keeper *k, struct id job, struct id on, int64_t round, struct err *e);
    /* r, no longer blocked, depends on nothing. */
    enum rc (*forget_links)(struct keeper *k, struct row *r, struct err *e);

    /* ---- writes of a row */

    /* Stores the new job: its numbers, and from the spec what is none. */
    enum rc (*insert)(struct keeper *k, struct row *r, const struct job_spec *s, struct err *e);
    /* All numbers of the row. */
    enum rc (*save)(struct keeper *k, struct row *r, struct err *e);
    /* As save, and the queue. */
    enum rc (*save_place)(struct keeper *k, struct row *r, struct err *e);
    /* As save, for a job that is processing still: lease, due time, report, last_seq, progress and flags have changed. */
    enum rc (*save_renewed)(struct keeper *k, struct row *r, struct err *e);
    /* As save, for a job that has just been completed, with its result. */
    enum rc (*save_finished)(struct keeper *k, struct row *r, struct str result, struct err *e);
    /* Args, result, checkpoint, the error's and the progress' texts, events and artifacts (in series too) are gone; the
     * flags are stored, with FLAG_ERASED and without those of what is gone. */
    enum rc (*erase)(struct keeper *k, struct row *r, struct err *e);
    /* The job is gone, with all that belongs to it but artifacts that a series holds. */
    enum rc (*remove)(struct keeper *k, struct row *r, struct err *e);

    /* ---- writes of what a row has; flags and last_seq are the caller's to keep */

    enum rc (*set_text)(struct keeper *k, struct row *r, enum row_text which, struct str text, struct err *e);
    enum rc (*set_progress_message)(struct keeper *k, struct row *r, struct str text, struct err *e);
    enum rc (*set_error)(struct keeper *k, struct row *r, const struct job_error *error, struct err *e);
    enum rc (*add_event)(struct keeper *k, struct row *r, const struct job_event_row *event, struct err *e);
    /* Stages it under the row's lease, instead of one of that name; a file (a->path) is taken over. */
    enum rc (*stage_artifact)(struct keeper *k, struct row *r, const struct artifact *a, struct err *e);
    enum rc (*settle_artifacts)(struct keeper *k, struct row *r, bool publish, struct err *e);
    /* A published artifact of the row becomes the newest of a series; those behind p->keep leave it. */
    enum rc (*publish_artifact)(struct keeper *k, struct row *r, const struct report_publish *p,
                                struct str result, struct err *e);

    /* What r, a batch that has just been inserted, was made from. */
    enum rc (*put_batch)(struct keeper *k, struct row *r, const struct batch_plan *p, struct err *e);

    /* Which jobs run behind it: a text of the rules'. */
    enum rc (*put_finalisers)(struct keeper *k, int64_t tenant, struct id batch, struct str ids,
                              struct err *e);

    /* ---- a batch that is filled: filling.c */

    /* What is not committed is hidden, and in nobody's way: a filling is one transaction, however long. Else it is done in rounds,
     * and the jobs of those are hidden. */
    bool fills_at_once;
    /* The keys of these are asked for next, one after the other. */
    enum rc (*expect_keys)(struct keeper *k, int64_t tenant, const struct job_spec *specs, size_t count,
                           struct err *e);
    /* r, a new job that is queued and counted nowhere, is inserted next, where claims and lists pass over it. *place: 0 at the first
     * of a batch, then what it has become. */
    enum rc (*hide)(struct keeper *k, struct row *r, int64_t *place, struct err *e);
    /* New jobs of the batch so far are stored: what they borrow may go. Where all of a filling is one transaction, that begins anew
     * when somebody has cancelled the batch meanwhile. */
    enum rc (*flush)(struct keeper *k, struct id batch, struct err *e);
    /* The flags of a batch as they are now, without a lock; 0: it has ended, or is gone. */
    enum rc (*find_flags)(struct keeper *k, struct id batch, int64_t *out, struct err *e);
    /* The n jobs that were hidden there, each as r, are counted, and claims find them. */
    enum rc (*reveal)(struct keeper *k, struct row *r, int64_t place, int64_t n, struct err *e);

    /* ---- writes of schedules */

    /* All of it; it is due at its next tick, unless it is paused. New when there is none of that name. */
    enum rc (*put_schedule)(struct keeper *k, const struct schedule *s, struct err *e);
    enum rc (*remove_schedule)(struct keeper *k, int64_t tenant, struct str name, struct err *e);

    /* ---- writes of limits. The engine looks again at what waits for the key, and says which lines have something now */

    /* l is as find_limit gave it, changed: its own rule (is_set; or it has none any more), its state. What any key owes is owed by
     * the rule that holds for it then (limit_rescale). */
    enum rc (*put_limit)(struct keeper *k, const struct limit *l, struct err *e);

    /* ---- writes of keys */

    enum rc (*hold_key)(struct keeper *k, struct row *r, int64_t held_until,
                        struct err *e);                                     /* 0: while it lives */
    enum rc (*release_key)(struct keeper *k, struct row *r, struct err *e); /* if it is this job's */
    enum rc (*keep_verdicts)(struct keeper *k, const struct store_enqueue *op, struct str verdicts,
                             int64_t expires_at, struct err *e);
};

/* Is the round's time over? For operations that can go on in the next one: they leave items_run behind the last item. */
bool keeper_is_over(const struct keeper *k);

#endif
