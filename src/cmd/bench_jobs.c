/* bench_jobs.c: W1 … W5: enqueue one by one, many at once and in bulk; import; drain; the time from enqueue to start. */
#include "base/clock.h"
#include "cmd/bench_int.h"

#define JOB_BYTES 512

/* ---- enqueue: W1 (1 in flight), W2 (64 in flight), W3 (1,000 a request); import: the same as lines ---- */

struct producer {
    struct bench *b;
    struct str body; /* of every request: made before the clock runs, the server's speed is to be measured */
    int64_t sent_us;
};

static void produce(struct producer *p);

static void on_enqueued(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct producer *p = ctx;
    struct bench *b = p->b;
    (void)call;
    b->in_flight--;
    if (a->rc || a->status >= 300) {
        bench_failed(b, a);
    } else {
        b->jobs += b->o->batch;
        bench_sample(b, clock_mono_us() - p->sent_us);
    }
    if (!bench_is_over(b) && b->errors == 0) {
        produce(p);
    } else if (b->in_flight == 0) {
        bench_stop(b);
    }
}

static void produce(struct producer *p)
{
    p->b->in_flight++;
    p->sent_us = clock_mono_us();
    (void)bench_post(p->b, STR("/v1/jobs"), p->body, p, on_enqueued);
}

static struct str body_of(struct bench *b, int64_t number)
{
    struct buf body = BUF_LIMIT((size_t)b->o->batch * JOB_BYTES);
    bool is_array = !b->sends_lines && b->o->batch > 1;
    for (int64_t i = 0; i < b->o->batch; i++) {
        if (is_array) {
            buf_append_char(&body, i ? ',' : '[');
        }
        bench_write_job(&body, b, number + i);
        buf_append_char(&body, '\n');
    }
    if (is_array) {
        buf_append_char(&body, ']');
    }
    return buf_give(&body, b->a);
}

static void start_enqueue(struct bench *b)
{
    struct producer *list = arena_array(b->a, struct producer, (size_t)b->o->in_flight);
    for (int64_t i = 0; i < b->o->in_flight; i++) {
        list[i] = (struct producer){.b = b, .body = body_of(b, i * 1000000)};
    }
    b->started_us = clock_mono_us();
    for (int64_t i = 0; i < b->o->in_flight; i++) {
        produce(&list[i]);
    }
}

const struct bench_workload bench_enqueue = {
    "enqueue", "jobs of 186 bytes, --in-flight requests of --batch jobs each (W1, W2, W3)", start_enqueue};

static void start_import(struct bench *b)
{
    b->sends_lines = true;
    b->fields[1].value = STR("application/x-ndjson");
    start_enqueue(b);
}

const struct bench_workload bench_import = {
    "import", "as enqueue, but the --batch jobs of a request are NDJSON, one a line", start_import};

/* ---- get: the limit of HTTP itself, for a server that answers at once (bench/limits/http_empty.c) ---- */

static void ask(struct producer *p);

static void on_got(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct producer *p = ctx;
    (void)call;
    p->b->in_flight--;
    if (a->rc || a->status != 200) {
        bench_failed(p->b, a);
    } else {
        p->b->jobs++;
        bench_sample(p->b, clock_mono_us() - p->sent_us);
    }
    if (!bench_is_over(p->b) && p->b->errors == 0) {
        ask(p);
    } else if (p->b->in_flight == 0) {
        bench_stop(p->b);
    }
}

static void ask(struct producer *p)
{
    p->b->in_flight++;
    p->sent_us = clock_mono_us();
    (void)bench_post(p->b, STR("/"), p->body, p, on_got);
}

static void start_post(struct bench *b)
{
    struct producer *list = arena_array(b->a, struct producer, (size_t)b->o->in_flight);
    for (int64_t i = 0; i < b->o->in_flight; i++) {
        struct buf body = BUF_LIMIT(JOB_BYTES);
        bench_write_job(&body, b, i);
        list[i] = (struct producer){.b = b, .body = buf_give(&body, b->a)};
        ask(&list[i]);
    }
}

const struct bench_workload bench_post_only = {
    "post", "requests of the size of a job that any server answers, --in-flight at once: HTTP's own limit",
    start_post};

/* ---- drain: W4: claim and complete in batches; the completion of one batch and the claim of the next go out together ---- */

struct consumer {
    struct bench *b;
    struct buf claim;
    int64_t sent_us, reports; /* on their way */
    bool is_claiming;
};

struct completion {
    struct consumer *c;
    struct buf body;
};

static void consume(struct consumer *c);

static void consumer_settled(struct consumer *c)
{
    if (!c->is_claiming && !c->reports && --c->b->in_flight == 0) {
        bench_stop(c->b);
    }
}

static void on_reported(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct completion *done = ctx;
    struct consumer *c = done->c;
    (void)call;
    if (a->rc || a->status != 200 || str_find(a->body, STR("\"status\":4"), 0) < a->body.n) {
        bench_failed(c->b, a);
    }
    buf_dispose(&done->body);
    mem_free(done);
    c->reports--;
    consumer_settled(c);
}

static int64_t complete_all(struct consumer *c, const struct json *jobs)
{
    int64_t count = 0;
    struct completion *done = mem_alloc(sizeof(*done));
    *done = (struct completion){.c = c, .body = BUF_LIMIT((size_t)c->b->o->batch * JOB_BYTES)};
    for (const struct json *j = jobs ? jobs->first : NULL; j; j = j->next, count++) {
        const struct json *id = json_get(j, STR("id"));
        const struct json *lease = json_get(j, STR("lease"));
        buf_printf(&done->body,
                   "%s{\"job\":\"%.*s\",\"lease\":%lld,\"n\":1,\"op\":\"complete\",\"result\":{\"ok\":true}}",
                   count ? "," : "[", STR_ARG(id->s), (long long)lease->i);
    }
    buf_append_char(&done->body, ']');
    if (!count) {
        buf_dispose(&done->body);
        mem_free(done);
        return 0;
    }
    c->reports++;
    (void)bench_post(c->b, STR("/v1/reports"), buf_str(&done->body), done, on_reported);
    return count;
}

