/* prompts_run.c: stint batch run FILE: a definition of prompts × models × runs becomes a batch, its jobs, and the job that reports on
 * them. Each step can be repeated: jobs and report have keys for ever, so that the same command again, at the same moment or after a
 * crash, goes on with the batch that is there and makes nothing twice.
 *
 *   find      the batch of this name, date and digits, else make an open one; and the report that waits for it
 *   fill      the jobs, as many calls as they need
 *   close     from then on it finishes with its last job */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/prompts.h"
#include "cmd/term.h"

#define CALL_JOBS       1000
#define CALL_BYTES      ((size_t)8 << 20)
#define CALL_MAX_BYTES  ((size_t)24 << 20)
#define TRIES           50
#define TRY_AGAIN_MS    100
#define REPORT_PERMILLE 990 /* the rest is the report */

struct run {
    struct remote *r;
    struct prompts_definition d;
    struct str batch;
    const struct json *report; /* the job; NULL = none yet */
    size_t made;
};

/* Nothing but the report, for programs. */
static bool is_quiet(const struct run *run)
{
    return options_flag(run->r->o, "json") ||
           (options_flag(run->r->o, "wait") && !str_eq(options_str(run->r->o, "format"), STR("md")));
}

/* ---- find, or make ---- */

static void wait_a_moment(void)
{
    struct timespec t = {.tv_nsec = TRY_AGAIN_MS * 1000000L};
    while (nanosleep(&t, &t) && errno == EINTR) {
    }
}

static bool is_problem(const struct stint_error *e, const char *type)
{
    return str_eq(str_from(e->type), str_from(type));
}

/* The same command at the same moment gets the same batch, as soon as the other one has it. */
static int make_batch(struct run *run, const struct json **out)
{
    struct remote *r = run->r;
    struct stint_error e = {0};
    struct buf body = BUF_LIMIT(4096);
    struct json_out w = json_writer(&body);
    struct str key = arena_printf(r->a, "batch:%.*s:%.*s:digits:%.*s", STR_ARG(run->d.b.name),
                                  STR_ARG(run->d.date), STR_ARG(run->d.digits));
    json_object_begin(&w);
    json_put_str(&w, "name", run->d.b.name);
    json_name(&w, "labels");
    json_object_begin(&w);
    json_put_str(&w, "date", run->d.date);
    json_put_str(&w, "digits", run->d.digits);
    json_object_end(&w);
    json_object_end(&w);
    int code = 0;
    for (int i = 0; i < TRIES; i++) {
        remote_path(r, "/v1/batches");
        code = remote_try(r, "POST", buf_str(&body), key, out, &e);
        if (!code || !is_problem(&e, "idempotency_in_flight")) {
            break;
        }
        wait_a_moment();
    }
    buf_dispose(&body);
    return code ? remote_fail(r, &e) : EXIT_OK;
}

static int post(struct run *run, const struct buf *body, const struct json **out)
{
    return body->overflowed ? command_fail(run->r->o, EXIT_FAILED, "the jobs are too big to be sent")
                            : remote_call(run->r, "POST", STR("/v1/jobs"), buf_str(body), out);
}

static int cancel(struct run *run, const char *what, struct str id)
{
    remote_path(run->r, "/v1/%s/%.*s/cancel", what, STR_ARG(id));
    return remote_call(run->r, "POST", remote_target(run->r), STR_NONE, NULL);
}

static int get_report(struct run *run, struct str id)
{
    remote_path(run->r, "/v1/jobs/%.*s", STR_ARG(id));
    int code = remote_call(run->r, "GET", remote_target(run->r), STR_NONE, &run->report);
    run->batch = code ? STR_NONE : json_text(json_get(run->report, STR("args")), "batch");
    return code;
}

/* The report that waits for the batch, or that is there already. Who else made one first has the batch of this date: ours has
 * nothing in it. */
static int make_report(struct run *run, struct str batch, bool is_new)
{
    struct buf body = BUF_LIMIT(CALL_MAX_BYTES);
    struct json_out w = json_writer(&body);
    const struct json *verdict = NULL;
    prompt_batch_write_report(&run->d.b, run->d.date, batch, &w);
    int code = post(run, &body, &verdict);
    buf_dispose(&body);
    if (code) {
        return code;
    }
    if (number_of(verdict, "pruned")) {
        code = is_new ? cancel(run, "batches", batch) : EXIT_OK;
        return code ? code
                    : command_fail(run->r->o, EXIT_NOT_FOUND, "%.*s was run for %.*s, and is no longer kept",
                                   STR_ARG(run->d.b.name), STR_ARG(run->d.date));
    }
    code = get_report(run, json_text(verdict, "id"));
    return code || !is_new || str_eq(run->batch, batch) ? code : cancel(run, "batches", batch);
}

