/* services.c: what time brings. One timer stands at the store's next due time (run_at, leases, timeouts, deadlines) and
 * one at the next pruning; when nothing is due there is none, and the process sleeps. Where other nodes write to the store
 * too, whose news may be lost, a third looks for what claims wait for (store_look_ms, looks.c).
 *
 * A stall (the process stopped, the machine suspended) looks like a timer that fires far too late. Then the leases that
 * ended meanwhile are not judged at once: their workers could not report either, so they get the restart grace first
 * (J6). A claim may end a lease as well as the timer does, hence the check stands before everything that goes to the store. */
#include <string.h>

#include "base/log.h"
#include "queue/parts.h"

#define STALL_MS    2000
#define RETRY_MS    1000
#define TICK_LIMIT  500 /* rows a round: a mass of due jobs must not hold up the others */
#define PRUNE_LIMIT 500
#define EMPTY_TICKS 8 /* then 256 ms apart */

static void arm_due(struct queue *q)
{
    struct services *s = &q->services;

    if (s->is_ticking || s->is_stopped) {
        return; /* its round tells what is next */
    }
    if (s->next_due_at == 0) {
        timer_stop(q->loop, &s->due);
        return;
    }
    const int64_t delay_ms = s->next_due_at - store_now(q->store);

    const int pause_ms = delay_ms > 0 ? 1 : 1 << s->empty_ticks;

    /* Not below 1: should the two clocks differ by a fraction, we look twice, but do not spin. */
    timer_start(q->loop, &s->due, delay_ms > pause_ms ? delay_ms : pause_ms);
}

static void tick(struct queue *q)
{
    struct services *s = &q->services;
    void (*done)(struct store_op * op) = s->tick_op.op.done;

    if (s->is_ticking || s->is_stopped) {
        return;
    }
    s->is_ticking = true;
    timer_stop(q->loop, &s->due);
    arena_reset(s->tick_arena);
    store_init(&s->tick_op.op, sizeof s->tick_op, STORE_TICK, s->tick_arena);
    s->tick_op.op.done = done;
    s->tick_op.op.owner = q;
    s->tick_op.limit = TICK_LIMIT;
    submit(q, &s->tick_op.op);
}

/* What is due may be held by another node, or by a stranger's transaction: it is asked for less and less often, as long as nothing
 * else is due before it. */
static void see_outcome(struct services *s, enum rc rc)
{
    bool is_empty = !rc && !s->tick_op.applied && !s->tick_op.schedule_count;

    s->empty_ticks = !is_empty ? 0 : s->empty_ticks < EMPTY_TICKS ? s->empty_ticks + 1 : EMPTY_TICKS;
}

static void on_ticked(struct store_op *op)
{
    struct queue *q = op->owner;

    q->services.is_ticking = false;
    if (op->rc == RC_FATAL) {
        return;
    }
    if (!op->rc && q->services.tick_op.schedule_count &&
        q->options.read_plan) { /* draining, too: they are ours */
        struct arena *given = q->services.tick_arena;
        q->services.tick_arena = arena_new();
        schedules_fire(q, &q->services.tick_op, given);
    }
    see_outcome(&q->services, op->rc);
    if (op->rc) {
        timer_start(q->loop, &q->services.due, RETRY_MS); /* its round told nothing */
    } else if (q->services.tick_op.more) {
        tick(q);
    }
}

static void on_due(struct loop_timer *t)
{
    struct queue *q = LOOP_OWNER(t, struct queue, services.due);

    if (loop_now_ms(q->loop) - t->due_at_ms > STALL_MS) {
        log_warn("server.stalled", L_INT("late_ms", loop_now_ms(q->loop) - t->due_at_ms));
        store_grace(q->store);
    }
    tick(q);
}

