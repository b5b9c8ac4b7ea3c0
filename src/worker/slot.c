/* slot.c: one job at a time: what its process (slot_process.c) says of it, how it ends, and what is tidied up behind it. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/wire.h"
#include "worker/attempt.h"
#include "worker/messages.h"
#include "worker/supervisor.h"

/* ---- what the child says ---- */

static struct str text_of(struct slot *s, const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v ? arena_str(s->a, v->s) : STR("");
}

static int64_t int_of(const struct json *o, const char *name, int64_t otherwise)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_INT ? v->i : otherwise;
}

/* As seen from the scratch folder; what lies elsewhere is not the job's to publish. */
static struct str path_of(struct slot *s, const struct json *v)
{
    const struct json *given = json_get(v, STR("path"));
    struct str path = given ? given->s : STR("");
    struct str folder = arena_printf(s->a, "%s/", s->scratch);
    if (str_starts(path, folder)) {
        path = str_sub(path, folder.n, path.n);
    }
    return str_starts(path, STR("/")) ? STR("") : arena_str(s->a, path);
}

static void heard_artifact(struct slot *s, const struct json *v)
{
    if (s->artifact_count == SLOT_ARTIFACTS_MAX) {
        log_warn("worker.artifact_dropped", L_ID("job", s->job), L_INT("most", SLOT_ARTIFACTS_MAX));
        return;
    }
    const char *unused = NULL;
    s->artifacts[s->artifact_count++] = (struct slot_artifact){
        .s = s,
        .fd = -1,
        .name = text_of(s, v, "name"),
        .media_type = text_of(s, v, "media_type"),
        .path = path_of(s, v),
        .series = text_of(s, v, "series"),
        .keep = int_of(v, "keep", 1),
        .waits_for_end = supervisor_is_exec(s->sup, s->kind, &unused), /* it may write on until it ends */
    };
    (void)slot_upload(s);
}

static void heard_event(struct slot *s, const struct json *v)
{
    const struct json *type = json_get(v, STR("type"));
    const struct json *data = json_get(v, STR("data"));
    if (!type || !data || !str_is_name(type->s)) {
        return;
    }
    const struct json *root = json_get(v, STR("root"));
    s->events[s->event_count++] = (struct report_event){.type = arena_str(s->news, type->s),
                                                        .data = arena_str(s->news, data->raw),
                                                        .at_root = root && root->i};
    if (s->event_count == SLOT_EVENTS_MAX) { /* the rest waits in the socket until these are sent */
        slot_process_pause(s);
    }
    slot_report_soon(s);
}

static void heard_progress(struct slot *s, const struct json *v)
{
    const struct json *message = json_get(v, STR("message"));
    s->permille = int_of(v, "permille", 0);
    str_copy(s->message, sizeof(s->message), message ? message->s : STR(""));
    s->has_progress = true;
    slot_report_soon(s);
}

static void heard_fail(struct slot *s, const struct json *v)
{
    const struct json *class = json_get(v, STR("class"));
    s->end = SLOT_FAIL;
    s->error = (struct job_error){.code = text_of(s, v, "code"), .message = text_of(s, v, "message")};
    if (!class || !error_class_parse(class->s, &s->error.class)) {
        s->error.class = ERROR_TRANSIENT;
    }
    s->retry_after_ms = int_of(v, "retry_after_ms", -1);
    s->pause_key = text_of(s, v, "pause_key");
    s->is_fail_told = true;
    slot_report_now(s);
}

static void heard_text(struct slot *s, const struct json *v)
{
    if (s->text_count == SLOT_TEXTS_MAX) {
        log_warn("worker.artifact_dropped", L_ID("job", s->job), L_INT("most", SLOT_TEXTS_MAX));
        return;
    }
    s->texts[s->text_count++] = (struct report_artifact){.name = text_of(s, v, "name"),
                                                         .media_type = text_of(s, v, "media_type"),
                                                         .bytes = text_of(s, v, "text")};
}

bool slot_is_full_of_children(const struct slot *s)
{
    return s->child_count == JOB_CHILDREN_MAX || s->child_bytes >= SLOT_CHILD_BYTES;
}

