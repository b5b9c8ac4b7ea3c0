/* enqueue.c: new jobs, unique keys, idempotency keys. Everything that can refuse is asked before the first insert. */
#include "store/sqlite/insert.h"

#include "base/buf.h"

#include <string.h>

/* What is kept of a verdict under an idempotency key; text and field follow, text_bytes and field_bytes long. */
struct packed_verdict {
    int64_t ordinal, random;
    uint8_t rc, state, duplicate, pruned;
    uint16_t text_bytes, field_bytes;
};

#define PACKED_MAX_BYTES (16 << 20)

static void pack_verdicts(const struct store_enqueue *op, struct buf *out)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct enqueue_verdict *v = &op->verdicts[i];
        struct packed_verdict p = {.ordinal = id_ordinal(v->job),
                                   .random = id_random_bits(v->job),
                                   .rc = (uint8_t)v->rc,
                                   .state = (uint8_t)v->state,
                                   .duplicate = v->duplicate,
                                   .pruned = v->pruned,
                                   .text_bytes = (uint16_t)(v->rc ? strlen(v->e.text) : 0),
                                   .field_bytes = (uint16_t)(v->rc ? strlen(v->e.field) : 0)};
        buf_append(out, &p, sizeof p);
        buf_append(out, v->e.text, p.text_bytes);
        buf_append(out, v->e.field, p.field_bytes);
    }
}

static bool unpack_verdicts(struct store_enqueue *op, struct str packed)
{
    for (size_t i = 0; i < op->count; i++) {
        struct packed_verdict p;
        struct enqueue_verdict *v = &op->verdicts[i];
        if (packed.n < sizeof p) {
            return false;
        }
        memcpy(&p, packed.p, sizeof p);
        packed = str_sub(packed, sizeof p, packed.n);
        if (packed.n < (size_t)p.text_bytes + p.field_bytes) {
            return false;
        }
        *v = (struct enqueue_verdict){.rc = (enum rc)p.rc,
                                      .job = id_from_parts(p.ordinal, p.random),
                                      .state = (enum job_state)p.state,
                                      .duplicate = p.duplicate,
                                      .pruned = p.pruned};
        if (v->rc) {
            v->e.rc = v->rc;
            v->e.code = v->rc == RC_INVALID ? "invalid_field" : NULL;
            str_copy(v->e.text, sizeof v->e.text, str_sub(packed, 0, p.text_bytes));
            str_copy(v->e.field, sizeof v->e.field,
                     str_sub(packed, p.text_bytes, p.text_bytes + p.field_bytes));
        }
        packed = str_sub(packed, (size_t)p.text_bytes + p.field_bytes, packed.n);
    }
    return packed.n == 0;
}

/* *is_done: the answer is in the op already, from the first time or because the body differs. */
static enum rc replay(struct writer *w, struct store_enqueue *op, bool *is_done, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_IDEMPOTENCY_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->idempotency_key);
    rc = db_step(q, &has_row, e);
    if (rc || !has_row || db_int(q, 2) <= w->now) {
        db_reset(q);
        return rc;
    }
    *is_done = true;
    struct str hash = db_blob(q, 0);
    bool is_same = hash.n == sizeof op->body_hash && !memcmp(hash.p, op->body_hash, hash.n);
    if (is_same && unpack_verdicts(op, db_blob(q, 1))) {
        op->replayed = true;
        op->op.rc = RC_OK;
    } else {
        store_answer(&op->op, RC_INVALID, "idempotency_mismatch",
                     "the idempotency key was used with another body within 24 hours");
    }
    db_reset(q);
    return RC_OK;
}

static enum rc remember(struct writer *w, struct store_enqueue *op, struct err *e)
{
    struct buf packed = BUF_LIMIT(PACKED_MAX_BYTES);
    struct db_stmt *q = NULL;
    pack_verdicts(op, &packed);
    enum rc rc = buf_check(&packed, "verdicts", e);
    if (!rc) {
        rc = stmt(w->db, SQL_IDEMPOTENCY_PUT, &q, e);
    }
    if (!rc) {
        db_bind_int(q, 1, op->tenant);
        db_bind_str(q, 2, op->idempotency_key);
        db_bind_blob(q, 3, (struct str){(const char *)op->body_hash, sizeof op->body_hash});
        db_bind_blob(q, 4, packed.n ? buf_str(&packed) : STR(""));
        db_bind_int(q, 5, w->now + IDEMPOTENCY_MS);
        rc = db_run(q, e);
    }
    buf_dispose(&packed);
    return rc;
}

