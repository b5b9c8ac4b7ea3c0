/* model_read.c: what the model shows: jobs, events, counts, artifacts, series. See model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000

static void not_found(struct store_op *op)
{
    op->rc = err_set(&op->e, RC_NOT_FOUND, "none");
}

/* ---- jobs */

struct job model_view(const struct model *m, const struct model_job *job, const struct job *got)
{
    struct job v = job->v;
    v.lease_until = v.state == JOB_PROCESSING ? model_lease_end(m, job) : 0;
    bool is_untold = job->is_raised || !v.lease;
    if (is_untold && got && id_eq(got->id, v.id) && got->lease >= v.lease + (job->is_raised && v.lease)) {
        v.lease = got->lease;
    }
    return v;
}

static bool has_tag(struct str tags, struct str tag) /* ours need no escapes */
{
    return store_queue_allowed(tags, tag) && tags.n;
}

bool model_matches(const struct model_job *job, int64_t tenant, const struct job_filter *f)
{
    const struct job *v = &job->v;
    return v->tenant == tenant && (!f->states || f->states & 1u << v->state) &&
           (!f->queue.n || str_eq(f->queue, v->queue)) && (!f->kind.n || str_eq(f->kind, v->kind)) &&
           (!f->tag.n || has_tag(v->tags, f->tag)) && (id_is_zero(f->batch) || id_eq(f->batch, v->batch)) &&
           v->created_at >= f->since && (!f->until || v->created_at < f->until);
}

static void list_jobs(struct model *m, struct store_list_jobs *op, const struct store_list_jobs *got)
{
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    bool is_more = false;
    op->jobs = arena_array(op->op.a, struct job, (size_t)limit + got->count + 1);
    if (got->next_cursor && (int64_t)got->count < limit) {
        limit = (int64_t)got->count;
    }
    int64_t before = m->before = op->cursor ? m->before : INT64_MAX;
    for (int i = m->count - 1; i >= 0 && !is_more; i--) {
        const struct model_job *job = m->jobs[i];
        if (id_ordinal(job->v.id) >= before || !model_matches(job, op->tenant, &op->filter)) {
            continue;
        }
        is_more = (int64_t)op->count >= limit &&
                  !(op->count < got->count && model_is_beside(job, &op->jobs[op->count - 1]));
        if (!is_more) {
            const struct job *seen = op->count < got->count ? &got->jobs[op->count] : NULL;
            struct job v = model_view(m, job, seen);
            v.args = v.result = v.checkpoint = v.error.stack = STR_NONE;
            op->jobs[op->count++] = v;
            m->before = id_ordinal(v.id);
        }
    }
    op->next_cursor = got->next_cursor || is_more;
}

static void get_job(struct model *m, struct store_get_job *op, const struct store_get_job *got)
{
    const struct model_job *job = model_find(m, op->tenant, op->id);
    if (!job) {
        not_found(&op->op);
        return;
    }
    op->job = arena_alloc(op->op.a, sizeof *op->job);
    *op->job = model_view(m, job, got->op.rc ? NULL : got->job);
}

static void read_events(struct model *m, struct store_read_events *op, const struct store_read_events *got)
{
    const struct model_job *job = model_find(m, op->tenant, op->job_id);
    if (!job) {
        not_found(&op->op);
        return;
    }
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    bool has_end = job_state_is_final(job->v.state) && !job->is_erased;
    op->events = arena_array(op->op.a, struct job_event_row, (size_t)limit + 1);
    op->last_seq = job->v.last_seq;
    op->first_seq = job->events ? job->events->row.seq : has_end ? job->v.last_seq : 0;
    for (const struct model_event *e = job->events; e && (int64_t)op->count < limit; e = e->next) {
        if (e->row.seq > op->after) {
            op->events[op->count++] = e->row;
        }
    }
    if (has_end && op->after < job->v.last_seq && (int64_t)op->count < limit) {
        op->events[op->count++] = model_end_event(m, job);
    }
    op->job = arena_alloc(op->op.a, sizeof *op->job);
    *op->job = model_view(m, job, got->op.rc ? NULL : got->job);
    op->job->args = op->job->result = op->job->checkpoint = STR_NONE;
}

