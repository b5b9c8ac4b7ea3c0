/* questions.c: what an operation asks, as text: a shrunk sequence is read, and becomes a test of its own. */
#include "base/buf.h"
#include "model.h"

static void put_id(const struct model *m, struct id id, struct buf *out)
{
    for (int i = m->count - 1; i >= 0; i--) {
        if (id_eq(m->jobs[i]->v.id, id)) {
            buf_printf(out, " #%d", m->jobs[i]->number);
            return;
        }
    }
    model_print_batch_id(m, id, out);
}

static void put(struct buf *out, const char *name, int64_t n)
{
    if (n) {
        buf_printf(out, " .%s=%lld", name, (long long)n);
    }
}

static void put_str(struct buf *out, const char *name, struct str s)
{
    if (s.n) {
        buf_printf(out, " .%s='%.*s'", name, (int)(s.n < 60 ? s.n : 60), s.p);
    }
}

static void ask_step(const struct schedule_step *s, struct buf *out)
{
    put_str(out, "step.name", s->name);
    put(out, "step.version", s->version);
    put(out, "step.from", s->from);
    put(out, "step.next_at", s->next_at);
    put(out, "step.last_tick", s->last_tick);
    put(out, "step.fired", s->fired);
    put(out, "step.dropped", s->dropped);
    put(out, "step.cancels", !id_is_zero(s->cancel));
}

static void ask_set_schedule(const struct store_set_schedule *op, struct buf *out)
{
    put(out, "tenant", op->tenant);
    put_str(out, "name", op->name);
    put_str(out, "definition", op->definition);
    put(out, "pause", op->pause);
    put(out, "next_at", op->next_at);
    put(out, "if_version", op->if_version);
}

static void put_plan(const struct batch_plan *p, struct buf *out)
{
    put_str(out, "plan.name", p->name);
    put_str(out, "plan.labels", p->labels);
    put(out, "plan.max_jobs", p->max_jobs);
    put(out, "plan.is_closed", p->is_closed);
    put(out, "plan.fill_at", p->fill_at);
    put(out, "plan.jobs", p->filling ? p->filling->matrix.count : 0);
}

static void put_spec(const struct model *m, const struct job_spec *s, struct buf *out)
{
    char retry[RETRY_TEXT_BYTES];
    if (s->plan) {
        put_plan(s->plan, out);
        return;
    }
    put(out, "joins_first", s->joins_first);
    put(out, "is_finaliser", s->is_finaliser);
    if (!id_is_zero(s->batch)) {
        put_id(m, s->batch, out);
    }
    put_str(out, "queue", s->queue);
    put_str(out, "kind", s->kind);
    put_str(out, "unique_key", s->unique_key);
    put_str(out, "tags", s->tags);
    put(out, "args.n", (int64_t)s->args.n);
    put(out, "unique_for_ms", s->unique_for_ms);
    put(out, "priority", s->priority);
    put(out, "run_at", s->run_at);
    put(out, "delay_ms", s->delay_ms);
    put(out, "deadline_ms", s->deadline_ms);
    put(out, "timeout_ms", s->timeout_ms);
    put(out, "lost_max", s->lost_max);
    put(out, "on_lost", s->on_lost);
    put(out, "on_cancel", s->on_cancel);
    put(out, "at_root", s->at_root);
    put_str(out, "ref", s->ref);
    for (size_t i = 0; i < s->depends_count; i++) {
        put_str(out, "depends_on", s->depends_on[i]);
    }
    put(out, "on_parent_failure", s->on_parent_failure);
    put_str(out, "group", s->group);
    put_str(out, "limit_keys", s->limit_keys);
    put_str(out, "retry", (struct str){retry, retry_print(&s->retry, retry, sizeof retry)});
}

static void ask_enqueue(const struct model *m, const struct store_enqueue *op, struct buf *out)
{
    put(out, "partial", op->partial);
    put_str(out, "idempotency_key", op->idempotency_key);
    if (op->step) {
        ask_step(op->step, out);
    }
    put(out, "body", op->idempotency_key.n ? op->body_hash[0] : 0);
    for (size_t i = 0; i < op->count; i++) {
        buf_append_c(out, "\n   ");
        put_spec(m, &op->specs[i], out);
    }
}

static void put_tokens(const char *name, const struct report_tokens *list, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        put_str(out, name, list[i].key);
        put(out, "n", list[i].n);
    }
}

static void ask_set_limit(const struct store_set_limit *op, struct buf *out)
{
    const struct limit_rule *r = &op->rule;
    put(out, "tenant", op->tenant);
    put_str(out, "key", op->key);
    put(out, "pause_until", op->pause_until);
    if (op->has_rule) {
        buf_printf(out, " {%lld %lld %lld %lld}", (long long)r->concurrency, (long long)r->rate,
                   (long long)r->period_ms, (long long)r->burst);
    }
}

