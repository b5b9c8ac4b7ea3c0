/* limit_rig.h: limits as tests set and read them. */
#ifndef STINT_TEST_LIMIT_RIG_H
#define STINT_TEST_LIMIT_RIG_H

#include "store_test.h"

#define CAPPED(n)          ((struct limit_rule){.concurrency = (n)})
#define RATED(n, ms, more) ((struct limit_rule){.rate = (n), .period_ms = (ms), .burst = (more)})

#define HOST  STR("[\"host:a\"]")
#define HEAVY STR("[{\"key\":\"host:a\",\"weight\":3}]")
#define BOTH  STR("[\"host:a\",\"host:b\"]")
#define A     STR("host:a")

/* Its answer. */
struct limit set_limit(struct store_test *s, struct str key, struct limit_rule rule);
void pause_limit(struct store_test *s, struct str key, int64_t until);
struct limit read_limit(struct store_test *s, struct str key);
enum rc refused_limit(struct store_test *s, struct str key, struct limit_rule rule, struct err *e);
enum rc delete_limit(struct store_test *s, struct str key, struct err *e);
void queue_some(struct store_test *s, int count, struct str limits);
/* How many were handed out. */
size_t claimed(struct store_test *s, int64_t max);

#endif
