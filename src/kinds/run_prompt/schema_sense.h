/* schema_sense.h: schemas that keep all rules, and that no answer can keep to: each would be asked for, paid and thrown away. */
#ifndef STINT_KINDS_RUN_PROMPT_SCHEMA_SENSE_H
#define STINT_KINDS_RUN_PROMPT_SCHEMA_SENSE_H

#include "base/json.h"

/* Looks at the schema itself, and below `properties` and `items`; what stands in a condition or a choice may well be never. RC_INVALID,
 * code `invalid_schema`: e->field is the place. The schema compiles. */
MUST_CHECK enum rc schema_check_sense(const struct json *schema, struct err *e);

#endif
