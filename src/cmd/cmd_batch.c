/* cmd_batch.c: batches: list, status, close, cancel; and those of prompts (prompts.h). */
#include "cmd/pages.h"
#include "cmd/prompts.h"
#include "cmd/term.h"

static const char *const counts[] = {"open", "completed", "failed", "cancelled", "skipped"};
#define COUNTS (sizeof counts / sizeof counts[0])

static void add_batch(struct term_table *t, const struct json *b, int64_t now)
{
    const struct json *c = json_get(b, STR("counts"));

    term_cell(t, TERM_BOLD, json_text(b, "id"));
    term_cell(t, TERM_PLAIN, json_text(b, "name"));
    term_cell(t, TERM_PLAIN, number_of(b, "cancelled") ? STR("cancelled") : json_text(b, "state"));
    term_cell_int(t, number_of(b, "round"));
    for (size_t i = 0; i < COUNTS; i++) {
        term_cell_int(t, c ? number_of(c, counts[i]) : 0);
    }
    term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(b, "created_at"), now).s));
}

static void print_batch(const struct json *b)
{
    static const char *const texts[] = {"id", "name", "state", "created_at", "run_at", "finished_at"};
    const struct json *c = json_get(b, STR("counts")), *labels = json_get(b, STR("labels"));

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        term_field(texts[i], json_text(b, texts[i]));
    }
    term_field("cancelled", number_of(b, "cancelled") ? STR("cancelled") : STR(""));
    term_field("labels", labels ? labels->raw : STR(""));
    for (size_t i = 0; c && i < COUNTS; i++) {
        term_field(counts[i], json_get(c, str_from(counts[i]))->raw);
    }
}

static int get_page(struct remote *r, struct str cursor, const struct json **answer)
{
    remote_path(r, "/v1/batches");
    remote_query(r, "name", options_str(r->o, "name"));
    remote_query(r, "label", options_str(r->o, "label"));
    remote_query(r, "limit", arena_printf(r->a, "%lld", (long long)options_int(r->o, "limit")));
    remote_query(r, "cursor", cursor);
    return remote_call(r, "GET", remote_target(r), STR_NONE, answer);
}

static int list(struct remote *r)
{
    static const char *const columns[] = {"batch",  "name",      "state",   "round",   "open", "completed",
                                          "failed", "cancelled", "skipped", "created", NULL};
    static const struct pages batches = {"batches", columns, get_page, add_batch,
                                         "--limit, --name or --label"};
    return pages_print(r, &batches);
}

/* `status` reads it; close and cancel are verbs of the API, which answers with the batch, too. */
static int act(struct remote *r)
{
    const struct json *answer = NULL;
    struct str id = STR_NONE, verb = options_arg(r->o, 0);
    bool is_read = str_eq(verb, STR("status"));
    int code = prompts_resolve(r, options_arg(r->o, 1), &id);

    remote_path(r, "/v1/batches/");
    remote_segment(r, id);
    if (!is_read) {
        buf_printf(&r->path, "/%.*s", STR_ARG(verb));
    }
    code = code ? code : remote_call(r, is_read ? "GET" : "POST", remote_target(r), STR_NONE, &answer);
    const struct json *report = NULL;
    int found = code || !is_read ? EXIT_NOT_FOUND : prompts_report_of_batch(r, answer, &report);
    code = found && found != EXIT_NOT_FOUND ? found : code;
    if (!code && !options_flag(r->o, "json")) {
        print_batch(answer);
    } else if (!code && found) {
        remote_print_json(answer);
    }
    return code || found ? code : prompts_status(r, answer, report);
}

static const struct verb {
    const char *name;
    int (*run)(struct remote *r);
    size_t arguments; /* behind the verb */
} verbs[] = {
    {"list", list, 0},
    {"status", act, 1},
    {"close", act, 1},
    {"cancel", act, 1},
    {"run", prompts_run, 1},
    {"schedule", prompts_schedule, 1},
    {"report", prompts_report, 1},
    {"compare", prompts_compare, 2},
    {"reextract", prompts_reextract, 1},
    {"responses", prompts_answers, 1},
    {"mentions", prompts_answers, 1},
};

static const struct verb *verb_of(const struct options *o)
{
    struct str word = options_arg_count(o) ? options_arg(o, 0) : STR("list");

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t given = options_arg_count(o) ? options_arg_count(o) - 1 : 0;
        if (str_eq(word, str_from(verbs[i].name)) && given == verbs[i].arguments) {
            return &verbs[i];
        }
    }
    return NULL;
}

int cmd_batch(const struct options *o)
{
    struct remote r;
    const struct verb *verb = verb_of(o);

    if (!verb) {
        return command_fail(o, EXIT_USAGE, "it is: stint batch %s", options_command(o)->arguments);
    }
    int code = remote_open(&r, o);
    code = code ? code : verb->run(&r);
    remote_close(&r);
    return code;
}