void slot_forget_children(struct slot *s)
{
    arena_free(s->child_arena);
    s->child_arena = NULL;
    s->children = NULL;
    s->child_count = s->child_bytes = 0;
}

/* The spec lives until it is told, with what it borrows. */
static void heard_child(struct slot *s, const struct json *v)
{
    struct json *spec = NULL;
    struct err e;
    if (!s->children) {
        s->child_arena = arena_new();
        s->children = arena_array(s->child_arena, struct job_spec, JOB_CHILDREN_MAX);
    }
    if (json_parse(arena_str(s->child_arena, v->raw), s->child_arena, &spec, &e) ||
        wire_spec_read(spec, s->child_arena, &s->children[s->child_count], &e)) {
        slot_end_with(s, ERROR_PERMANENT, "bad_child", e.text);
        return;
    }
    s->child_count++;
    s->child_bytes += v->raw.n;
    if (slot_is_full_of_children(s)) { /* the rest waits in the socket until these are sent */
        slot_process_pause(s);
        slot_report_now(s);
    }
}

static void heard_end(struct slot *s, enum slot_end end, const struct json *v)
{
    s->end = end;
    if (end == SLOT_WAIT) {
        s->checkpoint = arena_str(s->news, v->raw);
    } else {
        s->result = arena_str(s->a, v->raw);
    }
    slot_report_now(s);
}

void slot_heard(struct slot *s, const struct json *m)
{
    const struct json *v = NULL;
    if (!s->has_job || s->end != SLOT_RUNNING) {
        return; /* the last words of a job that is over */
    }
    if ((v = json_get(m, STR("progress")))) {
        heard_progress(s, v);
    } else if ((v = json_get(m, STR("event")))) {
        heard_event(s, v);
    } else if ((v = json_get(m, STR("checkpoint")))) {
        s->checkpoint = arena_str(s->news, v->raw);
        slot_report_soon(s);
    } else if ((v = json_get(m, STR("artifact")))) {
        heard_artifact(s, v);
    } else if ((v = json_get(m, STR("series")))) {
        slot_fetch_series(s, text_of(s, v, "name"), text_of(s, v, "path"));
    } else if ((v = json_get(m, STR("batch")))) {
        slot_fetch_batch(s, text_of(s, v, "id"), text_of(s, v, "path"));
    } else if ((v = json_get(m, STR("take")))) {
        slot_heard_take(s, v);
    } else if ((v = json_get(m, STR("correct")))) {
        slot_heard_correct(s, v);
    } else if ((v = json_get(m, STR("children")))) {
        slot_gather_children(s, text_of(s, v, "path"));
    } else if ((v = json_get(m, STR("artifacts")))) {
        slot_gather_artifacts(s, text_of(s, v, "name"), text_of(s, v, "path"));
    } else if ((v = json_get(m, STR("text")))) {
        heard_text(s, v);
    } else if ((v = json_get(m, STR("child")))) {
        heard_child(s, v);
    } else if ((v = json_get(m, STR("wait")))) {
        heard_end(s, SLOT_WAIT, v);
    } else if ((v = json_get(m, STR("complete")))) {
        heard_end(s, SLOT_COMPLETE, v);
    } else if ((v = json_get(m, STR("fail")))) {
        heard_fail(s, v);
    }
}

void slot_read_on(struct slot *s)
{
    if (s->event_count < SLOT_EVENTS_MAX &&
        !slot_is_full_of_children(s)) { /* a verdict may be that of an earlier report */
        slot_process_go_on(s);
    }
}

void slot_told_death(struct slot *s, const struct child_exit *x)
{
    char text[160];
    if (!s->has_job || s->end != SLOT_RUNNING) {
        return;
    }
    switch (s->killed_for) {
    case KILL_TIMEOUT:
        slot_end_with(s, ERROR_TIMEOUT, "timeout", "the job ran longer than its timeout and was killed");
        return;
    case KILL_CANCEL:
        slot_end_with(s, ERROR_PERMANENT, "cancelled", "cancelled");
        return;
    case KILL_DRAIN:
        s->end = SLOT_RELEASE;
        slot_report_now(s);
        return;
    case KILL_LEASE:
        slot_free_job(s);
        return;
    case KILL_NONE:
        break;
    }
    if (x->signal) {
        str_print(text, sizeof(text), "the worker process died by signal %d (%s)", x->signal,
                  sigdescr_np(x->signal));
    } else {
        str_print(text, sizeof(text), "the worker process ended with code %d in the middle of the job",
                  x->status);
    }
    slot_end_with(s, ERROR_CRASH, "crash", text);
}

