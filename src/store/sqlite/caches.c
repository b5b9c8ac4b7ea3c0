/* caches.c: see caches.h. Objects live in one arena, so that a reload is a reset; names live in engine.queue_names and
 * engine.words, because readers and round callbacks hold them longer. */
#include "store/sqlite/caches.h"

#include <string.h>

#include "store/sqlite/lanes.h"
#include "store/sqlite/limits.h"

static struct str bytes_of(const void *p, size_t n)
{
    return (struct str){p, n};
}

static void grow_table(void **table, size_t *room, int64_t id)
{
    size_t want = *room ? *room : 64;
    while (want <= (size_t)id) {
        want *= 2;
    }
    if (want > *room) {
        *table = mem_grow(*table, want * sizeof(void *));
        memset((char *)*table + *room * sizeof(void *), 0, (want - *room) * sizeof(void *));
        *room = want;
    }
}

/* ---- words */

static void word_add(struct writer *w, int64_t id, struct str text)
{
    struct word *word = arena_alloc(w->cache_arena, sizeof *word);
    word->id = id;
    word->text = names_set(&w->engine->words, id, text);
    map_put(&w->words, word->text, word);
    w->last_word_id = id;
}

int64_t word_find(struct writer *w, struct str text)
{
    const struct word *word = map_get(&w->words, text);
    return word ? word->id : 0;
}

enum rc word_intern(struct writer *w, struct str text, int64_t *id, struct err *e)
{
    *id = word_find(w, text);
    if (*id) {
        return RC_OK;
    }
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_WORD_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, w->last_word_id + 1);
        db_bind_str(q, 2, text);
        rc = db_run(q, e);
    }
    if (!rc) {
        word_add(w, w->last_word_id + 1, text);
        *id = w->last_word_id;
    }
    return rc;
}

/* ---- queues */

static struct str queue_key(struct arena *a, int64_t tenant, struct str name)
{
    char *key = arena_alloc(a, sizeof tenant + name.n);
    memcpy(key, &tenant, sizeof tenant);
    memcpy(key + sizeof tenant, name.p, name.n);
    return bytes_of(key, sizeof tenant + name.n);
}

struct queue_row *queue_find(struct writer *w, int64_t tenant, struct str name)
{
    char key[sizeof tenant + JOB_NAME_MAX_BYTES];
    if (name.n > JOB_NAME_MAX_BYTES) {
        return NULL;
    }
    memcpy(key, &tenant, sizeof tenant);
    memcpy(key + sizeof tenant, name.p, name.n);
    return map_get(&w->queues, bytes_of(key, sizeof tenant + name.n));
}

struct queue_row *queue_by_id(struct writer *w, int64_t id)
{
    return id > 0 && (size_t)id < w->queue_room ? w->queue_by_id[id] : NULL;
}

static struct queue_row *queue_new(struct writer *w, int64_t id, int64_t tenant, struct str name)
{
    struct queue_row *q = arena_alloc(w->cache_arena, sizeof *q);
    *q = (struct queue_row){.id = id, .tenant = tenant, .settings = settings_default()};
    q->name = names_set(&w->engine->queue_names, id, name);
    q->key = queue_key(w->cache_arena, tenant, name);
    map_put(&w->queues, q->key, q);
    grow_table((void **)&w->queue_by_id, &w->queue_room, id);
    w->queue_by_id[id] = q;
    w->last_queue_id = id;
    return q;
}

enum rc queue_get(struct writer *w, int64_t tenant, struct str name, struct queue_row **out, struct err *e)
{
    struct queue_row *found = queue_find(w, tenant, name);
    if (found) {
        if (found->is_deleted) {
            found->is_deleted = false;
            queue_mark(w, found);
        }
        *out = found;
        return RC_OK;
    }
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_QUEUE_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, w->last_queue_id + 1);
        db_bind_int(q, 2, tenant);
        db_bind_str(q, 3, name);
        rc = db_run(q, e);
    }
    if (!rc) {
        *out = queue_new(w, w->last_queue_id + 1, tenant, name);
    }
    return rc;
}

