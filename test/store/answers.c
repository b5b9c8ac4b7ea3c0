/* answers.c: operations as text, to compare and to read. What store.h leaves free is left out or put in order: the text of
 * an error, the value of a cursor, where bytes are kept, the order of keys and of counts by kind. */
#include "base/buf.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_id(const struct model *m, struct id id, struct buf *out)
{
    int at = model_place(m, id);
    if (at < m->count && id_eq(m->jobs[at]->v.id, id)) {
        buf_printf(out, " #%d", m->jobs[at]->number);
        return;
    }
    model_print_batch_id(m, id, out);
}

static void put(struct buf *out, const char *name, int64_t n)
{
    if (n) {
        buf_printf(out, " %s=%lld", name, (long long)n);
    }
}

/* Which parent it was is the engine's choice. */
static struct str without_parent(struct str s, char *room, size_t size)
{
    static const char before[] = "job ", behind[] = " was not completed";
    const char *at = s.n && s.n <= size ? memmem(s.p, s.n, behind, sizeof behind - 1) : NULL;
    size_t n = sizeof MODEL_SOME_ID - 1;
    if (!at || (size_t)(at - s.p) < n + sizeof before - 1) {
        return s;
    }
    memcpy(room, s.p, s.n);
    memcpy(room + (at - s.p) - n, MODEL_SOME_ID, n);
    return (struct str){room, s.n};
}

/* Long ones by their length and hash. */
static void put_str(struct buf *out, const char *name, struct str s)
{
    char room[400];
    s = without_parent(s, room, sizeof room);
    if (s.n > 120) {
        buf_printf(out, " %s=<%zu bytes %llx>", name, s.n, (unsigned long long)str_hash(s));
    } else if (s.n) {
        buf_printf(out, " %s='%.*s'", name, STR_ARG(s));
    }
}

static void put_rc(struct buf *out, enum rc rc, const struct err *e)
{
    buf_printf(out, " %s", rc_name(rc));
    if (rc) {
        put_str(out, "code", str_from(e->code));
        put_str(out, "field", str_from(e->field));
    }
}

static void put_retry(struct buf *out, const struct retry_policy *p)
{
    char text[RETRY_TEXT_BYTES];
    put_str(out, "retry", (struct str){text, retry_print(p, text, sizeof text)});
}

static void put_children(const struct model *m, const struct job_children *c, struct buf *out)
{
    buf_printf(out, " children {%lld %lld %lld %lld %lld}", (long long)c->open, (long long)c->completed,
               (long long)c->failed, (long long)c->cancelled, (long long)c->skipped);
    for (size_t i = 0; i < c->failure_count; i++) {
        put_id(m, c->failures[i].id, out);
        put_str(out, "kind", c->failures[i].kind);
        put_str(out, "code", c->failures[i].code);
        put_str(out, "message", c->failures[i].message);
    }
}

