/* jobs.c: reading and changing single jobs, lists of them, and waiting for the end of one. */
#include "api/call.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX     1000

/* ---- GET /v1/jobs/{id}, with ?wait= ---- */

static void answer_job(struct api_call *c, const struct job *job)
{
    struct json_out w = api_json(c);

    wire_job_write(&w, job, WIRE_JOB_FULL);
    api_answer(c, 200);
}

static void on_read(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_get_job *get = LOOP_OWNER(op, struct store_get_job, op);

    if (api_wait_goes_on(c, op, op->rc == RC_OK && job_state_is_final(get->job->state)) ||
        api_failed(c, op)) {
        return;
    }
    if (!api_queue_allowed(&c->key, get->job->queue)) { /* it was moved while we waited */
        api_fail(c, RC_DENIED, NULL, NULL, "this key is limited to other queues");
        return;
    }
    answer_job(c, get->job);
}

static void read_job(struct api_call *c)
{
    struct store_get_job *get = api_op(c, sizeof *get, STORE_GET_JOB, on_read);

    get->tenant = c->tenant;
    get->id = c->job;
    api_submit(c, &get->op);
}

void api_get_job(struct api_call *c)
{
    api_wait_begin(c, false, read_job);
}

/* ---- lists ---- */

static void on_listed(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_jobs *list = LOOP_OWNER(op, struct store_list_jobs, op);

    if (api_failed(c, op)) {
        return;
    }
    struct str *filter = c->state;
    struct str next = api_cursor_text(c, *filter, list->next_cursor);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        wire_job_write(&w, &list->jobs[i], WIRE_JOB_LIST);
    }
    json_array_end(&w);
    wire_put_text(&w, "next_cursor", next);
    json_object_end(&w);
    api_answer(c, 200);
}

static void list(struct api_call *c, uint32_t states, struct id batch)
{
    struct store_list_jobs *op = api_op(c, sizeof *op, STORE_LIST_JOBS, on_listed);
    struct str *canonical = arena_alloc(c->a, sizeof *canonical);
    struct str cursor;

    op->tenant = c->tenant;
    op->limit = PAGE_DEFAULT;
    op->filter.states = states;
    op->filter.batch = batch;
    c->state = canonical;
    if (!api_query_filter(c, &op->filter, canonical) || !api_query_int(c, "limit", 1, PAGE_MAX, &op->limit)) {
        return;
    }
    if (http_query_param(c->x, STR("cursor"), &cursor) &&
        !api_cursor_parse(c, *canonical, cursor, &op->cursor)) {
        return;
    }
    api_submit(c, &op->op);
}

void api_list_jobs(struct api_call *c)
{
    list(c, 0, (struct id){{0}});
}

void api_list_jobs_of(struct api_call *c, struct id batch)
{
    list(c, 0, batch);
}

void api_list_dead(struct api_call *c)
{
    list(c, 1U << JOB_FAILED, (struct id){{0}});
}

/* ---- PATCH ---- */

struct patch {
    struct str args, queue;
    int64_t priority, run_at;
};

enum { PATCH_PRIORITY, PATCH_RUN_AT, PATCH_ARGS, PATCH_QUEUE };

static const struct wire_field patch_fields[] = {
    [PATCH_PRIORITY] = {STR("priority"), WIRE_INT, offsetof(struct patch, priority), JOB_PRIORITY_MIN,
                        JOB_PRIORITY_MAX, NULL},
    [PATCH_RUN_AT] = {STR("run_at"), WIRE_TIME, offsetof(struct patch, run_at), 0, 0, NULL},
    [PATCH_ARGS] = {STR("args"), WIRE_RAW, offsetof(struct patch, args), 0, JOB_ARGS_MAX_BYTES, NULL},
    [PATCH_QUEUE] = {STR("queue"), WIRE_NAME, offsetof(struct patch, queue), 0, 0, NULL},
};

static void on_patched(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (!api_failed(c, op)) {
        answer_job(c, LOOP_OWNER(op, struct store_patch, op)->job);
    }
}

void api_patch_job(struct api_call *c)
{
    struct store_patch *op = api_op(c, sizeof *op, STORE_PATCH, on_patched);
    struct patch in = {0};
    uint64_t seen = 0;
    struct err e;
    enum rc rc = wire_read(c->json, WIRE_SHAPE(patch_fields), c->a, &in, &seen, &e);

    if (rc == RC_OK && seen == 0) {
        rc = wire_invalid(&e, "", "there is nothing to change: priority, run_at, args, queue");
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if ((seen >> PATCH_QUEUE & 1) && !api_queue_allowed(&c->key, in.queue)) {
        api_fail(c, RC_DENIED, NULL, "/queue", "this key is limited to other queues");
        return;
    }
    op->tenant = c->tenant;
    op->job_id = c->job;
    op->has_priority = seen >> PATCH_PRIORITY & 1;
    op->has_run_at = seen >> PATCH_RUN_AT & 1;
    op->has_args = seen >> PATCH_ARGS & 1;
    op->has_queue = seen >> PATCH_QUEUE & 1;
    op->priority = in.priority;
    op->run_at = in.run_at;
    op->args = in.args;
    op->queue = in.queue;
    api_submit(c, &op->op);
}
