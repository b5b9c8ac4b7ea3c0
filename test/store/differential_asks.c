/* differential_asks.c: what the differential test asks: actions, queues, keys, and the reads. See differential.h. */
#include "differential.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum job_action any_action(struct pair *p)
{
    static const enum job_action actions[] = {ACT_CANCEL, ACT_CANCEL,  ACT_RETRY, ACT_RETRY,
                                              ACT_RETRY,  ACT_PROMOTE, ACT_ERASE, ACT_PURGE};
    return actions[word_below(p, (int64_t)COUNT(actions))];
}

static struct store_op *word_act(struct pair *p)
{
    WORDED(op, store_act, STORE_ACT);
    size_t count = word_percent(p, 50) ? 1 : 1 + (size_t)word_below(p, word_percent(p, 80) ? 8 : 60);
    struct id *ids = arena_array(p->a, struct id, count);
    int64_t tenant = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = word_job_id(p, &tenant);
        op->tenant = i == 0 ? tenant : op->tenant;
    }
    op->action = any_action(p);
    op->ids = ids;
    op->count = count;
    return &op->op;
}

struct job_filter word_filter(struct pair *p)
{
    struct job_filter f = {.states = word_percent(p, 50) ? 0 : (uint32_t)word_below(p, 1 << JOB_STATES),
                           .queue = word_percent(p, 40) ? word_queue(p) : STR_NONE,
                           .kind = word_percent(p, 30) ? word_one_of(p, word_kinds, WORD_KINDS) : STR_NONE,
                           .tag = word_percent(p, 20) ? STR("red") : STR_NONE,
                           .since = word_percent(p, 15) ? p->m->now - word_below(p, 300) * SECOND : 0,
                           .until = word_percent(p, 15) ? p->m->now - word_below(p, 300) * SECOND : 0};
    if (word_percent(p, 15)) {
        f.states = 1u << JOB_FAILED;
    }
    if (word_percent(p, 10)) {
        f.batch = word_batch_id(p, p->m->tenants[0]);
    }
    return f;
}

struct store_act *word_act_by_filter(struct pair *p)
{
    WORDED(op, store_act, STORE_ACT);
    op->tenant = word_tenant(p);
    op->action = any_action(p);
    op->filter = word_filter(p);
    op->limit = 1 + word_below(p, word_percent(p, 80) ? 20 : 200);
    return op;
}

static struct store_op *word_patch(struct pair *p)
{
    WORDED(op, store_patch, STORE_PATCH);
    op->job_id = word_job_id(p, &op->tenant);
    op->has_priority = word_percent(p, 40);
    op->has_run_at = word_percent(p, 40);
    op->has_args = word_percent(p, 30);
    op->has_queue = word_percent(p, 30);
    op->priority = word_percent(p, 3) ? JOB_PRIORITY_MIN - 1 : word_below(p, 5) - 2;
    op->run_at = word_percent(p, 20) ? 0 : p->m->now + (word_below(p, 40) - 10) * SECOND;
    op->args = word_json(p);
    op->queue = word_percent(p, 97) ? word_queue(p) : STR("no name");
    return &op->op;
}

static struct store_op *word_set_queue(struct pair *p)
{
    WORDED(op, store_set_queue, STORE_SET_QUEUE);
    op->tenant = word_tenant(p);
    op->name = word_queue(p);
    op->pause = word_percent(p, 30) ? 1 : word_percent(p, 70) ? 0 : -1;
    op->has_settings = word_percent(p, 50);
    op->settings = settings_with(.lease_ms = word_percent(p, 20) ? (5 + word_below(p, 20)) * SECOND : -2,
                                 .timeout_ms = word_percent(p, 20) ? (20 + word_below(p, 20)) * SECOND : -2,
                                 .max_attempts = word_percent(p, 20) ? 1 + word_below(p, 4) : -2,
                                 .retry_base_ms = word_percent(p, 20) ? word_below(p, 8) * SECOND : -2,
                                 .priority = word_percent(p, 20) ? word_below(p, 4) - 1 : -2,
                                 .retain_completed_ms = word_percent(p, 20) ? word_below(p, 60) * MINUTE : -2,
                                 .retain_failed_ms = word_percent(p, 10) ? word_below(p, 60) * MINUTE : -2,
                                 .retain_cancelled_ms = word_percent(p, 10) ? JOB_FOREVER_MS : -2,
                                 .age_step_ms = word_percent(p, 10)   ? (1 + word_below(p, 30)) * SECOND
                                                : word_percent(p, 20) ? -1
                                                                      : -2,
                                 .group_weights = word_percent(p, 10)   ? STR("{\"g*\":2,\"g1\":5}")
                                                  : word_percent(p, 10) ? STR("")
                                                                        : STR_NONE,
                                 .max_queued = word_percent(p, 10)   ? 50 + word_below(p, 100)
                                               : word_percent(p, 30) ? -1
                                                                     : -2);
    return &op->op;
}

