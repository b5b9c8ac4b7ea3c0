/* batch.c: batches. To the store a batch is a job that nobody runs: blocked while it takes jobs or has live ones, final when it
 * has finished. So it ends once for each round of its life, with an `end` in its stream, others can depend on it, and it is kept
 * and copied, as a job (docs/decisions/0012-a-batch-is-a-job.md). What it was made from stands beside it (put_batch).
 *
 * As with families nobody decides across jobs but the tick: who ends a job of a batch leaves a note to look after that, and the
 * tick finishes it if it is closed and nothing is open. The other way round, the retry of a job of a finished batch opens the next
 * round in its own transaction, so that no end of that job can be before it. */
#include "store/rules/rules.h"

#include "base/json.h"

#define BATCH_QUEUE STR("") /* which nobody can name: no list and no sum has it */
#define BATCH_KIND  STR("batch")

/* ---- joining */

static enum rc find_room(struct keeper *k, struct row *r, struct joining *j, struct err *e)
{
    struct job_children c = {0};
    int64_t max = 0;
    enum rc rc = k->engine->batch_max(k, r, &max, e);
    if (!rc) {
        rc = k->engine->count_children(k, r, &c, e);
    }
    j->room = max - (c.open + c.completed + c.failed + c.cancelled + c.skipped);
    return rc;
}

/* Behind the lock on its row, so that the room is what it will be. */
static enum rc look(struct keeper *k, int64_t tenant, struct id batch, struct joining *j, struct err *e)
{
    struct row *r = NULL;
    if (id_eq(j->batch, batch)) {
        return RC_OK;
    }
    *j = (struct joining){.batch = batch, .room = INT64_MAX};
    enum rc rc = k->engine->load(k, tenant, batch, &r, e);
    if (rc || !r || !(r->flags & FLAG_BATCH)) {
        return rc;
    }
    j->is_there = true;
    j->is_open = r->state == JOB_BLOCKED && !(r->flags & (FLAG_CLOSED | FLAG_FILLING));
    j->is_capped = r->flags & FLAG_CAPPED;
    return j->is_capped ? find_room(k, r, j, e) : RC_OK;
}

/* A batch of zeros is the one that this call makes. */
static bool refuse(struct enqueue_verdict *v, enum rc rc, const char *code, struct id batch, const char *what)
{
    bool is_new = id_is_zero(batch);
    v->rc = err_set_code(&v->e, rc, code, "batch", "%s%s %s", is_new ? "the batch" : "batch ",
                         is_new ? "" : id_text(batch).s, what);
    return true;
}

static bool has_room_for(const struct store_enqueue *op, const struct job_spec *s, int64_t room)
{
    int64_t count = 0;
    for (size_t i = 0; i < op->count; i++) {
        const struct job_spec *other = &op->specs[i];
        count += other->joins_first == s->joins_first && id_eq(other->batch, s->batch) && !other->plan;
    }
    return count <= room;
}

/* Jobs of the call that wait for each other come all or not at all, in the batch or outside of it: who waits for one that is
 * dropped would wait for ever. */
static bool is_refused(const struct store_enqueue *op, size_t item, const struct job_links *l,
                       const struct joining *j)
{
    const struct job_spec *s = &op->specs[item];
    struct enqueue_verdict *v = &op->verdicts[item];
    bool is_bound = s->depends_count || (l->is_awaited && l->is_awaited[item]);
    if (s->joins_first) {
        int64_t max = op->specs[0].plan ? op->specs[0].plan->max_jobs : 0;
        return is_bound && max && !has_room_for(op, s, max) &&
               refuse(v, RC_CONFLICT, "batch_full", (struct id){0}, "has no room for all of its jobs");
    }
    if (!j->is_there) {
        return refuse(v, RC_INVALID, "unknown_batch", s->batch, "is not there");
    }
    if (!j->is_open) {
        return refuse(v, RC_CONFLICT, "batch_closed", s->batch, "is closed");
    }
    return is_bound && j->is_capped && !has_room_for(op, s, j->room) &&
           refuse(v, RC_CONFLICT, "batch_full", s->batch, "has no room for all of these jobs");
}

