/* report.c: what a worker says about a job. The rows below are the members of one item of POST /v1/reports; which of them go
 * with which op stands in `allowed`. */
#include "wire/wire.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "core/limits.h"
#include "wire/put.h"

#define MESSAGE_MAX_BYTES 1024
#define ARTIFACTS_MAX     64
#define ERROR_TEXT_MAX    (1 << 20) /* what is read; JOB_ERROR_MAX_BYTES of it are kept */
#define MEDIA_TYPE_MAX    127
#define DELAY_MAX_MS      (365LL * 86400000)
#define WAIT_FOREVER_S    1e15 /* what nobody waits for */

static const char *const op_names[REPORT_OPS] = {
    [REPORT_HEARTBEAT] = "heartbeat", [REPORT_PROGRESS] = "progress", [REPORT_COMPLETE] = "complete",
    [REPORT_FAIL] = "fail",           [REPORT_SNOOZE] = "snooze",     [REPORT_WAIT] = "wait",
    [REPORT_RELEASE] = "release"};

static enum rc read_op(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    for (int i = 0; i < REPORT_OPS; i++) {
        if (v->type == JSON_STRING && str_eq(v->s, str_from(op_names[i]))) {
            ((struct report *)to)->op = (enum report_op)i;
            return RC_OK;
        }
    }
    return wire_invalid(e, "op", "op must be heartbeat, progress, complete, fail, snooze, wait or release");
}

static enum rc read_percent(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if ((v->type != JSON_INT && v->type != JSON_REAL) || !(v->d >= 0) || !(v->d <= 100)) {
        return wire_invalid(e, "percent", "percent must be a number from 0 to 100");
    }
    ((struct report *)to)->progress_permille = (int64_t)llround(v->d * 10);
    return RC_OK;
}

/* ---- events ---- */

static const struct wire_field event_fields[] = {
    {STR("type"), WIRE_NAME, offsetof(struct report_event, type), 0, 0, NULL},
    {STR("data"), WIRE_RAW, offsetof(struct report_event, data), 0, JOB_EVENT_MAX_BYTES, NULL},
    {STR("root"), WIRE_BOOL, offsetof(struct report_event, at_root), 0, 0, NULL},
};

/* What the server itself says in a stream, and the names that an EventSource gives to its own events. */
static bool is_reserved(struct str type)
{
    static const struct str words[] = {STR("end"),   STR("reset"), STR("draining"),
                                       STR("state"), STR("error"), STR("open")};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(type, words[i])) {
            return true;
        }
    }
    return false;
}

static enum rc read_event(const struct json *v, struct arena *a, struct report_event *to, struct err *e)
{
    enum rc rc = wire_read(v, WIRE_SHAPE(event_fields), a, to, NULL, e);

    if (rc) {
        return rc;
    }
    if (to->type.n == 0) {
        return wire_invalid(e, "type", "type is missing");
    }
    if (is_reserved(to->type)) {
        return wire_invalid(e, "type", "this type of event is the server's own");
    }
    if (to->data.n == 0) {
        to->data = STR("null");
    }
    return RC_OK;
}

static enum rc read_events(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > WIRE_EVENTS_MAX) {
        return wire_invalid(e, "events", "events must be an array of at most %d", WIRE_EVENTS_MAX);
    }
    struct report_event *events = arena_array(a, struct report_event, v->count + 1);
    for (const struct json *c = v->first; c; c = c->next, n++) {
        enum rc rc = wire_in_item(e, read_event(c, a, &events[n], e), n);
        if (rc) {
            return wire_in_member(e, rc, STR("events"));
        }
    }
    r->events = events;
    r->event_count = n;
    return RC_OK;
}

/* ---- artifacts: the bytes come as text, as base64, or as a JSON value ---- */

struct artifact_in {
    struct str name, media_type, text, base64, json;
};

static const struct wire_field artifact_fields[] = {
    {STR("name"), WIRE_NAME, offsetof(struct artifact_in, name), 0, 0, NULL},
    {STR("media_type"), WIRE_STR, offsetof(struct artifact_in, media_type), 1, MEDIA_TYPE_MAX, NULL},
    {STR("text"), WIRE_STR, offsetof(struct artifact_in, text), 0, INT64_MAX, NULL},
    {STR("base64"), WIRE_STR, offsetof(struct artifact_in, base64), 0, INT64_MAX, NULL},
    {STR("json"), WIRE_RAW, offsetof(struct artifact_in, json), 0, JOB_ARTIFACT_ROW_BYTES, NULL},
};

