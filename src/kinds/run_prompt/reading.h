/* reading.h: what is in an answer. Done in the parse process, which has neither network nor secrets, because the text comes
 * from a model that may have read anything. */
#ifndef STINT_KINDS_RUN_PROMPT_READING_H
#define STINT_KINDS_RUN_PROMPT_READING_H

#include "base/buf.h"
#include "kinds/run_prompt/prompt_args.h"

struct reading {
    bool is_valid;        /* there is a value, and it keeps to the schema (or none was asked for) */
    struct str value;     /* the value; "" without a schema, or when there is none */
    struct str repairs;   /* JSON array of names (lenient.h) */
    struct str faults;    /* JSON array of {path, keyword, text}: for the model's next turn, and for people */
    struct str mentions;  /* JSON array, one for each entity */
    struct str citations; /* JSON array of {url, domain, entity} */
};

/* The request for an answer's text. is_strict: it was asked for by strict_schema_make's schema. */
void reading_ask(const struct prompt_args *args, struct str text, bool is_strict, struct buf *out);
/* Only for names, in an answer that was read before: `value` is what was in it (NULL or JSON null: nothing). */
void reading_ask_anew(const struct prompt_args *args, struct str text, const struct json *value,
                      struct buf *out);
/* The handler's parse(). */
enum rc reading_answer(struct str request, struct buf *answer, struct err *e);
/* What it answered. Borrows from `answer`, or lives in `a`. */
MUST_CHECK enum rc reading_take(struct str answer, struct arena *a, struct reading *out, struct err *e);

#endif
