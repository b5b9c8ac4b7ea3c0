/* children.c: GET /v1/jobs/{id}/children: what hangs under a job: how many are in which state, and the jobs, oldest first; with ?full=true
 * each as GET /v1/jobs/{id} has it, and to whoever accepts NDJSON a line for each that is final; and …/children/artifacts/{name}: the
 * bytes of that artifact of each of them. For both the store is asked for several at once, each in memory of its own. */
#include "api/call.h"

#include <string.h>

#define PAGE_DEFAULT 50
#define PAGE_MAX     1000
#define LANES        8
#define FULL_BYTES                                                                                           \
    (8 << 20) /* a page of whole jobs, or of artifacts, ends when it has so many bytes of them */
#define LINE_BYTES 100

struct children_call { /* c->state */
    struct store_list_children *list;
    struct str canonical;
    bool is_full, is_lines;      /* is_lines: a line for each */
    struct str artifact;         /* "" = whole jobs are wanted */
    struct arena *lanes[LANES];  /* what was read lives in them until the answer is written */
    struct job **jobs;           /* of the list; NULL: it is gone meanwhile */
    struct artifact **artifacts; /* likewise; NULL: it has none of that name */
    size_t next, running, bytes;
    struct err err;
    enum rc rc;
};

struct full_read {
    struct store_get_job get;
    struct store_get_artifact get_artifact;
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

/* ---- a line of JSON for each that is final */

static void answer_lines(struct api_call *c)
{
    struct children_call *s = c->state;
    struct str next = api_cursor_text(c, s->canonical, s->list->next_cursor);
    struct json_out lines = api_json(c);
    for (size_t i = 0; i < s->list->count; i++) {
        const struct job *j = s->jobs[i];
        if (j && job_state_is_final(j->state) && api_queue_allowed(&c->key, j->queue)) {
            struct json_out w = json_writer(lines.out);
            size_t from = lines.out->n;
            wire_job_write(&w, j, WIRE_JOB_FULL);
            api_end_line(lines.out, from);
        }
    }
    if (next.n) {
        http_header(c->x, STR("Stint-Next-Cursor"), next);
    }
    api_answer_lines(c);
}

/* ---- artifacts: a line for each, and behind it its bytes */

/* One that is a file is only named: whoever wants it asks for it by itself. */
static size_t put_artifact(char *to, const struct artifact *f)
{
    bool is_file = f->path.n > 0;
    size_t n = str_print(to, LINE_BYTES, "%s %lld%s\n", id_text(f->job).s, (long long)f->size,
                         is_file ? " alone" : "");
    if (!is_file && f->bytes.n) {
        memcpy(to + n, f->bytes.p, f->bytes.n);
        n += f->bytes.n;
    }
    return n;
}

static void answer_artifacts(struct api_call *c)
{
    const struct children_call *s = c->state;
    struct str next = api_cursor_text(c, s->canonical, s->list->next_cursor);
    size_t room = s->bytes + s->list->count * LINE_BYTES + 1;
    char *bytes = mem_grow(NULL, room); /* of the arena it would be zeroed first */
    size_t n = 0;
    arena_own(c->a, bytes, room);
    for (size_t i = 0; i < s->list->count; i++) {
        if (s->artifacts[i] && api_queue_allowed(&c->key, s->list->jobs[i].queue)) {
            n += put_artifact(bytes + n, s->artifacts[i]);
        }
    }
    if (next.n) {
        http_header(c->x, STR("Stint-Next-Cursor"), next);
    }
    http_header(c->x, STR("X-Content-Type-Options"), STR("nosniff"));
    http_respond(c->x, 200, STR("application/octet-stream"), (struct str){bytes, n});
}

/* ---- reading of each of the list */

static void read_next(struct api_call *c, struct arena *lane);

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
    } else if (s->artifact.n) {
        answer_artifacts(c);
    } else if (s->is_lines) {
        answer_lines(c);
    } else {
        answer(c);
    }
    for (size_t i = 0; i < LANES; i++) {
        arena_free(lanes[i]);
    }
}

