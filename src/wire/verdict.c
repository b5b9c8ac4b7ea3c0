/* verdict.c: what the server says of an item of POST /v1/reports, and how a client understands it. */
#include <math.h>

#include "base/clock.h"
#include "wire/put.h"
#include "wire/wire.h"

#define WAIT_FOREVER_S 1e15 /* what nobody waits for */

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
