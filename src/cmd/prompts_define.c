/* prompts_define.c: the definition of a batch of prompts as a file has it: read, checked, told of without anything made (--dry-run), and
 * kept as a schedule. */
#include <stdio.h>

#include "base/clock.h"
#include "cmd/prompts.h"
#include "cmd/term.h"
#include "core/schedule.h"

#define DEFINITION_MAX_BYTES ((size_t)24 << 20) /* as it is sent */
#define CALLS_OF_A_JOB       3                  /* with more room, and corrected */

/* ---- the definition ---- */

static int read_text(struct remote *r, struct str path, struct str *out)
{
    struct err e = {0};
    struct buf text = BUF_LIMIT(PROMPT_BATCH_MAX_BYTES);
    bool is_stdin = str_eq(path, STR("-"));
    enum rc rc = is_stdin ? buf_read_fd(&text, 0, &e) : buf_read_file(&text, path.p, &e);
    *out = arena_str(r->a, buf_str(&text));
    buf_dispose(&text);
    return rc ? command_fail(r->o, EXIT_USAGE, "%s%s", is_stdin ? "the definition: " : "", e.text) : EXIT_OK;
}

int prompts_define(struct remote *r, struct prompts_definition *out)
{
    struct err e = {0};
    struct prompts_definition d = {.path = options_arg(r->o, 1), .date = options_str(r->o, "date")};
    struct str text = STR_NONE, providers = options_str(r->o, "providers");
    int code = read_text(r, d.path, &text);
    if (code) {
        return code;
    }
    d.path = str_eq(d.path, STR("-")) ? STR("the definition") : d.path;
    enum rc rc = prompt_batch_read(text, r->a, &d.b, &e);
    rc = rc || !providers.n ? rc : prompt_batch_check_providers(&d.b, providers.p, r->a, &e);
    if (rc) {
        return command_fail(r->o, EXIT_USAGE, "%.*s: %s", STR_ARG(d.path), e.text);
    }
    if (d.date.n && !prompt_date_is_good(d.date)) {
        return command_fail(r->o, EXIT_USAGE, "--date %.*s: it is a day such as 2026-11-22", STR_ARG(d.date));
    }
    d.date = d.date.n ? d.date : arena_str(r->a, str_sub(str_from(time_text(clock_wall_ms()).s), 0, 10));
    d.digits = prompt_batch_digits(&d.b, r->a);
    *out = d;
    return EXIT_OK;
}

/* ---- --dry-run ---- */

static void print_plan(struct remote *r, const struct prompts_definition *d)
{
    const struct prompt_batch *b = &d->b;
    char place[96];
    int64_t jobs = (int64_t)prompt_batch_jobs(b), prompts = (int64_t)b->prompt_count;
    int64_t models = (int64_t)b->model_count, runs = (int64_t)b->runs;
    const char *rule = prompt_batch_lint(b, r->a, place);
    (void)printf("%.*s for %.*s: %s job%s ", STR_ARG(b->name), STR_ARG(d->date), term_count(jobs).s,
                 term_s(jobs));
    (void)printf("(%lld prompt%s × %lld model%s × ", (long long)prompts, term_s(prompts), (long long)models,
                 term_s(models));
    (void)printf("%lld run%s)\n", (long long)runs, term_s(runs));
    (void)printf("at least %s call%s, at most %s when every answer is cut off and corrected; ",
                 term_count(jobs).s, term_s(jobs), term_count(jobs * CALLS_OF_A_JOB).s);
    (void)printf("about %s tokens of input\n", term_count(prompt_batch_input_tokens(b)).s);
    if (!json_get(b->definition, STR("schema"))) {
        (void)printf("no schema: any text will do\n");
    } else if (rule) {
        (void)printf("the schema cannot be strict: %s, at %s. It is sent without being strict, and answers "
                     "are checked\n",
                     rule, place[0] ? place : "its root");
    } else {
        (void)printf("the schema can be strict\n");
    }
}

