/* schema.h: does a JSON value keep to a JSON Schema? The core of draft 2020-12 (json-schema.org/draft/2020-12: Core, section
 * 8 without $dynamicRef and remote references, and 10; Validation, section 6), which is what answers of models are asked for.
 *
 * Keywords that it does not know are annotations, as the standard says; those that it knows and does not do
 * (unevaluatedProperties, unevaluatedItems, $dynamicRef, a reference that leaves the schema) are refused at compilation, so
 * that no answer is called valid by a rule that nobody looked at. `format` asserts date, date-time, time, email, uri, uuid,
 * ipv4 and ipv6. `pattern` is matched by PCRE2 in the manner of ECMAScript, within limits of time and memory. */
#ifndef STINT_KINDS_RUN_PROMPT_SCHEMA_H
#define STINT_KINDS_RUN_PROMPT_SCHEMA_H

#include "base/json.h"

#define SCHEMA_MAX_NODES   20000
#define SCHEMA_MAX_ANCHORS 100
#define SCHEMA_MAX_FAULTS  20

struct schema;

struct schema_fault {
    struct str path;    /* JSON Pointer (RFC 6901) into the value; "" = the whole */
    struct str keyword; /* that was not kept: `required` */
    struct str text;    /* for the model and for people: "is missing the member city" */
};

struct schema_faults {
    struct schema_fault items[SCHEMA_MAX_FAULTS]; /* the first ones */
    size_t n;                                     /* of items */
};

/* The schema lives in `a`, and so must `text`. RC_INVALID, code `invalid_schema`: e->field is the place in the schema, the
 * text says which rule it breaks. RC_TOO_BIG: more than SCHEMA_MAX_NODES schemas within it. */
MUST_CHECK enum rc schema_compile(const struct json *text, struct arena *a, struct schema **out,
                                  struct err *e);

/* True when the value keeps to it; else *out has at least one fault, its texts in `a`. Work is bounded: a value that takes
 * more steps than any sensible answer does has the fault with the keyword `limit`. */
MUST_CHECK bool schema_check(const struct schema *s, const struct json *value, struct arena *a,
                             struct schema_faults *out);

/* An answer to a strict schema (strict_schema.h) as one to this: members are gone that are null because they had to be there, which
 * are those that are optional here and may not be null. Any other null stays. Text in `a`; *has_dropped: it is not the value's. */
struct str schema_drop_nulls(const struct schema *s, const struct json *value, struct arena *a,
                             bool *has_dropped);

/* Are two values equal as JSON Schema means it: 1 is 1.0, and the order of members does not count? */
bool schema_values_equal(const struct json *one, const struct json *other);

#endif
