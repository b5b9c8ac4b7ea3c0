/* model_queues.c: the model's queues, counted anew whenever somebody asks, and its API keys. See model.h. */
#include "model.h"

#include <stdlib.h>

static void not_found(struct store_op *op)
{
    op->rc = err_set(&op->e, RC_NOT_FOUND, "none");
}

static void count_jobs(const struct model *m, int64_t tenant, struct str queue, struct queue_view *out)
{
    for (int i = 0; i < m->count; i++) {
        const struct job *v = &m->jobs[i]->v;
        if (v->tenant != tenant || !str_eq(v->queue, queue)) {
            continue;
        }
        out->counts[v->state]++;
        if (v->state == JOB_QUEUED && (!out->oldest_queued_at || v->run_at < out->oldest_queued_at)) {
            out->oldest_queued_at = v->run_at;
        }
    }
}

static struct queue_view view_of(const struct model *m, const struct model_queue *q)
{
    struct queue_view v = {.name = q->name, .is_paused = q->is_paused, .settings = q->settings};
    count_jobs(m, q->tenant, q->name, &v);
    return v;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct queue_view *)a)->name, ((const struct queue_view *)b)->name);
}

static void list_queues(struct model *m, struct store_list_queues *op)
{
    op->queues = arena_array(op->op.a, struct queue_view, MODEL_QUEUES_MAX);
    for (int i = 0; i < m->queue_count; i++) {
        if (m->queues[i].tenant == op->tenant && (!op->name.n || str_eq(op->name, m->queues[i].name))) {
            op->queues[op->count++] = view_of(m, &m->queues[i]);
        }
    }
    qsort(op->queues, op->count, sizeof *op->queues, by_name);
    if (op->name.n && !op->count) {
        not_found(&op->op);
    }
}

static void merge(int64_t *to, int64_t from)
{
    *to = from == -2 ? *to : from;
}

static void set_queue(struct model *m, struct store_set_queue *op)
{
    if (!str_is_name(op->name)) {
        op->op.rc = err_set_code(&op->op.e, RC_INVALID, "invalid_field", NULL, "invalid");
        return;
    }
    struct model_queue *q = model_queue_get(m, op->tenant, op->name);
    struct queue_settings *to = &q->settings, from = op->settings;
    if (op->has_settings) {
        merge(&to->lease_ms, from.lease_ms);
        merge(&to->timeout_ms, from.timeout_ms);
        merge(&to->max_attempts, from.max_attempts);
        merge(&to->retry_base_ms, from.retry_base_ms);
        merge(&to->priority, from.priority);
        merge(&to->retain_completed_ms, from.retain_completed_ms);
        merge(&to->retain_failed_ms, from.retain_failed_ms);
        merge(&to->retain_cancelled_ms, from.retain_cancelled_ms);
        merge(&to->max_queued, from.max_queued);
        merge(&to->age_step_ms, from.age_step_ms);
        to->group_weights = from.group_weights.p ? arena_str(m->a, from.group_weights) : to->group_weights;
    }
    q->is_paused = op->pause < 0 ? q->is_paused : op->pause > 0;
    op->queue = arena_alloc(op->op.a, sizeof *op->queue);
    *op->queue = view_of(m, q);
}

static void delete_queue(struct model *m, struct store_delete_queue *op)
{
    struct model_queue *q = model_queue_find(m, op->tenant, op->name);
    if (!q) {
        not_found(&op->op);
        return;
    }
    struct queue_view v = view_of(m, q);
    if (v.counts[JOB_BLOCKED] + v.counts[JOB_SCHEDULED] + v.counts[JOB_QUEUED] + v.counts[JOB_PROCESSING]) {
        op->op.rc = err_set_code(&op->op.e, RC_CONFLICT, "queue_not_empty", NULL, "not empty");
        return;
    }
    *q = m->queues[--m->queue_count];
}

void model_run_queue(struct model *m, struct store_op *op)
{
    if (op->kind == STORE_SET_QUEUE) {
        set_queue(m, (struct store_set_queue *)op);
    } else if (op->kind == STORE_DELETE_QUEUE) {
        delete_queue(m, (struct store_delete_queue *)op);
    } else {
        list_queues(m, (struct store_list_queues *)op);
    }
}

/* ---- API keys */

static struct api_key *key_of(struct model *m, struct str public_id)
{
    for (int i = 0; i < m->api_key_count; i++) {
        if (str_eq(m->api_keys[i].public_id, public_id)) {
            return &m->api_keys[i];
        }
    }
    return NULL;
}

/* A tenant's number is the engine's choice, when no other tenant has it. */
static int64_t tenant_of(struct model *m, struct str name, int64_t got)
{
    for (int i = 0; i < m->api_key_count; i++) {
        if (str_eq(m->api_keys[i].tenant_name, name)) {
            return m->api_keys[i].tenant;
        }
        if (m->api_keys[i].tenant == got) {
            return -1;
        }
    }
    return got;
}

static void create_key(struct model *m, struct store_create_key *op, const struct store_create_key *got)
{
    if (key_of(m, op->key.public_id)) {
        op->op.rc = err_set(&op->op.e, RC_CONFLICT, "exists");
        return;
    }
    op->key.tenant = tenant_of(m, op->key.tenant_name, got->key.tenant);
    op->key.created_at = m->now;
    struct api_key *kept = &m->api_keys[m->api_key_count++];
    *kept = op->key;
    kept->public_id = arena_str(m->a, op->key.public_id);
    kept->tenant_name = arena_str(m->a, op->key.tenant_name);
    kept->name = arena_str(m->a, op->key.name);
    kept->last4 = arena_str(m->a, op->key.last4);
    kept->queues = arena_str(m->a, op->key.queues);
}

static void revoke_key(struct model *m, struct store_revoke_key *op)
{
    struct api_key *k = key_of(m, op->public_id);
    if (!k || (op->tenant && k->tenant != op->tenant)) {
        not_found(&op->op);
    } else if (!k->revoked_at) {
        k->revoked_at = m->now;
    }
}

static void list_keys(struct model *m, struct store_list_keys *op)
{
    op->keys = arena_array(op->op.a, struct api_key, MODEL_KEYS_MAX);
    for (int i = 0; i < m->api_key_count; i++) {
        if (m->api_keys[i].tenant == op->tenant) {
            op->keys[op->count++] = m->api_keys[i];
        }
    }
}

void model_run_key(struct model *m, struct store_op *op, const struct store_op *got)
{
    if (op->kind == STORE_CREATE_KEY) {
        create_key(m, (struct store_create_key *)op, (const struct store_create_key *)got);
    } else if (op->kind == STORE_REVOKE_KEY) {
        revoke_key(m, (struct store_revoke_key *)op);
    } else {
        list_keys(m, (struct store_list_keys *)op);
    }
}
