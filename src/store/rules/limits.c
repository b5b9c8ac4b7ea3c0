/* limits.c: limits as people set them, and what running jobs say of them. How many may begin is decided where jobs are handed
 * out, by core/limits.h. */
#include "store/rules/rules.h"

#define GUEST_PAUSE_MAX_MS (10 * 60000)

/* ---- as people set them */

static struct limit *copy_of(struct arena *a, const struct limit *l)
{
    struct limit *copy = arena_alloc(a, sizeof *copy);
    *copy = *l;
    copy->key = arena_str(a, l->key);
    copy->pattern = l->pattern.n ? arena_str(a, l->pattern) : STR_NONE;
    return copy;
}

/* Answers what is wrong with the question. */
static bool is_refused(struct store_set_limit *op)
{
    if (!limit_key_is_good(op->key, true)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "the key must have 1 to %d bytes of text",
                     LIMIT_KEY_MAX_BYTES);
        return true;
    }
    if (op->has_rule && !limit_key_may_have_rule(op->key)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "a * may only stand at the end of the key");
        return true;
    }
    if (op->pause_until >= 0 && limit_key_is_pattern(op->key)) {
        store_answer(&op->op, RC_INVALID, "invalid_field", "a pattern cannot be paused");
        return true;
    }
    op->op.rc = op->has_rule ? limit_rule_check(&op->rule, &op->op.e) : RC_OK;
    return op->op.rc != RC_OK;
}

enum rc rules_set_limit(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_set_limit *op = (struct store_set_limit *)base;
    int64_t tenant = store_limit_tenant(op->tenant, op->key), count = 0;
    struct limit l = {0};
    if (is_refused(op)) {
        return RC_OK;
    }
    enum rc rc = k->engine->find_limit(k, tenant, op->key, &l, e);
    if (!rc && op->has_rule && !l.is_set) {
        rc = k->engine->count_limits(k, tenant, &count, e);
    }
    if (rc || count >= STORE_LIMITS_MAX) {
        return rc ? rc
                  : store_answer(base, RC_BUSY, "too_many_limits", "a tenant has at most %d limits",
                                 STORE_LIMITS_MAX);
    }
    if (op->has_rule) {
        l.is_set = true;
        l.pattern = STR_NONE;
        l.rule = op->rule;
        l.state.cut_micro = l.state.cut_at = 0;
    }
    l.state.paused_until = op->pause_until >= 0 ? op->pause_until : l.state.paused_until;
    rc = k->engine->put_limit(k, &l, e);
    rc = rc ? rc : k->engine->find_limit(k, tenant, op->key, &l, e);
    op->limit = rc ? NULL : copy_of(base->a, &l);
    return rc;
}

enum rc rules_delete_limit(struct keeper *k, struct store_op *base, struct err *e)
{
    struct store_delete_limit *op = (struct store_delete_limit *)base;
    struct limit l = {0};
    base->rc = RC_OK;
    enum rc rc = limit_key_is_good(op->key, true)
                     ? k->engine->find_limit(k, store_limit_tenant(op->tenant, op->key), op->key, &l, e)
                     : RC_OK;
    if (!rc && !l.is_set) {
        return store_answer(base, RC_NOT_FOUND, NULL, "the key has no rule of its own");
    }
    l.is_set = false;
    l.state.cut_micro = l.state.cut_at = 0;
    return rc ? rc : k->engine->put_limit(k, &l, e);
}

/* ---- what running jobs say */

static bool invalid(struct report_verdict *v, const char *field, const char *what)
{
    v->rc = err_set_code(&v->e, RC_INVALID, "invalid_field", field, "%s %s", field, what);
    return true;
}

static bool is_named(const struct limit_use *uses, size_t count, struct str key)
{
    bool is = false;
    for (size_t i = 0; i < count; i++) {
        is |= str_eq(uses[i].key, key);
    }
    return is;
}

struct spoken { /* of keys, in one member of a report */
    const char *field;
    const struct report_tokens *list;
    size_t count;
    int64_t least;
};

static bool has_bad_tokens(const struct limit_use *uses, size_t use_count, struct spoken s,
                           struct report_verdict *v)
{
    if (s.count > LIMITS_PER_JOB) {
        return invalid(v, s.field, "names too many keys");
    }
    for (size_t i = 0; i < s.count; i++) {
        if (!is_named(uses, use_count, s.list[i].key)) {
            return invalid(v, s.field, "names a key that is not among the limits of the job");
        }
        if (s.list[i].n < s.least || s.list[i].n > LIMIT_RATE_MAX) {
            return invalid(v, s.field, "is out of range");
        }
    }
    return false;
}

