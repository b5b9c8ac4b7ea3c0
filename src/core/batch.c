/* batch.c: see batch.h. */
#include "core/batch.h"

#include "base/clock.h"
#include "core/schedule.h"

const char *batch_state_name(enum batch_state s)
{
    static const char *const names[] = {[BATCH_FILLING] = "filling",
                                        [BATCH_OPEN] = "open",
                                        [BATCH_CLOSED] = "closed",
                                        [BATCH_FINISHED] = "finished"};
    return names[s];
}

struct batch_progress batch_progress(const struct batch *b, int64_t now)
{
    const struct job_children *c = &b->counts;
    int64_t done = c->completed + c->failed + c->cancelled + c->skipped, all = done + c->open;
    struct batch_progress p = {.permille = b->state == BATCH_FINISHED ? 1000 : -1, .eta_ms = -1};
    if (all > 0) {
        p.permille = done * 1000 / all;
    }
    if (b->state == BATCH_CLOSED && b->round == 1 && done > 0 && now > b->created_at) {
        p.eta_ms = (int64_t)((double)(now - b->created_at) / (double)done * (double)c->open);
    }
    return p;
}

static enum rc bad(struct err *e, const char *field, const char *what)
{
    return err_set_code(e, RC_INVALID, "invalid_field", field, "%s %s", field, what);
}

enum rc batch_plan_check(const struct batch_plan *p, struct err *e)
{
    if (p->name.n > BATCH_NAME_MAX_BYTES || !str_is_utf8(p->name)) {
        return bad(e, "name", "must be a text of at most 128 bytes");
    }
    if (p->labels.n > BATCH_LABELS_MAX_BYTES) {
        return bad(e, "labels", "must be an object of at most 4096 bytes");
    }
    if (p->max_jobs < 0 || p->max_jobs > BATCH_JOBS_MAX) {
        return bad(e, "max_jobs", "must be from 1 to 1000000000");
    }
    if (p->max_jobs && p->filling) {
        return bad(e, "max_jobs", "is not for a batch that is filled from a matrix");
    }
    return RC_OK;
}

enum rc batch_filling_job(const struct batch_filling *f, int64_t at, struct arena *a, struct job_spec *out,
                          struct err *e)
{
    struct job_spec s = f->job;

    const struct matrix_place place = {at, f->batch};

    s.run_at = s.delay_ms = 0;
    s.args = matrix_args(&f->matrix, s.args, at, a);
    if (f->schedule.n) {
        s.tags = schedule_tags(s.tags, f->schedule, a);
    }
    if (f->tick) {
        s.unique_key = arena_printf(a, JOB_TICK_KEYS "%.*s:%s:%lld", STR_ARG(f->schedule),
                                    time_text(f->tick).s, (long long)at);
        s.unique_for_ms = JOB_FOREVER_MS;
    }
    enum rc rc = matrix_limits(&f->matrix, s.limit_keys, &place, a, &s.limit_keys, e);
    rc = rc ? rc : job_spec_check(&s, e);
    if (!rc) {
        *out = s;
    }
    return rc;
}

static enum rc check_template(const struct job_spec *s, struct err *e)
{
    const struct {
        bool is_there;
        const char *name;
    } members[] = {{s->unique_key.n, "unique_key"},
                   {s->ref.n, "ref"},
                   {s->depends_count, "depends_on"},
                   {s->on_parent_failure, "on_parent_failure"},
                   {!id_is_zero(s->batch), "batch"}};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (members[i].is_there) {
            return bad(e, members[i].name, "is not for the job of a matrix");
        }
    }
    return RC_OK;
}

enum rc batch_filling_check(const struct batch_filling *f, struct err *e)
{
    struct arena *a = arena_new();
    struct job_spec s;
    enum rc rc = check_template(&f->job, e);

    if (!rc) {
        rc = matrix_check_args(&f->matrix, f->job.args, JOB_ARGS_MAX_BYTES, e);
    }
    rc = rc ? rc : matrix_check_limits(&f->matrix, f->job.limit_keys, e);
    if (!rc) { /* the rest is the same in all of them, and the key longest in the last */
        rc = batch_filling_job(f, f->matrix.count - 1, a, &s, e);
    }
    arena_free(a);
    return rc;
}