static void ask_claim(const struct store_claim *op, struct buf *out)
{
    put(out, "tenant", op->tenant);
    put(out, "max", op->max);
    put(out, "lease_ms", op->lease_ms);
    for (size_t i = 0; i < op->queue_count; i++) {
        put_str(out, "queue", op->queues[i]);
    }
    for (size_t i = 0; i < op->kind_count; i++) {
        put_str(out, "kind", op->kinds[i]);
    }
}

static void ask_report(const struct model *m, const struct store_report *op, struct buf *out)
{
    static const char *const names[REPORT_OPS] = {"heartbeat", "progress", "complete", "fail",
                                                  "snooze",    "wait",     "release"};
    put_str(out, "only_queues", op->only_queues);
    for (size_t i = 0; i < op->count; i++) {
        const struct report *r = &op->items[i];
        buf_printf(out, "\n    %s", names[r->op]);
        put_id(m, r->job, out);
        put(out, "lease", r->lease);
        put(out, "n", r->n);
        put(out, "hash", r->hash);
        put(out, "lease_ms", r->lease_ms);
        put(out, "progress_permille", r->progress_permille);
        put(out, "store_progress", r->store_progress);
        put(out, "event_count", (int64_t)r->event_count);
        put(out, "checkpoint.n", (int64_t)r->checkpoint.n);
        put(out, "retry_after_ms", r->op == REPORT_FAIL ? r->retry_after_ms : 0);
        put(out, "delay_ms", r->delay_ms);
        put_str(out, "error", str_from(r->op == REPORT_FAIL ? error_class_name(r->error.class) : ""));
        put_str(out, "pause_key", r->pause_key);
        put_tokens("take", r->take, r->take_count, out);
        put_tokens("correct", r->correct, r->correct_count, out);
        for (size_t k = 0; k < r->artifact_count; k++) {
            put_str(out, "artifact", r->artifacts[k].name);
        }
        for (size_t k = 0; k < r->publish_count; k++) {
            put_str(out, "publish", r->publish[k].artifact);
            put_str(out, "in", r->publish[k].series);
            put(out, "keep", r->publish[k].keep);
        }
        for (size_t k = 0; k < r->child_count; k++) {
            buf_append_c(out, "\n        child");
            put_spec(m, &r->children[k], out);
        }
    }
}

static void put_filter(const struct model *m, const struct job_filter *f, struct buf *out)
{
    put(out, "states", f->states);
    put_str(out, "queue", f->queue);
    put_str(out, "kind", f->kind);
    put_str(out, "tag", f->tag);
    if (!id_is_zero(f->batch)) {
        put_id(m, f->batch, out);
    }
    put(out, "since", f->since);
    put(out, "until", f->until);
}

static void ask_act(const struct model *m, const struct store_act *op, struct buf *out)
{
    static const char *const names[] = {"cancel", "retry", "promote", "erase", "purge", "close"};
    buf_append_c(out, op->of_batches ? " of batches" : "");
    buf_printf(out, " %s", names[op->action]);
    for (size_t i = 0; i < op->count && op->ids; i++) {
        put_id(m, op->ids[i], out);
    }
    if (!op->ids) {
        put_filter(m, &op->filter, out);
        put(out, "limit", op->limit);
        put(out, "cursor", op->cursor);
    }
}

static void ask_patch(const struct model *m, const struct store_patch *op, struct buf *out)
{
    put_id(m, op->job_id, out);
    put(out, "has_priority", op->has_priority);
    put(out, "priority", op->priority);
    put(out, "has_run_at", op->has_run_at);
    put(out, "run_at", op->run_at);
    put(out, "has_args", op->has_args);
    put_str(out, "queue", op->has_queue ? op->queue : STR_NONE);
}

static void ask_set_queue(const struct store_set_queue *op, struct buf *out)
{
    const struct queue_settings *s = &op->settings;
    put_str(out, "name", op->name);
    put(out, "pause", op->pause);
    if (op->has_settings) {
        buf_printf(out, " {%lld %lld %lld %lld %lld %lld %lld %lld %lld %lld %.*s}", (long long)s->lease_ms,
                   (long long)s->timeout_ms, (long long)s->max_attempts, (long long)s->retry_base_ms,
                   (long long)s->priority, (long long)s->retain_completed_ms, (long long)s->retain_failed_ms,
                   (long long)s->retain_cancelled_ms, (long long)s->max_queued, (long long)s->age_step_ms,
                   STR_ARG(s->group_weights));
    }
}