enum rc queue_weigh(struct writer *w, struct queue_row *q, struct str weights, struct err *e)
{
    struct arena *old = q->weights_arena;
    enum rc rc = RC_OK;
    q->weights_arena = weights.n ? arena_new() : NULL;
    q->weights = (struct group_weights){0};
    q->settings.group_weights = weights.n ? arena_str(q->weights_arena, weights) : STR("");
    if (weights.n) {
        rc = group_weights_read(q->settings.group_weights, q->weights_arena, &q->weights, e);
    }
    arena_free(old); /* only now: the text may have come from there */
    groups_weigh(w, q);
    return rc ? err_wrap(e, RC_FATAL, "weights of a queue") : RC_OK;
}

void queue_mark(struct writer *w, struct queue_row *q)
{
    if (!q->is_dirty) {
        q->is_dirty = true;
        q->next_dirty = w->dirty_queues;
        w->dirty_queues = q;
    }
}

void queue_add(struct writer *w, struct queue_row *q, enum job_state state, int64_t n)
{
    q->counts[state] += n;
    queue_mark(w, q);
}

void queue_add_total(struct writer *w, struct queue_row *q, enum queue_total total)
{
    q->totals[total]++;
    queue_mark(w, q);
}

/* ---- lines */

/* Of one queue, kind and priority there may be further lines (line_get_apart): each has, where lines are told apart, so many
 * times this more. */
#define APART (JOB_PRIORITY_MAX - JOB_PRIORITY_MIN + 1)

int64_t line_priority(int64_t stored)
{
    return (stored - JOB_PRIORITY_MIN) % APART + JOB_PRIORITY_MIN;
}

int64_t line_apart(int64_t stored)
{
    return (stored - JOB_PRIORITY_MIN) / APART;
}

struct line *line_by_id(struct writer *w, int64_t id)
{
    return id > 0 && (size_t)id < w->line_room ? w->line_by_id[id] : NULL;
}

/* Keeps q->lines in order of priority: a claim walks them from the front. */
static void queue_insert_line(struct queue_row *q, struct line *l)
{
    if (q->line_count == q->line_room) {
        q->line_room = q->line_room ? 2 * q->line_room : 4;
        q->lines = mem_grow(q->lines, q->line_room * sizeof(struct line *));
    }
    size_t at = q->line_count;
    while (at > 0 && q->lines[at - 1]->priority > l->priority) {
        q->lines[at] = q->lines[at - 1];
        at--;
    }
    q->lines[at] = l;
    q->line_count++;
}

static struct line *line_new(struct writer *w, int64_t id, struct queue_row *q, int64_t kind,
                             int64_t priority)
{
    struct line *l = arena_alloc(w->cache_arena, sizeof *l);
    *l = (struct line){.id = id,
                       .kind = kind,
                       .priority = line_priority(priority),
                       .queue = q,
                       .key = {q->id, kind, priority}};
    map_put(&w->lines, bytes_of(l->key, sizeof l->key), l);
    grow_table((void **)&w->line_by_id, &w->line_room, id);
    w->line_by_id[id] = l;
    w->last_line_id = id;
    queue_insert_line(q, l);
    return l;
}

/* Numbers of lanes that are gone are used again: the table of lines by number does not grow with their coming and going. */
struct line *line_new_lane(struct writer *w, int64_t id, struct lane *lane)
{
    const struct turn *t = lane->ring->turn;
    struct line *l = id ? NULL : w->free_lines;
    if (l) {
        w->free_lines = l->next_dirty;
        id = l->id;
    } else {
        l = arena_alloc(w->cache_arena, sizeof *l);
        id = id ? id : w->last_line_id + 1;
    }
    *l = (struct line){.id = id,
                       .kind = lane->ring->kind,
                       .priority = t->priority,
                       .queue = t->queue,
                       .key = {t->queue->id, lane->ring->kind, t->priority},
                       .lane = lane};
    grow_table((void **)&w->line_by_id, &w->line_room, id);
    w->line_by_id[id] = l;
    w->last_line_id = id > w->last_line_id ? id : w->last_line_id;
    return l;
}

