/* remote.c: the client of the commands. */
#include "cmd/remote.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "client/client.h"
#include "core/job.h"

int remote_open(struct remote *r, const struct options *o)
{
    struct stint_error e = {0};
    *r = (struct remote){.o = o, .a = arena_new(), .path = BUF_LIMIT(16384)};
    r->client = stint_open(options_str(o, "url").p, options_str(o, "key").p, &e);
    return r->client ? EXIT_OK : remote_fail(r, &e);
}

void remote_close(struct remote *r)
{
    stint_close(r->client);
    arena_free(r->a);
    buf_dispose(&r->path);
}

int remote_fail(const struct remote *r, const struct stint_error *e)
{
    switch (e->code) {
    case STINT_ECONNECT:
        return command_fail(r->o, EXIT_UNREACHABLE, "no server answers (%s). Start one with: stint dev",
                            e->message);
    case STINT_ENOTFOUND:
        return command_fail(r->o, EXIT_NOT_FOUND, "%s", e->message);
    case STINT_EDENIED:
        return command_fail(r->o, EXIT_DENIED, "%s (give a key with --key or STINT_KEY)", e->message);
    case STINT_EINVALID:
        return command_fail(r->o, EXIT_USAGE, "%s", e->message);
    default:
        return command_fail(r->o, EXIT_FAILED, "%s", e->message);
    }
}

int remote_try(struct remote *r, const char *method, struct str body, struct str key, const struct json **out,
               struct stint_error *e)
{
    struct client_reply reply = {0};
    struct json *root = NULL;
    struct err err = {0};
    struct client_request q = {.path = remote_target(r), .body = body};
    if (!http_method_parse(str_from(method), &q.method)) {
        return client_error(e, STINT_EINVALID, "%s is not a method", method);
    }
    if (key.n) {
        q.header_name = STR("Idempotency-Key");
        q.header_value = key;
    }
    int code = client_request(r->client, &q, &reply, e);
    struct str text = arena_str(r->a, buf_str(&reply.body));
    client_reply_dispose(&reply);
    if (!code && text.n && json_parse_envelope(text, r->a, &root, &err)) {
        return client_error(e, STINT_EUNKNOWN, "the server's answer is not JSON: %s", err.text);
    }
    if (!code && out) {
        *out = root;
    }
    return code;
}

int remote_call(struct remote *r, const char *method, struct str path, struct str body,
                const struct json **out)
{
    struct stint_error e = {0};
    if (path.p != r->path.p) {
        remote_path(r, "%.*s", STR_ARG(path));
    }
    return remote_try(r, method, body, STR_NONE, out, &e) ? remote_fail(r, &e) : EXIT_OK;
}

void remote_path(struct remote *r, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_clear(&r->path);
    buf_append_c(&r->path, text);
}

void remote_segment(struct remote *r, struct str s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < s.n; i++) {
        if (str_find_char(str_from(plain), s.p[i], 0) < sizeof(plain) - 1) {
            buf_append_char(&r->path, s.p[i]);
        } else {
            buf_printf(&r->path, "%%%02X", (unsigned char)s.p[i]);
        }
    }
}

void remote_query(struct remote *r, const char *name, struct str value)
{
    if (value.n) {
        bool is_first = str_find_char(buf_str(&r->path), '?', 0) == r->path.n;
        buf_printf(&r->path, "%c%s=", is_first ? '?' : '&', name);
        remote_segment(r, value);
    }
}

struct str remote_target(struct remote *r)
{
    return (struct str){buf_c_str(&r->path), r->path.n};
}

void remote_print_json(const struct json *v)
{
    if (v) {
        (void)fwrite(v->raw.p, 1, v->raw.n, stdout);
        (void)putchar('\n');
    }
}

bool remote_is_final(const struct json *job)
{
    enum job_state state = JOB_BLOCKED;
    return job_state_parse(json_text(job, "state"), &state) && job_state_is_final(state);
}

int64_t number_of(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && (v->type == JSON_INT || v->type == JSON_BOOL)
               ? v->i
               : (v && v->type == JSON_REAL ? (int64_t)v->d : 0);
}

int64_t time_of(const struct json *o, const char *name)
{
    int64_t at = 0;
    return time_parse(json_text(o, name), &at) ? at : 0;
}

const struct json *first_of(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v ? v->first : NULL;
}
