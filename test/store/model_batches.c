/* model_batches.c: the model's batches: a list beside that of the jobs, and no notes: what has to be seen to is looked for in
 * all of them. See model.h. */
#include "model.h"

#include <string.h>

static bool is_over(const struct model_batch *b)
{
    return b->is.state == BATCH_FINISHED;
}

struct model_batch *model_batch_find(struct model *m, int64_t tenant, struct id id)
{
    for (int i = 0; i < m->batch_count; i++) {
        if (m->batches[i].tenant == tenant && id_eq(m->batches[i].is.id, id)) {
            return &m->batches[i];
        }
    }
    return NULL;
}

/* ---- events */

void model_add_batch_event(struct model *m, struct model_batch *b, struct str type, struct str data)
{
    struct model_event *event = arena_alloc(m->a, sizeof *event), **last = &b->events;
    while (*last) {
        last = &(*last)->next;
    }
    event->row = (struct job_event_row){++b->last_seq, m->now, type, data.p ? data : STR("null")};
    *last = event;
}

static struct job_event_row end_of(struct model *m, const struct model_batch *b)
{
    struct str error = b->is.error.n
                           ? arena_printf(m->a,
                                          ",\"error\":{\"class\":\"permanent\",\"code\":\"not_filled\","
                                          "\"message\":\"%.*s\"}",
                                          STR_ARG(b->is.error))
                           : STR("");
    struct str data = arena_printf(m->a, "{\"state\":\"%s\",\"reason\":%s,\"attempt\":0%.*s}",
                                   b->is.is_cancelled ? "cancelled" : "completed",
                                   b->is.is_cancelled ? "\"cancelled\"" : "null", STR_ARG(error));
    return (struct job_event_row){b->last_seq, b->is.finished_at, STR("end"), data};
}

/* ---- joining */

static int64_t room_of(const struct model *m, const struct model_batch *b)
{
    const struct job_children *c = &b->is.counts;
    bool is_capped = b->is.max_jobs && m->bug != BUG_CAP_IGNORED;
    return is_capped ? b->is.max_jobs - c->open - c->completed - c->failed - c->cancelled - c->skipped
                     : INT64_MAX;
}

int64_t model_batch_room(struct model *m, int64_t tenant, struct id id)
{
    const struct model_batch *b = model_batch_find(m, tenant, id);
    return b ? room_of(m, b) : INT64_MAX;
}

static int64_t count_joining(const struct store_enqueue *op, const struct job_spec *s)
{
    int64_t count = 0;
    for (size_t i = 0; i < op->count; i++) {
        const struct job_spec *o = &op->specs[i];
        count += o->joins_first == s->joins_first && id_eq(o->batch, s->batch) && !o->plan;
    }
    return count;
}

static void refuse(struct enqueue_verdict *v, enum rc rc, const char *code)
{
    v->rc = err_set_code(&v->e, rc, code, "batch", "refused");
}

static bool is_awaited(const struct store_enqueue *op, const struct job_spec *s)
{
    bool is = false;
    for (size_t i = 0; i < op->count; i++) {
        for (size_t k = 0; k < op->specs[i].depends_count; k++) {
            is = is || (s->ref.n && str_eq(op->specs[i].depends_on[k], s->ref));
        }
    }
    return is;
}

static void check_one(struct model *m, const struct store_enqueue *op, const struct job_spec *s,
                      struct enqueue_verdict *v)
{
    const struct model_batch *b = model_batch_find(m, op->tenant, s->batch);
    int64_t max = s->joins_first ? op->specs[0].plan->max_jobs : 0;
    bool must_fit = s->depends_count > 0 || (!op->partial && is_awaited(op, s));
    if (s->joins_first) {
        if (must_fit && max && count_joining(op, s) > max) {
            refuse(v, RC_CONFLICT, "batch_full");
        }
    } else if (!b) {
        refuse(v, RC_INVALID, "unknown_batch");
    } else if (b->is.state != BATCH_OPEN && m->bug != BUG_CLOSED_TAKES_MORE) {
        refuse(v, RC_CONFLICT, "batch_closed");
    } else if (must_fit && count_joining(op, s) > room_of(m, b)) {
        refuse(v, RC_CONFLICT, "batch_full");
    }
}

