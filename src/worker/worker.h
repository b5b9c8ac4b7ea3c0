/* worker.h: the supervisor behind `stint work`: claims jobs over HTTP like any stranger, runs each in a child process,
 * renews its lease, carries its reports, and ends it when it must end. */
#ifndef STINT_WORKER_WORKER_H
#define STINT_WORKER_WORKER_H

#include "client/config.h"

struct worker_exec { /* --exec KIND=COMMAND */
    const char *kind, *command;
};

struct worker_option { /* handed to handlers: attempt_option() */
    const char *name, *value;
};

struct worker_options {
    struct client_config server;
    const char *const *queues; /* ends with NULL; NULL = "default" */
    const char *const *kinds;  /* ends with NULL; NULL = all built-in ones and the exec ones */
    const struct worker_exec *execs;
    size_t exec_count;
    const struct worker_option *options;
    size_t option_count;
    int slots;                /* 0 = number of cores */
    const char *name;         /* NULL = host:pid */
    const char *scratch_base; /* NULL = see scratch.h */
    int64_t lease_ms;         /* 0 = the server's */
    int64_t wait_ms;          /* long poll of a claim; once: how long to wait for the one job */
    int64_t drain_ms;         /* 0 = 30 s */
    bool once;
};

/* Works until SIGTERM or SIGINT (then: no more claims, running jobs get drain_ms, what is left is released), or, with once, until
 * one job is done or none came. Blocks; owns the process's signals. RC_NOT_FOUND: once, and there was no job.
 * RC_DENIED: the server refused the key. */
MUST_CHECK enum rc worker_run(const struct worker_options *o, struct err *e);

#endif