/* ---- counts */

static void count_kind(struct store_stats *op, const struct job *v)
{
    size_t i = 0;
    while (i < op->kind_count &&
           !(str_eq(op->kinds[i].queue, v->queue) && str_eq(op->kinds[i].kind, v->kind))) {
        i++;
    }
    if (i == op->kind_count) {
        op->kinds[op->kind_count++] = (struct kind_count){v->queue, v->kind, 0};
    }
    op->kinds[i].queued++;
}

static void stats(struct model *m, struct store_stats *op)
{
    const int64_t *sums = m->sums[op->tenant == m->tenants[1]];
    op->kinds = arena_array(op->op.a, struct kind_count, (size_t)m->count + 1);
    for (int i = 0; i < m->count; i++) {
        const struct job *v = &m->jobs[i]->v;
        if (v->tenant == op->tenant) {
            op->counts[v->state]++;
            if (v->state == JOB_QUEUED) {
                count_kind(op, v);
            }
        }
    }
    op->enqueued_total = sums[SUM_ENQUEUED];
    op->completed_total = sums[SUM_COMPLETED];
    op->failed_total = sums[SUM_FAILED];
    op->cancelled_total = sums[SUM_CANCELLED];
    op->lost_total = sums[SUM_LOST];
    op->retried_total = sums[SUM_RETRIED];
    for (int i = 0; i < m->limit_count; i++) {
        op->limits_paused += m->limits[i].tenant == op->tenant && m->limits[i].state.paused_until > m->now;
    }
}

static bool is_told(const struct store_look *got, const struct job *v)
{
    bool is = false;
    for (size_t i = 0; i < got->count && !is; i++) {
        const struct store_line *l = &got->lines[i];
        is = l->tenant == v->tenant && str_eq(l->queue, v->queue) && str_eq(l->kind, v->kind);
    }
    return is;
}

/* A line whose keys have no room may be told: then the claim says so. One of several nodes finds out only by news, or a second later,
 * that another has made a line, or a lane, of which it knew nothing. */
static void look(struct model *m, struct store_look *op, const struct store_look *got)
{
    m->gate_count = 0;
    op->lines = arena_array(op->op.a, struct store_line, op->wanted_count * (size_t)m->count + 1);
    op->count = 0;
    for (size_t i = 0; i < op->wanted_count; i++) {
        const struct store_line *w = &op->wanted[i];
        const struct model_queue *q = model_queue_find(m, w->tenant, w->queue);
        for (int k = 0; k < m->count && !(q && q->is_paused); k++) {
            const struct job *v = &m->jobs[k]->v;
            bool is_late = v->deadline_at && v->deadline_at <= m->now;
            bool is_news = m->has_nodes && (!w->kind.n || v->group.n || v->limit_keys.n);
            bool is_there = (model_gate(m, m->jobs[k]) == GATE_OPEN && !is_news) || is_told(got, v);
            if (v->state == JOB_QUEUED && !is_late && is_there && v->tenant == w->tenant &&
                str_eq(v->queue, w->queue) && (!w->kind.n || str_eq(v->kind, w->kind))) {
                op->lines[op->count++] = (struct store_line){v->tenant, v->queue, v->kind};
            }
        }
    }
}

