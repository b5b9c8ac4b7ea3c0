/* loop.c: see loop.h. One libuv timer, one async handle and one pair of prepare and check handles serve everything;
 * tasks and timers of ours are intrusive, so that the hot paths allocate nothing. */
#include "loop/loop.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "loop/loop_private.h"

enum rc loop_uv_error(struct err *e, int uv_error, const char *what)
{
    char text[128];
    enum rc rc = RC_FATAL;

    switch (uv_error) {
    case UV_ENOENT:
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
        rc = RC_NOT_FOUND;
        break;
    case UV_EACCES:
    case UV_EPERM:
        rc = RC_DENIED;
        break;
    case UV_EADDRINUSE:
        rc = RC_CONFLICT;
        break;
    case UV_EADDRNOTAVAIL:
    case UV_EINVAL:
        rc = RC_INVALID;
        break;
    case UV_EAGAIN:
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ETIMEDOUT:
    case UV_EAI_AGAIN:
        rc = RC_BUSY;
        break;
    default:
        break;
    }
    return err_set(e, rc, "%s: %s", what, uv_strerror_r(uv_error, text, sizeof text));
}

int64_t loop_now_ms(const struct loop *l)
{
    return clock_boot_ms() + atomic_load_explicit(&l->skipped_ms, memory_order_relaxed);
}

int64_t loop_wall_ms(const struct loop *l)
{
    return clock_wall_ms() + atomic_load_explicit(&l->skipped_ms, memory_order_relaxed);
}

void loop_skip_ms(struct loop *l, int64_t ms)
{
    atomic_fetch_add(&l->skipped_ms, ms);
    uv_async_send(&l->wake);
}

/* ---- Timers: a binary heap; slot is the place + 1 ---- */

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
    l->heap[i] = t;
    t->slot = i + 1;
}

static void heap_up(struct loop *l, size_t i, struct loop_timer *t)
{
    while (i > 0 && l->heap[(i - 1) / 2]->due_at_ms > t->due_at_ms) {
        heap_put(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct loop_timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->heap_count) {
            break;
        }
        if (child + 1 < l->heap_count && l->heap[child + 1]->due_at_ms < l->heap[child]->due_at_ms) {
            child++;
        }
        if (l->heap[child]->due_at_ms >= t->due_at_ms) {
            break;
        }
        heap_put(l, i, l->heap[child]);
        i = child;
    }
    heap_put(l, i, t);
}

void timer_stop(struct loop *l, struct loop_timer *t)
{
    if (!t->slot) {
        return;
    }
    size_t i = t->slot - 1;
    assert(i < l->heap_count && l->heap[i] == t);
    t->slot = 0;
    struct loop_timer *last = l->heap[--l->heap_count];
    if (last == t) {
        return;
    }
    if (i > 0 && l->heap[(i - 1) / 2]->due_at_ms > last->due_at_ms) {
        heap_up(l, i, last);
    } else {
        heap_down(l, i, last);
    }
}

void timer_start(struct loop *l, struct loop_timer *t, int64_t delay_ms)
{
    assert(t->run);
    timer_stop(l, t);
    if (l->heap_count == l->heap_cap) {
        l->heap_cap = l->heap_cap ? 2 * l->heap_cap : 64;
        l->heap = mem_grow(l->heap, l->heap_cap * sizeof *l->heap);
    }
    int64_t now = loop_now_ms(l);
    int64_t delay = delay_ms > 0 ? delay_ms : 0;
    t->due_at_ms = delay < LOOP_NEVER - now ? now + delay : LOOP_NEVER - 1;
    heap_up(l, l->heap_count++, t);
}

static void on_timer(uv_timer_t *uv)
{
    struct loop *l = uv->data;
    int64_t now = loop_now_ms(l);

    l->armed_at_ms = LOOP_NEVER;
    /* No more than were there at the start: a timer that restarts itself with no delay must not hold the loop. */
    for (size_t left = l->heap_count; left > 0 && l->heap_count > 0; left--) {
        struct loop_timer *t = l->heap[0];
        if (t->due_at_ms > now) {
            break;
        }
        timer_stop(l, t);
        t->run(t);
    }
}

/* Arms the one libuv timer for the earliest of ours: only before sleeping, so that the many starts and stops of
 * a round cost nothing. */
static void arm(struct loop *l)
{
    int64_t due = l->heap_count ? l->heap[0]->due_at_ms : LOOP_NEVER;
    if (due == l->armed_at_ms) {
        return;
    }
    l->armed_at_ms = due;
    if (due == LOOP_NEVER) {
        uv_timer_stop(&l->timer);
        return;
    }
    int64_t delay = due - loop_now_ms(l);
    uv_timer_start(&l->timer, on_timer, (uint64_t)(delay > 0 ? delay : 0), 0);
}

/* ---- Tasks ---- */

void loop_post(struct loop *l, struct loop_task *t)
{
    struct loop_task *old = atomic_load_explicit(&l->posted, memory_order_relaxed);
    do {
        t->next = old;
    } while (!atomic_compare_exchange_weak_explicit(&l->posted, &old, t, memory_order_release,
                                                    memory_order_relaxed));
    if (!old) {
        uv_async_send(&l->wake); /* the others of this wake-up ride along */
    }
}

