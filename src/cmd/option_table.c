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
     "where everything is kept: sqlite:PATH, postgresql://USER@HOST/DATABASE, or memory: (gone at the end)"},
    {"store-unsafe", OPT_FLAG, NULL, NULL, 0, 0,
     "start even if PostgreSQL may lose what it has committed (fsync = off and the like)"},
    {"store-listen", OPT_TEXT, "DSN", NULL, 0, 0,
     "where to LISTEN: PostgreSQL itself, when --store names a pooler in transaction mode"},
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
    /* jobs */
    {"queue", OPT_LIST, "QUEUE", NULL, 0, 0,
     "queue of the job; for work: queues to take jobs from (several)"},
    {"kind", OPT_LIST, "KIND", NULL, 0, 0, "kind of job (for work: several; default: all it can do)"},
    {"tag", OPT_LIST, "TAG", NULL, 0, 0, "tag of the job (several)"},
    {"state", OPT_TEXT, "STATE", NULL, 0, 0, "only jobs in this state"},
    {"limit", OPT_INT, "N", "20", 1, 1000, "at most so many"},
    {"priority", OPT_INT, "N", NULL, -32768, 32767, "lower runs first; default 0"},
    {"delay", OPT_DURATION, "TIME", NULL, 0, INT64_MAX / 2, "not before this time has passed"},
    {"max-attempts", OPT_INT, "N", NULL, 1, 1000, "tries that count"},
    {"timeout", OPT_DURATION, "TIME", NULL, SECOND, 7 * 24 * HOUR, "longest run of one attempt"},
    {"unique-key", OPT_TEXT, "KEY", NULL, 0, 0, "only one live job with this key"},
    {"wait", OPT_FLAG, NULL, NULL, 0, 0, "follow the job to its end; the exit code tells how it went"},
    /* workers */
    {"slots", OPT_INT, "N", NULL, 1, 1024, "jobs at once; default: the number of cores"},
    {"exec", OPT_LIST, "KIND=COMMAND", NULL, 0, 0, "do jobs of this kind with a command (several)"},
    {"once", OPT_FLAG, NULL, NULL, 0, 0, "do one job and end; exit code 4 when there was none"},
    {"lease", OPT_DURATION, "TIME", NULL, SECOND, 12 * HOUR, "how long this worker may stay silent"},
    {"scratch", OPT_TEXT, "PATH", NULL, 0, 0, "folder for the private files of running jobs"},
    {"allow-path", OPT_LIST, "PATH", NULL, 0, 0,
     "index-repo may read local repositories below this folder (several)"},
    {"providers", OPT_TEXT, "FILE", NULL, 0, 0, "run-prompt: the language models' providers, a JSON file"},
    {"worker-name", OPT_TEXT, "NAME", NULL, 0, 0, "name in the list of workers; default HOST:PID"},
    {"dev-file", OPT_TEXT, "PATH", "./var/dev.json", 0, 0,
     "where dev, or a server that is given it, leaves its address and a key (mode 0600)"},
    /* code index */
    {"repo", OPT_TEXT, "REPO", NULL, 0, 0,
     "URL or path of the repository; default: the only one, or this folder's"},
    {"ref", OPT_TEXT, "REF", NULL, 0, 0, "branch, tag or commit; default HEAD"},
    {"include", OPT_LIST, "GLOB", NULL, 0, 0, "only files that match (several)"},
    {"exclude", OPT_LIST, "GLOB", NULL, 0, 0, "no files that match (several)"},
    {"force", OPT_FLAG, NULL, NULL, 0, 0, "index again although the commit did not change"},
    {"detach", OPT_FLAG, NULL, NULL, 0, 0, "print the job's id and do not wait for it"},
    {"path", OPT_TEXT, "PREFIX", NULL, 0, 0, "only files below this path"},
    {"status", OPT_TEXT, "STATUS", NULL, 0, 0, "only files that are ok, partial, skipped or failed"},
    {"reverse", OPT_FLAG, NULL, NULL, 0, 0, "who depends on the file, instead of what it depends on"},
    {"depth", OPT_TEXT, "N", "1", 0, 0, "how many steps: a number, or all"},
    /* bench */
    {"seconds", OPT_INT, "N", "5", 1, 600, "longest run of the workload"},
    {"jobs", OPT_INT, "N", "0", 0, 100000000, "end after so many jobs; 0 = by time"},
    {"in-flight", OPT_INT, "N", "1", 1, 100000, "requests at once"},
    {"batch", OPT_INT, "N", "1", 1, 10000, "jobs of one request"},
    {"streams", OPT_INT, "N", "2000", 1, 100000, "open event streams"},
    {NULL, OPT_FLAG, NULL, NULL, 0, 0, NULL},
};
