/* queries.h: the named queries of an engine, read from the .sql files that the program carries. A file is blocks that begin
 * with `-- name: x`; `@x@` is replaced by the block of that name, so
 * that a list of columns is written once. */
#ifndef STINT_STORE_QUERIES_H
#define STINT_STORE_QUERIES_H

#include "base/err.h"

struct queries {
    const char *folder;       /* "sql/sqlite/queries/" */
    const char *const *names; /* count of them */
    size_t count;
    char **
        texts; /* out: count of them, for the whole life of the program: addresses are keys of prepared statements */
    struct err error; /* out */
};

/* Fills texts. Once per set (pthread_once is the engine's). error.rc RC_FATAL: a query is missing, a bug of the build. */
void queries_load(struct queries *q);

#endif
