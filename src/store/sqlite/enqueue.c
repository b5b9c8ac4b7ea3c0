/* enqueue.c: the rows of new jobs, unique keys, idempotency keys. What an enqueue means is in store/rules/enqueue.c. */
#include "store/sqlite/insert.h"
#include "store/sqlite/lanes.h"

enum rc enqueue_make(struct keeper *k, int64_t tenant, struct str queue, struct str kind, struct row **out,
                     struct err *e)
{
    struct writer *w = writer_of(k);
    struct sqlite_row *s = w->fresh;
    *s = (struct sqlite_row){.row.tenant = tenant};
    enum rc rc = rows_set_queue(k, &s->row, queue, e);
    if (!rc) {
        rc = word_intern(w, kind, &s->kind, e);
    }
    if (rc) {
        return rc;
    }
    s->row.kind = names_get(&w->engine->words, s->kind);
    s->row.id = id_next(&w->ids, k->now);
    s->row.lease = w->first_lease;
    s->ordinal = id_ordinal(s->row.id);
    s->random = id_random_bits(s->row.id);
    *out = &s->row;
    return RC_OK;
}

enum rc enqueue_insert(struct keeper *k, struct row *r, const struct job_spec *s, struct err *e)
{
    struct sqlite_row *row = sqlite_row_of(r);
    bool is_long = s->args.n > INLINE_MAX_BYTES;
    r->flags |= is_long ? FLAG_ARGS : 0;
    enum rc rc = insert_add(writer_of(k), row, s, e);
    if (!rc && is_long) {
        rc = body_put(writer_of(k), row->ordinal, ROW_ARGS, s->args, e);
    }
    if (!rc && r->flags & FLAG_CHILD) {
        rc = family_insert(writer_of(k), row, e);
    }
    return rc || !(r->flags & FLAGS_OF_BATCH) ? rc : batch_add_member(writer_of(k), row, e);
}

/* ---- a batch that is filled: its jobs are queued in a line of their own, which says that it has none until all are there. So no
 * claim looks into it (rows.h: batch_hides, for who has an id; filter.c, for lists). */

enum rc enqueue_expect_keys(struct keeper *k, int64_t tenant, const struct job_spec *specs, size_t count,
                            struct err *e)
{
    (void)k;
    (void)tenant;
    (void)specs;
    (void)count;
    (void)e;
    return RC_OK; /* each is asked for at once */
}

static enum rc find_apart(struct writer *w, const struct sqlite_row *s, struct line **out, struct err *e)
{
    const struct row *r = &s->row;
    const struct lane_place p = {
        .kind = s->kind, .priority = r->priority, .group = r->group, .limits = r->limits};
    return r->flags & FLAG_LANED ? lane_get_apart(w, s->queue, p, out, e)
                                 : line_get_apart(w, s->queue, s->kind, r->priority, out, e);
}

enum rc enqueue_hide(struct keeper *k, struct row *r, int64_t *place, struct err *e)
{
    struct sqlite_row *s = sqlite_row_of(r);
    struct line *l = NULL;
    enum rc rc = *place ? RC_OK : insert_flush(writer_of(k), e);
    if (!rc && !*place) {
        rc = find_apart(writer_of(k), s, &l, e);
        *place = rc ? 0 : l->id;
    }
    s->line = *place;
    return rc;
}

enum rc enqueue_flush(struct keeper *k, struct id batch, struct err *e)
{
    (void)batch;
    return insert_flush(writer_of(k), e);
}

enum rc enqueue_reveal(struct keeper *k, struct row *r, int64_t place, int64_t n, struct err *e)
{
    struct writer *w = writer_of(k);
    struct queue_row *q = sqlite_row_of(r)->queue;
    struct line *l = line_by_id(w, place);
    if (!l) {
        return err_set(e, RC_FATAL, "the jobs of a batch are in a line that is not there");
    }
    line_add(w, l, n);
    if (l->lane) {
        lane_reveal(l->lane);
    }
    queue_add(w, q, JOB_QUEUED, n);
    q->totals[TOTAL_ENQUEUED] += n;
    return RC_OK;
}

