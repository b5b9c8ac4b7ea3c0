/* pg_query.c: parameters in PostgreSQL's binary form (big-endian; arrays as in its array_send) and the reading of rows. */
#include "db/pg_private.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Numbers of types in pg_type.dat, fixed for all versions. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_TID = 27,
    OID_XID = 28,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_UUID = 2950,
    OID_BOOL_ARRAY = 1000,
    OID_BYTEA_ARRAY = 1001,
    OID_TEXT_ARRAY = 1009,
    OID_TID_ARRAY = 1010,
    OID_INT8_ARRAY = 1016,
    OID_FLOAT8_ARRAY = 1022,
    OID_UUID_ARRAY = 2951,
};

#define MAX_VALUE_BYTES    (1 << 30) /* what PostgreSQL and libpq take at most */
#define ARRAY_HEADER_BYTES 20

/* ---- parameters */

static void bind(struct pg_query *q, uint32_t type, const char *bytes, size_t n)
{
    assert(q->count < PG_MAX_PARAMS);
    if (n >= MAX_VALUE_BYTES) {
        q->is_too_big = true;
        bytes = NULL;
    }
    q->values[q->count] = bytes;
    q->lengths[q->count] = bytes ? (int)n : 0;
    q->types[q->count] = type;
    q->count++;
}

static void bind_copy(struct pg_query *q, uint32_t type, const void *bytes, size_t n)
{
    char *copy = arena_alloc(q->a, n);
    memcpy(copy, bytes, n);
    bind(q, type, copy, n);
}

void pg_bind_int(struct pg_query *q, int64_t v)
{
    uint64_t wire = htobe64((uint64_t)v);
    bind_copy(q, OID_INT8, &wire, sizeof wire);
}

void pg_bind_int_or_null(struct pg_query *q, bool is_set, int64_t v)
{
    if (is_set) {
        pg_bind_int(q, v);
    } else {
        bind(q, OID_INT8, NULL, 0);
    }
}

void pg_bind_bool(struct pg_query *q, bool v)
{
    bind(q, OID_BOOL, v ? "\1" : "\0", 1);
}

static uint64_t wire_of_real(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return htobe64(bits);
}

void pg_bind_real(struct pg_query *q, double v)
{
    uint64_t wire = wire_of_real(v);
    bind_copy(q, OID_FLOAT8, &wire, sizeof wire);
}

/* A text that is empty but not NULL may still have no bytes to point at; libpq needs a pointer. */
static void bind_borrowed(struct pg_query *q, uint32_t type, struct str v)
{
    bind(q, type, v.p, v.n);
}

void pg_bind_str(struct pg_query *q, struct str v)
{
    bind_borrowed(q, OID_TEXT, v);
}

void pg_bind_c(struct pg_query *q, const char *v)
{
    bind_borrowed(q, OID_TEXT, str_from(v));
}

void pg_bind_bytes(struct pg_query *q, struct str v)
{
    bind_borrowed(q, OID_BYTEA, v);
}

void pg_bind_uuid(struct pg_query *q, const struct id *v)
{
    if (v) {
        bind_copy(q, OID_UUID, v->b, sizeof v->b);
    } else {
        bind(q, OID_UUID, NULL, 0);
    }
}

void pg_bind_null(struct pg_query *q)
{
    bind(q, OID_TEXT, NULL, 0);
}

/* ---- arrays: int32 dimensions, has_nulls, element type, count, lower bound; then for each element its length (-1: NULL)
 * and bytes. An empty one has no dimension. */

struct array_type {
    uint32_t array, item;
};

static const struct array_type bools = {OID_BOOL_ARRAY, OID_BOOL}, blobs = {OID_BYTEA_ARRAY, OID_BYTEA},
                               texts = {OID_TEXT_ARRAY, OID_TEXT}, ints = {OID_INT8_ARRAY, OID_INT8},
                               tids = {OID_TID_ARRAY, OID_TID}, reals = {OID_FLOAT8_ARRAY, OID_FLOAT8},
                               uuids = {OID_UUID_ARRAY, OID_UUID};

struct array_writer {
    struct array_type type;
    char *begin, *at;
};

static void put_i32(struct array_writer *w, int64_t v)
{
    uint32_t wire = htobe32((uint32_t)(int32_t)v);
    memcpy(w->at, &wire, sizeof wire);
    w->at += sizeof wire;
}

/* `bytes` bounds what the elements take with their lengths. False: too big, and bound as such. */
static bool array_begin(struct pg_query *q, struct array_writer *w, bool has_nulls, size_t n, size_t bytes)
{
    if (bytes >= MAX_VALUE_BYTES - ARRAY_HEADER_BYTES) {
        bind(q, w->type.array, NULL, MAX_VALUE_BYTES);
        return false;
    }
    w->begin = w->at = arena_alloc(q->a, ARRAY_HEADER_BYTES + bytes);
    put_i32(w, n > 0);
    put_i32(w, has_nulls);
    put_i32(w, w->type.item);
    if (n > 0) {
        put_i32(w, (int64_t)n);
        put_i32(w, 1);
    }
    return true;
}

static void put_bytes(struct array_writer *w, const void *bytes, size_t n)
{
    if (!bytes) {
        put_i32(w, -1);
        return;
    }
    put_i32(w, (int64_t)n);
    memcpy(w->at, bytes, n);
    w->at += n;
}

static void array_end(struct pg_query *q, const struct array_writer *w)
{
    bind(q, w->type.array, w->begin, (size_t)(w->at - w->begin));
}

