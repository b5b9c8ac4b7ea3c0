/* copy_verify.c: the proof of a copy: all rows of both sides, read back in the same order, are the same bytes. */
#include "store/copy_engine.h"

#include "base/fault.h"

#include <string.h>

struct side { /* where one of the two is read */
    struct copy_end *end;
    struct arena *a, *key_arena;
    struct copy_rows rows;
    size_t at;
    struct copy_value after[COPY_COLUMNS_MAX];
};

struct comparison {
    enum copy_table table;
    const struct copy_shape *shape;
    struct side source, target;
    struct buf bytes; /* of a row */
    struct copy_count *count;
    const struct copy_options *options;
    struct copy_progress *p;
};

/* *row NULL: that was all. */
static enum rc next_row(const struct comparison *c, struct side *s, const struct copy_value **row,
                        struct err *e)
{
    *row = NULL;
    if (s->at == s->rows.count) {
        arena_reset(s->a);
        s->at = 0;
        enum rc rc = s->end->engine->read(s->end, c->table, s->after, s->a, &s->rows, e);
        if (rc || !s->rows.count) {
            return rc;
        }
        arena_reset(s->key_arena);
        copy_keep_key(c->shape, copy_row(&s->rows, s->rows.count - 1), s->key_arena, s->after);
    }
    *row = copy_row(&s->rows, s->at++);
    return RC_OK;
}

static enum rc differ(const struct comparison *c, const struct copy_value *row, const char *how,
                      struct err *e)
{
    struct arena *a = arena_new();
    struct str key = copy_key_text(c->shape, row, a);
    enum rc rc =
        err_set(e, RC_FATAL,
                "the two differ in table %s, row %.*s: %s. Was the source written to meanwhile? Remove the "
                "target and begin again",
                c->shape->name, STR_ARG(key), how);
    arena_free(a);
    return rc;
}

static enum rc compare_contents(struct comparison *c, const struct copy_value *row, struct err *e)
{
    struct arena *a = arena_new();
    int64_t size = row[ARTIFACT_SIZE_COLUMN].number, at = 0;
    enum rc rc = RC_OK;
    while (!rc && at < size) {
        struct str s = STR_NONE, t = STR_NONE;
        arena_reset(a);
        rc = c->source.end->engine->read_part(c->source.end, row, at, a, &s, e);
        if (!rc) {
            rc = c->target.end->engine->read_part(c->target.end, row, at, a, &t, e);
        }
        if (!rc && !str_eq(s, t)) {
            rc = differ(c, row, "its contents", e);
        }
        c->count->checksum = copy_checksum(c->count->checksum, s);
        c->p->bytes += (int64_t)s.n;
        at += (int64_t)s.n;
    }
    arena_free(a);
    return rc;
}

static enum rc compare_rows(struct comparison *c, const struct copy_value *s, const struct copy_value *t,
                            struct err *e)
{
    int order = !s ? 1 : !t ? -1 : copy_compare_keys(c->shape, s, t);
    if (order) {
        return order < 0 ? differ(c, s, "the target does not have it", e)
                         : differ(c, t, "the target alone has it", e);
    }
    int column = copy_first_difference(c->shape, s, t);
    if (column < c->shape->column_count) {
        return differ(c, s, c->shape->columns[column].name, e);
    }
    buf_clear(&c->bytes);
    copy_encode(s, c->shape->column_count, &c->bytes);
    c->count->checksum = copy_checksum(c->count->checksum, buf_str(&c->bytes));
    c->p->bytes += (int64_t)c->bytes.n;
    if (c->table == COPY_ARTIFACT && s[ARTIFACT_BYTES_COLUMN].is_null) {
        return compare_contents(c, s, e);
    }
    return RC_OK;
}

static enum rc compare_table(struct comparison *c, struct err *e)
{
    const struct copy_value *s = NULL, *t = NULL;
    int64_t rows = 0;
    enum rc rc = FAULT("store.copy.verify") ? err_set(e, RC_FATAL, "fault: copy verify") : RC_OK;
    while (!rc) {
        rc = next_row(c, &c->source, &s, e);
        if (!rc) {
            rc = next_row(c, &c->target, &t, e);
        }
        if (rc || (!s && !t)) {
            break;
        }
        rc = compare_rows(c, s, t, e);
        c->p->rows++;
        if (++rows % COPY_BATCH_ROWS == 0 && c->options->on_progress) {
            c->options->on_progress(c->options->ctx, c->p);
        }
    }
    if (!rc && rows != c->count->rows) {
        rc = err_set(e, RC_FATAL,
                     "table %s: %lld rows were copied, and %lld are there: remove the target and begin again",
                     c->shape->name, (long long)c->count->rows, (long long)rows);
    }
    return rc;
}

static enum rc verify_table(struct copy_end *source, struct copy_end *target,
                            const struct copy_options *options, struct copy_progress *p, struct err *e)
{
    struct comparison c = {.table = (enum copy_table)p->table,
                           .shape = &copy_shapes[p->table],
                           .source = {.end = source, .a = arena_new(), .key_arena = arena_new()},
                           .target = {.end = target, .a = arena_new(), .key_arena = arena_new()},
                           .bytes = BUF_LIMIT((size_t)64 << 20),
                           .count = &p->tables[p->table],
                           .options = options,
                           .p = p};
    c.count->checksum = COPY_CHECKSUM_BEGIN;
    copy_first_key(c.shape, c.source.after);
    copy_first_key(c.shape, c.target.after);
    enum rc rc = compare_table(&c, e);
    buf_dispose(&c.bytes);
    arena_free(c.source.a);
    arena_free(c.source.key_arena);
    arena_free(c.target.a);
    arena_free(c.target.key_arena);
    return rc;
}

enum rc copy_verify(struct copy_end *source, struct copy_end *target, const struct copy_options *options,
                    struct copy_progress *p, struct err *e)
{
    enum rc rc = RC_OK;
    p->is_verifying = true;
    p->rows = p->bytes = 0;
    for (p->table = 0; p->table < COPY_TABLES && !rc;) {
        rc = verify_table(source, target, options, p, e);
        p->table += !rc;
    }
    return rc;
}
