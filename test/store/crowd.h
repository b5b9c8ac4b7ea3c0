/* crowd.h: makes a node on PostgreSQL believe that much is gone in a line, without the hour that it takes. */
#ifndef STINT_TEST_STORE_CROWD_H
#define STINT_TEST_STORE_CROWD_H

#include "store/store.h"

/* As if a look from the beginning of the line took a second. */
void crowd_line(struct store *s, int64_t tenant, struct str queue, struct str kind);

#endif
