/* prompts_report.c: stint batch report, compare and reextract: what came of batches of prompts. */
#include <stdio.h>

#include "cmd/prompts.h"
#include "cmd/term.h"
#include "kinds/prompt_report.h"

#define TEXT_MAX_BYTES     (64 << 20)
#define ENTITIES_MAX_BYTES (1 << 20)
#define NAMES_TOLD         20

/* ---- which report ---- */

int prompts_tell_none(struct remote *r, struct str ref)
{
    const struct json *batch = NULL, *job = NULL;
    int code = prompts_find(r, ref, &batch);
    code = code ? code : prompts_report_of_batch(r, batch, &job);
    if (code) {
        return code == EXIT_NOT_FOUND ? command_fail(r->o, code, "there is no report on %.*s", STR_ARG(ref))
                                      : code;
    }
    struct str state = json_text(job, "state");
    if (str_eq(state, STR("failed"))) {
        return command_fail(r->o, EXIT_JOB_FAILED, "the report on %.*s failed; stint show %.*s tells why",
                            STR_ARG(ref), STR_ARG(json_text(job, "id")));
    }
    return command_fail(r->o, EXIT_FAILED,
                        "the batch %.*s is not finished yet; stint batch status %.*s tells how far it is",
                        STR_ARG(ref), STR_ARG(ref));
}

static int find(struct remote *r, struct str ref, const struct json **report)
{
    struct str series = STR_NONE;
    const struct json *entry = NULL;
    if (!str_is_name(ref)) {
        return command_fail(r->o, EXIT_NOT_FOUND, "there is no batch %.*s", STR_ARG(ref));
    }
    int code = prompts_find_entry(r, ref, &series, &entry);
    if (code) {
        return code == EXIT_NOT_FOUND ? prompts_tell_none(r, ref) : code;
    }
    remote_path(r, "/v1/series/");
    remote_segment(r, series);
    buf_append_c(&r->path, "/content");
    remote_query(r, "job", json_text(entry, "job"));
    return remote_call(r, "GET", remote_target(r), STR_NONE, report);
}

/* ---- printing ---- */

/* "md", "json" or "csv"; STR_NONE after a word about what it is. */
static struct str format_of(const struct options *o, bool has_csv)
{
    struct str format = options_flag(o, "json") ? STR("json") : options_str(o, "format");
    bool is_known =
        str_eq(format, STR("md")) || str_eq(format, STR("json")) || (has_csv && str_eq(format, STR("csv")));
    if (!is_known) {
        (void)command_fail(o, EXIT_USAGE, has_csv ? "--format is md, json or csv" : "--format is md or json");
    }
    return is_known ? format : STR_NONE;
}

static int print_text(const struct options *o, const struct buf *text)
{
    if (text->overflowed) {
        return command_fail(o, EXIT_FAILED, "the report is over 64 MiB");
    }
    term_put(stdout, buf_str(text), "\n\r\t");
    return EXIT_OK;
}

/* --entity is none of the report's names; NAMES_TOLD of these. */
static int tell_names(const struct remote *r, const struct json *report, struct str entity)
{
    struct buf names = BUF_LIMIT(64 << 10);
    size_t count = 0;
    for (const struct json *i = first_of(report, "entities"); i && count < NAMES_TOLD; i = i->next, count++) {
        struct str name = json_text(i, "name");
        buf_printf(&names, "%s%.*s", count ? ", " : "", STR_ARG(name));
    }
    int code = command_fail(r->o, EXIT_NOT_FOUND, "the report says nothing about %.*s; it has %s",
                            STR_ARG(entity), count ? buf_c_str(&names) : "no names");
    buf_dispose(&names);
    return code;
}

static int print_report(struct remote *r, const struct json *report, struct str format)
{
    struct str entity = options_str(r->o, "entity");
    struct buf text = BUF_LIMIT(TEXT_MAX_BYTES);
    if (entity.n && !prompt_report_knows(report, entity)) {
        return tell_names(r, report, entity);
    }
    if (str_eq(format, STR("json"))) {
        remote_print_json(report);
        return EXIT_OK;
    }
    (str_eq(format, STR("csv")) ? prompt_report_csv : prompt_report_markdown)(report, entity, &text);
    int code = print_text(r->o, &text);
    buf_dispose(&text);
    return code;
}

int prompts_report_of(struct remote *r, struct str ref)
{
    const struct json *report = NULL;
    struct str format = format_of(r->o, true);
    int code = format.n ? find(r, ref, &report) : EXIT_USAGE;
    return code ? code : print_report(r, report, format);
}

int prompts_report(struct remote *r)
{
    return prompts_report_of(r, options_arg(r->o, 1));
}