static void print_plan_json(struct remote *r, const struct prompts_definition *d)
{
    const struct prompt_batch *b = &d->b;
    struct buf text = BUF_LIMIT(4096);
    struct json_out w = json_writer(&text);
    char place[96] = "";
    const char *rule = prompt_batch_lint(b, r->a, place);
    json_object_begin(&w);
    json_put_str(&w, "name", b->name);
    json_put_str(&w, "date", d->date);
    json_put_int(&w, "jobs", (int64_t)prompt_batch_jobs(b));
    json_put_int(&w, "prompts", (int64_t)b->prompt_count);
    json_put_int(&w, "models", (int64_t)b->model_count);
    json_put_int(&w, "runs", (int64_t)b->runs);
    json_put_int(&w, "max_calls", (int64_t)prompt_batch_jobs(b) * CALLS_OF_A_JOB);
    json_put_int(&w, "input_tokens", prompt_batch_input_tokens(b));
    json_put_bool(&w, "strict", !rule);
    json_put_c(&w, "rule", rule);
    json_put_c(&w, "place", rule ? place : NULL);
    json_object_end(&w);
    (void)printf("%s\n", buf_c_str(&text));
    buf_dispose(&text);
}

void prompts_tell_plan(struct remote *r, const struct prompts_definition *d)
{
    (options_flag(r->o, "json") ? print_plan_json : print_plan)(r, d);
}

/* ---- schedule ---- */

static void tell_schedule(const struct prompt_batch *b, const struct json *schedule)
{
    const struct json *next = first_of(schedule, "next");
    int64_t jobs = (int64_t)prompt_batch_jobs(b);
    (void)printf("%.*s is kept: %s job%s at each tick, next at %.*s\n", STR_ARG(b->name), term_count(jobs).s,
                 term_s(jobs), STR_ARG(next ? next->s : STR("no time")));
}

static int keep(struct remote *r, const struct prompts_definition *d, const struct buf *body)
{
    const struct json *schedule = NULL;
    remote_path(r, "/v1/schedules/");
    remote_segment(r, d->b.name);
    int code = remote_call(r, "PUT", remote_target(r), buf_str(body), &schedule);
    if (!code && options_flag(r->o, "json")) {
        remote_print_json(schedule);
    } else if (!code) {
        tell_schedule(&d->b, schedule);
    }
    return code;
}

/* As the server will, so that a dry run tells of it too; the zones are the server's own. */
static enum rc check_ticks(const struct json *definition, struct err *e)
{
    const struct json *catch_up = json_get(definition, STR("catch_up"));
    enum schedule_catch_up what;
    struct cron cron;
    struct err why = {0};

    if (cron_parse(json_text(definition, "cron"), &cron, &why)) {
        return err_set(e, RC_INVALID, "cron: %s", why.text);
    }
    if (catch_up && catch_up->type == JSON_STRING && !schedule_catch_up_parse(catch_up->s, &what)) {
        return err_set(e, RC_INVALID, "catch_up must be skip, run_once or run_all");
    }
    return RC_OK;
}

int prompts_schedule(struct remote *r)
{
    struct prompts_definition d = {0};
    struct err e = {0};
    struct buf body = BUF_LIMIT(DEFINITION_MAX_BYTES);
    struct json_out w = json_writer(&body);
    int code = prompts_define(r, &d);
    if (code) {
        return code;
    }
    enum rc rc = prompt_batch_write_schedule(&d.b, &w, &e);
    rc = rc ? rc : check_ticks(d.b.definition, &e);
    rc = rc ? rc : buf_check(&body, "what is sent of it", &e);
    if (rc) {
        code = command_fail(r->o, EXIT_USAGE, "%.*s: %s", STR_ARG(d.path), e.text);
    } else if (options_flag(r->o, "dry-run")) {
        prompts_tell_plan(r, &d);
    } else {
        code = keep(r, &d, &body);
    }
    buf_dispose(&body);
    return code;
}
