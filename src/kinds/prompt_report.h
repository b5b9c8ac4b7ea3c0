/* prompt_report.h: reports on batches of prompts, as the kind `prompt-report` writes them (report.json), turned into what people read,
 * and two of them compared. Pure. A report is parsed JSON of any origin: what is missing is left out. */
#ifndef STINT_KINDS_PROMPT_REPORT_H
#define STINT_KINDS_PROMPT_REPORT_H

#include "base/json.h"

/* entity: only that one is told of; "" = all. */
void prompt_report_markdown(const struct json *report, struct str entity, struct buf *out);
/* A row for each name and model, and one for all models together, whose provider and model are empty. RFC 4180. */
void prompt_report_csv(const struct json *report, struct str entity, struct buf *out);

/* {"a", "b": {name, date, batch, jobs, outcomes}, "entities": [{name, provider, model, a, b: {answers, mentioned, rate, low, high,
 * mean_position, share_of_voice}, change, change_low, change_high, changed}]}: each name for all models, then for each. What is in one report only has null for
 * the other. changed: the 95 % interval of the change has no 0 in it, so it is more than the few runs explain. */
void prompt_report_compare(const struct json *a, const struct json *b, struct str entity, struct buf *out);
/* A comparison as a table. */
void prompt_compare_markdown(const struct json *comparison, struct buf *out);

/* Answers one by one: lines of responses.jsonl, or a line for each name that one mentions, as they are or as CSV (RFC 4180; a text that a
 * spreadsheet would take for a formula begins with an apostrophe). */
struct prompt_table {
    bool is_mentions, is_csv;
    struct str entity; /* only answers that mention it, and of names only that one; "" = all */
};

void prompt_table_head(const struct prompt_table *t, struct buf *out);
void prompt_table_add(const struct prompt_table *t, const struct json *line, struct buf *out);

/* What has ended so far of a batch that may still run, whose report has these args. */
struct prompt_progress *prompt_progress_new(const struct json *report_args, struct arena *a);
/* Lines of its results; returns how many they were. */
size_t prompt_progress_add(struct prompt_progress *p, struct str lines);
/* The members jobs, outcomes, calls, repaired, tokens, cost_usd, latency_ms, models and failures of report.json. */
void prompt_progress_end(struct prompt_progress *p, struct json_out *w);

/* Does the report tell of this name? */
bool prompt_report_knows(const struct json *report, struct str entity);

#endif
