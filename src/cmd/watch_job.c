/* watch_job.c: follows one job on the terminal. */
#include <stdio.h>

#include "cmd/remote.h"
#include "cmd/term.h"

struct follow {
    struct arena *a;
    const char *id;
    bool is_verbose, is_json;
};

static void show_event(struct follow *f, int64_t seq, const char *type, const struct json *data)
{
    struct str kind = str_from(type);
    if (str_eq(kind, STR("progress"))) {
        const struct json *p = json_get(data, STR("percent"));
        int64_t permille = p && (p->type == JSON_REAL || p->type == JSON_INT) ? (int64_t)(p->d * 10) : -1;
        term_progress(permille, json_text(data, "message"));
    } else if (!f->is_verbose && str_eq(kind, STR("state")) &&
               str_eq(json_text(data, "state"), STR("scheduled"))) { /* minutes of silence follow */
        term_progress_end();
        (void)fprintf(stderr, "this attempt failed, another one follows; stint show %s tells why and when\n",
                      f->id);
    } else if (f->is_verbose && !str_eq(kind, STR("end"))) {
        term_progress_end();
        term_print(TERM_DIM, "%4lld ", (long long)seq);
        term_print(TERM_CYAN, "%s ", type);
        term_str(TERM_PLAIN, data->raw);
        (void)putchar('\n');
    }
}

static bool on_event(void *ctx, int64_t seq, const char *type, const char *data_json)
{
    struct follow *f = ctx;
    struct json *data = NULL;
    if (f->is_json) {
        (void)printf("{\"seq\":%lld,\"type\":\"%s\",\"data\":%s}\n", (long long)seq, type, data_json);
        (void)fflush(stdout);
    } else if (json_parse(str_from(data_json), f->a, &data, NULL) == RC_OK) {
        show_event(f, seq, type, data);
        arena_reset(f->a);
    }
    return true;
}

static int tell_end(struct remote *r, const struct json *job)
{
    struct str state = json_text(job, "state");
    const struct json *error = json_get(job, STR("error"));
    if (str_eq(state, STR("completed"))) {
        return EXIT_OK;
    }
    struct str reason = json_text(job, "reason");
    return command_fail(r->o, EXIT_JOB_FAILED, "job %.*s is %.*s (%.*s): %.*s %.*s",
                        STR_ARG(json_text(job, "id")), STR_ARG(state), STR_ARG(reason),
                        STR_ARG(json_text(error, "code")), STR_ARG(json_text(error, "message")));
}

int remote_follow(struct remote *r, struct str id, bool is_verbose, const struct json **job)
{
    struct stint_error e = {0};
    const struct json *end = NULL;
    const char *text = arena_c_str(r->a, id);
    struct follow f = {
        .a = arena_new(), .id = text, .is_verbose = is_verbose, .is_json = options_flag(r->o, "json")};
    int code = stint_watch(r->client, text, 0, on_event, &f, &e);
    term_progress_end();
    arena_free(f.a);
    if (code) {
        return remote_fail(r, &e);
    }
    remote_path(r, "/v1/jobs/%s", text);
    code = remote_call(r, "GET", remote_target(r), STR_NONE, &end);
    if (code) {
        return code;
    }
    if (job) {
        *job = end;
    }
    return tell_end(r, end);
}
