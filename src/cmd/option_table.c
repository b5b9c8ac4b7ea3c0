/* option_table.c: every option of the program, one row each; see options.h. Another one? Add the row, name it in the
 * sub-command's row in main.c, and describe it in docs/config.md. */
#include "cmd/options.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define MIB    (1LL << 20)

const struct option option_table[] = {
    /* the server */
    {"store", OPT_TEXT, "STORE", "sqlite:var/stint.db", 0, 0,
     "where everything is kept: sqlite:PATH, or memory: (gone at the end)"},
    {"listen", OPT_TEXT, "HOST:PORT", "127.0.0.1:7420", 0, 0,
     "address to listen on; port 0 takes any free one"},
    {"port-file", OPT_TEXT, "PATH", NULL, 0, 0, "write the server's URL to this file when it is ready"},
    {"drain", OPT_DURATION, "TIME", "30s", 0, HOUR, "on SIGTERM: how long to wait for what is still running"},
    {"log-level", OPT_TEXT, "LEVEL", "info", 0, 0, "debug, info, warn or error"},
    {"max-body", OPT_SIZE, "SIZE", "1m", 1024, 256 * MIB, "largest body of an ordinary request"},
    {"max-connections", OPT_INT, "N", "10000", 1, 1000000, "connections at once; more get 503"},
    {"max-waiting-claims", OPT_INT, "N", "10000", 1, 1000000, "claims that wait at once; more get 503"},
    {"max-streams", OPT_INT, "N", "100", 1, 1000000, "event streams at once for one key"},
    {"claim-wait", OPT_DURATION, "TIME", "60s", SECOND, HOUR, "longest time a claim may wait for jobs"},
    {"event-heartbeat", OPT_DURATION, "TIME", "15s", 10, HOUR, "comment line on a stream that has no events"},
    {"head-timeout", OPT_DURATION, "TIME", "10s", 10, HOUR,
     "from the first byte of a request to the end of its head"},
    {"body-timeout", OPT_DURATION, "TIME", "10s", 10, HOUR,
     "for a body, plus a second for each KiB that came"},
    {"idle-timeout", OPT_DURATION, "TIME", "75s", 10, HOUR,
     "connections without a request are closed after it"},
    {"progress-every", OPT_DURATION, "TIME", "1s", 0, HOUR, "store a job's progress at most this often"},
    {"prune-every", OPT_DURATION, "TIME", "60s", 10, 24 * HOUR,
     "look for what is past its retention at most this often"},
    {"index-timeout", OPT_DURATION, "TIME", "10s", 10, HOUR, "longest time of one query of a code index"},
    /* keys */
    {"tenant", OPT_TEXT, "NAME", "default", 0, 0, "tenant of the key; made when it is new"},
    {"name", OPT_TEXT, "NAME", "", 0, 0, "what the key is for, to find it again in the list"},
    {"scopes", OPT_TEXT, "LIST", "enqueue,read,work,admin", 0, 0, "what the key may do, comma-separated"},
    {"queues", OPT_TEXT, "LIST", "", 0, 0, "only these queues, comma-separated; empty = all"},
    {"expires", OPT_DURATION, "TIME", "forever", SECOND, INT64_MAX, "how long the key is good"},
    /* the client */
    {"url", OPT_TEXT, "URL", NULL, 0, 0, "the server; default: ./var/dev.json, then http://127.0.0.1:7420"},
    {"key", OPT_TEXT, "KEY", NULL, 0, 0, "API key; default: ./var/dev.json"},
    {"json", OPT_FLAG, NULL, NULL, 0, 0, "print JSON, for programs"},
    {NULL, OPT_FLAG, NULL, NULL, 0, 0, NULL},
};
