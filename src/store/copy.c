/* copy.c: the loop of a copy: see copy.h. What stores consist of is in copy_rows.h, how they give and take it in
 * sqlite/copy*.c and pg/copy*.c. */
#include "store/copy_engine.h"

#include "base/fault.h"

#include <string.h>

struct copying {
    struct copy_end *source, *target;
    const struct copy_options *options;
    struct copy_progress *p;
    struct arena *a, *scratch; /* of the whole; of a batch */
    struct copy_identity id;   /* the source's */
    struct copy_value after[COPY_COLUMNS_MAX];
    struct arena *key_arena; /* of after */
};

/* ---- the mark: what it is about, fingerprint of the source, where it stands */

/* Of the names of all tables and columns: another release's position would be one in other rows. */
static int64_t shape_sum(void)
{
    uint64_t sum = copy_checksum(COPY_CHECKSUM_BEGIN, STR("1" /* how a mark is written */));
    for (int t = 0; t < COPY_TABLES; t++) {
        sum = copy_checksum(sum, str_from(copy_shapes[t].name));
        for (int i = 0; i < copy_shapes[t].column_count; i++) {
            sum = copy_checksum(sum, str_from(copy_shapes[t].columns[i].name));
        }
    }
    return (int64_t)(sum >> 1);
}

static void print_mark(const struct copying *c, struct buf *out)
{
    const struct copy_value head[] = {copy_number(shape_sum()), copy_text(c->id.fingerprint),
                                      copy_number(c->p->table)};
    struct copy_value rows[COPY_TABLES];
    for (int i = 0; i < COPY_TABLES; i++) {
        rows[i] = copy_number(c->p->tables[i].rows);
    }
    copy_encode(head, 3, out);
    copy_encode(rows, COPY_TABLES, out);
    if (c->p->table < COPY_TABLES) {
        copy_encode(c->after, copy_shapes[c->p->table].key_count, out);
    }
}

static enum rc refuse_mark(struct err *e)
{
    return err_set(
        e, RC_CONFLICT,
        "the target is an unfinished copy that another version of the program began: remove it and "
        "begin again");
}

static enum rc read_mark(struct copying *c, struct str mark, struct err *e)
{
    struct copy_value head[3], rows[COPY_TABLES];
    if (!copy_decode(&mark, head, 3) || head[0].number != shape_sum() ||
        !copy_decode(&mark, rows, COPY_TABLES) || head[2].number < 0 || head[2].number > COPY_TABLES) {
        return refuse_mark(e);
    }
    if (!str_eq(head[1].text, c->id.fingerprint)) {
        return err_set(
            e, RC_CONFLICT,
            "the source has changed since this copy began, so the two would not fit together: remove "
            "the unfinished target and begin again");
    }
    c->p->table = (int)head[2].number;
    for (int i = 0; i < COPY_TABLES; i++) {
        c->p->tables[i].rows = rows[i].number;
    }
    if (c->p->table < COPY_TABLES && !copy_decode(&mark, c->after, copy_shapes[c->p->table].key_count)) {
        return refuse_mark(e);
    }
    c->p->is_resumed = true;
    return RC_OK;
}

static void tell(const struct copying *c)
{
    if (c->options->on_progress) {
        c->options->on_progress(c->options->ctx, c->p);
    }
}

/* Whatever ends it early, the engine drops what was not committed when the target is closed. */
static enum rc commit(struct copying *c, struct err *e)
{
    struct buf mark = BUF_LIMIT(1 << 20);
    print_mark(c, &mark);
    enum rc rc = FAULT("store.copy.commit") ? err_set(e, RC_FATAL, "fault: copy commit") : RC_OK;
    if (!rc) {
        rc = c->target->engine->commit(c->target, buf_str(&mark), e);
    }
    buf_dispose(&mark);
    if (!rc && FAULT("store.copy.committed")) {
        rc = err_set(e, RC_FATAL, "fault: copy committed");
    }
    return rc;
}

/* ---- batches */

static void begin_table(struct copying *c, int table)
{
    c->p->table = table;
    if (table < COPY_TABLES) {
        copy_first_key(&copy_shapes[table], c->after);
    }
}

