/* schedules.c: see schedules.h. */
#include "store/pg/schedules.h"

#include "store/pg/batch.h"

void pg_schedule_read(const struct pg_rows *rows, size_t at, bool has_live, struct arena *a,
                      struct schedule *s)
{
    *s = (struct schedule){.tenant = pg_int(rows, at, 0),
                           .name = arena_str(a, pg_str(rows, at, 1)),
                           .definition = arena_str(a, pg_str(rows, at, 2)),
                           .is_paused = pg_bool(rows, at, 3),
                           .version = pg_int(rows, at, 4),
                           .next_at = pg_int(rows, at, 5),
                           .last_tick = pg_int(rows, at, 6),
                           .last_job = pg_uuid(rows, at, 7),
                           .fired = pg_int(rows, at, 8),
                           .dropped = pg_int(rows, at, 9),
                           .created_at = pg_int(rows, at, 10),
                           .updated_at = pg_int(rows, at, 11),
                           .is_last_live = has_live && pg_bool(rows, at, SCHEDULE_COLUMNS)};
}

/* ---- of the round */

static struct str key_of(struct arena *a, int64_t tenant, struct str name)
{
    char *key = arena_alloc(a, sizeof tenant + name.n);
    memcpy(key, &tenant, sizeof tenant);
    memcpy(key + sizeof tenant, name.p, name.n);
    return (struct str){key, sizeof tenant + name.n};
}

static struct schedule_entry *find(struct committer *w, int64_t tenant, struct str name)
{
    return map_get(&w->work.schedule_by_name, key_of(w->keeper.scratch, tenant, name));
}

static void add(struct committer *w, int64_t tenant, struct str name)
{
    struct arena *a = w->keeper.scratch;
    struct schedule_entry *n = arena_alloc(a, sizeof *n);
    n->s.tenant = tenant;
    n->s.name = arena_str(a, name);
    FIFO_ADD(&w->work.schedules, n);
    map_put(&w->work.schedule_by_name, key_of(a, tenant, name), n);
}

/* Those that were added and not asked for yet stand at the end, from `first` on. */
static enum rc load(struct committer *w, struct schedule_entry *first, size_t count, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct pg_query q = PG_QUERY(a);
    struct pg_rows *rows = NULL;
    int64_t *tenants = arena_array(a, int64_t, count + 1);
    struct str *names = arena_array(a, struct str, count + 1);
    size_t n = 0;
    for (const struct schedule_entry *s = first; s; s = s->next, n++) {
        tenants[n] = s->s.tenant;
        names[n] = s->s.name;
    }
    pg_bind_ints(&q, tenants, n);
    pg_bind_strs(&q, names, n);
    enum rc rc = round_ask(w, PG_SQL_SCHEDULE_LOCK, &q, &rows, e);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        struct schedule s;
        pg_schedule_read(rows, i, false, a, &s);
        struct schedule_entry *to = find(w, s.tenant, s.name);
        to->s = s;
        to->is_there = true;
    }
    pg_rows_free(rows);
    return rc;
}

enum rc schedules_prepare(struct committer *w, const struct store_op *list, struct err *e)
{
    for (const struct store_op *op = list; op; op = op->next) {
        const struct store_enqueue *enqueue = (const struct store_enqueue *)op;
        if (op->kind == STORE_ENQUEUE && enqueue->step && !find(w, enqueue->tenant, enqueue->step->name)) {
            add(w, enqueue->tenant, enqueue->step->name);
        }
    }
    return w->work.schedules.count ? load(w, w->work.schedules.first, w->work.schedules.count, e) : RC_OK;
}

/* ---- asks */

enum rc pg_schedule_find(struct keeper *k, int64_t tenant, struct str name, struct schedule *out, bool *found,
                         struct err *e)
{
    struct committer *w = (struct committer *)k;
    enum rc rc = RC_OK;
    if (!find(w, tenant, name)) {
        add(w, tenant, name);
        rc = load(w, w->work.schedules.last, 1, e);
    }
    const struct schedule_entry *n = find(w, tenant, name);
    *found = n->is_there;
    *out = n->s;
    return rc;
}

enum rc pg_schedule_find_idle(struct keeper *k, int64_t tenant, struct str name, struct schedule *out,
                              bool *found, struct err *e)
{
    struct committer *w = (struct committer *)k;
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    if (find(w, tenant, name)) {
        return pg_schedule_find(k, tenant, name, out, found, e);
    }
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, name);
    enum rc rc = round_ask(w, PG_SQL_SCHEDULE_LOCK_IDLE, &q, &rows, e);
    *found = !rc && pg_count(rows) > 0;
    if (*found) {
        add(w, tenant, name);
        pg_schedule_read(rows, 0, false, k->scratch, &w->work.schedules.last->s);
        w->work.schedules.last->is_there = true;
        *out = w->work.schedules.last->s;
    }
    pg_rows_free(rows);
    return rc;
}