static void put_job(const struct model *m, const struct job *j, struct buf *out)
{
    const struct {
        const char *name;
        int64_t n;
    } numbers[] = {
        {"tenant", j->tenant},
        {"round", j->round},
        {"priority", j->priority},
        {"timeout_ms", j->timeout_ms},
        {"deadline_at", j->deadline_at},
        {"lost_max", j->lost_max},
        {"on_lost", j->on_lost},
        {"attempt", j->attempt},
        {"lost", j->lost},
        {"snoozes", j->snoozes},
        {"waits", j->waits},
        {"lease", j->lease},
        {"lease_ms", j->lease_ms},
        {"lease_until", j->lease_until},
        {"cancel_requested", j->cancel_requested},
        {"cancelling", j->cancelling},
        {"on_cancel", j->on_cancel},
        {"on_parent_failure", j->on_parent_failure},
        {"progress", j->progress_permille + 1},
        {"last_seq", j->last_seq},
        {"has_error", j->has_error},
        {"error.class", j->error.class},
        {"created_at", j->created_at},
        {"run_at", j->run_at},
        {"started_at", j->started_at},
        {"finished_at", j->finished_at},
        {"expires_at", j->expires_at},
    };
    const struct {
        const char *name;
        struct str s;
    } texts[] = {
        {"queue", j->queue},
        {"kind", j->kind},
        {"args", j->args},
        {"result", j->result},
        {"checkpoint", j->checkpoint},
        {"tags", j->tags},
        {"group", j->group},
        {"limit_keys", j->limit_keys},
        {"unique_key", j->unique_key},
        {"worker", j->worker},
        {"progress_message", j->progress_message},
        {"error.code", j->error.code},
        {"error.message", j->error.message},
        {"error.stack", j->error.stack},
    };
    put_id(m, j->id, out);
    buf_printf(out, " %s %s", job_state_name(j->state), job_reason_name(j->reason));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        put(out, numbers[i].name, numbers[i].n);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_str(out, texts[i].name, texts[i].s);
    }
    put_retry(out, &j->retry);
    if (!id_is_zero(j->parent)) {
        put_id(m, j->parent, out);
        put_id(m, j->root, out);
    }
    if (!id_is_zero(j->finally_of)) {
        buf_append_c(out, " finally");
        model_print_batch_id(m, j->finally_of, out);
    }
    if (!id_is_zero(j->batch)) {
        model_print_batch_id(m, j->batch, out);
    }
    if (j->children) {
        put_children(m, j->children, out);
    }
    buf_append_c(out, "\n");
}

/* From wherever they are. */
static void put_bytes(const struct artifact *a, struct buf *out)
{
    struct buf file = BUF_LIMIT(1 << 20);
    struct err e = {0};
    if (a->path.n && buf_read_file(&file, a->path.p, &e)) {
        put_str(out, "cannot read", str_from(e.text));
    }
    put_str(out, "bytes", a->path.n ? buf_str(&file) : a->bytes);
    buf_dispose(&file);
}

static void put_artifact(const struct model *m, const struct artifact *a, struct buf *out)
{
    char hex[9] = "";
    hex_encode(a->sha256, 4, hex);
    put_id(m, a->job, out);
    put_str(out, "name", a->name);
    put_str(out, "media_type", a->media_type);
    put_str(out, "sha256", str_from(hex));
    put(out, "size", a->size);
    put(out, "created_at", a->created_at);
}

static void put_entry(const struct model *m, struct str name, const struct series_entry *e, struct buf *out)
{
    put_str(out, "series", name);
    put_artifact(m, &e->artifact, out);
    put_str(out, "result", e->result);
    put(out, "published_at", e->published_at);
    buf_append_c(out, "\n");
}

static void put_settings(const struct queue_settings *s, struct buf *out)
{
    buf_printf(out, " {%lld %lld %lld %lld %lld %lld %lld %lld %lld %lld %.*s}", (long long)s->lease_ms,
               (long long)s->timeout_ms, (long long)s->max_attempts, (long long)s->retry_base_ms,
               (long long)s->priority, (long long)s->retain_completed_ms, (long long)s->retain_failed_ms,
               (long long)s->retain_cancelled_ms, (long long)s->max_queued, (long long)s->age_step_ms,
               STR_ARG(s->group_weights));
}

static void put_counts(const int64_t *counts, struct buf *out)
{
    for (int i = 0; i < JOB_STATES; i++) {
        put(out, job_state_name((enum job_state)i), counts[i]);
    }
}

static void put_queue(const struct queue_view *q, struct buf *out)
{
    put_str(out, "queue", q->name);
    put(out, "is_paused", q->is_paused);
    put_settings(&q->settings, out);
    put_counts(q->counts, out);
    put(out, "oldest_queued_at", q->oldest_queued_at);
    buf_append_c(out, "\n");
}

/* ---- one function for each kind of answer */