enum rc line_get(struct writer *w, struct queue_row *q, int64_t kind, int64_t priority, struct line **out,
                 struct err *e)
{
    const int64_t key[3] = {q->id, kind, priority};
    *out = map_get(&w->lines, bytes_of(key, sizeof key));
    if (*out) {
        return RC_OK;
    }
    struct db_stmt *s = NULL;
    enum rc rc = stmt(w->db, SQL_LINE_INSERT, &s, e);
    if (!rc) {
        db_bind_int(s, 1, w->last_line_id + 1);
        db_bind_int(s, 2, q->id);
        db_bind_int(s, 3, kind);
        db_bind_int(s, 4, priority);
        db_bind_str(s, 5, STR(""));
        db_bind_str(s, 6, STR(""));
        db_bind_int(s, 7, 0);
        rc = db_run(s, e);
    }
    if (!rc) {
        *out = line_new(w, w->last_line_id + 1, q, kind, priority);
    }
    return rc;
}

enum rc line_look_into(struct writer *w, const struct line *l, bool *has_job, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_JOB_HEADS, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, l->id);
    db_bind_int(q, 2, 1);
    rc = db_step(q, has_job, e);
    db_reset(q);
    return rc;
}

enum rc line_get_apart(struct writer *w, struct queue_row *q, int64_t kind, int64_t priority,
                       struct line **out, struct err *e)
{
    bool has_job = true;
    enum rc rc = RC_OK;
    for (int64_t n = 1; has_job && !rc; n++) {
        rc = line_get(w, q, kind, priority + n * APART, out, e);
        has_job = !rc && (*out)->queued > 0;
        if (!rc && !has_job) { /* hidden ones? */
            rc = line_look_into(w, *out, &has_job, e);
        }
    }
    return rc;
}

void line_add(struct writer *w, struct line *l, int64_t n)
{
    l->queued += n;
    if (!l->is_dirty) {
        l->is_dirty = true;
        l->next_dirty = w->dirty_lines;
        w->dirty_lines = l;
    }
}

/* ---- to the tables and back */

static enum rc flush_queue(struct writer *w, struct queue_row *row, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_QUEUE_SET_COUNTS, &q, e);
    if (rc) {
        return rc;
    }
    int at = 1;
    db_bind_int(q, at++, row->id);
    db_bind_int(q, at++, row->is_deleted);
    for (int i = 0; i < JOB_STATES; i++) {
        db_bind_int(q, at++, row->counts[i]);
    }
    for (int i = 0; i < QUEUE_TOTALS; i++) {
        db_bind_int(q, at++, row->totals[i]);
    }
    return db_run(q, e);
}

static enum rc insert_lane(struct writer *w, struct line *l, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(w->db, SQL_LINE_INSERT, &q, e);
    if (!rc) {
        db_bind_int(q, 1, l->id);
        db_bind_int(q, 2, l->queue->id);
        db_bind_int(q, 3, l->kind);
        db_bind_int(q, 4, l->priority + lane_apart(l->lane) * APART);
        db_bind_str(q, 5, l->lane->group->name);
        db_bind_str(q, 6, lane_limits(l->lane));
        db_bind_int(q, 7, l->queued);
        rc = db_run(q, e);
    }
    l->lane->is_stored = true;
    return rc;
}

/* What has emptied goes: groups may be one for each of somebody's users. */
static enum rc drop_lane(struct writer *w, struct line *l, struct err *e)
{
    enum rc rc = l->lane->is_stored ? run_with_id(w->db, SQL_LINE_DELETE, l->id, e) : RC_OK;
    lane_free(w, l->lane);
    w->line_by_id[l->id] = NULL;
    l->lane = NULL;
    l->next_dirty = w->free_lines;
    w->free_lines = l;
    return rc;
}

