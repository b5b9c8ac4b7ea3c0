/* matrix.h: one job for each combination of some lists of values. Pure.
 *
 * {"prompt": ["a", "b"], "run": [1, 2, 3]} has two dimensions and six coordinates, from 0 on; the last dimension runs fastest. The
 * args of a coordinate are those of the template with the coordinate's values as further members. */
#ifndef STINT_CORE_MATRIX_H
#define STINT_CORE_MATRIX_H

#include "base/json.h"

#define MATRIX_JOBS_MAX       100000
#define MATRIX_DIMENSIONS_MAX 16
#define MATRIX_SHOWN_MAX                                                                                     \
    1000 /* jobs that are made at once: those of more are hidden until they are all there */
#define MATRIX_BYTES_MAX (256LL << 20) /* of the args of all coordinates together */

struct matrix_dimension {
    struct str name;          /* str_is_name */
    const struct str *values; /* JSON, as it came */
    size_t count;
};

struct matrix { /* texts are borrowed */
    struct matrix_dimension dimensions[MATRIX_DIMENSIONS_MAX];
    size_t dimension_count;
    int64_t count; /* of coordinates; 0: it is none */
};

/* An object of lists. RC_INVALID with the way to what is wrong in e->field: no list, an empty one, a name that is none,
 * more than MATRIX_JOBS_MAX coordinates. */
MUST_CHECK enum rc matrix_read(const struct json *v, struct arena *a, struct matrix *out, struct err *e);
/* Are these a template's args? "", null or an object, which has no member that a dimension is called by; and each coordinate's are at
 * most max_bytes. RC_INVALID, RC_TOO_BIG. */
MUST_CHECK enum rc matrix_check_args(const struct matrix *m, struct str args, size_t max_bytes,
                                     struct err *e);
/* The args of a coordinate, of args that have passed. */
struct str matrix_args(const struct matrix *m, struct str args, int64_t at, struct arena *a);

struct matrix_place {
    int64_t coordinate;
    struct str batch; /* its id */
};

/* Do a template's limits (limits.h) speak of the coordinate? {DIMENSION}, {DIMENSION.MEMBER} of a value that is an object, and {batch}
 * may stand in their keys. */
bool matrix_has_open_limits(struct str limits);
/* The limits of a coordinate. RC_INVALID with field `limits`. Lives in `a`. */
MUST_CHECK enum rc matrix_limits(const struct matrix *m, struct str limits, const struct matrix_place *at,
                                 struct arena *a, struct str *out, struct err *e);
/* Are they good at all of them? Not when they differ, and there are more than MATRIX_SHOWN_MAX. */
MUST_CHECK enum rc matrix_check_limits(const struct matrix *m, struct str limits, struct err *e);

#endif
