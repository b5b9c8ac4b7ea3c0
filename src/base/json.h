/* json.h: JSON (RFC 8259), read strictly and written as a stream. Reading: the whole text must be one value; UTF-8
 * is checked; no byte-order mark; duplicate members are refused; depth is limited; no recursion. Integers are exact
 * within int64; every value knows the bytes it came from (`raw`), so that what we only carry is never printed anew. */
#ifndef STINT_BASE_JSON_H
#define STINT_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"

#define JSON_MAX_DEPTH      64
#define JSON_ENVELOPE_DEPTH 8 /* levels of ours around what somebody else may have nested as deeply as that */
#define JSON_MAX_NUMBER_BYTES                                                                                \
    1024 /* a longer literal is refused: nobody means it, and turning it to a double costs */

/* A number is JSON_INT when it is written without fraction and exponent and fits int64; `-0` is JSON_REAL. */
enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    struct str raw;  /* the exact bytes of this value in the input (borrowed from it) */
    struct str name; /* the member name, decoded, when the parent is an object */
    struct str s;    /* JSON_STRING: decoded (points into the input when nothing had to be decoded) */
    int64_t i;       /* JSON_INT; JSON_BOOL: 0 or 1 */
    double d;        /* JSON_REAL and JSON_INT; an infinity when the literal is greater than any double */
    struct json *first, *next; /* children in order */
    size_t count;              /* children */
};

/* RC_INVALID: not JSON; the text tells why and the byte position ("at byte 17"), code "malformed_json".
 * The tree lives in `a` and borrows from `text`. */
MUST_CHECK enum rc json_parse(struct str text, struct arena *a, struct json **out, struct err *e);
/* As json_parse, JSON_ENVELOPE_DEPTH levels deeper: for answers of a server of ours, and what its worker's processes say to
 * each other. They carry args and results. */
MUST_CHECK enum rc json_parse_envelope(struct str text, struct arena *a, struct json **out, struct err *e);
/* What texts of strangers may grow into: a tree takes fifty times the bytes of its text. Each parse takes from it, so that
 * one budget covers all texts of a request. Of a value whose member name is in `opaque` (its end is STR_NONE) type and raw
 * bytes are kept only: it is checked and counted in `values`, and takes nothing from `built`. */
struct json_budget {
    const struct str *opaque;
    int64_t built, values;
};
/* As json_parse; RC_TOO_BIG: the budget is used up. */
MUST_CHECK enum rc json_parse_within(struct str text, struct json_budget *budget, struct arena *a,
                                     struct json **out, struct err *e);
/* As json_parse without building a tree: is this one valid JSON value? For bytes that are only carried. */
MUST_CHECK enum rc json_validate(struct str text, struct err *e);

/* The member of an object, or NULL (also when o is NULL or no object). */
const struct json *json_get(const struct json *o, struct str name);
/* The member's text; "" when there is none, or it is no text. */
struct str json_text(const struct json *o, const char *name);
/* Member access with type check, for envelopes. Absent or null leaves *out as it is and gives RC_OK; a wrong
 * type or a value outside [min, max] gives RC_INVALID with e->field set to the member's name, code "invalid_field". */
MUST_CHECK enum rc json_get_str(const struct json *o, const char *name, struct str *out, struct err *e);
MUST_CHECK enum rc json_get_int(const struct json *o, const char *name, int64_t min, int64_t max,
                                int64_t *out, struct err *e);
MUST_CHECK enum rc json_get_bool(const struct json *o, const char *name, bool *out, struct err *e);
MUST_CHECK enum rc json_get_real(const struct json *o, const char *name, double min, double max, double *out,
                                 struct err *e);
/* RC_INVALID naming the first member of o that is not in the NULL-terminated list ("unknown field"), code "unknown_field".
 * Also when o is a value other than an object (code "invalid_field"); NULL is RC_OK. */
MUST_CHECK enum rc json_only(const struct json *o, const char *const *names, struct err *e);

/* ---- writing: commas and quotes are the writer's business. All output goes to `out`; check the buf once at the end. */
struct json_out {
    struct buf *out;
    uint64_t has_items; /* one bit per depth */
    int depth;
    bool after_name;
};

struct json_out json_writer(struct buf *out);
void json_object_begin(struct json_out *w);
void json_object_end(struct json_out *w);
void json_array_begin(struct json_out *w);
void json_array_end(struct json_out *w);
void json_name(struct json_out *w, const char *name);
void json_name_str(struct json_out *w, struct str name);
void json_str(struct json_out *w, struct str s); /* invalid UTF-8 becomes U+FFFD */
void json_c(struct json_out *w, const char *s);  /* NULL writes null */
void json_int(struct json_out *w, int64_t i);
void json_real(struct json_out *w, double d);
void json_bool(struct json_out *w, bool b);
void json_null(struct json_out *w);
void json_raw(struct json_out *w, struct str valid_json); /* empty writes null */
void json_id(struct json_out *w, struct id id);
/* name and value in one call */
void json_put_str(struct json_out *w, const char *name, struct str s);
void json_put_c(struct json_out *w, const char *name, const char *s);
void json_put_int(struct json_out *w, const char *name, int64_t i);
void json_put_real(struct json_out *w, const char *name, double d);
void json_put_bool(struct json_out *w, const char *name, bool b);
void json_put_raw(struct json_out *w, const char *name, struct str valid_json);
void json_put_id(struct json_out *w, const char *name, struct id id);
void json_put_time(struct json_out *w, const char *name,
                   int64_t unix_ms); /* RFC 3339 UTC with ms; 0 writes null */

#endif
