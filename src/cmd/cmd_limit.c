/* cmd_limit.c: limits: list, set, show, pause, resume, delete. */
#include <stdio.h>

#include "cmd/remote.h"
#include "cmd/term.h"

static struct str raw_of(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));

    return v && v->type != JSON_NULL ? v->raw : STR("");
}

/* `60 in 1 min 0 s, 10 of them at once` */
static struct str rate_of(const struct json *l, struct arena *a)
{
    const struct json *rate = json_get(l, STR("rate"));
    const struct json *per = json_get(rate, STR("per_s"));

    if (!per) {
        return STR("");
    }
    return arena_printf(a, "%lld in %s, %lld of them at once", (long long)number_of(rate, "n"),
                        term_duration((int64_t)(per->d * 1000)).s, (long long)number_of(rate, "burst"));
}

static struct str pause_of(const struct json *l, struct arena *a)
{
    struct str until = json_text(l, "paused_until");

    if (!number_of(l, "paused")) {
        return STR("");
    }
    return until.n ? arena_printf(a, "until %.*s", STR_ARG(until)) : STR("until somebody resumes it");
}

static void add_limits(struct term_table *t, const struct remote *r, const struct json *limits)
{
    for (const struct json *l = limits; l; l = l->next) {
        term_cell(t, TERM_BOLD, json_text(l, "key"));
        term_cell(t, TERM_YELLOW, pause_of(l, r->a));
        term_cell_int(t, number_of(l, "used"));
        term_cell(t, TERM_PLAIN, raw_of(l, "slots"));
        term_cell(t, TERM_PLAIN, raw_of(l, "tokens"));
        term_cell(t, TERM_PLAIN, rate_of(l, r->a));
    }
}

static struct str concurrency_of(const struct json *l, struct arena *a)
{
    struct str most = raw_of(l, "concurrency");

    return number_of(l, "adaptive") ? arena_printf(a, "%.*s, fewer after a 429", STR_ARG(most)) : most;
}

static void print_shown(struct remote *r, const struct json *l)
{
    static const char *const values[] = {"slots", "used", "tokens", "waiting"};

    term_field("key", json_text(l, "key"));
    term_field("pattern", json_text(l, "pattern"));
    term_field("paused", pause_of(l, r->a));
    term_field("rate", rate_of(l, r->a));
    term_field("concurrency", concurrency_of(l, r->a));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        term_field(values[i], raw_of(l, values[i]));
    }
}

/* `host:a: 2 run at once, as host:* says; paused until …` */
static void print_rule(struct remote *r, const struct json *l)
{
    struct str pattern = json_text(l, "pattern"), rate = rate_of(l, r->a);
    int64_t slots = number_of(l, "concurrency");

    (void)printf("%.*s: ", STR_ARG(json_text(l, "key")));
    if (slots) {
        (void)printf("%lld run at once%s%s", (long long)slots,
                     number_of(l, "adaptive") ? ", fewer after a 429" : "", rate.n ? "; " : "");
    }
    (void)printf("%.*s", STR_ARG(slots || rate.n ? rate : STR("no bound")));
    if (pattern.n) {
        (void)printf(", as %.*s says", STR_ARG(pattern));
    }
    if (number_of(l, "paused")) {
        (void)printf("; paused %.*s", STR_ARG(pause_of(l, r->a)));
    }
    (void)printf("\n");
}

static void print_resumed(struct remote *r, const struct json *l)
{
    (void)printf("%.*s resumed\n", STR_ARG(json_text(l, "key")));
    print_rule(r, l);
}

/* What holds now that the key has no rule of its own. */
static void print_left(struct remote *r, const struct json *nothing)
{
    const struct json *l = NULL;
    struct stint_error e;

    (void)nothing;
    (void)printf("%.*s deleted\n", STR_ARG(options_arg(r->o, 1)));
    if (!remote_try(r, "GET", STR_NONE, STR_NONE, &l, &e)) {
        print_rule(r, l);
    }
}

