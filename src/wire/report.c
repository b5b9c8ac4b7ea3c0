/* report.c: what a worker says about a job. The rows below are the members of one item of POST /v1/reports; which of them go
 * with which op stands in `allowed`. */
#include "wire/wire.h"

#include <math.h>
#include <string.h>

#include "base/encoding.h"
#include "core/limits.h"
#include "wire/ops.h"

#define MESSAGE_MAX_BYTES 1024
#define ARTIFACTS_MAX     64
#define ERROR_TEXT_MAX    (1 << 20) /* what is read; JOB_ERROR_MAX_BYTES of it are kept */
#define MEDIA_TYPE_MAX    127
#define DELAY_MAX_MS      (365LL * 86400000)

const char *const wire_op_names[REPORT_OPS] = {
    [REPORT_HEARTBEAT] = "heartbeat", [REPORT_PROGRESS] = "progress", [REPORT_COMPLETE] = "complete",
    [REPORT_FAIL] = "fail",           [REPORT_SNOOZE] = "snooze",     [REPORT_WAIT] = "wait",
    [REPORT_RELEASE] = "release"};

static enum rc read_op(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    for (int i = 0; i < REPORT_OPS; i++) {
        if (v->type == JSON_STRING && str_eq(v->s, str_from(wire_op_names[i]))) {
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
        return wire_invalid(e, name, "%s does not go with %s", name, wire_op_names[op]);
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