enum rc rules_check_batches(struct keeper *k, struct store_enqueue *op, const struct job_links *l,
                            struct joining *j, size_t *bad, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < op->count && !rc; i++) {
        const struct job_spec *s = &op->specs[i];
        bool has_batch = !id_is_zero(s->batch);
        if (op->verdicts[i].rc || !(has_batch || s->joins_first)) {
            continue;
        }
        rc = has_batch ? look(k, op->tenant, s->batch, j, e) : RC_OK;
        *bad += !rc && is_refused(op, i, l, j);
    }
    return rc;
}

enum rc rules_join(struct keeper *k, const struct store_enqueue *op, const struct job_spec *s,
                   struct joining *j, struct berth *at, struct err *e)
{
    if (!s->joins_first && id_is_zero(s->batch)) {
        return RC_OK;
    }
    at->batch = s->joins_first ? op->verdicts[0].job : s->batch;
    enum rc rc = look(k, op->tenant, at->batch, j, e);
    at->is_capped = j->is_capped;
    return rc;
}

enum rc rules_join_parents(struct keeper *k, const struct row *r, struct joining *j, struct berth *at,
                           struct err *e)
{
    at->batch = r->batch;
    at->is_capped = r->flags & FLAG_CAPPED;
    if (at->is_capped) {
        return look(k, r->tenant, r->batch, j, e);
    }
    *j = (struct joining){.batch = r->batch, .room = INT64_MAX};
    return RC_OK;
}

/* ---- its life */

static enum rc leave_note(struct keeper *k, const struct row *r, enum note_what what, struct err *e)
{
    const struct note note = {.tenant = r->tenant, .job = r->id, .what = what};
    return k->engine->leave_note(k, &note, e);
}

enum rc rules_add_batch(struct keeper *k, const struct berth *at, const struct job_spec *s,
                        struct enqueue_verdict *v, struct joining *j, struct err *e)
{
    struct row *r = NULL;
    enum rc rc = k->engine->make(k, at->tenant, BATCH_QUEUE, BATCH_KIND, &r, e);
    if (rc) {
        return rc;
    }
    r->state = JOB_BLOCKED;
    r->run_at = k->now;
    r->lease_ms = JOB_LEASE_DEFAULT_MS;
    r->timeout_ms = JOB_TIMEOUT_DEFAULT_MS;
    r->lost_max = JOB_LOST_MAX_DEFAULT;
    r->round = 1;
    r->progress = -1;
    bool is_filled = s->plan->filling, is_closed = s->plan->is_closed && !is_filled;
    r->flags = FLAG_BATCH | FLAG_PARENT | (is_closed ? FLAG_CLOSED : 0) |
               (s->plan->max_jobs ? FLAG_CAPPED : 0) | (at->is_awaited ? FLAG_AWAITED : 0);
    r->unique_key = s->unique_key;
    *j = (struct joining){.batch = r->id,
                          .is_there = true,
                          .is_capped = s->plan->max_jobs > 0,
                          .room = s->plan->max_jobs ? s->plan->max_jobs : INT64_MAX};
    v->job = r->id;
    v->state = r->state;
    rc = is_filled ? rules_begin_filling(k, r, s->plan, e) : RC_OK;
    if (!rc) {
        rc = k->engine->count_in(k, r, e);
    }
    if (!rc) {
        rc = k->engine->insert(k, r, s, e);
    }
    if (!rc) {
        rc = k->engine->put_batch(k, r, s->plan, e);
    }
    if (!rc && s->unique_key.n) {
        rc = k->engine->hold_key(k, r, INT64_MAX, e);
    }
    row_changed(k, r)->state_changed = true;
    return rc || !is_closed ? rc : leave_note(k, r, NOTE_CHILDREN, e);
}

static enum rc close_it(struct keeper *k, struct row *r, struct str event, struct err *e)
{
    r->flags |= FLAG_CLOSED;
    enum rc rc = row_add_event(k, r, event, STR("null"), e);
    if (!rc) {
        rc = leave_note(k, r, NOTE_CHILDREN, e);
    }
    row_changed(k, r);
    return rc ? rc : k->engine->save(k, r, e);
}

/* As cancelled before it was there whole: it could not be filled. */
static enum rc fail(struct keeper *k, struct row *r, struct str why, struct err *e)
{
    struct buf data = BUF_LIMIT(JOB_EVENT_MAX_BYTES);
    struct json_out w = json_writer(&data);
    const struct job_error error = {
        .class = ERROR_PERMANENT, .code = STR("not_filled"), .message = why, .stack = STR("")};
    json_object_begin(&w);
    json_put_str(&w, "message", why);
    json_object_end(&w);
    r->flags |= FLAG_CANCEL;
    enum rc rc = row_add_event(k, r, STR("failed"), arena_str(k->scratch, buf_str(&data)), e);
    buf_dispose(&data);
    return rc ? rc : row_set_error(k, r, &error, e);
}