static struct store_op *word_delete_queue(struct pair *p)
{
    WORDED(op, store_delete_queue, STORE_DELETE_QUEUE);
    op->tenant = word_tenant(p);
    op->name = word_percent(p, 80) ? STR("e") : word_queue(p);
    return &op->op;
}

static struct store_op *word_schedule(struct pair *p)
{
    struct str name = word_text(p, "schedule", 3);
    if (word_percent(p, 5)) {
        WORDED(op, store_delete_schedule, STORE_DELETE_SCHEDULE);
        op->tenant = word_tenant(p);
        op->name = name;
        return &op->op;
    }
    WORDED(op, store_set_schedule, STORE_SET_SCHEDULE);
    op->tenant = word_tenant(p);
    op->name = word_percent(p, 98) ? name : STR("no name");
    op->definition = word_percent(p, 60) ? word_json(p) : STR_NONE;
    op->pause = word_percent(p, 20) ? 1 : word_percent(p, 60) ? 0 : -1;
    op->next_at = word_percent(p, 70)   ? p->m->now + (word_below(p, 40) - 20) * SECOND
                  : word_percent(p, 20) ? 0
                                        : -1;
    op->if_version = word_percent(p, 20) ? 1 + word_below(p, 5) : 0;
    return &op->op;
}

static struct store_op *word_key(struct pair *p)
{
    struct str public_id =
        arena_printf(p->a, "%.*s-%02lld", STR_ARG(p->m->api_keys[0].public_id), (long long)word_below(p, 40));
    if (word_percent(p, 40)) {
        WORDED(op, store_revoke_key, STORE_REVOKE_KEY);
        op->tenant = word_percent(p, 20) ? 0 : word_tenant(p);
        op->public_id = public_id;
        return &op->op;
    }
    WORDED(op, store_create_key, STORE_CREATE_KEY);
    op->key = (struct api_key){.public_id = public_id,
                               .hash = {(unsigned char)(1 + word_below(p, 200))},
                               .tenant_name = p->m->api_keys[word_percent(p, 30)].tenant_name,
                               .name = word_text(p, "name", 9),
                               .last4 = STR("abcd"),
                               .scopes = (unsigned)word_below(p, 16),
                               .queues = word_percent(p, 30) ? STR("[\"a\"]") : STR_NONE,
                               .expires_at = word_percent(p, 30) ? p->m->now + DAY : 0};
    return &op->op;
}

/* ---- reads */

static struct store_op *word_read_of_job(struct pair *p, struct id id, int64_t tenant)
{
    int64_t dice = word_below(p, 10);
    if (dice < 4) {
        WORDED(op, store_get_job, STORE_GET_JOB);
        op->tenant = tenant;
        op->id = id;
        return &op->op;
    }
    if (dice < 7) {
        WORDED(op, store_read_events, STORE_READ_EVENTS);
        op->tenant = tenant;
        op->job_id = id;
        op->after = word_percent(p, 50) ? 0 : word_below(p, 8);
        op->limit = word_percent(p, 50) ? 1000 : 1 + word_below(p, 5);
        return &op->op;
    }
    if (dice < 8 && word_percent(p, 50)) {
        WORDED(op, store_list_children, STORE_LIST_CHILDREN);
        op->tenant = tenant;
        op->job_id = id;
        op->limit = 1 + word_below(p, 20);
        return &op->op;
    }
    if (dice < 8) {
        WORDED(op, store_list_artifacts, STORE_LIST_ARTIFACTS);
        op->tenant = tenant;
        op->job = id;
        return &op->op;
    }
    WORDED(op, store_get_artifact, STORE_GET_ARTIFACT);
    op->tenant = tenant;
    op->job = id;
    op->name = word_one_of(p, word_names, WORD_NAMES);
    return &op->op;
}

