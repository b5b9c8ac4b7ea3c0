/* copy_rows.h: what a store is made of, as every engine tells it to a copy: tables of plain values, in the order of their keys.
 * How an engine keeps them (numbers for words, filled-up columns, folded counts) does not show: equal stores give equal bytes. */
#ifndef STINT_STORE_COPY_ROWS_H
#define STINT_STORE_COPY_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"

enum copy_table { /* in the order in which they are copied */
                  COPY_TENANT,
                  COPY_API_KEY,
                  COPY_QUEUE,
                  COPY_JOB, /* live and finished */
                  COPY_EVENT,
                  COPY_UNIQUE_KEY,
                  COPY_IDEMPOTENCY,
                  COPY_ARTIFACT, /* of jobs and series that are there; staged ones too */
                  COPY_SERIES_ENTRY,
                  COPY_SCHEDULE,
                  COPY_TALLY, /* of the jobs that hang under one */
                  COPY_NOTE,  /* what ticks have to see to */
                  COPY_LINK,  /* blocked jobs, and those on which they depend */
                  COPY_BATCH, /* what batches were made from */
                  COPY_LIMIT, /* rules of keys, what they have spent, and pauses */
                  COPY_TABLES,
};

enum copy_type { COPY_INT, COPY_TEXT, COPY_BYTES, COPY_ID };

struct copy_column {
    const char *name;
    enum copy_type type;
};

struct copy_shape {
    const char *name;
    int key_count; /* the first columns are the key */
    int column_count;
    const struct copy_column *columns;
};

extern const struct copy_shape copy_shapes[COPY_TABLES];

/* Columns that engines must know by their place; the rest is in copy_shapes alone. */
enum copy_job_column {
    JOB_ID_COLUMN,
    JOB_TENANT_COLUMN,
    JOB_QUEUE_COLUMN,
    JOB_KIND_COLUMN,
    JOB_STATE_COLUMN,
    JOB_PRIORITY_COLUMN,
    JOB_DUE_AT_COLUMN = 7,
    JOB_FLAGS_COLUMN = 8,
    JOB_STARTED_AT_COLUMN = 28,
    JOB_FINISHED_AT_COLUMN,
    JOB_EXPIRES_AT_COLUMN,
    JOB_RETRY_COLUMN = 33, /* the policy of all is NULL */
    JOB_GROUP_COLUMN = 36,
    JOB_LIMITS_COLUMN = 37,
    JOB_CHECKPOINT_COLUMN = 42,
    JOB_RESULT_COLUMN,
    JOB_ARGS_COLUMN,
    JOB_PARENT_COLUMN,
    JOB_ROOT_COLUMN,
    JOB_BATCH_COLUMN,
    COPY_COLUMNS_MAX,
};

enum copy_artifact_column {
    ARTIFACT_JOB_COLUMN,
    ARTIFACT_NAME_COLUMN,
    ARTIFACT_LEASE_COLUMN,
    ARTIFACT_TENANT_COLUMN,
    ARTIFACT_SHA256_COLUMN = 5,
    ARTIFACT_SIZE_COLUMN,
    ARTIFACT_BYTES_COLUMN = 8, /* NULL: more than JOB_ARTIFACT_ROW_BYTES, told in parts */
};

enum copy_limit_column { LIMIT_CUT_MICRO_COLUMN = 10, LIMIT_CUT_AT_COLUMN };

struct copy_value {
    bool is_null;
    int64_t number;
    struct str text; /* of an id: its 16 bytes */
};

struct copy_rows { /* count rows of column_count values */
    const struct copy_shape *shape;
    struct copy_value *values;
    size_t count;
};

struct copy_value *copy_row(const struct copy_rows *r, size_t row);
struct copy_value copy_number(int64_t number);
struct copy_value copy_text(struct str text); /* p NULL: NULL */
struct copy_value copy_id(struct arena *a, struct id id);
struct id copy_get_id(const struct copy_value *v);

/* Values that come before every key. */
void copy_first_key(const struct copy_shape *s, struct copy_value *out);
/* Copies the key of a row into the arena. */
void copy_keep_key(const struct copy_shape *s, const struct copy_value *row, struct arena *a,
                   struct copy_value *out);
int copy_compare_keys(const struct copy_shape *s, const struct copy_value *a, const struct copy_value *b);
/* The first column in which they differ, or column_count. */
int copy_first_difference(const struct copy_shape *s, const struct copy_value *a, const struct copy_value *b);
/* The key for people: `0199…, "name", 3`. */
struct str copy_key_text(const struct copy_shape *s, const struct copy_value *row, struct arena *a);
/* RC_FATAL: a text of a row is none that PostgreSQL can keep; says which, and what to do. */
MUST_CHECK enum rc copy_expect_text(const struct copy_rows *rows, struct arena *a, struct err *e);

/* Bytes that say the values, and nothing but them; false: the bytes end early, or say something else. Texts of read values lie in the bytes. */
void copy_encode(const struct copy_value *values, int count, struct buf *out);
bool copy_decode(struct str *bytes, struct copy_value *values, int count);
size_t copy_row_bytes(const struct copy_shape *s, const struct copy_value *row);
#define COPY_CHECKSUM_BEGIN 14695981039346656037ULL
uint64_t copy_checksum(uint64_t sum, struct str bytes);

#endif
