/* db_int.h: between the files of this folder. */
#ifndef STINT_DB_DB_INT_H
#define STINT_DB_DB_INT_H

#include "db/db.h"

#include <sqlite3.h>

/* db_feed.c: SQLite's own code. */
int db_feed_register(sqlite3 *h, const char *name, const struct db_feed *feed);

#endif
