/* loop_basics.c: timers, tasks, work and signals of a loop; time is moved, never waited for. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "loop/loop.h"
#include "test.h"

struct probe {
    struct loop *l;
    char seen[64];
    size_t n;
    struct loop_timer timers[8];
};

static void see(struct probe *p, char c)
{
    p->seen[p->n++] = c;
}

static struct str seen(const struct probe *p)
{
    return (struct str){p->seen, p->n};
}

struct marked_timer {
    struct loop_timer t;
    struct probe *p;
    char mark;
    bool is_last;
};

static void on_mark(struct loop_timer *t)
{
    struct marked_timer *m = LOOP_OWNER(t, struct marked_timer, t);
    see(m->p, m->mark);
    if (m->is_last) {
        loop_stop(m->p->l);
    }
}

TEST(timers_fire_in_the_order_of_their_due_time)
{
    struct probe p = {.l = loop_new()};
    struct marked_timer m[] = {{{on_mark, 0, 0}, &p, 'c', false},
                               {{on_mark, 0, 0}, &p, 'a', false},
                               {{on_mark, 0, 0}, &p, 'x', false},
                               {{on_mark, 0, 0}, &p, 'b', false},
                               {{on_mark, 0, 0}, &p, 'd', true}};
    const int64_t delays[] = {30000, 10000, 15000, 20000, 40000};

    for (size_t i = 0; i < 5; i++) {
        timer_start(p.l, &m[i].t, delays[i]);
    }
    timer_stop(p.l, &m[2].t);
    CHECK_FALSE(timer_is_running(&m[2].t));
    CHECK_TRUE(timer_is_running(&m[0].t));
    loop_skip_ms(p.l, 60000);
    loop_run(p.l);
    CHECK_STR(seen(&p), STR("abcd"));
    loop_free(p.l);
}

TEST(a_timer_does_not_fire_before_its_time)
{
    struct probe p = {.l = loop_new()};
    struct marked_timer late = {{on_mark, 0, 0}, &p, 'l', false};
    struct marked_timer early = {{on_mark, 0, 0}, &p, 'e', true};

    timer_start(p.l, &late.t, 100000);
    timer_start(p.l, &early.t, 50000);
    loop_skip_ms(p.l, 60000);
    loop_run(p.l);
    CHECK_STR(seen(&p), STR("e"));
    CHECK_TRUE(timer_is_running(&late.t));
    loop_free(p.l);
}

TEST(a_thousand_timers_in_disorder_come_out_sorted)
{
    struct probe p = {.l = loop_new()};
    struct loop_timer *t = mem_alloc(1000 * sizeof *t);
    uint64_t seed = 7;
    int64_t last = 0;

    for (size_t i = 0; i < 1000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        t[i].run = on_mark;
        timer_start(p.l, &t[i], (int64_t)(seed >> 40));
    }
    for (size_t i = 0; i < 1000; i += 3) {
        timer_stop(p.l, &t[i]);
    }
    /* The heap is drained through its public face: the earliest is the one whose place is 1. */
    for (size_t left = 666; left > 0; left--) {
        struct loop_timer *first = NULL;
        for (size_t i = 0; i < 1000 && !first; i++) {
            first = t[i].slot == 1 ? &t[i] : NULL;
        }
        CHECK_TRUE(first && first->due_at_ms >= last);
        last = first->due_at_ms;
        timer_stop(p.l, first);
    }
    mem_free(t);
    loop_free(p.l);
}

struct numbered_task {
    struct loop_task t;
    struct probe *p;
    int *count;
    int number, expected_last;
};

static void on_number(struct loop_task *t)
{
    struct numbered_task *n = LOOP_OWNER(t, struct numbered_task, t);
    CHECK_INT(n->number, *n->count);
    if (++*n->count == n->expected_last) {
        loop_stop(n->p->l);
    }
    mem_free(n);
}

static void *post_many(void *arg)
{
    struct numbered_task **all = arg;
    for (int i = 0; i < 1000; i++) {
        loop_post(all[i]->p->l, &all[i]->t);
    }
    return NULL;
}

