/* jobs.c: enqueue, look, wait, cancel: one request each. */
#include <string.h>

#include "base/json.h"
#include "client/client.h"

#define WAIT_STEP_S 30 /* of one long poll */

static char *text_or_null(struct str s)
{
    return s.p && s.n ? mem_c_str(s) : NULL;
}

static char *raw_or_null(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type != JSON_NULL ? mem_c_str(v->raw) : NULL;
}

static void copy_member(const struct json *o, const char *name, char *to, size_t size)
{
    const struct json *v = json_get(o, str_from(name));
    str_copy(to, size, v && v->type == JSON_STRING ? v->s : STR(""));
}

static int64_t int_member(const struct json *o, const char *name, int64_t otherwise)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_INT ? v->i : otherwise;
}

struct stint_job *client_job_from(const struct json *o)
{
    struct stint_job *j = mem_alloc(sizeof(*j));
    const struct json *progress = json_get(json_get(o, STR("progress")), STR("percent"));
    const struct json *timeout = json_get(o, STR("timeout_s"));
    copy_member(o, "id", j->id, sizeof(j->id));
    copy_member(o, "state", j->state, sizeof(j->state));
    copy_member(o, "reason", j->reason, sizeof(j->reason));
    j->attempt = (int)int_member(o, "attempt", 0);
    j->lease = int_member(o, "lease", 0);
    j->timeout_ms = timeout && timeout->type != JSON_NULL ? (int64_t)(timeout->d * 1000) : 0;
    j->progress =
        progress && (progress->type == JSON_INT || progress->type == JSON_REAL) ? progress->d / 100 : -1;
    const struct json *queue = json_get(o, STR("queue"));
    const struct json *kind = json_get(o, STR("kind"));
    j->queue = queue ? text_or_null(queue->s) : NULL;
    j->kind = kind ? text_or_null(kind->s) : NULL;
    j->args = raw_or_null(o, "args");
    j->checkpoint = raw_or_null(o, "checkpoint");
    j->children = raw_or_null(o, "children");
    copy_member(o, "parent", j->parent, sizeof(j->parent));
    copy_member(o, "root", j->root, sizeof(j->root));
    const struct json *cancelling = json_get(o, STR("cancelling"));
    j->cancelling = cancelling && cancelling->type == JSON_BOOL && cancelling->i;
    j->result = raw_or_null(o, "result");
    j->error = raw_or_null(o, "error");
    return j;
}

void stint_job_free(struct stint_job *j)
{
    if (!j) {
        return;
    }
    mem_free(j->queue);
    mem_free(j->kind);
    mem_free(j->args);
    mem_free(j->checkpoint);
    mem_free(j->children);
    mem_free(j->result);
    mem_free(j->error);
    mem_free(j);
}

static void put_options(struct json_out *w, const struct stint_job_options *o)
{
    if (o->queue) {
        json_put_c(w, "queue", o->queue);
    }
    if (o->priority) {
        json_put_int(w, "priority", o->priority);
    }
    if (o->delay_ms) {
        json_put_real(w, "delay_s", (double)o->delay_ms / 1000);
    }
    if (o->max_attempts) {
        json_put_int(w, "max_attempts", o->max_attempts);
    }
    if (o->timeout_ms) {
        json_put_real(w, "timeout_s", (double)o->timeout_ms / 1000);
    }
    if (o->unique_key) {
        json_put_c(w, "unique_key", o->unique_key);
    }
}

static int parse_reply(struct client_reply *reply, struct arena *a, struct json **out, struct stint_error *e)
{
    struct err err = {0};
    if (json_parse_envelope(buf_str(&reply->body), a, out, &err)) {
        return client_error(e, STINT_EUNKNOWN, "the server's answer is not JSON: %s", err.text);
    }
    return STINT_OK;
}

