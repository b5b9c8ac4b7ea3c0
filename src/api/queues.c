/* queues.c: queues and their settings, workers, statistics. */
#include "api/call.h"
#include "core/turns.h"

#define DAYS_MS 86400000LL

static void put_setting(struct json_out *w, const char *name, int64_t value, bool is_time)
{
    if (value < 0) {
        json_put_c(w, name, NULL);
    } else if (is_time) {
        wire_put_seconds(w, name, value);
    } else {
        json_put_int(w, name, value);
    }
}

static void write_settings(struct json_out *w, const struct queue_settings *s)
{
    json_object_begin(w);
    put_setting(w, "lease_s", s->lease_ms, true);
    put_setting(w, "timeout_s", s->timeout_ms, true);
    put_setting(w, "max_attempts", s->max_attempts, false);
    put_setting(w, "retry_base_s", s->retry_base_ms, true);
    put_setting(w, "retain_completed_s", s->retain_completed_ms, true);
    put_setting(w, "retain_failed_s", s->retain_failed_ms, true);
    put_setting(w, "retain_cancelled_s", s->retain_cancelled_ms, true);
    put_setting(w, "max_queued", s->max_queued, false);
    put_setting(w, "age_step_s", s->age_step_ms, true);
    json_put_raw(w, "group_weights", s->group_weights);
    json_object_end(w);
}

static void write_counts(struct json_out *w, const int64_t *counts)
{
    json_object_begin(w);
    for (int i = 0; i < JOB_STATES; i++) {
        json_put_int(w, job_state_name((enum job_state)i), counts[i]);
    }
    json_object_end(w);
}

static void write_queue(struct json_out *w, const struct queue_view *q)
{
    json_object_begin(w);
    json_put_str(w, "name", q->name);
    json_put_bool(w, "paused", q->is_paused);
    json_name(w, "settings");
    write_settings(w, &q->settings);
    json_name(w, "counts");
    write_counts(w, q->counts);
    json_put_time(w, "oldest_queued_at", q->oldest_queued_at);
    json_object_end(w);
}

/* ---- reading ---- */

