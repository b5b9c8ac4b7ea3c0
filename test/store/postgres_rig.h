/* postgres_rig.h: what tests do to the store's database behind its back. */
#ifndef STINT_TEST_POSTGRES_RIG_H
#define STINT_TEST_POSTGRES_RIG_H

#include "pg_rig.h"
#include "store_test.h"

/* A connection of a stranger to the test's database. */
struct pg *a_stranger(struct store_test *s);
void say_sql(struct pg *c, const char *sql);
enum rc try_enqueue(struct store_test *s, struct job_spec spec, struct err *e);
/* Ends the connections of the store, and of nobody else. */
void cut_connections(struct store_test *s);

/* The store again, but its database is found through a link in the test's folder. False: it has no socket that could go away. */
bool reopen_through_link(struct store_test *s);
/* The link, and the connections. */
void go_away(struct store_test *s);
void come_back(void);

#endif