static struct store_op *word_look(struct pair *p)
{
    WORDED(op, store_look, STORE_LOOK);
    size_t count = 1 + (size_t)word_below(p, 5);
    struct store_line *lines = arena_array(p->a, struct store_line, count);
    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct store_line){.tenant = word_tenant(p), .queue = word_queue(p)};
        lines[i].kind = word_percent(p, 70) ? word_one_of(p, word_kinds, WORD_KINDS) : STR_NONE;
    }
    op->wanted = lines;
    op->wanted_count = count;
    return &op->op;
}

static struct store_op *word_read_of_tenant(struct pair *p, int64_t tenant)
{
    int64_t dice = word_below(p, 14);
    if (dice >= 12) {
        return word_read_of_batches(p, tenant);
    }
    if (dice >= 10) {
        return word_look(p);
    }
    if (dice < 1) {
        return word_read_of_limits(p, tenant);
    }
    if (dice < 2) {
        WORDED(op, store_list_queues, STORE_LIST_QUEUES);
        op->tenant = tenant;
        op->name = word_percent(p, 50) ? word_queue(p) : STR_NONE;
        return &op->op;
    }
    if (dice < 3 && word_percent(p, 50)) {
        WORDED(op, store_list_schedules, STORE_LIST_SCHEDULES);
        op->tenant = tenant;
        op->name = word_percent(p, 50) ? word_text(p, "schedule", 3) : STR_NONE;
        op->after = op->name.n ? STR_NONE : word_percent(p, 50) ? STR("schedule0") : STR_NONE;
        op->limit = 1 + word_below(p, 4);
        return &op->op;
    }
    if (dice < 3) {
        WORDED(op, store_stats, STORE_STATS);
        op->tenant = tenant;
        return &op->op;
    }
    if (dice < 7) {
        WORDED(op, store_get_series, STORE_GET_SERIES);
        op->tenant = tenant;
        op->name = word_text(p, "s", 5);
        op->limit = 1 + word_below(p, 4);
        return &op->op;
    }
    if (dice < 9) {
        WORDED(op, store_list_series, STORE_LIST_SERIES);
        op->tenant = tenant;
        op->prefix = word_percent(p, 50) ? STR("s") : STR_NONE;
        op->after = word_percent(p, 30) ? STR("s1") : STR_NONE;
        op->limit = 1 + word_below(p, 5);
        return &op->op;
    }
    WORDED(op, store_list_keys, STORE_LIST_KEYS);
    op->tenant = tenant;
    return &op->op;
}

struct store_op *word_read(struct pair *p)
{
    int64_t tenant = 0;
    struct id id = word_job_id(p, &tenant);
    return word_percent(p, 60) ? word_read_of_job(p, id, tenant) : word_read_of_tenant(p, word_tenant(p));
}

struct word {
    int64_t below;
    struct store_op *(*word)(struct pair *p);
};

static struct store_op *any_word(struct pair *p, const struct word *words)
{
    int64_t dice = word_below(p, 1000);
    while (dice >= words->below) {
        words++;
    }
    return words->word(p);
}

struct store_op *word_write_of_jobs(struct pair *p)
{
    static const struct word words[] = {{690, word_report},
                                        {750, word_stage},
                                        {940, word_act},
                                        {960, word_act_on_batches},
                                        {1000, word_patch}};
    return any_word(p, words);
}

