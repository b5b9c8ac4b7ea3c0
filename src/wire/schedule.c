/* schedule.c: what people say of a schedule. The rows below are the members of PUT /v1/schedules/{name}; openapi.json describes
 * the same. */
#include "wire/put.h"
#include "wire/wire.h"

#define TZ_BYTES         64
#define MERGED_MAX_BYTES (8 << 20) /* two bodies, each within the route's limit, and more */

static enum rc read_overlap(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING || !schedule_overlap_parse(v->s, &((struct schedule_plan *)to)->overlap)) {
        return wire_invalid(e, "overlap", "overlap must be allow, skip or cancel_previous");
    }
    return RC_OK;
}

static enum rc read_catch_up(const struct json *v, struct arena *a, void *to, struct err *e)
{
    (void)a;
    if (v->type != JSON_STRING ||
        !schedule_catch_up_parse(v->s, &((struct schedule_plan *)to)->catch_up.what)) {
        return wire_invalid(e, "catch_up", "catch_up must be skip, run_once or run_all");
    }
    return RC_OK;
}

static enum rc read_job(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct schedule_plan *p = to;
    enum rc rc = wire_spec_read(v, a, &p->job, e);

    if (rc == RC_OK && p->job.depends_count) {
        rc = wire_invalid(e, "depends_on", "depends_on is not for the job of a schedule");
    }
    if (rc == RC_OK && !id_is_zero(p->job.batch)) {
        rc = wire_invalid(e, "batch", "batch is not for the job of a schedule");
    }
    p->job_json = v->raw;
    return wire_in_member(e, rc, STR("job"));
}

static enum rc read_matrix(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct schedule_plan *p = to;

    p->matrix_json = v->raw;
    return wire_matrix_read(v, a, &p->matrix, e);
}

static enum rc read_finally(const struct json *v, struct arena *a, void *to, struct err *e)
{
    struct schedule_plan *p = to;
    struct job_spec *specs = arena_array(a, struct job_spec, v->count + 1);

    p->finally = specs;
    p->finally_count = v->count;
    p->finally_json = v->raw;
    return wire_finally_read(v, a, specs, e);
}

#define AT(member) offsetof(struct schedule_plan, member)

static const struct wire_field plan_fields[] = {
    {STR("cron"), WIRE_STR, AT(cron), 1, CRON_MAX_BYTES, NULL},
    {STR("tz"), WIRE_STR, AT(tz), 1, TZ_BYTES, NULL},
    {STR("every_s"), WIRE_SECONDS, AT(every_ms), SCHEDULE_EVERY_MIN_MS, SCHEDULE_EVERY_MAX_MS, NULL},
    {STR("start"), WIRE_TIME, AT(start_at), 0, 0, NULL},
    {STR("end"), WIRE_TIME, AT(end_at), 0, 0, NULL},
    {STR("jitter_s"), WIRE_SECONDS, AT(jitter_ms), 0, SCHEDULE_JITTER_MAX_MS, NULL},
    {STR("overlap"), WIRE_CUSTOM, 0, 0, 0, read_overlap},
    {STR("catch_up"), WIRE_CUSTOM, 0, 0, 0, read_catch_up},
    {STR("catch_up_window_s"), WIRE_SECONDS, AT(catch_up.window_ms), SCHEDULE_GRACE_MS,
     SCHEDULE_WINDOW_MAX_MS, NULL},
    {STR("job"), WIRE_CUSTOM, 0, 0, 0, read_job},
    {STR("matrix"), WIRE_CUSTOM, 0, 0, 0, read_matrix},
    {STR("finally"), WIRE_CUSTOM, 0, 0, 0, read_finally},
};
#define PLAN_FIELDS (sizeof plan_fields / sizeof plan_fields[0])

enum rc wire_plan_read(const struct json *v, struct arena *a, struct schedule_plan *out, struct err *e)
{
    struct schedule_plan p = {.catch_up = {SCHEDULE_RUN_ONCE, SCHEDULE_WINDOW_MS}};
    enum rc rc = wire_read(v, WIRE_SHAPE(plan_fields), a, &p, NULL, e);