void services_check_stall(struct queue *q)
{
    struct loop_timer *t = &q->services.due;

    if (timer_is_running(t) && loop_now_ms(q->loop) - t->due_at_ms > STALL_MS) {
        timer_stop(q->loop, t);
        on_due(t);
    }
}

void services_see_due(struct queue *q, int64_t next_due_at)
{
    if (next_due_at >= 0 && !(next_due_at == q->services.next_due_at && timer_is_running(&q->services.due))) {
        q->services.empty_ticks = next_due_at == q->services.next_due_at ? q->services.empty_ticks : 0;
        q->services.next_due_at = next_due_at;
        arm_due(q);
    }
}

/* ------------------------------------------------------------------ looking */

static void on_look(struct loop_timer *t)
{
    struct queue *q = LOOP_OWNER(t, struct queue, services.look);

    if (q->metrics.waiting_claims > 0 && !q->services.is_stopped && !q->is_draining) {
        timer_start(q->loop, t, store_look_ms(q->store));
        looks_begin(q);
    }
}

void services_see_waiting(struct queue *q)
{
    struct loop_timer *t = &q->services.look;
    const int64_t look_ms = store_look_ms(q->store);

    if (look_ms > 0 && !timer_is_running(t) && !q->services.is_stopped) {
        timer_start(q->loop, t, look_ms);
    }
}

/* ------------------------------------------------------------------ pruning */

static void prune(struct queue *q)
{
    struct services *s = &q->services;
    void (*done)(struct store_op * op) = s->prune_op.op.done;

    if (s->is_pruning || s->is_stopped || q->is_draining) {
        return;
    }
    s->is_pruning = true;
    arena_reset(s->prune_arena);
    store_init(&s->prune_op.op, sizeof s->prune_op, STORE_PRUNE, s->prune_arena);
    s->prune_op.op.done = done;
    s->prune_op.op.owner = q;
    s->prune_op.limit = PRUNE_LIMIT;
    submit(q, &s->prune_op.op);
}

static void on_prune(struct loop_timer *t)
{
    prune(LOOP_OWNER(t, struct queue, services.prune));
}

static void on_pruned(struct store_op *op)
{
    struct queue *q = op->owner;
    struct services *s = &q->services;
    const int64_t every_ms = q->options.prune_every_ms;

    s->is_pruning = false;
    if (op->rc == RC_OK && s->prune_op.more) {
        prune(q);
    } else if (!s->is_stopped && (op->rc || s->prune_op.next_at != 0)) {
        const int64_t wait_ms = op->rc ? every_ms : s->prune_op.next_at - store_now(q->store);

        timer_start(q->loop, &s->prune, wait_ms > every_ms ? wait_ms : every_ms);
    }
}

void services_want_prune(struct queue *q)
{
    struct services *s = &q->services;
    const int64_t every_ms = q->options.prune_every_ms;

    if (s->is_pruning || s->is_stopped) {
        return;
    }
    /* When it has to go only the store knows: ask soon, once for many. */
    if (!timer_is_running(&s->prune) || s->prune.due_at_ms > loop_now_ms(q->loop) + every_ms) {
        timer_start(q->loop, &s->prune, every_ms);
    }
}

/* ------------------------------------------------------------------ life */

void services_start(struct queue *q)
{
    struct services *s = &q->services;

    s->due.run = on_due;
    s->prune.run = on_prune;
    s->look.run = on_look;
    s->tick_arena = arena_new();
    s->prune_arena = arena_new();
    s->tick_op.op.done = on_ticked;
    s->prune_op.op.done = on_pruned;
    tick(q); /* its round tells the first due time */
    prune(q);
}

void services_stop(struct queue *q)
{
    q->services.is_stopped = true;
    timer_stop(q->loop, &q->services.due);
    timer_stop(q->loop, &q->services.prune);
    timer_stop(q->loop, &q->services.look);
}

void services_dispose(struct queue *q)
{
    arena_free(q->services.tick_arena);
    arena_free(q->services.prune_arena);
}
