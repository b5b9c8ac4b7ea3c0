/* f_prompts.c: a definition of a batch of prompts in the first line, and a report of any origin in the rest. Jobs are JSON, keys say
 * what the jobs ask, and a comparison of any two reports is JSON. */
#include <assert.h>

#include "kinds/prompt_batch.h"
#include "kinds/prompt_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void try_definition(struct str text, struct arena *a)
{
    struct prompt_batch b;
    struct prompt_coordinate at;
    struct err e;
    struct buf out = BUF_LIMIT(16 << 20);
    struct json_out w = json_writer(&out);
    struct json *job = NULL;
    char place[96];
    if (prompt_batch_read(text, a, &b, &e)) {
        return;
    }
    assert(prompt_batch_jobs(&b) > 0 && prompt_batch_input_tokens(&b) >= 0);
    (void)prompt_batch_lint(&b, a, place);
    if (!prompt_batch_write_job(&b, prompt_batch_jobs(&b) - 1, STR("2026-11-22"), STR("x"), &w, &e)) {
        enum rc rc = json_parse_envelope(buf_str(&out), a, &job, &e);
        assert(!rc);
        bool is_ours = prompt_coordinate_parse(json_get(job, STR("unique_key"))->s, &at);
        assert(is_ours && str_eq(at.model, json_get(json_get(job, STR("args")), STR("model"))->s));
    }
    buf_dispose(&out);
}

static void try_report(struct str text, struct arena *a)
{
    struct json *report = NULL;
    struct json *comparison = NULL;
    struct err e;
    struct buf out = BUF_LIMIT(16 << 20);
    if (json_parse(text, a, &report, &e)) {
        return;
    }
    prompt_report_markdown(report, STR(""), &out);
    prompt_report_csv(report, STR(""), &out);
    buf_clear(&out);
    prompt_report_compare(report, report, STR(""), &out);
    enum rc rc =
        out.overflowed ? RC_INVALID : json_parse_envelope(arena_str(a, buf_str(&out)), a, &comparison, &e);
    assert(!rc || out.overflowed);
    if (!rc) {
        prompt_compare_markdown(comparison, &out);
    }
    buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct str rest = STR_NONE;
    struct str line = str_cut((struct str){(const char *)data, n}, '\n', &rest);
    try_definition(line, a);
    try_report(rest, a);
    arena_free(a);
    return 0;
}
