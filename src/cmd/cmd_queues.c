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
        term_cell(t, TERM_BOLD, text_of(q, "name"));
        term_cell(t, TERM_YELLOW, number_of(q, "paused") ? STR("paused") : STR(""));
        for (size_t i = 0; i < STATE_COUNT; i++) {
            term_cell_int(t, number_of(counts, states[i]));
        }
        term_cell(t, TERM_PLAIN, str_from(term_ago(time_of(q, "oldest_queued_at"), now).s));
    }
    term_table_end(t);
}

/* `stint queues`, `stint queues pause NAME`, `stint queues resume NAME` */
int cmd_queues(const struct options *o)
{
    struct remote r;
    const struct json *answer = NULL;
    struct str verb = options_arg(o, 0);
    bool is_act = str_eq(verb, STR("pause")) || str_eq(verb, STR("resume"));
    if (verb.n && (!is_act || options_arg_count(o) != 2)) {
        return command_fail(o, EXIT_USAGE, "it is: stint queues, or: stint queues pause|resume NAME");
    }
    int code = remote_open(&r, o);
    if (!code && is_act) {
        remote_path(&r, "/v1/queues/");
        remote_segment(&r, options_arg(o, 1));
        buf_printf(&r.path, "/%.*s", STR_ARG(verb));
        code = remote_call(&r, "POST", remote_target(&r), STR_NONE, &answer);
    } else if (!code) {
        code = remote_call(&r, "GET", STR("/v1/queues"), STR_NONE, &answer);
    }
    if (!code && options_flag(o, "json")) {
        remote_print_json(answer);
    } else if (!code && is_act) {
        (void)printf("%.*s %sd\n", STR_ARG(options_arg(o, 1)), verb.p);
    } else if (!code) {
        print_queues(first_of(answer, "queues"));
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
    for (const struct json *k = first_of(s, "kinds"); k; k = k->next) {
        const struct json *served = json_get(k, STR("has_worker"));
        if (served && !served->i) {
            term_print(TERM_YELLOW, "%s queued of kind %.*s: no worker declares it\n",
                       term_count(number_of(k, "queued")).s, STR_ARG(text_of(k, "kind")));
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
