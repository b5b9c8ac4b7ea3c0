/* spec.c: what an enqueue asks for. The rows below are the members of POST /v1/jobs; openapi.json describes the same. */
#include "wire/wire.h"

#include <math.h>

#include "base/clock.h"
#include "core/limits.h"
#include "wire/put.h"

#define DAYS_MS 86400000LL

static const char *const backoff_names[] = {
    [BACKOFF_EXPONENTIAL] = "exponential", [BACKOFF_FIXED] = "fixed", [BACKOFF_LIST] = "list"};

static enum rc read_backoff(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct retry_policy *p = to;

    (void)a;
    for (int i = 0; i <= BACKOFF_LIST; i++) {
        if (v->type == JSON_STRING && str_eq(v->s, str_from(backoff_names[i]))) {
            p->backoff = (enum backoff_kind)i;
            return RC_OK;
        }
    }
    return wire_invalid(e, "backoff", "backoff must be exponential, fixed or list");
}

static enum rc read_jitter(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_BOOL) {
        return wire_invalid(e, "jitter", "jitter must be true or false");
    }
    ((struct retry_policy *)to)->no_jitter = v->i == 0;
    return RC_OK;
}

static enum rc read_delays(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct retry_policy *p = to;

    (void)a;
    if (v->type != JSON_ARRAY || v->count == 0 || v->count > RETRY_LIST_MAX) {
        return wire_invalid(e, "delays_s", "delays_s must be an array of 1 to %d seconds", RETRY_LIST_MAX);
    }
    p->list_count = 0;
    for (const struct json *c = v->first; c; c = c->next) {
        if ((c->type != JSON_INT && c->type != JSON_REAL) || !(c->d >= 0) || !(c->d <= 365.0 * 86400)) {
            return wire_invalid(e, "delays_s", "delays_s must hold seconds from 0 to a year");
        }
        p->list_ms[p->list_count++] = (int64_t)llround(c->d * 1000);
    }
    return RC_OK;
}

static const struct wire_field retry_fields[] = {
    {STR("backoff"), WIRE_CUSTOM, 0, 0, 0, read_backoff},
    {STR("base_s"), WIRE_SECONDS, offsetof(struct retry_policy, base_ms), 1, 365 * DAYS_MS, NULL},
    {STR("cap_s"), WIRE_SECONDS, offsetof(struct retry_policy, cap_ms), 1, 365 * DAYS_MS, NULL},
    {STR("jitter"), WIRE_CUSTOM, 0, 0, 0, read_jitter},
    {STR("delays_s"), WIRE_CUSTOM, 0, 0, 0, read_delays},
};

static enum rc read_retry(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct job_spec *s = to;
    enum rc rc = wire_read(v, WIRE_SHAPE(retry_fields), a, &s->retry, NULL, e);

    if (rc == RC_OK && (s->retry.backoff == BACKOFF_LIST) != (s->retry.list_count > 0)) {
        rc = wire_invalid(e, "delays_s", "delays_s and backoff \"list\" belong together");
    }
    return wire_in_member(e, rc, STR("retry"));
}

static enum rc read_on_lost(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !job_on_lost_parse(v->s, &((struct job_spec *)to)->on_lost)) {
        return wire_invalid(e, "on_lost", "on_lost must be retry or fail");
    }
    return RC_OK;
}

static enum rc read_on_duplicate(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !job_on_duplicate_parse(v->s, &((struct job_spec *)to)->on_duplicate)) {
        return wire_invalid(e, "on_duplicate", "on_duplicate must be keep, replace or replace_args");
    }
    return RC_OK;
}

static enum rc read_on_cancel(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !job_on_cancel_parse(v->s, &((struct job_spec *)to)->on_cancel)) {
        return wire_invalid(e, "on_cancel", "on_cancel must be stop or run");
    }
    return RC_OK;
}

static enum rc read_attach(const struct json *v, struct arena *a, void *to, struct err *e)
{
    bool is_root = v->type == JSON_STRING && str_eq(v->s, STR("root"));

