/* cmd_jobs.c: enqueue, watch, ls, show, cancel, retry. */
#include <stdio.h>

#include "base/clock.h"
#include "cmd/remote.h"
#include "cmd/term.h"

/* ---- enqueue ---- */

/* After an enqueue: its id, or the whole course of the job. */
static int tell_enqueued(struct remote *r, const struct json *answer)
{
    struct str id = text_of(answer, "id");
    const struct json *job = NULL;
    if (!options_flag(r->o, "wait")) {
        if (options_flag(r->o, "json")) {
            remote_print_json(answer);
        } else {
            (void)printf("%.*s%s\n", STR_ARG(id),
                         number_of(answer, "replaced")    ? " (replaced)"
                         : number_of(answer, "duplicate") ? " (already there)"
                                                          : "");
        }
        return EXIT_OK;
    }
    int code = remote_follow(r, id, true, &job);
    const struct json *result = json_get(job, STR("result"));
    if (code == EXIT_OK && result) {
        remote_print_json(result);
    }
    return code;
}

int cmd_enqueue(const struct options *o)
{
    struct remote r;
    struct err e = {0};
    struct buf body = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&body);
    const struct json *answer = NULL;
    int code = remote_open(&r, o);
    if (code) {
        goto out;
    }
    struct str args = remote_text(&r, options_arg(o, 1), STR("{}"), &e);
    if (!args.p || json_validate(args, &e)) {
        code = command_fail(o, EXIT_USAGE, "the args are not JSON: %s", e.text);
        goto out;
    }
    json_object_begin(&w);
    remote_put_spec(&w, o, options_arg(o, 0), args);
    remote_put_text(&w, o, "unique-key", "unique_key");
    remote_put_seconds(&w, o, "unique-for", "unique_for_s");
    remote_put_text(&w, o, "on-duplicate", "on_duplicate");
    json_object_end(&w);
    code = remote_call(&r, "POST", STR("/v1/jobs"), (struct str){buf_c_str(&body), body.n}, &answer);
    if (!code) {
        code = tell_enqueued(&r, answer);
    }
out:
    buf_dispose(&body);
    remote_close(&r);
    return code;
}

/* ---- watch ---- */

int cmd_watch(const struct options *o)
{
    struct remote r;
    const struct json *job = NULL;
    int code = remote_open(&r, o);
    if (!code) {
        code = remote_follow(&r, options_arg(o, 0), true, &job);
    }
    if (!code && !options_flag(o, "json")) {
        term_str(TERM_GREEN, text_of(job, "state"));
        (void)putchar('\n');
    }
    remote_close(&r);
    return code;
}

/* ---- ls ---- */

static void print_jobs(const struct json *jobs, int64_t now)
{
    static const char *const columns[] = {"id",      "state",   "queue",    "kind",
                                          "attempt", "created", "progress", NULL};
    struct term_table *t = term_table_new(columns);
    for (const struct json *j = jobs; j; j = j->next) {
        struct str state = text_of(j, "state");
        const struct json *p = json_get(json_get(j, STR("progress")), STR("percent"));
        char progress[16] = "";
        if (p && p->type != JSON_NULL) {
            str_print(progress, sizeof(progress), "%.0f %%", p->d);
        }
        term_cell(t, TERM_PLAIN, text_of(j, "id"));
        term_cell(t, term_color_of_state(state), state);
        term_cell(t, TERM_PLAIN, text_of(j, "queue"));
        term_cell(t, TERM_PLAIN, text_of(j, "kind"));
        term_cell_int(t, number_of(j, "attempt"));
        term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(j, "created_at"), now).s));
        term_cell(t, TERM_PLAIN, str_from(progress));
    }
    term_table_end(t);
}

int cmd_ls(const struct options *o)
{
    struct remote r;
    const struct json *answer = NULL;
    const struct str *list = NULL;
    char limit[24];
    int code = remote_open(&r, o);
    if (code) {
        goto out;
    }
    remote_path(&r, "/v1/jobs");
    remote_query(&r, "state", options_str(o, "state"));
    if (options_list(o, "queue", &list)) {
        remote_query(&r, "queue", list[0]);
    }
    if (options_list(o, "kind", &list)) {
        remote_query(&r, "kind", list[0]);
    }
    if (options_list(o, "tag", &list)) {
        remote_query(&r, "tag", list[0]);
    }
    str_print(limit, sizeof(limit), "%lld", (long long)options_int(o, "limit"));
    remote_query(&r, "limit", str_from(limit));
    code = remote_call(&r, "GET", remote_target(&r), STR_NONE, &answer);
    if (code) {
        goto out;
    }
    if (options_flag(o, "json")) {
        remote_print_json(answer);
    } else {
        print_jobs(first_of(answer, "jobs"), clock_wall_ms());
    }
out:
    remote_close(&r);
    return code;
}

/* ---- show ---- */

static void print_job(const struct json *j)
{
    static const char *const texts[] = {"id",          "queue",           "kind",   "reason",
                                        "worker",      "created_at",      "run_at", "started_at",
                                        "finished_at", "progress_message"};
    static const char *const values[] = {"attempt", "max_attempts", "lost",       "progress", "unique_key",
                                         "tags",    "args",         "checkpoint", "result",   "error"};
    struct str state = text_of(j, "state");
    term_print(TERM_DIM, "%-13s", "state");
    term_str(term_color_of_state(state), state);
    (void)putchar('\n');
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        term_field(texts[i], text_of(j, texts[i]));
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct json *v = json_get(j, str_from(values[i]));
        if (v && v->type != JSON_NULL) {
            term_field(values[i], v->raw);
        }
    }
}

int cmd_show(const struct options *o)
{
    struct remote r;
    const struct json *job = NULL;
    int code = remote_open(&r, o);
    if (!code) {
        remote_path(&r, "/v1/jobs/");
        remote_segment(&r, options_arg(o, 0));
        code = remote_call(&r, "GET", remote_target(&r), STR_NONE, &job);
    }
    if (!code && options_flag(o, "json")) {
        remote_print_json(job);
    } else if (!code) {
        print_job(job);
    }
    remote_close(&r);
    return code;
}

/* ---- cancel, retry ---- */

static int act(const struct options *o, const char *verb)
{
    struct remote r;
    int code = remote_open(&r, o);
    for (size_t i = 0; code == EXIT_OK && i < options_arg_count(o); i++) {
        const struct json *answer = NULL;
        remote_path(&r, "/v1/jobs/");
        remote_segment(&r, options_arg(o, i));
        buf_printf(&r.path, "/%s", verb);
        code = remote_call(&r, "POST", remote_target(&r), STR_NONE, &answer);
        if (code == EXIT_OK && options_flag(o, "json")) {
            remote_print_json(answer);
        } else if (code == EXIT_OK) {
            struct str state = text_of(answer, "state");
            (void)printf("%.*s ", STR_ARG(options_arg(o, i)));
            term_str(term_color_of_state(state), state);
            (void)puts(str_eq(state, STR("processing")) ? " (its worker is asked to stop)" : "");
        }
    }
    remote_close(&r);
    return code;
}

int cmd_cancel(const struct options *o)
{
    return act(o, "cancel");
}

int cmd_retry(const struct options *o)
{
    return act(o, "retry");
}