bool model_check_batches(struct model *m, struct store_enqueue *op)
{
    bool is_good = true;
    for (size_t i = 0; i < op->count; i++) {
        const struct job_spec *s = &op->specs[i];
        struct enqueue_verdict *v = &op->verdicts[i];
        if (!v->rc && (s->joins_first || !id_is_zero(s->batch))) {
            check_one(m, op, s, v);
        }
        is_good = is_good && !v->rc;
    }
    return is_good;
}

void model_add_batch(struct model *m, int64_t tenant, const struct batch_plan *p, struct enqueue_verdict *v,
                     struct id id)
{
    bool is_closed = p->is_closed;
    struct model_batch *b = &m->batches[m->batch_count++];
    *b = (struct model_batch){.tenant = tenant,
                              .number = m->batches_made++,
                              .is = {.id = id,
                                     .name = p->name.n ? arena_str(m->a, p->name) : STR(""),
                                     .labels = p->labels.n ? arena_str(m->a, p->labels) : STR("{}"),
                                     .max_jobs = p->max_jobs,
                                     .state = is_closed ? BATCH_CLOSED : BATCH_OPEN,
                                     .round = 1,
                                     .created_at = id_ordinal(id) >> 21}};
    *v = (struct enqueue_verdict){.job = id, .state = JOB_BLOCKED};
    if (p->filling) {
        model_begin_filling(m, b, p);
    }
}

/* ---- finalisers: jobs that depend on it, and run again when it ends once more */

static void run_again(struct model *m, struct model_job *job, bool is_good)
{
    struct job *v = &job->v;
    enum job_state to;
    bool is_wanted = is_good || v->on_parent_failure == JOB_ON_PARENT_CONTINUE;
    bool has_begun = v->state == JOB_PROCESSING || v->attempt + v->lost + v->snoozes + v->waits > 0 || job->n;
    if (!is_wanted || job->is_erased || m->bug == BUG_FINALISER_ONCE) {
        return;
    }
    if (job_next_state(v->state, JOB_EV_AGAIN, &to)) {
        job->holds_key = false;
        model_live_again(m, job);
        v->checkpoint = STR_NONE;
    } else {
        job->runs_again = !job_state_is_final(v->state) && has_begun;
    }
}

static void tell_finalisers(struct model *m, const struct model_batch *b)
{
    for (int i = 0; i < m->count; i++) {
        struct model_job *job = m->jobs[i];
        if (job->follows && id_eq(job->v.finally_of, b->is.id)) {
            job->follows = false;
            run_again(m, job, !b->is.is_cancelled);
        }
    }
}

void model_note_final(struct model *m, const struct model_job *job)
{
    bool is_known = id_is_zero(job->v.finally_of) || m->final_count == MODEL_BATCHES_MAX;
    for (int i = 0; i < m->final_count; i++) {
        is_known = is_known || id_eq(m->finals[i], job->v.finally_of);
    }
    if (!is_known) {
        m->finals[m->final_count++] = job->v.finally_of;
    }
}

/* Whoever of them ends, all that have to run again are looked at. */
bool model_see_to_finalisers(struct model *m)
{
    bool has_changed = m->final_count > 0;
    for (int i = 0; i < m->final_count; i++) {
        for (int k = 0; k < m->count; k++) {
            struct model_job *job = m->jobs[k];
            if (job->runs_again && id_eq(job->v.finally_of, m->finals[i])) {
                job->runs_again = false;
                run_again(m, job, true);
            }
        }
    }
    m->final_count = 0;
    return has_changed;
}

/* ---- its life */

void model_reopen_batch(struct model *m, const struct model_job *job)
{
    struct model_batch *b = model_batch_find(m, job->v.tenant, job->v.batch);
    if (!b || !is_over(b) || m->bug == BUG_ROUND_STAYS) {
        return;
    }
    struct job_event_row end = end_of(m, b);
    b->last_seq--;
    model_add_batch_event(m, b, end.type, end.data); /* the stream goes on behind it */
    b->is.state = BATCH_CLOSED;
    b->is.is_cancelled = false;
    b->is.round++;
    b->is.finished_at = b->expires_at = 0;
    for (int i = 0; i < m->count; i++) {
        if (id_eq(m->jobs[i]->v.finally_of, b->is.id)) {
            m->jobs[i]->follows = true;
            m->jobs[i]->runs_again = false;
        }
    }
}

