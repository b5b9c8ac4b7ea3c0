/* placeholders.h: {{name}} in what a model is asked becomes the value of a variable. What is filled in is not looked at again, so a text
 * that has braces of its own goes into a variable. */
#ifndef STINT_KINDS_RUN_PROMPT_PLACEHOLDERS_H
#define STINT_KINDS_RUN_PROMPT_PLACEHOLDERS_H

#include "base/json.h"

/* vars NULL = none. RC_INVALID, code `invalid_input`: the text has a name that is none. */
MUST_CHECK enum rc placeholders_check(struct str text, const struct json *vars, struct err *e);
/* The text with its variables filled in, in `a`; checked, too. */
MUST_CHECK enum rc placeholders_fill(struct str text, const struct json *vars, struct arena *a,
                                     struct str *out, struct err *e);
bool placeholders_have(struct str text, struct str name);

#endif
