/* schema_sense.h: schemas that keep all rules, and that no answer can keep to: each would be asked for, paid and thrown away. */
#ifndef STINT_KINDS_RUN_PROMPT_SCHEMA_SENSE_H
#define STINT_KINDS_RUN_PROMPT_SCHEMA_SENSE_H

#include "kinds/run_prompt/schema.h"

/* Looks at the schema itself, and at what it names: members, items, all of allOf and of $ref, whether or not they must be there, but for
 * the schema `false`, which is meant. Of a choice one that can be kept to is enough. RC_INVALID, code `invalid_schema`: e->field is
 * the place. What it refuses no answer keeps to; what is wrong in other ways (not, if, pattern, format, …) it does not see. */
MUST_CHECK enum rc schema_check_sense(struct schema *s, struct err *e);

#endif
