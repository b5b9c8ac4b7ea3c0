/* counts.c: the deltas of a round: appended as rows of their own, so that no two rounds ever wait for a count. */
#include "store/pg/batch.h"
#include "store/pg/care.h"
#include "store/pg/keeper.h"

static struct str count_name(struct arena *a, const struct count_entry *c)
{
    const int64_t numbers[] = {c->tenant, c->what, c->drop_at, (int64_t)c->queue.n};
    char *name = arena_alloc(a, sizeof numbers + c->queue.n + c->kind.n);
    memcpy(name, numbers, sizeof numbers);
    memcpy(name + sizeof numbers, c->queue.p, c->queue.n);
    memcpy(name + sizeof numbers + c->queue.n, c->kind.p, c->kind.n);
    return (struct str){name, sizeof numbers + c->queue.n + c->kind.n};
}

static bool is_same(const struct count_entry *a, const struct count_entry *b)
{
    return a->tenant == b->tenant && a->what == b->what && a->drop_at == b->drop_at &&
           str_eq(a->queue, b->queue) && str_eq(a->kind, b->kind);
}

/* Most rounds have few of them, and most jobs count as the one before: those are found without the map. */
static struct count_entry *find_recent(struct committer *w, const struct count_entry *c)
{
    struct count_entry *at = w->work.counts.first;
    for (int i = 0; at && i < 4; i++, at = at->next) {
        if (is_same(at, c)) {
            return at;
        }
    }
    return NULL;
}

void counts_add(struct committer *w, const struct count_entry *c)
{
    struct count_entry *found = find_recent(w, c);
    if (!found && w->work.counts.count > 4) {
        found = map_get(&w->work.count_by_key, count_name(w->keeper.scratch, c));
    }
    if (!found) {
        found = arena_alloc(w->keeper.scratch, sizeof *found);
        *found = *c;
        found->n = 0;
        found->next = NULL;
        FIFO_ADD(&w->work.counts, found);
        map_put(&w->work.count_by_key, count_name(w->keeper.scratch, c), found);
    }
    found->n += c->n;
}

/* The version goes along when the round has relied on settings that it did not ask for. */
enum rc counts_send(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    size_t room = w->work.counts.count + 1, n = 0;
    int64_t *numbers[4];
    struct str *queues = arena_array(a, struct str, room), *kinds = arena_array(a, struct str, room);
    struct pg_query q = PG_QUERY(a);
    for (int i = 0; i < 4; i++) {
        numbers[i] = arena_array(a, int64_t, room);
    }
    for (const struct count_entry *c = w->work.counts.first; c; c = c->next) {
        if (c->n) {
            const int64_t row[] = {c->tenant, c->what, c->drop_at, c->n};
            for (int i = 0; i < 4; i++) {
                numbers[i][n] = row[i];
            }
            queues[n] = c->queue;
            kinds[n++] = c->kind;
        }
    }
    if (!n) {
        return RC_OK;
    }
    pg_bind_ints(&q, numbers[0], n);
    pg_bind_strs(&q, queues, n);
    pg_bind_strs(&q, kinds, n);
    pg_bind_ints(&q, numbers[1], n);
    pg_bind_ints(&q, numbers[2], n);
    pg_bind_ints(&q, numbers[3], n);
    pg_bind_int_or_null(&q, !w->is_checked, w->settings.version);
    care_note(w->engine, (int64_t)n);
    return batch_send(w, PG_SQL_COUNT_ADD, &q, NULL, NULL, e);
}

/* ---- the limit of jobs that wait in a queue: read once a round, then counted along */

struct waiting {
    int64_t stored, reserved;
};

static enum rc read_waiting(struct committer *w, int64_t tenant, struct str queue, struct waiting *out,
                            struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, queue);
    enum rc rc = round_ask(w, PG_SQL_QUEUE_WAITING, &q, &rows, e);
    if (!rc) {
        out->stored = pg_int(rows, 0, 0);
    }
    pg_rows_free(rows);
    return rc;
}

static int64_t waiting_in_round(const struct committer *w, int64_t tenant, struct str queue)
{
    int64_t n = 0;
    for (const struct count_entry *c = w->work.counts.first; c; c = c->next) {
        n += c->what <= JOB_QUEUED && c->tenant == tenant && str_eq(c->queue, queue) ? c->n : 0;
    }
    return n;
}

static struct str waiting_name(struct arena *a, int64_t tenant, struct str queue)
{
    const struct count_entry c = {.tenant = tenant, .queue = queue, .kind = STR("")};
    return count_name(a, &c);
}

/* Of a queue that has no limit: NULL. */
static struct waiting *waiting_of(struct committer *w, int64_t tenant, struct str queue)
{
    struct arena *a = w->keeper.scratch;
    if (settings_of(&w->settings, tenant, queue)->max_queued < 0) {
        return NULL;
    }
    struct str name = waiting_name(a, tenant, queue);
    struct waiting *n = map_get(&w->work.waiting_by_queue, name);
    if (!n) {
        n = arena_alloc(a, sizeof *n);
        map_put(&w->work.waiting_by_queue, name, n);
        (void)!read_waiting(w, tenant, queue, n, &w->failure); /* with which the round ends */
    }
    return n;
}

bool counts_reserve(struct keeper *k, int64_t tenant, struct str queue)
{
    struct committer *w = (struct committer *)k;
    const struct queue_settings *settings = settings_of(&w->settings, tenant, queue);
    struct waiting *n = waiting_of(w, tenant, queue);
    return !n || n->stored + waiting_in_round(w, tenant, queue) + n->reserved++ < settings->max_queued;
}

void counts_expect_room(struct keeper *k, int64_t tenant, struct str queue, int64_t places)
{
    struct waiting *n = waiting_of((struct committer *)k, tenant, queue);
    if (n) {
        n->reserved -= places;
    }
}

void counts_unreserve(struct keeper *k, int64_t tenant, struct str queue)
{
    struct committer *w = (struct committer *)k;
    struct waiting *n = map_get(&w->work.waiting_by_queue, waiting_name(k->scratch, tenant, queue));
    if (n) {
        n->reserved = 0;
    }
}
