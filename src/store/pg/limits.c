/* limits.c: this engine keeps no limits yet: a key has none, and what is asked about it is refused where it is set. */
#include "store/pg/limits.h"

enum rc pg_limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out, struct err *e)
{
    (void)k;
    (void)e;
    *out = (struct limit){.tenant = tenant, .key = key};
    return RC_OK;
}

enum rc pg_limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e)
{
    (void)k;
    (void)tenant;
    (void)e;
    *out = 0;
    return RC_OK;
}

enum rc pg_limits_put(struct keeper *k, const struct limit *l, struct err *e)
{
    (void)k;
    (void)l;
    (void)e;
    return RC_OK;
}
