/* matrix.c: matrices, what batches are filled with, and the jobs behind a batch: what schedules and batches share. */
#include "wire/wire.h"

/* In a tree of its own: a dimension may be called by a name whose values elsewhere are carried only. */
enum rc wire_matrix_read(const struct json *v, struct arena *a, struct matrix *out, struct err *e)
{
    static const struct str none[] = {STR_NONE};
    struct json_budget budget = wire_budget();
    struct json *own = NULL;

    budget.opaque = none;
    enum rc rc = json_parse_within(v->raw, &budget, a, &own, e);
    if (!rc) {
        rc = matrix_read(own, a, out, e);
    }
    return wire_in_member(e, rc, STR("matrix"));
}

static enum rc read_item(const struct json *v, struct arena *a, struct job_spec *out, struct err *e)
{
    static const struct str after_batch[] = {BATCH_REF};
    enum rc rc = wire_spec_read(v, a, out, e);

    if (rc == RC_OK && !id_is_zero(out->batch)) {
        rc = wire_invalid(e, "batch", "these jobs belong to the new batch, or run after it");
    }
    if (rc == RC_OK && out->depends_count) {
        rc = wire_invalid(e, "depends_on", "jobs of finally depend on the batch");
    }
    out->depends_on = after_batch;
    out->depends_count = 1;
    out->is_finaliser = true;
    return rc;
}

enum rc wire_finally_read(const struct json *v, struct arena *a, struct job_spec *out, struct err *e)
{
    size_t n = 0;

    if (v->type != JSON_ARRAY || v->count > WIRE_FINALLY_MAX) {
        return wire_invalid(e, "finally", "finally must be an array of at most %d jobs", WIRE_FINALLY_MAX);
    }
    for (const struct json *c = v->first; c; c = c->next, n++) {
        enum rc rc = read_item(c, a, &out[n], e);
        if (rc) {
            return wire_in_member(e, wire_in_item(e, rc, n), STR("finally"));
        }
    }
    return RC_OK;
}

static enum rc read_job(const struct json *v, struct arena *a, void *to, struct err *e)
{
    return wire_in_member(e, wire_spec_read(v, a, &((struct batch_filling *)to)->job, e), STR("job"));
}

static enum rc read_matrix(const struct json *v, struct arena *a, void *to, struct err *e)
{
    return wire_matrix_read(v, a, &((struct batch_filling *)to)->matrix, e);
}

#define AT(member) offsetof(struct batch_filling, member)

static const struct wire_field filling_fields[] = {
    {STR("schedule"), WIRE_STR, AT(schedule), 0, SCHEDULE_NAME_MAX_BYTES, NULL},
    {STR("tick"), WIRE_INT, AT(tick), 0, INT64_MAX, NULL},
    {STR("job"), WIRE_CUSTOM, 0, 0, 0, read_job},
    {STR("matrix"), WIRE_CUSTOM, 0, 0, 0, read_matrix},
};

enum rc wire_filling_parse(struct str text, struct arena *a, struct batch_filling *out, struct err *e)
{
    struct batch_filling f = {.tick = 0};
    struct json_budget budget = wire_budget();
    struct json *v = NULL;
    enum rc rc = json_parse_within(text, &budget, a, &v, e);

    if (!rc) {
        rc = wire_read(v, WIRE_SHAPE(filling_fields), a, &f, NULL, e);
    }
    if (!rc && !f.matrix.count) {
        rc = wire_invalid(e, "matrix", "matrix is missing");
    }
    if (!rc) {
        *out = f;
    }
    return rc;
}