bool wire_is_media_type(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return str_find_char(s, '/', 0) < s.n;
}

static enum rc read_artifact(const struct json *v, struct arena *a, struct report_artifact *to, struct err *e)
{
    struct artifact_in in = {0};
    enum rc rc = wire_read(v, WIRE_SHAPE(artifact_fields), a, &in, NULL, e);

    if (rc) {
        return rc;
    }
    if (in.name.n == 0) {
        return wire_invalid(e, "name", "name is missing");
    }
    if ((in.text.p != NULL) + (in.base64.p != NULL) + (in.json.p != NULL) != 1) {
        return wire_invalid(e, "", "an artifact has either text, base64 or json");
    }
    if (in.media_type.n > 0 && !wire_is_media_type(in.media_type)) {
        return wire_invalid(e, "media_type", "media_type must be like text/plain");
    }
    *to = (struct report_artifact){.name = in.name, .media_type = in.media_type};
    if (in.base64.p) {
        char *bytes = arena_alloc(a, in.base64.n + 1);
        to->bytes.p = bytes;
        if (!base64_decode(BASE64_STANDARD, in.base64, bytes, in.base64.n, &to->bytes.n)) {
            return wire_invalid(e, "base64", "this is not base64 (RFC 4648, padded)");
        }
    } else {
        to->bytes = in.text.p ? in.text : in.json;
    }
    if (to->media_type.n == 0) {
        to->media_type = in.text.p   ? STR("text/plain; charset=utf-8")
                         : in.json.p ? STR("application/json")
                                     : STR("application/octet-stream");
    }
    if (to->bytes.n > JOB_ARTIFACT_ROW_BYTES) {
        return err_set_code(e, RC_TOO_BIG, "too_big", NULL,
                            "an artifact in a report has at most %d bytes; larger ones are PUT",
                            JOB_ARTIFACT_ROW_BYTES);
    }
    return RC_OK;
}

static enum rc read_artifacts(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > ARTIFACTS_MAX) {
        return wire_invalid(e, "artifacts", "artifacts must be an array of at most %d", ARTIFACTS_MAX);
    }
    struct report_artifact *artifacts = arena_array(a, struct report_artifact, v->count + 1);
    for (const struct json *c = v->first; c; c = c->next, n++) {
        enum rc rc = wire_in_item(e, read_artifact(c, a, &artifacts[n], e), n);
        if (rc) {
            return wire_in_member(e, rc, STR("artifacts"));
        }
    }
    r->artifacts = artifacts;
    r->artifact_count = n;
    return RC_OK;
}

static const struct wire_field publish_fields[] = {
    {STR("artifact"), WIRE_NAME, offsetof(struct report_publish, artifact), 0, 0, NULL},
    {STR("series"), WIRE_STR, offsetof(struct report_publish, series), 1, JOB_KEY_MAX_BYTES, NULL},
    {STR("keep"), WIRE_INT, offsetof(struct report_publish, keep), 1, 1000, NULL},
};

static enum rc read_publish(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > ARTIFACTS_MAX) {
        return wire_invalid(e, "publish", "publish must be an array of at most %d", ARTIFACTS_MAX);
    }
    struct report_publish *rows = arena_array(a, struct report_publish, v->count + 1);
    for (const struct json *c = v->first; c; c = c->next, n++) {
        rows[n].keep = 1;
        enum rc rc = wire_read(c, WIRE_SHAPE(publish_fields), a, &rows[n], NULL, e);
        if (rc == RC_OK && (rows[n].artifact.n == 0 || rows[n].series.n == 0)) {
            rc = wire_invalid(e, rows[n].series.n ? "artifact" : "series",
                              "artifact and series are both needed");
        }
        rc = wire_in_item(e, rc, n);
        if (rc) {
            return wire_in_member(e, rc, STR("publish"));
        }
    }
    r->publish = rows;
    r->publish_count = n;
    return RC_OK;
}

static enum rc read_children(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;

    return wire_children_read(v, a, &r->children, &r->child_count, e);
}

/* ---- limits ---- */

struct token_list {
    const char *name;
    int64_t least;
    struct report_tokens *list;
    size_t count;
};

