/* copy_engine.h: what a copy (copy.h) wants from an engine: a store told as plain rows in the order of their keys, and one filled
 * with them. Inside store/ only. One thread. */
#ifndef STINT_STORE_COPY_ENGINE_H
#define STINT_STORE_COPY_ENGINE_H

#include "store/copy.h"
#include "store/copy_rows.h"
#include "store/engine.h"

#define COPY_BATCH_ROWS  4000
#define COPY_BATCH_BYTES ((int64_t)8 << 20) /* of texts: a batch ends with the row that goes over it */
#define COPY_PART_BYTES  ((int64_t)1 << 20) /* of an artifact, at most */
#define COPY_MARK        "copy"             /* the name of the mark in table meta */
#define COPY_REFUSAL                                                                                         \
    "it is an unfinished copy of another store: run the same `stint copy` again, which goes on where it "    \
    "ended, or remove it"

struct copy_identity {
    unsigned char secret[32];
    int64_t epoch;          /* the upper part of lease numbers */
    int64_t lease_start;    /* and where the lower part begins */
    int64_t last_ordinal;   /* of the greatest id that was ever given */
    struct str fingerprint; /* of a source: changes with whatever is written to it */
    struct str mark;        /* of a target; p NULL: none */
    bool is_empty;          /* of a target: but for what every store has */
};

/* A store that is open for a copy; engines put it first. Closed by its engine. */
struct copy_end {
    const struct copy_engine *engine;
};

struct copy_engine {
    /* The source: checked, and nobody writes to it until it is closed. The target: made when it is missing, and nobody else's. */
    enum rc (*open_source)(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e);
    enum rc (*open_target)(struct copy_end **out, const char *location, const struct copy_options *o,
                           struct err *e);
    void (*close)(struct copy_end *c); /* NULL is fine; what was not committed is gone */
    enum rc (*identify)(struct copy_end *c, struct arena *a, struct copy_identity *out, struct err *e);

    /* The rows behind the key `after`, up to a batch; none: that was all. They live in the arena. */
    enum rc (*read)(struct copy_end *c, enum copy_table table, const struct copy_value *after,
                    struct arena *a, struct copy_rows *out, struct err *e);
    /* Contents of an artifact that has no bytes in its row, from `offset` on. RC_FATAL: there are none. */
    enum rc (*read_part)(struct copy_end *c, const struct copy_value *artifact, int64_t offset,
                         struct arena *a, struct str *out, struct err *e);

    /* ---- targets: begin, any number of writes, commit */

    enum rc (*begin)(struct copy_end *c, struct err *e);
    /* A row of table meta: the bytes, or where their p is NULL the number. */
    enum rc (*put_meta)(struct copy_end *c, const char *name, struct str bytes, int64_t number,
                        struct err *e);
    enum rc (*write)(struct copy_end *c, enum copy_table table, const struct copy_rows *rows, struct err *e);
    /* In order, before its row; an empty part is the end. */
    enum rc (*write_part)(struct copy_end *c, const struct copy_value *artifact, int64_t offset,
                          struct str bytes, struct err *e);
    /* With the mark; p NULL: the store is whole, it has none. */
    enum rc (*commit)(struct copy_end *c, struct str mark, struct err *e);
};

extern const struct copy_engine sqlite_copy, pg_copy;

/* copy_verify.c: compares the two, table by table, contents of artifacts too. RC_FATAL says where they differ. */
struct copying;
MUST_CHECK enum rc copy_verify(struct copy_end *source, struct copy_end *target,
                               const struct copy_options *options, struct copy_progress *p, struct err *e);

#endif
