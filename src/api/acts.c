/* acts.c: cancel, retry, promote, erase, purge: of one job, of a list of ids, or of whatever a filter finds (in chunks, with a
 * cursor). */
#include "api/call.h"

#define ACT_IDS_MAX       1000
#define ACT_LIMIT_DEFAULT 1000
#define ACT_LIMIT_MAX     10000

static void on_acted_one(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct store_act *op = LOOP_OWNER(done, struct store_act, op);

    if (api_failed(c, done)) {
        return;
    }
    const struct act_verdict *v = &op->verdicts[0];
    struct json_out w = api_json(c);
    wire_act_verdict_write(&w, v);
    if (v->rc) {
        api_answer_problem(c, wire_status(v->rc, v->e.code));
    } else {
        api_answer(c, 200);
    }
}

static void act_on_one(struct api_call *c, enum job_action action)
{
    struct store_act *op = api_op(c, sizeof *op, STORE_ACT, on_acted_one);

    op->tenant = c->tenant;
    op->action = action;
    op->ids = &c->job;
    op->count = 1;
    api_submit(c, &op->op);
}

void api_cancel_job(struct api_call *c)
{
    act_on_one(c, ACT_CANCEL);
}

void api_retry_job(struct api_call *c)
{
    act_on_one(c, ACT_RETRY);
}

void api_promote_job(struct api_call *c)
{
    act_on_one(c, ACT_PROMOTE);
}

void api_erase_job(struct api_call *c)
{
    act_on_one(c, ACT_ERASE);
}

/* ---- many ---- */

struct bulk {
    struct id *ids;
    size_t id_count;
    struct job_filter filter;
    struct str cursor;
    int64_t limit;
    bool all;
    struct str canonical;
};

static enum rc read_ids(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct bulk *b = to;

    if (v->type != JSON_ARRAY || v->count == 0 || v->count > ACT_IDS_MAX) {
        return wire_invalid(e, "ids", "ids must be an array of 1 to %d ids", ACT_IDS_MAX);
    }
    b->ids = arena_array(a, struct id, v->count);
    for (const struct json *c = v->first; c; c = c->next) {
        if (c->type != JSON_STRING || !id_parse(c->s, &b->ids[b->id_count++])) {
            return wire_invalid(e, "ids", "ids must hold ids (UUID version 7)");
        }
    }
    return RC_OK;
}

static enum rc read_states(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct job_filter *f = to;

    (void)a;
    for (const struct json *c = v->type == JSON_ARRAY ? v->first : NULL; c; c = c->next) {
        enum job_state state;
        if (c->type != JSON_STRING || !job_state_parse(c->s, &state)) {
            return wire_invalid(e, "state", "state must hold states of a job");
        }
        f->states |= 1U << state;
    }
    return f->states ? RC_OK : wire_invalid(e, "state", "state must be an array of states of a job");
}

static const struct wire_field filter_fields[] = {
    {STR("state"), WIRE_CUSTOM, 0, 0, 0, read_states},
    {STR("queue"), WIRE_NAME, offsetof(struct job_filter, queue), 0, 0, NULL},
    {STR("kind"), WIRE_NAME, offsetof(struct job_filter, kind), 0, 0, NULL},
    {STR("tag"), WIRE_NAME, offsetof(struct job_filter, tag), 0, 0, NULL},
    {STR("batch"), WIRE_ID, offsetof(struct job_filter, batch), 0, 0, NULL},
    {STR("since"), WIRE_TIME, offsetof(struct job_filter, since), 0, 0, NULL},
    {STR("until"), WIRE_TIME, offsetof(struct job_filter, until), 0, 0, NULL},
};

static enum rc read_filter(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct bulk *b = to;
    enum rc rc = wire_read(v, WIRE_SHAPE(filter_fields), a, &b->filter, NULL, e);

    return wire_in_member(e, rc, STR("filter"));
}

enum { BULK_IDS, BULK_FILTER, BULK_ALL, BULK_CURSOR };

