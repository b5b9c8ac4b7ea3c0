/* batch.c: what people say of a batch, and what is told of it. openapi.json describes the same. */
#include "base/clock.h"
#include "wire/put.h"
#include "wire/wire.h"

static enum rc read_labels(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct wire_batch *b = to;
    (void)a;
    for (const struct json *c = v->type == JSON_OBJECT ? v->first : v; c; c = c->next) {
        if (c->type != JSON_STRING) {
            return wire_invalid(e, "labels", "labels must be an object of texts");
        }
    }
    b->plan.labels = v->raw;
    return RC_OK;
}

static enum rc read_jobs(const struct json *v, struct arena *a, struct job_spec *to, struct err *e)
{
    size_t n = 0;
    if (v->type != JSON_ARRAY || v->count > WIRE_ITEMS_MAX) {
        return wire_invalid(e, "jobs", "jobs must be an array of at most %d jobs", WIRE_ITEMS_MAX);
    }
    for (const struct json *c = v->first; c; c = c->next, n++) {
        enum rc rc = wire_spec_read(c, a, &to[n], e);
        if (rc == RC_OK && !id_is_zero(to[n].batch)) {
            rc = wire_invalid(e, "batch", "these jobs belong to the new batch, or run after it");
        }
        if (rc) {
            return wire_in_member(e, wire_in_item(e, rc, n), STR("jobs"));
        }
    }
    return RC_OK;
}

#define AT(member) offsetof(struct wire_batch, plan.member)

static enum rc keep(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)v;
    (void)a;
    (void)to;
    (void)e;
    return RC_OK; /* read when all members are known */
}

static const struct wire_field batch_fields[] = {
    {STR("name"), WIRE_STR, AT(name), 1, BATCH_NAME_MAX_BYTES, NULL},
    {STR("labels"), WIRE_CUSTOM, 0, 0, 0, read_labels},
    {STR("max_jobs"), WIRE_INT, AT(max_jobs), 1, BATCH_JOBS_MAX, NULL},
    {STR("closed"), WIRE_BOOL, AT(is_closed), 0, 0, NULL},
    {STR("jobs"), WIRE_CUSTOM, 0, 0, 0, keep},
    {STR("finally"), WIRE_CUSTOM, 0, 0, 0, keep},
    {STR("job"), WIRE_CUSTOM, 0, 0, 0, keep},
    {STR("matrix"), WIRE_CUSTOM, 0, 0, 0, keep},
};

static enum rc read_filling(const struct json *job, const struct json *matrix, struct arena *a,
                            struct wire_batch *b, struct err *e)
{
    struct batch_filling *f = &b->filling;
    struct buf text = BUF_LIMIT(SIZE_MAX);
    struct json_out w = json_writer(&text);

    if (!job || !matrix || b->plan.max_jobs) {
        return wire_invalid(e, matrix ? job ? "max_jobs" : "job" : "matrix",
                            "matrix goes with job, and without max_jobs");
    }
    enum rc rc = wire_in_member(e, wire_spec_read(job, a, &f->job, e), STR("job"));
    rc = rc ? rc : wire_matrix_read(matrix, a, &f->matrix, e);
    if (!rc) {
        rc = wire_in_member(e, batch_filling_check(f, e), STR("job"));
    }
    json_object_begin(&w);
    json_put_raw(&w, "job", job->raw);
    json_put_raw(&w, "matrix", matrix->raw);
    json_object_end(&w);
    b->plan.filling = f;
    b->plan.filling_text = arena_str(a, buf_str(&text));
    b->plan.is_closed = true;
    buf_dispose(&text);
    return rc;
}

enum rc wire_batch_read(const struct json *v, struct arena *a, struct wire_batch *out, struct err *e)
{
    enum rc rc = wire_read(v, WIRE_SHAPE(batch_fields), a, out, NULL, e);
    if (rc) {
        return rc;
    }
    const struct json *jobs = json_get(v, STR("jobs")), *finally = json_get(v, STR("finally"));
    size_t room = 1 + (jobs && jobs->type == JSON_ARRAY ? jobs->count : 0) + WIRE_FINALLY_MAX;
    out->specs = arena_array(a, struct job_spec, room);
    out->specs[0] = (struct job_spec){.plan = &out->plan, .ref = BATCH_REF};
    if (jobs) {
        rc = read_jobs(jobs, a, out->specs + 1, e);
    }
    for (size_t i = 0; jobs && i < jobs->count && !rc; i++) {
        out->specs[1 + i].joins_first = true;
        out->job_count++;
    }
    if (!rc && finally) {
        rc = wire_finally_read(finally, a, out->specs + 1 + out->job_count, e);
        out->finally_count = rc ? 0 : finally->count;
    }
    const struct json *job = json_get(v, STR("job")), *matrix = json_get(v, STR("matrix"));
    if (!rc && jobs && matrix) {
        rc = wire_invalid(e, "jobs", "a batch has jobs or a matrix");
    }
    return rc || !(job || matrix) ? rc : read_filling(job, matrix, a, out, e);
}

static void write_progress(struct json_out *w, const struct batch *b, int64_t now)
{
    const struct batch_progress p = batch_progress(b, now);
    json_name(w, "pct");
    if (p.permille < 0) {
        json_null(w);
    } else if (p.permille % 10 == 0) {
        json_int(w, p.permille / 10);
    } else {
        json_real(w, (double)p.permille / 10);
    }
    json_name(w, "eta_s");
    if (p.eta_ms < 0) {
        json_null(w);
    } else {
        json_int(w, (p.eta_ms + 999) / 1000);
    }
}

void wire_batch_progress_write(struct json_out *w, const struct batch *b, int64_t now)
{
    json_object_begin(w);
    json_put_c(w, "state", batch_state_name(b->state));
    json_put_int(w, "round", b->round);
    wire_children_members(w, &b->counts);
    write_progress(w, b, now);
    json_object_end(w);
}

void wire_batch_write(struct json_out *w, const struct batch *b, int64_t now)
{
    json_object_begin(w);
    json_put_id(w, "id", b->id);
    wire_put_text(w, "name", b->name);
    json_put_raw(w, "labels", b->labels);
    json_put_c(w, "state", batch_state_name(b->state));
    json_put_bool(w, "cancelled", b->is_cancelled);
    wire_put_text(w, "error", b->error);
    json_put_int(w, "round", b->round);
    json_name(w, "max_jobs");
    if (b->max_jobs) {
        json_int(w, b->max_jobs);
    } else {
        json_null(w);
    }
    json_name(w, "counts");
    json_object_begin(w);
    wire_children_members(w, &b->counts);
    json_object_end(w);
    write_progress(w, b, now);
    json_put_time(w, "created_at", b->created_at);
    json_put_time(w, "run_at", b->fill_at > now ? b->fill_at : 0);
    json_put_time(w, "finished_at", b->finished_at);
    json_object_end(w);
}

void wire_result_write(struct json_out *w, const struct job *j)
{
    json_object_begin(w);
    json_put_id(w, "job", j->id);
    json_put_str(w, "kind", j->kind);
    wire_put_text(w, "unique_key", j->unique_key);
    json_name(w, "tags");
    json_raw(w, j->tags.n ? j->tags : STR("[]"));
    json_put_c(w, "state", job_state_name(j->state));
    json_put_raw(w, "result", j->result);
    json_name(w, "error");
    if (j->has_error && j->state != JOB_COMPLETED) {
        wire_error_write(w, &j->error);
    } else {
        json_null(w);
    }
    json_put_time(w, "finished_at", j->finished_at);
    json_object_end(w);
}