int stint_enqueue(struct stint_client *c, const char *kind, const char *args_json,
                  const struct stint_job_options *o, struct stint_enqueued *out, struct stint_error *e)
{
    struct buf body = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&body);
    struct arena *a = arena_new();
    struct json *answer = NULL;
    struct client_request r = {.method = HTTP_POST, .path = STR("/v1/jobs")};
    struct client_reply reply = {0};

    json_object_begin(&w);
    json_put_c(&w, "kind", kind);
    if (args_json) {
        json_put_raw(&w, "args", str_from(args_json));
    }
    if (o) {
        put_options(&w, o);
    }
    json_object_end(&w);
    if (o && o->idempotency_key) {
        r.header_name = STR("Idempotency-Key");
        r.header_value = str_from(o->idempotency_key);
    }
    r.body = buf_str(&body);
    int code = client_request(c, &r, &reply, e);
    if (!code) {
        code = parse_reply(&reply, a, &answer, e);
    }
    if (!code) {
        const struct json *d = json_get(answer, STR("duplicate"));
        copy_member(answer, "id", out->id, sizeof(out->id));
        out->duplicate = d && d->type == JSON_BOOL && d->i;
    }
    client_reply_dispose(&reply);
    buf_dispose(&body);
    arena_free(a);
    return code;
}

static int get_job(struct stint_client *c, const char *id, int wait_s, struct stint_job **out,
                   struct stint_error *e)
{
    char path[128];
    struct arena *a = arena_new();
    struct json *answer = NULL;
    struct client_reply reply = {0};
    if (wait_s > 0) {
        str_print(path, sizeof(path), "/v1/jobs/%s?wait=%d", id, wait_s);
    } else {
        str_print(path, sizeof(path), "/v1/jobs/%s", id);
    }
    struct client_request r = {
        .method = HTTP_GET, .path = str_from(path), .timeout_ms = CLIENT_CALL_MS + wait_s * 1000};
    int code = client_request(c, &r, &reply, e);
    if (!code) {
        code = parse_reply(&reply, a, &answer, e);
    }
    if (!code) {
        *out = client_job_from(answer);
    }
    client_reply_dispose(&reply);
    arena_free(a);
    return code;
}

int stint_get(struct stint_client *c, const char *id, struct stint_job **out, struct stint_error *e)
{
    return get_job(c, id, 0, out, e);
}

static bool is_final(const char *state)
{
    return !strcmp(state, "completed") || !strcmp(state, "failed") || !strcmp(state, "cancelled") ||
           !strcmp(state, "skipped");
}

int stint_wait(struct stint_client *c, const char *id, int64_t timeout_ms, struct stint_job **out,
               struct stint_error *e)
{
    int64_t left_ms = timeout_ms;
    while (left_ms > 0) {
        struct stint_job *j = NULL;
        int64_t left_s = (left_ms + 999) / 1000;
        int step_s = left_s < WAIT_STEP_S ? (int)left_s : WAIT_STEP_S;
        int code = get_job(c, id, step_s, &j, e);
        if (code) {
            return code;
        }
        if (is_final(j->state)) {
            *out = j;
            return STINT_OK;
        }
        stint_job_free(j);
        left_ms -= (int64_t)step_s * 1000;
    }
    return client_error(e, STINT_ETIMEOUT, "job %s did not end within %lld ms", id, (long long)timeout_ms);
}

int stint_call(struct stint_client *c, const char *method, const char *path, const char *body_json,
               struct stint_answer *out, struct stint_error *e)
{
    struct client_reply reply = {0};
    struct client_request r = {.path = str_from(path), .body = str_from(body_json)};
    if (!http_method_parse(str_from(method), &r.method)) {
        return client_error(e, STINT_EINVALID, "%s is not a method", method);
    }
    int code = client_request(c, &r, &reply, e);
    if (out) {
        out->status = reply.status;
        out->body = mem_c_str(buf_str(&reply.body));
    }
    client_reply_dispose(&reply);
    return code;
}

int stint_cancel(struct stint_client *c, const char *id, struct stint_error *e)
{
    char path[128];
    str_print(path, sizeof(path), "/v1/jobs/%s/cancel", id);
    return stint_call(c, "POST", path, NULL, NULL, e);
}
