/* cmd_jobs.c: enqueue, watch, ls, show, cancel, retry. */
#include <stdio.h>

#include "cmd/pages.h"

/* ---- enqueue ---- */

/* After an enqueue: its id, or the whole course of the job. */
static int tell_enqueued(struct remote *r, const struct json *answer)
{
    struct str id = json_text(answer, "id");
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
        code = command_fail(o, EXIT_USAGE, "the args: %s", e.text);
        goto out;
    }
    json_object_begin(&w);
    remote_put_spec(&w, o, options_arg(o, 0), args);
    remote_put_text(&w, o, "in-batch", "batch");
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
        term_str(TERM_GREEN, json_text(job, "state"));
        (void)putchar('\n');
    }
    remote_close(&r);
    return code;
}

/* ---- ls ---- */

/* How far a job had come is of interest while it is on its way. */
static void add_job(struct term_table *t, const struct json *j, int64_t now)
{
    struct str state = json_text(j, "state");
    const struct json *p = json_get(json_get(j, STR("progress")), STR("percent"));
    char progress[16] = "";
    if (p && p->type != JSON_NULL && !remote_is_final(j)) {
        str_print(progress, sizeof(progress), "%.0f %%", p->d);
    }
    term_cell(t, TERM_PLAIN, json_text(j, "id"));
    term_cell(t, term_color_of_state(state), state);
    term_cell(t, TERM_PLAIN, json_text(j, "queue"));
    term_cell(t, TERM_PLAIN, json_text(j, "kind"));
    term_cell_int(t, number_of(j, "attempt"));
    term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(j, "created_at"), now).s));
    term_cell(t, TERM_PLAIN, str_from(progress));
}

static int get_jobs(struct remote *r, struct str cursor, const struct json **answer)
{
    static const char *const filters[] = {"queue", "kind", "tag"};
    const struct str *list = NULL;
    char limit[24];

    remote_path(r, "/v1/jobs");
    remote_query(r, "state", options_str(r->o, "state"));
    remote_query(r, "batch", options_str(r->o, "in-batch"));
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        remote_query(r, filters[i], options_list(r->o, filters[i], &list) ? list[0] : STR_NONE);
    }
    str_print(limit, sizeof(limit), "%lld", (long long)options_int(r->o, "limit"));
    remote_query(r, "limit", str_from(limit));
    remote_query(r, "cursor", cursor);
    return remote_call(r, "GET", remote_target(r), STR_NONE, answer);
}

int cmd_ls(const struct options *o)
{
    static const char *const columns[] = {"id",      "state",   "queue",    "kind",
                                          "attempt", "created", "progress", NULL};
    static const struct pages jobs = {"jobs", columns, get_jobs, add_job, "--limit, or a filter"};
    struct remote r;
    int code = remote_open(&r, o);
    code = code ? code : pages_print(&r, &jobs);
    remote_close(&r);
    return code;
}

/* ---- show ---- */

static void print_job(const struct json *j)
{
    static const char *const texts[] = {
        "id",    "queue",  "kind",       "reason", "group",      "parent",      "root",
        "batch", "worker", "created_at", "run_at", "started_at", "finished_at", "progress_message"};
    static const char *const values[] = {"priority",   "attempt", "max_attempts", "lost",       "progress",
                                         "unique_key", "tags",    "limits",       "depends_on", "args",
                                         "checkpoint", "result",  "error"};
    struct str state = json_text(j, "state");
    term_print(TERM_DIM, "%-13s", "state");
    term_str(term_color_of_state(state), state);
    (void)putchar('\n');
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        term_field(texts[i], json_text(j, texts[i]));
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct json *v = json_get(j, str_from(values[i]));
        if (v && v->type != JSON_NULL) {
            term_field(values[i], v->raw);
        }
    }
}

/* Why a key keeps a job of that weight waiting; "" when it does not. */
static struct str hold_of(struct remote *r, const struct json *l, int64_t weight)
{
    struct str until = json_text(l, "paused_until");
    int64_t slots = number_of(l, "slots"), tokens = number_of(l, "tokens"), used = number_of(l, "used");

    if (number_of(l, "paused")) {
        return arena_printf(r->a, "paused until %.*s", STR_ARG(until.n ? until : STR("somebody resumes it")));
    }
    if (slots && used + (weight < slots ? weight : slots) > slots) {
        return arena_printf(r->a, "%lld of %lld run", (long long)used, (long long)slots);
    }
    const struct json *rate = json_get(l, STR("rate"));
    int64_t burst = number_of(rate, "burst");
    if (burst && tokens < (weight < burst ? weight : burst)) {
        return arena_printf(r->a, "%lld of %lld tokens are there", (long long)tokens, (long long)burst);
    }
    return STR("");
}

/* Which of its keys it waits for: nobody else tells, for claims do not look at such jobs. A key may be none of the caller's. */
static void print_holds(struct remote *r, const struct json *job)
{
    for (const struct json *u = first_of(job, "limits"); u; u = u->next) {
        bool is_heavy = u->type == JSON_OBJECT;
        struct str key = is_heavy ? json_text(u, "key") : u->s;
        const struct json *l = NULL;
        struct stint_error e;
        remote_path(r, "/v1/limits/");
        remote_segment(r, key);
        if (remote_try(r, "GET", STR_NONE, STR_NONE, &l, &e)) {
            continue;
        }
        struct str hold = hold_of(r, l, is_heavy ? number_of(u, "weight") : 1);
        if (hold.n) {
            term_field("waits for", arena_printf(r->a, "%.*s: %.*s", STR_ARG(key), STR_ARG(hold)));
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
        if (str_eq(json_text(job, "state"), STR("queued"))) {
            print_holds(&r, job);
        }
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
            struct str state = json_text(answer, "state");
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