/* ---- what an item becomes */

static struct str queue_name(const struct job_spec *s)
{
    return s->queue.n ? s->queue : STR("default");
}

/* *holder: the verdict's job, when somebody holds the key. */
static enum rc find_holder(struct writer *w, int64_t tenant, struct str key, struct enqueue_verdict *v,
                           struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_UNIQUE_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, tenant);
    db_bind_str(q, 2, key);
    rc = db_step(q, &has_row, e);
    if (rc || !has_row || (db_int(q, 2) && db_int(q, 2) <= w->now)) {
        db_reset(q);
        return rc;
    }
    int64_t ordinal = db_int(q, 0);
    v->job = id_from_parts(ordinal, db_int(q, 1));
    v->duplicate = true;
    db_reset(q);
    struct row r;
    bool found = false;
    rc = insert_flush(w, e); /* the holder may be of this round */
    if (!rc) {
        rc = row_load_ordinal(w, ordinal, &r, &found, e);
    }
    v->pruned = !found;
    v->state = found ? r.state : JOB_COMPLETED;
    return rc;
}

static enum rc hold_key(struct writer *w, const struct row *r, int64_t held_until, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_UNIQUE_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->tenant);
        db_bind_str(q, 2, r->unique_key);
        db_bind_int(q, 3, r->id);
        db_bind_int(q, 4, r->random);
        db_bind_int(q, 5, held_until);
        rc = db_run(q, e);
    }
    return rc;
}

static void fill_row(struct writer *w, const struct job_spec *s, const struct queue_row *q, struct row *r)
{
    struct id id = id_next(&w->ids, w->now);
    r->id = id_ordinal(id);
    r->random = id_random_bits(id);
    r->queue = q->id;
    r->priority = s->priority || q->settings.priority == -1 ? s->priority : q->settings.priority;
    r->run_at = s->run_at ? s->run_at : s->delay_ms ? w->now + s->delay_ms : w->now;
    r->state = r->run_at > w->now ? JOB_SCHEDULED : JOB_QUEUED;
    r->lease = w->epoch << 32;
    r->lease_ms = JOB_LEASE_DEFAULT_MS;
    r->timeout_ms = s->timeout_ms                ? s->timeout_ms
                    : q->settings.timeout_ms > 0 ? q->settings.timeout_ms
                                                 : JOB_TIMEOUT_DEFAULT_MS;
    r->deadline_at = s->deadline_ms ? w->now + s->deadline_ms : 0;
    r->lost_max = s->lost_max ? s->lost_max : JOB_LOST_MAX_DEFAULT;
    r->unique_key = s->unique_key;
    r->flags = s->on_lost == JOB_ON_LOST_FAIL ? FLAG_FAIL_ON_LOST : 0;
    if (s->unique_key.n && !s->unique_for_ms) {
        r->flags |= FLAG_HOLDS_KEY;
    }
    if (s->args.n > INLINE_MAX_BYTES) {
        r->flags |= FLAG_ARGS;
    }
}

static enum rc insert_job(struct writer *w, int64_t tenant, const struct job_spec *s,
                          struct enqueue_verdict *v, struct err *e)
{
    struct queue_row *q = NULL;
    struct row r = {.tenant = tenant};
    enum rc rc = queue_get(w, tenant, queue_name(s), &q, e);
    if (!rc) {
        rc = word_intern(w, s->kind, &r.kind, e);
    }
    if (rc) {
        return rc;
    }
    fill_row(w, s, q, &r);
    if (r.state == JOB_QUEUED) {
        struct line *l = NULL;
        rc = line_get(w, q, r.kind, r.priority, &l, e);
        if (rc) {
            return rc;
        }
        line_add(w, l, 1);
        r.line = l->id;
    }
    if (r.state == JOB_SCHEDULED || r.deadline_at) {
        row_set_due(w, &r);
    }
    queue_add(w, q, r.state, 1);
    queue_add_total(w, q, TOTAL_ENQUEUED);
    rc = insert_add(w, s, q, &r, e);
    if (!rc && r.flags & FLAG_ARGS) {
        rc = body_put(w, r.id, BODY_ARGS, s->args, e);
    }
    if (!rc && s->unique_key.n) {
        bool is_for_ever = s->unique_for_ms > INT64_MAX - w->now;
        rc = hold_key(w, &r, !s->unique_for_ms ? 0 : is_for_ever ? INT64_MAX : w->now + s->unique_for_ms, e);
    }
    v->job = row_id(&r);
    v->state = r.state;
    struct store_change *c = row_changed(w, &r);
    c->state_changed = true;
    c->became_queued = r.state == JOB_QUEUED;
    return rc;
}

