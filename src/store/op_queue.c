/* op_queue.c: see op_queue.h. */
#include "store/op_queue.h"

#include "base/clock.h"

#include <time.h>

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
    pthread_mutex_unlock(&q->lock);
    pthread_cond_signal(&q->ready); /* behind it: whom it wakes need not wait for the lock */
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

static bool is_never_short(const struct store_op *op)
{
    (void)op;
    return false;
}

struct store_op *op_queue_take_one(struct op_queue *q)
{
    return op_queue_take_short(q, is_never_short, 1);
}

struct store_op *op_queue_take_short(struct op_queue *q, bool (*is_short)(const struct store_op *op),
                                     size_t most)
{
    pthread_mutex_lock(&q->lock);
    wait_for_op(q);
    struct store_op *op = q->first;
    if (op) {
        struct store_op *last = op;
        for (size_t n = 1; n < most && last->next && is_short(op) && is_short(last->next); n++) {
            last = last->next;
        }
        q->first = last->next;
        q->last = q->first ? q->last : NULL;
        last->next = NULL;
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

bool op_queue_is_waited_for(struct op_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool is_waited = q->first != NULL;
    pthread_mutex_unlock(&q->lock);
    return is_waited;
}
