/* tally_private.h: what tally.c counts and tally_write.c tells. */
#ifndef STINT_KINDS_RUN_PROMPT_TALLY_PRIVATE_H
#define STINT_KINDS_RUN_PROMPT_TALLY_PRIVATE_H

#include "kinds/run_prompt/tally.h"
#include "kinds/run_prompt/words.h"

#define TALLY_MODELS_MAX (2 * PROMPT_BATCH_MAX_MODELS)

struct tally_name {
    int64_t answers; /* that mention it */
    int64_t mentions, places;
};

struct tally_group { /* a model's, or all */
    struct str provider, model;
    int64_t of[TALLY_OUTCOMES];
    int64_t calls, input_tokens, output_tokens, latency_ms, repaired;
    double cost_usd;
    int64_t priced; /* jobs whose cost is known */
    int64_t mentions;
    struct tally_name *names;
};

struct tally_prompt {
    int64_t jobs, answers;
    uint32_t *mentioned; /* answers that mention each name; NULL = there are too many */
};

struct tally_domain {
    size_t number; /* of the word */
    int64_t count, answers, last_line;
    struct str entity;
};

struct tally_code {
    int64_t count;
    struct str message; /* the first one */
};

struct tally {
    struct coordinates places;
    struct arena *a;
    struct str *names;
    size_t name_count;
    int64_t lines, citations;
    struct tally_group all;
    struct words models, prompts, domains, codes;
    struct tally_group *of_model;
    struct tally_prompt *of_prompt;
    struct tally_domain *of_domain;
    struct tally_code *of_code;
    size_t model_room, prompt_room, domain_room, code_room;
};

struct str tally_text(const struct json *o, const char *name); /* "" when absent or no text */
int64_t tally_int(const struct json *o, const char *name);     /* 0 when absent */

#endif