static void put_enqueued(const struct model *m, const struct enqueue_verdict *v, struct buf *out)
{
    put_rc(out, v->rc, &v->e);
    put_id(m, v->job, out);
    put_str(out, "state", str_from(job_state_name(v->state)));
    put(out, "duplicate", v->duplicate);
    put(out, "pruned", v->pruned);
    put(out, "replaced", v->replaced);
    put(out, "dropped", v->dropped);
    buf_append_c(out, "\n");
}

static void print_enqueue(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_enqueue *x = (const struct store_enqueue *)op;
    put(out, "replayed", x->replayed);
    for (size_t i = 0; i < x->count; i++) {
        put_enqueued(m, &x->verdicts[i], out);
    }
}

static void print_claim(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_claim *x = (const struct store_claim *)op;
    for (size_t i = 0; i < x->count; i++) {
        put_job(m, &x->jobs[i], out);
    }
}

static void print_report(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_report *x = (const struct store_report *)op;
    for (size_t i = 0; i < x->count; i++) {
        const struct report_verdict *v = &x->verdicts[i];
        put_id(m, x->items[i].job, out);
        put_rc(out, v->rc, &v->e);
        put_str(out, "state", str_from(job_state_name(v->state)));
        put(out, "replayed", v->replayed);
        put(out, "cancel", v->cancel);
        put(out, "lease_left_ms", v->lease_left_ms);
        put(out, "run_at", v->run_at);
        put(out, "take_wait_ms", v->take_wait_ms);
        buf_append_c(out, "\n");
        for (size_t k = 0; k < v->child_count; k++) {
            put_enqueued(m, &v->children[k], out);
        }
    }
}

static void print_act(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_act *x = (const struct store_act *)op;
    for (size_t i = 0; i < x->verdict_count; i++) {
        put_id(m, x->verdicts[i].job, out);
        put_rc(out, x->verdicts[i].rc, &x->verdicts[i].e);
        put_str(out, "state", str_from(job_state_name(x->verdicts[i].state)));
        buf_append_c(out, "\n");
    }
    put(out, "has_more", x->next_cursor != 0);
}

static void print_list(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_jobs *x = (const struct store_list_jobs *)op;
    for (size_t i = 0; i < x->count; i++) {
        put_job(m, &x->jobs[i], out);
    }
    put(out, "has_more", x->next_cursor != 0);
}

static void print_children(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_children *x = (const struct store_list_children *)op;
    put_children(m, &x->counts, out);
    buf_append_c(out, "\n");
    for (size_t i = 0; i < x->count; i++) {
        struct job j = x->jobs[i];
        j.lease = 0; /* one that nobody was told is the engine's choice */
        put_job(m, &j, out);
    }
    put(out, "has_more", x->next_cursor != 0);
}

static void print_events(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_read_events *x = (const struct store_read_events *)op;
    put(out, "first_seq", x->first_seq);
    put(out, "last_seq", x->last_seq);
    for (size_t i = 0; i < x->count; i++) {
        put(out, "seq", x->events[i].seq);
        put(out, "at", x->events[i].at);
        put_str(out, "type", x->events[i].type);
        put_str(out, "data", x->events[i].data);
        buf_append_c(out, "\n");
    }
    if (!x->of_batch) { /* what it shows of a batch is nobody's */
        put_job(m, x->job, out);
    }
}

static void print_batches(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_batches *x = (const struct store_list_batches *)op;
    for (size_t i = 0; i < x->count; i++) {
        model_print_batch(m, &x->batches[i], out);
    }
    put(out, "has_more", x->next_cursor != 0);
}

/* Whether there is more is known when there is none. */
static void print_results(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_results *x = (const struct store_list_results *)op;
    for (size_t i = 0; i < x->count; i++) {
        struct job j = x->jobs[i];
        j.lease = 0; /* one that nobody was told is the engine's choice */
        put_job(m, &j, out);
    }
}