TEST(tasks_posted_from_another_thread_run_once_and_in_order)
{
    struct probe p = {.l = loop_new()};
    struct numbered_task *all[1000];
    int count = 0;
    pthread_t thread;

    for (int i = 0; i < 1000; i++) {
        all[i] = mem_alloc(sizeof *all[i]);
        *all[i] = (struct numbered_task){{on_number, NULL}, &p, &count, i, 1000};
    }
    CHECK_INT(pthread_create(&thread, NULL, post_many, all), 0);
    loop_run(p.l);
    pthread_join(thread, NULL);
    CHECK_INT(count, 1000);
    loop_free(p.l);
}

struct later_task {
    struct loop_task first, second;
    struct probe *p;
};

static void on_second(struct loop_task *t)
{
    struct later_task *x = LOOP_OWNER(t, struct later_task, second);
    see(x->p, '2');
    loop_stop(x->p->l);
}

static void on_first(struct loop_task *t)
{
    struct later_task *x = LOOP_OWNER(t, struct later_task, first);
    loop_later(x->p->l, &x->second);
    see(x->p, '1');
}

TEST(a_later_task_runs_at_the_end_of_the_round_without_a_wake_up)
{
    struct probe p = {.l = loop_new()};
    struct later_task x = {{on_first, NULL}, {on_second, NULL}, &p};

    loop_post(p.l, &x.first);
    loop_run(p.l);
    CHECK_STR(seen(&p), STR("12"));
    loop_free(p.l);
}

static void on_third(struct loop_task *t)
{
    struct later_task *x = LOOP_OWNER(t, struct later_task, first);

    loop_later(x->p->l, &x->second);
    loop_later_cancel(x->p->l, &x->second);
    loop_later_cancel(x->p->l, &x->second); /* again is fine */
    see(x->p, '1');
    loop_later(x->p->l, &x->second); /* the end of the list was kept */
}

TEST(a_later_task_can_be_taken_back)
{
    struct probe p = {.l = loop_new()};
    struct later_task x = {{on_third, NULL}, {on_second, NULL}, &p};

    loop_later(p.l, &x.second);
    loop_later_cancel(p.l, &x.second);
    loop_post(p.l, &x.first);
    loop_run(p.l);
    CHECK_STR(seen(&p), STR("12"));
    loop_free(p.l);
}

struct work_probe {
    struct loop_work w;
    struct loop *l;
    pthread_t worker;
    bool is_done;
};

static void in_worker(struct loop_work *w)
{
    LOOP_OWNER(w, struct work_probe, w)->worker = pthread_self();
}

static void back_on_loop(struct loop_work *w)
{
    struct work_probe *x = LOOP_OWNER(w, struct work_probe, w);
    x->is_done = true;
    loop_stop(x->l);
}

TEST(work_runs_in_another_thread_and_ends_on_the_loop)
{
    struct work_probe x = {.w = {in_worker, back_on_loop}, .l = loop_new()};

    loop_work_start(x.l, &x.w);
    loop_run(x.l);
    CHECK_TRUE(x.is_done);
    CHECK_FALSE(pthread_equal(x.worker, pthread_self()));
    loop_free(x.l);
}

static void on_usr1(void *ctx, int signum)
{
    struct probe *p = ctx;
    see(p, signum == SIGUSR1 ? 'u' : '?');
    loop_stop(p->l);
}

TEST(a_signal_reaches_its_handler_on_the_loop)
{
    struct probe p = {.l = loop_new()};

    loop_on_signal(p.l, SIGUSR1, on_usr1, &p);
    kill(getpid(), SIGUSR1);
    loop_run(p.l);
    CHECK_STR(seen(&p), STR("u"));
    loop_free(p.l);
}

static void *stop_loop(void *arg)
{
    loop_stop(arg);
    return NULL;
}

TEST(stop_works_from_another_thread_also_before_run)
{
    struct loop *l = loop_new();
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, stop_loop, l), 0);
    loop_run(l);
    pthread_join(thread, NULL);
    loop_free(l);
}
