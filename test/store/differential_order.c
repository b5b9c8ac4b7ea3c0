/* differential_order.c: which operations may be asked together although several committers work: those whose order store.h
 * keeps, and those that cannot tell in which order they ran. See differential.h. */
#include "differential.h"

struct named {
    const struct id *id; /* of the first job that it names; NULL: it names none */
    size_t count, step;  /* and of the others: so many bytes further each time */
};

static struct named named_by(const struct store_op *op)
{
    const struct store_report *report = (const struct store_report *)op;
    const struct store_act *act = (const struct store_act *)op;
    switch (op->kind) {
    case STORE_REPORT:
        return (struct named){report->count ? &report->items[0].job : NULL, report->count,
                              sizeof(struct report)};
    case STORE_ACT:
        return (struct named){act->ids, act->count, sizeof(struct id)};
    case STORE_PATCH:
        return (struct named){&((const struct store_patch *)op)->job_id, 1, 0};
    case STORE_STAGE_ARTIFACT:
        return (struct named){&((const struct store_stage_artifact *)op)->job, 1, 0};
    default:
        return (struct named){0};
    }
}

static struct id nth(const struct named *n, size_t i)
{
    return *(const struct id *)((const char *)n->id + i * n->step);
}

static bool has_common(const struct named *a, const struct named *b)
{
    bool has = false;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count && !has; j++) {
            has = id_eq(nth(a, i), nth(b, j));
        }
    }
    return has;
}

/* Does it look at, or change, what belongs to other jobs too? A retry takes a key that the end of another job frees. */
static bool is_retry(const struct store_op *op)
{
    return op->kind == STORE_ACT && ((const struct store_act *)op)->action == ACT_RETRY;
}

/* The entries of a series are in order, and go with what is erased. */
static bool is_of_series(const struct store_op *op)
{
    const struct store_report *report = (const struct store_report *)op;
    bool is = op->kind == STORE_ACT && ((const struct store_act *)op)->action == ACT_ERASE;
    for (size_t i = 0; op->kind == STORE_REPORT && i < report->count; i++) {
        is = is || report->items[i].publish_count > 0;
    }
    return is;
}

/* Whoever comes first to a key gets its tokens. */
static bool is_of_limits(const struct store_op *op)
{
    const struct store_report *report = (const struct store_report *)op;
    bool is = false;
    for (size_t i = 0; op->kind == STORE_REPORT && i < report->count; i++) {
        const struct report *r = &report->items[i];
        is = is || r->pause_key.n || r->take_count || r->correct_count;
    }
    return is;
}

/* New jobs get their ids in order, and so do events in the stream of a root. */
static bool reaches_others(const struct store_op *op)
{
    const struct store_report *report = (const struct store_report *)op;
    bool brings = false;
    for (size_t i = 0; op->kind == STORE_REPORT && i < report->count; i++) {
        brings = brings || report->items[i].child_count > 0;
        for (size_t k = 0; k < report->items[i].event_count; k++) {
            brings = brings || report->items[i].events[k].at_root;
        }
    }
    return brings;
}

bool question_may_join(const struct store_op *a, const struct store_op *b)
{
    struct named x = named_by(a), y = named_by(b);
    if (a->kind == STORE_FILL || b->kind == STORE_FILL) { /* a committer does them beside the others */
        return false;
    }
    if (!store_op_is_write(a->kind) && !store_op_is_write(b->kind)) {
        return true;
    }
    if (!x.id || !y.id) {
        return !x.id && !y.id;
    }
    if (x.count == 1 && y.count == 1 && id_eq(*x.id, *y.id)) {
        return true;
    }
    return !has_common(&x, &y) && !is_retry(a) && !is_retry(b) && !reaches_others(a) && !reaches_others(b) &&
           !(is_of_series(a) && is_of_series(b)) && !(is_of_limits(a) && is_of_limits(b));
}
