/* keeper.h: this engine's side of store/rules/keeper.h; what some of its functions are elsewhere. Committer only. */
#ifndef STINT_STORE_PG_KEEPER_H
#define STINT_STORE_PG_KEEPER_H

#include "store/pg/postgres.h"

extern const struct keeper_engine pg_keeper;

/* counts.c */
bool counts_reserve(struct keeper *k, int64_t tenant, struct str queue);
void counts_unreserve(struct keeper *k, int64_t tenant, struct str queue);
void counts_expect_room(struct keeper *k, int64_t tenant, struct str queue, int64_t n);

#endif
