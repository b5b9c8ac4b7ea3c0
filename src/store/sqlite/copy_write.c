/* copy_write.c: rows of a copy into this engine's tables: words and lines get their numbers, long texts go to their table, and the
 * committer's caches count what comes. */
#include "store/sqlite/copy.h"

#include <string.h>

#include "store/sqlite/lanes.h"
#include "store/sqlite/limits.h"

#define JOB_PARAMETERS 53 /* the last: the line */

static void bind_value(struct db_stmt *q, int *at, enum copy_type type, const struct copy_value *v)
{
    struct id id = copy_get_id(v);
    if (type == COPY_ID) { /* none: 0 */
        db_bind_int(q, (*at)++, id_ordinal(id));
        db_bind_int(q, (*at)++, v->is_null ? 0 : id_random_bits(id));
    } else if (v->is_null) {
        db_bind_null(q, (*at)++);
    } else if (type == COPY_INT) {
        db_bind_int(q, (*at)++, v->number);
    } else if (type == COPY_TEXT) {
        db_bind_str(q, (*at)++, v->text);
    } else {
        db_bind_blob(q, (*at)++, v->text);
    }
}

/* Returns the next free parameter. */
static int bind_row(struct db_stmt *q, const struct copy_shape *s, const struct copy_value *row)
{
    int at = 1;
    for (int i = 0; i < s->column_count; i++) {
        bind_value(q, &at, s->columns[i].type, row + i);
    }
    return at;
}

static enum rc run_on_one(struct sqlite_end *c, struct db_stmt *q, struct err *e)
{
    enum rc rc = db_run(q, e);
    return !rc && db_changes(c->db) != 1 ? err_set(e, RC_FATAL, "what a row belongs to is missing") : rc;
}

/* ---- queues: through the cache, which has to know them when their jobs come */

static enum rc write_queue(struct sqlite_end *c, const struct copy_value *row, struct err *e)
{
    struct writer *w = c->s->writer;
    struct queue_row *queue = NULL;
    struct db_stmt *q = NULL;
    int64_t *settings[QUEUE_SETTINGS];
    int at = 2;
    enum rc rc = queue_get(w, row[0].number, row[1].text, &queue, e);
    if (!rc) {
        rc = stmt(c->db, SQL_QUEUE_SET_SETTINGS, &q, e);
    }
    if (rc) {
        return rc;
    }
    queue->is_paused = row[at++].number;
    queue->is_deleted = row[at++].number;
    db_bind_int(q, 1, queue->id);
    db_bind_int(q, 2, queue->is_paused);
    settings_members(&queue->settings, settings);
    for (int i = 0; i < QUEUE_SETTINGS; i++) {
        *settings[i] = row[at++].number;
        db_bind_int(q, 3 + i, *settings[i]);
    }
    for (int i = 0; i < QUEUE_TOTALS; i++) {
        queue->totals[i] = row[at++].number;
    }
    queue_mark(w, queue);
    db_bind_str(q, 3 + QUEUE_SETTINGS, row[at].text.n ? row[at].text : STR(""));
    rc = db_run(q, e);
    return rc ? rc : queue_weigh(w, queue, row[at].text, e);
}

/* ---- jobs */

struct place {
    struct queue_row *queue;
    int64_t kind, line; /* 0: only queued jobs stand in one */
};

static enum rc find_line(struct writer *w, const struct copy_value *row, const struct place *p,
                         struct line **out, struct err *e)
{
    int64_t priority = row[JOB_PRIORITY_COLUMN].number;
    struct str group = row[JOB_GROUP_COLUMN].text, limits = row[JOB_LIMITS_COLUMN].text;
    if (!group.n && !limits.n) {
        return line_get(w, p->queue, p->kind, priority, out, e);
    }
    const struct lane_place lane = {.kind = p->kind, .priority = priority, .group = group, .limits = limits};
    return lane_get(w, p->queue, &lane, out, e);
}