static void finish(struct model *m, struct model_batch *b)
{
    const struct job_children *c = &b->is.counts;
    model_add_batch_event(
        m, b, STR("finished"),
        arena_printf(
            m->a, "{\"round\":%lld,\"completed\":%lld,\"failed\":%lld,\"cancelled\":%lld,\"skipped\":%lld}",
            (long long)b->is.round, (long long)c->completed, (long long)c->failed, (long long)c->cancelled,
            (long long)c->skipped));
    b->last_seq++; /* `end` */
    b->is.state = BATCH_FINISHED;
    b->is.finished_at = m->now;
    b->expires_at = m->now + MODEL_BATCH_KEPT_MS;
    model_tell_end_of(m, b->is.id, !b->is.is_cancelled);
    tell_finalisers(m, b);
}

static void stop_jobs(struct model *m, const struct model_batch *b)
{
    for (int i = 0; i < m->count && m->bug != BUG_CANCEL_SPARES; i++) {
        struct model_job *job = m->jobs[i];
        if (id_eq(job->v.batch, b->is.id) && !job_state_is_final(job->v.state) && !job->v.cancel_requested &&
            !job->v.cancelling) {
            model_cancel(m, job);
        }
    }
}

bool model_stop_batches(struct model *m)
{
    bool has_changed = false;
    for (int i = 0; i < m->batch_count; i++) {
        struct model_batch *b = &m->batches[i];
        if (b->must_stop) {
            b->must_stop = false;
            stop_jobs(m, b);
            has_changed = true;
        }
    }
    return has_changed;
}

bool model_finish_batches(struct model *m)
{
    bool has_changed = false;
    for (int i = 0; i < m->batch_count; i++) {
        struct model_batch *b = &m->batches[i];
        int64_t open = m->bug == BUG_BATCH_ENDS_EARLY ? b->is.counts.open - 1 : b->is.counts.open;
        if (b->is.state == BATCH_CLOSED && open <= 0) {
            finish(m, b);
            has_changed = true;
        }
    }
    return has_changed;
}

static void act_on(struct model *m, enum job_action action, struct model_batch *b, struct act_verdict *v)
{
    if (action == ACT_CANCEL && is_over(b) && !b->is.is_cancelled) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "wrong_state", NULL, "finished");
    } else if (action == ACT_CANCEL && !is_over(b) && !b->is.is_cancelled) {
        b->is.is_cancelled = b->must_stop = true;
        model_end_filling(b);
        model_add_batch_event(m, b, STR("cancelled"), STR_NONE);
    } else if (action == ACT_CLOSE && b->is.state == BATCH_OPEN) {
        b->is.state = BATCH_CLOSED;
        model_add_batch_event(m, b, STR("closed"), STR_NONE);
    }
    v->state = !is_over(b) ? JOB_BLOCKED : b->is.is_cancelled ? JOB_CANCELLED : JOB_COMPLETED;
}

void model_act_on_batches(struct model *m, struct store_act *op)
{
    op->verdicts = arena_array(op->op.a, struct act_verdict, op->count + 1);
    op->verdict_count = op->count;
    for (size_t i = 0; i < op->count; i++) {
        struct act_verdict *v = &op->verdicts[i];
        struct model_batch *b = model_batch_find(m, op->tenant, op->ids[i]);
        v->job = op->ids[i];
        if (b) {
            act_on(m, op->action, b, v);
        } else {
            v->rc = err_set(&v->e, RC_NOT_FOUND, "none");
        }
    }
}

/* ---- reads */