/* {key: n, …} */
static enum rc read_tokens(const struct json *v, struct arena *a, struct token_list *to, struct err *e)
{
    if (v->type != JSON_OBJECT || v->count == 0 || v->count > LIMITS_PER_JOB) {
        return wire_invalid(e, to->name, "%s must be an object of 1 to %d limit keys", to->name,
                            LIMITS_PER_JOB);
    }
    to->list = arena_array(a, struct report_tokens, v->count);
    for (const struct json *c = v->first; c; c = c->next) {
        if (c->type != JSON_INT || c->i < to->least || c->i > LIMIT_RATE_MAX) {
            return wire_invalid(e, to->name, "%s must hold integers from %lld to %d", to->name,
                                (long long)to->least, LIMIT_RATE_MAX);
        }
        to->list[to->count++] = (struct report_tokens){c->name, c->i};
    }
    return RC_OK;
}

static enum rc read_take(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;
    struct token_list t = {.name = "take", .least = 1};
    enum rc rc = read_tokens(v, a, &t, e);

    r->take = t.list;
    r->take_count = t.count;
    return rc;
}

static enum rc read_correct(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct report *r = to;
    struct token_list t = {.name = "correct", .least = -LIMIT_RATE_MAX};
    enum rc rc = read_tokens(v, a, &t, e);

    r->correct = t.list;
    r->correct_count = t.count;
    return rc;
}

/* ---- errors ---- */

static enum rc read_class(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !error_class_parse(v->s, &((struct job_error *)to)->class)) {
        return wire_invalid(e, "class", "class must be transient, permanent, rate_limited, timeout or crash");
    }
    return RC_OK;
}

static const struct wire_field error_fields[] = {
    {STR("class"), WIRE_CUSTOM, 0, 0, 0, read_class},
    {STR("code"), WIRE_NAME, offsetof(struct job_error, code), 0, 0, NULL},
    {STR("message"), WIRE_STR, offsetof(struct job_error, message), 0, ERROR_TEXT_MAX, NULL},
    {STR("stack"), WIRE_STR, offsetof(struct job_error, stack), 0, ERROR_TEXT_MAX, NULL},
};

static struct str cut(struct str s, size_t max)
{
    if (s.n <= max) {
        return s;
    }
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80) {
        max--;
    }
    return str_sub(s, 0, max);
}

static enum rc read_error(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct job_error *error = &((struct report *)to)->error;
    enum rc rc = wire_read(v, WIRE_SHAPE(error_fields), a, error, NULL, e);

    if (rc) {
        return wire_in_member(e, rc, STR("error"));
    }
    error->message = cut(error->message, JOB_ERROR_MAX_BYTES);
    error->stack = cut(error->stack, JOB_ERROR_MAX_BYTES - error->message.n);
    return RC_OK;
}

/* ---- the item ---- */

enum {
    ROW_JOB,
    ROW_LEASE,
    ROW_N,
    ROW_OP,
    ROW_RESULT,
    ROW_PERCENT,
    ROW_MESSAGE,
    ROW_LEASE_S,
    ROW_EVENTS,
    ROW_CHECKPOINT,
    ROW_ARTIFACTS,
    ROW_PUBLISH,
    ROW_ERROR,
    ROW_RETRY_AFTER,
    ROW_DELAY,
    ROW_CHILDREN,
    ROW_TAKE,
    ROW_CORRECT,
    ROW_PAUSE_KEY,
};

#define AT(member) offsetof(struct report, member)

