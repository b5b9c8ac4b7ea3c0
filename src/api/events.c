/* events.c: GET /v1/jobs/{id}/events as a stream or as pages of JSON, the tenant's feed, and tokens for readers that can
 * send no header. */
#include "api/streams.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000
#define TOKEN_MAX_S  300

/* A number from 0 on. The header wins: an EventSource that reconnects sends it beside the address it was made with. */
static bool read_last_id(struct api_call *c, int64_t *after)
{
    struct str text = http_request_header(c->x, STR("Last-Event-ID"));

    if (text.n == 0 && (http_query(c->x).n == 0 || !http_query_param(c->x, STR("last_event_id"), &text))) {
        return true;
    }
    if (!str_to_i64(text, after) || *after < 0 || text.p[0] == '+') {
        api_fail(c, RC_INVALID, "invalid_event_id", NULL, "the last event id must be a number from 0 on");
        return false;
    }
    return true;
}

static bool wants_json(struct api_call *c)
{
    struct str accept = http_request_header(c->x, STR("Accept"));

    return str_find(accept, STR("application/json"), 0) < accept.n &&
           str_find(accept, STR("text/event-stream"), 0) == accept.n;
}

static void on_page_read(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_read_events *r = LOOP_OWNER(op, struct store_read_events, op);

    if (api_failed(c, op)) {
        return;
    }
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "events");
    json_array_begin(&w);
    for (size_t i = 0; i < r->count; i++) {
        wire_event_write(&w, &r->events[i]);
    }
    json_array_end(&w);
    if (!r->of_batch) {
        json_put_c(&w, "state", job_state_name(r->job->state));
    }
    json_put_int(&w, "first_seq", r->first_seq);
    json_put_int(&w, "last_seq", r->last_seq);
    json_object_end(&w);
    api_answer(c, 200);
}

static void read_events(struct api_call *c, bool of_batch)
{
    int64_t after = 0;
    int64_t limit = PAGE_DEFAULT;

    if (!read_last_id(c, &after) || !api_query_int(c, "limit", 1, PAGE_MAX, &limit)) {
        return;
    }
    http_header(c->x, STR("Vary"), STR("Accept"));
    if (!wants_json(c)) {
        streams_open_job(c, of_batch, after);
        return;
    }
    struct store_read_events *op = api_op(c, sizeof *op, STORE_READ_EVENTS, on_page_read);
    op->tenant = c->tenant;
    op->job_id = c->job;
    op->of_batch = of_batch;
    op->after = after;
    op->limit = limit;
    api_submit(c, &op->op);
}

void api_read_events(struct api_call *c)
{
    read_events(c, false);
}

void api_read_batch_events(struct api_call *c)
{
    read_events(c, true);
}

void api_read_feed(struct api_call *c)
{
    streams_open_feed(c);
}

/* ---- stream tokens ---- */

struct token_request {
    int64_t expires_ms;
};

static const struct wire_field token_fields[] = {
    {STR("expires_s"), WIRE_SECONDS, offsetof(struct token_request, expires_ms), 1000, TOKEN_MAX_S * 1000,
     NULL},
};

static void on_job_known(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct token_request *t = c->state;

    if (api_failed(c, op)) {
        return;
    }
    struct str token = api_stream_token(c, c->job, store_now(queue_store(c->api->queue)) + t->expires_ms);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_put_str(&w, "token", token);
    wire_put_seconds(&w, "expires_s", t->expires_ms);
    json_object_end(&w);
    api_answer(c, 201);
}

void api_create_stream_token(struct api_call *c)
{
    struct token_request *t = arena_alloc(c->a, sizeof *t);
    struct store_get_job *op = api_op(c, sizeof *op, STORE_GET_JOB, on_job_known);
    struct err e;

    t->expires_ms = TOKEN_MAX_S * 1000;
    c->state = t;
    enum rc rc = c->json ? wire_read(c->json, WIRE_SHAPE(token_fields), c->a, t, NULL, &e) : RC_OK;
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    op->tenant = c->tenant;
    op->id = c->job;
    api_submit(c, &op->op);
}
