/* prompt_batch.h: a batch of prompts as people define it: prompts × models × runs, and what becomes of the answers. Read here and
 * turned into jobs; who sends them where is the caller's business. Pure, and the only part of run-prompt that commands see beside
 * its reports.
 *
 *   {"name": "visibility", "prompts": [{"id": "crm", "text": "Which CRM …?", "vars": {}}],
 *    "models": [{"id": "gpt-x", "provider": "openai", "params": {}}], "runs": 3,
 *    "system", "schema", "schema_name", "entities", "paths", "code", "max_tokens_cap", "queue",
 *    "budget": {"calls", "tokens", "usd"}, "cron", "tz", "catch_up"}
 *
 * A job's key names its coordinate and is held for ever, so that nothing is asked for twice on a date:
 *
 *   batch:<name>:<date>:<prompt>:<hash of what is asked>:<provider>/<model>:<run> */
#ifndef STINT_KINDS_PROMPT_BATCH_H
#define STINT_KINDS_PROMPT_BATCH_H

#include "base/json.h"

#define PROMPT_BATCH_MAX_BYTES  (16 << 20) /* of a definition */
#define PROMPT_BATCH_MAX_JOBS   100000
#define PROMPT_BATCH_MAX_MODELS 200
#define PROMPT_BATCH_MAX_RUNS   1000
#define PROMPT_BATCH_MAX_MIXED  1000 /* as MATRIX_SHOWN_MAX of core/matrix.h */

struct prompt_item {
    struct str id;
    const struct json *text, *vars; /* vars NULL = none */
    uint64_t hash;                  /* of text and vars */
};

struct prompt_model {
    struct str id, provider;
    const struct json *params; /* NULL = none */
    uint64_t hash;             /* of params */
};

struct prompt_batch {
    const struct json *definition;
    struct str name;
    struct prompt_item *prompts;
    struct prompt_model *models;
    size_t prompt_count, model_count, runs;
    uint64_t hash; /* of what all of its jobs share */
    /* of the budget; 0 = none */
    int64_t max_calls, max_tokens;
    double max_usd;
};

/* RC_INVALID: e->field = the member at fault (codes: malformed_json, unknown_field, invalid_field, no_prompts, over_budget, and
 * those of a run-prompt job's args). RC_TOO_BIG: more than PROMPT_BATCH_MAX_JOBS coordinates. Lives in `a`, borrows from `text`. */
MUST_CHECK enum rc prompt_batch_read(struct str text, struct arena *a, struct prompt_batch *out,
                                     struct err *e);

/* Does this file of providers have those of all models? RC_INVALID: no, or one is not good, and where. */
MUST_CHECK enum rc prompt_batch_check_providers(const struct prompt_batch *b, const char *path,
                                                struct arena *a, struct err *e);
/* Are these names such as can be looked for? RC_INVALID: no. */
MUST_CHECK enum rc prompt_batch_check_names(const struct json *entities, struct arena *a, struct err *e);

size_t prompt_batch_jobs(const struct prompt_batch *b); /* how many coordinates */
/* What all prompts together may be in tokens, times models and runs: a guess by their length. */
int64_t prompt_batch_input_tokens(const struct prompt_batch *b);
/* Eight digits that say which coordinates it has, and what they ask: the same ones, the same jobs. */
struct str prompt_batch_digits(const struct prompt_batch *b, struct arena *a);

/* Can the schema be sent as strict? NULL: yes, or there is none. Else the rule that it breaks; `place` says where. */
const char *prompt_batch_lint(const struct prompt_batch *b, struct arena *a, char place[96]);

/* The i-th job, as POST /v1/jobs takes it, of the batch with this id. RC_TOO_BIG: its names are too long for a key. */
MUST_CHECK enum rc prompt_batch_write_job(const struct prompt_batch *b, size_t i, struct str date,
                                          struct str batch, struct json_out *w, struct err *e);
/* The job that waits for the batch and reports on it (prompt_report.h). */
void prompt_batch_write_report(const struct prompt_batch *b, struct str date, struct str batch,
                               struct json_out *w);

/* All of it at each tick of its cron, as PUT /v1/schedules/{name} takes it. RC_INVALID: it has no cron. RC_TOO_BIG: more than
 * PROMPT_BATCH_MAX_MIXED jobs of several providers. */
MUST_CHECK enum rc prompt_batch_write_schedule(const struct prompt_batch *b, struct json_out *w,
                                               struct err *e);

/* A date as the key has it: 2026-11-22. */
bool prompt_date_is_good(struct str date);

struct prompt_coordinate {
    struct str prompt, provider, model;
    int64_t run;
};

/* What a job's key says of it; false: it is none of ours. Borrows. */
MUST_CHECK bool prompt_coordinate_parse(struct str key, struct prompt_coordinate *out);

#endif