static int find_or_make(struct run *run)
{
    const struct json *batch = NULL;
    int code = prompts_find_batch(run->r, run->d.b.name, run->d.date, run->d.digits, &batch);
    bool is_new = code == EXIT_NOT_FOUND;
    code = is_new ? make_batch(run, &batch) : code;
    return code ? code : make_report(run, json_text(batch, "id"), is_new);
}

/* ---- fill ---- */

static int get_batch(struct run *run, const struct json **out)
{
    remote_path(run->r, "/v1/batches/%.*s", STR_ARG(run->batch));
    return remote_call(run->r, "GET", remote_target(run->r), STR_NONE, out);
}

/* By who filled it at the same time: then the jobs are there. */
static bool was_closed(struct run *run)
{
    struct stint_error unused;
    const struct json *batch = NULL;
    remote_path(run->r, "/v1/batches/%.*s", STR_ARG(run->batch));
    return !remote_try(run->r, "GET", STR_NONE, STR_NONE, &batch, &unused) &&
           !str_eq(json_text(batch, "state"), STR("open"));
}

/* Jobs from *i on, until a call is full. */
static int send_some(struct run *run, size_t *i, bool *is_closed)
{
    struct err err = {0};
    struct stint_error e = {0};
    struct buf body = BUF_LIMIT(CALL_MAX_BYTES);
    struct json_out w = json_writer(&body);
    const struct json *answer = NULL;
    size_t from = *i;
    enum rc rc = RC_OK;
    json_array_begin(&w);
    for (; *i < prompt_batch_jobs(&run->d.b) && *i - from < CALL_JOBS && body.n < CALL_BYTES && !rc; ++*i) {
        rc = prompt_batch_write_job(&run->d.b, *i, run->d.date, run->batch, &w, &err);
    }
    json_array_end(&w);
    rc = rc ? rc : buf_check(&body, "a job", &err);
    remote_path(run->r, "/v1/jobs");
    int code = rc ? 0 : remote_try(run->r, "POST", buf_str(&body), STR_NONE, &answer, &e);
    buf_dispose(&body);
    if (rc) {
        return command_fail(run->r->o, EXIT_USAGE, "%s", err.text);
    }
    *is_closed = code && was_closed(run);
    for (const struct json *v = first_of(answer, "jobs"); v; v = v->next) {
        run->made += !number_of(v, "duplicate");
    }
    return code && !*is_closed ? remote_fail(run->r, &e) : EXIT_OK;
}

static int fill(struct run *run)
{
    bool is_closed = false;
    int code = EXIT_OK;
    for (size_t i = 0; i < prompt_batch_jobs(&run->d.b) && !code && !is_closed;) {
        code = send_some(run, &i, &is_closed);
        if (prompt_batch_jobs(&run->d.b) > CALL_JOBS && !is_quiet(run)) {
            term_progress((int64_t)(i * 1000 / prompt_batch_jobs(&run->d.b)), STR("jobs are made"));
        }
    }
    term_progress_end();
    return code;
}

static int64_t jobs_in(const struct json *batch)
{
    static const char *const counts[] = {"open", "completed", "failed", "cancelled", "skipped"};
    int64_t n = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        n += number_of(json_get(batch, STR("counts")), counts[i]);
    }
    return n;
}

/* All that this definition asks was asked in other batches of the date. */
static int tell_empty(const struct run *run)
{
    return command_fail(
        run->r->o, EXIT_FAILED,
        "all of this was asked for %.*s before, by another definition called %.*s: nothing is made",
        STR_ARG(run->d.date), STR_ARG(run->d.b.name));
}

static int give_up(struct run *run)
{
    int code = cancel(run, "jobs", json_text(run->report, "id"));
    code = code ? code : cancel(run, "batches", run->batch);
    return code ? code : tell_empty(run);
}

