/* loop.h: one thread's event loop: timers, tasks from other threads, signals, and work that would block.
 * This folder is the only user of libuv. Nothing here blocks the loop, and an idle loop makes no system call.
 * Everything is called on the loop's own thread (the one inside loop_run, or, before it, the one that made the loop)
 * except where a contract says "any thread". */
#ifndef STINT_LOOP_LOOP_H
#define STINT_LOOP_LOOP_H

#include "base/str.h"

struct loop;

struct loop *loop_new(void);
/* Runs callbacks until loop_stop; may be called again afterwards. */
void loop_run(struct loop *l);
/* Makes loop_run return after the current round. Any thread. */
void loop_stop(struct loop *l);
/* Closes what is still open (timers, signals, streams: none of their callbacks runs any more) and frees the loop.
 * Running loop_work is waited for. Not inside loop_run. NULL is fine. */
void loop_free(struct loop *l);

/* The boot clock in milliseconds, plus what loop_skip_ms added. Any thread. */
int64_t loop_now_ms(const struct loop *l);
/* Unix milliseconds, plus what loop_skip_ms added. Any thread. */
int64_t loop_wall_ms(const struct loop *l);
/* Moves this loop's clock ahead and fires what became due. For tests: a deadline comes without waiting. Any thread. */
void loop_skip_ms(struct loop *l, int64_t ms);

/* ---- Timers: embedded in their owner, no allocation. Zero-initialised = stopped. ---- */
struct loop_timer {
    void (*run)(struct loop_timer *t);
    int64_t due_at_ms; /* on loop_now_ms's clock */
    size_t slot;       /* private: place in the heap + 1; 0 = stopped */
};

/* Calls t->run once, `delay_ms` from now (0 or less: in the next round). Starting a running timer moves it.
 * `t` must stay in place until it fired or was stopped. Timers due at the same time fire in the order of due_at_ms. */
void timer_start(struct loop *l, struct loop_timer *t, int64_t delay_ms);
void timer_stop(struct loop *l, struct loop_timer *t); /* also when it is not running */
static inline bool timer_is_running(const struct loop_timer *t)
{
    return t->slot != 0;
}

/* ---- Tasks: a closure embedded in its owner (take the owner's address from t with LOOP_OWNER). ---- */
struct loop_task {
    void (*run)(struct loop_task *t);
    struct loop_task *next; /* private */
};

#define LOOP_OWNER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Runs t->run on the loop's thread, in the order of posting. Many posts cost one wake-up. The task belongs to the loop
 * until it runs, and may be posted again (or freed) from inside run. Any thread. */
void loop_post(struct loop *l, struct loop_task *t);
/* Runs t->run once at the end of this round of callbacks, before the loop sleeps: for gathering what many callbacks
 * of a round produced (answers to flush). Must not be waiting already. */
void loop_later(struct loop *l, struct loop_task *t);
/* Takes back what loop_later has not run yet; also when it is not waiting. */
void loop_later_cancel(struct loop *l, struct loop_task *t);

/* ---- Signals ---- */
/* Calls run(ctx, signum) on the loop each time the signal comes. At most one handler a signal and loop; NULL ends it. */
void loop_on_signal(struct loop *l, int signum, void (*run)(void *ctx, int signum), void *ctx);

/* ---- Work off the loop ---- */
struct loop_work {
    void (*work)(struct loop_work *w); /* in a worker thread: may block (file reads, writes, fsync) */
    void (*done)(struct loop_work *w); /* on the loop, always, after work */
};

/* `w` must stay in place until done. There are four worker threads, shared by all loops of the process and started
 * by the first call; keep each piece short. */
void loop_work_start(struct loop *l, struct loop_work *w);

#endif