    (void)a;
    ((struct job_spec *)to)->at_root = is_root;
    return is_root || (v->type == JSON_STRING && str_eq(v->s, STR("parent")))
               ? RC_OK
               : wire_invalid(e, "attach", "attach must be parent or root");
}

static enum rc read_on_parent(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !job_on_parent_parse(v->s, &((struct job_spec *)to)->on_parent_failure)) {
        return wire_invalid(e, "on_parent_failure", "on_parent_failure must be fail, skip or continue");
    }
    return RC_OK;
}

static enum rc read_depends(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct job_spec *s = to;

    if (v->type != JSON_ARRAY || v->count == 0 || v->count > JOB_DEPENDS_MAX) {
        return wire_invalid(e, "depends_on", "depends_on must be an array of 1 to %d refs or ids",
                            JOB_DEPENDS_MAX);
    }
    struct str *list = arena_array(a, struct str, v->count);
    s->depends_count = 0;
    for (const struct json *c = v->first; c; c = c->next) {
        if (c->type != JSON_STRING || !str_is_name(c->s)) {
            return wire_invalid(e, "depends_on", "depends_on must hold refs of this call, or ids of jobs");
        }
        list[s->depends_count++] = c->s;
    }
    s->depends_on = list;
    return RC_OK;
}

/* As the store keeps them: sorted, so that equal sets are equal text. */
static enum rc read_limits(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct limit_use uses[LIMITS_PER_JOB];
    struct buf text = BUF_LIMIT(1 << 16);
    struct err why = {0};
    size_t count = 0;

    if (limits_read(v->raw, a, uses, &count, &why)) {
        return wire_invalid(e, "limits", "%s", why.text);
    }
    limits_write(uses, count, &text);
    ((struct job_spec *)to)->limit_keys = count ? arena_str(a, buf_str(&text)) : STR_NONE;
    buf_dispose(&text);
    return RC_OK;
}

#define AT(member) offsetof(struct job_spec, member)

enum { ROW_KIND, ROW_QUEUE, ROW_ARGS, ROW_RUN_AT, ROW_DELAY, ROW_UNIQUE_FOR };

/* The first rows are in the order of the names above; the most frequent ones come first. The last is for children alone. */
static const struct wire_field spec_fields[] = {
    {STR("kind"), WIRE_NAME, AT(kind), 0, 0, NULL},
    {STR("queue"), WIRE_NAME, AT(queue), 0, 0, NULL},
    {STR("args"), WIRE_RAW, AT(args), 0, JOB_ARGS_MAX_BYTES, NULL},
    {STR("run_at"), WIRE_TIME, AT(run_at), 0, 0, NULL},
    {STR("delay_s"), WIRE_SECONDS, AT(delay_ms), 0, 10 * 365 * DAYS_MS, NULL},
    {STR("unique_for_s"), WIRE_FOREVER, AT(unique_for_ms), 1, 10 * 365 * DAYS_MS, NULL},
    {STR("unique_key"), WIRE_STR, AT(unique_key), 1, JOB_KEY_MAX_BYTES, NULL},
    {STR("priority"), WIRE_INT, AT(priority), JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, NULL},
    {STR("max_attempts"), WIRE_INT, AT(retry.max_attempts), 1, JOB_ATTEMPTS_MAX, NULL},
    {STR("retry"), WIRE_CUSTOM, 0, 0, 0, read_retry},
    {STR("timeout_s"), WIRE_SECONDS, AT(timeout_ms), 1, JOB_TIMEOUT_MAX_MS, NULL},
    {STR("deadline_s"), WIRE_SECONDS, AT(deadline_ms), 1, 365 * DAYS_MS, NULL},
    {STR("tags"), WIRE_NAMES, AT(tags), 0, JOB_TAGS_MAX, NULL},
    {STR("lost_max"), WIRE_INT, AT(lost_max), 1, JOB_ATTEMPTS_MAX, NULL},
    {STR("on_lost"), WIRE_CUSTOM, 0, 0, 0, read_on_lost},
    {STR("group"), WIRE_STR, AT(group), 1, JOB_KEY_MAX_BYTES, NULL},
    {STR("limits"), WIRE_CUSTOM, 0, 0, 0, read_limits},
    {STR("batch"), WIRE_ID, AT(batch), 0, 0, NULL},
    {STR("secrets"), WIRE_NOT_YET, 0, 0, 0, NULL},
    {STR("on_cancel"), WIRE_CUSTOM, 0, 0, 0, read_on_cancel},
    {STR("ref"), WIRE_NAME, AT(ref), 0, 0, NULL},
    {STR("depends_on"), WIRE_CUSTOM, 0, 0, 0, read_depends},
    {STR("on_parent_failure"), WIRE_CUSTOM, 0, 0, 0, read_on_parent},
    {STR("on_duplicate"), WIRE_CUSTOM, 0, 0, 0, read_on_duplicate},
    {STR("attach"), WIRE_CUSTOM, 0, 0, 0, read_attach},
};

