/* op_queue.h: where operations wait for a thread of an engine. Any thread. */
#ifndef STINT_STORE_OP_QUEUE_H
#define STINT_STORE_OP_QUEUE_H

#include "store/store.h"

#include <pthread.h>

struct op_queue {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct store_op *first, *last;
    bool is_closing;
};

void op_queue_init(struct op_queue *q);
void op_queue_push(struct op_queue *q, struct store_op *first); /* a list, linked by next */
/* Waits, at most wait_ms (0 = for ever); NULL: nothing came, or *is_over: closing and empty. */
struct store_op *op_queue_take_all(struct op_queue *q, int64_t wait_ms, bool *is_over);
struct store_op *op_queue_take_one(struct op_queue *q); /* waits; NULL: closing and empty */
/* As op_queue_take_one; and, when that one is short, those short ones that stand directly behind it, at most so many in all. */
struct store_op *op_queue_take_short(struct op_queue *q, bool (*is_short)(const struct store_op *op),
                                     size_t most);
bool op_queue_is_waited_for(struct op_queue *q); /* does it hold an operation? */
void op_queue_close(struct op_queue *q);

#endif