static int complete(struct run *run, const struct json **batch)
{
    int code = get_batch(run, batch);
    if (code || !str_eq(json_text(*batch, "state"), STR("open"))) {
        return code || jobs_in(*batch) ? code : tell_empty(run);
    }
    code = fill(run);
    code = code ? code : get_batch(run, batch);
    if (!code && !jobs_in(*batch)) {
        return give_up(run);
    }
    remote_path(run->r, "/v1/batches/%.*s/close", STR_ARG(run->batch));
    return code ? code : remote_call(run->r, "POST", remote_target(run->r), STR_NONE, batch);
}

/* ---- telling ---- */

static void tell(const struct run *run, const struct json *batch)
{
    struct buf text = BUF_LIMIT(4096);
    struct json_out w = json_writer(&text);
    if (!options_flag(run->r->o, "json")) {
        (void)printf("%.*s %.*s for %.*s: %s ", STR_ARG(run->batch), STR_ARG(run->d.b.name),
                     STR_ARG(run->d.date), term_count(jobs_in(batch)).s);
        (void)printf("job%s, ", term_s(jobs_in(batch)));
        (void)printf("%s made now%s\n", term_count((int64_t)run->made).s,
                     run->made ? "" : " (they were there already)");
        return;
    }
    json_object_begin(&w);
    json_put_str(&w, "batch", run->batch);
    json_put_str(&w, "report", json_text(run->report, "id"));
    json_put_str(&w, "date", run->d.date);
    json_put_int(&w, "jobs", jobs_in(batch));
    json_put_int(&w, "made", (int64_t)run->made);
    json_object_end(&w);
    (void)printf("%s\n", buf_c_str(&text));
    buf_dispose(&text);
}

/* ---- --wait ---- */

static void show_progress(const struct json *batch, const struct json *report)
{
    const struct json *counts = json_get(batch, STR("counts"));
    char text[160];
    int64_t jobs = jobs_in(batch), open = number_of(counts, "open"), failed = number_of(counts, "failed");
    size_t n = str_print(text, sizeof text, "%lld of %lld job%s", (long long)(jobs - open), (long long)jobs,
                         term_s(jobs));
    if (failed) {
        n += str_print(text + n, sizeof text - n, ", %lld failed", (long long)failed);
    }
    if (!open) {
        bool is_written = str_eq(json_text(report, "state"), STR("processing"));
        str_print(text + n, sizeof text - n, "; the report %s",
                  is_written ? "is being written" : "waits for a worker with --kind prompt-report");
    }
    term_progress(jobs ? (jobs - open) * REPORT_PERMILLE / jobs : -1, str_from(text));
}

/* Whoever waits, such as cron, is told when nothing came of it. */
static int tell_failure(const struct run *run, const struct json *batch)
{
    const struct json *counts = json_get(batch, STR("counts"));
    return number_of(counts, "completed")
               ? EXIT_OK
               : command_fail(run->r->o, EXIT_JOB_FAILED, "no job of %.*s for %.*s completed, of %s",
                              STR_ARG(run->d.b.name), STR_ARG(run->d.date), term_count(jobs_in(batch)).s);
}

/* The report's own end is waited for at the server, a second at a time. */
static int follow(struct run *run)
{
    struct remote *r = run->r;
    struct str id = json_text(run->report, "id");
    const struct json *batch = NULL;
    int code = EXIT_OK;
    while (!code && !remote_is_final(run->report)) {
        code = get_batch(run, &batch);
        if (!code && !is_quiet(run)) {
            show_progress(batch, run->report);
        }
        remote_path(r, "/v1/jobs/%.*s?wait=1", STR_ARG(id));
        code = code ? code : remote_call(r, "GET", remote_target(r), STR_NONE, &run->report);
    }
    term_progress_end();
    code = code ? code : prompts_report_of(r, run->batch);
    code = code ? code : get_batch(run, &batch);
    return code ? code : tell_failure(run, batch);
}

int prompts_run(struct remote *r)
{
    struct run run = {.r = r};
    const struct json *batch = NULL;
    int code = prompts_define(r, &run.d);
    if (code) {
        return code;
    }
    if (options_flag(r->o, "dry-run")) {
        prompts_tell_plan(r, &run.d);
        return EXIT_OK;
    }
    code = find_or_make(&run);
    code = code ? code : complete(&run, &batch);
    if (!code && (!options_flag(r->o, "wait") || !is_quiet(&run))) {
        tell(&run, batch);
    }
    return code || !options_flag(r->o, "wait") ? code : follow(&run);
}
