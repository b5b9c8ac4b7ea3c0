/* cmd_batch.c: batches: list, status, close, cancel. */
#include "base/clock.h"
#include "cmd/remote.h"
#include "cmd/term.h"

static const char *const counts[] = {"open", "completed", "failed", "cancelled", "skipped"};
#define COUNTS (sizeof counts / sizeof counts[0])

static void print_batches(const struct json *batches)
{
    static const char *const columns[] = {"batch",  "name",      "state",   "round",   "open", "completed",
                                          "failed", "cancelled", "skipped", "created", NULL};
    struct term_table *t = term_table_new(columns);
    const int64_t now = clock_wall_ms();

    for (const struct json *b = batches; b; b = b->next) {
        const struct json *c = json_get(b, STR("counts"));
        term_cell(t, TERM_BOLD, text_of(b, "id"));
        term_cell(t, TERM_PLAIN, text_of(b, "name"));
        term_cell(t, TERM_PLAIN, number_of(b, "cancelled") ? STR("cancelled") : text_of(b, "state"));
        term_cell_int(t, number_of(b, "round"));
        for (size_t i = 0; i < COUNTS; i++) {
            term_cell_int(t, c ? number_of(c, counts[i]) : 0);
        }
        term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(b, "created_at"), now).s));
    }
    term_table_end(t);
}

static void print_batch(const struct json *b)
{
    static const char *const texts[] = {"id", "name", "state", "created_at", "finished_at"};
    const struct json *c = json_get(b, STR("counts")), *labels = json_get(b, STR("labels"));

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        term_field(texts[i], text_of(b, texts[i]));
    }
    term_field("cancelled", number_of(b, "cancelled") ? STR("cancelled") : STR(""));
    term_field("labels", labels ? labels->raw : STR(""));
    for (size_t i = 0; c && i < COUNTS; i++) {
        term_field(counts[i], json_get(c, str_from(counts[i]))->raw);
    }
}

static int list(struct remote *r)
{
    const struct json *answer = NULL;

    remote_path(r, "/v1/batches");
    remote_query(r, "limit", arena_printf(r->a, "%lld", (long long)options_int(r->o, "limit")));
    int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
    if (!code && options_flag(r->o, "json")) {
        remote_print_json(answer);
    } else if (!code) {
        print_batches(first_of(answer, "batches"));
    }
    return code;
}

/* `status` reads it; close and cancel are verbs of the API, which answers with the batch, too. */
static int act(struct remote *r, struct str verb)
{
    const struct json *answer = NULL;
    bool is_read = str_eq(verb, STR("status"));

    remote_path(r, "/v1/batches/");
    remote_segment(r, options_arg(r->o, 1));
    if (!is_read) {
        buf_printf(&r->path, "/%.*s", STR_ARG(verb));
    }
    int code = remote_call(r, is_read ? "GET" : "POST", remote_target(r), STR_NONE, &answer);
    if (!code && options_flag(r->o, "json")) {
        remote_print_json(answer);
    } else if (!code) {
        print_batch(answer);
    }
    return code;
}

int cmd_batch(const struct options *o)
{
    struct remote r;
    struct str word = options_arg(o, 0);
    size_t count = options_arg_count(o);
    bool is_list = !word.n || (str_eq(word, STR("list")) && count == 1);
    bool is_verb = str_eq(word, STR("status")) || str_eq(word, STR("close")) || str_eq(word, STR("cancel"));

    if (!is_list && (!is_verb || count != 2)) {
        return command_fail(o, EXIT_USAGE,
                            "it is: stint batch list, or one of status, close and cancel with an ID");
    }
    int code = remote_open(&r, o);
    if (!code) {
        code = is_list ? list(&r) : act(&r, word);
    }
    remote_close(&r);
    return code;
}