static const struct verb {
    const char *name, *method, *path; /* behind the limit's own */
    void (*print)(struct remote *r, const struct json *answer);
} verbs[] = {
    {"set", "PUT", "", print_rule},          {"show", "GET", "", print_shown},
    {"pause", "POST", "/pause", print_rule}, {"resume", "POST", "/resume", print_resumed},
    {"delete", "DELETE", "", print_left},
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

static int get_page(struct remote *r, struct str after, const struct json **answer)
{
    bool is_bounded = options_is_given(r->o, "limit");

    remote_path(r, "/v1/limits");
    remote_query(r, "limit",
                 is_bounded ? arena_printf(r->a, "%lld", (long long)options_int(r->o, "limit"))
                            : STR("1000"));
    remote_query(r, "after", after);
    return remote_call(r, "GET", remote_target(r), STR_NONE, answer);
}

/* All of them, unless --limit says how many: who looks for what is paused must not miss it. */
static int list(struct remote *r)
{
    static const char *const columns[] = {"limit", "paused", "used", "of", "tokens", "rate", NULL};
    const struct json *answer = NULL;
    int code = get_page(r, STR_NONE, &answer);

    if (code || options_flag(r->o, "json")) {
        if (!code) {
            remote_print_json(answer);
        }
        return code;
    }
    struct term_table *t = term_table_new(columns);
    add_limits(t, r, first_of(answer, "limits"));
    struct str next = json_text(answer, "next_after");
    bool has_more = options_is_given(r->o, "limit") && next.n;
    while (!code && next.n && !has_more) {
        code = get_page(r, next, &answer);
        next = code ? STR("") : json_text(answer, "next_after");
        add_limits(t, r, code ? NULL : first_of(answer, "limits"));
    }
    term_table_end(t);
    if (has_more) {
        (void)command_fail(r->o, EXIT_OK, "there are more: --limit, or all without it");
    }
    return code;
}

static void write_rule(struct json_out *w, const struct options *o)
{
    json_object_begin(w);
    if (options_is_given(o, "concurrency")) {
        json_put_int(w, "concurrency", options_int(o, "concurrency"));
    }
    if (options_flag(o, "adaptive")) {
        json_put_bool(w, "adaptive", true);
    }
    if (options_is_given(o, "rate")) {
        json_name(w, "rate");
        json_object_begin(w);
        json_put_int(w, "n", options_int(o, "rate"));
        json_put_real(w, "per_s", (double)options_int(o, "per") / 1000);
        if (options_is_given(o, "burst")) {
            json_put_int(w, "burst", options_int(o, "burst"));
        }
        json_object_end(w);
    }
    json_object_end(w);
}

static int act(struct remote *r, const struct verb *v)
{
    const struct json *answer = NULL;
    struct buf body = BUF_LIMIT(1 << 16);
    struct json_out w = json_writer(&body);

    if (str_eq(str_from(v->name), STR("set"))) {
        write_rule(&w, r->o);
    } else if (str_eq(str_from(v->name), STR("pause"))) {
        json_object_begin(&w);
        remote_put_seconds(&w, r->o, "for", "for_s");
        json_object_end(&w);
    }
    remote_path(r, "/v1/limits/");
    remote_segment(r, options_arg(r->o, 1));
    buf_printf(&r->path, "%s", v->path);
    int code = remote_call(r, v->method, remote_target(r), (struct str){buf_c_str(&body), body.n}, &answer);
    if (!code && options_flag(r->o, "json")) {
        if (answer) {
            remote_print_json(answer);
        }
    } else if (!code) {
        v->print(r, answer);
    }
    buf_dispose(&body);
    return code;
}

/* The whole rule is replaced: half of one, or none, is most likely a slip. */
static const char *wrong_rule(const struct options *o)
{
    bool has_rate = options_is_given(o, "rate");

    if (!has_rate && (options_is_given(o, "per") || options_is_given(o, "burst"))) {
        return "--per and --burst go with --rate: set replaces the whole rule";
    }
    if (options_flag(o, "adaptive") && !options_is_given(o, "concurrency")) {
        return "--adaptive goes with --concurrency: set replaces the whole rule";
    }
    return has_rate || options_is_given(o, "concurrency")
               ? NULL
               : "set needs --concurrency, --rate or both: it replaces the whole rule";
}

int cmd_limit(const struct options *o)
{
    struct remote r;
    struct str word = options_arg(o, 0);
    const struct verb *v = verb_named(word);
    bool is_list = !word.n || (str_eq(word, STR("list")) && options_arg_count(o) == 1);

    if (!is_list && (!v || options_arg_count(o) != 2)) {
        return command_fail(
            o, EXIT_USAGE,
            "it is: stint limit list, or one of set, show, pause, resume and delete with a KEY");
    }
    const char *wrong = !is_list && str_eq(word, STR("set")) ? wrong_rule(o) : NULL;
    if (wrong) {
        return command_fail(o, EXIT_USAGE, "%s", wrong);
    }
    int code = remote_open(&r, o);
    if (!code) {
        code = is_list ? list(&r) : act(&r, v);
    }
    remote_close(&r);
    return code;
}