static void on_claimed(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct consumer *c = ctx;
    struct arena *arena = arena_new();
    struct json *root = NULL;
    int64_t count = 0;
    (void)call;
    c->is_claiming = false;
    if (a->rc || (a->status != 200 && a->status != 204)) {
        bench_failed(c->b, a);
    } else if (a->status == 200 && json_parse(a->body, arena, &root, NULL) == RC_OK) {
        bench_sample(c->b, clock_mono_us() - c->sent_us);
        count = complete_all(c, json_get(root, STR("jobs")));
    }
    arena_free(arena);
    c->b->jobs += count;
    if (count && !c->b->errors) {
        consume(c);
    } else {
        consumer_settled(c);
    }
}

static void consume(struct consumer *c)
{
    c->is_claiming = true;
    c->sent_us = clock_mono_us();
    (void)bench_post(c->b, STR("/v1/claims"), buf_str(&c->claim), c, on_claimed);
}

static void start_drain(struct bench *b)
{
    struct consumer *list = arena_array(b->a, struct consumer, (size_t)b->o->in_flight);
    for (int64_t i = 0; i < b->o->in_flight; i++) {
        list[i] = (struct consumer){.b = b, .claim = BUF_LIMIT(1024)};
        buf_printf(
            &list[i].claim,
            "{\"worker\":\"bench-%lld\",\"queues\":[\"%s\"],\"kinds\":[\"bench\"],\"max\":%lld,\"wait_s\":0}",
            (long long)i, b->o->queue, (long long)b->o->batch);
        b->in_flight++;
        consume(&list[i]);
    }
}

const struct bench_workload bench_drain = {
    "drain", "claims and completes what is queued, --batch at a time, --in-flight loops (W4)", start_drain};

/* ---- latency: W5: a worker waits, a job comes each 20 ms ---- */

#define GAP_MS 20

struct latency {
    struct bench *b;
    struct loop_timer timer;
    struct buf claim, job, report;
    int64_t enqueued_us, number;
    int open; /* enqueue, claim and report of this job that were not answered yet */
};

static void wait_for_job(struct latency *l);

/* The next job comes when everything about this one is answered: the bodies are used again. */
static void settle(struct latency *l)
{
    if (--l->open > 0) {
        return;
    }
    if (bench_is_over(l->b) || l->b->errors) {
        bench_stop(l->b);
        return;
    }
    int64_t gone_us = clock_mono_us() - l->enqueued_us;
    wait_for_job(l);
    timer_start(l->b->loop, &l->timer, gone_us < GAP_MS * 1000 ? GAP_MS - gone_us / 1000 : 1);
}

static void on_settled(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct latency *l = ctx;
    (void)call;
    if (a->rc || a->status >= 300) {
        bench_failed(l->b, a);
    }
    settle(l);
}

static void on_latency_timer(struct loop_timer *t)
{
    struct latency *l = LOOP_OWNER(t, struct latency, timer);
    buf_clear(&l->job);
    bench_write_job(&l->job, l->b, l->number++);
    l->enqueued_us = clock_mono_us();
    l->open++;
    (void)bench_post(l->b, STR("/v1/jobs"), buf_str(&l->job), l, on_settled);
}

static void complete_job(struct latency *l, const struct json *job)
{
    buf_clear(&l->report);
    buf_printf(&l->report, "[{\"job\":\"%.*s\",\"lease\":%lld,\"n\":1,\"op\":\"complete\"}]",
               STR_ARG(json_get(job, STR("id"))->s), (long long)json_get(job, STR("lease"))->i);
    l->open++;
    (void)bench_post(l->b, STR("/v1/reports"), buf_str(&l->report), l, on_settled);
}

static void on_started(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct latency *l = ctx;
    struct json *root = NULL;
    struct arena *arena = arena_new();
    int64_t now_us = clock_mono_us();
    (void)call;
    if (a->rc || a->status != 200 || json_parse(a->body, arena, &root, NULL)) {
        bench_failed(l->b, a);
    } else {
        bench_sample(l->b, now_us - l->enqueued_us);
        l->b->jobs++;
        complete_job(l, json_get(root, STR("jobs"))->first);
    }
    arena_free(arena);
    settle(l);
}

static void wait_for_job(struct latency *l)
{
    l->open++;
    (void)bench_post(l->b, STR("/v1/claims"), buf_str(&l->claim), l, on_started);
}

static void start_latency(struct bench *b)
{
    struct latency *l = arena_alloc(b->a, sizeof(*l));
    *l = (struct latency){.b = b,
                          .claim = BUF_LIMIT(1024),
                          .job = BUF_LIMIT(JOB_BYTES),
                          .report = BUF_LIMIT(1024),
                          .timer.run = on_latency_timer};
    buf_printf(&l->claim,
               "{\"worker\":\"bench\",\"queues\":[\"%s\"],\"kinds\":[\"bench\"],\"max\":1,\"wait_s\":20}",
               b->o->queue);
    wait_for_job(l);
    timer_start(b->loop, &l->timer, GAP_MS);
}

const struct bench_workload bench_latency = {
    "latency", "an idle worker and a job each 20 ms: from the enqueue to the start (W5)", start_latency};
