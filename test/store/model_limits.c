/* model_limits.c: the model's limit keys: what is used is counted anew whenever somebody asks. See model.h. */
#include "model.h"

#include <stdlib.h>

static void not_found(struct store_op *op)
{
    op->rc = err_set(&op->e, RC_NOT_FOUND, "none");
}

static void invalid(struct store_op *op)
{
    op->rc = err_set_code(&op->e, RC_INVALID, "invalid_field", NULL, "invalid");
}

/* ---- keys */

static struct model_limit *find(struct model *m, int64_t tenant, struct str key)
{
    for (int i = 0; i < m->limit_count; i++) {
        if (m->limits[i].tenant == tenant && str_eq(m->limits[i].key, key)) {
            return &m->limits[i];
        }
    }
    return NULL;
}

static struct model_limit *get(struct model *m, int64_t tenant, struct str key)
{
    struct model_limit *l = find(m, tenant, key);
    if (!l) {
        l = &m->limits[m->limit_count++];
        *l = (struct model_limit){.tenant = tenant, .key = arena_str(m->a, key)};
    }
    return l;
}

/* Of all jobs, whoever's: only those of this world name its keys. */
static bool names(const struct model_job *job, int64_t tenant, struct str key, int64_t *weight)
{
    for (size_t i = 0; i < job->use_count; i++) {
        if (str_eq(job->uses[i].key, key) && store_limit_tenant(job->v.tenant, key) == tenant) {
            *weight = job->uses[i].weight;
            return true;
        }
    }
    return false;
}

static int64_t count_used(const struct model *m, int64_t tenant, struct str key)
{
    int64_t used = 0, weight = 0;
    for (int i = 0; i < m->count; i++) {
        if (m->jobs[i]->v.state == JOB_PROCESSING && names(m->jobs[i], tenant, key, &weight)) {
            used += m->bug == BUG_WEIGHT_IGNORED ? 1 : weight;
        }
    }
    return used;
}

/* What holds for the key, and how it stands. */
static struct limit look_at(struct model *m, int64_t tenant, struct str key)
{
    const struct model_limit *own = find(m, tenant, key);
    struct limit l = {.tenant = tenant, .key = key};
    if (own) {
        l.is_set = own->is_set;
        l.rule = own->rule;
        l.state = own->state;
    }
    for (int i = 0; i < m->limit_count && !l.is_set && !limit_key_is_pattern(key); i++) {
        const struct model_limit *p = &m->limits[i];
        if (p->is_set && p->tenant == tenant && limit_key_matches(p->key, key) && p->key.n > l.pattern.n) {
            l.pattern = p->key;
            l.rule = p->rule;
        }
    }
    l.state.used = count_used(m, tenant, key);
    return l;
}

static void keep_state(struct model *m, const struct limit *l)
{
    struct model_limit *own = get(m, l->tenant, l->key);
    own->state = l->state;
}

/* ---- what may begin */

static bool says_something(const struct limit *l)
{
    return l->is_set || l->pattern.n || l->state.paused_until;
}

bool model_is_limited(const struct model *m, const struct model_job *job)
{
    bool is = false;
    for (size_t i = 0; i < job->use_count; i++) {
        struct str key = job->uses[i].key;
        for (int k = 0; k < m->limit_count; k++) {
            const struct model_limit *l = &m->limits[k];
            is = is || (l->tenant == store_limit_tenant(job->v.tenant, key) &&
                        (str_eq(l->key, key) || limit_key_matches(l->key, key)));
        }
    }
    return is;
}

/* Does a heavier one wait for this key? Then it is the engine's to say whether others pass it by. */
static bool has_heavier(const struct model *m, const struct limit *l, int64_t weight)
{
    int64_t other = 0;
    bool has = false;
    for (int i = 0; i < m->count && !has; i++) {
        has = m->jobs[i]->v.state == JOB_QUEUED && names(m->jobs[i], l->tenant, l->key, &other) &&
              other > weight && limit_wait(&l->rule, &l->state, other, m->now);
    }
    return has;
}

static enum model_gate gate_of(struct model *m, const struct model_job *job)
{
    enum model_gate gate = GATE_OPEN;
    for (size_t i = 0; i < job->use_count; i++) {
        const struct limit_use *u = &job->uses[i];
        struct limit l = look_at(m, store_limit_tenant(job->v.tenant, u->key), u->key);
        if (limit_wait(&l.rule, &l.state, u->weight, m->now)) {
            return m->bug == BUG_LIMIT_IGNORED ? GATE_OPEN : GATE_CLOSED;
        }
        bool is_engines = (m->has_nodes && says_something(&l)) || has_heavier(m, &l, u->weight);
        gate = is_engines ? GATE_ANY : gate;
    }
    return gate;
}

