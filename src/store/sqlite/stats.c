/* stats.c: totals and queued jobs by kind, all from maintained counts. */
#include "store/sqlite/sqlite.h"

#include <sys/stat.h>

#define KINDS_MAX 10000

static enum rc read_sums(struct reader *r, struct store_stats *op, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_QUEUE_SUMS, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    rc = db_step(q, &has_row, e);
    if (rc || !has_row) {
        return rc;
    }
    for (int i = 0; i < JOB_STATES; i++) {
        op->counts[i] = db_int(q, i);
    }
    int64_t *const totals[] = {&op->enqueued_total,  &op->completed_total, &op->failed_total,
                               &op->cancelled_total, &op->lost_total,      &op->retried_total};
    for (int i = 0; i < QUEUE_TOTALS; i++) {
        *totals[i] = db_int(q, JOB_STATES + i);
    }
    db_reset(q);
    return RC_OK;
}

static enum rc read_kinds(struct reader *r, struct store_stats *op, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    size_t room = 0;
    enum rc rc = stmt(r->db, SQL_QUEUE_KINDS, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, op->tenant);
    while (!(rc = db_step(q, &has_row, e)) && has_row && op->kind_count < KINDS_MAX) {
        if (op->kind_count == room) {
            room = room ? 2 * room : 16;
            struct kind_count *grown = arena_array(op->op.a, struct kind_count, room);
            for (size_t i = 0; i < op->kind_count; i++) {
                grown[i] = op->kinds[i];
            }
            op->kinds = grown;
        }
        op->kinds[op->kind_count++] =
            (struct kind_count){.queue = names_get(&r->engine->queue_names, db_int(q, 0)),
                                .kind = names_get(&r->engine->words, db_int(q, 1)),
                                .queued = db_int(q, 2)};
    }
    db_reset(q);
    return rc;
}

static int64_t file_bytes(const char *path, const char *suffix)
{
    char name[4096];
    struct stat st;
    str_print(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 ? (int64_t)st.st_size : 0;
}

static enum rc count_paused(struct reader *r, struct store_stats *op, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = stmt(r->db, SQL_LIMIT_PAUSED, &q, e);
    if (!rc) {
        db_bind_int(q, 1, op->tenant);
        db_bind_int(q, 2, r->now);
        rc = db_step(q, &has_row, e);
    }
    if (!rc) {
        op->limits_paused = db_int(q, 0);
        db_reset(q);
    }
    return rc;
}

enum rc stats_run(struct reader *r, struct store_op *base, struct err *e)
{
    struct store_stats *op = (struct store_stats *)base;
    op->kinds = NULL;
    op->kind_count = 0;
    enum rc rc = read_sums(r, op, e);
    if (!rc) {
        rc = read_kinds(r, op, e);
    }
    rc = rc ? rc : count_paused(r, op, e);
    op->store_bytes = file_bytes(r->engine->path, "") + file_bytes(r->engine->path, "-wal");
    return rc ? rc : db_query_int(r->db, sql_text(SQL_TENANT_COUNT), &op->tenants, e);
}