static void ask_look(const struct store_look *op, struct buf *out)
{
    for (size_t i = 0; i < op->wanted_count; i++) {
        put(out, "tenant", op->wanted[i].tenant);
        put_str(out, "queue", op->wanted[i].queue);
        put_str(out, "kind", op->wanted[i].kind);
    }
}

static void ask_read(const struct model *m, const struct store_op *op, struct buf *out)
{
    switch (op->kind) {
    case STORE_GET_JOB:
        put_id(m, ((const struct store_get_job *)op)->id, out);
        break;
    case STORE_LIST_JOBS:
        put_filter(m, &((const struct store_list_jobs *)op)->filter, out);
        put(out, "limit", ((const struct store_list_jobs *)op)->limit);
        put(out, "cursor", ((const struct store_list_jobs *)op)->cursor);
        break;
    case STORE_READ_EVENTS:
        put_id(m, ((const struct store_read_events *)op)->job_id, out);
        put(out, "after", ((const struct store_read_events *)op)->after);
        put(out, "limit", ((const struct store_read_events *)op)->limit);
        break;
    case STORE_LOOK:
        ask_look((const struct store_look *)op, out);
        break;
    case STORE_LIST_BATCHES:
        put_id(m, ((const struct store_list_batches *)op)->id, out);
        put(out, "cursor", ((const struct store_list_batches *)op)->cursor);
        put(out, "limit", ((const struct store_list_batches *)op)->limit);
        break;
    case STORE_LIST_RESULTS:
        put_id(m, ((const struct store_list_results *)op)->batch, out);
        put(out, "cursor", ((const struct store_list_results *)op)->cursor);
        put(out, "limit", ((const struct store_list_results *)op)->limit);
        break;
    case STORE_LIST_ARTIFACTS:
        put_id(m, ((const struct store_list_artifacts *)op)->job, out);
        break;
    case STORE_GET_ARTIFACT:
        put_id(m, ((const struct store_get_artifact *)op)->job, out);
        put_str(out, "name", ((const struct store_get_artifact *)op)->name);
        break;
    case STORE_LIST_SCHEDULES:
        put_str(out, "name", ((const struct store_list_schedules *)op)->name);
        put_str(out, "after", ((const struct store_list_schedules *)op)->after);
        break;
    case STORE_LIST_LIMITS:
        put(out, "tenant", ((const struct store_list_limits *)op)->tenant);
        put_str(out, "key", ((const struct store_list_limits *)op)->key);
        put_str(out, "after", ((const struct store_list_limits *)op)->after);
        break;
    case STORE_GET_SERIES:
        put_str(out, "name", ((const struct store_get_series *)op)->name);
        break;
    default:
        break;
    }
}

void question_print(const struct model *m, const struct store_op *op, struct buf *out)
{
    buf_append_c(out, store_op_name(op->kind));
    switch (op->kind) {
    case STORE_ENQUEUE:
        ask_enqueue(m, (const struct store_enqueue *)op, out);
        break;
    case STORE_CLAIM:
        ask_claim((const struct store_claim *)op, out);
        break;
    case STORE_REPORT:
        ask_report(m, (const struct store_report *)op, out);
        break;
    case STORE_ACT:
        ask_act(m, (const struct store_act *)op, out);
        break;
    case STORE_PATCH:
        ask_patch(m, (const struct store_patch *)op, out);
        break;
    case STORE_STAGE_ARTIFACT:
        put_id(m, ((const struct store_stage_artifact *)op)->job, out);
        put(out, "lease", ((const struct store_stage_artifact *)op)->lease);
        put_str(out, "name", ((const struct store_stage_artifact *)op)->artifact.name);
        break;
    case STORE_SET_QUEUE:
        ask_set_queue((const struct store_set_queue *)op, out);
        break;
    case STORE_SET_SCHEDULE:
        ask_set_schedule((const struct store_set_schedule *)op, out);
        break;
    case STORE_FILL:
        put_str(out, "name", ((const struct store_fill *)op)->name);
        put_str(out, "failure", ((const struct store_fill *)op)->failure);
        break;
    case STORE_DELETE_SCHEDULE:
        put_str(out, "name", ((const struct store_delete_schedule *)op)->name);
        break;
    case STORE_SET_LIMIT:
        ask_set_limit((const struct store_set_limit *)op, out);
        break;
    case STORE_DELETE_LIMIT:
        put_str(out, "key", ((const struct store_delete_limit *)op)->key);
        break;
    case STORE_DELETE_QUEUE:
        put_str(out, "name", ((const struct store_delete_queue *)op)->name);
        break;
    default:
        ask_read(m, op, out);
    }
    buf_append_c(out, "\n");
}
