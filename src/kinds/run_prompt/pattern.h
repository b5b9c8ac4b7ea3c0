/* pattern.h: regular expressions as JSON Schema means them (ECMA-262 with the flag u, as far as PCRE2 speaks it), for patterns
 * of strangers over texts of strangers: time and memory of a match are bounded. The only user of PCRE2. */
#ifndef STINT_KINDS_RUN_PROMPT_PATTERN_H
#define STINT_KINDS_RUN_PROMPT_PATTERN_H

#include "base/arena.h"

struct pattern;

enum pattern_answer { PATTERN_NO, PATTERN_YES, PATTERN_TOO_LONG };

/* RC_INVALID: no pattern, with its reason and place. It lives in `a`, and is freed with it. */
MUST_CHECK enum rc pattern_compile(struct str text, struct arena *a, struct pattern **out, struct err *e);

/* Is there a match anywhere in s, which must be UTF-8? */
enum pattern_answer pattern_find(const struct pattern *p, struct str s);

#endif
