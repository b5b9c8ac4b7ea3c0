/* copy_rig.h: stores to copy, and what there is to see of one. */
#ifndef STINT_TEST_COPY_RIG_H
#define STINT_TEST_COPY_RIG_H

#include "store/copy.h"
#include "store_test.h"

/* The url of a place for a new store of that engine; NULL: it cannot run here. */
const char *copy_target(const char *engine);
#define COPY_ENGINES 2
extern const char *const copy_engines[COPY_ENGINES];

/* All that the reads tell of all tenants: jobs, events, artifacts, series, queues, counts, keys. */
struct str copy_dump(struct store_test *s);
void copy_check_same(struct str got, struct str want); /* or the first line that differs */
/* Closes the store; the test has `url` from then on, not open yet. */
void copy_move(struct store_test *s, const char *url);
/* Copies what the test has to the url, and opens that. */
void copy_and_open(struct store_test *s, const char *url);
/* One of all there is, of two tenants. */
void copy_a_world(struct store_test *s);
/* So many queued jobs, quickly. */
void copy_many_jobs(struct store_test *s, int count);

#endif
