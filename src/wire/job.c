/* job.c: a job as the API shows it, and as a client reads it back. */
#include "wire/wire.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "wire/put.h"

void wire_put_text(struct json_out *w, const char *name, struct str s)
{
    if (s.n > 0) {
        json_put_str(w, name, s);
    } else {
        json_put_c(w, name, NULL);
    }
}

void wire_put_seconds(struct json_out *w, const char *name, int64_t ms)
{
    if (ms == JOB_FOREVER_MS) {
        json_put_c(w, name, "forever");
    } else if (ms % 1000 == 0) {
        json_put_int(w, name, ms / 1000);
    } else {
        json_put_real(w, name, (double)ms / 1000);
    }
}

void wire_progress_write(struct json_out *w, int64_t permille, struct str message)
{
    json_object_begin(w);
    if (permille < 0) {
        json_name(w, "percent");
        json_null(w);
    } else if (permille % 10 == 0) {
        json_put_int(w, "percent", permille / 10);
    } else {
        json_put_real(w, "percent", (double)permille / 10);
    }
    wire_put_text(w, "message", message);
    json_object_end(w);
}

static void write_error(struct json_out *w, const struct job_error *error, bool with_stack)
{
    json_object_begin(w);
    json_put_c(w, "class", error_class_name(error->class));
    wire_put_text(w, "code", error->code);
    json_put_str(w, "message", error->message);
    if (with_stack) {
        wire_put_text(w, "stack", error->stack);
    }
    json_object_end(w);
}

void wire_error_write(struct json_out *w, const struct job_error *error)
{
    write_error(w, error, false);
}

static const char *const backoff_names[] = {
    [BACKOFF_EXPONENTIAL] = "exponential", [BACKOFF_FIXED] = "fixed", [BACKOFF_LIST] = "list"};

static void write_retry(struct json_out *w, const struct retry_policy *p)
{
    json_object_begin(w);
    json_put_c(w, "backoff", backoff_names[p->backoff]);
    if (p->backoff == BACKOFF_LIST) {
        json_name(w, "delays_s");
        json_array_begin(w);
        for (int i = 0; i < p->list_count; i++) {
            json_real(w, (double)p->list_ms[i] / 1000);
        }
        json_array_end(w);
    } else if (p->base_ms > 0) {
        wire_put_seconds(w, "base_s", p->base_ms);
    }
    if (p->backoff == BACKOFF_EXPONENTIAL) {
        if (p->cap_ms > 0) {
            wire_put_seconds(w, "cap_s", p->cap_ms);
        }
        json_put_bool(w, "jitter", !p->no_jitter);
    }
    json_object_end(w);
}

static void write_times(struct json_out *w, const struct job *j)
{
    json_put_time(w, "created_at", j->created_at);
    json_put_time(w, "run_at", j->run_at);
    json_put_time(w, "started_at", j->started_at);
    json_put_time(w, "finished_at", j->finished_at);
    json_name(w, "expires_at");
    if (j->expires_at == JOB_FOREVER_MS || j->expires_at == 0) {
        json_null(w);
    } else {
        json_str(w, str_from(time_text(j->expires_at).s));
    }
}

static void write_progress(struct json_out *w, const struct job *j, enum wire_parts parts)
{
    json_put_int(w, "attempt", j->attempt);
    json_put_int(w, "max_attempts", j->retry.max_attempts);
    json_put_int(w, "lost", j->lost);
    json_put_int(w, "snoozes", j->snoozes);
    json_put_int(w, "waits", j->waits);
    json_name(w, "progress");
    if (j->progress_permille >= 0 || j->progress_message.n > 0) {
        wire_progress_write(w, j->progress_permille, j->progress_message);
    } else {
        json_null(w);
    }
    json_name(w, "error");
    if (j->has_error) {
        write_error(w, &j->error, parts == WIRE_JOB_FULL);
    } else {
        json_null(w);
    }
}

void wire_put_id(struct json_out *w, const char *name, struct id id)
{
    if (id_is_zero(id)) {
        json_put_c(w, name, NULL);
    } else {
        json_put_id(w, name, id);
    }
}

void wire_children_members(struct json_out *w, const struct job_children *c)
{
    json_put_int(w, "open", c->open);
    json_put_int(w, "completed", c->completed);
    json_put_int(w, "failed", c->failed);
    json_put_int(w, "cancelled", c->cancelled);
    json_put_int(w, "skipped", c->skipped);
}