static void on_queues(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_queues *list = LOOP_OWNER(op, struct store_list_queues, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "queues");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        if (api_queue_allowed(&c->key, list->queues[i].name)) {
            write_queue(&w, &list->queues[i]);
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_queues(struct api_call *c)
{
    struct store_list_queues *op = api_op(c, sizeof *op, STORE_LIST_QUEUES, on_queues);

    op->tenant = c->tenant;
    api_submit(c, &op->op);
}

/* A name in a path that is none, or of a queue that this key may not see: answered. */
static bool name_is_good(struct api_call *c, bool creates)
{
    if (!str_is_name(c->params[0])) {
        if (creates) {
            api_fail(c, RC_INVALID, "invalid_field", "/name",
                     "a queue's name has 1 to 128 of A-Z a-z 0-9 . _ : -");
        } else {
            api_problem(c, RC_NOT_FOUND, NULL);
        }
        return false;
    }
    if (!api_queue_allowed(&c->key, c->params[0])) {
        api_fail(c, RC_DENIED, NULL, NULL, "this key is limited to other queues");
        return false;
    }
    return true;
}

static void on_queue(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_queues *list = LOOP_OWNER(op, struct store_list_queues, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    write_queue(&w, &list->queues[0]);
    api_answer(c, 200);
}

void api_get_queue(struct api_call *c)
{
    if (!name_is_good(c, false)) {
        return;
    }
    struct store_list_queues *op = api_op(c, sizeof *op, STORE_LIST_QUEUES, on_queue);
    op->tenant = c->tenant;
    op->name = c->params[0];
    api_submit(c, &op->op);
}

/* ---- changing ---- */

static void on_set(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    write_queue(&w, LOOP_OWNER(op, struct store_set_queue, op)->queue);
    api_answer(c, 200);
}

static void set_pause(struct api_call *c, int pause)
{
    if (!name_is_good(c, true)) {
        return;
    }
    struct store_set_queue *op = api_op(c, sizeof *op, STORE_SET_QUEUE, on_set);
    op->tenant = c->tenant;
    op->name = c->params[0];
    op->pause = pause;
    api_submit(c, &op->op);
}

void api_pause_queue(struct api_call *c)
{
    set_pause(c, 1);
}

void api_resume_queue(struct api_call *c)
{
    set_pause(c, 0);
}

#define AT(member) offsetof(struct queue_settings, member)
#define SETTINGS   10

static enum rc read_weights(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct group_weights weights;
    struct err why = {0};

    if (group_weights_read(v->raw, a, &weights, &why)) {
        return wire_invalid(e, "group_weights", "%s", why.text);
    }
    ((struct queue_settings *)to)->group_weights = v->raw;
    return RC_OK;
}

static const struct wire_field setting_fields[SETTINGS] = {
    {STR("lease_s"), WIRE_SECONDS, AT(lease_ms), JOB_LEASE_MIN_MS, JOB_LEASE_MAX_MS, NULL},
    {STR("timeout_s"), WIRE_SECONDS, AT(timeout_ms), 1, JOB_TIMEOUT_MAX_MS, NULL},
    {STR("max_attempts"), WIRE_INT, AT(max_attempts), 1, JOB_ATTEMPTS_MAX, NULL},
    {STR("retry_base_s"), WIRE_SECONDS, AT(retry_base_ms), 1, 365 * DAYS_MS, NULL},
    {STR("retain_completed_s"), WIRE_FOREVER, AT(retain_completed_ms), 0, 3650 * DAYS_MS, NULL},
    {STR("retain_failed_s"), WIRE_FOREVER, AT(retain_failed_ms), 0, 3650 * DAYS_MS, NULL},
    {STR("retain_cancelled_s"), WIRE_FOREVER, AT(retain_cancelled_ms), 0, 3650 * DAYS_MS, NULL},
    {STR("max_queued"), WIRE_INT, AT(max_queued), 1, INT64_C(1) << 40, NULL},
    {STR("age_step_s"), WIRE_SECONDS, AT(age_step_ms), AGE_STEP_MIN_MS, AGE_STEP_MAX_MS, NULL},
    {STR("group_weights"), WIRE_CUSTOM, AT(group_weights), 0, 0, read_weights},
};

static void put_back(struct queue_settings *to, const struct wire_field *f)
{
    if (f->type == WIRE_CUSTOM) {
        to->group_weights = STR("");
    } else {
        *(int64_t *)(void *)((char *)to + f->at) = -1;
    }
}

/* null puts a setting back to its default; the others stay. A null is taken out of the object before it is read. */
static enum rc read_settings(struct json *v, struct arena *a, struct queue_settings *to, struct err *e)
{
    struct json **at = &v->first;

    *to = (struct queue_settings){-2, -2, -2, -2, -2, -2, -2, -2, -2, -2, STR_NONE};
    while (v->type == JSON_OBJECT && *at) {
        int row = 0;
        while (row < SETTINGS &&
               !((*at)->type == JSON_NULL && str_eq((*at)->name, setting_fields[row].name))) {
            row++;
        }
        if (row < SETTINGS) {
            put_back(to, &setting_fields[row]);
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    return wire_read(v, WIRE_SHAPE(setting_fields), a, to, NULL, e);
}

void api_patch_queue(struct api_call *c)
{
    struct store_set_queue *op = api_op(c, sizeof *op, STORE_SET_QUEUE, on_set);
    struct err e;

    if (!name_is_good(c, true)) {
        return;
    }
    enum rc rc = read_settings(c->json, c->a, &op->settings, &e);
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    op->tenant = c->tenant;
    op->name = c->params[0];
    op->has_settings = true;
    op->pause = -1;
    api_submit(c, &op->op);
}

static void on_deleted(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        api_answer_empty(c);
    }
}

void api_delete_queue(struct api_call *c)
{
    if (!name_is_good(c, false)) {
        return;
    }
    struct store_delete_queue *op = api_op(c, sizeof *op, STORE_DELETE_QUEUE, on_deleted);
    op->tenant = c->tenant;
    op->name = c->params[0];
    api_submit(c, &op->op);
}

/* ---- workers and statistics ---- */

static void write_workers(struct api_call *c, struct json_out *w, int64_t tenant)
{
    struct queue_worker *workers = NULL;
    size_t count = queue_workers(c->api->queue, tenant, c->a, &workers);

    for (size_t i = 0; i < count; i++) {
        json_object_begin(w);
        json_put_str(w, "name", workers[i].name);
        json_put_time(w, "seen_at", workers[i].seen_at);
        json_put_bool(w, "waiting", workers[i].is_waiting);
        json_put_int(w, "claimed", workers[i].claimed);
        json_put_int(w, "reported", workers[i].reported);
        json_put_raw(w, "queues", workers[i].queues.n ? workers[i].queues : STR("[]"));
        json_put_raw(w, "kinds", workers[i].kinds.n ? workers[i].kinds : STR("[]"));
        json_object_end(w);
    }
}

/* The server's own tenant sees those that work for all, too. */
void api_list_workers(struct api_call *c)
{
    struct json_out w = api_json(c);

    json_object_begin(&w);
    json_name(&w, "workers");
    json_array_begin(&w);
    write_workers(c, &w, c->tenant);
    if (api_is_operator(c)) {
        write_workers(c, &w, 0);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

static void write_kinds(struct api_call *c, struct json_out *w, const struct store_stats *stats)
{
    json_array_begin(w);
    for (size_t i = 0; i < stats->kind_count; i++) {
        const struct kind_count *k = &stats->kinds[i];
        json_object_begin(w);
        json_put_str(w, "queue", k->queue);
        json_put_str(w, "kind", k->kind);
        json_put_int(w, "queued", k->queued);
        json_put_bool(w, "has_worker", queue_kind_has_worker(c->api->queue, c->tenant, k->kind));
        json_object_end(w);
    }
    json_array_end(w);
}

static void on_stats(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_stats *stats = LOOP_OWNER(op, struct store_stats, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "counts");
    write_counts(&w, stats->counts);
    json_name(&w, "totals");
    json_object_begin(&w);
    json_put_int(&w, "enqueued", stats->enqueued_total);
    json_put_int(&w, "completed", stats->completed_total);
    json_put_int(&w, "failed", stats->failed_total);
    json_put_int(&w, "cancelled", stats->cancelled_total);
    json_put_int(&w, "lost", stats->lost_total);
    json_put_int(&w, "retried", stats->retried_total);
    json_object_end(&w);
    json_name(&w, "queued");
    write_kinds(c, &w, stats);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_get_stats(struct api_call *c)
{
    struct store_stats *op = api_op(c, sizeof *op, STORE_STATS, on_stats);

    op->tenant = c->tenant;
    api_submit(c, &op->op);
}
