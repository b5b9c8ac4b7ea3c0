/* cmd_schedule.c: schedules: list, put, show, next, run, pause, resume, rm. */
#include <stdio.h>

#include "base/clock.h"
#include "cmd/remote.h"
#include "cmd/term.h"

#define BODY_MAX_BYTES (4 << 20)

static const struct verb {
    const char *name, *method, *path; /* behind the schedule's own */
    const char *done;                 /* NULL: the answer is printed */
} verbs[] = {
    {"put", "PUT", "", "is kept"},
    {"show", "GET", "", NULL},
    {"next", "GET", "", NULL},
    {"run", "POST", "/run", NULL},
    {"pause", "POST", "/pause", "paused"},
    {"resume", "POST", "/resume", "resumed"},
    {"rm", "DELETE", "", "removed"},
};

static const struct verb *verb_named(struct str name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (str_eq(name, str_from(verbs[i].name))) {
            return &verbs[i];
        }
    }
    return NULL;
}

static struct str plan_of(const struct json *s, struct arena *a)
{
    struct str cron = text_of(s, "cron");
    const struct json *every = json_get(s, STR("every_s"));

    if (cron.n) {
        return arena_printf(a, "%.*s (%.*s)", STR_ARG(cron), STR_ARG(text_of(s, "tz")));
    }
    return arena_printf(a, "every %s", term_duration(every ? (int64_t)(every->d * 1000) : 0).s);
}

static struct str first_text(const struct json *s, const char *name)
{
    const struct json *first = first_of(s, name);

    return first ? first->s : STR("");
}

static void print_schedules(struct remote *r, const struct json *schedules)
{
    static const char *const columns[] = {"schedule", "paused", "ticks",   "next",
                                          "last",     "fired",  "dropped", NULL};
    struct term_table *t = term_table_new(columns);
    const int64_t now = clock_wall_ms();

    for (const struct json *s = schedules; s; s = s->next) {
        term_cell(t, TERM_BOLD, text_of(s, "name"));
        term_cell(t, TERM_YELLOW, number_of(s, "paused") ? STR("paused") : STR(""));
        term_cell(t, TERM_PLAIN, plan_of(s, r->a));
        term_cell(t, TERM_PLAIN, first_text(s, "next"));
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
    }
    return code;
}

static void print_answer(const struct remote *r, const struct verb *v, const struct json *answer)
{
    if (options_flag(r->o, "json")) {
        if (answer) {
            remote_print_json(answer);
        }
    } else if (v->done) {
        (void)printf("%.*s %s\n", STR_ARG(options_arg(r->o, 1)), v->done);
    } else if (str_eq(str_from(v->name), STR("next"))) {
        for (const struct json *n = first_of(answer, "next"); n; n = n->next) {
            (void)printf("%.*s\n", STR_ARG(n->s));
        }
    } else if (str_eq(str_from(v->name), STR("run"))) {
        (void)printf("%.*s\n", STR_ARG(text_of(answer, "id")));
    } else {
        remote_print_json(answer);
    }
}

/* The definition of `put`: the third word, or with - what standard input holds. */
static int read_body(struct remote *r, const struct verb *v, struct str *out)
{
    struct buf text = BUF_LIMIT(BODY_MAX_BYTES);
    struct str given = options_arg(r->o, 2);
    struct err e = {0};
    enum rc rc = RC_OK;

    *out = STR_NONE;
    if (!str_eq(str_from(v->name), STR("put"))) {
        return EXIT_OK;
    }
    if (str_eq(given, STR("-"))) {
        rc = buf_read_fd(&text, 0, &e);
        given = rc ? given : arena_str(r->a, buf_str(&text));
    }
    buf_dispose(&text);
    if (rc || json_validate(given, &e)) {
        return command_fail(r->o, EXIT_USAGE, "the schedule is not JSON: %s", e.text);
    }
    *out = given;
    return EXIT_OK;
}

static int act(struct remote *r, const struct verb *v)
{
    const struct json *answer = NULL;
    struct str body;
    int code = read_body(r, v, &body);

    if (code) {
        return code;
    }
    remote_path(r, "/v1/schedules/");
    remote_segment(r, options_arg(r->o, 1));
    buf_printf(&r->path, "%s", v->path);
    if (str_eq(str_from(v->name), STR("next"))) {
        int64_t count = options_int(r->o, "limit");
        remote_query(r, "next", arena_printf(r->a, "%lld", (long long)(count < 100 ? count : 100)));
    }
    code = remote_call(r, v->method, remote_target(r), body, &answer);
    if (!code) {
        print_answer(r, v, answer);
    }
    return code;
}

int cmd_schedule(const struct options *o)
{
    struct remote r;
    struct str word = options_arg(o, 0);
    const struct verb *v = verb_named(word);
    bool is_list = !word.n || str_eq(word, STR("list"));
    size_t wanted = is_list ? (word.n ? 1 : 0) : v && str_eq(word, STR("put")) ? 3 : 2;

    if ((!is_list && !v) || options_arg_count(o) != wanted) {
        return command_fail(o, EXIT_USAGE,
                            "it is: stint schedule list, put NAME JSON, or one of show, next, run, "
                            "pause, resume and rm with a NAME");
    }
    int code = remote_open(&r, o);
    if (!code) {
        code = is_list ? list(&r) : act(&r, v);
    }
    remote_close(&r);
    return code;
}
