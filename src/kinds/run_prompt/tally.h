/* tally.h: what the answers of a batch come to: outcomes, tokens and cost by model, names by model and prompt, citations by domain.
 * Lines go in one by one, so that a batch of any size needs little memory; report.json comes out. */
#ifndef STINT_KINDS_RUN_PROMPT_TALLY_H
#define STINT_KINDS_RUN_PROMPT_TALLY_H

#include "base/json.h"
#include "kinds/run_prompt/coordinates.h"
#include "kinds/run_prompt/prompt_args.h"

#define TALLY_DOMAINS_MAX 20000   /* different ones that are counted … */
#define TALLY_DOMAINS     100     /* … and told */
#define TALLY_CODES       50      /* of failures */
#define TALLY_CELLS_MAX   1000000 /* prompts × names that are told of */

enum tally_outcome {
    TALLY_SUCCEEDED,
    TALLY_REFUSED,
    TALLY_INVALID,
    TALLY_TRUNCATED,
    TALLY_FAILED,
    TALLY_CANCELLED, /* or skipped */
    TALLY_OUTCOMES,
};

extern const char *const tally_outcome_names[TALLY_OUTCOMES];

struct tally;

/* names: texts, or objects with a name; NULL = none. places: of a schedule's jobs; NULL = of none. All lives in `a`. */
struct tally *tally_new(const struct json *names, const struct coordinates *places, struct arena *a);

/* A line of the batch's results, and what it is in the report. */
struct tally_line {
    struct prompt_coordinate at; /* as far as it is known; run 0 = not */
    enum tally_outcome outcome;
};

/* Nothing of the line is kept. `found` has its mentions and citations (the result, or what was read anew); NULL = none. False, and
 * not counted: it is no line of a prompt. */
bool tally_add(struct tally *t, const struct json *line, const struct json *found, struct tally_line *out);

/* The members of report.json that come from answers. expected: how many jobs there should be. */
void tally_write(struct tally *t, int64_t expected, struct json_out *w);
/* Those of them that say how the work went, not what was answered. */
void tally_write_work(struct tally *t, struct json_out *w);

/* Has each job that should be there brought an answer, or a refusal? */
bool tally_is_clean(const struct tally *t, int64_t expected);
bool tally_exceeds(const struct tally *t, const struct prompt_budget *b);
int64_t tally_without_price(const struct tally *t); /* answers and refusals */

#endif