static void run_posted(struct loop *l)
{
    struct loop_task *t = atomic_exchange_explicit(&l->posted, NULL, memory_order_acquire);
    struct loop_task *in_order = NULL;

    while (t) {
        struct loop_task *next = t->next;
        t->next = in_order;
        in_order = t;
        t = next;
    }
    while (in_order) {
        t = in_order;
        in_order = t->next; /* before run, which may free or post it again */
        t->run(t);
    }
}

static void on_wake(uv_async_t *uv)
{
    struct loop *l = uv->data;

    run_posted(l);
    if (atomic_load(&l->skipped_ms)) {
        l->armed_at_ms = LOOP_NEVER - 1; /* the clock may have been moved: arm again */
    }
    if (atomic_load(&l->is_stopping)) {
        uv_stop(&l->uv);
    }
}

void loop_later(struct loop *l, struct loop_task *t)
{
    t->next = NULL;
    *l->later_end = t;
    l->later_end = &t->next;
}

void loop_later_cancel(struct loop *l, struct loop_task *t)
{
    struct loop_task **at = &l->later;

    while (*at && *at != t) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = t->next;
        l->later_end = t->next ? l->later_end : at;
    }
}

static void run_later(struct loop *l)
{
    while (l->later) {
        struct loop_task *t = l->later;
        l->later = t->next;
        if (!l->later) {
            l->later_end = &l->later;
        }
        t->run(t);
    }
}

static void on_before_sleep(uv_prepare_t *uv)
{
    struct loop *l = uv->data;
    run_later(l);
    arm(l);
}

static void on_after_sleep(uv_check_t *uv)
{
    run_later(uv->data);
}

/* ---- Signals ---- */

static void on_signal(uv_signal_t *uv, int signum)
{
    struct loop_signal *s = uv->data;
    if (s->run) {
        s->run(s->ctx, signum);
    }
}

static struct loop_signal *signal_slot(struct loop *l, int signum)
{
    struct loop_signal *unused = NULL;

    for (size_t i = 0; i < LOOP_SIGNALS_MAX; i++) {
        struct loop_signal *s = &l->signals[i];
        if (s->run && s->uv.signum == signum) {
            return s;
        }
        if (!s->run && !unused) {
            unused = s;
        }
    }
    assert(unused);
    return unused;
}

void loop_on_signal(struct loop *l, int signum, void (*run)(void *ctx, int signum), void *ctx)
{
    struct loop_signal *s = signal_slot(l, signum);

    if (!s->is_open) {
        uv_signal_init(&l->uv, &s->uv);
        s->uv.data = s;
        s->is_open = true;
    }
    s->run = run;
    s->ctx = ctx;
    if (run) {
        uv_signal_start(&s->uv, on_signal, signum);
    } else {
        uv_signal_stop(&s->uv);
    }
}

/* ---- Work ---- */

struct work_request {
    uv_work_t uv;
    struct loop_work *w;
};

static void run_work(uv_work_t *uv)
{
    struct work_request *r = uv->data;
    r->w->work(r->w);
}

static void end_work(uv_work_t *uv, int status)
{
    struct work_request *r = uv->data;
    struct loop_work *w = r->w;
    (void)status;
    mem_free(r);
    w->done(w);
}

void loop_work_start(struct loop *l, struct loop_work *w)
{
    struct work_request *r = mem_alloc(sizeof *r);
    r->w = w;
    r->uv.data = r;
    int rc = uv_queue_work(&l->uv, &r->uv, run_work, end_work);
    assert(rc == 0);
    (void)rc;
}

/* ---- Life ---- */

struct loop *loop_new(void)
{
    struct loop *l = mem_alloc(sizeof *l);

    /* A peer that hangs up is an error of the write, never the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    int rc = uv_loop_init(&l->uv);
    assert(rc == 0);
    rc = uv_async_init(&l->uv, &l->wake, on_wake);
    assert(rc == 0);
    (void)rc;
    uv_timer_init(&l->uv, &l->timer);
    uv_prepare_init(&l->uv, &l->before_sleep);
    uv_check_init(&l->uv, &l->after_sleep);
    l->wake.data = l->timer.data = l->before_sleep.data = l->after_sleep.data = l;
    uv_prepare_start(&l->before_sleep, on_before_sleep);
    uv_check_start(&l->after_sleep, on_after_sleep);
    l->armed_at_ms = LOOP_NEVER;
    l->later_end = &l->later;
    l->read_bytes = mem_alloc(LOOP_READ_BYTES);
    return l;
}

void loop_run(struct loop *l)
{
    if (!atomic_load(&l->is_stopping)) {
        uv_run(&l->uv, UV_RUN_DEFAULT);
    }
    atomic_store(&l->is_stopping, false);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->is_stopping, true);
    uv_async_send(&l->wake);
}

static bool is_our_own(const struct loop *l, const uv_handle_t *h)
{
    const char *p = (const char *)h;
    return p >= (const char *)l && p < (const char *)l + sizeof *l;
}

static void close_forgotten(uv_handle_t *h, void *arg)
{
    if (uv_is_closing(h)) {
        return;
    }
    if (is_our_own(arg, h)) {
        uv_close(h, NULL);
    } else {
        struct handle_owner *o = h->data;
        o->close(o);
    }
}

void loop_free(struct loop *l)
{
    if (!l) {
        return;
    }
    run_later(l); /* owners may count on it to free themselves */
    while (l->heap_count) {
        timer_stop(l, l->heap[0]);
    }
    children_forget(l);
    uv_walk(&l->uv, close_forgotten, l);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    (void)rc;
    mem_free(l->heap);
    mem_free(l->read_bytes);
    mem_free(l);
}
