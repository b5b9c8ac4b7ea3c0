/* claim.c: how a worker asks for jobs. */
#include "wire/wire.h"

#include "wire/put.h"

#define CLAIM_LISTS_MAX   100 /* queues or kinds of one claim */
#define CLAIM_JOBS_MAX    1000
#define CLAIM_WAIT_MAX_MS 60000

static enum rc read_list(const struct json *v, const char *name, struct arena *a, const struct str **out,
                         size_t *count, struct err *e)
{
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > CLAIM_LISTS_MAX) {
        return wire_invalid(e, name, "%s must be an array of at most %d names", name, CLAIM_LISTS_MAX);
    }
    struct str *names = arena_array(a, struct str, v->count + 1);
    for (const struct json *c = v->first; c; c = c->next) {
        if (c->type != JSON_STRING || !str_is_name(c->s)) {
            return wire_invalid(e, name, "%s must hold names: 1 to 128 of A-Z a-z 0-9 . _ : -", name);
        }
        names[n++] = c->s;
    }
    *out = names;
    *count = n;
    return RC_OK;
}

static enum rc read_queues(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct wire_claim *c = to;
    enum rc rc = read_list(v, "queues", a, &c->queues, &c->queue_count, e);

    if (rc == RC_OK && c->queue_count == 0) {
        return wire_invalid(e, "queues", "queues must name at least one queue");
    }
    return rc;
}

static enum rc read_kinds(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct wire_claim *c = to;

    return read_list(v, "kinds", a, &c->kinds, &c->kind_count, e);
}

#define AT(member) offsetof(struct wire_claim, member)

static const struct wire_field claim_fields[] = {
    {STR("worker"), WIRE_STR, AT(worker), 1, JOB_NAME_MAX_BYTES, NULL},
    {STR("queues"), WIRE_CUSTOM, 0, 0, 0, read_queues},
    {STR("kinds"), WIRE_CUSTOM, 0, 0, 0, read_kinds},
    {STR("max"), WIRE_INT, AT(max), 0, CLAIM_JOBS_MAX, NULL},
    {STR("wait_s"), WIRE_SECONDS, AT(wait_ms), 0, CLAIM_WAIT_MAX_MS, NULL},
    {STR("lease_s"), WIRE_SECONDS, AT(lease_ms), JOB_LEASE_MIN_MS, JOB_LEASE_MAX_MS, NULL},
};

enum rc wire_claim_read(const struct json *v, struct arena *a, struct wire_claim *out, struct err *e)
{
    static const struct str default_queue[] = {STR("default")};
    struct wire_claim c = {.max = 1, .queues = default_queue, .queue_count = 1};
    enum rc rc = wire_read(v, WIRE_SHAPE(claim_fields), a, &c, NULL, e);

    if (rc) {
        return rc;
    }
    if (c.worker.n == 0) {
        return wire_invalid(e, "worker", "worker is missing: a name for people, such as host:pid");
    }
    *out = c;
    return RC_OK;
}

static void write_list(struct json_out *w, const char *name, const struct str *names, size_t count)
{
    json_name(w, name);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, names[i]);
    }
    json_array_end(w);
}

void wire_claim_write(struct json_out *w, const struct wire_claim *c)
{
    json_object_begin(w);
    json_put_str(w, "worker", c->worker);
    if (c->queue_count > 0) {
        write_list(w, "queues", c->queues, c->queue_count);
    }
    if (c->kind_count > 0) {
        write_list(w, "kinds", c->kinds, c->kind_count);
    }
    json_put_int(w, "max", c->max);
    if (c->wait_ms > 0) {
        wire_put_seconds(w, "wait_s", c->wait_ms);
    }
    if (c->lease_ms > 0) {
        wire_put_seconds(w, "lease_s", c->lease_ms);
    }
    json_object_end(w);
}
