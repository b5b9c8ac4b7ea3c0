/* pointer.h: places in a JSON value, as RFC 6901 writes them. */
#ifndef STINT_KINDS_RUN_PROMPT_POINTER_H
#define STINT_KINDS_RUN_PROMPT_POINTER_H

#include "base/json.h"

/* What stands there: `/a~1b/0` is the first item of the member `a/b`, "" the whole. NULL: nothing. */
const struct json *pointer_get(const struct json *value, struct str pointer, struct arena *a);

#endif
