/* cmd_bench.c: the load generator; bench/run.sh drives it through the workloads of docs/performance.md. */
#include "client/config.h"
#include "cmd/bench_load.h"
#include "cmd/command.h"

int cmd_bench(const struct options *o)
{
    struct client_config server;
    struct err e = {0};
    const struct str *queues = NULL;
    if (client_config_load(options_str(o, "url").p, options_str(o, "key").p, &server, &e)) {
        return command_fail(o, EXIT_FAILED, "%s", e.text);
    }
    struct bench_options b = {
        .url = server.url,
        .key = server.key,
        .workload = options_arg(o, 0).p,
        .seconds = options_int(o, "seconds"),
        .jobs = options_int(o, "jobs"),
        .in_flight = options_int(o, "in-flight"),
        .batch = options_int(o, "batch"),
        .streams = options_int(o, "streams"),
        .watched = options_int(o, "watched"),
        .slow = options_int(o, "slow"),
        .events = options_int(o, "events"),
        .queue = options_list(o, "queue", &queues) ? queues[0].p : "bench",
    };
    enum rc rc = bench_load_run(&b, &e);
    return rc ? command_fail(o, command_exit_code(rc), "%s", e.text) : EXIT_OK;
}
