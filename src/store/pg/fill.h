/* fill.h: this engine's side of batches that are filled: see store/rules/keeper.h. Committer only. */
#ifndef STINT_STORE_PG_FILL_H
#define STINT_STORE_PG_FILL_H

#include "store/pg/postgres.h"

MUST_CHECK enum rc fill_expect_keys(struct keeper *k, int64_t tenant, const struct job_spec *specs,
                                    size_t count, struct err *e);
MUST_CHECK enum rc fill_hide(struct keeper *k, struct row *r, int64_t *place, struct err *e);
MUST_CHECK enum rc fill_flush(struct keeper *k, struct id batch, struct err *e);
MUST_CHECK enum rc fill_reveal(struct keeper *k, struct row *r, int64_t place, int64_t n, struct err *e);

#endif
