/* child.c: the process of a slot: jobs in, handlers run, ends out. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker/attempt.h"
#include "worker/messages.h"
#include "worker/sandbox.h"

const struct handler *handler_of(struct str kind)
{
    for (size_t i = 0; handlers[i]; i++) {
        if (str_eq(kind, str_from(handlers[i]->kind))) {
            return handlers[i];
        }
    }
    return NULL;
}

static enum error_class class_of(enum rc rc)
{
    switch (rc) {
    case RC_INVALID:
    case RC_NOT_FOUND:
    case RC_DENIED:
    case RC_TOO_BIG:
        return ERROR_PERMANENT;
    case RC_FATAL:
        return ERROR_CRASH;
    default:
        return ERROR_TRANSIENT;
    }
}

static struct str text_member(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v ? v->s : STR("");
}

static struct str raw_member(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type != JSON_NULL ? v->raw : STR("");
}

static void run_job(struct arena *a, const struct json *message, struct buf *in, struct parse_process *lanes)
{
    const struct json *job = json_get(message, STR("job"));
    const struct json *number = json_get(job, STR("attempt"));
    struct str name = text_member(message, "handler");
    struct err err = {0};
    struct attempt at = {
        .a = a,
        .handler = handler_of(name),
        .job_id = text_member(job, "id"),
        .batch_id = text_member(job, "finally_of"),
        .args = raw_member(job, "args"),
        .checkpoint = raw_member(job, "checkpoint"),
        .number = number ? number->i : 0,
        .limits = json_get(job, STR("limits")),
        .is_cancelling = json_get(job, STR("cancelling")) != NULL,
        .scratch = arena_c_str(a, text_member(message, "scratch")),
        .options = json_get(message, STR("options")),
        .in = in,
        .lanes = lanes,
    };
    if (!at.handler) {
        attempt_fail(&at, ERROR_TRANSIENT, "unknown_kind", "this worker has no handler %.*s", STR_ARG(name));
        return;
    }
    if (!at.handler->is_folderless && chdir(at.scratch)) {
        attempt_fail(&at, ERROR_TRANSIENT, "no_scratch", "%s: %s", at.scratch, strerrorname_np(errno));
        return;
    }
    enum rc rc = at.handler->run(&at, &err);
    if (!at.has_ended) {
        attempt_fail(&at, rc ? class_of(rc) : ERROR_TRANSIENT, err.code ? err.code : "no_outcome", "%s",
                     rc ? err.text : "the handler returned without completing the job");
    }
    if (!at.handler->is_folderless) {
        (void)!chdir("/"); /* the scratch folder goes away now */
    }
}

int worker_child_main(void)
{
    struct buf in = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct parse_process lanes[PARSE_LANES] = {0};
    sandbox_enter_fetch();
    if (message_send(MESSAGE_FD, STR("{\"ready\":true}\n"), NULL)) {
        return 1; /* nobody is there */
    }
    for (;;) {
        struct str line;
        size_t used;
        while (!message_next(&in, &line, &used)) {
            char *room = buf_reserve(&in, 65536);
            ssize_t n = room ? read(MESSAGE_FD, room, 65536) : 0;
            if (n < 0 && errno == EINTR) {
                continue;
            }
            if (n <= 0) {
                for (int i = 0; i < PARSE_LANES; i++) {
                    parse_process_stop(&lanes[i]);
                }
                buf_dispose(&in);
                return 0;
            }
            in.n += (size_t)n;
        }
        struct arena *a = arena_new();
        struct json *message = NULL;
        struct str kept = arena_str(a, line);
        buf_drop_front(&in, used);
        if (json_parse_envelope(kept, a, &message, NULL) == RC_OK && json_get(message, STR("job"))) {
            run_job(a, message, &in, lanes);
        } /* else: a cancel that crossed the end of its job */
        arena_free(a);
    }
}

int worker_parse_main(const char *kind)
{
    const struct handler *h = handler_of(str_from(kind));
    if (!h || !h->parse) {
        return 2;
    }
    if (h->prepare) {
        h->prepare();
    }
    sandbox_enter_parse();
    return parse_process_serve(h->parse);
}