static void print_artifacts(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_artifacts *x = (const struct store_list_artifacts *)op;
    for (size_t i = 0; i < x->count; i++) {
        put_artifact(m, &x->artifacts[i], out);
        buf_append_c(out, "\n");
    }
}

static void print_series(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_get_series *x = (const struct store_get_series *)op;
    for (size_t i = 0; i < x->count; i++) {
        put_bytes(&x->entries[i].artifact, out);
        put_entry(m, x->name, &x->entries[i], out);
    }
}

static void print_all_series(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_series *x = (const struct store_list_series *)op;
    for (size_t i = 0; i < x->count; i++) {
        put_entry(m, x->names[i], &x->entries[i], out);
    }
}

static int by_line(const void *a, const void *b)
{
    const struct store_line *x = a, *y = b;
    int queues = str_compare(x->queue, y->queue);
    return x->tenant != y->tenant ? (x->tenant > y->tenant) - (x->tenant < y->tenant)
           : queues               ? queues
                                  : str_compare(x->kind, y->kind);
}

/* In whatever order, and once or often. */
static void print_lines(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_look *x = (const struct store_look *)op;
    (void)m;
    if (x->count) {
        qsort(x->lines, x->count, sizeof *x->lines, by_line);
    }
    for (size_t i = 0; i < x->count; i++) {
        if (!i || by_line(&x->lines[i - 1], &x->lines[i])) {
            buf_printf(out, "line %lld %.*s %.*s\n", (long long)x->lines[i].tenant,
                       STR_ARG(x->lines[i].queue), STR_ARG(x->lines[i].kind));
        }
    }
}

static void print_queues(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_queues *x = (const struct store_list_queues *)op;
    (void)m;
    for (size_t i = 0; i < x->count; i++) {
        put_queue(&x->queues[i], out);
    }
}

static int by_kind(const void *a, const void *b)
{
    const struct kind_count *x = a, *y = b;
    int order = str_compare(x->queue, y->queue);
    return order ? order : str_compare(x->kind, y->kind);
}

static void print_stats(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_stats *x = (const struct store_stats *)op;
    (void)m;
    put_counts(x->counts, out);
    put(out, "enqueued_total", x->enqueued_total);
    put(out, "completed_total", x->completed_total);
    put(out, "failed_total", x->failed_total);
    put(out, "cancelled_total", x->cancelled_total);
    put(out, "lost_total", x->lost_total);
    put(out, "retried_total", x->retried_total);
    put(out, "limits_paused", x->limits_paused);
    if (x->kind_count) {
        qsort(x->kinds, x->kind_count, sizeof *x->kinds, by_kind);
    }
    for (size_t i = 0; i < x->kind_count; i++) {
        put_str(out, "queue", x->kinds[i].queue);
        put_str(out, "kind", x->kinds[i].kind);
        put(out, "queued", x->kinds[i].queued);
    }
}

static int by_public_id(const void *a, const void *b)
{
    return str_compare(((const struct api_key *)a)->public_id, ((const struct api_key *)b)->public_id);
}

static void put_key(const struct api_key *k, struct buf *out)
{
    put_str(out, "public_id", k->public_id);
    put_str(out, "hash", (struct str){(const char *)k->hash, strnlen((const char *)k->hash, 32)});
    put_str(out, "tenant_name", k->tenant_name);
    put_str(out, "name", k->name);
    put_str(out, "last4", k->last4);
    put_str(out, "queues", k->queues);
    put(out, "tenant", k->tenant);
    put(out, "scopes", k->scopes);
    put(out, "created_at", k->created_at);
    put(out, "expires_at", k->expires_at);
    put(out, "revoked_at", k->revoked_at);
    buf_append_c(out, "\n");
}

