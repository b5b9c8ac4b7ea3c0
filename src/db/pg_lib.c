/* pg_lib.c: see pg_lib.h. */
#include "db/pg_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define LIBRARY "libpq.so.5"

struct pg_lib pg_lib;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct err failure;

/* A function's address comes as a pointer to an object: POSIX says that it may be read as what it is. */
static void find(void *library, const char *name, void *to)
{
    void *address = dlsym(library, name);
    if (!address && !failure.rc) {
        err_set(&failure, RC_NOT_FOUND, LIBRARY " is too old for stint: it has no %s", name);
    }
    memcpy(to, &address, sizeof address);
}

/* The preprocessor gives an argument under # as it is written, and one that is passed on as what it stands for. */
#define FIND(name) find(library, #name, &pg_lib.name##_);

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(
            &failure, RC_NOT_FOUND,
            "PostgreSQL's client library is needed for this store and cannot be loaded (%s): apt-get install "
            "libpq5",
            dlerror());
        return;
    }
    PG_LIB_FUNCTIONS(FIND)
}

enum rc pg_lib_load(struct err *e)
{
    pthread_once(&once, load);
    if (failure.rc && e) {
        *e = failure;
    }
    return failure.rc;
}
