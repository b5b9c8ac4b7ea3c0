/* bench_streams.c: one job's events fanned out to many open streams, one event each 100 ms: how late the last reader gets each. */
#include "base/clock.h"
#include "cmd/bench_int.h"

#define EVENT_GAP_MS 100

struct fanout {
    struct bench *b;
    struct loop_timer timer;
    char job[40], events_path[80];
    int64_t lease, n, n_events, opened, sent_us;
    struct buf claim, report;
    bool is_over;
};

static void next_event(struct fanout *f);

static void on_reported(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    (void)call;
    if (a->rc || a->status != 200) {
        bench_failed(f->b, a);
    }
    if (f->is_over && f->b->jobs != f->n_events * f->b->o->streams && !f->b->errors++) {
        err_set(&f->b->err, RC_BUSY, "%lld deliveries of %lld events to %lld streams", (long long)f->b->jobs,
                (long long)f->n_events, (long long)f->b->o->streams);
    }
    if (f->is_over || f->b->errors) {
        bench_stop(f->b);
    } else {
        timer_start(f->b->loop, &f->timer, EVENT_GAP_MS);
    }
}

static void on_timer(struct loop_timer *t)
{
    next_event(LOOP_OWNER(t, struct fanout, timer));
}

static void next_event(struct fanout *f)
{
    f->is_over = bench_is_over(f->b);
    buf_clear(&f->report);
    buf_printf(&f->report, "[{\"job\":\"%s\",\"lease\":%lld,\"n\":%lld,\"op\":\"%s\"%s}]", f->job,
               (long long)f->lease, (long long)++f->n, f->is_over ? "complete" : "progress",
               f->is_over ? ""
                          : ",\"events\":[{\"type\":\"page\",\"data\":{\"url\":\"https://docs.example.org/a/"
                            "page\",\"n\":1}}]");
    f->sent_us = clock_mono_us();
    f->n_events += f->is_over ? 0 : 1;
    (void)bench_post(f->b, STR("/v1/reports"), buf_str(&f->report), f, on_reported);
}

static bool on_piece(void *ctx, struct http_call *call, struct str piece)
{
    struct fanout *f = ctx;
    (void)call;
    if (str_find(piece, STR("event: page"), 0) < piece.n || str_find(piece, STR("event:page"), 0) < piece.n) {
        f->b->jobs++; /* deliveries */
        bench_sample(f->b, clock_mono_us() - f->sent_us);
    }
    return true;
}

static bool on_head(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    (void)call;
    if (a->status != 200) {
        bench_failed(f->b, a);
    }
    if (++f->opened == f->b->o->streams) {
        f->timer.run = on_timer;
        f->b->started_us = clock_mono_us();
        timer_start(f->b->loop, &f->timer, EVENT_GAP_MS);
    }
    return true;
}

static void on_stream_done(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    (void)call;
    if (!f->is_over) {
        bench_failed(f->b, a);
        bench_stop(f->b);
    }
}

static void open_streams(struct fanout *f)
{
    for (int64_t i = 0; i < f->b->o->streams; i++) {
        struct http_call_options o = {.method = HTTP_GET,
                                      .path = str_from(f->events_path),
                                      .fields = f->b->fields,
                                      .field_count = 1,
                                      .ctx = f,
                                      .on_head = on_head,
                                      .on_data = on_piece,
                                      .on_done = on_stream_done};
        (void)http_call_start(f->b->http, &o);
    }
}

static void on_claimed(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    struct json *root = NULL;
    (void)call;
    if (a->rc || a->status != 200 || json_parse(a->body, f->b->a, &root, NULL)) {
        bench_failed(f->b, a);
        bench_stop(f->b);
        return;
    }
    const struct json *job = json_get(root, STR("jobs"))->first;
    str_copy(f->job, sizeof(f->job), json_get(job, STR("id"))->s);
    f->lease = json_get(job, STR("lease"))->i;
    str_print(f->events_path, sizeof(f->events_path), "/v1/jobs/%s/events", f->job);
    open_streams(f);
}

static void on_enqueued(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    (void)call;
    if (a->rc || a->status >= 300) {
        bench_failed(f->b, a);
        bench_stop(f->b);
        return;
    }
    (void)bench_post(f->b, STR("/v1/claims"), buf_str(&f->claim), f, on_claimed);
}

static void start_fanout(struct bench *b)
{
    struct fanout *f = arena_alloc(b->a, sizeof(*f));
    *f = (struct fanout){.b = b, .claim = BUF_LIMIT(1024), .report = BUF_LIMIT(4096)};
    buf_printf(&f->claim,
               "{\"worker\":\"bench\",\"queues\":[\"%s\"],\"kinds\":[\"bench\"],\"max\":1,\"wait_s\":5,"
               "\"lease_s\":600}",
               b->o->queue);
    bench_write_job(&f->report, b, 1);
    (void)bench_post(b, STR("/v1/jobs"), buf_str(&f->report), f, on_enqueued);
}

const struct bench_workload bench_fanout = {
    "fanout", "one job's events to --streams open streams, one each 100 ms", start_fanout};