bool rules_has_bad_limits(const struct keeper *k, const struct row *r, const struct report *in,
                          struct report_verdict *v)
{
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    if (!in->pause_key.n && !in->take_count && !in->correct_count) {
        return false;
    }
    if (r->flags & FLAG_LANED && limits_read(r->limits, k->scratch, uses, &count, &v->e)) {
        v->rc = v->e.rc;
        return true;
    }
    bool may_correct = in->op == REPORT_PROGRESS || in->op == REPORT_COMPLETE || in->op == REPORT_FAIL;
    if (in->pause_key.n &&
        (in->op != REPORT_FAIL || in->error.class != ERROR_RATE_LIMITED || in->retry_after_ms == 0)) {
        return invalid(v, "pause_key", "goes with a failure of class rate_limited, not to be tried at once");
    }
    if (in->pause_key.n && !is_named(uses, count, in->pause_key)) {
        return invalid(v, "pause_key", "is not among the limits of the job");
    }
    if (in->take_count && in->op != REPORT_PROGRESS) {
        return invalid(v, "take", "goes with progress");
    }
    if (in->correct_count && !may_correct) {
        return invalid(v, "correct", "goes with progress, complete and fail");
    }
    const struct spoken take = {"take", in->take, in->take_count, 1};
    const struct spoken correct = {"correct", in->correct, in->correct_count, -LIMIT_RATE_MAX};
    return has_bad_tokens(uses, count, take, v) || has_bad_tokens(uses, count, correct, v);
}

static enum rc find(struct keeper *k, const struct row *r, struct str key, struct limit *l, struct err *e)
{
    return k->engine->find_limit(k, store_limit_tenant(r->tenant, key), key, l, e);
}

/* Others share the key, who have not sent this report and cannot resume the key either. */
static bool is_guest_at(const struct report *in, struct str key)
{
    return in->is_guest && str_starts(key, STR(LIMIT_SERVER_PREFIX));
}

static enum rc pause_key(struct keeper *k, const struct row *r, const struct report *in,
                         struct report_verdict *v, struct err *e)
{
    struct limit l = {0};
    int64_t until = in->retry_after_ms < 0 ? JOB_FOREVER_MS : k->now + in->retry_after_ms;
    int64_t most = is_guest_at(in, in->pause_key) ? k->now + GUEST_PAUSE_MAX_MS : JOB_FOREVER_MS;
    until = until < most ? until : most;
    enum rc rc = find(k, r, in->pause_key, &l, e);
    bool has_changed = !rc && limit_cut(&l.rule, &l.state, r->started_at, k->now);
    if (!rc && l.state.paused_until < until) {
        l.state.paused_until = v->paused_until = until;
        has_changed = true;
    }
    return rc || !has_changed ? rc : k->engine->put_limit(k, &l, e);
}

/* All of it, or nothing and the time when the last of them could be had. */
static enum rc take(struct keeper *k, const struct row *r, const struct report *in, struct report_verdict *v,
                    struct err *e)
{
    struct limit *limits = arena_array(k->scratch, struct limit, in->take_count + 1);
    enum rc rc = RC_OK;
    int64_t until = 0;
    for (size_t i = 0; i < in->take_count && !rc; i++) {
        rc = find(k, r, in->take[i].key, &limits[i], e);
        int64_t wait = rc ? 0 : limit_wait_tokens(&limits[i].rule, &limits[i].state, in->take[i].n, k->now);
        until = wait > until ? wait : until;
    }
    v->take_wait_ms = !until || until == LIMIT_WAIT_FOREVER ? until : until - k->now;
    for (size_t i = 0; i < in->take_count && !rc && !until; i++) {
        limit_spend(&limits[i].rule, &limits[i].state, in->take[i].n, k->now);
        rc = k->engine->put_limit(k, &limits[i], e);
    }
    return rc;
}

/* What a guest gives back is what its job began with, once: at its end. */
static enum rc correction(struct keeper *k, const struct row *r, const struct report *in, size_t at,
                          int64_t *out, struct err *e)
{
    struct limit_use uses[LIMITS_PER_JOB];
    size_t count = 0;
    const struct report_tokens *t = &in->correct[at];
    *out = t->n;
    if (t->n >= 0 || !is_guest_at(in, t->key)) {
        return RC_OK;
    }
    enum rc rc = limits_read(r->limits, k->scratch, uses, &count, e);
    int64_t least = 0;
    for (size_t i = 0; i < count && in->op != REPORT_PROGRESS; i++) {
        least = str_eq(uses[i].key, t->key) ? -uses[i].weight : least;
    }
    *out = t->n > least ? t->n : least;
    return rc;
}

static enum rc correct(struct keeper *k, const struct row *r, const struct report *in, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < in->correct_count && !rc; i++) {
        struct limit l = {0};
        int64_t n = 0;
        rc = find(k, r, in->correct[i].key, &l, e);
        rc = rc ? rc : correction(k, r, in, i, &n, e);
        if (!rc) {
            limit_spend(&l.rule, &l.state, n, k->now);
            rc = k->engine->put_limit(k, &l, e);
        }
    }
    return rc;
}

enum rc rules_use_limits(struct keeper *k, struct row *r, const struct report *in, struct report_verdict *v,
                         struct err *e)
{
    enum rc rc = correct(k, r, in, e);
    if (!rc && in->take_count) {
        rc = take(k, r, in, v, e);
    }
    return rc || !in->pause_key.n ? rc : pause_key(k, r, in, v, e);
}
