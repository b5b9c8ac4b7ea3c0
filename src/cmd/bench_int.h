/* bench_int.h: what the workloads share: the run, its samples, and a request helper. Only bench_*.c include it. */
#ifndef STINT_CMD_BENCH_INT_H
#define STINT_CMD_BENCH_INT_H

#include "base/json.h"
#include "cmd/bench_load.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct bench {
    const struct bench_options *o;
    struct loop *loop;
    struct http_client *http;
    char authorization[300];
    struct http_field fields[2];
    struct arena *a;
    int64_t started_us, ended_us;
    int64_t jobs;      /* done */
    int64_t in_flight; /* requests */
    int64_t errors;
    bool sends_lines; /* NDJSON instead of an array */
    int64_t *samples_us;
    size_t sample_count, sample_room;
    struct buf extra; /* more members for the printed line: `,"name":1` */
    struct err err;
};

struct bench_workload {
    const char *name, *help;
    void (*start)(struct bench *b);
};

extern const struct bench_workload bench_enqueue, bench_import, bench_drain, bench_latency, bench_fanout,
    bench_post_only;

void bench_sample(struct bench *b, int64_t us);
bool bench_is_over(const struct bench *b); /* by jobs or by time */
void bench_stop(struct bench *b);
void bench_failed(struct bench *b,
                  const struct http_answer *a); /* counts; the first one is kept for people */
/* Sends JSON; body must live until done. */
struct http_call *bench_post(struct bench *b, struct str path, struct str body, void *ctx,
                             void (*on_done)(void *ctx, struct http_call *call, const struct http_answer *a));
/* A job of 186 bytes of args, as the peers' harness sends, into `out`. */
void bench_write_job(struct buf *out, const struct bench *b, int64_t number);

#endif
