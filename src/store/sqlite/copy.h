/* copy.h: this engine's side of a copy (store/copy_engine.h): a store without threads, read by its own connection or filled
 * through the committer's caches, which count along. */
#ifndef STINT_STORE_SQLITE_COPY_H
#define STINT_STORE_SQLITE_COPY_H

#include "store/copy_engine.h"
#include "store/sqlite/artifacts.h"

struct sqlite_end {
    struct copy_end base; /* first */
    struct engine *s;
    struct db *db; /* of a target: the writer's */
    /* of a target */
    struct copied_file *files, **last_file; /* of the batch: written, their rows not yet */
    int fd;                                 /* of the last one, while its parts come; -1: none */
    struct arena *a;                        /* of the batch */
};

struct file_span { /* of a file in the folder of files */
    struct str name;
    int64_t offset, bytes;
};

/* copy_read.c */
MUST_CHECK enum rc sqlite_copy_read(struct copy_end *c, enum copy_table table, const struct copy_value *after,
                                    struct arena *a, struct copy_rows *out, struct err *e);
MUST_CHECK enum rc sqlite_copy_read_part(struct copy_end *c, const struct copy_value *artifact,
                                         int64_t offset, struct arena *a, struct str *out, struct err *e);
/* copy_write.c */
MUST_CHECK enum rc sqlite_copy_write(struct copy_end *c, enum copy_table table, const struct copy_rows *rows,
                                     struct err *e);
/* copy_files.c */
MUST_CHECK enum rc sqlite_copy_write_part(struct copy_end *c, const struct copy_value *artifact,
                                          int64_t offset, struct str bytes, struct err *e);
struct str
sqlite_copy_take_file(struct sqlite_end *c); /* the name of the next one, in the order in which they came */
MUST_CHECK enum rc sqlite_copy_read_file(struct sqlite_end *c, const struct file_span *span, struct arena *a,
                                         struct str *out, struct err *e);

#endif