void pg_bind_int_rows(struct pg_query *q, const int64_t *v, const bool *is_null, size_t n)
{
    struct array_writer w = {.type = ints};
    if (!array_begin(q, &w, is_null != NULL, n, n * (4 + sizeof *v))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t wire = htobe64((uint64_t)v[i]);
        put_bytes(&w, is_null && is_null[i] ? NULL : &wire, sizeof wire);
    }
    array_end(q, &w);
}

void pg_bind_ints(struct pg_query *q, const int64_t *v, size_t n)
{
    pg_bind_int_rows(q, v, NULL, n);
}

void pg_bind_bools(struct pg_query *q, const bool *v, size_t n)
{
    struct array_writer w = {.type = bools};
    if (!array_begin(q, &w, false, n, n * (4 + 1))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put_bytes(&w, v[i] ? "\1" : "\0", 1);
    }
    array_end(q, &w);
}

void pg_bind_reals(struct pg_query *q, const double *v, size_t n)
{
    struct array_writer w = {.type = reals};
    if (!array_begin(q, &w, false, n, n * (4 + sizeof *v))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t wire = wire_of_real(v[i]);
        put_bytes(&w, &wire, sizeof wire);
    }
    array_end(q, &w);
}

static void bind_str_array(struct pg_query *q, struct array_type type, const struct str *v, size_t n)
{
    struct array_writer w = {.type = type};
    size_t bytes = n * 4;
    bool has_nulls = false;
    for (size_t i = 0; i < n; i++) {
        bytes += v[i].p ? v[i].n : 0;
        has_nulls = has_nulls || !v[i].p;
    }
    if (!array_begin(q, &w, has_nulls, n, bytes)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put_bytes(&w, v[i].p, v[i].n);
    }
    array_end(q, &w);
}

void pg_bind_strs(struct pg_query *q, const struct str *v, size_t n)
{
    bind_str_array(q, texts, v, n);
}

void pg_bind_blobs(struct pg_query *q, const struct str *v, size_t n)
{
    bind_str_array(q, blobs, v, n);
}

void pg_bind_tids(struct pg_query *q, const struct str *v, size_t n)
{
    bind_str_array(q, tids, v, n);
}

void pg_bind_uuids(struct pg_query *q, const struct id *v, size_t n)
{
    struct array_writer w = {.type = uuids};
    bool has_nulls = false;
    for (size_t i = 0; i < n; i++) {
        has_nulls = has_nulls || id_is_zero(v[i]);
    }
    if (!array_begin(q, &w, has_nulls, n, n * (4 + sizeof v->b))) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put_bytes(&w, id_is_zero(v[i]) ? NULL : v[i].b, sizeof v[i].b);
    }
    array_end(q, &w);
}

/* ---- rows */

size_t pg_count(const struct pg_rows *r)
{
    return (size_t)PQntuples(r->result);
}

int64_t pg_affected(const struct pg_rows *r)
{
    int64_t n = 0;
    return str_to_i64(str_from(PQcmdTuples(r->result)), &n) ? n : 0;
}

bool pg_is_null(const struct pg_rows *r, size_t row, int column)
{
    return PQgetisnull(r->result, (int)row, column) == 1;
}

/* The bytes of a value; a column that is not there, or of a type the caller did not expect, is a bug. */
static const char *value(const struct pg_rows *r, size_t row, int column, int *bytes)
{
    assert((int)row < PQntuples(r->result) && column < PQnfields(r->result));
    *bytes = PQgetlength(r->result, (int)row, column);
    return pg_is_null(r, row, column) ? NULL : PQgetvalue(r->result, (int)row, column);
}

int64_t pg_int(const struct pg_rows *r, size_t row, int column)
{
    int bytes;
    const char *v = value(r, row, column, &bytes);
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
    if (!v) {
        return 0;
    }
    switch (PQftype(r->result, column)) {
    case OID_INT8:
        memcpy(&u64, v, sizeof u64);
        return (int64_t)be64toh(u64);
    case OID_INT4:
    case OID_XID: /* as a signed number, which is what it compares with */
        memcpy(&u32, v, sizeof u32);
        return (int32_t)be32toh(u32);
    case OID_INT2:
        memcpy(&u16, v, sizeof u16);
        return (int16_t)be16toh(u16);
    case OID_BOOL:
        return *v != 0;
    default:
        assert(!"a column of whole numbers");
        return 0;
    }
}

bool pg_bool(const struct pg_rows *r, size_t row, int column)
{
    return pg_int(r, row, column) != 0;
}

double pg_real(const struct pg_rows *r, size_t row, int column)
{
    int bytes;
    const char *v = value(r, row, column, &bytes);
    uint64_t u64;
    uint32_t u32;
    double wide = 0;
    float narrow = 0;
    if (!v) {
        return 0;
    }
    if (PQftype(r->result, column) == OID_FLOAT4) {
        memcpy(&u32, v, sizeof u32);
        u32 = be32toh(u32);
        memcpy(&narrow, &u32, sizeof narrow);
        return (double)narrow;
    }
    assert(PQftype(r->result, column) == OID_FLOAT8);
    memcpy(&u64, v, sizeof u64);
    u64 = be64toh(u64);
    memcpy(&wide, &u64, sizeof wide);
    return wide;
}

struct str pg_str(const struct pg_rows *r, size_t row, int column)
{
    int bytes;
    const char *v = value(r, row, column, &bytes);
    return v ? (struct str){v, (size_t)bytes} : STR_NONE;
}

struct id pg_uuid(const struct pg_rows *r, size_t row, int column)
{
    struct id id = {0};
    int bytes;
    const char *v = value(r, row, column, &bytes);
    if (v) {
        assert(bytes == (int)sizeof id.b);
        memcpy(id.b, v, sizeof id.b);
    }
    return id;
}

void pg_rows_free(struct pg_rows *r)
{
    if (r) {
        PQclear(r->result);
        mem_free(r);
    }
}
