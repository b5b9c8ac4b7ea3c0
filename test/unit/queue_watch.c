/* News of jobs, thinned progress. */
#include "queue_rig.h"

struct seen {
    struct queue_watch watch;
    struct queue *q;
    struct queue_watch *stop; /* in the first call */
    int calls, progress_calls;
    struct queue_news last;
    int64_t last_permille;
};

static void on_news(struct queue_watch *w, const struct queue_news *news)
{
    struct seen *s = w->owner;

    s->calls++;
    s->last = *news;
    if (news->has_progress) {
        s->progress_calls++;
        s->last_permille = news->progress_permille;
    }
    if (s->stop) {
        queue_watch_stop(s->q, s->stop);
        s->stop = NULL;
    }
}

static struct seen *watch(struct rig *r, int64_t tenant, struct id job)
{
    struct seen *s = arena_alloc(r->a, sizeof *s);

    s->q = r->q;
    s->watch = (struct queue_watch){.tenant = tenant, .job = job, .on_news = on_news, .owner = s};
    queue_watch_start(r->q, &s->watch);
    return s;
}

TEST(a_watch_hears_of_each_state_of_its_job_and_of_no_other)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");
    struct seen *s = watch(r, RIG_TENANT, id);
    struct seen *foreign = watch(r, RIG_TENANT + 1, id);

    rig_enqueue(r, "mail", "send");
    CHECK_INT(s->calls, 0);
    struct job *j = rig_take(r, "w", "mail");

    CHECK_INT(s->last.state, JOB_PROCESSING);
    const int calls = s->calls;

    CHECK_INT(rig_report(r, j, 1, REPORT_COMPLETE).rc, RC_OK);
    CHECK_INT(s->last.state, JOB_COMPLETED);
    CHECK_TRUE(s->calls > calls);
    CHECK_TRUE(s->last.last_seq > 0);
    CHECK_INT(foreign->calls, 0); /* J13 */
    CHECK_INT(queue_metrics(r->q).watches, 2);
    rig_close(r);
}

TEST(a_watch_may_stop_itself_and_its_neighbour_while_news_are_told)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");
    struct seen *a = watch(r, RIG_TENANT, id), *b = watch(r, RIG_TENANT, id), *c = watch(r, RIG_TENANT, id);

    c->stop = &b->watch; /* told first: the newest */
    a->stop = &a->watch;
    CHECK_INT(rig_act(r, ACT_CANCEL, id), RC_OK);
    rig_settle(r);
    CHECK_INT(c->calls, 1);
    CHECK_INT(b->calls, 0);
    CHECK_INT(a->calls, 1);
    CHECK_INT(queue_metrics(r->q).watches, 1);
    queue_watch_stop(r->q, &b->watch); /* again is fine */
    rig_close(r);
}

TEST(a_drain_is_the_last_news_of_every_watch)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");
    struct seen *a = watch(r, RIG_TENANT, id), *b = watch(r, RIG_TENANT, id);

    queue_drain(r->q, NULL, NULL);
    CHECK_TRUE(a->last.draining && b->last.draining);
    CHECK_INT(queue_metrics(r->q).watches, 0);
    queue_watch_stop(r->q, &a->watch);
    rig_close(r);
}

static struct report_verdict tell_progress(struct rig *r, const struct job *j, int64_t n, int64_t permille)
{
    return rig_report_with(r, (struct report){.job = j->id,
                                              .lease = j->lease,
                                              .n = n,
                                              .op = REPORT_PROGRESS,
                                              .progress_permille = permille,
                                              .progress_message = STR("on it"),
                                              .retry_after_ms = -1});
}

TEST(fast_progress_is_told_live_but_stored_once_a_second_and_at_the_end)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w", "mail");
    struct seen *s = watch(r, RIG_TENANT, id);

    CHECK_INT(tell_progress(r, j, 1, 100).rc, RC_OK);
    CHECK_INT(tell_progress(r, j, 2, 200).rc, RC_OK);
    CHECK_INT(tell_progress(r, j, 3, 300).rc, RC_OK);
    CHECK_INT(s->progress_calls, 3);
    CHECK_INT(s->last_permille, 300);
    CHECK_INT(rig_job(r, id)->progress_permille, 100);
    rig_skip_ms(r, 1100);
    CHECK_INT(tell_progress(r, j, 4, 400).rc, RC_OK);
    CHECK_INT(rig_job(r, id)->progress_permille, 400);
    CHECK_INT(tell_progress(r, j, 5, 500).rc, RC_OK);
    CHECK_INT(rig_job(r, id)->progress_permille, 400);
    CHECK_INT(rig_report(r, j, 6, REPORT_COMPLETE).rc, RC_OK);
    CHECK_INT(rig_job(r, id)->progress_permille, 500);
    rig_close(r);
}

TEST(a_heartbeat_stores_the_progress_that_was_only_told_live)
{
    struct rig *r = rig_open();
    struct id id = rig_enqueue(r, "mail", "send");
    struct job *j = rig_take(r, "w", "mail");

    CHECK_INT(tell_progress(r, j, 1, 100).rc, RC_OK);
    CHECK_INT(tell_progress(r, j, 2, 200).rc, RC_OK);
    rig_skip_ms(r, 1100);
    CHECK_INT(rig_report(r, j, 3, REPORT_HEARTBEAT).rc, RC_OK);
    CHECK_INT(rig_job(r, id)->progress_permille, 200);
    CHECK_STR(rig_job(r, id)->progress_message, STR("on it"));
    rig_close(r);
}

static int feed_calls;

static void on_change(struct queue_feed *f, const struct store_change *c)
{
    CHECK_INT(c->tenant, f->tenant);
    feed_calls++;
}

TEST(a_feed_hears_of_every_change_of_its_tenant)
{
    struct rig *r = rig_open();
    struct queue_feed mine = {.tenant = RIG_TENANT, .on_change = on_change};
    struct queue_feed foreign = {.tenant = RIG_TENANT + 1, .on_change = on_change};

    queue_feed_start(r->q, &mine);
    queue_feed_start(r->q, &foreign);
    struct id id = rig_enqueue(r, "mail", "send");

    CHECK_INT(feed_calls, 1);
    CHECK_INT(rig_act(r, ACT_CANCEL, id), RC_OK);
    CHECK_INT(feed_calls, 2);
    queue_feed_stop(r->q, &mine);
    rig_enqueue(r, "mail", "send");
    CHECK_INT(feed_calls, 2);
    rig_close(r);
}