static const struct wire_field report_fields[] = {
    [ROW_JOB] = {STR("job"), WIRE_ID, AT(job), 0, 0, NULL},
    [ROW_LEASE] = {STR("lease"), WIRE_INT, AT(lease), 1, JOB_LEASE_NUMBER_MAX, NULL},
    [ROW_N] = {STR("n"), WIRE_INT, AT(n), 1, JOB_LEASE_NUMBER_MAX, NULL},
    [ROW_OP] = {STR("op"), WIRE_CUSTOM, 0, 0, 0, read_op},
    [ROW_RESULT] = {STR("result"), WIRE_RAW, AT(result), 0, JOB_RESULT_MAX_BYTES, NULL},
    [ROW_PERCENT] = {STR("percent"), WIRE_CUSTOM, 0, 0, 0, read_percent},
    [ROW_MESSAGE] = {STR("message"), WIRE_STR, AT(progress_message), 0, MESSAGE_MAX_BYTES, NULL},
    [ROW_LEASE_S] = {STR("lease_s"), WIRE_SECONDS, AT(lease_ms), JOB_LEASE_MIN_MS, JOB_LEASE_MAX_MS, NULL},
    [ROW_EVENTS] = {STR("events"), WIRE_CUSTOM, 0, 0, 0, read_events},
    [ROW_CHECKPOINT] = {STR("checkpoint"), WIRE_RAW, AT(checkpoint), 0, JOB_CHECKPOINT_MAX_BYTES, NULL},
    [ROW_ARTIFACTS] = {STR("artifacts"), WIRE_CUSTOM, 0, 0, 0, read_artifacts},
    [ROW_PUBLISH] = {STR("publish"), WIRE_CUSTOM, 0, 0, 0, read_publish},
    [ROW_ERROR] = {STR("error"), WIRE_CUSTOM, 0, 0, 0, read_error},
    [ROW_RETRY_AFTER] = {STR("retry_after_s"), WIRE_SECONDS, AT(retry_after_ms), 0, DELAY_MAX_MS, NULL},
    [ROW_DELAY] = {STR("delay_s"), WIRE_SECONDS, AT(delay_ms), 0, DELAY_MAX_MS, NULL},
    [ROW_CHILDREN] = {STR("children"), WIRE_CUSTOM, 0, 0, 0, read_children},
    [ROW_TAKE] = {STR("take"), WIRE_CUSTOM, 0, 0, 0, read_take},
    [ROW_CORRECT] = {STR("correct"), WIRE_CUSTOM, 0, 0, 0, read_correct},
    [ROW_PAUSE_KEY] = {STR("pause_key"), WIRE_STR, AT(pause_key), 1, LIMIT_KEY_MAX_BYTES, NULL},
};

#define BIT(row) (UINT64_C(1) << (row))
#define ENVELOPE (BIT(ROW_JOB) | BIT(ROW_LEASE) | BIT(ROW_N) | BIT(ROW_OP))
#define TOLD                                                                                                 \
    (BIT(ROW_PERCENT) | BIT(ROW_MESSAGE) | BIT(ROW_EVENTS) | BIT(ROW_CHECKPOINT) | BIT(ROW_ARTIFACTS))

static const uint64_t allowed[REPORT_OPS] = {
    [REPORT_HEARTBEAT] = ENVELOPE | BIT(ROW_LEASE_S),
    [REPORT_PROGRESS] =
        ENVELOPE | BIT(ROW_LEASE_S) | TOLD | BIT(ROW_CHILDREN) | BIT(ROW_TAKE) | BIT(ROW_CORRECT),
    [REPORT_COMPLETE] =
        ENVELOPE | TOLD | BIT(ROW_RESULT) | BIT(ROW_PUBLISH) | BIT(ROW_CHILDREN) | BIT(ROW_CORRECT),
    [REPORT_FAIL] =
        ENVELOPE | TOLD | BIT(ROW_ERROR) | BIT(ROW_RETRY_AFTER) | BIT(ROW_CORRECT) | BIT(ROW_PAUSE_KEY),
    [REPORT_SNOOZE] = ENVELOPE | TOLD | BIT(ROW_DELAY),
    [REPORT_WAIT] = ENVELOPE | TOLD | BIT(ROW_CHILDREN),
    [REPORT_RELEASE] = ENVELOPE | TOLD,
};

static enum rc check_rows(enum report_op op, uint64_t seen, struct err *e)
{
    uint64_t missing = ENVELOPE & ~seen;
    uint64_t extra = seen & ~allowed[op];

    if (op == REPORT_FAIL) {
        missing |= BIT(ROW_ERROR) & ~seen;
    } else if (op == REPORT_SNOOZE) {
        missing |= BIT(ROW_DELAY) & ~seen;
    }
    if (missing) {
        const char *name = report_fields[__builtin_ctzll(missing)].name.p;
        return wire_invalid(e, name, "%s is missing", name);
    }
    if (extra) {
        const char *name = report_fields[__builtin_ctzll(extra)].name.p;
        return wire_invalid(e, name, "%s does not go with %s", name, op_names[op]);
    }
    return RC_OK;
}

/* FNV-1a over the members but lease and n. It tells a repeat from another report of the same worker, no more. */
static int64_t hash_of(const struct json *v)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (const struct json *c = v->first; c; c = c->next) {
        if (str_eq(c->name, STR("lease")) || str_eq(c->name, STR("n"))) {
            continue;
        }
        h = (h ^ str_hash(c->name)) * UINT64_C(0x100000001b3);
        h = (h ^ str_hash(c->raw)) * UINT64_C(0x100000001b3);
    }
    return (int64_t)(h >> 1);
}

