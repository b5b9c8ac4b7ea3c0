/* dialect.h: how a provider is asked, and what it answers. One line in a table for each shape of API. */
#ifndef STINT_KINDS_RUN_PROMPT_DIALECT_H
#define STINT_KINDS_RUN_PROMPT_DIALECT_H

#include "base/buf.h"
#include "kinds/run_prompt/prompt_args.h"

#define DIALECT_DROPPED_MAX 8

struct question {
    const struct prompt_args *args;
    enum structured mode;
    struct str schema; /* as it is sent: strict or not */
    bool is_strict;
    int64_t max_tokens;                      /* 0 = what params say, or the provider's own */
    struct str messages;                     /* JSON array; args->messages, and turns of correction */
    struct str dropped[DIALECT_DROPPED_MAX]; /* names of params that the model refused */
    size_t dropped_count;
    bool uses_completion_tokens; /* it calls max_tokens max_completion_tokens */
};

enum finish {
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_FULL, /* cut off, and the model has no more room */
    FINISH_REFUSED,
    FINISH_UNKNOWN, /* who knows whether that is an answer */
};

struct reply {
    struct str text; /* what the model wrote */
    enum finish finish;
    struct str finish_reason; /* in the provider's word */
    struct str model, id;
    int64_t input_tokens, output_tokens; /* -1 = not told */
};

struct dialect {
    const char *name;
    const char *path;                      /* behind the base URL */
    const char *key_field;                 /* the header that carries the key */
    const char *key_prefix;                /* before it */
    const char *extra_field, *extra_value; /* one more header; NULL = none */
    int64_t max_tokens;                    /* when params do not say; 0 = the provider's own */
    void (*write)(const struct question *q, struct json_out *w);
    /* RC_INVALID: no answer of this shape. Texts in `a`. */
    enum rc (*read)(const struct json *answer, struct arena *a, struct reply *out, struct err *e);
};

/* NULL: there is none of that name. */
const struct dialect *dialect_find(struct str name);

/* ---- pieces that both need */

/* The params of the job but those that were dropped, and the room for an answer when the question sets it itself. */
void dialect_write_params(const struct question *q, struct json_out *w);
/* The system's text of the job; with the schema in words behind it, when the provider cannot be told of it in its API. */
struct str dialect_system_text(const struct question *q, bool with_schema, struct arena *a);
/* The members model, id and usage, whose counts have these names. */
void dialect_read_end(const struct json *answer, const char *input_name, const char *output_name,
                      struct reply *out);
/* What the provider's word for an answer's end means; "" is an end as good as any. */
enum finish dialect_finish(struct str reason);
struct str dialect_text(const struct json *o, const char *name); /* "" when absent or no text */
int64_t dialect_count(const struct json *o, const char *name);   /* -1 when absent */

extern const struct dialect dialect_openai, dialect_anthropic;

#endif