static const struct wire_field bulk_fields[] = {
    [BULK_IDS] = {STR("ids"), WIRE_CUSTOM, 0, 0, 0, read_ids},
    [BULK_FILTER] = {STR("filter"), WIRE_CUSTOM, 0, 0, 0, read_filter},
    [BULK_ALL] = {STR("all"), WIRE_BOOL, offsetof(struct bulk, all), 0, 0, NULL},
    [BULK_CURSOR] = {STR("cursor"), WIRE_STR, offsetof(struct bulk, cursor), 1, 1024, NULL},
    {STR("limit"), WIRE_INT, offsetof(struct bulk, limit), 1, ACT_LIMIT_MAX, NULL},
};

static void on_acted_many(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct bulk *b = c->state;
    struct store_act *op = LOOP_OWNER(done, struct store_act, op);

    if (api_failed(c, done)) {
        return;
    }
    struct str next = api_cursor_text(c, b->canonical, op->next_cursor);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    for (size_t i = 0; i < op->verdict_count; i++) {
        wire_act_verdict_write(&w, &op->verdicts[i]);
    }
    json_array_end(&w);
    wire_put_text(&w, "next_cursor", next);
    json_object_end(&w);
    api_answer(c, 200);
}

/* Nobody cancels or purges everything by forgetting a member: one of ids, filter and all is needed. */
static bool is_meant(struct api_call *c, const struct bulk *b, uint64_t seen)
{
    bool has_ids = seen >> BULK_IDS & 1;
    bool has_filter = seen >> BULK_FILTER & 1;

    if (has_ids + has_filter + b->all != 1) {
        api_fail(c, RC_INVALID, "filter_required", NULL, "give exactly one of ids, filter and \"all\": true");
        return false;
    }
    if (c->key.queues.n > 0 && (b->filter.queue.n == 0 || !api_queue_allowed(&c->key, b->filter.queue))) {
        api_fail(c, RC_DENIED, NULL, "/filter/queue", "this key is limited to some queues: name one of them");
        return false;
    }
    return true;
}

static void act_on_many(struct api_call *c, enum job_action action, uint32_t states)
{
    struct bulk *b = arena_alloc(c->a, sizeof *b);
    struct store_act *op = api_op(c, sizeof *op, STORE_ACT, on_acted_many);
    uint64_t seen = 0;
    struct err e;

    b->limit = ACT_LIMIT_DEFAULT;
    c->state = b;
    enum rc rc = wire_read(c->json, WIRE_SHAPE(bulk_fields), c->a, b, &seen, &e);
    if (rc == RC_OK && states && b->filter.states) {
        rc = wire_invalid(&e, "filter/state", "a dead letter has one state only");
    }
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (!is_meant(c, b, seen)) {
        return;
    }
    op->tenant = c->tenant;
    op->action = action;
    op->ids = b->ids;
    op->count = b->id_count;
    op->filter = b->filter;
    op->filter.states |= states;
    op->limit = b->limit;
    b->canonical = arena_printf(c->a, "%x\n%.*s\n%.*s\n%.*s\n%lld\n%lld", op->filter.states,
                                STR_ARG(b->filter.queue), STR_ARG(b->filter.kind), STR_ARG(b->filter.tag),
                                (long long)b->filter.since, (long long)b->filter.until);
    if (b->cursor.n > 0 && !api_cursor_parse(c, b->canonical, b->cursor, &op->cursor)) {
        return;
    }
    api_submit(c, &op->op);
}

void api_cancel_jobs(struct api_call *c)
{
    act_on_many(c, ACT_CANCEL, 0);
}

void api_retry_jobs(struct api_call *c)
{
    act_on_many(c, ACT_RETRY, 0);
}

void api_promote_jobs(struct api_call *c)
{
    act_on_many(c, ACT_PROMOTE, 0);
}

void api_retry_dead(struct api_call *c)
{
    act_on_many(c, ACT_RETRY, 1U << JOB_FAILED);
}

void api_purge_dead(struct api_call *c)
{
    act_on_many(c, ACT_PURGE, 1U << JOB_FAILED);
}
