/* committer.c: the queues of operations, and the thread that turns writes into rounds. */
#include "store/sqlite/sqlite.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <time.h>

/* Checkpoints: when idle from this size on, at writer.wal_hard_pages even if operations wait. In pages of 4 KiB. */
#define WAL_IDLE_PAGES 1000

void op_queue_init(struct op_queue *q)
{
    *q = (struct op_queue){.lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER};
}

void op_queue_push(struct op_queue *q, struct store_op *first)
{
    struct store_op *last = first;
    while (last->next) {
        last = last->next;
    }
    pthread_mutex_lock(&q->lock);
    if (q->last) {
        q->last->next = first;
    } else {
        q->first = first;
    }
    q->last = last;
    pthread_cond_signal(&q->ready);
    pthread_mutex_unlock(&q->lock);
}

static void wait_for_op(struct op_queue *q)
{
    while (!q->first && !q->is_closing) {
        pthread_cond_wait(&q->ready, &q->lock);
    }
}

/* Until something comes or the time is over. */
static void wait_for_op_until(struct op_queue *q, int64_t mono_us)
{
    const struct timespec until = {.tv_sec = mono_us / 1000000, .tv_nsec = mono_us % 1000000 * 1000};
    int code = 0;
    while (!q->first && !q->is_closing && code == 0) {
        code = pthread_cond_clockwait(&q->ready, &q->lock, CLOCK_MONOTONIC, &until);
    }
}

struct store_op *op_queue_take_all(struct op_queue *q, int64_t wait_ms, bool *is_over)
{
    pthread_mutex_lock(&q->lock);
    if (wait_ms > 0) {
        wait_for_op_until(q, clock_mono_us() + 1000 * wait_ms);
    } else {
        wait_for_op(q);
    }
    struct store_op *all = q->first;
    *is_over = !all && q->is_closing;
    q->first = NULL;
    q->last = NULL;
    pthread_mutex_unlock(&q->lock);
    return all;
}

struct store_op *op_queue_take_one(struct op_queue *q)
{
    pthread_mutex_lock(&q->lock);
    wait_for_op(q);
    struct store_op *op = q->first;
    if (op) {
        q->first = op->next;
        q->last = q->first ? q->last : NULL;
        op->next = NULL;
        if (q->first) { /* one signal may have stood for several operations */
            pthread_cond_signal(&q->ready);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return op;
}

void op_queue_close(struct op_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_closing = true;
    pthread_cond_broadcast(&q->ready);
    pthread_mutex_unlock(&q->lock);
}

static bool is_waited_for(struct op_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool is_waited = q->first != NULL;
    pthread_mutex_unlock(&q->lock);
    return is_waited;
}

/* ---- health */

/* RC_FATAL stays for ever (J17). */
void engine_set_health(struct engine *s, enum rc rc)
{
    int seen = atomic_load(&s->health);
    while (seen != RC_FATAL && !atomic_compare_exchange_weak(&s->health, &seen, (int)rc)) {
    }
}

void engine_refuse(struct engine *s, struct store_op *list)
{
    struct store_round *r = store_round_new();
    for (struct store_op *op = list; op; op = op->next) {
        store_answer(op, RC_FATAL, NULL, "the store has failed and can no longer be trusted; see the log");
    }
    r->done = list;
    store_deliver(&s->base, r);
}

/* ---- the thread */

static void tidy_wal(struct writer *w)
{
    int64_t pages = db_wal_pages(w->db);
    bool is_due = pages > w->wal_hard_pages || (pages > WAL_IDLE_PAGES && !is_waited_for(&w->engine->writes));
    struct err e = {0};
    if (!is_due || atomic_load(&w->engine->health) == RC_FATAL) {
        return;
    }
    enum rc rc = FAULT("store.checkpoint") ? err_set(&e, RC_FATAL, "fault: checkpoint")
                                           : db_checkpoint(w->db, false, &e);
    if (rc == RC_FULL) { /* the database could not grow; what it holds stands in the WAL */
        space_release(w);
    } else if (rc && rc != RC_BUSY) {
        log_error("store.failed", L_C("what", "checkpoint"), L_C("error", e.text));
        engine_set_health(w->engine, RC_FATAL);
    }
}

void *committer_main(void *arg)
{
    struct engine *s = arg;
    bool is_over = false;
    while (!is_over) {
        /* A full disk is looked at although nobody writes: a server that is not ready is sent nothing. */
        bool is_full = s->writer->is_refusing && atomic_load(&s->health) == RC_FULL;
        struct store_op *list = op_queue_take_all(&s->writes, is_full ? SPACE_LOOK_MS : 0, &is_over);
        if (!list && is_full && !is_over) {
            space_look(s->writer);
        }
        while (list) {
            if (atomic_load(&s->health) == RC_FATAL) {
                engine_refuse(s, list);
                break;
            }
            list = round_run(s->writer, list);
            tidy_wal(s->writer);
        }
    }
    return NULL;
}
