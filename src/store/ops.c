/* ops.c: see ops.h. */
#include "store/ops.h"

static int64_t report_weight(const struct store_report *op)
{
    int64_t weight = 1 + 2 * (int64_t)op->count;
    for (size_t i = 0; i < op->count; i++) {
        weight += (int64_t)op->items[i].child_count;
    }
    return weight;
}

static int64_t enqueue_weight(const struct store_enqueue *op)
{
    int64_t weight = 1 + (int64_t)op->count;
    for (size_t i = 0; i < op->count; i++) {
        weight += (int64_t)op->specs[i].depends_count;
    }
    return weight;
}

int64_t op_weight(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_ENQUEUE:
        return enqueue_weight((const struct store_enqueue *)op);
    case STORE_CLAIM:
        return 1 + 2 * ((const struct store_claim *)op)->max;
    case STORE_REPORT:
        return report_weight((const struct store_report *)op);
    case STORE_ACT:
    case STORE_TICK:
    case STORE_PRUNE:
        return 2000;
    default:
        return 10;
    }
}

int64_t op_job_count(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_ENQUEUE:
        return (int64_t)((const struct store_enqueue *)op)->count;
    case STORE_CLAIM:
        return (int64_t)((const struct store_claim *)op)->count;
    case STORE_REPORT:
        return (int64_t)(op->items_run - op->items_done);
    default:
        return 0;
    }
}

bool op_is_whole(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_REPORT:
        return op->items_run == ((const struct store_report *)op)->count;
    case STORE_ACT:
        return !((const struct store_act *)op)->ids || op->items_run == ((const struct store_act *)op)->count;
    default:
        return true;
    }
}

struct store_op *ops_append(struct store_op *list, struct store_op *rest)
{
    struct store_op *last = list;
    while (last && last->next) {
        last = last->next;
    }
    if (last) {
        last->next = rest;
    }
    return list ? list : rest;
}

struct store_op *ops_halve(struct store_op *list)
{
    struct store_op *slow = list, *fast = list->next;
    while (fast && fast->next) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct store_op *second = slow->next;
    slow->next = NULL;
    return second;
}

void ops_add_line(struct store_look *op, const struct store_line *line)
{
    if (!(op->count & (op->count - 1))) { /* full: it doubles */
        struct store_line *grown = arena_array(op->op.a, struct store_line, op->count ? 2 * op->count : 1);
        for (size_t i = 0; i < op->count; i++) {
            grown[i] = op->lines[i];
        }
        op->lines = grown;
    }
    op->lines[op->count++] = *line;
}

bool ops_wants(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return count == 0;
}

void ops_answer(struct store_op *list, enum rc rc, const struct err *e)
{
    for (struct store_op *op = list; op; op = op->next) {
        op->rc = rc;
        op->e = *e;
        op->e.rc = rc;
    }
}
