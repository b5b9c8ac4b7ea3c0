/* strict_schema.h: a schema as providers take it who let a model write nothing else (the "strict" subset of structured
 * outputs): every object closed and all its members required. What can be rewritten without losing an answer is: optional
 * members may be null instead, a root that is no object is put into one, oneOf becomes anyOf. The answer is then brought back
 * and checked against the original. What cannot is told as a rule, and the schema is sent without being strict. */
#ifndef STINT_KINDS_RUN_PROMPT_STRICT_SCHEMA_H
#define STINT_KINDS_RUN_PROMPT_STRICT_SCHEMA_H

#include "kinds/run_prompt/schema.h"

struct strict_schema {
    struct str text;  /* to send */
    bool is_wrapped;  /* the answer is the member `value` */
    const char *rule; /* why it cannot be strict; NULL: it is */
    char place[96];   /* where in the original */
};

/* schema: one that schema_compile takes. With a rule, text is the original. In `a`. */
struct strict_schema strict_schema_make(const struct json *schema, struct arena *a);

/* An answer to the strict schema as one to the original, of which s was made: the wrapper is gone, and so are members that are
 * null because they had to be there. Text in `a`; *has_dropped says whether there were such. */
struct str strict_schema_restore(const struct strict_schema *s, const struct schema *original,
                                 const struct json *answer, struct arena *a, bool *has_dropped);

#endif