void slot_kill(struct slot *s, enum kill_cause why)
{
    if (s->killed_for == KILL_NONE) {
        s->killed_for = why;
    }
    if (s->process) {
        child_kill_group(s->process->child, SIGKILL);
    }
}

/* ---- the job ---- */

static void on_timeout(struct loop_timer *t)
{
    struct slot *s = LOOP_OWNER(t, struct slot, timeout);
    log_warn("worker.timeout", L_ID("job", s->job), L_STR("kind", s->kind));
    slot_kill(s, KILL_TIMEOUT);
}

static void on_kill(struct loop_timer *t)
{
    slot_kill(LOOP_OWNER(t, struct slot, kill), KILL_CANCEL);
}

void slot_cancel(struct slot *s)
{
    if (!s->has_job || s->is_cancelled || s->end != SLOT_RUNNING) {
        return;
    }
    s->is_cancelled = true;
    struct buf line = BUF_LIMIT(64);
    buf_append_c(&line, "{\"cancel\":true}");
    slot_send(s, &line);
    buf_dispose(&line);
    s->kill.run = on_kill;
    timer_start(s->sup->loop, &s->kill, CANCEL_GRACE_MS);
}

static void send_job(struct slot *s, const struct json *claimed)
{
    const char *command = NULL;
    bool is_exec = supervisor_is_exec(s->sup, s->kind, &command);
    struct buf b = BUF_LIMIT(MESSAGE_MAX_BYTES);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_raw(&w, "job", claimed->raw);
    json_put_str(&w, "handler", is_exec ? STR("exec") : s->kind);
    json_put_c(&w, "scratch", s->scratch);
    json_name(&w, "options");
    json_object_begin(&w);
    for (size_t i = 0; i < s->sup->o->option_count; i++) {
        json_put_c(&w, s->sup->o->options[i].name, s->sup->o->options[i].value);
    }
    if (is_exec) {
        json_put_c(&w, "exec", command);
    }
    json_object_end(&w);
    json_object_end(&w);
    slot_send(s, &b);
    buf_dispose(&b);
}

static void start_clocks(struct slot *s, int64_t timeout_ms)
{
    s->lease_good_until_ms = loop_now_ms(s->sup->loop) + s->lease_ms;
    s->timeout.run = on_timeout;
    if (timeout_ms > 0) {
        timer_start(s->sup->loop, &s->timeout, timeout_ms);
    }
    slot_report_soon(s); /* sets the first heartbeat */
}

static enum rc make_folder(struct slot *s, struct str name, struct err *e)
{
    const char *command = NULL;
    const struct handler *h = handler_of(s->kind);
    if (h && h->is_folderless && !supervisor_is_exec(s->sup, s->kind, &command)) {
        scratch_name(&s->sup->scratch, name, s->scratch, sizeof s->scratch);
        return RC_OK;
    }
    return scratch_make(&s->sup->scratch, name, s->scratch, sizeof s->scratch, e);
}

static void note_tenant(struct slot *s, const struct json *claimed)
{
    const struct json *v = json_get(claimed, STR("tenant"));
    str_copy(s->tenant, sizeof s->tenant, v && v->type == JSON_STRING ? v->s : STR(""));
    str_print(s->lease_field, sizeof s->lease_field, "%s %lld", id_text(s->job).s, (long long)s->lease);
}

