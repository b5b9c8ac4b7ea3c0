/* queue_rig.h: a queue over a real store in memory and a real loop, with a clock that tests move. */
#ifndef STINT_TEST_QUEUE_RIG_H
#define STINT_TEST_QUEUE_RIG_H

#include "queue/queue.h"
#include "test.h"

#define RIG_TENANT 1

struct rig {
    struct loop *loop;
    struct queue *q;
    struct arena *a; /* of the test's own thread; freed by rig_close */
    struct arena
        *op_arenas[8192]; /* one an operation: the store's threads use it while the operation is theirs */
    size_t op_arena_count;
    int64_t wall_at_zero; /* the store's clock is this + the loop's */
    int awaited;          /* operations that rig_do waits for */
};

/* A claim of a test, and what came of it. */
struct rig_claim {
    struct queue_claim c;
    struct rig *rig;
    struct str queue, kinds[4];
    int done;  /* times */
    int order; /* 1 = the first that was done in this test, … */
};

struct rig *rig_open(void);
struct rig *rig_open_with(struct queue_options options);
void rig_close(struct rig *r);
/* Runs the loop until everything submitted before is done, and what that woke, and what this woke. */
void rig_settle(struct rig *r);
/* Moves both clocks and lets what became due happen. */
void rig_skip_ms(struct rig *r, int64_t ms);
int64_t rig_now(struct rig *r);

/* A new arena for one operation, freed by rig_close. */
struct arena *rig_op_arena(struct rig *r);
/* Submits the operation and runs the loop until it is done. */
void rig_do(struct rig *r, struct store_op *op);
/* Submits without waiting; rig_settle brings it. op->done must not matter. */
void rig_start(struct rig *r, struct store_op *op);

struct store_enqueue *rig_enqueue_op(struct rig *r, const char *queue, const char *kind, size_t count);
struct id rig_enqueue(struct rig *r, const char *queue, const char *kind); /* waits */
/* Starts a claim for one job by worker `worker` of the kinds (NULL = every kind, else blank-separated); waits up to wait_ms. */
struct rig_claim *rig_claim(struct rig *r, const char *worker, const char *queue, const char *kinds,
                            int64_t wait_ms);
/* The same, for the test to change and to give to queue_claim. */
struct rig_claim *rig_claim_prepare(struct rig *r, const char *worker, const char *queue, const char *kinds,
                                    int64_t wait_ms);
/* Claims one job at once, and fails the test when there is none. */
struct job *rig_take(struct rig *r, const char *worker, const char *queue);
struct report_verdict rig_report(struct rig *r, const struct job *j, int64_t n, enum report_op op);
struct report_verdict rig_report_with(struct rig *r, struct report report);
struct job *rig_job(struct rig *r, struct id id);
enum rc rig_act(struct rig *r, enum job_action action, struct id id);

#endif