void model_run_read(struct model *m, struct store_op *op, const struct store_op *got)
{
    switch (op->kind) {
    case STORE_GET_JOB:
        get_job(m, (struct store_get_job *)op, (const struct store_get_job *)got);
        break;
    case STORE_LIST_JOBS:
        list_jobs(m, (struct store_list_jobs *)op, (const struct store_list_jobs *)got);
        break;
    case STORE_READ_EVENTS:
        if (((struct store_read_events *)op)->of_batch) {
            model_run_batch(m, op);
        } else {
            read_events(m, (struct store_read_events *)op, (const struct store_read_events *)got);
        }
        break;
    case STORE_LIST_CHILDREN:
        model_list_children(m, (struct store_list_children *)op);
        break;
    case STORE_LOOK:
        look(m, (struct store_look *)op, (const struct store_look *)got);
        break;
    default:
        stats(m, (struct store_stats *)op);
    }
}

/* ---- artifacts and series */

static int by_artifact_name(const void *a, const void *b)
{
    return str_compare(((const struct artifact *)a)->name, ((const struct artifact *)b)->name);
}

static void list_artifacts(struct model *m, struct store_list_artifacts *op)
{
    const struct model_job *job = model_find(m, op->tenant, op->job);
    if (!job) {
        not_found(&op->op);
        return;
    }
    op->artifacts = arena_array(op->op.a, struct artifact, 256);
    for (const struct model_artifact *a = job->artifacts; a; a = a->next) {
        if (!a->lease) {
            op->artifacts[op->count] = a->is;
            op->artifacts[op->count++].bytes = STR_NONE;
        }
    }
    qsort(op->artifacts, op->count, sizeof *op->artifacts, by_artifact_name);
}

static void get_artifact(struct model *m, struct store_get_artifact *op)
{
    const struct model_job *job = model_find(m, op->tenant, op->job);
    const struct model_artifact *a = job ? model_artifact_find(job, op->name, 0) : NULL;
    if (a) {
        op->artifact = a->is;
    } else {
        not_found(&op->op);
    }
}

static void get_series(struct model *m, struct store_get_series *op)
{
    int64_t limit = op->limit > 0 ? op->limit : 1;
    op->entries = arena_array(op->op.a, struct series_entry, MODEL_ENTRIES_MAX);
    for (int i = m->entry_count - 1; i >= 0 && (int64_t)op->count < limit; i--) {
        if (m->entries[i].tenant == op->tenant && str_eq(m->entries[i].name, op->name)) {
            op->entries[op->count++] = m->entries[i].is;
        }
    }
    if (!op->count) {
        not_found(&op->op);
    }
}

/* The first name behind `after` that begins with the prefix, and its newest entry; NULL = none. */
static const struct model_entry *next_series(const struct model *m, const struct store_list_series *op,
                                             struct str after)
{
    const struct model_entry *best = NULL;
    for (int i = 0; i < m->entry_count; i++) {
        const struct model_entry *e = &m->entries[i];
        if (e->tenant == op->tenant && str_compare(e->name, after) > 0 && str_starts(e->name, op->prefix) &&
            (!best || str_compare(e->name, best->name) <= 0)) {
            best = e;
        }
    }
    return best;
}

static void list_series(struct model *m, struct store_list_series *op)
{
    int64_t limit = op->limit > 0 && op->limit < LIST_MAX ? op->limit : LIST_MAX;
    const struct model_entry *e = next_series(m, op, op->after);
    op->names = arena_array(op->op.a, struct str, LIST_MAX);
    op->entries = arena_array(op->op.a, struct series_entry, LIST_MAX);
    while (e && (int64_t)op->count < limit) {
        op->names[op->count] = e->name;
        op->entries[op->count] = e->is;
        op->entries[op->count++].artifact.bytes = STR_NONE;
        e = next_series(m, op, e->name);
    }
}

void model_run_series(struct model *m, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LIST_ARTIFACTS:
        list_artifacts(m, (struct store_list_artifacts *)op);
        break;
    case STORE_GET_ARTIFACT:
        get_artifact(m, (struct store_get_artifact *)op);
        break;
    case STORE_GET_SERIES:
        get_series(m, (struct store_get_series *)op);
        break;
    default:
        list_series(m, (struct store_list_series *)op);
    }
}
