/* copy.h: this engine's side of a copy (store/copy_engine.h): one connection, no node. The source's tables are locked against writers
 * (applications write without a server); rows are read and written as arrays of columns. */
#ifndef STINT_STORE_PG_COPY_H
#define STINT_STORE_PG_COPY_H

#include "store/copy_engine.h"
#include "store/pg/postgres.h"

#define PARTITIONS_KEPT 512

struct pg_end {
    struct copy_end base; /* first */
    struct pg *c;
    struct arena *a;                     /* of a statement */
    int64_t partitions[PARTITIONS_KEPT]; /* of a target: those that are made */
    size_t partition_count;
};

/* copy_read.c */
MUST_CHECK enum rc pg_copy_read(struct copy_end *c, enum copy_table table, const struct copy_value *after,
                                struct arena *a, struct copy_rows *out, struct err *e);
MUST_CHECK enum rc pg_copy_read_part(struct copy_end *c, const struct copy_value *artifact, int64_t offset,
                                     struct arena *a, struct str *out, struct err *e);
/* copy_write.c */
MUST_CHECK enum rc pg_copy_write(struct copy_end *c, enum copy_table table, const struct copy_rows *rows,
                                 struct err *e);
MUST_CHECK enum rc pg_copy_write_part(struct copy_end *c, const struct copy_value *artifact, int64_t offset,
                                      struct str bytes, struct err *e);

#endif