enum rc rules_end_filling(struct keeper *k, struct row *r, struct str failure, struct err *e)
{
    bool was_closed = r->flags & FLAG_CLOSED; /* by a cancel */
    r->flags &= ~(int64_t)FLAG_FILLING;
    enum rc rc = failure.n && !was_closed ? fail(k, r, failure, e) : RC_OK;
    if (!rc && r->flags & FLAG_CANCEL) {
        rc = leave_note(k, r, NOTE_CANCEL, e);
    }
    if (rc || !was_closed) {
        return rc ? rc : close_it(k, r, STR("closed"), e);
    }
    rc = leave_note(k, r, NOTE_CHILDREN, e);
    row_changed(k, r);
    return rc ? rc : k->engine->save(k, r, e);
}

/* One's own repeat is fine, also when the batch has finished meanwhile. */
enum rc rules_act_on_batch(struct keeper *k, enum job_action action, struct row *r, struct act_verdict *v,
                           struct err *e)
{
    bool is_over = job_state_is_final(r->state);
    enum rc rc = RC_OK;
    v->job = r->id;
    if (action == ACT_CANCEL && is_over && r->state != JOB_CANCELLED) {
        v->rc = err_set_code(&v->e, RC_CONFLICT, "wrong_state", NULL, "the batch has finished");
    } else if (action == ACT_CANCEL && !is_over && !(r->flags & FLAG_CANCEL)) {
        r->flags |= FLAG_CANCEL;
        rc = r->flags & FLAG_FILLING ? rules_drop_filling(k, r, e) : RC_OK;
        rc = rc ? rc : leave_note(k, r, NOTE_CANCEL, e);
        rc = rc ? rc : close_it(k, r, STR("cancelled"), e);
    } else if (action == ACT_CLOSE &&
               !(r->flags & (FLAG_CLOSED | FLAG_FILLING))) { /* the last job closes it */
        rc = close_it(k, r, STR("closed"), e);
    }
    v->state = r->state;
    return rc;
}

enum rc rules_look_at_batch(struct keeper *k, struct row *r, struct err *e)
{
    struct job_children c = {0};
    if (r->state != JOB_BLOCKED || !(r->flags & FLAG_CLOSED) || r->flags & FLAG_FILLING) {
        return RC_OK;
    }
    enum rc rc = k->engine->count_children(k, r, &c, e);
    if (rc || c.open > 0) {
        return rc;
    }
    bool is_cancelled = r->flags & FLAG_CANCEL;
    struct str data = arena_printf(k->scratch,
                                   "{\"round\":%lld,\"completed\":%lld,\"failed\":%lld,\"cancelled\":%lld,"
                                   "\"skipped\":%lld}",
                                   (long long)r->round, (long long)c.completed, (long long)c.failed,
                                   (long long)c.cancelled, (long long)c.skipped);
    rc = row_add_event(k, r, STR("finished"), data, e);
    if (!rc) {
        rc = row_finish(k, r, is_cancelled ? JOB_CANCELLED : JOB_COMPLETED,
                        is_cancelled ? JOB_REASON_CANCELLED : JOB_REASON_NONE, e);
    }
    return rc ? rc : k->engine->save(k, r, e);
}

enum rc rules_reopen_batch(struct keeper *k, struct row *r, struct err *e)
{
    struct row *batch = NULL;
    enum rc rc = k->engine->load(k, r->tenant, r->batch, &batch, e);
    if (rc || !batch || !job_state_is_final(batch->state)) {
        return rc;
    }
    rc = rules_link_finalisers(k, batch, e);
    return rc ? rc : rules_begin_round(k, batch, JOB_BLOCKED, e);
}

void rules_show_batch(struct batch *b, enum job_state state, int64_t flags)
{
    b->state = job_state_is_final(state) ? BATCH_FINISHED
               : flags & FLAG_FILLING    ? BATCH_FILLING
               : flags & FLAG_CLOSED     ? BATCH_CLOSED
                                         : BATCH_OPEN;
    b->is_cancelled = state == JOB_CANCELLED || flags & FLAG_CANCEL;
    b->created_at = id_ordinal(b->id) >> 21;
}
