/* searched.h: where in the value of an answer names are looked for: in what its texts say, not in how JSON writes them. */
#ifndef STINT_KINDS_RUN_PROMPT_SEARCHED_H
#define STINT_KINDS_RUN_PROMPT_SEARCHED_H

#include "base/json.h"

/* The texts and numbers of the value, a line each; with `paths` (an array of JSON Pointers; NULL = none) of what stands there. Names of
 * members too, but those that the schema has (NULL = no schema is known, and they are all left out). At most max_bytes, in `a`. */
struct str searched_text(const struct json *value, const struct json *paths, const struct json *schema,
                         size_t max_bytes, struct arena *a);

#endif