/* A queue that was deleted stays so, though finished jobs of it are there. */
static enum rc find_place(struct writer *w, const struct copy_value *row, struct place *p, struct err *e)
{
    int64_t tenant = row[JOB_TENANT_COLUMN].number;
    enum job_state state = (enum job_state)row[JOB_STATE_COLUMN].number;
    struct line *line = NULL;
    enum rc rc = RC_OK;
    *p = (struct place){.queue = queue_find(w, tenant, row[JOB_QUEUE_COLUMN].text)};
    if (!p->queue) {
        rc = queue_get(w, tenant, row[JOB_QUEUE_COLUMN].text, &p->queue, e);
    }
    if (!rc) {
        rc = word_intern(w, row[JOB_KIND_COLUMN].text, &p->kind, e);
    }
    if (!rc && state == JOB_QUEUED) {
        rc = find_line(w, row, p, &line, e);
    }
    if (!rc && line) {
        line_add(w, line, 1);
        p->line = line->id;
    }
    if (!rc && state == JOB_PROCESSING && row[JOB_LIMITS_COLUMN].text.n) {
        rc = limits_put_slot(w, id_ordinal(copy_get_id(&row[JOB_ID_COLUMN])), tenant,
                             row[JOB_LIMITS_COLUMN].text, e);
    }
    if (!rc) {
        queue_add(w, p->queue, state, 1);
    }
    return rc;
}

static enum rc move_long_texts(struct writer *w, struct copy_value *row, struct err *e)
{
    static const struct {
        int column;
        enum row_text which;
        enum body_flag flag;
    } texts[] = {{JOB_ARGS_COLUMN, ROW_ARGS, FLAG_ARGS},
                 {JOB_RESULT_COLUMN, ROW_RESULT, FLAG_RESULT},
                 {JOB_CHECKPOINT_COLUMN, ROW_CHECKPOINT, FLAG_CHECKPOINT}};
    int64_t job = id_ordinal(copy_get_id(row + JOB_ID_COLUMN));
    enum rc rc = RC_OK;
    for (int i = 0; i < 3 && !rc; i++) {
        struct copy_value *v = row + texts[i].column;
        if (v->text.n > INLINE_MAX_BYTES) {
            rc = body_put(w, job, texts[i].which, v->text, e);
            row[JOB_FLAGS_COLUMN].number |= texts[i].flag;
            *v = copy_text(STR_NONE);
        }
    }
    return rc;
}

/* As insert.c and rows.c store them. */
static void fill_up(const struct writer *w, struct copy_value *row, char *text, size_t text_bytes)
{
    static const int times[] = {JOB_DUE_AT_COLUMN, JOB_STARTED_AT_COLUMN, JOB_FINISHED_AT_COLUMN,
                                JOB_EXPIRES_AT_COLUMN};
    struct retry_policy usual = retry_default();
    for (int i = 0; i < 4; i++) {
        row[times[i]].number = rows_stored_time(w, row[times[i]].number);
    }
    if (row[JOB_RETRY_COLUMN].is_null) {
        row[JOB_RETRY_COLUMN] = copy_text((struct str){text, retry_print(&usual, text, text_bytes)});
    }
}

/* An id's ordinal is the row's key here. Several nodes on PostgreSQL may have made two jobs with the same. */
static enum rc explain(enum rc rc, const struct copy_value *row, struct err *e)
{
    if (rc != RC_CONFLICT) {
        return rc;
    }
    return err_set(
        e, rc,
        "job %s and another one were made by two servers at the same instant, and differ in their random "
        "part alone: a SQLite file cannot hold both. Purge one of them (or wait for the end of its "
        "retention) and begin again",
        id_text(copy_get_id(row)).s);
}

/* Who hangs under another stands in a table of its own. */
static enum rc write_kin(struct sqlite_end *c, const struct copy_value *row, struct err *e)
{
    static const int columns[] = {JOB_ID_COLUMN, JOB_PARENT_COLUMN, JOB_ROOT_COLUMN};
    struct db_stmt *q = NULL;
    int at = 1;
    if (row[JOB_PARENT_COLUMN].is_null) {
        return RC_OK;
    }
    enum rc rc = stmt(c->db, SQL_COPY_WRITE_KIN, &q, e);
    if (rc) {
        return rc;
    }
    for (int i = 0; i < 3; i++) {
        bind_value(q, &at, COPY_ID, row + columns[i]);
    }
    db_bind_int(q, at, row[JOB_STATE_COLUMN].number == JOB_FAILED);
    return db_run(q, e);
}

