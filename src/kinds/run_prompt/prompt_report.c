/* prompt_report.c: the way of a prompt-report job: fetch the results of its batch, read them line by line, write what they come to.
 * The answers themselves are texts of models: what has to be looked for in them is looked for in the parse process. */
#include "kinds/run_prompt/prompt_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kinds/prompt_report.h"
#include "kinds/run_prompt/reading.h"
#include "kinds/run_prompt/tally.h"

#define REPORT_MAX_BYTES    (64 << 20)
#define RESPONSES_MAX_BYTES (200 << 20) /* of one file: an artifact has at most 256 MiB */
#define RESPONSES_FILES_MAX 24
#define PARSE_MS            10000
#define REPORTS_KEPT        366
#define DATE_BYTES          10

struct report_args {
    struct str batch, name, date;
    const struct json *entities, *paths, *schema, *matrix;
    struct prompt_budget budget;
    bool with_code, is_anew;
    int64_t expected;
    struct coordinates places; /* of a schedule's jobs */
};

struct reporting {
    struct attempt *at;
    struct arena *a;    /* as long as the job */
    struct arena *line; /* as long as a line */
    struct report_args args;
    struct tally *tally;
    FILE *responses;
    int64_t file_bytes, lines, unreadable;
    int file_count;
};

static const char *const members[] = {"batch", "name",   "date",      "expected", "entities", "paths",
                                      "code",  "budget", "reextract", "matrix",   "schema",   NULL};

static enum rc read_args(struct reporting *r, struct err *e)
{
    struct json *o = NULL;
    struct entity *unused = NULL;
    size_t count = 0;
    struct report_args *args = &r->args;
    enum rc rc = json_parse(attempt_args(r->at), r->a, &o, e);
    rc = rc ? rc : json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "batch", &args->batch, e);
    args->batch = args->batch.n ? args->batch : attempt_batch_id(r->at);
    rc = rc ? rc : json_get_str(o, "name", &args->name, e);
    rc = rc ? rc : json_get_str(o, "date", &args->date, e);
    rc = rc ? rc : json_get_int(o, "expected", 0, PROMPT_BATCH_MAX_JOBS, &args->expected, e);
    rc = rc ? rc : json_get_bool(o, "code", &args->with_code, e);
    rc = rc ? rc : json_get_bool(o, "reextract", &args->is_anew, e);
    args->entities = json_get(o, STR("entities"));
    args->paths = json_get(o, STR("paths"));
    args->schema = json_get(o, STR("schema"));
    args->matrix = json_get(o, STR("matrix"));
    rc = rc ? rc : prompt_budget_read(o, &args->budget, e);
    rc = rc || !args->matrix ? rc : coordinates_read(args->matrix, r->a, &args->places, e);
    rc = rc || !args->entities ? rc : prompt_entities_read(args->entities, r->a, &unused, &count, e);
    return rc || (args->batch.n && args->name.n)
               ? rc
               : err_set_code(e, RC_INVALID, "invalid_input", "batch", "batch and name: are missing");
}

/* ---- files */

static enum rc file_error(const char *what, struct err *e)
{
    (void)err_from_errno(e, errno, what);
    return err_set(e, RC_BUSY, "%s: cannot be written", what); /* elsewhere there may be room */
}

static enum rc write_file(const char *name, struct str text, struct err *e)
{
    FILE *f = fopen(name, "we");
    bool is_written = f && fwrite(text.p, 1, text.n, f) == text.n;
    if (f && fclose(f)) {
        is_written = false;
    }
    return is_written ? RC_OK : file_error(name, e);
}

/* The first file is responses.jsonl; what does not fit comes in responses-2.jsonl and so on. */
static struct str responses_name(const struct reporting *r)
{
    return r->file_count > 1 ? arena_printf(r->a, "responses-%d.jsonl", r->file_count)
                             : STR("responses.jsonl");
}

/* Only now it is an artifact: those go to the server at once. */
static enum rc end_responses(struct reporting *r, struct err *e)
{
    FILE *f = r->responses;
    const struct str name = responses_name(r);
    r->responses = NULL;
    if (f && fclose(f)) {
        return file_error("responses.jsonl", e);
    }
    if (f) {
        attempt_artifact(r->at, name.p, "application/x-ndjson", name.p, STR(""), 0);
    }
    return RC_OK;
}

static enum rc next_responses(struct reporting *r, struct err *e)
{
    enum rc rc = end_responses(r, e);
    if (rc) {
        return rc;
    }
    if (r->file_count == RESPONSES_FILES_MAX) {
        return err_set_code(e, RC_TOO_BIG, "too_large", NULL, "the answers are too many for artifacts");
    }
    r->file_bytes = 0;
    r->file_count++;
    r->responses = fopen(responses_name(r).p, "we");
    return r->responses ? RC_OK : file_error("responses.jsonl", e);
}