static enum rc copy_contents(struct copying *c, const struct copy_value *row, struct err *e)
{
    int64_t size = row[ARTIFACT_SIZE_COLUMN].number, at = 0;
    struct arena *a = arena_new();
    struct str part = STR_NONE;
    enum rc rc = RC_OK;
    while (!rc && at < size) {
        arena_reset(a);
        rc = c->source->engine->read_part(c->source, row, at, a, &part, e);
        if (!rc && FAULT("store.copy.part")) {
            rc = err_set(e, RC_FATAL, "fault: copy part");
        }
        if (!rc) {
            rc = c->target->engine->write_part(c->target, row, at, part, e);
        }
        at += (int64_t)part.n;
        c->p->bytes += (int64_t)part.n;
    }
    arena_free(a);
    return rc ? rc : c->target->engine->write_part(c->target, row, at, STR(""), e);
}

/* The contents of big artifacts go first, so that a row never names what is not there; many of them end a batch early. */
static enum rc write_rows(struct copying *c, enum copy_table table, struct copy_rows *rows, struct err *e)
{
    int64_t before = c->p->bytes;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < rows->count && !rc; i++) {
        const struct copy_value *row = copy_row(rows, i);
        c->p->bytes += (int64_t)copy_row_bytes(rows->shape, row);
        if (table == COPY_ARTIFACT && row[ARTIFACT_BYTES_COLUMN].is_null) {
            rc = copy_contents(c, row, e);
            rows->count = c->p->bytes - before > COPY_BATCH_BYTES ? i + 1 : rows->count;
        }
    }
    if (!rc && FAULT("store.copy.write")) {
        rc = err_set(e, RC_FATAL, "fault: copy write");
    }
    return rc ? rc : c->target->engine->write(c->target, table, rows, e);
}

static enum rc copy_batch(struct copying *c, struct err *e)
{
    const struct copy_shape *shape = &copy_shapes[c->p->table];
    struct copy_rows rows = {0};
    arena_reset(c->scratch);
    enum rc rc =
        c->source->engine->read(c->source, (enum copy_table)c->p->table, c->after, c->scratch, &rows, e);
    if (rc) {
        return err_wrap(e, rc, "reading table %s of the source", shape->name);
    }
    if (!rows.count) {
        begin_table(c, c->p->table + 1);
        return RC_OK;
    }
    rc = c->target->engine->begin(c->target, e);
    if (!rc) {
        rc = write_rows(c, (enum copy_table)c->p->table, &rows, e);
    }
    if (!rc) {
        arena_reset(c->key_arena);
        copy_keep_key(shape, copy_row(&rows, rows.count - 1), c->key_arena, c->after);
        c->p->tables[c->p->table].rows += (int64_t)rows.count;
        c->p->rows += (int64_t)rows.count;
        rc = commit(c, e);
    }
    return rc ? err_wrap(e, rc, "writing table %s of the target", shape->name) : RC_OK;
}

/* ---- the beginning and the end */

static enum rc write_identity(struct copy_end *t, const struct copy_identity *id, struct err *e)
{
    const struct str secret = {(const char *)id->secret, sizeof id->secret};
    const struct {
        const char *name;
        struct str bytes;
        int64_t number;
    } rows[] = {{"secret", secret, 0},
                {"epoch", STR_NONE, id->epoch},
                {"lease_start", STR_NONE, id->lease_start},
                {"last_ordinal", STR_NONE, id->last_ordinal}};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof rows / sizeof *rows; i++) {
        rc = t->engine->put_meta(t, rows[i].name, rows[i].bytes, rows[i].number, e);
    }
    return rc;
}

/* New leases begin above all of the source. The start of the lower part is drawn, so that two copies of one store do not
 * give the same numbers either. */
static enum rc write_first(struct copying *c, struct err *e)
{
    struct copy_identity id = c->id;
    id.epoch = c->id.epoch + 1;
    id.lease_start = (int64_t)(random_u64() >> 33);
    if (id.epoch > JOB_LEASE_NUMBER_MAX >> 32) {
        return err_set(e, RC_FATAL,
                       "the source has been copied and restored too often: no lease numbers are left");
    }
    begin_table(c, 0);
    enum rc rc = c->target->engine->begin(c->target, e);
    if (!rc) {
        rc = write_identity(c->target, &id, e);
    }
    return rc ? rc : commit(c, e);
}

