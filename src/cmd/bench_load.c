/* bench_load.c: the run around a workload, and the line it prints. */
#include "cmd/bench_load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cmd/bench_int.h"

static const struct bench_workload *const workloads[] = {
    &bench_enqueue, &bench_import, &bench_drain, &bench_latency, &bench_fanout, &bench_post_only, NULL};

void bench_sample(struct bench *b, int64_t us)
{
    if (b->sample_count == b->sample_room) {
        b->sample_room = b->sample_room ? b->sample_room * 2 : 4096;
        b->samples_us = mem_grow(b->samples_us, b->sample_room * sizeof(*b->samples_us));
    }
    b->samples_us[b->sample_count++] = us;
}

bool bench_is_over(const struct bench *b)
{
    return (b->o->jobs && b->jobs >= b->o->jobs) ||
           (b->o->seconds && clock_mono_us() - b->started_us >= b->o->seconds * 1000000);
}

void bench_stop(struct bench *b)
{
    b->ended_us = clock_mono_us();
    loop_stop(b->loop);
}

void bench_failed(struct bench *b, const struct http_answer *a)
{
    if (b->errors++ == 0) {
        err_set(&b->err, RC_BUSY, "%s %.*s", a->rc ? a->err->text : "the server answered",
                a->rc ? 0 : (int)(a->body.n > 200 ? 200 : a->body.n), a->body.p);
    }
}

struct http_call *bench_post(struct bench *b, struct str path, struct str body, void *ctx,
                             void (*on_done)(void *ctx, struct http_call *call, const struct http_answer *a))
{
    struct http_call_options o = {.method = HTTP_POST,
                                  .path = path,
                                  .fields = b->fields,
                                  .field_count = 2,
                                  .body = body,
                                  .ctx = ctx,
                                  .on_done = on_done};
    return http_call_start(b->http, &o);
}

void bench_write_job(struct buf *out, const struct bench *b, int64_t number)
{
    buf_printf(
        out,
        "{\"queue\":\"%s\",\"kind\":\"bench\",\"args\":{\"user\":%lld,\"email\":\"user%lld@example.org\","
        "\"template\":\"welcome\",\"locale\":\"en-GB\",\"note\":"
        "\"0123456789012345678901234567890123456789012345678"
        "90123456789012345678901234567890123456789\"}}",
        b->o->queue, (long long)number, (long long)number);
}

static int compare(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x;
    int64_t b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static double percentile_ms(const struct bench *b, double p)
{
    size_t i = (size_t)((double)b->sample_count * p);
    return b->sample_count ? (double)b->samples_us[i < b->sample_count ? i : b->sample_count - 1] / 1000 : 0;
}

static void print_line(struct bench *b)
{
    double seconds = (double)(b->ended_us - b->started_us) / 1e6;
    qsort(b->samples_us, b->sample_count, sizeof(*b->samples_us), compare);
    (void)printf(
        "{\"workload\":\"%s\",\"in_flight\":%lld,\"batch\":%lld,\"jobs\":%lld,\"seconds\":%.3f,\"rate\":%.0f,"
        "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"errors\":%lld%s}\n",
        b->o->workload, (long long)b->o->in_flight, (long long)b->o->batch, (long long)b->jobs, seconds,
        seconds > 0 ? (double)b->jobs / seconds : 0, percentile_ms(b, 0.5), percentile_ms(b, 0.99),
        percentile_ms(b, 1), (long long)b->errors, buf_c_str(&b->extra));
}

static const struct bench_workload *find(const char *name)
{
    for (size_t i = 0; workloads[i]; i++) {
        if (str_eq(str_from(name), str_from(workloads[i]->name))) {
            return workloads[i];
        }
    }
    return NULL;
}

enum rc bench_load_run(const struct bench_options *o, struct err *e)
{
    const struct bench_workload *w = find(o->workload);
    struct bench b = {.o = o, .extra = BUF_LIMIT(4096)};
    struct http_client_options http = {.url = str_from(o->url)};
    if (!w) {
        return err_set(e, RC_INVALID, "%s is no workload (see stint bench --help)", o->workload);
    }
    b.loop = loop_new();
    b.a = arena_new();
    /* A loop of drain has a claim and a report on their way; fanout has its streams beside them. */
    http.connections = (size_t)(o->streams + o->slow + 2 * o->in_flight + 2);
    enum rc rc = http_client_new(b.loop, &http, &b.http, e);
    if (rc) {
        goto out;
    }
    str_print(b.authorization, sizeof(b.authorization), "Bearer %s", o->key);
    b.fields[0] = (struct http_field){STR("Authorization"), str_from(b.authorization)};
    b.fields[1] = (struct http_field){STR("Content-Type"), STR("application/json")};
    b.started_us = clock_mono_us();
    w->start(&b);
    loop_run(b.loop);
    print_line(&b);
    if (b.errors) {
        rc = err_set(e, RC_BUSY, "%lld requests failed; the first: %s", (long long)b.errors, b.err.text);
    }
out:
    http_client_free(b.http);
    loop_free(b.loop);
    arena_free(b.a);
    buf_dispose(&b.extra);
    mem_free(b.samples_us);
    return rc;
}