static enum rc flush_line(struct writer *w, struct line *l, struct err *e)
{
    struct db_stmt *q = NULL;
    bool is_needed = l->queued > 0 || (l->lane && lane_apart(l->lane));
    if (l->lane && (!is_needed || !l->lane->is_stored)) {
        return is_needed ? insert_lane(w, l, e) : drop_lane(w, l, e);
    }
    enum rc rc = stmt(w->db, SQL_LINE_SET, &q, e);
    if (!rc) {
        db_bind_int(q, 1, l->id);
        db_bind_int(q, 2, l->queued);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc caches_flush(struct writer *w, struct err *e)
{
    enum rc rc = RC_OK;
    for (; w->dirty_queues && !rc; w->dirty_queues = w->dirty_queues->next_dirty) {
        w->dirty_queues->is_dirty = false;
        rc = flush_queue(w, w->dirty_queues, e);
    }
    while (w->dirty_lines && !rc) {
        struct line *l = w->dirty_lines;
        w->dirty_lines = l->next_dirty;
        l->is_dirty = false;
        rc = flush_line(w, l, e);
    }
    if (!rc && (w->dirty_limits || w->slot_changes)) {
        rc = limits_flush(w, e);
    }
    return rc; /* after a failure the lists are stale; the rollback reloads */
}

static void forget(struct writer *w)
{
    lanes_forget(w);
    limits_forget(w);
    for (size_t i = 0; i < w->queue_room; i++) {
        if (w->queue_by_id[i]) {
            mem_free(w->queue_by_id[i]->lines);
            arena_free(w->queue_by_id[i]->weights_arena);
            w->queue_by_id[i] = NULL;
        }
    }
    for (size_t i = 0; i < w->line_room; i++) {
        w->line_by_id[i] = NULL;
    }
    map_clear(&w->queues);
    map_clear(&w->lines);
    map_clear(&w->words);
    w->dirty_queues = NULL;
    w->dirty_lines = w->free_lines = NULL;
    w->last_queue_id = w->last_line_id = w->last_word_id = 0;
    arena_reset(w->cache_arena);
}

static enum rc read_queue(struct writer *w, struct db_stmt *q, struct err *e)
{
    struct queue_row *row = queue_new(w, db_int(q, 0), db_int(q, 1), db_str(q, 2));
    row->is_paused = db_int(q, 3);
    row->is_deleted = db_int(q, 4);
    int at = 5;
    int64_t *settings[QUEUE_SETTINGS];
    settings_members(&row->settings, settings);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        *settings[i] = db_int(q, at++);
    }
    for (int i = 0; i < JOB_STATES; i++) {
        row->counts[i] = db_int(q, at++);
    }
    for (int i = 0; i < QUEUE_TOTALS; i++) {
        row->totals[i] = db_int(q, at++);
    }
    return db_str(q, at).n ? queue_weigh(w, row, db_str(q, at), e) : RC_OK;
}

static enum rc read_word(struct writer *w, struct db_stmt *q, struct err *e)
{
    (void)e;
    word_add(w, db_int(q, 0), db_str(q, 1));
    return RC_OK;
}

static enum rc read_line(struct writer *w, struct db_stmt *q, struct err *e)
{
    struct queue_row *row = queue_by_id(w, db_int(q, 1));
    if (row && (db_str(q, 5).n || db_str(q, 6).n)) {
        return lane_load(w, row, q, e);
    }
    if (row) {
        line_new(w, db_int(q, 0), row, db_int(q, 2), db_int(q, 3))->queued = db_int(q, 4);
    }
    return RC_OK;
}

static enum rc read_all(struct writer *w, enum sql_query query,
                        enum rc (*read)(struct writer *, struct db_stmt *, struct err *), struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(w->db, query, &q, e);
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        rc = read(w, q, e);
    }
    return rc;
}

enum rc caches_load(struct writer *w, struct err *e)
{
    forget(w);
    w->has_notes = true; /* the next round looks */
    enum rc rc = read_all(w, SQL_WORD_ALL, read_word, e);
    if (!rc) {
        rc = read_all(w, SQL_QUEUE_ALL, read_queue, e);
    }
    if (!rc) {
        rc = read_all(w, SQL_LINE_ALL, read_line, e);
    }
    return rc ? rc : limits_load(w, e);
}

void caches_dispose(struct writer *w)
{
    forget(w);
    mem_free(w->queue_by_id);
    mem_free(w->line_by_id);
    map_dispose(&w->queues);
    map_dispose(&w->lines);
    map_dispose(&w->words);
    map_dispose(&w->groups);
    map_dispose(&w->limit_keys);
    map_dispose(&w->limit_sets);
    arena_free(w->cache_arena);
}
