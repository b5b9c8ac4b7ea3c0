/* cmd_schedule.c: schedules: list, put, show, next, run, pause, resume, delete. */
#include <stdio.h>

#include "base/clock.h"
#include "cmd/remote.h"
#include "cmd/term.h"

#define NEXT_MAX 100

static void print_shown(const struct remote *r, const struct json *answer);
static void print_next(const struct remote *r, const struct json *answer);
static void print_id(const struct remote *r, const struct json *answer);

static const struct verb {
    const char *name, *method, *path; /* behind the schedule's own */
    const char *done;                 /* what is said of it then; NULL: the answer is printed */
    void (*print)(const struct remote *r, const struct json *answer);
} verbs[] = {
    {"put", "PUT", "", "is kept", NULL},         {"show", "GET", "", NULL, print_shown},
    {"next", "GET", "", NULL, print_next},       {"run", "POST", "/run", NULL, print_id},
    {"pause", "POST", "/pause", "paused", NULL}, {"resume", "POST", "/resume", "resumed", NULL},
    {"delete", "DELETE", "", "deleted", NULL},
};

static bool is_verb(const struct verb *v, const char *name)
{
    return str_eq(str_from(v->name), str_from(name));
}

static const struct verb *verb_named(struct str name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (str_eq(name, str_from(verbs[i].name))) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* ---- what is printed ---- */

static struct str plan_of(const struct json *s, struct arena *a)
{
    struct str cron = json_text(s, "cron");
    const struct json *every = json_get(s, STR("every_s"));

    if (cron.n) {
        return arena_printf(a, "%.*s (%.*s)", STR_ARG(cron), STR_ARG(json_text(s, "tz")));
    }
    return arena_printf(a, "every %s", term_duration(every ? (int64_t)(every->d * 1000) : 0).s);
}

static void print_next(const struct remote *r, const struct json *answer)
{
    (void)r;
    for (const struct json *n = first_of(answer, "next"); n; n = n->next) {
        term_str(TERM_PLAIN, n->s);
        (void)putchar('\n');
    }
}

static void print_id(const struct remote *r, const struct json *answer)
{
    struct str batch = json_text(answer, "batch");

    (void)r;
    term_str(TERM_PLAIN, batch.n ? batch : json_text(answer, "id"));
    (void)putchar('\n');
}

static void print_shown(const struct remote *r, const struct json *s)
{
    static const char *const texts[] = {"start",    "end",       "overlap",    "catch_up",
                                        "last_job", "last_tick", "created_at", "updated_at"};
    static const char *const values[] = {"jitter_s", "catch_up_window_s", "fired", "dropped", "job", "matrix",
                                         "finally"};

    term_field("name", json_text(s, "name"));
    term_field("paused", number_of(s, "paused") ? STR("paused") : STR(""));
    term_field("ticks", plan_of(s, r->a));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        term_field(texts[i], json_text(s, texts[i]));
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct json *v = json_get(s, str_from(values[i]));
        term_field(values[i], v ? v->raw : STR(""));
    }
    for (const struct json *n = first_of(s, "next"); n; n = n->next) {
        term_field("next", n->s);
    }
}

static void print_schedules(struct remote *r, const struct json *schedules)
{
    static const char *const columns[] = {"schedule", "paused", "ticks",   "next",
                                          "last",     "fired",  "dropped", NULL};
    struct term_table *t = term_table_new(columns);
    const int64_t now = clock_wall_ms();

    for (const struct json *s = schedules; s; s = s->next) {
        const struct json *next = first_of(s, "next");
        term_cell(t, TERM_BOLD, json_text(s, "name"));
        term_cell(t, TERM_YELLOW, number_of(s, "paused") ? STR("paused") : STR(""));
        term_cell(t, TERM_PLAIN, plan_of(s, r->a));
        term_cell(t, TERM_PLAIN, next ? next->s : STR("-"));
        term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(s, "last_tick"), now).s));
        term_cell_int(t, number_of(s, "fired"));
        term_cell_int(t, number_of(s, "dropped"));
    }
    term_table_end(t);
}

static int list(struct remote *r)
{
    const struct json *answer = NULL;

    remote_path(r, "/v1/schedules");
    remote_query(r, "limit", arena_printf(r->a, "%lld", (long long)options_int(r->o, "limit")));
    int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
    if (!code && options_flag(r->o, "json")) {
        remote_print_json(answer);
    } else if (!code) {
        print_schedules(r, first_of(answer, "schedules"));
        code =
            json_text(answer, "next_after").n ? command_fail(r->o, EXIT_OK, "there are more: --limit") : code;
    }
    return code;
}

/* ---- what is sent ---- */

