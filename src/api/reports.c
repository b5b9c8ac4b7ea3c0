/* reports.c: POST /v1/reports: what workers say about jobs under their leases. An object is answered by the status of its
 * verdict; an array always by 200 with one verdict an item, so that one lost lease spoils nothing. */
#include "api/call.h"

struct reports {
    bool is_single;
    size_t count;
    struct report *items; /* all of them */
    struct report_verdict *verdicts;
    const int64_t *tenants; /* of each; NULL: of the caller. 0: refused, its verdict is there */
    size_t next;            /* the first of which the store has not been asked */
    size_t pending;
    const struct store_op *failed;
};

struct part { /* those of one tenant */
    struct store_report op;
    size_t *at;
};

static void refuse(struct reports *r, size_t i, enum rc rc, const struct err *e)
{
    r->verdicts[i].rc = rc;
    r->verdicts[i].e = *e;
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
    bool is_guest = api_is_of_all(c) || !api_is_operator(c);

    for (size_t i = 0; i < r->count; i++, v = v->next) {
        struct err e;
        enum rc rc = wire_report_read(v, c->a, &r->items[i], &e);
        if (!rc && r->items[i].artifact_count) {
            hash_artifacts(c, &r->items[i]);
        }
        if (rc) {
            refuse(r, i, rc, &e);
            r->items[i] = (struct report){.job = job_of(v)};
        }
        r->items[i].is_guest = is_guest;
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

static void answer_all(struct api_call *c, const struct reports *r)
{
    struct json_out w = api_json(c);

    json_object_begin(&w);
    json_name(&w, "verdicts");
    json_array_begin(&w);
    for (size_t i = 0; i < r->count; i++) {
        wire_report_verdict_write(&w, &r->items[i], &r->verdicts[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_answer(c, 200);
}

static void answer(struct api_call *c, const struct reports *r)
{
    if (r->failed && api_failed(c, r->failed)) {
        return;
    }
    if (r->is_single) {
        answer_one(c, &r->items[0], &r->verdicts[0]);
    } else {
        answer_all(c, r);
    }
}

/* ---- to the store, tenant by tenant: each is an operation of its own, and they run together */

static void on_reported(struct store_op *done)
{
    struct api_call *c = done->owner;
    struct reports *r = c->state;
    struct part *p = LOOP_OWNER(done, struct part, op.op);

    for (size_t i = 0; i < p->op.count && !done->rc; i++) {
        r->verdicts[p->at ? p->at[i] : i] = p->op.verdicts[i];
    }
    r->failed = done->rc ? done : r->failed;
    if (done->a != c->a) {
        arena_join(c->a, done->a);
    }
    if (--r->pending == 0) {
        answer(c, r);
    }
}

static int64_t tenant_of(const struct api_call *c, const struct reports *r, size_t i)
{
    return r->verdicts[i].rc ? 0 : r->tenants ? r->tenants[i] : c->tenant;
}

/* Into p, without an array of their own where they are all there are. */
static void pick(const struct api_call *c, struct reports *r, bool *is_sent, struct part *p)
{
    struct arena *a = p->op.op.a;
    struct report *items = NULL;
    size_t count = 0;

    for (size_t i = r->next; i < r->count; i++) {
        count += tenant_of(c, r, i) == p->op.tenant;
    }
    p->op.items = r->items;
    p->op.count = count;
    if (count == r->count) {
        r->next = count;
        return;
    }
    p->op.items = items = arena_array(a, struct report, count);
    p->at = arena_array(a, size_t, count);
    for (size_t i = r->next, n = 0; n < count; i++) {
        if (tenant_of(c, r, i) == p->op.tenant) {
            is_sent[i] = true;
            p->at[n] = i;
            items[n++] = r->items[i];
        }
    }
}

/* All of the tenant that the next one has. */
static void send_part(struct api_call *c, struct reports *r, bool *is_sent)
{
    struct arena *a = r->tenants ? arena_new() : c->a;
    struct part *p = arena_alloc(a, sizeof *p);

    store_init(&p->op.op, sizeof p->op, STORE_REPORT, a);
    p->op.op.owner = c;
    p->op.op.done = on_reported;
    p->op.tenant = tenant_of(c, r, r->next);
    p->op.only_queues = c->key.queues;
    pick(c, r, is_sent, p);
    r->pending++;
    api_submit(c, &p->op.op);
}

static void send_parts(struct api_call *c, struct reports *r)
{
    bool *is_sent = arena_array(c->a, bool, r->count);

    for (; r->next < r->count; r->next++) {
        if (!is_sent[r->next] && !r->verdicts[r->next].rc) {
            send_part(c, r, is_sent);
        }
    }
    if (r->pending == 0) {
        answer(c, r);
    }
}

/* ---- under a key for all tenants: whose are they? */

static void on_found(struct store_op *op)
{
    struct api_call *c = op->owner;
    struct reports *r = c->state;
    const struct lease_place *places = LOOP_OWNER(op, struct store_find_leases, op)->places;
    int64_t *tenants = arena_array(c->a, int64_t, r->count);

    if (api_failed(c, op)) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct err e = {0};
        tenants[i] = places[i].tenant;
        if (!r->verdicts[i].rc && !tenants[i]) {
            refuse(r, i, api_lease_lost(&e), &e);
        }
    }
    r->tenants = tenants;
    send_parts(c, r);
}

static void find_tenants(struct api_call *c, struct reports *r)
{
    struct lease_name *names = arena_array(c->a, struct lease_name, r->count);

    for (size_t i = 0; i < r->count; i++) {
        names[i] = (struct lease_name){r->items[i].job, r->items[i].lease};
    }
    api_find_leases(c, names, r->count, on_found);
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
    r->verdicts = arena_array(c->a, struct report_verdict, r->count);
    read_items(c, r);
    if (r->is_single && r->verdicts[0].rc) {
        api_problem(c, r->verdicts[0].rc, &r->verdicts[0].e);
    } else if (api_is_of_all(c)) {
        find_tenants(c, r);
    } else {
        send_parts(c, r);
    }
}
