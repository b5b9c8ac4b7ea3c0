/* ops.h: operations in lists, as the committers of all engines take them apart and put them together. */
#ifndef STINT_STORE_OPS_H
#define STINT_STORE_OPS_H

#include "store/store.h"

#define ROUND_OPS_MAX    4096 /* of one round, and the weight of them together */
#define ROUND_WEIGHT_MAX 10000
/* Then the rest waits for the next round: nobody holds the committer for 100 ms. */
#define ROUND_RUN_MAX_US 60000

/* How long it will take, roughly: one is an enqueued job. */
int64_t op_weight(const struct store_op *op);
/* Jobs that it is about, once it has run. */
int64_t op_job_count(const struct store_op *op);
/* Has it run to its end? A long one may stop when the round's time is over (items_run). */
bool op_is_whole(const struct store_op *op);

/* Puts `rest` behind the list; either may be NULL. */
struct store_op *ops_append(struct store_op *list, struct store_op *rest);
/* Splits behind the first half and returns the second; there are two or more. */
struct store_op *ops_halve(struct store_op *list);
/* Behind those that were found so far; its texts stay whose they are. */
void ops_add_line(struct store_look *op, const struct store_line *line);
/* Is it among what a claim names? Who names nothing wants all. */
bool ops_wants(struct str name, const struct str *names, size_t count);
/* The same answer for each. */
void ops_answer(struct store_op *list, enum rc rc, const struct err *e);

#endif
