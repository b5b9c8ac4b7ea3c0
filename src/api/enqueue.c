/* enqueue.c: POST /v1/jobs: one object, an array, or NDJSON. The hot path: the body is parsed once, args stay the bytes that
 * came, and nothing is allocated per item but rows of arrays. */
#include "api/call.h"

#include <string.h>

#define IDEMPOTENCY_KEY_MAX 255

struct enqueue {
    bool is_single;
    bool is_partial;
    size_t count;                     /* items of the request */
    struct enqueue_verdict *verdicts; /* of items that were refused here; NULL when none was */
    struct job_spec *specs;           /* good ones, packed */
    size_t *at;                       /* of each spec: its item; NULL = the same */
    size_t good;
};

/* ---- reading ---- */

static struct enqueue_verdict *refused(struct api_call *c, struct enqueue *q, size_t item)
{
    if (!q->verdicts) {
        q->verdicts = arena_array(c->a, struct enqueue_verdict, q->count);
        q->at = arena_array(c->a, size_t, q->count);
        for (size_t i = 0; i < q->good; i++) {
            q->at[i] = i;
        }
    }
    return &q->verdicts[item];
}

static void read_item(struct api_call *c, struct enqueue *q, const struct json *v, size_t item)
{
    struct err e;
    enum rc rc = wire_spec_read(v, c->a, &q->specs[q->good], &e);

    /* Once one is refused, all are looked at thoroughly here, so that the answer names every bad one. */
    if (rc == RC_OK && q->verdicts) {
        rc = job_spec_check(&q->specs[q->good], &e);
    }
    if (rc) {
        struct enqueue_verdict *verdict = refused(c, q, item);
        verdict->rc = rc;
        verdict->e = e;
        return;
    }
    if (q->at) {
        q->at[q->good] = item;
    }
    q->good++;
}

static bool count_is_good(struct api_call *c, size_t count)
{
    if (count == 0) {
        api_fail(c, RC_INVALID, "invalid_field", NULL, "there is no job in the body");
        return false;
    }
    if (count > WIRE_ITEMS_MAX) {
        api_fail(c, RC_TOO_BIG, NULL, NULL, "%zu jobs in one call; at most %d are allowed", count,
                 WIRE_ITEMS_MAX);
        return false;
    }
    return true;
}

static bool read_json(struct api_call *c, struct enqueue *q)
{
    struct json_budget budget = wire_budget();
    struct err e;
    size_t n = 0;
    enum rc rc = json_parse_within(http_body(c->x), &budget, c->a, &c->json, &e);

    if (rc) {
        api_problem(c, rc, &e);
        return false;
    }
    q->is_single = c->json->type != JSON_ARRAY;
    q->count = q->is_single ? 1 : c->json->count;
    if (!count_is_good(c, q->count)) {
        return false;
    }
    q->specs = arena_array(c->a, struct job_spec, q->count);
    if (q->is_single) {
        read_item(c, q, c->json, 0);
        return true;
    }
    for (const struct json *v = c->json->first; v; v = v->next) {
        read_item(c, q, v, n++);
    }
    return true;
}

static size_t count_lines(struct str text)
{
    size_t lines = 0;

    while (text.p) {
        lines += str_trim(str_cut(text, '\n', &text)).n > 0;
    }
    return lines;
}

static bool read_ndjson(struct api_call *c, struct enqueue *q)
{
    struct json_budget budget = wire_budget();
    struct str rest = http_body(c->x);
    size_t n = 0;

    q->count = count_lines(rest);
    if (!count_is_good(c, q->count)) {
        return false;
    }
    q->specs = arena_array(c->a, struct job_spec, q->count);
    for (size_t line = 1; rest.p; line++) {
        struct str text = str_trim(str_cut(rest, '\n', &rest));
        struct json *v = NULL;
        struct err e;
        if (text.n == 0) {
            continue;
        }
        enum rc rc = json_parse_within(text, &budget, c->a, &v, &e);
        if (rc && (!q->is_partial || rc == RC_TOO_BIG)) {
            api_problem(c, err_wrap(&e, rc, "line %zu", line), &e);
            return false;
        }
        if (rc) {
            struct enqueue_verdict *verdict = refused(c, q, n);
            verdict->rc = rc;
            verdict->e = e;
        } else {
            read_item(c, q, v, n);
        }
        n++;
    }
    return true;
}

static bool is_ndjson(struct api_call *c)
{
    struct str type = http_request_header(c->x, STR("Content-Type"));

    return str_eq_nocase(str_sub(type, 0, 20), STR("application/x-ndjson"));
}

bool api_read_idempotency_key(struct api_call *c, struct store_enqueue *op)
{
    size_t count = http_request_header_count(c->x, STR("Idempotency-Key"));

    if (count == 0) {
        return true;
    }
    struct str key = http_request_header(c->x, STR("Idempotency-Key"));
    if (count > 1 || key.n == 0 || key.n > IDEMPOTENCY_KEY_MAX || !str_is_text(key)) {
        api_fail(c, RC_INVALID, "malformed_request", NULL,
                 "Idempotency-Key must be there once, with 1 to %d bytes of UTF-8", IDEMPOTENCY_KEY_MAX);
        return false;
    }
    op->idempotency_key = key;
    api_sha256(http_body(c->x), op->body_hash);
    return true;
}

