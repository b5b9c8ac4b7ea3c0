/* queues.c: settings, pause, deletion (writes) and the views and counts of queues (reads). */
#include "store/sqlite/lanes.h"

static enum rc save(struct writer *w, struct queue_row *row, struct err *e)
{
    struct db_stmt *q = NULL;
    int64_t *m[QUEUE_SETTINGS];
    enum rc rc = stmt(w->db, SQL_QUEUE_SET_SETTINGS, &q, e);
    if (rc) {
        return rc;
    }
    settings_members(&row->settings, m);
    db_bind_int(q, 1, row->id);
    db_bind_int(q, 2, row->is_paused);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        db_bind_int(q, 3 + i, *m[i]);
    }
    db_bind_str(q, 3 + QUEUE_SETTINGS, row->settings.group_weights);
    return db_run(q, e);
}

static enum rc oldest(struct db *db, int64_t queue, int64_t *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    *out = 0;
    enum rc rc = stmt(db, SQL_QUEUE_OLDEST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, queue);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *out = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

/* The same for the committer: the table of lines gets the counts of the round when it ends. */
static enum rc oldest_now(struct writer *w, const struct queue_row *row, int64_t *out, struct err *e)
{
    enum rc rc = RC_OK;
    *out = 0;
    for (size_t i = 0; i < row->line_count && !rc; i++) {
        struct db_stmt *q = NULL;
        bool has_row = false;
        rc = row->lines[i]->queued ? stmt(w->db, SQL_JOB_HEADS, &q, e) : RC_OK;
        if (rc || !q) {
            continue;
        }
        db_bind_int(q, 1, row->lines[i]->id);
        db_bind_int(q, 2, 1);
        rc = db_step(q, &has_row, e);
        if (!rc && has_row) {
            *out = !*out || db_int(q, 1) < *out ? db_int(q, 1) : *out;
            db_reset(q);
        }
    }
    return rc;
}

enum rc queue_set_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_set_queue *op = (struct store_set_queue *)base;
    struct queue_row *q = NULL;
    if (!settings_are_good(op)) {
        return RC_OK;
    }
    enum rc rc = queue_get(w, op->tenant, op->name, &q, e);
    if (!rc && op->has_settings) {
        settings_merge(&q->settings, op->settings);
        rc = queue_weigh(w, q, q->settings.group_weights, e);
    }
    if (rc) {
        return rc;
    }
    bool was_paused = q->is_paused;
    q->is_paused = op->pause < 0 ? q->is_paused : op->pause > 0;
    rc = save(w, q, e);
    struct queue_view *v = arena_alloc(base->a, sizeof *v);
    v->name = arena_str(base->a, q->name);
    v->is_paused = q->is_paused;
    v->settings = q->settings;
    v->settings.group_weights = arena_str(base->a, q->settings.group_weights);
    for (int i = 0; i < JOB_STATES; i++) {
        v->counts[i] = q->counts[i];
    }
    op->queue = v;
    if (was_paused && !q->is_paused && q->counts[JOB_QUEUED]) { /* a waiting claim may find its jobs again */
        for (size_t i = 0; i < q->line_count; i++) {
            if (q->lines[i]->queued) {
                struct store_change *c = store_round_add(w->keeper.round);
                c->tenant = q->tenant;
                c->queue = q->name;
                c->kind = names_get(&w->engine->words, q->lines[i]->kind);
                c->state = JOB_QUEUED;
                c->became_queued = true;
            }
        }
        lanes_announce(w, q);
    }
    if (!rc && q->turn_count) { /* of lanes the table knows all, now */
        rc = caches_flush(w, e);
        return rc ? rc : oldest(w->db, q->id, &v->oldest_queued_at, e);
    }
    return rc ? rc : oldest_now(w, q, &v->oldest_queued_at, e);
}

enum rc queue_delete_run(struct writer *w, struct store_op *base, struct err *e)
{
    struct store_delete_queue *op = (struct store_delete_queue *)base;
    struct queue_row *q = queue_find(w, op->tenant, op->name);
    base->rc = RC_OK;
    if (!q || q->is_deleted) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such queue");
    }
    for (int i = 0; i < JOB_STATES; i++) {
        if (!job_state_is_final((enum job_state)i) && q->counts[i]) {
            return store_answer(base, RC_CONFLICT, "queue_not_empty", "the queue holds live jobs");
        }
    }
    q->is_deleted = true;
    q->is_paused = false;
    q->settings = settings_default();
    queue_mark(w, q); /* the row stays: finished jobs name it */
    enum rc rc = queue_weigh(w, q, STR(""), e);
    return rc ? rc : save(w, q, e);
}

/* ---- reads */

static void read_view(struct db_stmt *q, struct arena *a, struct queue_view *v)
{
    int64_t *m[QUEUE_SETTINGS];
    v->name = arena_str(a, db_str(q, 1));
    v->is_paused = db_int(q, 2);
    settings_members(&v->settings, m);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        *m[i] = db_int(q, 3 + i);
    }
    for (int i = 0; i < JOB_STATES; i++) {
        v->counts[i] = db_int(q, 3 + QUEUE_SETTINGS + i);
    }
    v->settings.group_weights = arena_str(a, db_str(q, 3 + QUEUE_SETTINGS + JOB_STATES));
}

enum rc queue_list_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_list_queues *op = (struct store_list_queues *)base;
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    int64_t *ids = NULL;
    op->count = 0;
    op->queues = NULL;
    enum rc rc = stmt(r->db, SQL_QUEUE_LIST, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    db_bind_str(q, 2, op->name.n ? op->name : STR(""));
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (op->count == room) {
            room = room ? 2 * room : 16;
            struct queue_view *views = arena_array(base->a, struct queue_view, room);
            int64_t *more = arena_array(base->a, int64_t, room);
            for (size_t i = 0; i < op->count; i++) {
                views[i] = op->queues[i];
                more[i] = ids[i];
            }
            op->queues = views;
            ids = more;
        }
        ids[op->count] = db_int(q, 0);
        read_view(q, base->a, &op->queues[op->count++]);
    }
    for (size_t i = 0; i < op->count && !rc; i++) {
        rc = oldest(r->db, ids[i], &op->queues[i].oldest_queued_at, e);
    }
    if (!rc && !op->count && op->name.n) {
        return store_answer(base, RC_NOT_FOUND, NULL, "no such queue");
    }
    return rc;
}