static void write_children(struct json_out *w, const struct job_children *c)
{
    json_name(w, "children");
    json_object_begin(w);
    wire_children_members(w, c);
    json_name(w, "failures");
    json_array_begin(w);
    for (size_t i = 0; i < c->failure_count; i++) {
        json_object_begin(w);
        json_put_id(w, "id", c->failures[i].id);
        json_put_str(w, "kind", c->failures[i].kind);
        wire_put_text(w, "code", c->failures[i].code);
        json_put_str(w, "message", c->failures[i].message);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void write_dependencies(struct json_out *w, const struct job *j)
{
    json_name(w, "depends_on");
    json_array_begin(w);
    for (size_t i = 0; i < j->depends_count; i++) {
        json_str(w, str_from(id_text(j->depends_on[i]).s));
    }
    json_array_end(w);
}

void wire_job_write(struct json_out *w, const struct job *j, enum wire_parts parts)
{
    json_object_begin(w);
    json_put_id(w, "id", j->id);
    json_put_str(w, "queue", j->queue);
    json_put_str(w, "kind", j->kind);
    json_put_c(w, "state", job_state_name(j->state));
    wire_put_text(w, "reason", str_from(job_reason_name(j->reason)));
    json_put_int(w, "round", j->round);
    json_put_int(w, "priority", j->priority);
    json_name(w, "tags");
    json_raw(w, j->tags.n ? j->tags : STR("[]"));
    wire_put_text(w, "group", j->group);
    json_name(w, "limits");
    json_raw(w, j->limit_keys.n ? j->limit_keys : STR("[]"));
    wire_put_text(w, "unique_key", j->unique_key);
    write_progress(w, j, parts);
    if (parts == WIRE_JOB_FULL) {
        json_put_raw(w, "args", j->args);
        json_put_raw(w, "result", j->result);
        json_name(w, "retry");
        write_retry(w, &j->retry);
        wire_put_seconds(w, "timeout_s", j->timeout_ms);
        json_put_int(w, "lost_max", j->lost_max);
        json_put_c(w, "on_lost", job_on_lost_name(j->on_lost));
        json_put_c(w, "on_cancel", job_on_cancel_name(j->on_cancel));
        json_put_c(w, "on_parent_failure", job_on_parent_name(j->on_parent_failure));
    }
    if (j->depends_count) {
        write_dependencies(w, j);
    }
    wire_put_id(w, "parent", j->parent);
    wire_put_id(w, "root", j->root);
    wire_put_id(w, "batch", j->batch);
    wire_put_id(w, "finally_of", j->finally_of);
    json_put_int(w, "lease", j->lease);
    json_put_time(w, "lease_until", j->lease_until);
    wire_put_text(w, "worker", j->worker);
    json_put_bool(w, "cancel_requested", j->cancel_requested);
    json_put_bool(w, "cancelling", j->cancelling);
    json_put_time(w, "deadline_at", j->deadline_at);
    json_put_int(w, "last_seq", j->last_seq);
    write_times(w, j);
    json_object_end(w);
}

void wire_claimed_write(struct json_out *w, const struct job *j, struct str tenant)
{
    json_object_begin(w);
    json_put_id(w, "id", j->id);
    if (tenant.n) {
        json_put_str(w, "tenant", tenant);
    }
    json_put_int(w, "lease", j->lease);
    wire_put_seconds(w, "lease_s", j->lease_ms);
    json_put_str(w, "queue", j->queue);
    json_put_str(w, "kind", j->kind);
    json_put_raw(w, "args", j->args);
    json_put_raw(w, "checkpoint", j->checkpoint);
    json_put_int(w, "attempt", j->attempt);
    json_put_int(w, "max_attempts", j->retry.max_attempts);
    json_put_int(w, "round", j->round);
    wire_put_seconds(w, "timeout_s", j->timeout_ms);
    json_put_time(w, "created_at", j->created_at);
    if (!id_is_zero(j->parent)) {
        json_put_id(w, "parent", j->parent);
        json_put_id(w, "root", j->root);
    }
    if (!id_is_zero(j->batch)) {
        json_put_id(w, "batch", j->batch);
    }
    if (!id_is_zero(j->finally_of)) {
        json_put_id(w, "finally_of", j->finally_of);
    }
    if (j->group.n) {
        json_put_str(w, "group", j->group);
    }
    if (j->limit_keys.n) {
        json_put_raw(w, "limits", j->limit_keys);
    }
    if (j->cancelling) {
        json_put_bool(w, "cancelling", true);
    }
    if (j->children) {
        write_children(w, j->children);
    }
    json_object_end(w);
}

void wire_act_verdict_write(struct json_out *w, const struct act_verdict *v)
{
    json_object_begin(w);
    json_put_id(w, "id", v->job);
    if (v->rc) {
        wire_problem_members(w, wire_problem_of(v->rc, v->e.code), &v->e);
    } else {
        json_put_int(w, "status", 200);
    }
    if (v->rc == RC_OK || v->rc == RC_CONFLICT) {
        json_put_c(w, "state", job_state_name(v->state));
    }
    json_object_end(w);
}

/* ---- reading, for clients ---- */

static int64_t ms_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);

    if (!v || (v->type != JSON_INT && v->type != JSON_REAL)) {
        return 0;
    }
    return (int64_t)llround(v->d * 1000);
}

