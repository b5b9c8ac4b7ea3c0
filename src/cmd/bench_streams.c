/* bench_streams.c: events of some jobs to many open streams. Each event carries the moment of its report, each reader finds it there:
 * so every delivery is timed by itself, whatever is late. */
#include "base/clock.h"
#include "cmd/bench_int.h"
#include "cmd/bench_slow.h"

#define TICK_MS      10
#define PER_TICK_MAX 1000 /* reports in one request */
#define LATE_MS      20000

/* A reader of one stream of the fan-out: finds `"t":123` in pieces that may break anywhere. */
struct reader {
    struct fanout *f;
    int64_t value, count;
    uint8_t matched;
    bool is_second; /* a slow one that was cut, and came back */
};

struct watched {
    struct str id;
    int64_t lease, n, streams;
};

struct fanout {
    struct bench *b;
    struct loop_timer timer;
    struct watched *jobs;
    int64_t job_count, opened, sent, expected, over_at_us;
    struct reader *readers, *second;
    struct slow_reader *slow;
    int64_t cut, byte_at_us;
    struct buf body;
    bool is_reporting, is_over;
};

static void fail(struct fanout *f, const struct http_answer *a)
{
    bench_failed(f->b, a);
    bench_stop(f->b);
}

/* ---- reports ---- */

static void on_reported(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;

    (void)call;
    f->is_reporting = false;
    if (a->rc || a->status != 200 || str_find(a->body, STR("\"status\":4"), 0) < a->body.n) {
        fail(f, a);
    }
}

static void report(struct fanout *f, int64_t due)
{
    buf_clear(&f->body);
    buf_append_c(&f->body, "[");
    for (int64_t i = 0; i < due; i++) {
        struct watched *w = &f->jobs[f->sent++ % f->job_count];
        buf_printf(&f->body,
                   "%s{\"job\":\"%.*s\",\"lease\":%lld,\"n\":%lld,\"op\":\"progress\",\"events\":[{\"type\":"
                   "\"page\",\"data\":"
                   "{\"url\":\"https://docs.example.org/a/page\",\"t\":%lld}}]}",
                   i ? "," : "", STR_ARG(w->id), (long long)w->lease, (long long)++w->n,
                   (long long)clock_mono_us());
        f->expected += w->streams;
    }
    buf_append_c(&f->body, "]");
    f->is_reporting = true;
    (void)bench_post(f->b, STR("/v1/reports"), buf_str(&f->body), f, on_reported);
}

/* ---- readers of the first job that take a byte a second, are cut for it, and come back from the start at full speed ---- */

static void open_stream(struct fanout *f, struct reader *r, const struct watched *w);

static void slow_bytes(struct fanout *f, int64_t now)
{
    if (now - f->byte_at_us < 1000000) {
        return;
    }
    f->byte_at_us = now;
    for (int64_t i = 0; i < f->b->o->slow; i++) {
        if (f->slow[i].fd >= 0 && !slow_reader_take_byte(&f->slow[i])) {
            f->second[f->cut] = (struct reader){.f = f, .is_second = true};
            open_stream(f, &f->second[f->cut++], &f->jobs[0]);
        }
    }
}

static enum rc open_slow(struct fanout *f, struct err *e)
{
    const struct bench_options *o = f->b->o;
    char path[80];
    enum rc rc = RC_OK;

    f->slow = arena_alloc(f->b->a, sizeof *f->slow * (size_t)(o->slow + 1));
    f->second = arena_alloc(f->b->a, sizeof *f->second * (size_t)(o->slow + 1));
    str_print(path, sizeof path, "/v1/jobs/%.*s/events", STR_ARG(f->jobs[0].id));
    for (int64_t i = 0; i < o->slow && !rc; i++) {
        rc = slow_reader_open(&f->slow[i], str_from(o->url), str_from(path), f->b->authorization, e);
    }
    return rc;
}

/* Of those that came back: each must have had every event. */
static int64_t behind(const struct fanout *f)
{
    int64_t n = 0;

    for (int64_t i = 0; i < f->cut; i++) {
        n += f->second[i].count != f->jobs[0].n;
    }
    return n;
}

static void finish(struct fanout *f)
{
    if (f->b->jobs != f->expected && !f->b->errors++) {
        err_set(&f->b->err, RC_BUSY, "%lld deliveries, %lld of %lld events to %lld streams were expected",
                (long long)f->b->jobs, (long long)f->expected, (long long)f->sent,
                (long long)f->b->o->streams);
    }
    buf_printf(
        &f->b->extra,
        ",\"streams\":%lld,\"watched\":%lld,\"events\":%lld,\"slow\":%lld,\"cut\":%lld,\"behind\":%lld",
        (long long)f->b->o->streams, (long long)f->job_count, (long long)f->sent, (long long)f->b->o->slow,
        (long long)f->cut, (long long)behind(f));
    f->b->ended_us = f->over_at_us;
    loop_stop(f->b->loop);
}

static void on_timer(struct loop_timer *t)
{
    struct fanout *f = LOOP_OWNER(t, struct fanout, timer);
    int64_t now = clock_mono_us();
    int64_t due = (now - f->b->started_us) * f->b->o->events / 1000000 - f->sent;

    if (!f->is_over && bench_is_over(f->b)) {
        f->is_over = true;
        f->over_at_us = now;
    }
    slow_bytes(f, now);
    bool has_all = f->b->jobs == f->expected && behind(f) == 0;
    if (f->is_over && !f->is_reporting && (has_all || now > f->over_at_us + LATE_MS * 1000)) {
        finish(f);
        return;
    }
    if (!f->is_over && !f->is_reporting && due > 0) {
        report(f, due < PER_TICK_MAX ? due : PER_TICK_MAX);
    }
    timer_start(f->b->loop, &f->timer, TICK_MS);
}