static int64_t waiting_in(const struct queue_row *q)
{
    return q->counts[JOB_BLOCKED] + q->counts[JOB_SCHEDULED] + q->counts[JOB_QUEUED];
}

bool enqueue_reserve(struct keeper *k, int64_t tenant, struct str queue)
{
    struct queue_row *q = queue_find(writer_of(k), tenant, queue);
    return !q || q->settings.max_queued < 0 || waiting_in(q) + q->reserved++ < q->settings.max_queued;
}

void enqueue_expect_room(struct keeper *k, int64_t tenant, struct str queue, int64_t n)
{
    struct queue_row *q = queue_find(writer_of(k), tenant, queue);
    if (q) {
        q->reserved -= n;
    }
}

void enqueue_unreserve(struct keeper *k, int64_t tenant, struct str queue)
{
    struct queue_row *q = queue_find(writer_of(k), tenant, queue);
    if (q) {
        q->reserved = 0;
    }
}

/* ---- unique keys */

enum rc enqueue_find_holder(struct keeper *k, int64_t tenant, struct str key, struct key_holder *out,
                            struct err *e)
{
    struct writer *w = writer_of(k);
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, SQL_UNIQUE_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, tenant);
    db_bind_str(q, 2, key);
    rc = db_step(q, &has_row, e);
    if (rc || !has_row) {
        return rc;
    }
    int64_t job = db_int(q, 0), held_until = db_int(q, 2);
    out->job = id_from_parts(job, db_int(q, 1));
    out->is_held = held_until == 0 || held_until > k->now;
    db_reset(q);
    struct row *holder = NULL;
    if (out->is_held) {
        rc = insert_flush(w, e); /* the holder may be of this round */
    }
    if (!rc && out->is_held) {
        rc = rows_load_ordinal(w, job, &holder, e);
    }
    out->is_known = holder != NULL;
    out->state = holder ? holder->state : JOB_COMPLETED;
    return rc;
}

enum rc enqueue_hold_key(struct keeper *k, struct row *r, int64_t held_until, struct err *e)
{
    struct sqlite_row *s = sqlite_row_of(r);
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_UNIQUE_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->tenant);
        db_bind_str(q, 2, r->unique_key);
        db_bind_int(q, 3, s->ordinal);
        db_bind_int(q, 4, s->random);
        db_bind_int(q, 5, held_until);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc enqueue_release_key(struct keeper *k, struct row *r, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_UNIQUE_RELEASE, &q, e);
    if (!rc) {
        db_bind_int(q, 1, r->tenant);
        db_bind_str(q, 2, r->unique_key);
        db_bind_int(q, 3, sqlite_row_of(r)->ordinal);
        rc = db_run(q, e);
    }
    return rc;
}

/* ---- idempotency keys */

enum rc enqueue_find_verdicts(struct keeper *k, const struct store_enqueue *op, struct kept_verdicts *out,
                              struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(writer_of(k)->db, SQL_IDEMPOTENCY_GET, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->idempotency_key);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row && db_int(q, 2) > k->now) {
        out->hash = arena_str(k->scratch, db_blob(q, 0));
        out->verdicts = arena_str(k->scratch, db_blob(q, 1));
    }
    db_reset(q);
    return rc;
}

enum rc enqueue_keep_verdicts(struct keeper *k, const struct store_enqueue *op, struct str verdicts,
                              int64_t expires_at, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(writer_of(k)->db, SQL_IDEMPOTENCY_PUT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, op->tenant);
        db_bind_str(q, 2, op->idempotency_key);
        db_bind_blob(q, 3, (struct str){(const char *)op->body_hash, sizeof op->body_hash});
        db_bind_blob(q, 4, verdicts);
        db_bind_int(q, 5, expires_at);
        rc = db_run(q, e);
    }
    return rc;
}
