/* fields.h: reads JSON objects into structs by a table: type, range and name of every member stand in one row, and what is
 * not in the table is refused by name. All errors carry the JSON pointer of the member in e->field. */
#ifndef STINT_WIRE_FIELDS_H
#define STINT_WIRE_FIELDS_H

#include "base/json.h"

enum wire_type {
    WIRE_STR,     /* struct str; min and max are bytes */
    WIRE_NAME,    /* struct str, str_is_name */
    WIRE_BOOL,    /* bool */
    WIRE_INT,     /* int64_t in [min, max] */
    WIRE_SECONDS, /* int64_t milliseconds; JSON seconds, fractions allowed; min and max are milliseconds */
    WIRE_FOREVER, /* as WIRE_SECONDS; the string "forever" is JOB_FOREVER_MS */
    WIRE_TIME,    /* int64_t unix ms; RFC 3339 */
    WIRE_ID,      /* struct id */
    WIRE_RAW,     /* struct str: the bytes of any value; min is unused, over max is RC_TOO_BIG */
    WIRE_NAMES,   /* struct str: the bytes of an array of at most max names */
    WIRE_CUSTOM,  /* handed to `read` */
    WIRE_NOT_YET, /* known, not built: 422 not_supported */
};

struct wire_field {
    struct str name;
    enum wire_type type;
    size_t at; /* offset in the struct */
    int64_t min, max;
    MUST_CHECK enum rc (*read)(const struct json *v, struct arena *a, void *to,
                               struct err *e); /* gets the whole struct */
};

struct wire_shape {
    const struct wire_field *fields;
    size_t count;
};
#define WIRE_SHAPE(table) ((struct wire_shape){(table), sizeof(table) / sizeof((table)[0])})

/* Fills `to` from the object v. A member that is absent stays as it is in `to`. `seen` (may be NULL) gets bit i for
 * row i. RC_INVALID: no object, unknown member (code unknown_field), wrong type or range (invalid_field), not built
 * (not_supported). RC_TOO_BIG: raw value over its limit. */
MUST_CHECK enum rc wire_read(const struct json *v, struct wire_shape shape, struct arena *a, void *to,
                             uint64_t *seen, struct err *e);

/* The same as invalid_field with this member: for checks that span members. */
enum rc wire_invalid(struct err *e, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "/name" or "/index" before the pointer in e->field, on the way up. */
enum rc wire_in_member(struct err *e, enum rc rc, struct str name);
enum rc wire_in_item(struct err *e, enum rc rc, size_t index);

#endif
