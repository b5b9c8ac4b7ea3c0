/* lenient.h: the JSON value that a model meant, out of the text that it wrote. Strict JSON is taken as it is; else what models
 * do around and within JSON is undone, and each kind of repair is told, so that nobody takes a mended answer for a clean one.
 * It never invents: a missing value, a missing quote or a missing bracket stays missing, and then there is no value. */
#ifndef STINT_KINDS_RUN_PROMPT_LENIENT_H
#define STINT_KINDS_RUN_PROMPT_LENIENT_H

#include "base/json.h"

enum repair {
    REPAIR_BOM = 1 << 0,            /* a byte-order mark before it */
    REPAIR_FENCE = 1 << 1,          /* ```json … ``` */
    REPAIR_PROSE = 1 << 2,          /* words before or behind it */
    REPAIR_TRAILING_COMMA = 1 << 3, /* before a closing bracket */
    REPAIR_COMMENT = 1 << 4,        /* as in JavaScript */
    REPAIR_QUOTES = 1 << 5,         /* single or typographic ones */
    REPAIR_CONTROL = 1 << 6,        /* line ends and tabs within strings */
    REPAIR_LITERAL = 1 << 7,        /* True, False, None */
    REPAIR_UNWRAPPED = 1 << 8,      /* an array of one object where an object was asked for */
};

/* With `wants_object` an array of one object counts as that object. *repairs is what it took. The tree, and the text that it
 * borrows from, live in `a`. RC_INVALID: there is no value in the text, and why. text must be UTF-8. */
MUST_CHECK enum rc lenient_parse(struct str text, bool wants_object, struct arena *a, struct json **out,
                                 unsigned *repairs, struct err *e);

/* The names of repairs as they are stored, in the order above, by *repairs; NULL at the end. Begin with *at = 0. */
const char *repair_next_name(unsigned repairs, int *at);

#endif
