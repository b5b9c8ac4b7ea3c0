/* collect.c: see collect.h. */
#include "store/pg/collect.h"

#include "store/pg/rows.h"

static int64_t weight(const struct store_op *op)
{
    return op->kind == STORE_STAGE_ARTIFACT ? 1000 : op_weight(op); /* its bytes travel */
}

bool collect_is_alone(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_ENQUEUE:
    case STORE_CLAIM:
    case STORE_REPORT:
    case STORE_PATCH:
        return false;
    case STORE_STAGE_ARTIFACT: /* a file's way to the database is long */
        return ((const struct store_stage_artifact *)op)->artifact.path.n > 0;
    case STORE_ACT:
        return !((const struct store_act *)op)->ids;
    default:
        return true;
    }
}

static bool cancels(const struct store_enqueue *op)
{
    return op->step && !id_is_zero(op->step->cancel);
}

/* Does an enqueue ask for a state that a claim before it may have changed? */
static bool depends_on_claims(const struct committer *w, const struct store_enqueue *op)
{
    for (size_t i = 0; i < op->count; i++) {
        struct str queue = op->specs[i].queue.n ? op->specs[i].queue : STR("default");
        if (op->specs[i].unique_key.n || op->specs[i].depends_count || op->specs[i].plan ||
            !id_is_zero(op->specs[i].batch) ||
            settings_of(&w->settings, op->tenant, queue)->max_queued >= 0) {
            return true;
        }
    }
    return cancels(op) || !w->settings.version; /* or limits are not known yet */
}

static bool may_follow_claim(const struct committer *w, const struct store_op *op)
{
    return op->kind == STORE_CLAIM ||
           (op->kind == STORE_ENQUEUE && !depends_on_claims(w, (const struct store_enqueue *)op));
}

static bool has_lanes(const struct store_enqueue *op)
{
    bool has = false;
    for (size_t i = 0; i < op->count; i++) {
        has |= op->specs[i].group.n || op->specs[i].limit_keys.n;
    }
    return has;
}

/* A claim that may look at lanes begins a round: what was there before it is committed, and known. */
static bool must_begin(const struct committer *w, const struct store_op *next, bool is_behind_lanes)
{
    return next->kind == STORE_CLAIM &&
           (is_behind_lanes || lanes_any(&w->engine->lanes, ((const struct store_claim *)next)->tenant));
}

struct store_op *collect_cut(const struct committer *w, struct store_op *list)
{
    int64_t total = 0;
    int ops = 0;
    bool has_claim = false, has_else = false, is_behind_lanes = false;
    for (struct store_op *op = list; op; op = op->next) {
        const struct store_op *next = op->next;
        total += weight(op);
        ops++;
        has_claim |= op->kind == STORE_CLAIM;
        has_else |= op->kind != STORE_CLAIM;
        is_behind_lanes |= op->kind == STORE_ENQUEUE && has_lanes((const struct store_enqueue *)op);
        bool is_end = next && (collect_is_alone(op) || collect_is_alone(next) || ops == ROUND_OPS_MAX ||
                               total + weight(next) > ROUND_WEIGHT_MAX || op->kind == STORE_PATCH ||
                               (has_else && must_begin(w, next, is_behind_lanes)) ||
                               (has_claim && !may_follow_claim(w, next)));
        if (is_end) {
            struct store_op *rest = op->next;
            op->next = NULL;
            return rest;
        }
    }
    return NULL;
}

static size_t count_children(const struct store_report *op)
{
    size_t count = 0;
    for (size_t i = op->op.items_done; i < op->count; i++) {
        count += op->items[i].child_count;
    }
    return count;
}

/* Jobs of a call are of one batch, as a rule. */
static bool joins_another(const struct store_enqueue *op, size_t i)
{
    const struct id *batch = &op->specs[i].batch;
    return !id_is_zero(*batch) && !(i && id_eq(*batch, op->specs[i - 1].batch));
}

static size_t count_jobs_named(const struct store_enqueue *op)
{
    size_t count = cancels(op);
    for (size_t i = 0; i < op->count; i++) {
        count += op->specs[i].depends_count + joins_another(op, i);
    }
    return count;
}

