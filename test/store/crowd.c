/* crowd.c: see crowd.h. */
#include "crowd.h"

#include "store/pg/postgres.h"

void crowd_line(struct store *s, int64_t tenant, struct str queue, struct str kind)
{
    const struct line name = {.tenant = tenant, .queue = queue, .kind = kind};
    const struct look look = {.is_full = true, .is_apart = true, .now = store_now(s), .cost_us = 1000000};
    heads_looked(&((struct pg_engine *)s)->heads, &name, &look);
}