static void was_read(struct api_call *c, struct full_read *r, const struct store_op *op)
{
    struct children_call *s = c->state;
    s->running--;
    if (op->rc != RC_OK && op->rc != RC_NOT_FOUND && !s->rc) {
        s->rc = op->rc;
        s->err = op->e;
    }
    read_next(c, r->lane);
    if (!s->running) {
        answer_full(c);
    }
}

static void on_read(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct children_call *s = c->state;
    struct full_read *r = LOOP_OWNER(op, struct full_read, get.op);
    if (op->rc == RC_OK) {
        s->jobs[r->at] = r->get.job;
        s->bytes += r->get.job->result.n + r->get.job->args.n;
    }
    was_read(c, r, op);
}

static void on_artifact(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct children_call *s = c->state;
    struct full_read *r = LOOP_OWNER(op, struct full_read, get_artifact.op);
    if (op->rc == RC_OK) {
        s->artifacts[r->at] = &r->get_artifact.artifact;
        s->bytes += r->get_artifact.artifact.bytes.n;
    }
    was_read(c, r, op);
}

static void read_job(struct api_call *c, struct full_read *r, struct id id)
{
    store_init(&r->get.op, sizeof r->get, STORE_GET_JOB, r->lane);
    r->get.op.owner = c;
    r->get.op.done = on_read;
    r->get.tenant = c->tenant;
    r->get.id = id;
    api_submit(c, &r->get.op);
}

static void read_artifact(struct api_call *c, struct full_read *r, struct id id)
{
    const struct children_call *s = c->state;
    store_init(&r->get_artifact.op, sizeof r->get_artifact, STORE_GET_ARTIFACT, r->lane);
    r->get_artifact.op.owner = c;
    r->get_artifact.op.done = on_artifact;
    r->get_artifact.tenant = c->tenant;
    r->get_artifact.job = id;
    r->get_artifact.name = s->artifact;
    api_submit(c, &r->get_artifact.op);
}

static void read_next(struct api_call *c, struct arena *lane)
{
    struct children_call *s = c->state;
    if (s->rc || s->next == s->list->count || s->bytes >= FULL_BYTES) {
        return;
    }
    struct full_read *r = arena_alloc(lane, sizeof *r);
    const struct job *j = &s->list->jobs[s->next];
    r->lane = lane;
    r->at = s->next++;
    s->running++;
    if (s->artifact.n) {
        read_artifact(c, r, j->id);
    } else {
        read_job(c, r, j->id);
    }
}

static void read_full(struct api_call *c)
{
    struct children_call *s = c->state;
    s->jobs = arena_array(c->a, struct job *, s->list->count + 1);
    s->artifacts = arena_array(c->a, struct artifact *, s->list->count + 1);
    for (size_t i = 0; i < LANES; i++) {
        s->lanes[i] = arena_new();
    }
    for (size_t i = 0; i < LANES; i++) {
        read_next(c, s->lanes[i]);
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
    if (s->is_full || s->artifact.n) {
        read_full(c);
    } else {
        answer(c);
    }
}

static void list(struct api_call *c, const char *of, struct str artifact)
{
    struct store_list_children *op = api_op(c, sizeof *op, STORE_LIST_CHILDREN, on_listed);
    struct children_call *s = arena_alloc(c->a, sizeof *s);
    struct str cursor;

    *s = (struct children_call){.list = op, .artifact = artifact};
    s->canonical = arena_printf(c->a, "%s %s", of, id_text(c->job).s);
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
    if (s->is_full && !artifact.n) {
        struct str accept = http_request_header(c->x, STR("Accept"));
        s->is_lines = str_find(accept, STR("application/x-ndjson"), 0) < accept.n;
        http_header(c->x, STR("Vary"), STR("Accept"));
    }
    api_submit(c, &op->op);
}

void api_list_children(struct api_call *c)
{
    list(c, "children", STR(""));
}

void api_list_child_artifacts(struct api_call *c)
{
    if (api_param_is_text(c, 1)) {
        list(c, "child artifacts", c->params[1]);
    }
}
