/* children.c: GET /v1/jobs/{id}/children: what hangs under a job: how many are in which state, and the jobs, oldest first. */
#include "api/call.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX     1000

static void on_listed(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct store_list_children *list = LOOP_OWNER(op, struct store_list_children, op);

    if (api_failed(c, op)) {
        return;
    }
    struct str *canonical = c->state;
    struct str next = api_cursor_text(c, *canonical, list->next_cursor);
    struct json_out w = api_json(c);
    json_object_begin(&w);
    json_name(&w, "counts");
    json_object_begin(&w);
    wire_children_members(&w, &list->counts);
    json_object_end(&w);
    json_name(&w, "jobs");
    json_array_begin(&w);
    for (size_t i = 0; i < list->count; i++) {
        if (api_queue_allowed(&c->key, list->jobs[i].queue)) { /* children may stand in other queues */
            wire_job_write(&w, &list->jobs[i], WIRE_JOB_LIST);
        }
    }
    json_array_end(&w);
    wire_put_text(&w, "next_cursor", next);
    json_object_end(&w);
    api_answer(c, 200);
}

void api_list_children(struct api_call *c)
{
    struct store_list_children *op = api_op(c, sizeof *op, STORE_LIST_CHILDREN, on_listed);
    struct str *canonical = arena_alloc(c->a, sizeof *canonical);
    struct str cursor;

    *canonical = arena_printf(c->a, "children %s", id_text(c->job).s);
    op->tenant = c->tenant;
    op->job_id = c->job;
    op->limit = PAGE_DEFAULT;
    c->state = canonical;
    if (!api_query_int(c, "limit", 1, PAGE_MAX, &op->limit)) {
        return;
    }
    if (http_query_param(c->x, STR("cursor"), &cursor) &&
        !api_cursor_parse(c, *canonical, cursor, &op->cursor)) {
        return;
    }
    api_submit(c, &op->op);
}
