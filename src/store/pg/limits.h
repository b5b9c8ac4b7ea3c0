/* limits.h: limits, as the rules ask for them (store/rules/keeper.h). */
#ifndef STINT_STORE_PG_LIMITS_H
#define STINT_STORE_PG_LIMITS_H

#include "store/pg/postgres.h"

MUST_CHECK enum rc pg_limits_find(struct keeper *k, int64_t tenant, struct str key, struct limit *out,
                                  struct err *e);
MUST_CHECK enum rc pg_limits_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e);
MUST_CHECK enum rc pg_limits_put(struct keeper *k, const struct limit *l, struct err *e);

#endif
