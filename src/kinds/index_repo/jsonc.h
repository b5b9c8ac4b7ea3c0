/* jsonc.h: JSON as people write it into tsconfig.json: comments, trailing commas, a byte-order mark. */
#ifndef STINT_KINDS_INDEX_REPO_JSONC_H
#define STINT_KINDS_INDEX_REPO_JSONC_H

#include "base/json.h"

/* As json_parse, after taking away what JSON does not have. The tree lives in `a`. */
MUST_CHECK enum rc jsonc_parse(struct str text, struct arena *a, struct json **out, struct err *e);

#endif