/* ---- the operation */

static int64_t waiting_in(const struct queue_row *q)
{
    return q->counts[JOB_BLOCKED] + q->counts[JOB_SCHEDULED] + q->counts[JOB_QUEUED];
}

/* Counts the item in, so that the items of one request cannot pass the limit together; check_items counts them out. */
static bool is_over(struct writer *w, const struct store_enqueue *op, size_t i)
{
    struct queue_row *q = queue_find(w, op->tenant, queue_name(&op->specs[i]));
    if (!q || q->settings.max_queued < 0) {
        return false;
    }
    return waiting_in(q) + q->reserved++ >= q->settings.max_queued;
}

static size_t check_items(struct writer *w, struct store_enqueue *op)
{
    size_t bad = 0;
    for (size_t i = 0; i < op->count; i++) {
        struct enqueue_verdict *v = &op->verdicts[i];
        v->rc = job_spec_check(&op->specs[i], &v->e);
        if (!v->rc && is_over(w, op, i)) {
            v->rc = err_set_code(&v->e, RC_BUSY, "queue_full", "queue", "the queue is full");
        }
        bad += v->rc != RC_OK;
    }
    for (size_t i = 0; i < op->count; i++) {
        struct queue_row *q = queue_find(w, op->tenant, queue_name(&op->specs[i]));
        if (q) {
            q->reserved = 0;
        }
    }
    return bad;
}

static enum rc insert_items(struct writer *w, struct store_enqueue *op, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < op->count && !rc; i++) {
        struct enqueue_verdict *v = &op->verdicts[i];
        if (v->rc) {
            continue;
        }
        if (op->specs[i].unique_key.n) {
            rc = find_holder(w, op->tenant, op->specs[i].unique_key, v, e);
        }
        if (!rc && !v->duplicate) {
            rc = insert_job(w, op->tenant, &op->specs[i], v, e);
        }
    }
    return rc;
}

static void refuse_all(struct store_enqueue *op)
{
    store_answer(&op->op, RC_FULL, NULL, "the store's disk is full");
    for (size_t i = 0; i < op->count; i++) {
        op->verdicts[i].rc = op->op.rc;
        op->verdicts[i].e = op->op.e;
    }
}

enum rc enqueue_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_enqueue *op = (struct store_enqueue *)base;
    bool is_done = false;
    op->verdicts = arena_array(base->a, struct enqueue_verdict, op->count ? op->count : 1);
    op->replayed = false;
    base->rc = RC_OK;
    if (op->idempotency_key.n > JOB_KEY_MAX_BYTES) {
        return store_answer(base, RC_INVALID, "invalid_field",
                            "the idempotency key is longer than 256 bytes");
    }
    if (op->idempotency_key.n) {
        enum rc rc = replay(w, op, &is_done, e);
        if (rc || is_done) {
            return rc;
        }
    }
    if (w->is_refusing) {
        refuse_all(op);
        return RC_OK;
    }
    size_t bad = check_items(w, op);
    if (bad && !op->partial) {
        if (op->count == 1) {
            base->rc = op->verdicts[0].rc;
            base->e = op->verdicts[0].e;
            return RC_OK;
        }
        for (size_t i = 0; i < op->count; i++) { /* a full queue is no fault of the request */
            if (op->verdicts[i].rc && op->verdicts[i].rc != RC_BUSY) {
                return store_answer(base, RC_INVALID, "invalid_field", "%zu of %zu jobs are refused", bad,
                                    op->count);
            }
        }
        return store_answer(base, RC_BUSY, "queue_full", "the queue is full");
    }
    enum rc rc = insert_items(w, op, e);
    if (!rc && op->idempotency_key.n) {
        rc = remember(w, op, e);
    }
    return rc;
}
