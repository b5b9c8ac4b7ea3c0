/* stretches.h: of several lines, as parameters of a statement that looks at them. */
#ifndef STINT_STORE_PG_STRETCHES_H
#define STINT_STORE_PG_STRETCHES_H

#include "db/pg.h"
#include "store/pg/heads.h"

struct stretch_list;

struct stretch_list *stretches_new(struct arena *a, size_t lines);
void stretches_add(struct stretch_list *l, const struct stretch *all, int count); /* of the next line */
/* First and last of each line, from 1; then priority, run_at, id and up_to of each stretch. */
void stretches_bind(struct pg_query *q, const struct stretch_list *l);
/* The same behind queue and kind of the lines of the tenant in which much is gone. */
void stretches_bind_crowded(struct pg_query *q, struct heads *h, int64_t tenant);

#endif