#define HAS(seen, row) (((seen) >> (row)) & 1)

static enum rc read_spec(const struct json *v, struct wire_shape shape, struct arena *a, struct job_spec *out,
                         struct err *e)
{
    struct job_spec s = {.args = STR("null")};
    uint64_t seen = 0;
    enum rc rc = wire_read(v, shape, a, &s, &seen, e);

    if (rc) {
        return rc;
    }
    if (!HAS(seen, ROW_KIND)) {
        return wire_invalid(e, "kind", "kind is missing");
    }
    if (HAS(seen, ROW_RUN_AT) && HAS(seen, ROW_DELAY)) {
        return wire_invalid(e, "delay_s", "run_at and delay_s exclude each other");
    }
    if (str_starts(s.unique_key, STR(JOB_TICK_KEYS))) { /* who held one would keep a tick from its job */
        return wire_invalid(e, "unique_key", "unique_key must not begin with " JOB_TICK_KEYS);
    }
    if (HAS(seen, ROW_UNIQUE_FOR) && s.unique_key.n == 0) {
        return wire_invalid(e, "unique_for_s", "unique_for_s needs a unique_key");
    }
    if (s.on_duplicate != JOB_ON_DUPLICATE_KEEP && s.unique_key.n == 0) {
        return wire_invalid(e, "on_duplicate", "on_duplicate needs a unique_key");
    }
    *out = s;
    return RC_OK;
}

enum rc wire_spec_read(const struct json *v, struct arena *a, struct job_spec *out, struct err *e)
{
    struct wire_shape shape = WIRE_SHAPE(spec_fields);

    shape.count--;
    return read_spec(v, shape, a, out, e);
}

enum rc wire_children_read(const struct json *v, struct arena *a, const struct job_spec **out, size_t *count,
                           struct err *e)
{
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > JOB_CHILDREN_MAX) {
        return wire_invalid(e, "children", "children must be an array of at most %d", JOB_CHILDREN_MAX);
    }
    struct job_spec *specs = arena_array(a, struct job_spec, v->count + 1);
    for (const struct json *c = v->first; c; c = c->next, n++) {
        enum rc rc = wire_in_item(e, read_spec(c, WIRE_SHAPE(spec_fields), a, &specs[n], e), n);
        if (rc == RC_OK && !id_is_zero(specs[n].batch)) {
            rc = wire_in_item(e, wire_invalid(e, "batch", "children join the batch of their reporter"), n);
        }
        if (rc) {
            return wire_in_member(e, rc, STR("children"));
        }
    }
    *out = specs;
    *count = n;
    return RC_OK;
}

