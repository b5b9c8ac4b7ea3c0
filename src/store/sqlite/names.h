/* names.h: from small numbers to text, for the names of queues and kinds. The committer writes, all threads read; a text,
 * once given out, stays where it is until the store is closed. */
#ifndef STINT_STORE_SQLITE_NAMES_H
#define STINT_STORE_SQLITE_NAMES_H

#include "base/str.h"

#include <pthread.h>

struct names {
    pthread_mutex_t lock;
    struct str *texts; /* by number */
    size_t room;
};

void names_init(struct names *n);
void names_dispose(struct names *n);
/* A copy that stays; when the number has this text already, the copy it has. */
struct str names_set(struct names *n, int64_t number, struct str text);
struct str names_get(struct names *n, int64_t number); /* STR_NONE: unknown */

#endif
