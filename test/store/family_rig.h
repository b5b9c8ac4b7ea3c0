/* family_rig.h: parents and children as tests make them and look at them. */
#ifndef STINT_TEST_FAMILY_RIG_H
#define STINT_TEST_FAMILY_RIG_H

#include "store_test.h"

#define wait_for(s, job, n, ...) report_one((s), a_report((job), (n), REPORT_WAIT, __VA_ARGS__))
#define CHILD(...)               ((struct job_spec){.kind = STR("child"), __VA_ARGS__})

/* A report with children of these specs; all of them must be new. */
struct report_verdict bear_children(struct store_test *s, const struct job *parent, int64_t n,
                                    const struct job_spec *specs, size_t count);
struct id one_child(struct store_test *s, const struct job *parent, int64_t n);
struct store_list_children children_of(struct store_test *s, struct id id, int64_t cursor, int64_t limit);
void check_tally(struct store_test *s, struct id id, int64_t open, int64_t completed, int64_t failed,
                 int64_t cancelled);
struct job *take_child(struct store_test *s); /* the one that is claimed */

#endif