static void write_retry(struct json_out *w, const struct retry_policy *p)
{
    json_name(w, "retry");
    json_object_begin(w);
    json_put_c(w, "backoff", backoff_names[p->backoff]);
    if (p->base_ms > 0) {
        wire_put_seconds(w, "base_s", p->base_ms);
    }
    if (p->cap_ms > 0) {
        wire_put_seconds(w, "cap_s", p->cap_ms);
    }
    if (p->no_jitter) {
        json_put_bool(w, "jitter", false);
    }
    if (p->list_count > 0) {
        json_name(w, "delays_s");
        json_array_begin(w);
        for (int i = 0; i < p->list_count; i++) {
            json_real(w, (double)p->list_ms[i] / 1000);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_if(struct json_out *w, const char *name, struct str s)
{
    if (s.n > 0) {
        json_put_str(w, name, s);
    }
}

static void put_seconds_if(struct json_out *w, const char *name, int64_t ms)
{
    if (ms > 0) {
        wire_put_seconds(w, name, ms);
    }
}

static void write_depends(struct json_out *w, const struct job_spec *s)
{
    put_if(w, "ref", s->ref);
    if (s->depends_count) {
        json_name(w, "depends_on");
        json_array_begin(w);
        for (size_t i = 0; i < s->depends_count; i++) {
            json_str(w, s->depends_on[i]);
        }
        json_array_end(w);
    }
    if (s->on_parent_failure != JOB_ON_PARENT_FAIL) {
        json_put_c(w, "on_parent_failure", job_on_parent_name(s->on_parent_failure));
    }
}

void wire_spec_write(struct json_out *w, const struct job_spec *s)
{
    const struct retry_policy *p = &s->retry;

    json_object_begin(w);
    json_put_str(w, "kind", s->kind);
    put_if(w, "queue", s->queue);
    json_put_raw(w, "args", s->args);
    put_if(w, "unique_key", s->unique_key);
    put_seconds_if(w, "unique_for_s", s->unique_for_ms);
    if (s->priority) {
        json_put_int(w, "priority", s->priority);
    }
    if (s->run_at) {
        json_put_time(w, "run_at", s->run_at);
    } else {
        put_seconds_if(w, "delay_s", s->delay_ms);
    }
    if (p->max_attempts > 0) {
        json_put_int(w, "max_attempts", p->max_attempts);
    }
    if (p->backoff != BACKOFF_EXPONENTIAL || p->base_ms || p->cap_ms || p->no_jitter) {
        write_retry(w, p);
    }
    put_seconds_if(w, "timeout_s", s->timeout_ms);
    put_seconds_if(w, "deadline_s", s->deadline_ms);
    if (s->tags.n) {
        json_put_raw(w, "tags", s->tags);
    }
    put_if(w, "group", s->group);
    if (s->limit_keys.n) {
        json_put_raw(w, "limits", s->limit_keys);
    }
    if (s->lost_max) {
        json_put_int(w, "lost_max", s->lost_max);
    }
    if (s->on_lost != JOB_ON_LOST_RETRY) {
        json_put_c(w, "on_lost", job_on_lost_name(s->on_lost));
    }
    if (s->on_duplicate != JOB_ON_DUPLICATE_KEEP) {
        json_put_c(w, "on_duplicate", job_on_duplicate_name(s->on_duplicate));
    }
    if (s->on_cancel != JOB_ON_CANCEL_STOP) {
        json_put_c(w, "on_cancel", job_on_cancel_name(s->on_cancel));
    }
    if (s->at_root) {
        json_put_c(w, "attach", "root");
    }
    if (!id_is_zero(s->batch)) {
        json_put_id(w, "batch", s->batch);
    }
    write_depends(w, s);
    json_object_end(w);
}

void wire_enqueue_verdict_write(struct json_out *w, const struct enqueue_verdict *v)
{
    json_object_begin(w);
    if (v->rc) {
        wire_problem_members(w, wire_problem_of(v->rc, v->e.code), &v->e);
        json_object_end(w);
        return;
    }
    if (v->dropped) {
        json_put_bool(w, "dropped", true);
        json_object_end(w);
        return;
    }
    json_put_id(w, "id", v->job);
    if (!v->pruned) {
        json_put_c(w, "state", job_state_name(v->state));
    }
    if (v->duplicate) {
        json_put_bool(w, "duplicate", true);
    }
    if (v->replaced) {
        json_put_bool(w, "replaced", true);
    }
    if (v->pruned) {
        json_put_bool(w, "pruned", true);
    }
    json_object_end(w);
}
