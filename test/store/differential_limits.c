/* differential_limits.c: what the differential test asks: limit keys, their rules and pauses, and what running jobs say of
 * them. See differential.h. */
#include "differential.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One of the server, which only this world knows. */
static struct str server_key(struct pair *p)
{
    return arena_printf(p->a, LIMIT_SERVER_PREFIX "%.*s", STR_ARG(p->m->api_keys[0].public_id));
}

/* As stores keep them. Few: each set of them is a lane of its own, for each queue, kind and group. */
struct str word_limits(struct pair *p)
{
    static const struct str lists[] = {{"[\"l\"]", 5},
                                       {"[\"l\",\"m:1\"]", 11},
                                       {"[\"m:1\"]", 7},
                                       {"[\"m:22\"]", 8},
                                       {"[{\"key\":\"l\",\"weight\":3}]", 24}};
    struct str own = server_key(p);
    size_t which = (size_t)word_below(p, COUNT(lists) + 2);
    return which < COUNT(lists)    ? lists[which]
           : which == COUNT(lists) ? arena_printf(p->a, "[\"%.*s\"]", STR_ARG(own))
                                   : arena_printf(p->a, "[\"m:22\",\"%.*s\"]", STR_ARG(own));
}

static struct str word_limit_key(struct pair *p)
{
    static const struct str keys[] = {{"l", 1}, {"l", 1}, {"m:1", 3}, {"m:22", 4}, {"m:*", 3}, {"m:2*", 4}};
    size_t which = (size_t)word_below(p, COUNT(keys) + 1);
    return word_percent(p, 1) ? STR("") : which < COUNT(keys) ? keys[which] : server_key(p);
}

/* ---- of reports */

static struct report_tokens any_tokens(struct pair *p, const struct model_job *job, int64_t least)
{
    bool is_own = job->use_count && !word_percent(p, 4);
    return (struct report_tokens){is_own ? job->uses[word_below(p, (int64_t)job->use_count)].key
                                         : word_limit_key(p),
                                  word_percent(p, 97) ? least + word_below(p, 12) : least - 1};
}

void word_limits_of_report(struct pair *p, const struct model_job *job, struct report *r)
{
    struct report_tokens *take = arena_alloc(p->a, sizeof *take), *correct = arena_alloc(p->a, sizeof *take);
    bool is_refused = r->op == REPORT_FAIL && word_percent(p, job->use_count ? 30 : 1);
    if (is_refused || word_percent(p, 1)) { /* now and then where it does not belong */
        r->error.class = is_refused ? ERROR_RATE_LIMITED : r->error.class;
        r->pause_key = any_tokens(p, job, 1).key;
        r->retry_after_ms = word_percent(p, 80) ? word_below(p, 40) * SECOND : r->retry_after_ms;
    }
    *take = any_tokens(p, job, 1);
    *correct = any_tokens(p, job, -6);
    r->take = take;
    r->correct = correct;
    if (word_percent(p, job->use_count ? 60 : 2)) {
        r->take_count = r->op == REPORT_PROGRESS ? (size_t)word_below(p, 2) : word_percent(p, 1);
        r->correct_count = word_percent(p, 40);
    }
    if (r->n == job->n && r->hash == job->hash) { /* the same bytes again */
        r->take_count = job->has_taken;
    }
}

/* ---- as people set them */

static struct limit_rule any_rule(struct pair *p)
{
    struct limit_rule r = {0};
    if (word_percent(p, 70)) {
        r.concurrency = 1 + word_below(p, 6);
    }
    r.is_adaptive = word_percent(p, r.concurrency ? 60 : 2);
    if (word_percent(p, 40)) {
        r.rate = 1 + word_below(p, 12);
        r.period_ms = (1 + word_below(p, 60)) * SECOND;
        r.burst = 1 + word_below(p, 9);
    }
    if (word_percent(p, 3)) {
        r.burst = r.burst ? 0 : 1;
    }
    return r;
}

struct store_op *word_limit(struct pair *p)
{
    if (word_percent(p, 15)) {
        WORDED(op, store_delete_limit, STORE_DELETE_LIMIT);
        op->tenant = word_tenant(p);
        op->key = word_limit_key(p);
        return &op->op;
    }
    WORDED(op, store_set_limit, STORE_SET_LIMIT);
    op->tenant = word_tenant(p);
    op->key = word_limit_key(p);
    op->has_rule = word_percent(p, 60);
    op->rule = op->has_rule ? any_rule(p) : (struct limit_rule){0};
    op->pause_until = op->has_rule || word_percent(p, 10) ? -1
                      : word_percent(p, 50)               ? 0
                      : word_percent(p, 85)               ? p->m->now + word_below(p, 60) * SECOND
                                                          : JOB_FOREVER_MS;
    return &op->op;
}

/* ---- reads */

static struct store_op *read_one(struct pair *p, int64_t tenant, struct str key)
{
    WORDED(op, store_list_limits, STORE_LIST_LIMITS);
    op->tenant = tenant;
    op->key = key;
    op->limit = 1;
    return &op->op;
}

static struct store_op *read_page(struct pair *p, int64_t tenant, struct str after, int64_t limit)
{
    WORDED(op, store_list_limits, STORE_LIST_LIMITS);
    op->tenant = tenant;
    op->after = after;
    op->limit = limit;
    return &op->op;
}

struct store_op *word_read_of_limits(struct pair *p, int64_t tenant)
{
    struct str key = word_limit_key(p);
    return key.n && word_percent(p, 60)
               ? read_one(p, tenant, key)
               : read_page(p, tenant, word_percent(p, 50) ? STR_NONE : STR("m"), 1 + word_below(p, 6));
}

void word_all_limits(struct pair *p, int64_t tenant, struct store_op **ops, int *count)
{
    static const struct str keys[] = {{"l", 1}, {"m:1", 3}, {"m:22", 4}};
    for (size_t i = 0; i < COUNT(keys); i++) {
        ops[(*count)++] = read_one(p, tenant, keys[i]);
    }
    ops[(*count)++] = read_one(p, tenant, server_key(p));
    ops[(*count)++] = read_page(p, tenant, STR_NONE, 100);
}