static const struct model_batch *newest_before(const struct model *m, const struct store_list_batches *op,
                                               const struct batch *last)
{
    const struct model_batch *newest = NULL;
    for (int i = 0; i < m->batch_count; i++) {
        const struct model_batch *b = &m->batches[i];
        bool is_next = b->tenant == op->tenant && (id_is_zero(op->id) || id_eq(op->id, b->is.id)) &&
                       (!op->cursor || id_ordinal(b->is.id) < op->cursor) &&
                       (!last || memcmp(&b->is.id, &last->id, sizeof last->id) < 0) &&
                       (!newest || memcmp(&b->is.id, &newest->is.id, sizeof newest->is.id) > 0);
        newest = is_next ? b : newest;
    }
    return newest;
}

static void list_batches(struct model *m, struct store_list_batches *op)
{
    const struct model_batch *next = NULL;
    op->batches = arena_array(op->op.a, struct batch, MODEL_BATCHES_MAX);
    while ((next = newest_before(m, op, op->count ? &op->batches[op->count - 1] : NULL))) {
        op->batches[op->count++] = next->is;
    }
    size_t end = model_page_end(&op->batches->id, sizeof op->batches[0], op->count, op->limit);
    op->next_cursor = end < op->count;
    op->count = end;
    if (!op->count && !id_is_zero(op->id)) {
        op->op.rc = err_set(&op->op.e, RC_NOT_FOUND, "none");
    }
}

/* The engine's cursor tells where it stands. */
static void list_results(struct model *m, struct store_list_results *op)
{
    op->jobs = arena_array(op->op.a, struct job, (size_t)m->count + 1);
    for (int i = 0; i < m->count; i++) {
        const struct job *v = &m->jobs[i]->v;
        if (v->tenant == op->tenant && id_eq(v->batch, op->batch) && job_state_is_final(v->state) &&
            id_ordinal(v->id) > op->cursor) {
            struct job *to = &op->jobs[op->count++];
            *to = model_view(m, m->jobs[i], NULL);
            to->args = to->checkpoint = STR_NONE;
        }
    }
    op->count = model_page_end(&op->jobs->id, sizeof op->jobs[0], op->count, op->limit);
}

static void read_events(struct model *m, struct store_read_events *op)
{
    const struct model_batch *b = model_batch_find(m, op->tenant, op->job_id);
    if (!b) {
        op->op.rc = err_set(&op->op.e, RC_NOT_FOUND, "none");
        return;
    }
    op->events = arena_array(op->op.a, struct job_event_row, (size_t)op->limit + 1);
    op->last_seq = b->last_seq;
    op->first_seq = b->events ? b->events->row.seq : 0;
    for (const struct model_event *e = b->events; e && (int64_t)op->count < op->limit; e = e->next) {
        if (e->row.seq > op->after) {
            op->events[op->count++] = e->row;
        }
    }
    if (is_over(b) && op->after < b->last_seq && (int64_t)op->count < op->limit) {
        op->events[op->count++] = end_of(m, b);
    }
}

void model_run_batch(struct model *m, struct store_op *op)
{
    if (op->kind == STORE_LIST_BATCHES) {
        list_batches(m, (struct store_list_batches *)op);
    } else if (op->kind == STORE_LIST_RESULTS) {
        list_results(m, (struct store_list_results *)op);
    } else {
        read_events(m, (struct store_read_events *)op);
    }
}

void model_print_batch(const struct model *m, const struct batch *b, struct buf *out)
{
    const struct job_children *c = &b->counts;
    const int64_t numbers[] = {b->max_jobs,    b->is_cancelled, b->round,     b->created_at,
                               b->finished_at, c->open,         c->completed, c->failed,
                               c->cancelled,   c->skipped,      b->fill_at};
    model_print_batch_id(m, b->id, out);
    buf_printf(out, " %s '%.*s' '%.*s' '%.*s'", batch_state_name(b->state), STR_ARG(b->name),
               STR_ARG(b->labels), STR_ARG(b->error));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_printf(out, " %lld", (long long)numbers[i]);
    }
    buf_append_c(out, "\n");
}

void model_print_batch_id(const struct model *m, struct id id, struct buf *out)
{
    for (int i = 0; i < m->batch_count; i++) {
        if (id_eq(m->batches[i].is.id, id)) {
            buf_printf(out, " B%d", m->batches[i].number);
            return;
        }
    }
    buf_printf(out, " %s", id_is_zero(id) ? "-" : id_text(id).s);
}
