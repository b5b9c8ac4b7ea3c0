/* slot_report.c: what a slot tells the server, one call at a time and in order; the end behind what the job leaves
 * (slot_upload.c). A report keeps its n and its bytes until it has a verdict, so that repeating it is harmless. */
#include "base/log.h"
#include "wire/wire.h"
#include "worker/supervisor.h"

static void next_step(struct slot *s);

static void start_call(struct slot *s, struct http_call_options *o)
{
    o->fields = s->sup->fields;
    o->field_count = 2;
    o->timeout_ms = o->timeout_ms ? o->timeout_ms : 30000;
    o->ctx = s;
    s->sent_at_ms = loop_now_ms(s->sup->loop);
    s->call = http_call_start(s->sup->http, o);
}

/* ---- the timer: heartbeats, thinned news, and tries again ---- */

static void on_beat(struct loop_timer *t)
{
    struct slot *s = LOOP_OWNER(t, struct slot, beat);
    int64_t beyond_ms = loop_now_ms(s->sup->loop) - s->lease_good_until_ms; /* nobody heard us since */
    int64_t patience_ms = s->end == SLOT_COMPLETE && !s->sup->is_draining ? LATE_REPORT_MS : 0;
    if (!s->has_job || beyond_ms < patience_ms) {
        next_step(s);
        return;
    }
    log_warn("worker.lease_expired", L_ID("job", s->job)); /* somebody else may have the job */
    if (s->end == SLOT_RUNNING && s->process) {
        slot_kill(s, KILL_LEASE); /* its exit frees the slot */
    } else {
        slot_free_job(s);
    }
}

void slot_report_in(struct slot *s, int64_t delay_ms)
{
    s->beat.run = on_beat;
    timer_start(s->sup->loop, &s->beat, delay_ms);
}

static bool has_news(const struct slot *s)
{
    return s->has_progress || s->event_count || s->checkpoint.p || s->take_count || s->correct_count ||
           slot_is_full_of_children(s);
}

void slot_report_soon(struct slot *s)
{
    int64_t beat_ms = s->lease_ms / 3;
    if (s->call) {
        return; /* its end looks again */
    }
    if (!s->sent_at_ms || !has_news(s)) {
        slot_report_in(s, has_news(s) ? 0 : beat_ms);
        return;
    }
    slot_report_in(s, s->sent_at_ms + REPORT_GAP_MS - loop_now_ms(s->sup->loop));
}

void slot_report_now(struct slot *s)
{
    if (!s->call) {
        slot_report_in(s, 0);
    }
}

void slot_end_with(struct slot *s, enum error_class class, const char *code, const char *text)
{
    s->end = SLOT_FAIL;
    s->error = (struct job_error){
        .class = class, .code = arena_str(s->a, str_from(code)), .message = arena_str(s->a, str_from(text))};
    s->retry_after_ms = -1;
    s->pause_key = STR("");
    slot_report_now(s);
}

/* ---- the report ---- */

static enum report_op op_of(const struct slot *s)
{
    switch (s->end) {
    case SLOT_COMPLETE:
        return REPORT_COMPLETE;
    case SLOT_WAIT:
        return REPORT_WAIT;
    case SLOT_FAIL:
        return REPORT_FAIL;
    case SLOT_RELEASE:
        return REPORT_RELEASE;
    case SLOT_RUNNING:
        break;
    }
    return has_news(s) ? REPORT_PROGRESS : REPORT_HEARTBEAT;
}

static size_t publish_list(const struct slot *s, struct report_publish *list)
{
    size_t count = 0;
    for (size_t i = 0; i < s->artifact_count; i++) {
        if (s->artifacts[i].series.n) {
            list[count++] =
                (struct report_publish){s->artifacts[i].name, s->artifacts[i].series, s->artifacts[i].keep};
        }
    }
    return count;
}

/* Writes the body, and forgets the news it carries: from here on the body is what must arrive. */
static void write_report(struct slot *s)
{
    struct report_publish publish[SLOT_ARTIFACTS_MAX];
    struct report r = {
        .job = s->job,
        .lease = s->lease,
        .n = ++s->n,
        .op = op_of(s),
        .progress_permille = s->has_progress ? s->permille : -1,
        .progress_message = s->has_progress ? str_from(s->message) : STR_NONE,
        .retry_after_ms = -1,
    };
    s->has_told_news = has_news(s);
    if (r.op != REPORT_HEARTBEAT && r.op != REPORT_RELEASE) {
        r.events = s->events;
        r.event_count = s->event_count;
        r.checkpoint = s->checkpoint;
        slot_put_tokens(s, &r);
    }
    s->has_told_children = r.op == REPORT_PROGRESS && slot_is_full_of_children(s);
    if (r.op == REPORT_COMPLETE || r.op == REPORT_WAIT || s->has_told_children) {
        r.children = s->children;
        r.child_count = s->child_count;
    }
    if (r.op == REPORT_COMPLETE) {
        r.artifacts = s->texts;
        r.artifact_count = s->text_count;
        r.result = s->result;
        r.publish = publish;
        r.publish_count = publish_list(s, publish);
    } else if (r.op == REPORT_FAIL) {
        r.error = s->error;
        r.retry_after_ms = s->retry_after_ms;
        r.pause_key = s->pause_key;
    }
    s->is_final_sent = s->end != SLOT_RUNNING;
    buf_clear(&s->body);
    s->body.max = 64 << 20;
    struct json_out w = json_writer(&s->body);
    json_array_begin(&w);
    wire_report_write(&w, &r);
    json_array_end(&w);
    arena_reset(s->news);
    s->has_progress = false;
    s->event_count = 0;
    if (s->has_told_children) {
        slot_forget_children(s);
    }
    s->checkpoint = STR_NONE;
}

