/* children.c: GET /v1/jobs/{id}/children: what hangs under a job: how many are in which state, and the jobs, oldest first; with ?full=true each
 * as GET /v1/jobs/{id} has it: the store is asked for several at once, each in memory of its own. */
#include "api/call.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX     1000
#define LANES        8
#define FULL_BYTES   (8 << 20) /* a page of whole jobs ends when it has so many bytes of results */

struct children_call { /* c->state */
    struct store_list_children *list;
    struct str canonical;
    bool is_full;
    struct arena *lanes[LANES]; /* what was read lives in them until the answer is written */
    struct job **jobs;          /* of the list; NULL: it is gone meanwhile */
    size_t next, running, bytes;
    struct err err;
    enum rc rc;
};

struct full_read {
    struct store_get_job get;
    size_t at;
    struct arena *lane;
};

static void write_jobs(struct api_call *c, struct json_out *w)
{
    struct children_call *s = c->state;
    for (size_t i = 0; i < s->list->count; i++) {
        const struct job *j = s->is_full ? s->jobs[i] : &s->list->jobs[i];
        if (j && api_queue_allowed(&c->key, j->queue)) { /* children may stand in other queues */
            wire_job_write(w, j, s->is_full ? WIRE_JOB_FULL : WIRE_JOB_LIST);
        }
    }
}

static void answer(struct api_call *c)
{
    struct children_call *s = c->state;
    struct str next = api_cursor_text(c, s->canonical, s->list->next_cursor);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "counts");
    json_object_begin(&w);
    wire_children_members(&w, &s->list->counts);
    json_object_end(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    write_jobs(c, &w);
    json_array_end(&w);
    wire_put_text(&w, "next_cursor", next);
    json_object_end(&w);
    api_answer(c, 200);
}

/* ---- whole jobs */

static void read_one(struct api_call *c, struct arena *lane);

static void answer_full(struct api_call *c)
{
    struct children_call *s = c->state;
    struct arena *lanes[LANES];
    for (size_t i = 0; i < LANES; i++) {
        lanes[i] = s->lanes[i];
    }
    if (s->next < s->list->count) { /* the next page begins where this one is full */
        s->list->next_cursor = id_ordinal(s->list->jobs[s->next - 1].id);
        s->list->count = s->next;
    }
    if (s->rc) {
        api_problem(c, s->rc, &s->err);
    } else {
        answer(c);
    }
    for (size_t i = 0; i < LANES; i++) {
        arena_free(lanes[i]);
    }
}

static void on_read(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct children_call *s = c->state;
    struct full_read *r = LOOP_OWNER(op, struct full_read, get.op);
    s->running--;
    if (op->rc == RC_OK) {
        s->jobs[r->at] = r->get.job;
        s->bytes += r->get.job->result.n + r->get.job->args.n;
    } else if (op->rc != RC_NOT_FOUND && !s->rc) {
        s->rc = op->rc;
        s->err = op->e;
    }
    bool goes_on = !s->rc && s->next < s->list->count && s->bytes < FULL_BYTES;
    if (goes_on) {
        read_one(c, r->lane);
    } else if (!s->running) {
        answer_full(c);
    }
}

static void read_one(struct api_call *c, struct arena *lane)
{
    struct children_call *s = c->state;
    struct full_read *r = arena_alloc(lane, sizeof *r);
    store_init(&r->get.op, sizeof r->get, STORE_GET_JOB, lane);
    r->get.op.owner = c;
    r->get.op.done = on_read;
    r->get.tenant = c->tenant;
    r->get.id = s->list->jobs[s->next].id;
    r->lane = lane;
    r->at = s->next++;
    s->running++;
    api_submit(c, &r->get.op);
}

static void read_full(struct api_call *c)
{
    struct children_call *s = c->state;
    s->jobs = arena_array(c->a, struct job *, s->list->count + 1);
    for (size_t i = 0; i < LANES; i++) {
        s->lanes[i] = arena_new();
    }
    for (size_t i = 0; i < LANES && i < s->list->count; i++) {
        read_one(c, s->lanes[i]);
    }
    if (!s->list->count) {
        answer_full(c);
    }
}

static void on_listed(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct children_call *s = c->state;
    if (api_failed(c, op)) {
        return;
    }
    if (s->is_full) {
        read_full(c);
    } else {
        answer(c);
    }
}

void api_list_children(struct api_call *c)
{
    struct store_list_children *op = api_op(c, sizeof *op, STORE_LIST_CHILDREN, on_listed);
    struct children_call *s = arena_alloc(c->a, sizeof *s);
    struct str cursor;

    *s = (struct children_call){.list = op};
    s->canonical = arena_printf(c->a, "children %s", id_text(c->job).s);
    op->tenant = c->tenant;
    op->job_id = c->job;
    op->limit = PAGE_DEFAULT;
    c->state = s;
    if (!api_query_int(c, "limit", 1, PAGE_MAX, &op->limit) || !api_query_bool(c, "full", &s->is_full)) {
        return;
    }
    if (http_query_param(c->x, STR("cursor"), &cursor) &&
        !api_cursor_parse(c, s->canonical, cursor, &op->cursor)) {
        return;
    }
    api_submit(c, &op->op);
}