/* As many as there are sets of keys that jobs name. */
enum model_gate model_gate(struct model *m, const struct model_job *job)
{
    if (!job->use_count) {
        return GATE_OPEN;
    }
    for (int i = 0; i < m->gate_count; i++) {
        if (m->gates[i].tenant == job->v.tenant && str_eq(m->gates[i].limits, job->v.limit_keys)) {
            return m->gates[i].is;
        }
    }
    enum model_gate is = gate_of(m, job);
    if (m->gate_count < MODEL_GATES_MAX) {
        m->gates[m->gate_count].tenant = job->v.tenant;
        m->gates[m->gate_count].limits = job->v.limit_keys;
        m->gates[m->gate_count++].is = is;
    }
    return is;
}

void model_begin_limits(struct model *m, const struct model_job *job)
{
    for (size_t i = 0; i < job->use_count; i++) {
        const struct limit_use *u = &job->uses[i];
        struct limit l = look_at(m, store_limit_tenant(job->v.tenant, u->key), u->key);
        limit_spend(&l.rule, &l.state, u->weight, m->now);
        keep_state(m, &l);
    }
    m->gate_count = 0;
}

/* ---- what running jobs say */

static bool is_own(const struct model_job *job, struct str key)
{
    int64_t weight = 0;
    return names(job, store_limit_tenant(job->v.tenant, key), key, &weight);
}

static bool has_bad(const struct model_job *job, const struct report_tokens *list, size_t count,
                    int64_t least)
{
    bool is_bad = count > LIMITS_PER_JOB;
    for (size_t i = 0; i < count; i++) {
        is_bad = is_bad || !is_own(job, list[i].key) || list[i].n < least || list[i].n > LIMIT_RATE_MAX;
    }
    return is_bad;
}

const char *model_bad_limits(const struct model_job *job, const struct report *in)
{
    bool is_refused = in->op == REPORT_FAIL && in->error.class == ERROR_RATE_LIMITED && in->retry_after_ms;
    bool may_correct = in->op == REPORT_PROGRESS || in->op == REPORT_COMPLETE || in->op == REPORT_FAIL;
    if (in->pause_key.n && (!is_refused || !is_own(job, in->pause_key))) {
        return "pause_key";
    }
    if (in->take_count && (in->op != REPORT_PROGRESS || has_bad(job, in->take, in->take_count, 1))) {
        return "take";
    }
    bool is_bad =
        in->correct_count && (!may_correct || has_bad(job, in->correct, in->correct_count, -LIMIT_RATE_MAX));
    return is_bad ? "correct" : NULL;
}

static struct limit own_key(struct model *m, const struct model_job *job, struct str key)
{
    return look_at(m, store_limit_tenant(job->v.tenant, key), key);
}

static void spend(struct model *m, const struct model_job *job, const struct report_tokens *list,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct limit l = own_key(m, job, list[i].key);
        limit_spend(&l.rule, &l.state, list[i].n, m->now);
        keep_state(m, &l);
    }
}

static void take(struct model *m, const struct model_job *job, const struct report *in,
                 struct report_verdict *v)
{
    int64_t until = 0;
    for (size_t i = 0; i < in->take_count; i++) {
        struct limit l = own_key(m, job, in->take[i].key);
        if (m->bug == BUG_TAKE_IN_PAUSE) {
            l.state.paused_until = 0;
        }
        int64_t wait = limit_wait_tokens(&l.rule, &l.state, in->take[i].n, m->now);
        until = wait > until ? wait : until;
    }
    v->take_wait_ms = !until || until == LIMIT_WAIT_FOREVER ? until : until - m->now;
    if (!until) {
        spend(m, job, in->take, in->take_count);
    }
}

void model_use_limits(struct model *m, const struct model_job *job, const struct report *in,
                      struct report_verdict *v)
{
    spend(m, job, in->correct, in->correct_count);
    if (in->take_count) {
        take(m, job, in, v);
    }
    if (in->pause_key.n) {
        struct limit l = own_key(m, job, in->pause_key);
        int64_t until = in->retry_after_ms < 0 ? JOB_FOREVER_MS : m->now + in->retry_after_ms;
        bool is_longer = until > l.state.paused_until || m->bug == BUG_PAUSE_SHORTENED;
        l.state.paused_until = is_longer ? until : l.state.paused_until;
        (void)limit_cut(&l.rule, &l.state, m->bug == BUG_BURST_CUTS_AGAIN ? m->now : job->v.started_at,
                        m->now);
        keep_state(m, &l);
    }
}

/* It has run with its slots, to its end. */
void model_mend_limits(struct model *m, const struct model_job *job)
{
    for (size_t i = 0; i < job->use_count; i++) {
        struct limit l = own_key(m, job, job->uses[i].key);
        if (limit_mend(&l.rule, &l.state, 1, m->now)) {
            keep_state(m, &l);
        }
    }
}

/* ---- as people set them */

/* What any key owes is owed by the rule that holds for it then. */
static void put_rule(struct model *m, struct model_limit *to, bool is_set, struct limit_rule rule)
{
    struct limit_rule held[MODEL_LIMITS_MAX];
    for (int i = 0; i < m->limit_count; i++) {
        held[i] = look_at(m, m->limits[i].tenant, m->limits[i].key).rule;
    }
    to->is_set = is_set;
    to->rule = rule;
    to->state.cut_micro = to->state.cut_at = 0;
    for (int i = 0; i < m->limit_count; i++) {
        struct limit l = look_at(m, m->limits[i].tenant, m->limits[i].key);
        limit_rescale(&held[i], &l.rule, &l.state, m->now);
        m->limits[i].state.full_at_us = l.state.full_at_us;
    }
}

