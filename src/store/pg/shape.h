/* shape.h: is the schema as the migrations of this program make it? What they make stands in sql/pg/shape.txt, a line for each
 * table, column, index, trigger and function, and is compared with the catalogs; so no database can hold a changed schema for
 * right, not even one that was changed before it was migrated. docs/postgresql.md says what may be changed all the same. */
#ifndef STINT_STORE_PG_SHAPE_H
#define STINT_STORE_PG_SHAPE_H

#include "db/pg.h"

/* For a schema of our newest version. RC_FATAL names what differs, and says what to do. */
MUST_CHECK enum rc pg_shape_check(struct pg *c, struct err *e);

#endif
