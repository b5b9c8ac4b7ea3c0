/* queues.c: settings, pause and deletion of queues. Each change raises the version of the settings, whose row is also the
 * lock under which they are read and changed; rounds that go by the old version fail and read them again. */
#include "store/pg/postgres.h"
#include "store/pg/stretches.h"

/* In the order of query queue_list. False: no such queue. */
static enum rc read_queue(struct committer *w, int64_t tenant, struct str name, struct queue_view *v,
                          bool *found, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    int64_t *m[QUEUE_SETTINGS];
    int c = 2;
    *v = (struct queue_view){.name = name, .settings = settings_default()};
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, name);
    pg_bind_str(&q, name);
    stretches_bind_crowded(&q, &w->engine->heads, tenant);
    enum rc rc = round_ask(w, PG_SQL_QUEUE_LIST, &q, &rows, e);
    *found = !rc && pg_count(rows);
    if (*found) {
        v->is_paused = pg_bool(rows, 0, 1);
        settings_members(&v->settings, m);
        for (int i = 0; i < QUEUE_SETTINGS; i++) {
            *m[i] = pg_int(rows, 0, c++);
        }
        for (int i = 0; i < JOB_STATES; i++) {
            v->counts[i] = pg_int(rows, 0, c++);
        }
        v->oldest_queued_at = pg_int(rows, 0, c++);
        v->settings.group_weights = arena_str(w->keeper.scratch, pg_str(rows, 0, c));
    }
    pg_rows_free(rows);
    return rc;
}

static enum rc put(struct committer *w, int64_t tenant, struct queue_view *v, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    int64_t *m[QUEUE_SETTINGS];
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, v->name);
    pg_bind_bool(&q, v->is_paused);
    pg_bind_int_or_null(&q, false, 0); /* not deleted */
    settings_members(&v->settings, m);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        pg_bind_int(&q, *m[i]);
    }
    pg_bind_str(&q, v->settings.group_weights);
    return round_ask(w, PG_SQL_QUEUE_PUT, &q, NULL, e);
}

/* A waiting claim may find the queue's jobs again. */
static enum rc wake(struct committer *w, int64_t tenant, struct str name, struct err *e)
{
    struct arena *a = store_round_arena(w->keeper.round);
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, name);
    enum rc rc = round_ask(w, PG_SQL_QUEUE_LINES, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        struct store_change *c = store_round_add(w->keeper.round);
        c->tenant = tenant;
        c->queue = arena_str(a, name);
        c->kind = arena_str(a, pg_str(rows, i, 0));
        c->state = JOB_QUEUED;
        c->became_queued = true;
        const struct line line = {.tenant = tenant, .queue = c->queue, .kind = c->kind};
        heads_note_line(&w->engine->heads,
                        &line); /* too early: but no claim finds the line empty while it is paused */
    }
    pg_rows_free(rows);
    return rc;
}

enum rc pg_queue_set_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_set_queue *op = (struct store_set_queue *)base;
    bool found = false;
    if (!settings_are_good(op)) {
        return RC_OK;
    }
    struct queue_view *v = arena_alloc(base->a, sizeof *v);
    enum rc rc = round_ask(w, PG_SQL_SETTINGS_RAISE, NULL, NULL, e);
    if (!rc) {
        rc = read_queue(w, op->tenant, op->name, v, &found, e);
    }
    if (!rc && !found) { /* finished jobs may be left of one that was deleted: they count again */
        rc = put(w, op->tenant, v, e);
        rc = rc ? rc : read_queue(w, op->tenant, op->name, v, &found, e);
    }
    if (rc) {
        return rc;
    }
    if (op->has_settings) {
        settings_merge(&v->settings, op->settings);
    }
    bool was_paused = v->is_paused;
    v->is_paused = op->pause < 0 ? v->is_paused : op->pause > 0;
    v->name = arena_str(base->a, op->name);
    v->settings.group_weights = arena_str(base->a, v->settings.group_weights);
    op->queue = v;
    w->work.queue_set = op;
    rc = put(w, op->tenant, v, e);
    return !rc && was_paused && !v->is_paused ? wake(w, op->tenant, op->name, e) : rc;
}

enum rc pg_queue_delete_run(struct committer *w, struct store_op *base, struct err *e)
{
    struct store_delete_queue *op = (struct store_delete_queue *)base;
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct queue_view v;
    bool found = false;
    base->rc = RC_OK;
    enum rc rc = round_ask(w, PG_SQL_SETTINGS_RAISE, NULL, NULL, e);
    if (!rc) {
        rc = read_queue(w, op->tenant, op->name, &v, &found, e);
    }
    if (rc || !found) {
        return rc ? rc : store_answer(base, RC_NOT_FOUND, NULL, "no such queue");
    }
    for (int i = 0; i < JOB_STATES; i++) {
        if (!job_state_is_final((enum job_state)i) && v.counts[i] > 0) {
            return store_answer(base, RC_CONFLICT, "queue_not_empty", "the queue holds live jobs");
        }
    }
    pg_bind_int(&q, op->tenant);
    pg_bind_str(&q, op->name);
    return round_ask(w, PG_SQL_QUEUE_DELETE, &q, NULL, e);
}
