/* slot_upload.c: the files that a job leaves go to the server beside its reports, some at once, as soon as its handler says that
 * they are finished: by the time it ends most of them are there. What the server does not take early is offered again at the end,
 * whose answer decides about the job. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/supervisor.h"

static bool is_at_end(const struct slot *s)
{
    return s->end == SLOT_COMPLETE;
}

static void forget_call(struct slot_artifact *f)
{
    f->call = NULL;
    close(f->fd);
    f->fd = -1;
}

static void refuse(struct slot_artifact *f, const struct http_answer *answer)
{
    char text[300];
    str_print(text, sizeof(text), "artifact %.*s was refused with %d: %.*s", STR_ARG(f->name), answer->status,
              (int)(answer->body.n > 150 ? 150 : answer->body.n), answer->body.p);
    if (answer->status == 409) {
        struct err e;
        err_set(&e, RC_LEASE_LOST, "%s", text);
        slot_lost_lease(f->s, &e);
    } else {
        slot_end_with(f->s, ERROR_PERMANENT, "artifact_refused", text);
    }
}

static void on_upload_done(void *ctx, struct http_call *call, const struct http_answer *answer)
{
    struct slot_artifact *f = ctx;
    struct slot *s = f->s;
    bool is_later = answer->rc || answer->status >= 500 || answer->status == 429;
    (void)call;
    forget_call(f);
    if (!answer->rc && answer->status < 300) {
        int64_t good_until_ms = f->sent_at_ms + s->lease_ms;
        f->is_uploaded = true;
        s->lease_good_until_ms =
            good_until_ms > s->lease_good_until_ms ? good_until_ms : s->lease_good_until_ms;
        if (slot_upload(s) && is_at_end(s)) {
            slot_report_now(s);
        }
    } else if (!is_at_end(s)) {
        f->waits_for_end = true;
    } else if (is_later) {
        slot_report_in(s, REPORT_RETRY_MS);
    } else {
        refuse(f, answer);
    }
}

static bool open_file(struct slot_artifact *f, int64_t *bytes)
{
    struct stat st;
    f->fd = scratch_open_file(f->s->scratch, f->path);
    if (f->fd >= 0 && !fstat(f->fd, &st) && S_ISREG(st.st_mode)) {
        *bytes = st.st_size;
        return true;
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    return false;
}

static void start_upload(struct slot_artifact *f, int64_t bytes)
{
    struct slot *s = f->s;
    char path[400];
    str_print(path, sizeof(path), "/v1/jobs/%s/artifacts/%.*s?lease=%lld", id_text(s->job).s,
              STR_ARG(f->name), (long long)s->lease);
    struct http_field fields[2] = {s->sup->fields[0], {STR("Content-Type"), f->media_type}};
    struct http_call_options o = {
        .method = HTTP_PUT,
        .path = str_from(path),
        .fields = fields,
        .field_count = 2,
        .body_fd = f->fd,
        .body_fd_bytes = bytes,
        .timeout_ms = 600000,
        .on_done = on_upload_done,
        .ctx = f,
    };
    f->sent_at_ms = loop_now_ms(s->sup->loop);
    f->call = http_call_start(s->sup->http, &o);
}

/* Of a name the later file counts: it waits for the earlier one. */
static bool has_earlier(const struct slot *s, const struct slot_artifact *f)
{
    for (const struct slot_artifact *o = s->artifacts; o < f; o++) {
        if (!o->is_uploaded && str_eq(o->name, f->name)) {
            return true;
        }
    }
    return false;
}

bool slot_upload(struct slot *s)
{
    size_t running = 0;
    size_t left = 0;
    for (size_t i = 0; i < s->artifact_count; i++) {
        running += s->artifacts[i].call != NULL;
    }
    for (size_t i = 0; i < s->artifact_count; i++) {
        struct slot_artifact *f = &s->artifacts[i];
        int64_t bytes = 0;
        left += !f->is_uploaded;
        if (f->is_uploaded || f->call || running == SLOT_UPLOADS || has_earlier(s, f) ||
            (f->waits_for_end && !is_at_end(s))) {
            continue;
        }
        if (open_file(f, &bytes)) {
            start_upload(f, bytes);
            running++;
        } else if (is_at_end(s)) {
            slot_end_with(s, ERROR_PERMANENT, "artifact_missing",
                          "a file that should become an artifact is not there");
            return false;
        } else {
            f->waits_for_end = true;
        }
    }
    return !left;
}

void slot_upload_cancel(struct slot *s)
{
    for (size_t i = 0; i < s->artifact_count; i++) {
        if (s->artifacts[i].call) {
            http_call_cancel(s->artifacts[i].call);
            forget_call(&s->artifacts[i]);
        }
    }
}
