/* schema_private.h: a schema as it is compiled. For schema_*.c only. */
#ifndef STINT_KINDS_RUN_PROMPT_SCHEMA_PRIVATE_H
#define STINT_KINDS_RUN_PROMPT_SCHEMA_PRIVATE_H

#include "kinds/run_prompt/pattern.h"
#include "kinds/run_prompt/schema.h"

struct schema_node;

struct schema_list { /* of schemas, in order */
    struct schema_node **items;
    size_t n;
};

struct schema_entry { /* of an object of schemas: properties, patternProperties, dependentSchemas */
    struct str name;
    struct pattern *pattern; /* patternProperties */
    struct schema_node *schema;
};

struct schema_entries {
    struct schema_entry *items;
    size_t n;
};

enum schema_size {
    MIN_LENGTH,
    MAX_LENGTH,
    MIN_ITEMS,
    MAX_ITEMS,
    MIN_PROPERTIES,
    MAX_PROPERTIES,
    MIN_CONTAINS,
    MAX_CONTAINS,
    SCHEMA_SIZES
};

struct schema_node {
    const struct json *text;
    struct str place; /* JSON Pointer into the schema */
    bool is_never;    /* the schema `false` */
    unsigned types;   /* bit per json_type, and TYPE_INTEGER; 0 = any */
    const struct json *one_of_values, *constant;
    const struct json *minimum, *maximum, *above, *below, *multiple_of;
    int64_t sizes[SCHEMA_SIZES]; /* -1 = none */
    bool unique_items;
    struct pattern *pattern;
    bool (*format)(struct str s);
    struct str format_name;
    struct schema_entries properties, pattern_properties, dependent_schemas;
    const struct json *required, *dependent_required;
    struct schema_node *additional, *property_names, *items, *contains;
    struct schema_list prefix, all_of, any_of, one_of;
    struct schema_node *negated, *condition, *then, *otherwise, *reference;
    int mark; /* of the search for loops */
    /* of schema_sense.c */
    unsigned can_be; /* bit per json_type: of which values may keep to it */
    bool is_looked_at;
};

#define TYPE_INTEGER (1u << 16) /* as `integer` in a schema: a number without a fraction */

struct schema {
    struct schema_node *root;
    struct schema_node **nodes; /* each before those that it holds */
    size_t count;
};

/* The check of a format by name; NULL: it is an annotation. */
bool (*schema_format(struct str name))(struct str s);

bool schema_is_integer(const struct json *v);
/* Of two numbers: below 0, 0, above 0. */
int schema_compare_numbers(const struct json *x, const struct json *y);
/* Of two numbers, the second above 0; decimal fractions count as they are written (0.3 is a multiple of 0.1). */
bool schema_is_multiple(const struct json *v, const struct json *of);

/* Does the value keep to it? with_fillers: optional members may be null, too. *steps counts on, and when there were too many the
 * answer is no. */
bool schema_fits(const struct schema_node *n, const struct json *value, bool with_fillers, int64_t *steps);
/* By `required`. */
bool schema_requires(const struct schema_node *n, struct str name);

/* Do in-place keywords ($ref, allOf, …) lead from a schema back to itself? RC_INVALID then. */
enum rc schema_find_loop(struct schema_node **nodes, size_t count, struct err *e);

#endif
