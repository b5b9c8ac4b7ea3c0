/* bench_load.h: the load generator behind `stint bench`: one thread, one loop, n requests in flight over kept connections, each
 * answer timed. The workloads are those of docs/performance.md (W1 … W5 and the fan-out of streams). */
#ifndef STINT_CMD_BENCH_LOAD_H
#define STINT_CMD_BENCH_LOAD_H

#include "base/str.h"

struct bench_options {
    const char *url, *key;
    const char *workload; /* a row of the table in bench_load.c */
    int64_t seconds;      /* at most */
    int64_t jobs;         /* at most; for drain: how many are queued */
    int64_t in_flight;    /* requests at once */
    int64_t batch;        /* jobs a request */
    int64_t streams;      /* for fanout: how many are open … */
    int64_t watched;      /* … on so many jobs … */
    int64_t events;       /* … that have so many events a second in all */
    int64_t slow;         /* readers of the first of them, beside the others, that take a byte a second */
    const char *queue;    /* jobs of this queue */
};

/* Prints one line of JSON: {"workload","jobs","seconds","rate","p50_ms","p99_ms","errors",…}. RC_INVALID: no such workload. */
MUST_CHECK enum rc bench_load_run(const struct bench_options *o, struct err *e);

#endif