static void put_copied(struct json_out *w, const struct json *o, const char *const *names)
{
    for (; *names; names++) {
        const struct json *v = json_get(o, str_from(*names));
        json_put_raw(w, *names, v ? v->raw : STR("null"));
    }
}

static enum rc write_response(struct reporting *r, const struct json *line, const struct json *found,
                              const struct tally_line *is, struct err *e)
{
    static const char *const of_result[] = {
        "model_returned", "request_id", "mode", "finish_reason", "calls",   "latency_ms",
        "usage",          "cost_usd",   "raw",  "parsed",        "repairs", NULL};
    static const char *const of_reading[] = {"mentions", "citations", NULL};
    static const char *const of_line[] = {"job", "state", "error", "finished_at", NULL};
    struct buf text = BUF_LIMIT(8 << 20);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    json_put_str(&w, "prompt", is->at.prompt);
    json_put_str(&w, "provider", is->at.provider);
    json_put_str(&w, "model", is->at.model);
    json_put_int(&w, "run", is->at.run);
    json_put_c(&w, "outcome", tally_outcome_names[is->outcome]);
    put_copied(&w, json_get(line, STR("result")), of_result);
    put_copied(&w, found, of_reading);
    put_copied(&w, line, of_line);
    json_object_end(&w);
    buf_append_char(&text, '\n');
    r->file_bytes += (int64_t)text.n;
    enum rc rc = !r->responses || r->file_bytes > RESPONSES_MAX_BYTES ? next_responses(r, e) : RC_OK;
    rc = rc ? rc : buf_check(&text, "an answer", e);
    if (!rc && fwrite(text.p, 1, text.n, r->responses) != text.n) {
        rc = file_error("responses.jsonl", e);
    }
    buf_dispose(&text);
    return rc;
}

/* ---- the lines */

/* Names in an answer that is kept, looked for anew: an object with mentions and citations; NULL: that text could not be read. */
static const struct json *read_anew(struct reporting *r, const struct json *result)
{
    struct err e = {0};
    struct json *found = NULL;
    const struct json *raw = json_get(result, STR("raw"));
    const struct json *value = json_get(result, STR("parsed"));
    struct buf request = BUF_LIMIT(16 << 20);
    struct buf answer = BUF_LIMIT(16 << 20);
    const struct prompt_args args = {.entities = r->args.entities,
                                     .paths = r->args.paths,
                                     .schema = r->args.schema,
                                     .with_code = r->args.with_code};
    if (raw && raw->type == JSON_STRING) {
        reading_ask_anew(&args, raw->s, value, &request);
        enum rc rc = attempt_parse(r->at, 0, buf_str(&request), PARSE_MS, &answer, &e);
        rc = rc ? rc : json_parse(arena_str(r->line, buf_str(&answer)), r->line, &found, &e);
        r->unreadable += rc != RC_OK;
    }
    buf_dispose(&request);
    buf_dispose(&answer);
    return found;
}

static enum rc take_line(struct reporting *r, struct str text, struct err *e)
{
    struct json *line = NULL;
    struct tally_line is;
    enum rc rc = json_parse_envelope(text, r->line, &line, e);
    if (rc) {
        return err_wrap(e, RC_BUSY, "the results of the batch cannot be read");
    }
    if (!r->args.date.n) { /* the first line of a schedule's tick, or, run by hand, of today */
        struct str tick = coordinates_tick(json_text(line, "unique_key"));
        r->args.date =
            arena_str(r->a, tick.n ? tick : str_sub(json_text(line, "finished_at"), 0, DATE_BYTES));
    }
    const struct json *result = json_get(line, STR("result"));
    const struct json *found = r->args.is_anew ? read_anew(r, result) : result;
    if (tally_add(r->tally, line, found, &is)) {
        rc = write_response(r, line, found, &is, e);
    }
    arena_reset(r->line);
    if (++r->lines % 100 == 0 && r->args.expected) {
        attempt_progress(r->at, 50 + 900 * r->lines / r->args.expected, "%lld answers read",
                         (long long)r->lines);
    }
    return rc;
}

static enum rc read_lines(struct reporting *r, const char *path, struct err *e)
{
    char *line = NULL;
    size_t room = 0;
    enum rc rc = RC_OK;
    FILE *f = fopen(path, "re");
    if (!f) {
        return err_set(e, RC_BUSY, "the results of the batch cannot be read");
    }
    for (;;) {
        ssize_t n = getline(&line, &room, f);
        if (n <= 0 || rc) {
            break;
        }
        rc = attempt_is_cancelled(r->at) ? err_set(e, RC_BUSY, "cancelled") : RC_OK;
        rc = rc ? rc : take_line(r, str_trim((struct str){line, (size_t)n}), e);
    }
    free(line);
    (void)fclose(f);
    return rc;
}

