/* tick.h: what time does to a job, for those who meet a due job before the timer does. Committer only. */
#ifndef STINT_STORE_SQLITE_TICK_H
#define STINT_STORE_SQLITE_TICK_H

#include "store/sqlite/rows.h"

MUST_CHECK enum rc tick_one(struct writer *w, int64_t ordinal, struct err *e);
/* When the row's lease ends, the restart grace counted in (J6). */
int64_t tick_lease_end(const struct engine *s, int64_t lease_until, int64_t lease_ms);

#endif
