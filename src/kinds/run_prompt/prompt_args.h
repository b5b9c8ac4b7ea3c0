/* prompt_args.h: what a run-prompt job may be asked, and the providers that a worker knows. */
#ifndef STINT_KINDS_RUN_PROMPT_PROMPT_ARGS_H
#define STINT_KINDS_RUN_PROMPT_PROMPT_ARGS_H

#include "base/json.h"
#include "kinds/run_prompt/mentions.h"

#define PROMPT_ENTITIES_MAX    500
#define PROMPT_PARAM_MAX_BYTES 128           /* of a name */
#define PROMPT_BUDGET_MAX      1000000000000 /* of calls, tokens, dollars */
/* Limit keys of the jobs: calls and tokens of a provider, with its name behind it; and what a batch may take (spending.h). */
#define PROMPT_LIMIT_PREFIX  "provider:"
#define PROMPT_TOKENS_PREFIX "tokens:"
#define PROMPT_BUDGET_PREFIX "budget:" /* calls:, tokens: or usd: */

struct prompt_args {
    struct str provider, model;
    struct str prompt_id;      /* as its definition calls it; "" = it has no name */
    int64_t run;               /* of several that ask the same; 0 = not told */
    struct str system_text;    /* "" = none; variables are filled in */
    struct str messages;       /* JSON array of {role, content}, the prompt among them */
    const struct json *params; /* of the provider: temperature, max_tokens, …; NULL = none */
    const struct json *schema; /* NULL: any text will do */
    struct str schema_name;
    const struct json *entities; /* NULL = none */
    const struct json
        *paths; /* JSON Pointers into the answer: where mentions are looked for; NULL: in all of it */
    bool with_code;
    int64_t max_tokens_cap;
    struct prompt_budget { /* of the batch; 0 = none */
        int64_t calls, tokens;
        double usd;
    } budget;
};

/* RC_INVALID, code `invalid_input`, e->field = the member at fault. Everything borrows from `text` or lives in `a`. */
MUST_CHECK enum rc prompt_args_read(struct str text, struct arena *a, struct prompt_args *out, struct err *e);

/* The list `entities` as mentions_find takes it. RC_INVALID as above; that each can be told from the others is mentions_check's. */
MUST_CHECK enum rc prompt_entities_read(const struct json *list, struct arena *a, struct entity **out,
                                        size_t *count, struct err *e);

/* The member `budget` of what asks for a batch. RC_INVALID, code `invalid_field` or `unknown_field`: it is none, or bounds nothing. */
MUST_CHECK enum rc prompt_budget_read(const struct json *o, struct prompt_budget *out, struct err *e);

/* What a provider is told beside the question. RC_INVALID, code `invalid_input`, field `params`: a member that the job sets itself, or that
 * would be left out of the request. NULL: there are none. */
MUST_CHECK enum rc prompt_params_check(const struct json *params, struct err *e);

enum structured { STRUCTURED_SCHEMA, STRUCTURED_OBJECT, STRUCTURED_NONE };

struct provider {
    struct str name;
    struct str base_url;        /* without a slash at its end */
    struct str secret;          /* the name of one; "" = none is needed */
    struct str dialect;         /* `openai` or `anthropic` */
    enum structured structured; /* the best that it can */
    int64_t timeout_ms;
    int64_t concurrency, rpm, tpm; /* 0 = no limit */
    bool is_adaptive;              /* concurrency is the most */
    const struct json *prices; /* by model: {"input": USD a million tokens, "output": …}; NULL = unknown */
};

/* Reads the provider's member of a file of providers. RC_NOT_FOUND: it is not in it; RC_INVALID: the file or the member is
 * wrong, and where. */
MUST_CHECK enum rc provider_read(const char *path, struct str name, struct arena *a, struct provider *out,
                                 struct err *e);
/* All of them but those that are wrong: that is logged, and their jobs say so. */
MUST_CHECK enum rc provider_read_all(const char *path, struct arena *a, struct provider **out, size_t *count,
                                     struct err *e);

/* The names of the three ways as they are stored: `json_schema`, `json_object`, `plain`. */
const char *structured_name(enum structured s);

#endif