struct store_op *word_write_of_none(struct pair *p)
{
    static const struct word words[] = {{30, word_batch},      {45, word_fill},          {430, word_enqueue},
                                        {870, word_claim},     {900, word_limit},        {940, word_schedule},
                                        {970, word_set_queue}, {990, word_delete_queue}, {1000, word_key}};
    return any_word(p, words);
}

struct store_op *word_write(struct pair *p)
{
    return word_percent(p, 55) ? word_write_of_jobs(p) : word_write_of_none(p);
}

/* ---- about questions */

static const size_t sizes[STORE_OP_KINDS] = {
    [STORE_ENQUEUE] = sizeof(struct store_enqueue),
    [STORE_CLAIM] = sizeof(struct store_claim),
    [STORE_REPORT] = sizeof(struct store_report),
    [STORE_ACT] = sizeof(struct store_act),
    [STORE_PATCH] = sizeof(struct store_patch),
    [STORE_STAGE_ARTIFACT] = sizeof(struct store_stage_artifact),
    [STORE_SET_QUEUE] = sizeof(struct store_set_queue),
    [STORE_DELETE_QUEUE] = sizeof(struct store_delete_queue),
    [STORE_SET_SCHEDULE] = sizeof(struct store_set_schedule),
    [STORE_DELETE_SCHEDULE] = sizeof(struct store_delete_schedule),
    [STORE_SET_LIMIT] = sizeof(struct store_set_limit),
    [STORE_DELETE_LIMIT] = sizeof(struct store_delete_limit),
    [STORE_CREATE_KEY] = sizeof(struct store_create_key),
    [STORE_REVOKE_KEY] = sizeof(struct store_revoke_key),
    [STORE_FILL] = sizeof(struct store_fill),
    [STORE_TICK] = sizeof(struct store_tick),
    [STORE_PRUNE] = sizeof(struct store_prune),
    [STORE_GET_JOB] = sizeof(struct store_get_job),
    [STORE_LIST_JOBS] = sizeof(struct store_list_jobs),
    [STORE_LIST_CHILDREN] = sizeof(struct store_list_children),
    [STORE_READ_EVENTS] = sizeof(struct store_read_events),
    [STORE_LIST_ARTIFACTS] = sizeof(struct store_list_artifacts),
    [STORE_GET_ARTIFACT] = sizeof(struct store_get_artifact),
    [STORE_GET_SERIES] = sizeof(struct store_get_series),
    [STORE_LIST_SERIES] = sizeof(struct store_list_series),
    [STORE_LIST_QUEUES] = sizeof(struct store_list_queues),
    [STORE_LIST_SCHEDULES] = sizeof(struct store_list_schedules),
    [STORE_LIST_LIMITS] = sizeof(struct store_list_limits),
    [STORE_LIST_BATCHES] = sizeof(struct store_list_batches),
    [STORE_LIST_RESULTS] = sizeof(struct store_list_results),
    [STORE_STATS] = sizeof(struct store_stats),
    [STORE_LIST_KEYS] = sizeof(struct store_list_keys),
    [STORE_LOOK] = sizeof(struct store_look),
};

struct store_op *question_copy(const struct store_op *op, struct arena *a)
{
    struct store_op *copy = arena_alloc(a, sizes[op->kind]);
    memcpy(copy, op, sizes[op->kind]);
    if (op->kind == STORE_STAGE_ARTIFACT) { /* the model has no files: ours hold their own name */
        struct artifact *x = &((struct store_stage_artifact *)copy)->artifact;
        x->bytes = x->path.n ? str_sub(x->path, x->path.n - (size_t)x->size, x->path.n) : x->bytes;
        x->path = STR_NONE;
    }
    return copy;
}

int64_t answer_items(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_CLAIM:
        return (int64_t)((const struct store_claim *)op)->count;
    case STORE_ENQUEUE:
        return (int64_t)((const struct store_enqueue *)op)->count;
    case STORE_REPORT:
        return (int64_t)((const struct store_report *)op)->count;
    case STORE_ACT:
        return (int64_t)((const struct store_act *)op)->verdict_count;
    default:
        return 1;
    }
}