static bool queues_allowed(struct api_call *c, const struct enqueue *q)
{
    for (size_t i = 0; c->key.queues.n > 0 && i < q->good; i++) {
        struct str queue = q->specs[i].queue.n ? q->specs[i].queue : STR("default");
        if (!api_queue_allowed(&c->key, queue)) {
            api_fail(c, RC_DENIED, NULL, "/queue", "this key is limited to other queues");
            return false;
        }
    }
    return true;
}

/* ---- answering ---- */

/* The verdict of item i, from the store or from here. `next` walks the store's ones. */
static const struct enqueue_verdict *verdict_of(const struct enqueue *q, const struct enqueue_verdict *stored,
                                                size_t i, size_t *next)
{
    if (q->verdicts && q->verdicts[i].rc) {
        return &q->verdicts[i];
    }
    return stored ? &stored[(*next)++] : NULL;
}

/* 422 with every bad item: {…problem, "errors": [{"index", …problem}]} */
static void answer_errors(struct api_call *c, const struct enqueue *q, const struct enqueue_verdict *stored)
{
    struct json_out w = api_json(c);
    struct err e = {0};
    size_t next = 0;
    const struct wire_problem *p = wire_problem_of(RC_INVALID, NULL);

    json_object_begin(&w);
    err_set(&e, RC_INVALID, "nothing was enqueued: see errors");
    wire_problem_members(&w, p, &e);
    json_name(&w, "errors");
    json_array_begin(&w);
    for (size_t i = 0; i < q->count; i++) {
        const struct enqueue_verdict *v = verdict_of(q, stored, i, &next);
        if (v && v->rc) {
            json_object_begin(&w);
            json_put_int(&w, "index", (int64_t)i);
            wire_problem_members(&w, wire_problem_of(v->rc, v->e.code), &v->e);
            json_object_end(&w);
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer_problem(c, p->status);
}

static void answer_single(struct api_call *c, const struct enqueue_verdict *v)
{
    if (v->rc) {
        api_problem(c, v->rc, &v->e);
        return;
    }
    struct json_out w = api_json(c);
    char location[64];
    str_print(location, sizeof location, "/v1/jobs/%s", id_text(v->job).s);
    if (!v->dropped) {
        http_header(c->x, STR("Location"), str_from(location));
    }
    wire_enqueue_verdict_write(&w, v);
    api_answer(c, v->duplicate || v->dropped ? 200 : 201);
}

static void answer_array(struct api_call *c, const struct enqueue *q, const struct enqueue_verdict *stored)
{
    struct json_out w = api_json(c);
    bool any_new = false;
    bool any_bad = false;
    size_t next = 0;

    json_object_begin(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    for (size_t i = 0; i < q->count; i++) {
        const struct enqueue_verdict *v = verdict_of(q, stored, i, &next);
        any_bad = any_bad || v->rc;
        any_new = any_new || (!v->rc && !v->duplicate && !v->dropped);
        wire_enqueue_verdict_write(&w, v);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, any_bad ? 207 : any_new ? 201 : 200);
}

static bool any_refused(const struct store_enqueue *op)
{
    for (size_t i = 0; op->verdicts && i < op->count; i++) {
        if (op->verdicts[i].rc) {
            return true;
        }
    }
    return false;
}

static void on_enqueued(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct enqueue *q = c->state;
    struct store_enqueue *op = LOOP_OWNER(done, struct store_enqueue, op);

    if (done->rc && (q->is_single || !any_refused(op) || done->rc >= RC_BUSY)) {
        api_problem(c, done->rc, &done->e);
        return;
    }
    if (done->rc) {
        answer_errors(c, q, op->verdicts);
        return;
    }
    if (op->replayed) {
        http_header(c->x, STR("Idempotency-Replayed"), STR("true"));
    }
    if (q->is_single) {
        answer_single(c, &op->verdicts[0]);
    } else {
        answer_array(c, q, op->verdicts);
    }
}

void api_enqueue(struct api_call *c)
{
    struct enqueue *q = arena_alloc(c->a, sizeof *q);
    struct store_enqueue *op = api_op(c, sizeof *op, STORE_ENQUEUE, on_enqueued);

    c->state = q;
    if (!api_query_bool(c, "partial", &q->is_partial) || !api_read_idempotency_key(c, op) ||
        !(is_ndjson(c) ? read_ndjson(c, q) : read_json(c, q)) || !queues_allowed(c, q)) {
        return;
    }
    if (q->verdicts && q->is_single) {
        api_problem(c, q->verdicts[0].rc, &q->verdicts[0].e);
        return;
    }
    if (q->verdicts && !q->is_partial) {
        answer_errors(c, q, NULL);
        return;
    }
    if (q->good == 0) {
        answer_array(c, q, NULL);
        return;
    }
    op->tenant = c->tenant;
    op->only_queues = c->key.queues;
    op->specs = q->specs;
    op->count = q->good;
    op->partial = q->is_partial;
    api_submit(c, &op->op);
}
