/* claims.c: POST /v1/claims: jobs for a worker, at once or as soon as there are some. A worker that left while its claim was in
 * the store must not hold jobs that it never heard of: they are released. */
#include "api/call.h"

static void forget(struct store_op *op)
{
    struct api_call *c = op->owner;

    http_drop(c->x);
}

/* The key was revoked while the claim waited (J13): what it was given goes back before it hears so. */
static void refuse(struct store_op *op)
{
    struct api_call *c = op->owner;

    if (api_still_authorized(c)) { /* a key that was revoked stays so */
        api_answer_empty(c);
    }
}

struct release { /* c->state meanwhile */
    const struct job *jobs;
    size_t count;
    void (*done)(struct store_op *op);
};

/* Those of one tenant, then those of the next. */
static void release_next(struct store_op *last)
{
    struct api_call *c = last->owner;
    struct release *r = c->state;

    if (r->count == 0) {
        r->done(last);
        return;
    }
    struct store_report *op = api_op(c, sizeof *op, STORE_REPORT, release_next);
    op->tenant = r->jobs->tenant;
    while (op->count < r->count && r->jobs[op->count].tenant == op->tenant) {
        op->count++;
    }
    struct report *items = arena_array(c->a, struct report, op->count);
    op->items = items;
    for (size_t i = 0; i < op->count; i++, r->jobs++, r->count--) {
        items[i] = (struct report){.job = r->jobs->id,
                                   .lease = r->jobs->lease,
                                   .n = 1,
                                   .op = REPORT_RELEASE,
                                   .progress_permille = -1,
                                   .retry_after_ms = -1};
    }
    api_submit(c, &op->op);
}

static void release_all(struct api_call *c, struct store_claim *claim, void (*done)(struct store_op *op))
{
    struct release *r = arena_alloc(c->a, sizeof *r);

    *r = (struct release){claim->jobs, claim->count, done};
    c->state = r;
    claim->op.owner = c;
    release_next(&claim->op);
}

static void answer_jobs(struct api_call *c, const struct queue_claim *q)
{
    struct json_out w = api_json(c);

    json_object_begin(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    for (size_t i = 0; i < q->claim.count; i++) {
        const struct job *j = &q->claim.jobs[i];
        wire_claimed_write(&w, j, api_is_of_all(c) ? queue_tenant_name(c->api->queue, j->tenant) : STR_NONE);
    }
    json_array_end(&w);
    if (q->cancel_count > 0) {
        json_name(&w, "cancel");
        json_array_begin(&w);
        for (size_t i = 0; i < q->cancel_count; i++) {
            json_id(&w, q->cancels[i]);
        }
        json_array_end(&w);
    }
    json_object_end(&w);
    api_answer(c, 200);
}

static void on_claimed(struct queue_claim *q)
{
    struct api_call *c = q->owner;

    c->holder.on_left = NULL;
    if (q->claim.op.rc == RC_OK && http_client_left(c->x)) {
        if (q->claim.count > 0) {
            release_all(c, &q->claim, forget);
        } else {
            http_drop(c->x);
        }
        return;
    }
    if (api_failed(c, &q->claim.op)) {
        return;
    }
    if (q->claim.count > 0 && !api_key_still_good(c->api, c->key.public_id)) {
        release_all(c, &q->claim, refuse);
        return;
    }
    if (!api_still_authorized(c)) {
        return;
    }
    if (q->claim.count > 0 || q->cancel_count > 0) {
        answer_jobs(c, q);
        return;
    }
    if (q->draining) {
        http_header(c->x, STR("Stint-Draining"), STR("1"));
    }
    api_answer_empty(c);
}

static void on_left(struct api_holder *h, struct http_exchange *x)
{
    struct api_call *c = LOOP_OWNER(h, struct api_call, holder);

    if (queue_claim_cancel(c->api->queue, c->state)) {
        http_drop(x);
    }
}

static bool queues_allowed(struct api_call *c, const struct wire_claim *in)
{
    for (size_t i = 0; i < in->queue_count; i++) {
        if (!api_queue_allowed(&c->key, in->queues[i])) {
            api_fail(c, RC_DENIED, NULL, "/queues", "this key is limited to other queues");
            return false;
        }
    }
    return true;
}

void api_claim(struct api_call *c)
{
    struct wire_claim in;
    struct err e;
    enum rc rc = wire_claim_read(c->json, c->a, &in, &e);

    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    if (!queues_allowed(c, &in)) {
        return;
    }
    struct queue_claim *q = arena_alloc(c->a, sizeof *q);
    store_init(&q->claim.op, sizeof q->claim, STORE_CLAIM, c->a);
    q->claim.tenant = api_is_of_all(c) ? 0 : c->tenant;
    q->claim.worker = in.worker;
    q->claim.queues = in.queues;
    q->claim.queue_count = in.queue_count;
    q->claim.kinds = in.kinds;
    q->claim.kind_count = in.kind_count;
    q->claim.max = in.max;
    q->claim.lease_ms = in.lease_ms;
    q->only_queues = c->key.queues;
    q->wait_ms = in.wait_ms;
    q->done = on_claimed;
    q->owner = c;
    c->state = q;
    c->holder.on_left = on_left;
    queue_claim(c->api->queue, q);
}