int prompts_compare(struct remote *r)
{
    const struct json *a = NULL;
    const struct json *b = NULL;
    struct json *comparison = NULL;
    struct err e = {0};
    struct buf json = BUF_LIMIT(TEXT_MAX_BYTES);
    struct buf text = BUF_LIMIT(TEXT_MAX_BYTES);
    struct str format = format_of(r->o, false);
    int code = format.n ? find(r, options_arg(r->o, 1), &a) : EXIT_USAGE;
    code = code ? code : find(r, options_arg(r->o, 2), &b);
    if (code) {
        return code;
    }
    if (a && b && str_eq(a->raw, b->raw)) {
        return command_fail(r->o, EXIT_USAGE, "both are the same report, on %.*s of %.*s",
                            STR_ARG(json_text(a, "name")), STR_ARG(json_text(a, "date")));
    }
    prompt_report_compare(a, b, options_str(r->o, "entity"), &json);
    if (json.overflowed || json_parse(buf_str(&json), r->a, &comparison, &e)) {
        code = command_fail(r->o, EXIT_FAILED, "the comparison is too big");
    } else if (str_eq(format, STR("json"))) {
        remote_print_json(comparison);
    } else {
        prompt_compare_markdown(comparison, &text);
        code = print_text(r->o, &text);
    }
    buf_dispose(&json);
    buf_dispose(&text);
    return code;
}

/* ---- reextract ---- */

static int read_entities(struct remote *r, const struct json **out)
{
    struct err e = {0};
    struct json *list = NULL;
    struct str path = options_str(r->o, "entities");
    struct buf text = BUF_LIMIT(ENTITIES_MAX_BYTES);
    if (!path.n) {
        return EXIT_OK;
    }
    enum rc rc = buf_read_file(&text, path.p, &e);
    rc = rc ? rc : json_parse(arena_str(r->a, buf_str(&text)), r->a, &list, &e);
    buf_dispose(&text);
    if (!rc && list->type != JSON_ARRAY) {
        rc = err_set(&e, RC_INVALID, "it is no array of names");
    }
    rc = rc ? rc : prompt_batch_check_names(list, r->a, &e);
    if (rc) {
        bool is_told = str_starts(str_from(e.text), path);
        return command_fail(r->o, EXIT_USAGE, "%s%s%s", is_told ? "" : path.p, is_told ? "" : ": ", e.text);
    }
    *out = list;
    return EXIT_OK;
}

/* The report's own job once more: with other names, or with what has come since. */
static void write_job(const struct json *report, const struct json *entities, struct json_out *w)
{
    static const char *const kept[] = {"name",   "date", "expected", "paths",
                                       "schema", "code", "budget",   "matrix"};
    const struct json *args = json_get(report, STR("args"));
    struct str batch = json_text(args, "batch");
    json_object_begin(w);
    json_put_c(w, "kind", "prompt-report");
    json_put_str(w, "queue", json_text(report, "queue"));
    json_put_raw(w, "tags", json_get(report, STR("tags"))->raw);
    json_put_int(w, "timeout_s", 3600);
    json_name(w, "args");
    json_object_begin(w);
    json_put_str(w, "batch", batch.n ? batch : json_text(report, "finally_of"));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct json *v = json_get(args, str_from(kept[i]));
        if (v) {
            json_put_raw(w, kept[i], v->raw);
        }
    }
    const struct json *names = entities ? entities : json_get(args, STR("entities"));
    if (names) {
        json_put_raw(w, "entities", names->raw);
    }
    json_put_bool(w, "reextract", entities || number_of(args, "reextract"));
    json_object_end(w);
    json_object_end(w);
}

static int enqueue(struct remote *r, const struct json *report, const struct json *entities, struct str *id)
{
    const struct json *answer = NULL;
    struct buf body = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&body);
    write_job(report, entities, &w);
    int code = remote_call(r, "POST", STR("/v1/jobs"), buf_str(&body), &answer);
    buf_dispose(&body);
    *id = json_text(answer, "id");
    return code;
}

static int wait_for(struct remote *r, struct str id)
{
    const struct json *job = NULL;
    int code = EXIT_OK;
    while (!code && !remote_is_final(job)) {
        remote_path(r, "/v1/jobs/%.*s?wait=20", STR_ARG(id));
        code = remote_call(r, "GET", remote_target(r), STR_NONE, &job);
    }
    const struct json *error = json_get(job, STR("error"));
    return code || str_eq(json_text(job, "state"), STR("completed"))
               ? code
               : command_fail(r->o, EXIT_JOB_FAILED, "job %.*s is %.*s (%.*s): %.*s", STR_ARG(id),
                              STR_ARG(json_text(job, "state")), STR_ARG(json_text(error, "code")),
                              STR_ARG(json_text(error, "message")));
}

int prompts_reextract(struct remote *r)
{
    const struct json *entities = NULL;
    const struct json *report = NULL;
    struct str id = STR_NONE;
    struct str ref = options_arg(r->o, 1);
    int code = read_entities(r, &entities);
    code = code ? code : str_is_name(ref) ? prompts_completed_report(r, ref, &report) : EXIT_NOT_FOUND;
    if (code == EXIT_NOT_FOUND) {
        return prompts_tell_none(r, ref);
    }
    code = code ? code : enqueue(r, report, entities, &id);
    if (code || options_flag(r->o, "detach")) {
        (void)(code || printf("%.*s\n", STR_ARG(id)));
        return code;
    }
    code = wait_for(r, id);
    return code ? code : prompts_report_of(r, ref);
}
