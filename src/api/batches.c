/* batches.c: batches: made with their jobs and finalisers in one transaction, watched, closed, cancelled. */
#include "api/call.h"

#define PAGE_DEFAULT    50
#define PAGE_MAX        1000
#define LINES_MAX_BYTES ((size_t)32 << 20)

/* ---- making ---- */

static void write_verdicts(struct json_out *w, const char *name, const struct enqueue_verdict *v,
                           size_t count)
{
    json_name(w, name);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        wire_enqueue_verdict_write(w, &v[i]);
    }
    json_array_end(w);
}

/* Of the first item that was refused, with the way to it. */
static void answer_refused(struct api_call *c, const struct wire_batch *b, const struct store_enqueue *op)
{
    size_t i = 0;

    while (i < op->count && !op->verdicts[i].rc) {
        i++;
    }
    if (i == op->count || op->op.rc >= RC_BUSY) {
        api_problem(c, op->op.rc, &op->op.e);
        return;
    }
    struct err e = op->verdicts[i].e;
    char field[sizeof e.field];
    bool is_job = i <= b->job_count;
    str_copy(field, sizeof field, str_from(e.field));
    if (i > 0) {
        str_print(e.field, sizeof e.field, "/%s/%zu%s%s", is_job ? "jobs" : "finally",
                  is_job ? i - 1 : i - 1 - b->job_count, field[0] && field[0] != '/' ? "/" : "", field);
    }
    api_problem(c, op->verdicts[i].rc, &e);
}

static void on_created(struct store_op *done)
{
    struct api_call *c = done->owner;
    const struct wire_batch *b = c->state;
    struct store_enqueue *op = LOOP_OWNER(done, struct store_enqueue, op);

    if (done->rc && op->verdicts) {
        answer_refused(c, b, op);
        return;
    }
    if (api_failed(c, done)) {
        return;
    }
    char location[64];
    struct json_out w = api_json(c);
    str_print(location, sizeof location, "/v1/batches/%s", id_text(op->verdicts[0].job).s);
    http_header(c->x, STR("Location"), str_from(location));
    if (op->replayed) {
        http_header(c->x, STR("Idempotency-Replayed"), STR("true"));
    }
    json_object_begin(&w);
    json_put_id(&w, "id", op->verdicts[0].job);
    write_verdicts(&w, "jobs", op->verdicts + 1, b->job_count);
    write_verdicts(&w, "finally", op->verdicts + 1 + b->job_count, b->finally_count);
    json_object_end(&w);
    api_answer(c, 201);
}

void api_create_batch(struct api_call *c)
{
    struct wire_batch *b = arena_alloc(c->a, sizeof *b);
    struct store_enqueue *op = api_op(c, sizeof *op, STORE_ENQUEUE, on_created);
    struct err e;

    *b = (struct wire_batch){.specs = NULL};
    if (!api_read_idempotency_key(c, op)) {
        return;
    }
    enum rc rc = wire_batch_read(c->json, c->a, b, &e);
    if (rc) {
        api_problem(c, rc, &e);
        return;
    }
    c->state = b;
    op->tenant = c->tenant;
    op->specs = b->specs;
    op->count = 1 + b->job_count + b->finally_count;
    api_submit(c, &op->op);
}

/* ---- reading ---- */

static int64_t now_of(struct api_call *c)
{
    return store_now(queue_store(c->api->queue));
}

static void on_batches(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct store_list_batches *op = LOOP_OWNER(done, struct store_list_batches, op);

    if (api_failed(c, done)) {
        return;
    }
    const struct str *filter = c->state;
    struct str next = api_cursor_text(c, *filter, op->next_cursor);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "batches");
    json_array_begin(&w);
    for (size_t i = 0; i < op->count; i++) {
        wire_batch_write(&w, &op->batches[i], now_of(c));
    }
    json_array_end(&w);
    wire_put_text(&w, "next_cursor", next);
    json_object_end(&w);
    api_answer(c, 200);
}

static bool read_page(struct api_call *c, struct str filter, int64_t *limit, int64_t *cursor)
{
    struct str text;

    *limit = PAGE_DEFAULT;
    return api_query_int(c, "limit", 1, PAGE_MAX, limit) &&
           (!http_query_param(c->x, STR("cursor"), &text) || api_cursor_parse(c, filter, text, cursor));
}

/* False: answered. */
static bool read_filter(struct api_call *c, struct store_list_batches *op)
{
    (void)http_query_param(c->x, STR("name"), &op->name);
    if (http_query_param(c->x, STR("label"), &op->label)) {
        struct str value;
        (void)str_cut(op->label, ':', &value);
        if (!value.p || op->label.n > STORE_LABEL_BYTES) {
            api_fail(c, RC_INVALID, "invalid_field", "?label", "label must be KEY:VALUE of at most %d bytes",
                     STORE_LABEL_BYTES);
            return false;
        }
    }
    if (!str_is_text(op->name) || !str_is_text(op->label)) {
        api_fail(c, RC_INVALID, "invalid_field", str_is_text(op->name) ? "?label" : "?name",
                 "must be UTF-8 text without NUL");
        return false;
    }
    return true;
}