static enum rc write_member(struct sqlite_end *c, const struct copy_value *row, struct err *e)
{
    struct db_stmt *q = NULL;
    int at = 1;
    if (row[JOB_BATCH_COLUMN].is_null) {
        return RC_OK;
    }
    enum rc rc = stmt(c->db, SQL_COPY_WRITE_MEMBER, &q, e);
    if (rc) {
        return rc;
    }
    bind_value(q, &at, COPY_ID, row + JOB_ID_COLUMN);
    bind_value(q, &at, COPY_ID, row + JOB_BATCH_COLUMN);
    return db_run(q, e);
}

static enum rc write_job(struct sqlite_end *c, const struct copy_value *from, struct err *e)
{
    struct writer *w = c->s->writer;
    struct copy_value row[COPY_COLUMNS_MAX];
    struct db_stmt *q = NULL;
    struct place place = {0};
    char text[RETRY_TEXT_BYTES];
    memcpy(row, from, sizeof row);
    enum rc rc = find_place(w, row, &place, e);
    if (!rc) {
        rc = move_long_texts(w, row, e);
    }
    if (!rc) {
        rc = stmt(c->db, SQL_COPY_WRITE_JOB, &q, e);
    }
    if (rc) {
        return explain(rc, row, e);
    }
    fill_up(w, row, text, sizeof text);
    bind_row(q, &copy_shapes[COPY_JOB], row);
    db_bind_int(q, 1 + JOB_QUEUE_COLUMN + 1, place.queue->id); /* the id takes two */
    db_bind_int(q, 1 + JOB_KIND_COLUMN + 1, place.kind);
    db_bind_int(q, JOB_PARAMETERS, place.line);
    rc = explain(db_run(q, e), row, e);
    rc = rc ? rc : write_kin(c, row, e);
    return rc ? rc : write_member(c, row, e);
}

/* ---- the others */

static const enum sql_query queries[COPY_TABLES] = {[COPY_TENANT] = SQL_COPY_WRITE_TENANT,
                                                    [COPY_API_KEY] = SQL_COPY_WRITE_API_KEY,
                                                    [COPY_EVENT] = SQL_COPY_WRITE_EVENT,
                                                    [COPY_UNIQUE_KEY] = SQL_COPY_WRITE_UNIQUE_KEY,
                                                    [COPY_IDEMPOTENCY] = SQL_COPY_WRITE_IDEMPOTENCY,
                                                    [COPY_ARTIFACT] = SQL_COPY_WRITE_ARTIFACT,
                                                    [COPY_SERIES_ENTRY] = SQL_COPY_WRITE_SERIES_ENTRY,
                                                    [COPY_SCHEDULE] = SQL_COPY_WRITE_SCHEDULE,
                                                    [COPY_LIMIT] = SQL_COPY_WRITE_LIMIT,
                                                    [COPY_TALLY] = SQL_COPY_WRITE_TALLY,
                                                    [COPY_NOTE] = SQL_COPY_WRITE_NOTE,
                                                    [COPY_LINK] = SQL_COPY_WRITE_LINK,
                                                    [COPY_BATCH] = SQL_COPY_WRITE_BATCH};

static enum rc write_plain(struct sqlite_end *c, enum copy_table table, const struct copy_value *row,
                           struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = stmt(c->db, queries[table], &q, e);
    if (rc) {
        return rc;
    }
    int end = bind_row(q, &copy_shapes[table], row);
    if (table == COPY_ARTIFACT && row[ARTIFACT_BYTES_COLUMN].is_null) {
        db_bind_str(q, end, sqlite_copy_take_file(c));
    }
    return run_on_one(c, q, e);
}

enum rc sqlite_copy_write(struct copy_end *base, enum copy_table table, const struct copy_rows *rows,
                          struct err *e)
{
    struct sqlite_end *c = (struct sqlite_end *)base;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < rows->count && !rc; i++) {
        const struct copy_value *row = copy_row(rows, i);
        if (table == COPY_QUEUE) {
            rc = write_queue(c, row, e);
        } else if (table == COPY_JOB) {
            rc = write_job(c, row, e);
        } else {
            rc = write_plain(c, table, row, e);
        }
    }
    return rc;
}