enum rc wire_report_read(const struct json *v, struct arena *a, struct report *out, struct err *e)
{
    struct report r = {.progress_permille = -1, .retry_after_ms = -1};
    uint64_t seen = 0;
    enum rc rc = wire_read(v, WIRE_SHAPE(report_fields), a, &r, &seen, e);

    if (rc == RC_OK) {
        rc = check_rows(r.op, seen, e);
    }
    if (rc) {
        return rc;
    }
    r.hash = hash_of(v);
    *out = r;
    return RC_OK;
}

/* ---- writing, for clients ---- */

static void write_artifact(struct json_out *w, const struct report_artifact *artifact)
{
    json_object_begin(w);
    json_put_str(w, "name", artifact->name);
    if (artifact->media_type.n > 0) {
        json_put_str(w, "media_type", artifact->media_type);
    }
    char *text = mem_alloc(BASE64_TEXT_BYTES(artifact->bytes.n));
    json_put_str(w, "base64", (struct str){text, base64_encode(BASE64_STANDARD, artifact->bytes, text)});
    mem_free(text);
    json_object_end(w);
}

static void write_told(struct json_out *w, const struct report *r)
{
    if (r->progress_permille >= 0) {
        json_put_real(w, "percent", (double)r->progress_permille / 10);
    }
    if (r->progress_message.p) {
        json_put_str(w, "message", r->progress_message);
    }
    if (r->checkpoint.p) {
        json_put_raw(w, "checkpoint", r->checkpoint);
    }
    if (r->event_count > 0) {
        json_name(w, "events");
        json_array_begin(w);
        for (size_t i = 0; i < r->event_count; i++) {
            json_object_begin(w);
            json_put_str(w, "type", r->events[i].type);
            json_put_raw(w, "data", r->events[i].data);
            if (r->events[i].at_root) {
                json_put_bool(w, "root", true);
            }
            json_object_end(w);
        }
        json_array_end(w);
    }
    if (r->artifact_count > 0) {
        json_name(w, "artifacts");
        json_array_begin(w);
        for (size_t i = 0; i < r->artifact_count; i++) {
            write_artifact(w, &r->artifacts[i]);
        }
        json_array_end(w);
    }
}

static void write_children(struct json_out *w, const struct report *r)
{
    json_name(w, "children");
    json_array_begin(w);
    for (size_t i = 0; i < r->child_count; i++) {
        wire_spec_write(w, &r->children[i]);
    }
    json_array_end(w);
}

static void write_tokens(struct json_out *w, const char *name, const struct report_tokens *list, size_t count)
{
    if (count == 0) {
        return;
    }
    struct buf key = BUF_LIMIT(LIMIT_KEY_MAX_BYTES + 1);
    json_name(w, name);
    json_object_begin(w);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&key);
        buf_append_str(&key, list[i].key);
        json_put_int(w, buf_c_str(&key), list[i].n);
    }
    json_object_end(w);
    buf_dispose(&key);
}