/* How many ids and keys at most. */
static void measure(const struct store_op *list, size_t *ids, size_t *keys)
{
    *ids = *keys = 0;
    for (const struct store_op *op = list; op; op = op->next) {
        *ids += op->kind == STORE_REPORT    ? ((const struct store_report *)op)->count
                : op->kind == STORE_ACT     ? ((const struct store_act *)op)->count
                : op->kind == STORE_ENQUEUE ? count_jobs_named((const struct store_enqueue *)op)
                                            : 1;
        *keys += op->kind == STORE_ENQUEUE  ? ((const struct store_enqueue *)op)->count
                 : op->kind == STORE_REPORT ? count_children((const struct store_report *)op)
                                            : 0;
    }
}

static void collect_keys(int64_t tenant, const struct job_spec *specs, size_t count, struct collected *out)
{
    for (size_t i = 0; i < count; i++) {
        if (specs[i].unique_key.n && specs[i].unique_key.n <= JOB_KEY_MAX_BYTES) {
            out->keys[out->key_count++] = (struct key_entry){.tenant = tenant, .key = specs[i].unique_key};
        }
    }
}

static bool is_for_root(const struct report *r)
{
    bool is = false;
    for (size_t i = 0; i < r->event_count; i++) {
        is |= r->events[i].at_root;
    }
    for (size_t i = 0; i < r->child_count; i++) {
        is |= r->children[i].at_root;
    }
    return is;
}

static void collect_reports(const struct store_report *op, struct collected *out)
{
    for (size_t i = op->op.items_done; i < op->count; i++) {
        const struct report *r = &op->items[i];
        out->ids[out->id_count++] = r->job;
        out->kin |= (is_for_root(r) ? KIN_ROOTS : 0u) | (r->child_count ? KIN_BATCHES : 0u);
        out->is_plain &= r->op == REPORT_COMPLETE && !r->artifact_count && !r->publish_count &&
                         !r->child_count && !r->correct_count && !out->kin;
        collect_keys(op->tenant, r->children, r->child_count, out);
    }
}

static void collect_act(const struct store_act *op, struct collected *out)
{
    for (size_t i = op->op.items_done; op->ids && i < op->count; i++) {
        out->ids[out->id_count++] = op->ids[i];
    }
}

static void collect_enqueue(const struct store_enqueue *op, struct collected *out)
{
    if (!op->idempotency_key.n) { /* else it is not known yet whether anything is to be enqueued */
        collect_keys(op->tenant, op->specs, op->count, out);
    }
    for (size_t i = 0; i < op->count; i++) { /* jobs on which others are to depend */
        const struct job_spec *s = &op->specs[i];
        for (size_t k = 0; k < s->depends_count; k++) {
            out->is_plain = false;
            out->id_count += id_parse(s->depends_on[k], &out->ids[out->id_count]);
        }
        if (joins_another(op, i)) {
            out->is_plain = false;
            out->ids[out->id_count++] = s->batch;
        }
    }
    if (cancels(op)) {
        out->ids[out->id_count++] = op->step->cancel;
        out->may_finish = true;
        out->is_plain = false;
    }
}

static void collect_one(const struct store_op *op, struct collected *out)
{
    switch (op->kind) {
    case STORE_ENQUEUE:
        collect_enqueue((const struct store_enqueue *)op, out);
        break;
    case STORE_REPORT:
        collect_reports((const struct store_report *)op, out);
        break;
    case STORE_ACT:
        collect_act((const struct store_act *)op, out);
        break;
    case STORE_PATCH:
        out->ids[out->id_count++] = ((const struct store_patch *)op)->job_id;
        break;
    case STORE_STAGE_ARTIFACT:
        out->ids[out->id_count++] = ((const struct store_stage_artifact *)op)->job;
        break;
    default:
        break;
    }
    out->is_plain &= op->kind == STORE_REPORT || op->kind == STORE_CLAIM || op->kind == STORE_ENQUEUE;
    out->may_finish |= op->kind == STORE_REPORT || op->kind == STORE_ACT || op->kind == STORE_TICK;
}

void collect(struct committer *w, const struct store_op *list, struct collected *out)
{
    size_t ids = 0, keys = 0;
    measure(list, &ids, &keys);
    *out = (struct collected){.is_plain = true,
                              .ids = arena_array(w->keeper.scratch, struct id, ids + 1),
                              .keys = arena_array(w->keeper.scratch, struct key_entry, keys + 1)};
    for (const struct store_op *op = list; op; op = op->next) {
        collect_one(op, out);
    }
}
