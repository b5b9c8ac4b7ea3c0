/* store.c: what our own store gives in one process, without HTTP and JSON: beside sqlite.c it shows what its meaning costs
 * (leases, history, counts, changes), beside W3 and W4 what the server around it costs.
 * usage: store DIR BATCH JOBS     enqueues JOBS, then claims and completes BATCH at a time until none is left */
#include "store/store.h"

#include "limit.h"

#include <stdio.h>

#define ARGS_BYTES 200
#define TENANT     1

static struct store *store;
static char args[ARGS_BYTES];

static void run(struct store_op *op)
{
    struct err e = {0};
    if (store_run(store, op, &e)) {
        limit_fail(store_op_name(op->kind), e.text);
    }
}

static void enqueue(struct arena *a, size_t count)
{
    struct store_enqueue op;
    struct job_spec *specs = arena_array(a, struct job_spec, count);
    for (size_t i = 0; i < count; i++) {
        specs[i] = (struct job_spec){.queue = STR("bench"), .kind = STR("noop"), .args = {args, ARGS_BYTES}};
    }
    store_init(&op.op, sizeof op, STORE_ENQUEUE, a);
    op.tenant = TENANT;
    op.specs = specs;
    op.count = count;
    run(&op.op);
}

static struct store_claim claim(struct arena *a, int64_t max)
{
    static const struct str queue = {"bench", 5}, kind = {"noop", 4};
    struct store_claim op;
    store_init(&op.op, sizeof op, STORE_CLAIM, a);
    op.tenant = TENANT;
    op.worker = STR("bench-worker");
    op.queues = &queue;
    op.queue_count = 1;
    op.kinds = &kind;
    op.kind_count = 1;
    op.max = max;
    run(&op.op);
    return op;
}

static void complete(struct arena *a, const struct store_claim *claimed)
{
    struct store_report op;
    struct report *items = arena_array(a, struct report, claimed->count);
    for (size_t i = 0; i < claimed->count; i++) {
        items[i] = (struct report){.job = claimed->jobs[i].id,
                                   .lease = claimed->jobs[i].lease,
                                   .n = 1,
                                   .hash = 1,
                                   .op = REPORT_COMPLETE,
                                   .result = STR("{}"),
                                   .progress_permille = -1};
    }
    store_init(&op.op, sizeof op, STORE_REPORT, a);
    op.tenant = TENANT;
    op.items = items;
    op.count = claimed->count;
    run(&op.op);
    for (size_t i = 0; i < op.count; i++) {
        if (op.verdicts[i].rc) {
            limit_fail("complete", op.verdicts[i].e.text);
        }
    }
}

static void print(const char *what, int64_t batch, int64_t jobs, int64_t us)
{
    printf("{\"limit\":\"store %s, batches of %lld\",\"unit\":\"jobs/s\",\"rate\":%.0f}\n", what,
           (long long)batch, (double)jobs * 1e6 / (double)(us > 0 ? us : 1));
    (void)fflush(stdout);
}

static void drain(struct arena *a, int64_t batch, int64_t jobs)
{
    int64_t claim_us = 0, complete_us = 0, begin = clock_mono_us();
    for (int64_t done = 0; done < jobs;) {
        int64_t t0 = clock_mono_us();
        struct store_claim op = claim(a, batch);
        int64_t t1 = clock_mono_us();
        complete(a, &op);
        claim_us += t1 - t0;
        complete_us += clock_mono_us() - t1;
        done += (int64_t)op.count;
        arena_reset(a);
        if (!op.count) {
            limit_fail("claim", "nothing left");
        }
    }
    print("claim", batch, jobs, claim_us);
    print("complete", batch, jobs, complete_us);
    print("claim+complete", batch, jobs, clock_mono_us() - begin);
}

static int64_t resident_kib(void)
{
    char line[256];
    long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        (void)sscanf(line, "VmRSS: %lld", &kib);
    }
    if (f) {
        (void)fclose(f);
    }
    return kib;
}

int main(int count, char **words)
{
    struct err e = {0};
    char path[4096];
    if (count != 4) {
        limit_fail("usage", "store DIR BATCH JOBS");
    }
    int64_t batch = limit_number(words[2]), jobs = limit_number(words[3]);
    memset(args, '1', sizeof args);
    str_print(path, sizeof path, "%s/store-bench.db", words[1]);
    if (store_open(&store, path, NULL, &e)) {
        limit_fail("open", e.text);
    }
    struct arena *a = arena_new();
    int64_t begin = clock_mono_us();
    for (int64_t done = 0; done < jobs; done += batch) {
        enqueue(a, (size_t)batch);
        arena_reset(a);
    }
    print("enqueue", batch, jobs, clock_mono_us() - begin);
    printf("{\"limit\":\"store resident with %lld queued\",\"unit\":\"KiB\",\"rate\":%lld}\n",
           (long long)jobs, (long long)resident_kib());
    drain(a, batch, jobs);
    arena_free(a);
    store_close(store);
    return 0;
}