void api_list_batches(struct api_call *c)
{
    struct store_list_batches *op = api_op(c, sizeof *op, STORE_LIST_BATCHES, on_batches);
    struct str *filter = arena_alloc(c->a, sizeof *filter);

    op->tenant = c->tenant;
    if (!read_filter(c, op)) {
        return;
    }
    *filter = arena_printf(c->a, "batches\n%.*s\n%.*s", STR_ARG(op->name), STR_ARG(op->label));
    c->state = filter;
    if (read_page(c, *filter, &op->limit, &op->cursor)) {
        api_submit(c, &op->op);
    }
}

/* `done` finds it, or RC_NOT_FOUND. */
static void read_batch(struct api_call *c, void (*done)(struct store_op *op))
{
    struct store_list_batches *op = api_op(c, sizeof *op, STORE_LIST_BATCHES, done);

    op->tenant = c->tenant;
    op->id = c->job;
    api_submit(c, &op->op);
}

static void on_batch(struct store_op *done)
{
    struct api_call *c = done->owner;

    if (!api_failed(c, done)) {
        struct json_out w = api_json(c);
        wire_batch_write(&w, &LOOP_OWNER(done, struct store_list_batches, op)->batches[0], now_of(c));
        api_answer(c, 200);
    }
}

static void on_waited(struct store_op *done)
{
    const struct store_list_batches *op = LOOP_OWNER(done, struct store_list_batches, op);
    bool is_over = done->rc == RC_OK && op->batches[0].state == BATCH_FINISHED;

    if (!api_wait_goes_on(done->owner, done, is_over)) {
        on_batch(done);
    }
}

static void read_waited(struct api_call *c)
{
    read_batch(c, on_waited);
}

void api_get_batch(struct api_call *c)
{
    api_wait_begin(c, true, read_waited);
}

/* The rest of what a list of jobs is, once the batch is known to be there. */
static void on_batch_of_jobs(struct store_op *done)
{
    struct api_call *c = done->owner;

    if (!api_failed(c, done)) {
        api_list_jobs_of(c, c->job);
    }
}

void api_list_batch_jobs(struct api_call *c)
{
    read_batch(c, on_batch_of_jobs);
}

/* ---- results ---- */

static struct str results_filter(struct api_call *c)
{
    return arena_printf(c->a, "results %s", id_text(c->job).s);
}

static void write_line(struct buf *lines, const struct job *j)
{
    struct json_out w = json_writer(lines);
    size_t from = lines->n;

    wire_result_write(&w, j);
    api_end_line(lines, from);
}

static void on_results(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct store_list_results *op = LOOP_OWNER(done, struct store_list_results, op);
    struct buf lines = BUF_LIMIT(LINES_MAX_BYTES);

    if (api_failed(c, done)) {
        return;
    }
    for (size_t i = 0; i < op->count; i++) {
        write_line(&lines, &op->jobs[i]);
    }
    if (op->next_cursor) {
        http_header(c->x, STR("Stint-Next-Cursor"), api_cursor_text(c, results_filter(c), op->next_cursor));
    }
    http_respond(c->x, 200, STR("application/x-ndjson"), arena_str(c->a, buf_str(&lines)));
    buf_dispose(&lines);
}

static void on_batch_of_results(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct store_list_results *op = c->state;

    if (!api_failed(c, done)) {
        api_submit(c, &op->op);
    }
}

void api_list_batch_results(struct api_call *c)
{
    struct store_list_results *op = api_op(c, sizeof *op, STORE_LIST_RESULTS, on_results);

    op->tenant = c->tenant;
    op->batch = c->job;
    c->state = op;
    if (read_page(c, results_filter(c), &op->limit, &op->cursor)) {
        read_batch(c, on_batch_of_results);
    }
}

/* ---- acting ---- */

static void on_acted(struct store_op *done)
{
    struct api_call *c = done->owner;

    if (api_failed(c, done)) {
        return;
    }
    const struct act_verdict *v = &LOOP_OWNER(done, struct store_act, op)->verdicts[0];
    if (v->rc) {
        api_problem(c, v->rc, &v->e);
        return;
    }
    read_batch(c, on_batch);
}

static void act(struct api_call *c, enum job_action action)
{
    struct store_act *op = api_op(c, sizeof *op, STORE_ACT, on_acted);

    op->tenant = c->tenant;
    op->action = action;
    op->of_batches = true;
    op->ids = &c->job;
    op->count = 1;
    api_submit(c, &op->op);
}

void api_close_batch(struct api_call *c)
{
    act(c, ACT_CLOSE);
}

void api_cancel_batch(struct api_call *c)
{
    act(c, ACT_CANCEL);
}
