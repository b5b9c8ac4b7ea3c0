/* cmd_queues.c: queues and stats. */
#include <stdio.h>

#include "base/clock.h"
#include "cmd/remote.h"
#include "cmd/term.h"

static const char *const states[] = {"blocked",   "scheduled", "queued",    "processing",
                                     "completed", "failed",    "cancelled", "skipped"};

#define STATE_COUNT (sizeof(states) / sizeof(states[0]))

static void print_queues(const struct json *queues)
{
    static const char *const columns[] = {"queue",     "paused",     "blocked",   "scheduled",
                                          "queued",    "processing", "completed", "failed",
                                          "cancelled", "skipped",    "oldest",    NULL};
    struct term_table *t = term_table_new(columns);
    int64_t now = clock_wall_ms();
    for (const struct json *q = queues; q; q = q->next) {
        const struct json *counts = json_get(q, STR("counts"));
        term_cell(t, TERM_BOLD, json_text(q, "name"));
        term_cell(t, TERM_YELLOW, number_of(q, "paused") ? STR("paused") : STR(""));
        for (size_t i = 0; i < STATE_COUNT; i++) {
            term_cell_int(t, number_of(counts, states[i]));
        }
        term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(q, "oldest_queued_at"), now).s));
    }
    term_table_end(t);
}

static void print_queue(const struct json *q)
{
    static const char *const columns[] = {"setting", "value", NULL};
    const struct json *settings = json_get(q, STR("settings"));
    term_field("queue", json_text(q, "name"));
    term_field("paused", number_of(q, "paused") ? STR("yes") : STR("no"));
    struct term_table *t = term_table_new(columns);
    for (const struct json *v = settings ? settings->first : NULL; v; v = v->next) {
        if (v->type != JSON_NULL) {
            term_cell(t, TERM_PLAIN, v->name);
            term_cell(t, TERM_PLAIN, v->raw);
        }
    }
    term_table_end(t);
}

/* `GROUP=N`; only the last = counts. */
static enum rc write_weight(struct json_out *w, struct str given, struct err *e)
{
    size_t at = given.n;
    int64_t weight = 0;
    while (at > 0 && given.p[at - 1] != '=') {
        at--;
    }
    if (!at || !str_to_i64(str_sub(given, at, given.n), &weight)) {
        return err_set(e, RC_INVALID, "--group-weight: it is GROUP=N, not %.*s", STR_ARG(given));
    }
    json_name_str(w, str_sub(given, 0, at - 1));
    json_int(w, weight);
    return RC_OK;
}

static enum rc write_settings(struct json_out *w, const struct options *o, struct err *e)
{
    const struct str *weights = NULL;
    size_t count = options_list(o, "group-weight", &weights);
    enum rc rc = RC_OK;
    json_object_begin(w);
    if (options_is_given(o, "age-step") && options_int(o, "age-step")) {
        json_put_real(w, "age_step_s", (double)options_int(o, "age-step") / 1000);
    } else if (options_is_given(o, "age-step")) {
        json_put_c(w, "age_step_s", NULL);
    }
    if (count == 1 && str_eq(weights[0], STR("none"))) {
        json_put_c(w, "group_weights", NULL);
    } else if (count) {
        json_name(w, "group_weights");
        json_object_begin(w);
        for (size_t i = 0; i < count && !rc; i++) {
            rc = write_weight(w, weights[i], e);
        }
        json_object_end(w);
    }
    json_object_end(w);
    return rc;
}

enum verb { LIST, SHOW, SET, PAUSE, RESUME, VERBS };
static const char *const verbs[VERBS] = {"", "show", "set", "pause", "resume"};

static enum verb verb_of(const struct options *o)
{
    struct str given = options_arg(o, 0);
    int verb = LIST;
    while (verb < VERBS && !str_eq(given, str_from(verbs[verb]))) {
        verb++;
    }
    return verb < VERBS && options_arg_count(o) == (verb == LIST ? 0 : 2) ? (enum verb)verb : VERBS;
}

static int call(struct remote *r, enum verb verb, const struct json **answer)
{
    struct buf body = BUF_LIMIT(1 << 18);
    struct json_out w = json_writer(&body);
    struct err e = {0};
    int code = EXIT_OK;
    remote_path(r, "/v1/queues");
    if (verb != LIST) {
        buf_append_c(&r->path, "/");
        remote_segment(r, options_arg(r->o, 1));
    }
    if (verb == SET && write_settings(&w, r->o, &e)) {
        code = command_fail(r->o, EXIT_USAGE, "%s", e.text);
    } else if (verb == SET) {
        code = remote_call(r, "PATCH", remote_target(r), buf_str(&body), answer);
    } else if (verb == PAUSE || verb == RESUME) {
        buf_printf(&r->path, "/%s", verbs[verb]);
        code = remote_call(r, "POST", remote_target(r), STR_NONE, answer);
    } else {
        code = remote_call(r, "GET", remote_target(r), STR_NONE, answer);
    }
    buf_dispose(&body);
    return code;
}

/* `stint queues`, `stint queues show|set|pause|resume NAME` */
int cmd_queues(const struct options *o)
{
    struct remote r;
    const struct json *answer = NULL;
    enum verb verb = verb_of(o);
    if (verb == VERBS) {
        return command_fail(o, EXIT_USAGE,
                            "it is: stint queues, or: stint queues show|set|pause|resume NAME");
    }
    int code = remote_open(&r, o);
    code = code ? code : call(&r, verb, &answer);
    if (!code && options_flag(o, "json")) {
        remote_print_json(answer);
    } else if (!code && verb == LIST) {
        print_queues(first_of(answer, "queues"));
    } else if (!code && (verb == SHOW || verb == SET)) {
        print_queue(answer);
    } else if (!code) {
        (void)printf("%.*s %sd\n", STR_ARG(options_arg(o, 1)), verbs[verb]);
    }
    remote_close(&r);
    return code;
}

static void print_stats(const struct json *s)
{
    const struct json *counts = json_get(s, STR("counts"));
    for (size_t i = 0; i < STATE_COUNT; i++) {
        term_str(term_color_of_state(str_from(states[i])), str_from(states[i]));
        (void)printf("%*s%s\n", (int)(14 - str_from(states[i]).n), "",
                     term_count(number_of(counts, states[i])).s);
    }
    for (const struct json *k = first_of(s, "queued"); k; k = k->next) {
        const struct json *served = json_get(k, STR("has_worker"));
        if (served && !served->i) {
            term_print(TERM_YELLOW, "%s queued in %.*s of kind %.*s: no worker asks for it\n",
                       term_count(number_of(k, "queued")).s, STR_ARG(json_text(k, "queue")),
                       STR_ARG(json_text(k, "kind")));
        }
    }
}

int cmd_stats(const struct options *o)
{
    struct remote r;
    const struct json *answer = NULL;
    int code = remote_open(&r, o);
    if (!code) {
        code = remote_call(&r, "GET", STR("/v1/stats"), STR_NONE, &answer);
    }
    if (!code && options_flag(o, "json")) {
        remote_print_json(answer);
    } else if (!code) {
        print_stats(answer);
    }
    remote_close(&r);
    return code;
}
