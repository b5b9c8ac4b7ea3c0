/* parse_process.h: a process that turns hostile bytes into an answer and can be thrown away. One request at a time; frames of
 * four length bytes (little endian), one verdict byte in answers (an enum rc), and the payload. */
#ifndef STINT_WORKER_PARSE_PROCESS_H
#define STINT_WORKER_PARSE_PROCESS_H

#include <sys/types.h>

#include "base/buf.h"

#define PARSE_LANES           4
#define PARSE_FRAME_MAX_BYTES (64u << 20)

struct parse_process {
    pid_t pid; /* 0 = not running */
    int fd;
};

/* Starts the process when it does not run, asks, waits at most timeout_ms. RC_BUSY: out of time; RC_FATAL: it died;
 * both end the process. Any other rc is the parser's own. One thread at a time per process. */
MUST_CHECK enum rc parse_process_ask(struct parse_process *p, const char *kind, struct str request,
                                     int64_t timeout_ms, struct buf *answer, struct err *e);
void parse_process_stop(struct parse_process *p);
/* Serves requests until the other side closes. */
int parse_process_serve(enum rc (*parse)(struct str request, struct buf *answer, struct err *e));

#endif
