/* cache.h: a node's private folder of files: contents of artifacts that it has written or read lately, by name. What is
 * here can be had from the database again, so nothing is flushed, and the folder begins empty. Any thread. */
#ifndef STINT_STORE_PG_CACHE_H
#define STINT_STORE_PG_CACHE_H

#include "base/arena.h"

#include <pthread.h>

#define CACHE_BYTES (1LL << 30)

struct cached_file;

struct file_cache {
    pthread_mutex_t lock;
    char *dir;
    int64_t limit_bytes, bytes;
    struct cached_file *first; /* the last used one */
};

/* Makes the folder if it is missing, and empties it: nobody else may use it. */
MUST_CHECK enum rc cache_open(struct file_cache *c, const char *dir, int64_t limit_bytes, struct err *e);
void cache_close(struct file_cache *c);
/* The path of the file of that name, which stays for some seconds at least; STR_NONE: it is not here. */
struct str cache_find(struct file_cache *c, struct str name, struct arena *a);
/* Takes over a file of the same folder under that name; those that were not used for longest go. */
MUST_CHECK enum rc cache_add(struct file_cache *c, const char *path, struct str name, struct err *e);
void cache_remove(struct file_cache *c, struct str name);

#endif
