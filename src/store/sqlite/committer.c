/* committer.c: the queues of operations, and the thread that turns writes into rounds. */
#include "store/sqlite/sqlite.h"

#include "base/log.h"

/* Checkpoints: when idle from the first size on, at the second one even if operations wait. In pages of 4 KiB. */
#define WAL_IDLE_PAGES 1000
#define WAL_HARD_PAGES 8000

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

struct store_op *op_queue_take_all(struct op_queue *q)
{
    pthread_mutex_lock(&q->lock);
    wait_for_op(q);
    struct store_op *all = q->first;
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
    bool is_due = pages > WAL_HARD_PAGES || (pages > WAL_IDLE_PAGES && !is_waited_for(&w->engine->writes));
    struct err e = {0};
    if (!is_due || atomic_load(&w->engine->health) == RC_FATAL) {
        return;
    }
    enum rc rc = db_checkpoint(w->db, false, &e);
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
    struct store_op *list = NULL;
    while ((list = op_queue_take_all(&s->writes))) {
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