static enum rc begin(struct copying *c, struct err *e)
{
    struct copy_identity target = {0};
    enum rc rc = c->source->engine->identify(c->source, c->a, &c->id, e);
    if (!rc) {
        rc = c->target->engine->identify(c->target, c->a, &target, e);
    }
    if (rc) {
        return rc;
    }
    bool is_same = memcmp(c->id.secret, target.secret, sizeof target.secret) == 0;
    if (c->id.mark.p) {
        return err_set(e, RC_CONFLICT, "the source cannot be copied: " COPY_REFUSAL);
    }
    if (target.mark.p) {
        return is_same
                   ? read_mark(c, target.mark, e)
                   : err_set(e, RC_CONFLICT,
                             "the target is an unfinished copy of another store: remove it, or name another");
    }
    if (target.is_empty) {
        return write_first(c, e);
    }
    return is_same
               ? err_set(e, RC_CONFLICT, "the target is the source itself, or a finished copy of it")
               : err_set(
                     e, RC_CONFLICT,
                     "the target is not empty: it holds another store's jobs, keys or tenants; name one that "
                     "is new");
}

static enum rc finish(struct copying *c, struct err *e)
{
    enum rc rc = c->target->engine->begin(c->target, e);
    if (!rc && FAULT("store.copy.finish")) {
        rc = err_set(e, RC_FATAL, "fault: copy finish");
    }
    return rc ? rc : c->target->engine->commit(c->target, STR_NONE, e);
}

static enum rc run(struct copying *c, struct err *e)
{
    enum rc rc = begin(c, e);
    while (!rc && c->p->table < COPY_TABLES) {
        rc = copy_batch(c, e);
        tell(c);
    }
    if (!rc) {
        rc = copy_verify(c->source, c->target, c->options, c->p, e);
    }
    if (!rc) {
        rc = finish(c, e);
    }
    if (rc == RC_FULL) {
        err_wrap(
            e, rc,
            "no room in the target; make some and run the same command again, it goes on where it ended");
    }
    return rc;
}

static enum rc find(const char *url, const char *which, const struct store_engine **engine,
                    const char **location, struct err *e)
{
    enum rc rc = store_find_engine(url, engine, location, e);
    if (!rc && !(*engine)->copy) {
        rc = err_set(e, RC_INVALID, "a store in memory: ends with its process; there is nothing to copy");
    }
    return rc ? err_wrap(e, rc, "%s", which) : RC_OK;
}

static enum rc open_both(struct copying *c, const char *from, const char *to, struct err *e)
{
    const struct store_engine *source = NULL, *target = NULL;
    const char *source_at = NULL, *target_at = NULL;
    enum rc rc = find(from, "--from", &source, &source_at, e);
    if (!rc) {
        rc = find(to, "--to", &target, &target_at, e);
    }
    if (!rc && source == target && strcmp(source_at, target_at) == 0) {
        rc = err_set(e, RC_INVALID, "--from and --to name the same store");
    }
    if (rc) {
        return rc;
    }
    rc = source->copy->open_source(&c->source, source_at, c->options, e);
    if (rc) {
        return err_wrap(e, rc, "the source");
    }
    rc = target->copy->open_target(&c->target, target_at, c->options, e);
    return rc ? err_wrap(e, rc, "the target") : RC_OK;
}

static void close_end(struct copy_end *end)
{
    if (end) {
        end->engine->close(end);
    }
}

enum rc store_copy(const char *from, const char *to, const struct copy_options *options,
                   struct copy_progress *out, struct err *e)
{
    static const struct copy_options none = {0};
    struct copying c = {.options = options ? options : &none, .p = out};
    *out = (struct copy_progress){.table_count = COPY_TABLES};
    for (int i = 0; i < COPY_TABLES; i++) {
        out->tables[i].name = copy_shapes[i].name;
    }
    c.a = arena_new();
    c.scratch = arena_new();
    c.key_arena = arena_new();
    enum rc rc = open_both(&c, from, to, e);
    if (!rc) {
        rc = run(&c, e);
    }
    close_end(c.target);
    close_end(c.source);
    arena_free(c.key_arena);
    arena_free(c.scratch);
    arena_free(c.a);
    return rc;
}
