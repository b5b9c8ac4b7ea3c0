/* waits.c: calls that answer when a job, or a batch, is over, or at the end of their patience as it is then. */
#include "api/call.h"

#define WAIT_MAX_S 60

static void stop_waiting(struct api_wait *w)
{
    if (w->is_watching) {
        queue_watch_stop(w->c->api->queue, &w->watch);
        timer_stop(w->c->api->loop, &w->timer);
        w->is_watching = false;
        w->c->holder.on_left = NULL;
    }
}

static void read_it(struct api_wait *w)
{
    w->is_reading = true;
    w->ended = false;
    w->read(w->c);
}

static void answer_next_read(struct api_wait *w)
{
    w->must_answer = true;
    if (!w->is_reading) {
        read_it(w);
    }
}

static void on_news(struct queue_watch *watch, const struct queue_news *news)
{
    struct api_wait *w = watch->owner;

    if (news->draining) {
        answer_next_read(w);
    } else if (job_state_is_final(news->state)) {
        w->ended = true;
        if (!w->is_reading) {
            read_it(w);
        }
    }
}

static void on_timer(struct loop_timer *t)
{
    answer_next_read(LOOP_OWNER(t, struct api_wait, timer));
}

static void on_waiter_left(struct api_holder *h, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(h, struct api_call, holder);
    struct api_wait *w = c->state;

    stop_waiting(w);
    if (!w->is_reading) {
        http_drop(x);
    }
}

bool api_wait_goes_on(struct api_call *c, const struct store_op *op, bool is_over)
{
    struct api_wait *w = c->state;

    w->is_reading = false;
    if (op->rc == RC_OK && w->is_watching && !w->must_answer && !http_client_left(c->x) && !is_over) {
        if (w->ended) {
            read_it(w);
        }
        return true;
    }
    stop_waiting(w);
    return !api_still_authorized(c);
}

void api_wait_begin(struct api_call *c, bool of_batch, void (*read)(struct api_call *c))
{
    struct api_wait *w = arena_alloc(c->a, sizeof *w);
    int64_t wait_s = 0;

    if (!api_query_int(c, "wait", 0, WAIT_MAX_S, &wait_s)) {
        return;
    }
    w->c = c;
    w->read = read;
    c->state = w;
    if (wait_s > 0) {
        w->watch = (struct queue_watch){
            .tenant = c->tenant, .job = c->job, .of_batch = of_batch, .on_news = on_news, .owner = w};
        w->timer.run = on_timer;
        w->is_watching = true;
        c->holder.on_left = on_waiter_left;
        queue_watch_start(c->api->queue, &w->watch);
        timer_start(c->api->loop, &w->timer, wait_s * 1000);
    }
    read_it(w);
}