    if (rc) {
        return rc;
    }
    if (!p.job_json.n) {
        return wire_invalid(e, "job", "job is missing");
    }
    if (p.finally_json.n && !p.matrix.count) {
        return wire_invalid(e, "finally", "finally runs after the batch of a matrix, and there is none");
    }
    if ((p.cron.n > 0) == (p.every_ms > 0)) {
        return wire_invalid(e, "cron", "either cron or every_s is wanted");
    }
    if (p.tz.n && p.every_ms) {
        return wire_invalid(e, "tz", "every_s is the same in all time zones: tz belongs to cron");
    }
    const struct json *end = json_get(v, STR("end"));
    if (end && (p.end_at <= 0 || p.end_at <= p.start_at)) { /* 0 is "none" to the plan: 1970 is no end */
        return wire_invalid(e, "end", "end must be later than start");
    }
    *out = p;
    return RC_OK;
}

enum rc wire_plan_parse(struct str text, struct arena *a, struct schedule_plan *out, struct err *e)
{
    struct json_budget budget = wire_budget();
    struct json *v = NULL;
    enum rc rc = json_parse_within(text, &budget, a, &v, e);

    return rc ? rc : wire_plan_read(v, a, out, e);
}

static enum rc check_names(const struct json *patch, struct err *e)
{
    if (patch->type != JSON_OBJECT) {
        return err_set_code(e, RC_INVALID, "invalid_field", NULL, "an object is wanted here");
    }
    for (const struct json *c = patch->first; c; c = c->next) {
        size_t i = 0;
        while (i < PLAN_FIELDS && !str_eq(plan_fields[i].name, c->name)) {
            i++;
        }
        if (i == PLAN_FIELDS) {
            enum rc rc = err_set_code(e, RC_INVALID, "unknown_field", NULL, "unknown field");
            return wire_in_member(e, rc, c->name);
        }
    }
    return RC_OK;
}

enum rc wire_plan_merge(struct str definition, const struct json *patch, struct arena *a, struct str *out,
                        struct err *e)
{
    struct json_budget budget = wire_budget();
    struct json *was = NULL;
    enum rc rc = check_names(patch, e);

    if (!rc) {
        rc = json_parse_within(definition, &budget, a, &was, e);
    }
    if (rc) {
        return rc;
    }
    struct buf text = BUF_LIMIT(MERGED_MAX_BYTES);
    struct json_out w = json_writer(&text);
    json_object_begin(&w);
    for (size_t i = 0; i < PLAN_FIELDS; i++) {
        const struct json *v = json_get(patch, plan_fields[i].name);
        v = v ? v : json_get(was, plan_fields[i].name);
        if (v && v->type != JSON_NULL) {
            json_put_raw(&w, plan_fields[i].name.p, v->raw);
        }
    }
    json_object_end(&w);
    *out = arena_str(a, buf_str(&text));
    buf_dispose(&text);
    return RC_OK;
}

void wire_plan_members(struct json_out *w, const struct schedule_plan *p)
{
    if (p->every_ms) {
        wire_put_seconds(w, "every_s", p->every_ms);
    } else {
        json_put_str(w, "cron", p->cron);
        json_put_str(w, "tz", p->tz.n ? p->tz : STR("UTC"));
    }
    json_put_time(w, "start", p->start_at);
    json_put_time(w, "end", p->end_at);
    wire_put_seconds(w, "jitter_s", p->jitter_ms);
    json_put_c(w, "overlap", schedule_overlap_name(p->overlap));
    json_put_c(w, "catch_up", schedule_catch_up_name(p->catch_up.what));
    wire_put_seconds(w, "catch_up_window_s", p->catch_up.window_ms);
    json_put_raw(w, "job", p->job_json);
    if (p->matrix.count) {
        json_put_raw(w, "matrix", p->matrix_json);
        json_put_raw(w, "finally", p->finally_json.n ? p->finally_json : STR("[]"));
    }
}