/* ---- the report */

static void put_budget(struct reporting *r, struct json_out *w)
{
    const struct prompt_budget *b = &r->args.budget;
    if (!b->calls && !b->tokens && b->usd <= 0) {
        return;
    }
    json_name(w, "budget");
    json_object_begin(w);
    json_put_int(w, "calls", b->calls);
    json_put_int(w, "tokens", b->tokens);
    json_put_real(w, "usd", b->usd);
    json_put_bool(w, "exceeded", tally_exceeds(r->tally, b));
    json_put_int(w, "without_price", b->usd > 0 ? tally_without_price(r->tally) : 0);
    json_object_end(w);
}

static struct str write_report(struct reporting *r, struct buf *out)
{
    struct json_out w = json_writer(out);
    json_object_begin(&w);
    json_put_str(&w, "name", r->args.name);
    json_put_str(&w, "date", r->args.date);
    json_put_str(&w, "batch", r->args.batch);
    json_put_bool(&w, "reextracted", r->args.is_anew);
    json_put_c(&w, "outcome",
               tally_is_clean(r->tally, r->args.expected) ? "completed" : "completed_with_errors");
    tally_write(r->tally, r->args.expected, &w);
    put_budget(r, &w);
    if (r->unreadable) {
        json_put_int(&w, "unreadable", r->unreadable);
    }
    json_object_end(&w);
    return buf_str(out);
}

static enum rc publish(struct reporting *r, const struct json *report, struct err *e)
{
    struct buf md = BUF_LIMIT(REPORT_MAX_BYTES);
    struct buf csv = BUF_LIMIT(REPORT_MAX_BYTES);
    prompt_report_markdown(report, STR(""), &md);
    prompt_report_csv(report, STR(""), &csv);
    enum rc rc = buf_check(&md, "report.md", e);
    rc = rc ? rc : buf_check(&csv, "report.csv", e);
    rc = rc ? rc : write_file("report.json", report->raw, e);
    rc = rc ? rc : write_file("report.md", buf_str(&md), e);
    rc = rc ? rc : write_file("report.csv", buf_str(&csv), e);
    buf_dispose(&md);
    buf_dispose(&csv);
    if (rc) {
        return rc;
    }
    attempt_artifact(r->at, "report.json", "application/json", "report.json",
                     arena_printf(r->a, "prompt-report:%.*s", STR_ARG(r->args.name)), REPORTS_KEPT);
    attempt_artifact(r->at, "report.md", "text/markdown", "report.md", STR(""), 0);
    attempt_artifact(r->at, "report.csv", "text/csv", "report.csv", STR(""), 0);
    return RC_OK;
}

static void complete(struct reporting *r, const struct json *report)
{
    static const char *const told[] = {"name", "date",     "batch", "reextracted", "outcome",  "expected",
                                       "jobs", "outcomes", "calls", "tokens",      "cost_usd", NULL};
    struct buf text = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    put_copied(&w, report, told);
    json_object_end(&w);
    attempt_complete(r->at, buf_str(&text));
    buf_dispose(&text);
}

static enum rc report_all(struct reporting *r, struct err *e)
{
    struct json *report = NULL;
    struct buf text = BUF_LIMIT(REPORT_MAX_BYTES);
    struct str path = arena_printf(r->a, "%s/results.ndjson", attempt_scratch(r->at));
    attempt_progress(r->at, 10, "answers are fetched");
    enum rc rc = attempt_batch(r->at, r->args.batch, path.p, e);
    rc = rc ? rc : next_responses(r, e);
    rc = rc ? rc : read_lines(r, path.p, e);
    rc = rc ? rc : end_responses(r, e);
    if (!rc) {
        (void)write_report(r, &text);
        rc = buf_check(&text, "the report", e);
    }
    rc = rc ? rc : json_parse(arena_str(r->a, buf_str(&text)), r->a, &report, e);
    rc = rc ? rc : publish(r, report, e);
    if (!rc) {
        complete(r, report);
    }
    buf_dispose(&text);
    return rc;
}

static enum rc run(struct attempt *at, struct err *e)
{
    struct reporting r = {.at = at, .a = attempt_arena(at), .line = arena_new()};
    enum rc rc = read_args(&r, e);
    if (!rc) {
        r.tally = tally_new(r.args.entities, &r.args.places, r.a);
        rc = report_all(&r, e);
    }
    if (r.responses) {
        (void)fclose(r.responses);
    }
    arena_free(r.line);
    return rc;
}

const struct handler prompt_report_handler = {
    .kind = "prompt-report",
    .run = run,
    .parse = reading_answer,
    .help = "report on a batch of prompts",
};