void slot_take(struct slot *s, const struct json *claimed)
{
    struct job j = {0};
    struct err err = {0};
    char name[64];

    s->a = arena_new();
    s->news = arena_new();
    if (wire_job_read(claimed, &j, &err)) {
        log_error("worker.claim_unreadable", L_C("error", err.text)); /* the lease brings it back */
        slot_free_job(s);
        return;
    }
    s->has_job = true;
    s->job = j.id;
    s->kind = arena_str(s->a, j.kind);
    s->lease = j.lease;
    s->lease_ms = j.lease_ms ? j.lease_ms : JOB_LEASE_DEFAULT_MS;
    s->n = 0;
    s->permille = -1;
    s->retry_after_ms = -1;
    s->pause_key = STR("");
    note_tenant(s, claimed);
    log_info("worker.job_started", L_ID("job", s->job), L_STR("kind", s->kind), L_INT("attempt", j.attempt));
    start_clocks(s, j.timeout_ms);
    str_print(name, sizeof(name), "%s-%lld", id_text(j.id).s, (long long)j.lease);
    if (make_folder(s, str_from(name), &err) || slot_process_get(s, &err)) {
        slot_end_with(s, ERROR_TRANSIENT, "worker_failed", err.text);
        return;
    }
    send_job(s, claimed);
    if (j.cancel_requested) {
        slot_cancel(s);
    }
}

/* ---- after the job ---- */

static void cleanup_work(struct loop_work *w)
{
    scratch_remove(LOOP_OWNER(w, struct slot, cleanup)->cleanup_path);
}

static void cleanup_done(struct loop_work *w)
{
    struct slot *s = LOOP_OWNER(w, struct slot, cleanup);
    s->is_cleaning = false;
    supervisor_slot_is_free(s->sup);
}

/* A command that failed may have left others behind. */
static bool is_process_sound(const struct slot *s)
{
    const char *unused = NULL;
    bool has_told =
        s->end == SLOT_COMPLETE || s->end == SLOT_WAIT ||
        (s->is_fail_told && s->error.class != ERROR_CRASH && !supervisor_is_exec(s->sup, s->kind, &unused));
    return has_told && s->killed_for == KILL_NONE;
}

void slot_pass_on(struct slot *s)
{
    if (s->is_final_sent && s->process && is_process_sound(s)) {
        slot_process_leave(s);
        supervisor_offer_more(s->sup);
    }
}

void slot_free_job(struct slot *s)
{
    timer_stop(s->sup->loop, &s->beat);
    timer_stop(s->sup->loop, &s->timeout);
    timer_stop(s->sup->loop, &s->kill);
    slot_gather_cancel(s);
    slot_upload_cancel(s);
    if (s->call) { /* its verdict would be taken for one of the next job, and so would that of a report which is to be repeated */
        http_call_cancel(s->call);
        s->call = NULL;
    }
    buf_clear(&s->body);
    if (s->fetch) {
        http_call_cancel(s->fetch);
        s->fetch = NULL;
        if (s->fetch_fd >= 0) {
            close(s->fetch_fd);
        }
    }
    if (is_process_sound(s)) {
        slot_process_leave(s);
    } else {
        slot_process_drop(s);
    }
    arena_free(s->a);
    arena_free(s->news);
    s->a = s->news = NULL;
    s->has_job = s->has_progress = s->is_cancelled = s->is_final_sent = false;
    s->killed_for = KILL_NONE;
    s->end = SLOT_RUNNING;
    s->event_count = s->artifact_count = s->take_count = s->correct_count = 0;
    s->text_count = 0;
    s->has_told_children = false;
    slot_forget_children(s);
    s->is_take_sent = s->is_fail_told = s->is_end_refused = false;
    s->checkpoint = s->result = STR_NONE;
    if (s->scratch[0] && access(s->scratch, F_OK) == 0) {
        str_copy(s->cleanup_path, sizeof(s->cleanup_path), str_from(s->scratch));
        s->is_cleaning = true;
        s->cleanup.work = cleanup_work;
        s->cleanup.done = cleanup_done;
        s->scratch[0] = '\0';
        loop_work_start(s->sup->loop, &s->cleanup);
    } else {
        s->scratch[0] = '\0';
        supervisor_slot_is_free(s->sup);
    }
}

void slot_dispose(struct slot *s)
{
    slot_process_drop(s);
    if (s->call) {
        http_call_cancel(s->call);
    }
    if (s->fetch) {
        http_call_cancel(s->fetch);
    }
    slot_gather_cancel(s);
    slot_upload_cancel(s);
    buf_dispose(&s->body);
    arena_free(s->a);
    arena_free(s->news);
    arena_free(s->child_arena);
}