static void set_limit(struct model *m, struct store_set_limit *op)
{
    int64_t tenant = store_limit_tenant(op->tenant, op->key);
    if (!limit_key_is_good(op->key, true) || (op->pause_until >= 0 && limit_key_is_pattern(op->key))) {
        invalid(&op->op);
        return;
    }
    op->op.rc = op->has_rule ? limit_rule_check(&op->rule, &op->op.e) : RC_OK;
    if (op->op.rc) {
        return;
    }
    struct model_limit *l = get(m, tenant, op->key);
    if (op->has_rule) {
        put_rule(m, l, true, op->rule);
    }
    l->state.paused_until = op->pause_until >= 0 ? op->pause_until : l->state.paused_until;
    op->limit = arena_alloc(op->op.a, sizeof *op->limit);
    *op->limit = look_at(m, tenant, op->key);
}

static void delete_limit(struct model *m, struct store_delete_limit *op)
{
    struct model_limit *l = find(m, store_limit_tenant(op->tenant, op->key), op->key);
    if (!l || !l->is_set) {
        not_found(&op->op);
        return;
    }
    put_rule(m, l, false, (struct limit_rule){0});
}

static int64_t count_waiting(const struct model *m, const struct limit *l)
{
    int64_t count = 0, weight = 0;
    for (int i = 0; i < m->count; i++) {
        count += m->jobs[i]->v.state == JOB_QUEUED && names(m->jobs[i], l->tenant, l->key, &weight);
    }
    return count;
}

static void read_one(struct model *m, struct store_list_limits *op)
{
    struct limit *l = arena_alloc(op->op.a, sizeof *l);
    *l = look_at(m, store_limit_tenant(op->tenant, op->key), op->key);
    l->waiting = count_waiting(m, l);
    if (!l->is_set && !l->pattern.n && l->state.paused_until <= m->now) {
        not_found(&op->op);
        return;
    }
    op->limits = l;
    op->count = 1;
}

static int by_key(const void *a, const void *b)
{
    return str_compare(((const struct limit *)a)->key, ((const struct limit *)b)->key);
}

static void list_limits(struct model *m, struct store_list_limits *op)
{
    op->limits = arena_array(op->op.a, struct limit, MODEL_LIMITS_MAX);
    for (int i = 0; i < m->limit_count; i++) {
        const struct model_limit *l = &m->limits[i];
        bool is_told = l->is_set || l->state.paused_until > m->now;
        if (l->tenant == op->tenant && is_told && str_compare(l->key, op->after) > 0) {
            op->limits[op->count++] = look_at(m, l->tenant, l->key);
        }
    }
    qsort(op->limits, op->count, sizeof *op->limits, by_key);
    op->more = (int64_t)op->count > op->limit;
    op->count = op->more ? (size_t)op->limit : op->count;
}

void model_run_limit(struct model *m, struct store_op *op)
{
    if (op->kind == STORE_SET_LIMIT) {
        set_limit(m, (struct store_set_limit *)op);
    } else if (op->kind == STORE_DELETE_LIMIT) {
        delete_limit(m, (struct store_delete_limit *)op);
    } else if (((struct store_list_limits *)op)->key.n) {
        read_one(m, (struct store_list_limits *)op);
    } else {
        list_limits(m, (struct store_list_limits *)op);
    }
}

/* ---- time */

int64_t model_last_limit_end(const struct model *m)
{
    int64_t last = 0;
    for (int i = 0; i < m->limit_count; i++) {
        const struct limit_state *s = &m->limits[i].state;
        int64_t full_at = (s->full_at_us + 999) / 1000, until = s->paused_until;
        int64_t whole_at = s->cut_micro ? s->cut_at + LIMIT_CUT_MS : 0;
        last = full_at <= m->latest && full_at > last ? full_at : last;
        last = until <= m->latest && until > last ? until : last;
        last = whole_at <= m->latest && whole_at > last ? whole_at : last;
    }
    return last;
}

/* What is over is nothing, and may be forgotten. */
void model_print_limit(const struct model *m, const struct limit *l, bool is_counted, struct buf *out)
{
    const int64_t numbers[] = {l->is_set,
                               l->rule.concurrency,
                               l->rule.rate,
                               l->rule.period_ms,
                               l->rule.burst,
                               l->rule.is_adaptive,
                               limit_slots(&l->rule, &l->state, m->now),
                               l->state.full_at_us > m->now * 1000 ? l->state.full_at_us : 0,
                               l->state.paused_until > m->now ? l->state.paused_until : 0,
                               is_counted ? l->state.used : 0,
                               is_counted ? l->waiting : 0};
    buf_printf(out, " limit %lld '%.*s' by '%.*s'", (long long)l->tenant, STR_ARG(l->key),
               STR_ARG(l->pattern));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_printf(out, " %lld", (long long)numbers[i]);
    }
    buf_append_c(out, "\n");
}