/* Options, and the members of a definition that they are. */
static const char *const plan_texts[][2] = {{"cron", "cron"},       {"tz", "tz"},
                                            {"start", "start"},     {"end", "end"},
                                            {"overlap", "overlap"}, {"catch-up", "catch_up"}};
static const char *const plan_times[][2] = {
    {"every", "every_s"}, {"jitter", "jitter_s"}, {"catch-up-window", "catch_up_window_s"}};

#define PLAN_TEXTS (sizeof plan_texts / sizeof plan_texts[0])
#define PLAN_TIMES (sizeof plan_times / sizeof plan_times[0])

static bool has_plan_options(const struct options *o)
{
    bool is_given = false;

    for (size_t i = 0; i < PLAN_TEXTS; i++) {
        is_given = is_given || options_is_given(o, plan_texts[i][0]);
    }
    for (size_t i = 0; i < PLAN_TIMES; i++) {
        is_given = is_given || options_is_given(o, plan_times[i][0]);
    }
    return is_given;
}

/* From the options and KIND [ARGS]. */
static void write_definition(struct json_out *w, const struct options *o, struct str args)
{
    json_object_begin(w);
    for (size_t i = 0; i < PLAN_TEXTS; i++) {
        remote_put_text(w, o, plan_texts[i][0], plan_texts[i][1]);
    }
    for (size_t i = 0; i < PLAN_TIMES; i++) {
        remote_put_seconds(w, o, plan_times[i][0], plan_times[i][1]);
    }
    json_name(w, "job");
    json_object_begin(w);
    remote_put_spec(w, o, options_arg(o, 2), args);
    json_object_end(w);
    json_object_end(w);
}

/* What `put` sends. A definition begins with a brace, which no kind does. */
static int read_body(struct remote *r, struct buf *out)
{
    const struct options *o = r->o;
    struct str word = options_arg(o, 2);
    bool is_whole = str_eq(word, STR("-")) || str_starts(str_trim(word), STR("{"));
    struct err e = {0};
    struct json_out w = json_writer(out);

    if (is_whole && (options_arg_count(o) > 3 || has_plan_options(o))) {
        return command_fail(o, EXIT_USAGE, "the definition says everything itself: nothing beside it");
    }
    struct str text = remote_text(r, is_whole ? word : options_arg(o, 3), STR("{}"), &e);
    if (!text.p || json_validate(text, &e)) {
        return command_fail(o, EXIT_USAGE, "%s: %s", is_whole ? "the definition" : "the args", e.text);
    }
    if (is_whole) {
        buf_append(out, text.p, text.n);
    } else {
        write_definition(&w, o, text);
    }
    return EXIT_OK;
}

static int act(struct remote *r, const struct verb *v)
{
    const struct json *answer = NULL;
    struct buf body = BUF_LIMIT(8 << 20);
    int code = is_verb(v, "put") ? read_body(r, &body) : EXIT_OK;

    if (code) {
        goto out;
    }
    remote_path(r, "/v1/schedules/");
    remote_segment(r, options_arg(r->o, 1));
    buf_printf(&r->path, "%s", v->path);
    if (is_verb(v, "next")) {
        int64_t count = options_int(r->o, "limit");
        remote_query(r, "next", arena_printf(r->a, "%lld", (long long)(count < NEXT_MAX ? count : NEXT_MAX)));
    }
    code = remote_call(r, v->method, remote_target(r), (struct str){buf_c_str(&body), body.n}, &answer);
    if (code) {
        goto out;
    }
    if (options_flag(r->o, "json")) {
        if (answer) {
            remote_print_json(answer);
        }
    } else if (v->print) {
        v->print(r, answer);
    } else {
        (void)printf("%.*s %s\n", STR_ARG(options_arg(r->o, 1)), v->done);
    }
out:
    buf_dispose(&body);
    return code;
}

/* How many words may follow the command. */
static bool count_is_good(const struct verb *v, size_t count)
{
    return v && is_verb(v, "put") ? count == 3 || count == 4 : count == 2;
}

int cmd_schedule(const struct options *o)
{
    struct remote r;
    struct str word = options_arg(o, 0);
    const struct verb *v = verb_named(word);
    bool is_list = !word.n || (str_eq(word, STR("list")) && options_arg_count(o) == 1);

    if (!is_list && (!v || !count_is_good(v, options_arg_count(o)))) {
        return command_fail(
            o, EXIT_USAGE,
            "it is: stint schedule list, put NAME JSON, put NAME KIND [ARGS], or one of show, "
            "next, run, pause, resume and delete with a NAME");
    }
    int code = remote_open(&r, o);
    if (!code) {
        code = is_list ? list(&r) : act(&r, v);
    }
    remote_close(&r);
    return code;
}