enum rc pg_schedule_count(struct keeper *k, int64_t tenant, int64_t *out, struct err *e)
{
    struct pg_query q = PG_QUERY(k->scratch);
    struct pg_rows *rows = NULL;
    pg_bind_int(&q, tenant);
    enum rc rc = round_ask((struct committer *)k, PG_SQL_SCHEDULE_COUNT, &q, &rows, e);
    *out = !rc && pg_count(rows) ? pg_int(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return rc;
}

/* ---- writes */

enum rc pg_schedule_put(struct keeper *k, const struct schedule *s, struct err *e)
{
    struct committer *w = (struct committer *)k;
    struct schedule_entry *n = find(w, s->tenant, s->name);
    (void)e;
    struct str name = n->s.name; /* the entry's own */
    n->s = *s;
    n->s.name = name;
    n->is_there = n->is_dirty = true;
    w->work.is_timed = true;
    if (s->next_at && !s->is_paused) {
        w->work.due_at = w->work.due_at && w->work.due_at < s->next_at ? w->work.due_at : s->next_at;
    }
    return RC_OK;
}

enum rc pg_schedule_remove(struct keeper *k, int64_t tenant, struct str name, struct err *e)
{
    struct committer *w = (struct committer *)k;
    struct schedule_entry *n = find(w, tenant, name);
    struct pg_query q = PG_QUERY(k->scratch);
    n->is_there = n->is_dirty = false;
    w->work.is_timed = true;
    pg_bind_int(&q, tenant);
    pg_bind_str(&q, name);
    return round_ask(w, PG_SQL_SCHEDULE_DELETE, &q, NULL, e);
}

static void bind_numbers(struct pg_query *q, struct schedule_entry *const *list, size_t count, size_t offset)
{
    int64_t *numbers = arena_array(q->a, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = *(const int64_t *)(const void *)((const char *)&list[i]->s + offset);
    }
    pg_bind_ints(q, numbers, count);
}

static void bind_texts(struct pg_query *q, struct schedule_entry *const *list, size_t count, size_t offset)
{
    struct str *texts = arena_array(q->a, struct str, count);
    for (size_t i = 0; i < count; i++) {
        texts[i] = *(const struct str *)(const void *)((const char *)&list[i]->s + offset);
    }
    pg_bind_strs(q, texts, count);
}

static void bind_all(struct pg_query *q, struct schedule_entry *const *list, size_t count)
{
    static const size_t before[] = {offsetof(struct schedule, version), offsetof(struct schedule, next_at),
                                    offsetof(struct schedule, last_tick)};
    static const size_t behind[] = {offsetof(struct schedule, fired), offsetof(struct schedule, dropped),
                                    offsetof(struct schedule, created_at),
                                    offsetof(struct schedule, updated_at)};
    bool *paused = arena_array(q->a, bool, count);
    struct id *jobs = arena_array(q->a, struct id, count);
    for (size_t i = 0; i < count; i++) {
        paused[i] = list[i]->s.is_paused;
        jobs[i] = list[i]->s.last_job;
    }
    bind_numbers(q, list, count, offsetof(struct schedule, tenant));
    bind_texts(q, list, count, offsetof(struct schedule, name));
    bind_texts(q, list, count, offsetof(struct schedule, definition));
    pg_bind_bools(q, paused, count);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        bind_numbers(q, list, count, before[i]);
    }
    pg_bind_uuids(q, jobs, count);
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        bind_numbers(q, list, count, behind[i]);
    }
}

enum rc schedules_send(struct committer *w, struct err *e)
{
    struct arena *a = w->keeper.scratch;
    struct schedule_entry **dirty = arena_array(a, struct schedule_entry *, w->work.schedules.count + 1);
    size_t count = 0;
    for (struct schedule_entry *n = w->work.schedules.first; n; n = n->next) {
        if (n->is_dirty) {
            dirty[count++] = n;
        }
    }
    if (!count) {
        return RC_OK;
    }
    struct pg_query q = PG_QUERY(a);
    bind_all(&q, dirty, count);
    return batch_send(w, PG_SQL_SCHEDULE_PUT, &q, NULL, NULL, e);
}

enum rc schedules_take(struct committer *w, struct store_tick *op, int64_t limit, struct err *e)
{
    struct pg_query q = PG_QUERY(w->keeper.scratch);
    struct pg_rows *rows = NULL;
    op->now = w->keeper.now;
    op->schedules = NULL;
    op->schedule_count = 0;
    pg_bind_int(&q, w->keeper.now);
    pg_bind_int(&q, w->keeper.now + STORE_SCHEDULE_HOLD_MS);
    pg_bind_int(&q, limit);
    pg_bind_int(&q, (int64_t)STORE_SCHEDULE_BYTES);
    enum rc rc = round_ask(w, PG_SQL_SCHEDULE_TAKE, &q, &rows, e);
    op->schedules = arena_array(op->op.a, struct schedule, rc ? 1 : pg_count(rows) + 1);
    for (size_t i = 0; !rc && i < pg_count(rows); i++) {
        pg_schedule_read(rows, i, true, op->op.a, &op->schedules[op->schedule_count++]);
    }
    pg_rows_free(rows);
    return rc;
}