static void write_completion(struct json_out *w, const struct report *r)
{
    if (r->result.n > 0) {
        json_put_raw(w, "result", r->result);
    }
    if (r->publish_count == 0) {
        return;
    }
    json_name(w, "publish");
    json_array_begin(w);
    for (size_t i = 0; i < r->publish_count; i++) {
        json_object_begin(w);
        json_put_str(w, "artifact", r->publish[i].artifact);
        json_put_str(w, "series", r->publish[i].series);
        json_put_int(w, "keep", r->publish[i].keep);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_failure(struct json_out *w, const struct report *r)
{
    json_name(w, "error");
    json_object_begin(w);
    json_put_c(w, "class", error_class_name(r->error.class));
    if (r->error.code.n > 0) {
        json_put_str(w, "code", r->error.code);
    }
    json_put_str(w, "message", r->error.message);
    if (r->error.stack.n > 0) {
        json_put_str(w, "stack", r->error.stack);
    }
    json_object_end(w);
    if (r->retry_after_ms >= 0) {
        wire_put_seconds(w, "retry_after_s", r->retry_after_ms);
    }
    if (r->pause_key.n > 0) {
        json_put_str(w, "pause_key", r->pause_key);
    }
}

void wire_report_write(struct json_out *w, const struct report *r)
{
    json_object_begin(w);
    json_put_id(w, "job", r->job);
    json_put_int(w, "lease", r->lease);
    json_put_int(w, "n", r->n);
    json_put_c(w, "op", op_names[r->op]);
    if ((r->op == REPORT_HEARTBEAT || r->op == REPORT_PROGRESS) && r->lease_ms > 0) {
        wire_put_seconds(w, "lease_s", r->lease_ms);
    }
    if (r->op != REPORT_HEARTBEAT) {
        write_told(w, r);
    }
    if (r->child_count > 0) {
        write_children(w, r);
    }
    write_tokens(w, "take", r->take, r->take_count);
    write_tokens(w, "correct", r->correct, r->correct_count);
    if (r->op == REPORT_COMPLETE) {
        write_completion(w, r);
    } else if (r->op == REPORT_FAIL) {
        write_failure(w, r);
    } else if (r->op == REPORT_SNOOZE) {
        wire_put_seconds(w, "delay_s", r->delay_ms);
    }
    json_object_end(w);
}

/* ---- verdicts ---- */

void wire_report_verdict_write(struct json_out *w, const struct report *r, const struct report_verdict *v)
{
    json_object_begin(w);
    if (!id_is_zero(r->job)) { /* an item that was refused may have none */
        json_put_id(w, "job", r->job);
    }
    if (v->rc) {
        wire_problem_members(w, wire_problem_of(v->rc, v->e.code), &v->e);
    } else {
        json_put_int(w, "status", 200);
        json_put_c(w, "state", job_state_name(v->state));
        if (v->state == JOB_PROCESSING) {
            wire_put_seconds(w, "lease_left_s", v->lease_left_ms);
        }
        if (v->run_at) {
            json_put_time(w, "run_at", v->run_at);
        }
        if (r->take_count > 0) {
            json_put_bool(w, "granted", v->take_wait_ms == 0);
        }
        if (v->take_wait_ms) {
            wire_put_seconds(w, "wait_s", v->take_wait_ms);
        }
    }
    if (v->child_count > 0 && !v->rc) {
        json_name(w, "children");
        json_array_begin(w);
        for (size_t i = 0; i < v->child_count; i++) {
            wire_enqueue_verdict_write(w, &v->children[i]);
        }
        json_array_end(w);
    }
    if (v->cancel) {
        json_put_bool(w, "cancel", true);
    }
    if (v->replayed) {
        json_put_bool(w, "replayed", true);
    }
    json_object_end(w);
}

static bool flag_of(const struct json *v, struct str name)
{
    const struct json *m = json_get(v, name);

    return m && m->type == JSON_BOOL && m->i;
}

enum rc wire_report_verdict_read(const struct json *v, struct report_verdict *out, struct err *e)
{
    struct report_verdict r = {0};
    const struct json *status = json_get(v, STR("status"));
    const struct json *code = json_get(v, STR("code"));
    const struct json *state = json_get(v, STR("state"));
    const struct json *left = json_get(v, STR("lease_left_s"));
    const struct json *run_at = json_get(v, STR("run_at"));
    const struct json *wait = json_get(v, STR("wait_s"));

    if (!status || status->type != JSON_INT) {
        return err_set(e, RC_INVALID, "this is not a verdict: it has no status");
    }
    if (status->i >= 300) {
        const struct wire_problem *p = code ? wire_problem_named(code->s) : NULL;
        const struct json *detail = json_get(v, STR("detail"));
        struct str text = detail && detail->type == JSON_STRING ? detail->s : STR_NONE;
        p = p ? p : wire_problem_of(RC_FATAL, NULL);
        r.rc = err_set_code(&r.e, p->rc, p->code, NULL, "%.*s", STR_ARG(text));
    }
    if (state && state->type == JSON_STRING && !job_state_parse(state->s, &r.state)) {
        return err_set(e, RC_INVALID, "a verdict names an unknown state");
    }
    if (left && (left->type == JSON_INT || left->type == JSON_REAL)) {
        r.lease_left_ms = (int64_t)llround(left->d * 1000);
    }
    if (run_at && run_at->type == JSON_STRING && !time_parse(run_at->s, &r.run_at)) {
        return err_set(e, RC_INVALID, "a verdict has a time that is none");
    }
    if (wait && (wait->type == JSON_INT || wait->type == JSON_REAL)) {
        r.take_wait_ms = wait->d < WAIT_FOREVER_S ? llround(wait->d * 1000) : JOB_FOREVER_MS;
    }
    r.cancel = flag_of(v, STR("cancel"));
    r.replayed = flag_of(v, STR("replayed"));
    *out = r;
    return RC_OK;
}