void slot_lost_lease(struct slot *s, const struct err *why)
{
    log_warn("worker.lease_lost", L_ID("job", s->job), L_C("why", why->text));
    buf_clear(&s->body);
    if (s->end == SLOT_RUNNING && s->process) {
        slot_kill(s, KILL_LEASE); /* its exit frees the slot */
    } else {
        slot_free_job(s);
    }
}

static void go_on(struct slot *s)
{
    slot_read_on(s);
    if (s->end != SLOT_RUNNING || slot_is_full_of_children(s)) {
        slot_report_now(s);
    } else {
        slot_report_soon(s);
    }
}

/* The server read the report and refused what it says. */
static void refused(struct slot *s, const struct report_verdict *v)
{
    log_warn("worker.report_refused", L_ID("job", s->job), L_C("why", v->e.text));
    buf_clear(&s->body);
    if (v->rc == RC_LEASE_LOST || v->rc == RC_NOT_FOUND || v->rc == RC_CONFLICT) {
        slot_lost_lease(s, &v->e);
    } else if (s->has_told_children) {
        slot_end_with(s, ERROR_PERMANENT, "bad_child", v->e.text);
    } else if (!s->is_final_sent ||
               s->has_told_news) { /* the news are at fault and dropped; the job is not */
        slot_answer_take(s, 0, str_from(v->e.text));
        go_on(s);
    } else if (s->end == SLOT_FAIL &&
               s->pause_key.n) { /* one that the job does not name; how it failed is true all the same */
        s->pause_key = STR("");
        slot_report_now(s);
    } else if (s->end != SLOT_RELEASE &&
               !s->is_end_refused) { /* a result over its limit, say: that is the job's outcome */
        s->is_end_refused = true;
        slot_end_with(s, ERROR_PERMANENT, v->e.code ? v->e.code : "refused", v->e.text);
    } else {
        slot_free_job(s);
    }
}

static void took_verdict(struct slot *s, const struct report_verdict *v)
{
    if (v->rc) {
        refused(s, v);
        return;
    }
    buf_clear(&s->body);
    s->lease_good_until_ms = s->sent_at_ms + s->lease_ms;
    if (s->is_final_sent) {
        log_info("worker.job_ended", L_ID("job", s->job), L_C("state", job_state_name(v->state)));
        slot_free_job(s);
        return;
    }
    if (v->cancel) {
        slot_cancel(s);
    }
    slot_answer_take(s, v->take_wait_ms, STR(""));
    go_on(s);
}

static void on_report_done(void *ctx, struct http_call *call, const struct http_answer *answer)
{
    struct slot *s = ctx;
    struct arena *a = arena_new();
    struct json *root = NULL;
    struct report_verdict v = {0};
    struct err err = {0};
    (void)call;
    s->call = NULL;
    if (answer->rc || answer->status >= 500 || answer->status == 429) {
        slot_report_in(s, REPORT_RETRY_MS); /* the same bytes again */
    } else if (answer->status != 200 || json_parse(answer->body, a, &root, &err)) {
        v.rc = answer->status == 401 || answer->status == 403 ? RC_LEASE_LOST : RC_INVALID;
        err_set(&v.e, v.rc, "the server answered %d: %.*s", answer->status,
                (int)(answer->body.n > 200 ? 200 : answer->body.n), answer->body.p);
        refused(s, &v);
    } else {
        const struct json *list = json_get(root, STR("verdicts"));
        if (!list || !list->first || wire_report_verdict_read(list->first, &v, &err)) {
            slot_report_in(s, REPORT_RETRY_MS);
        } else {
            took_verdict(s, &v);
        }
    }
    arena_free(a);
}

static void send_report(struct slot *s)
{
    if (!s->body.n) {
        write_report(s);
    }
    struct http_call_options o = {.method = HTTP_POST,
                                  .path = STR("/v1/reports"),
                                  .body = buf_str(&s->body),
                                  .on_done = on_report_done};
    start_call(s, &o);
    slot_pass_on(s);
}

/* The one place that decides what a slot does next with its connection: a job that is done waits for what it leaves. */
static void next_step(struct slot *s)
{
    if (!s->has_job || s->call) {
        return;
    }
    if (s->body.n || s->end != SLOT_COMPLETE || slot_upload(s)) {
        send_report(s);
    }
}
