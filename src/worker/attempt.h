/* attempt.h: inside worker/: the child's side of handler.h. */
#ifndef STINT_WORKER_ATTEMPT_H
#define STINT_WORKER_ATTEMPT_H

#include "worker/handler.h"
#include "worker/parse_process.h"

struct attempt {
    struct arena *a;
    const struct handler *handler;
    struct str job_id, batch_id, args, checkpoint;
    int64_t number;
    const char *scratch;
    const struct json *options;
    const struct json *limits; /* of the job: keys, or {"key", "weight"}; NULL = none */
    struct buf *in;            /* bytes from the supervisor, not yet taken */
    bool is_cancelled, is_cancelling, has_ended, is_end_told, is_holding;
    struct buf held;             /* lines for the supervisor that wait for the job's end */
    struct parse_process *lanes; /* PARSE_LANES of them; they outlive the attempt */
};

/* ---- attempt.c, for attempt_asks.c: messages of the form {"name":{ … }} */
void attempt_message_begin(struct json_out *w, const char *name);
void attempt_message_end(struct attempt *at, struct json_out *w); /* sends it, or holds it */
void attempt_send_tokens(struct attempt *at, const char *name, const struct limit_use *uses,
                         size_t count);     /* {"name":{key: n, …}} */
void attempt_send_held(struct attempt *at); /* what waits, and nothing waits from now on */

/* ---- child.c */
/* The whole life of a slot's child: takes jobs from MESSAGE_FD one after another, runs them with the handler of their kind, ends when
 * the supervisor closes. Returns the exit code. */
int worker_child_main(void);
/* The whole life of a parse process: frames on descriptor 0 in, on 1 out. */
int worker_parse_main(const char *kind);

const struct handler *handler_of(struct str kind);

#endif
