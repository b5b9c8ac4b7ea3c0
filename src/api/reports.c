/* reports.c: POST /v1/reports: what workers say about jobs under their leases. An object is answered by the status of its
 * verdict; an array always by 200 with one verdict an item, so that one lost lease spoils nothing. */
#include "api/call.h"

struct reports {
    bool is_single;
    size_t count;
    struct report *items;           /* all of them, for the answer */
    struct report_verdict *refused; /* by item; NULL when none was */
    struct report *good;
    size_t *at;
    size_t good_count;
};

static void refuse(struct api_call *c, struct reports *r, size_t i, enum rc rc, const struct err *e)
{
    if (!r->refused) {
        r->refused = arena_array(c->a, struct report_verdict, r->count);
    }
    r->refused[i].rc = rc;
    r->refused[i].e = *e;
}

/* The id is read once more, alone: the verdict of a bad item should name its job all the same. */
static struct id job_of(const struct json *v)
{
    const struct json *job = json_get(v, STR("job"));
    struct id id = {0};

    if (job && job->type == JSON_STRING && !id_parse(job->s, &id)) {
        id = (struct id){0};
    }
    return id;
}

/* The reader of the wire has no hash; see core/report.h. */
static void hash_artifacts(struct api_call *c, struct report *item)
{
    struct report_artifact *hashed = arena_array(c->a, struct report_artifact, item->artifact_count);

    for (size_t i = 0; i < item->artifact_count; i++) {
        hashed[i] = item->artifacts[i];
        api_sha256(hashed[i].bytes, hashed[i].sha256);
    }
    item->artifacts = hashed;
}

static void read_items(struct api_call *c, struct reports *r)
{
    const struct json *v = r->is_single ? c->json : c->json->first;
    bool is_guest = !api_is_operator(c);

    for (size_t i = 0; i < r->count; i++, v = v->next) {
        struct err e;
        enum rc rc = wire_report_read(v, c->a, &r->items[i], &e);
        if (!rc && r->items[i].artifact_count) {
            hash_artifacts(c, &r->items[i]);
        }
        if (rc) {
            refuse(c, r, i, rc, &e);
            r->items[i] = (struct report){.job = job_of(v)};
        }
        r->items[i].is_guest = is_guest;
    }
}

/* The store gets the good ones only; without bad ones that is the same array. */
static void pack(struct api_call *c, struct reports *r)
{
    r->good = r->items;
    r->good_count = r->count;
    if (!r->refused) {
        return;
    }
    r->good = arena_array(c->a, struct report, r->count);
    r->good_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->refused[i].rc == RC_OK) {
            r->good[r->good_count++] = r->items[i];
        }
    }
}

static void answer_one(struct api_call *c, const struct report *item, const struct report_verdict *v)
{
    struct json_out w = api_json(c);

    wire_report_verdict_write(&w, item, v);
    if (v->rc) {
        api_answer_problem(c, wire_status(v->rc, v->e.code));
    } else {
        api_answer(c, 200);
    }
}

static void answer_all(struct api_call *c, const struct reports *r, const struct report_verdict *stored)
{
    struct json_out w = api_json(c);
    size_t next = 0;

    json_object_begin(&w);
    json_name(&w, "verdicts");
    json_array_begin(&w);
    for (size_t i = 0; i < r->count; i++) {
        bool is_refused = r->refused && r->refused[i].rc;
        wire_report_verdict_write(&w, &r->items[i], is_refused ? &r->refused[i] : &stored[next++]);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

static void on_reported(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct reports *r = c->state;
    struct store_report *op = LOOP_OWNER(done, struct store_report, op);

    if (api_failed(c, done)) {
        return;
    }
    if (r->is_single) {
        answer_one(c, &r->items[0], &op->verdicts[0]);
    } else {
        answer_all(c, r, op->verdicts);
    }
}

void api_report(struct api_call *c)
{
    struct reports *r = arena_alloc(c->a, sizeof *r);

    c->state = r;
    r->is_single = c->json->type != JSON_ARRAY;
    r->count = r->is_single ? 1 : c->json->count;
    if (r->count == 0) {
        api_fail(c, RC_INVALID, "invalid_field", NULL, "there is no report in the body");
        return;
    }
    if (r->count > WIRE_ITEMS_MAX) {
        api_fail(c, RC_TOO_BIG, NULL, NULL, "%zu reports in one call; at most %d are allowed", r->count,
                 WIRE_ITEMS_MAX);
        return;
    }
    r->items = arena_array(c->a, struct report, r->count);
    read_items(c, r);
    pack(c, r);
    if (r->is_single && r->refused) {
        api_problem(c, r->refused[0].rc, &r->refused[0].e);
        return;
    }
    if (r->good_count == 0) {
        answer_all(c, r, NULL);
        return;
    }
    struct store_report *op = api_op(c, sizeof *op, STORE_REPORT, on_reported);
    op->tenant = c->tenant;
    op->only_queues = c->key.queues;
    op->items = r->good;
    op->count = r->good_count;
    api_submit(c, &op->op);
}