static int64_t time_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);
    int64_t at = 0;

    return v && v->type == JSON_STRING && time_parse(v->s, &at) ? at : 0;
}

static int64_t int_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);

    return v && v->type == JSON_INT ? v->i : 0;
}

static struct str str_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);

    return v && v->type == JSON_STRING ? v->s : STR_NONE;
}

static struct str raw_of(const struct json *o, struct str name)
{
    const struct json *v = json_get(o, name);

    return v && v->type != JSON_NULL ? v->raw : STR_NONE;
}

static void read_progress(const struct json *o, struct job *j)
{
    const struct json *p = json_get(o, STR("progress"));
    const struct json *percent = json_get(p, STR("percent"));

    j->progress_permille = -1;
    if (percent && (percent->type == JSON_INT || percent->type == JSON_REAL)) {
        j->progress_permille = (int64_t)llround(percent->d * 10);
    }
    j->progress_message = str_of(p, STR("message"));
}

static void read_error(const struct json *o, struct job *j)
{
    const struct json *error = json_get(o, STR("error"));

    if (!error || error->type != JSON_OBJECT) {
        return;
    }
    j->has_error = true;
    if (!error_class_parse(str_of(error, STR("class")), &j->error.class)) {
        j->error.class = ERROR_TRANSIENT;
    }
    j->error.code = str_of(error, STR("code"));
    j->error.message = str_of(error, STR("message"));
    j->error.stack = str_of(error, STR("stack"));
}

static void read_times(const struct json *v, struct job *j)
{
    j->created_at = time_of(v, STR("created_at"));
    j->run_at = time_of(v, STR("run_at"));
    j->started_at = time_of(v, STR("started_at"));
    j->finished_at = time_of(v, STR("finished_at"));
    j->expires_at = time_of(v, STR("expires_at"));
    j->lease_until = time_of(v, STR("lease_until"));
    j->deadline_at = time_of(v, STR("deadline_at"));
}

static enum job_reason reason_of(struct str name)
{
    for (int r = 0; r < JOB_REASONS; r++) {
        if (str_eq(name, str_from(job_reason_name((enum job_reason)r)))) {
            return (enum job_reason)r;
        }
    }
    return JOB_REASON_NONE;
}

enum rc wire_job_read(const struct json *v, struct job *out, struct err *e)
{
    struct job j = {0};
    struct str state = str_of(v, STR("state"));

    if (!id_parse(str_of(v, STR("id")), &j.id)) {
        return err_set(e, RC_INVALID, "this is not a job: it has no id");
    }
    /* A claimed job does not say its state: it has only one. */
    j.state = JOB_PROCESSING;
    if (state.n > 0 && !job_state_parse(state, &j.state)) {
        return err_set(e, RC_INVALID, "unknown state of a job: %.*s", STR_ARG(str_sub(state, 0, 32)));
    }
    j.reason = reason_of(str_of(v, STR("reason")));
    j.queue = str_of(v, STR("queue"));
    j.kind = str_of(v, STR("kind"));
    j.args = raw_of(v, STR("args"));
    j.result = raw_of(v, STR("result"));
    j.checkpoint = raw_of(v, STR("checkpoint"));
    j.tags = raw_of(v, STR("tags"));
    j.unique_key = str_of(v, STR("unique_key"));
    j.worker = str_of(v, STR("worker"));
    j.round = int_of(v, STR("round"));
    j.priority = int_of(v, STR("priority"));
    j.attempt = int_of(v, STR("attempt"));
    j.retry.max_attempts = int_of(v, STR("max_attempts"));
    j.lost = int_of(v, STR("lost"));
    j.snoozes = int_of(v, STR("snoozes"));
    j.lease = int_of(v, STR("lease"));
    j.last_seq = int_of(v, STR("last_seq"));
    j.lease_ms = ms_of(v, STR("lease_s"));
    j.timeout_ms = ms_of(v, STR("timeout_s"));
    const struct json *cancel = json_get(v, STR("cancel_requested"));
    j.cancel_requested = cancel && cancel->type == JSON_BOOL && cancel->i;
    read_progress(v, &j);
    read_error(v, &j);
    read_times(v, &j);
    *out = j;
    return RC_OK;
}