/* ---- streams ---- */

static void take_byte(struct reader *r, char c, int64_t now)
{
    static const char key[] = "\"t\":";

    if (r->matched == sizeof key - 1 && c >= '0' && c <= '9') {
        r->value = r->value * 10 + (c - '0');
        return;
    }
    if (r->matched == sizeof key - 1) {
        r->count++;
        if (!r->is_second) {
            r->f->b->jobs++; /* deliveries */
            bench_sample(r->f->b, now - r->value);
        }
        r->matched = 0;
        r->value = 0;
    }
    r->matched = c == key[r->matched] ? (uint8_t)(r->matched + 1) : c == key[0];
}

static bool on_piece(void *ctx, struct http_call *call, struct str piece)
{
    struct reader *r = ctx;
    int64_t now = clock_mono_us();

    (void)call;
    for (size_t i = 0; i < piece.n; i++) {
        take_byte(r, piece.p[i], now);
    }
    return true;
}

static bool on_head(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ((struct reader *)ctx)->f;

    (void)call;
    if (a->status != 200) {
        bench_failed(f->b, a);
    }
    if (++f->opened == f->b->o->streams) {
        struct err e;
        if (open_slow(f, &e)) {
            fail(f, &(struct http_answer){.rc = e.rc, .err = &e});
            return false;
        }
        f->b->started_us = f->byte_at_us = clock_mono_us();
        timer_start(f->b->loop, &f->timer, TICK_MS);
    }
    return true;
}

static void on_stream_done(void *ctx, struct http_call *call, const struct http_answer *a)
{
    (void)call;
    fail(((struct reader *)ctx)->f, a);
}

static void open_stream(struct fanout *f, struct reader *r, const struct watched *w)
{
    char path[80];

    str_print(path, sizeof path, "/v1/jobs/%.*s/events", STR_ARG(w->id));
    struct http_call_options o = {.method = HTTP_GET,
                                  .path = arena_str(f->b->a, str_from(path)),
                                  .fields = f->b->fields,
                                  .field_count = 1,
                                  .ctx = r,
                                  .on_head = on_head,
                                  .on_data = on_piece,
                                  .on_done = on_stream_done};
    (void)http_call_start(f->b->http, &o);
}

static void open_streams(struct fanout *f)
{
    f->readers = arena_alloc(f->b->a, sizeof *f->readers * (size_t)f->b->o->streams);
    for (int64_t i = 0, at = 0; i < f->b->o->streams; i++, at++) {
        struct watched *w = &f->jobs[at < f->job_count ? at : (at = 0)];
        w->streams++;
        f->readers[i].f = f;
        open_stream(f, &f->readers[i], w);
    }
}

/* ---- the jobs that are watched ---- */

static void on_claimed(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;
    struct json *root = NULL;
    int64_t n = 0;

    (void)call;
    if (a->rc || a->status != 200 || json_parse(arena_str(f->b->a, a->body), f->b->a, &root, NULL)) {
        fail(f, a);
        return;
    }
    for (const struct json *job = json_get(root, STR("jobs"))->first; job && n < f->job_count;
         job = job->next) {
        f->jobs[n++] =
            (struct watched){.id = json_get(job, STR("id"))->s, .lease = json_get(job, STR("lease"))->i};
    }
    if (n < f->job_count) {
        struct err e;
        err_set(&e, RC_BUSY, "%lld jobs were claimed of %lld that were just enqueued", (long long)n,
                (long long)f->job_count);
        fail(f, &(struct http_answer){.rc = e.rc, .err = &e});
        return;
    }
    open_streams(f);
}

static void on_enqueued(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct fanout *f = ctx;

    (void)call;
    if (a->rc || a->status >= 300) {
        fail(f, a);
        return;
    }
    buf_clear(&f->body);
    buf_printf(&f->body,
               "{\"worker\":\"bench\",\"queues\":[\"%s\"],\"kinds\":[\"bench\"],\"max\":%lld,\"wait_s\":5,"
               "\"lease_s\":600}",
               f->b->o->queue, (long long)f->job_count);
    (void)bench_post(f->b, STR("/v1/claims"), buf_str(&f->body), f, on_claimed);
}

static void start_fanout(struct bench *b)
{
    struct fanout *f = arena_alloc(b->a, sizeof *f);

    *f = (struct fanout){
        .b = b, .body = BUF_LIMIT(1 << 20), .job_count = b->o->watched, .timer.run = on_timer};
    f->jobs = arena_alloc(b->a, sizeof *f->jobs * (size_t)f->job_count);
    buf_append_c(&f->body, "[");
    for (int64_t i = 0; i < f->job_count; i++) {
        buf_append_c(&f->body, i ? "," : "");
        bench_write_job(&f->body, b, i);
    }
    buf_append_c(&f->body, "]");
    (void)bench_post(b, STR("/v1/jobs"), buf_str(&f->body), f, on_enqueued);
}

const struct bench_workload bench_fanout = {
    "fanout", "--events a second of --watched jobs to --streams open streams", start_fanout};