static void print_keys(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_keys *x = (const struct store_list_keys *)op;
    (void)m;
    if (x->count) {
        qsort(x->keys, x->count, sizeof *x->keys, by_public_id);
    }
    for (size_t i = 0; i < x->count; i++) {
        put_key(&x->keys[i], out);
    }
}

static void print_schedules(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_schedules *x = (const struct store_list_schedules *)op;
    for (size_t i = 0; i < x->count; i++) {
        model_print_schedule(m, &x->schedules[i], out);
    }
    put(out, "more", x->more);
}

static void print_limits(const struct model *m, const struct store_op *op, struct buf *out)
{
    const struct store_list_limits *x = (const struct store_list_limits *)op;
    for (size_t i = 0; i < x->count; i++) {
        model_print_limit(m, &x->limits[i], true, out);
    }
    put(out, "more", x->more);
}

static void print_one(const struct model *m, const struct store_op *op, struct buf *out)
{
    switch (op->kind) {
    case STORE_PATCH:
        put_job(m, ((const struct store_patch *)op)->job, out);
        break;
    case STORE_GET_JOB:
        put_job(m, ((const struct store_get_job *)op)->job, out);
        break;
    case STORE_SET_QUEUE:
        put_queue(((const struct store_set_queue *)op)->queue, out);
        break;
    case STORE_SET_SCHEDULE:
        put(out, "is_new", ((const struct store_set_schedule *)op)->is_new);
        model_print_schedule(m, ((const struct store_set_schedule *)op)->schedule, out);
        break;
    case STORE_SET_LIMIT:
        model_print_limit(m, ((const struct store_set_limit *)op)->limit, false, out);
        break;
    case STORE_CREATE_KEY:
        put_key(&((const struct store_create_key *)op)->key, out);
        break;
    case STORE_GET_ARTIFACT:
        put_artifact(m, &((const struct store_get_artifact *)op)->artifact, out);
        put_bytes(&((const struct store_get_artifact *)op)->artifact, out);
        break;
    case STORE_FILL:
        put(out, "jobs", ((const struct store_fill *)op)->jobs);
        put(out, "more", ((const struct store_fill *)op)->more);
        break;
    case STORE_TICK:
        put(out, "applied", ((const struct store_tick *)op)->applied);
        put(out, "schedules", (int64_t)((const struct store_tick *)op)->schedule_count);
        break;
    case STORE_PRUNE:
        put(out, "removed", ((const struct store_prune *)op)->removed);
        put(out, "next_at", ((const struct store_prune *)op)->next_at);
        break;
    default:
        break;
    }
}

void answer_print(const struct model *m, const struct store_op *op, struct buf *out)
{
    static void (*const prints[STORE_OP_KINDS])(const struct model *, const struct store_op *,
                                                struct buf *) = {
        [STORE_ENQUEUE] = print_enqueue,      [STORE_CLAIM] = print_claim,
        [STORE_REPORT] = print_report,        [STORE_ACT] = print_act,
        [STORE_LIST_JOBS] = print_list,       [STORE_LIST_CHILDREN] = print_children,
        [STORE_READ_EVENTS] = print_events,   [STORE_LIST_ARTIFACTS] = print_artifacts,
        [STORE_GET_SERIES] = print_series,    [STORE_LIST_SERIES] = print_all_series,
        [STORE_LIST_QUEUES] = print_queues,   [STORE_LIST_SCHEDULES] = print_schedules,
        [STORE_STATS] = print_stats,          [STORE_LIST_KEYS] = print_keys,
        [STORE_LIST_LIMITS] = print_limits,   [STORE_LIST_BATCHES] = print_batches,
        [STORE_LIST_RESULTS] = print_results, [STORE_LOOK] = print_lines};
    put_rc(out, op->rc, &op->e);
    buf_append_c(out, "\n");
    if (prints[op->kind] && (!op->rc || op->kind == STORE_ENQUEUE)) {
        prints[op->kind](m, op, out);
    } else if (!op->rc) {
        print_one(m, op, out);
    }
}
