/* rules.h: what the writing operations mean, for every engine (keeper.h is what an engine gives to them). The rc of a
 * rule is a failure of the round; what the operation answers is in its op. The committer's thread only. */
#ifndef STINT_STORE_RULES_RULES_H
#define STINT_STORE_RULES_RULES_H

#include "base/buf.h"
#include "core/links.h"
#include "store/rules/keeper.h"

/* ---- whole operations; op is what the name says. Long ones may stop when the round's time is over (items_run). */
MUST_CHECK enum rc rules_enqueue(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_report(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_act(struct keeper *k, struct store_op *op, struct err *e); /* by ids */
/* What a patch asks, of a row that may be changed. */
MUST_CHECK enum rc rules_change(struct keeper *k, const struct store_patch *op, struct row *r, struct err *e);
MUST_CHECK enum rc rules_patch(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_set_schedule(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_fill(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_delete_schedule(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_set_limit(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_delete_limit(struct keeper *k, struct store_op *op, struct err *e);
MUST_CHECK enum rc rules_stage_artifact(struct keeper *k, struct store_op *op, struct err *e);
/* Is the artifact's path that of a file of its size in the store's folder? */
bool rules_is_our_file(const struct keeper *k, const struct artifact *a);

/* Behind this the names of those begin that are people's: store_is_filling. */
#define SCHEDULES_OF_PEOPLE "!"

/* Of the schedule that says what is left to fill of a batch. */
struct str rules_filling_name(struct arena *a, struct id batch);

/* ---- the idempotency key of an enqueue (verdicts.c) */

/* *is_done: the answer is in the op already, from the first time or because the body differs. */
MUST_CHECK enum rc rules_replay(struct keeper *k, struct store_enqueue *op, bool *is_done, struct err *e);
/* It has been done. */
MUST_CHECK enum rc rules_remember(struct keeper *k, const struct store_enqueue *op, struct err *e);

/* ---- the step of a schedule in an enqueue */

/* Was it `limit` or STORE_SCHEDULE_BYTES that ended what gave these out? */
bool rules_schedules_may_go_on(const struct schedule *list, size_t count, int64_t limit);
/* Is the schedule where the step begins? Answers the enqueue when not. */
MUST_CHECK enum rc rules_check_step(struct keeper *k, struct store_enqueue *op, bool *is_good, struct err *e);
struct leaving {     /* what the step cancels */
    struct row *row; /* NULL: nothing */
    struct str queue;
    int64_t places; /* of jobs that wait there: they are free behind it; of a batch, up to so many */
    bool is_later;  /* … when ticks have cancelled its jobs */
};
MUST_CHECK enum rc rules_find_leaving(struct keeper *k, const struct store_enqueue *op, struct leaving *out,
                                      struct err *e);
MUST_CHECK enum rc rules_cancel_last(struct keeper *k, const struct leaving *l, struct err *e);
MUST_CHECK enum rc rules_take_step(struct keeper *k, const struct store_enqueue *op, struct err *e);

/* ---- an act by filter: the engine picks rows that pass op->filter and are in one of the states of the action */
uint32_t rules_act_states(enum job_action action);
int64_t rules_act_limit(const struct store_act *op);
MUST_CHECK enum rc rules_act_on(struct keeper *k, enum job_action action, struct row *r,
                                struct act_verdict *v, struct err *e);
/* Does a cancel end it at once? */
bool rules_cancel_ends(const struct row *r);

/* ---- families (family.c) */

struct berth { /* of a new job */
    int64_t tenant;
    struct str queue;
    struct str only_queues; /* whose jobs may be changed for its sake */
    struct id parent, root; /* zero: it hangs under none */
    struct id batch;        /* zero: it belongs to none */
    struct id finally_of;   /* zero: it is the finaliser of none */
    bool is_capped;         /* that takes only so many */
    bool is_awaited;        /* others of its enqueue depend on it */
    int64_t *hidden;        /* not NULL: it is hidden, in this place (keeper.h) */
    struct row *adder;      /* the row of whose report it comes, NULL: none */
};

/* The row, a child, became final or is so no longer: row_enter's. */
MUST_CHECK enum rc rules_moved(struct keeper *k, struct row *r, enum job_state from, struct err *e);
/* The row was parked: somebody must look whether it has to be. */
MUST_CHECK enum rc rules_park(struct keeper *k, struct row *r, struct err *e);
/* The row was cancelled, or asked to stop. */
MUST_CHECK enum rc rules_cancel_children(struct keeper *k, const struct row *r, struct err *e);
/* Into which queue a child of the row goes. */
struct str rules_child_queue(const struct row *r, const struct job_spec *s);
/* Those of a report, of op, that was checked; v gets what became of each. */
MUST_CHECK enum rc rules_add_children(struct keeper *k, struct row *r, const struct store_report *op,
                                      const struct report *in, struct report_verdict *v, struct err *e);
/* The events of the report that are for the root of the row, a child: unless the root is gone, or its stream has ended. */
MUST_CHECK enum rc rules_tell_root(struct keeper *k, const struct row *r, const struct report *in,
                                   struct err *e);
/* What is to be done about the row, the note's job; saves what it changes. */
MUST_CHECK enum rc rules_take_note(struct keeper *k, struct row *r, const struct note *note, struct err *e);
/* One new job, unless its key is held: enqueue.c. */
MUST_CHECK enum rc rules_enqueue_one(struct keeper *k, const struct berth *at, const struct job_spec *s,
                                     struct enqueue_verdict *v, struct err *e);
/* The job as the adder (struct berth) sees it, which may be that job: whoever has its row saves it again, and must not undo
 * what was done to another copy. */
MUST_CHECK enum rc rules_load_beside(struct keeper *k, struct row *adder, int64_t tenant, struct id id,
                                     struct row **out, struct err *e);

/* Lives once more: a retry, after which it is in that state. The `end` that was becomes one of its events. Saves. */
MUST_CHECK enum rc rules_begin_round(struct keeper *k, struct row *r, enum job_state to, struct err *e);

/* ---- limits (limits.c) */

/* Is what the report says of limit keys wrong? Answered then. The keys are those of the row. */
bool rules_has_bad_limits(const struct keeper *k, const struct row *r, const struct report *in,
                          struct report_verdict *v);
/* pause_key, take and correct of a report that was checked. */
MUST_CHECK enum rc rules_use_limits(struct keeper *k, struct row *r, const struct report *in,
                                    struct report_verdict *v, struct err *e);

/* ---- batches (batch.c) */

struct joining { /* a batch, and how many more jobs it takes; of one operation */
    struct id batch;
    bool is_there, is_open, is_capped;
    int64_t room;
};

/* Who may be joined, and who is refused, of the enqueue. *bad counts items that are refused, with their verdicts. */
MUST_CHECK enum rc rules_check_batches(struct keeper *k, struct store_enqueue *op, const struct job_links *l,
                                       struct joining *j, size_t *bad, struct err *e);
/* Into which batch the item goes, if any; then j->room says how many more it takes. */
MUST_CHECK enum rc rules_join(struct keeper *k, const struct store_enqueue *op, const struct job_spec *s,
                              struct joining *j, struct berth *at, struct err *e);
/* The same of a child of r, a member. */
MUST_CHECK enum rc rules_join_parents(struct keeper *k, const struct row *r, struct joining *j,
                                      struct berth *at, struct err *e);
/* The first item of an enqueue. */
MUST_CHECK enum rc rules_add_batch(struct keeper *k, const struct berth *at, const struct job_spec *s,
                                   struct enqueue_verdict *v, struct joining *j, struct err *e);
/* ACT_CANCEL, ACT_CLOSE of a batch. */
MUST_CHECK enum rc rules_act_on_batch(struct keeper *k, enum job_action action, struct row *r,
                                      struct act_verdict *v, struct err *e);
/* A tick looks after it. */
MUST_CHECK enum rc rules_look_at_batch(struct keeper *k, struct row *r, struct err *e);
/* The row, final and a member, is about to live again: so does its batch. Unless that is gone. */
MUST_CHECK enum rc rules_reopen_batch(struct keeper *k, struct row *r, struct err *e);

/* ---- jobs that run behind each round of a batch (finalisers.c) */

/* Those of the enqueue are known to its batch. */
MUST_CHECK enum rc rules_keep_finalisers(struct keeper *k, const struct store_enqueue *op, struct err *e);
/* The batch, final, is about to begin another round: they wait for its end. The caller saves it. */
MUST_CHECK enum rc rules_link_finalisers(struct keeper *k, struct row *batch, struct err *e);
/* The row, one of them, became final: row_enter's. */
MUST_CHECK enum rc rules_finaliser_ended(struct keeper *k, const struct row *r, struct err *e);
/* Its batch has ended once more (what: how), and the row is not blocked by it. Saves what it changes. */
MUST_CHECK enum rc rules_finalise_again(struct keeper *k, struct row *r, enum note_what what, struct err *e);

/* ---- batches that are filled (filling.c) */

/* r, a new batch: the jobs that it is filled with come behind, by rules_fill. The caller stores the row. */
MUST_CHECK enum rc rules_begin_filling(struct keeper *k, struct row *r, const struct batch_plan *p,
                                       struct err *e);
/* r, which is being filled, was cancelled: if nobody has begun, nobody will, and r is not filled any more. The caller stores the row. */
MUST_CHECK enum rc rules_drop_filling(struct keeper *k, struct row *r, struct err *e);
/* Room for all of them, as max_queued says? Counts them in, until unreserve of their queue. */
MUST_CHECK bool rules_reserve_to_fill(struct keeper *k, int64_t tenant, const struct batch_filling *f);
struct str rules_filling_queue(const struct batch_filling *f);
/* batch.c: they are all there, or no more will come. failure: why not; STR_NONE: they are. Saves. */
MUST_CHECK enum rc rules_end_filling(struct keeper *k, struct row *r, struct str failure, struct err *e);
/* enqueue.c: the row of a new job, as it will be inserted. */
MUST_CHECK enum rc rules_make_row(struct keeper *k, int64_t tenant, struct str queue,
                                  const struct job_spec *s, struct row **out, struct err *e);

/* What state and flags of its row say of it. Any thread. */
void rules_show_batch(struct batch *b, enum job_state state, int64_t flags);

/* ---- dependencies (links.c) */

/* What the jobs of the enqueue wait for, in the round's scratch. *bad counts items that are refused, with their verdicts. */
MUST_CHECK enum rc rules_check_links(struct keeper *k, struct store_enqueue *op, struct job_links *out,
                                     size_t *bad, struct err *e);
struct added { /* the jobs of one enqueue or report, and what became of each */
    int64_t tenant;
    struct row *adder; /* as in struct berth */
    const struct enqueue_verdict *verdicts;
    size_t count;
};
/* All of them are enqueued. */
MUST_CHECK enum rc rules_link(struct keeper *k, const struct added *jobs, const struct job_links *l,
                              struct err *e);
/* What the children of a report wait for. RC_INVALID, RC_TOO_BIG: *bad is the item at fault. */
MUST_CHECK enum rc rules_check_child_links(struct keeper *k, const struct report *in, struct job_links *out,
                                           size_t *bad, struct err *e);
/* The row, on which others depend, became final: row_enter's. */
MUST_CHECK enum rc rules_ended(struct keeper *k, struct row *r, struct err *e);
/* The row depended on `on`, which has ended: completed or not (what). has_more: it depends on others still. Saves what it
 * changes. */
MUST_CHECK enum rc rules_dependency_ended(struct keeper *k, struct row *r, struct id on, enum note_what what,
                                          bool has_more, struct err *e);
/* Out of the parking place; run_at may be ahead. Saves. */
MUST_CHECK enum rc rules_unblock(struct keeper *k, struct row *r, struct err *e);

/* ---- time */

/* What time has done to the row, which is due; saves it. *applied counts it unless it turns out not to be due yet. */
MUST_CHECK enum rc rules_tick(struct keeper *k, struct row *r, int64_t *applied, struct err *e);
/* J6. What runs against the worker of a processing job stands still while nobody could report: its lease, timeout and cancel
 * grace go on from the server's return. False: the worker has spoken since. Counts once: a lease renewed behind it keeps
 * what it did. */
bool rules_add_grace(const struct keeper *k, struct row *r);
/* When a lease ends, the restart grace counted in (J6). Any thread. */
int64_t rules_lease_end(const struct store *s, int64_t lease_until, int64_t lease_ms);

/* ---- claims */

/* The job is handed to a worker under a new lease number, for lease_ms (0: the queue's). The caller saves. */
MUST_CHECK enum rc rules_hand_out(struct keeper *k, struct row *r, int64_t lease, int64_t lease_ms,
                                  struct err *e);

/* ---- settings of a queue; -1 is the default of each */
#define QUEUE_SETTINGS 10 /* that are numbers */
struct queue_settings settings_default(void);
/* The members in the order in which engines store them. */
void settings_members(struct queue_settings *s, int64_t *out[QUEUE_SETTINGS]);
void settings_merge(struct queue_settings *to, struct queue_settings from); /* -2, STR_NONE leaves a member */
/* False: answered. Texts become as they are kept. */
bool settings_are_good(struct store_set_queue *op);
int64_t settings_retention_ms(const struct queue_settings *s, enum job_state state);

/* ---- pieces that reads need too */

/* The last event of a round of a job's life, made from its row. */
struct job_event_row end_event(const struct job *j, struct arena *a);
/* Is `tag` in a job's tags, a JSON array? */
bool tags_have(struct str tags, struct str tag);

#endif
