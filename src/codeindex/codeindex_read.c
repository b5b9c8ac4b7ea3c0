/* codeindex_read.c: opens finished index files, compares them with what this program would write, and reads back what an
 * earlier run found in a blob. */
#include "codeindex/codeindex_private.h"

#include "base/asset.h"

/* ---- opening */

static enum rc schema_text(struct db *db, struct buf *out, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc =
        db_prepare(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type", &q, e);
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        for (int i = 0; i < 4; i++) {
            buf_append_str(out, db_str(q, i));
            buf_append_char(out, '\n');
        }
    }
    return rc;
}

/* The schema that codeindex_write.c makes, from the same texts. */
static enum rc expected_schema(struct buf *out, struct err *e)
{
    struct db *db = NULL;
    enum rc rc = db_open(":memory:", &(struct db_options){.create = true}, &db, e);
    rc = rc ? rc : db_exec(db, asset_get("sql/codeindex/tables.sql").p, e);
    rc = rc ? rc : db_exec(db, asset_get("sql/codeindex/indexes.sql").p, e);
    rc = rc ? rc : schema_text(db, out, e);
    db_close(db);
    return rc;
}

static enum rc check_schema(struct db *db, struct err *e)
{
    struct buf want = BUF_LIMIT(1 << 20);
    struct buf got = BUF_LIMIT(1 << 20);
    enum rc rc = expected_schema(&want, e);
    rc = rc ? rc : schema_text(db, &got, e);
    if (!rc && !str_eq(buf_str(&want), buf_str(&got))) {
        rc = err_set(e, RC_FATAL, "the file is not a code index that stint wrote");
    }
    buf_dispose(&want);
    buf_dispose(&got);
    return rc;
}

enum rc codeindex_open_checked(const char *path, struct db **out, struct err *e)
{
    struct db *db = NULL;
    int64_t format = 0;
    enum rc rc = db_open(path, &(struct db_options){.read_only = true, .untrusted = true}, &db, e);
    rc = rc ? rc : db_query_int(db, "PRAGMA user_version", &format, e);
    if (!rc && format != CODEINDEX_FORMAT) {
        rc = err_set(e, RC_CONFLICT, "a code index of format %lld, not %d", (long long)format,
                     CODEINDEX_FORMAT);
    }
    rc = rc ? rc : check_schema(db, e);
    if (rc) {
        db_close(db);
        return rc;
    }
    *out = db;
    return RC_OK;
}

enum rc codeindex_open(const char *path, int64_t extractor_version, struct codeindex **out, struct err *e)
{
    struct db *db = NULL;
    int64_t version = 0;
    enum rc rc = codeindex_open_checked(path, &db, e);
    rc = rc ? rc : db_query_int(db, "SELECT value FROM meta WHERE key = 'extractor_version'", &version, e);
    if (!rc && version != extractor_version) {
        rc = err_set(e, RC_CONFLICT, "written by extractor %lld, not %lld", (long long)version,
                     (long long)extractor_version);
    }
    if (rc) {
        db_close(db);
        return rc;
    }
    struct codeindex *c = mem_alloc(sizeof *c);
    c->db = db;
    *out = c;
    return RC_OK;
}

/* ---- a blob */

static bool import_kind_parse(struct str name, enum code_import_kind *out)
{
    for (int k = 0; k < CODE_IMPORT_KIND_COUNT; k++) {
        if (str_eq(name, str_from(code_import_kind_name((enum code_import_kind)k)))) {
            *out = (enum code_import_kind)k;
            return true;
        }
    }
    return false;
}

static enum rc find_blob(struct codeindex *c, struct str blob, enum code_lang lang, struct code_parsed *p,
                         int64_t *file_id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc =
        db_prepare(c->db,
                   "SELECT id, lines, is_latin1, is_cut, error_count FROM file "
                   "WHERE blob = ?1 AND lang = ?2 AND status IN ('ok', 'partial') ORDER BY id LIMIT 1",
                   &q, e);
    if (rc) {
        return rc;
    }
    db_bind_blob(q, 1, blob);
    db_bind_c(q, 2, code_lang_name(lang));
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        *file_id = db_int(q, 0);
        p->line_count = db_int(q, 1);
        p->is_latin1 = db_int(q, 2);
        p->is_cut = db_int(q, 3);
        p->error_count = (int)db_int(q, 4);
        db_reset(q);
    }
    return rc;
}

static enum rc load_symbols(struct codeindex *c, int64_t file_id, struct code_parsed *p, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc =
        db_prepare(c->db,
                   "SELECT id, parent_id, kind, flags, line, col, end_line, name, signature, doc FROM symbol "
                   "WHERE id >= ?1 AND id < ?2 ORDER BY id",
                   &q, e);
    if (rc) {
        return rc;
    }
    int64_t first = file_id << SYMBOL_ID_SHIFT;
    db_bind_int(q, 1, first);
    db_bind_int(q, 2, (file_id + 1) << SYMBOL_ID_SHIFT);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct code_symbol s = {.flags = (unsigned)db_int(q, 3) & CODE_ALL_FLAGS, .parent = -1};
        int64_t parent = db_is_null(q, 1) ? -1 : db_int(q, 1) - first;
        bool is_right = db_int(q, 0) - first == (int64_t)p->symbol_count &&
                        code_kind_parse(db_str(q, 2), &s.kind) && parent < (int64_t)p->symbol_count &&
                        parent >= -1;
        if (!is_right) {
            db_reset(q);
            return err_set(e, RC_FATAL, "the symbols of file %lld do not fit together", (long long)file_id);
        }
        s.parent = (int)parent;
        s.line = (int)db_int(q, 4);
        s.col = (int)db_int(q, 5);
        s.end_line = (int)db_int(q, 6);
        s.name = arena_str(p->a, db_str(q, 7));
        s.signature = arena_str(p->a, db_str(q, 8));
        s.doc = arena_str(p->a, db_str(q, 9));
        (void)code_add_symbol(p, &s);
    }
    return rc;
}

static enum rc load_imports(struct codeindex *c, int64_t file_id, struct code_parsed *p, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(c->db,
                            "SELECT kind, specifier, names, line, col, class = 'computed' FROM import WHERE "
                            "file_id = ?1 ORDER BY n",
                            &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        struct code_import i = {.is_computed = db_int(q, 5) == 1};
        if (!import_kind_parse(db_str(q, 0), &i.kind)) {
            db_reset(q);
            return err_set(e, RC_FATAL, "an import of file %lld has no known kind", (long long)file_id);
        }
        i.specifier = arena_str(p->a, db_str(q, 1));
        i.names = arena_str(p->a, db_str(q, 2));
        i.line = (int)db_int(q, 3);
        i.col = (int)db_int(q, 4);
        (void)code_add_import(p, &i);
    }
    return rc;
}

static enum rc load_errors(struct codeindex *c, int64_t file_id, struct code_parsed *p, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(
        c->db, "SELECT line, end_line FROM file_error WHERE file_id = ?1 ORDER BY n LIMIT 20", &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    for (int i = 0; !(rc = db_step(q, &has_row, e)) && has_row; i++) {
        p->errors[i] = (struct code_error){(int)db_int(q, 0), (int)db_int(q, 1)};
    }
    return rc;
}

enum rc codeindex_load_blob(struct codeindex *c, struct str blob, enum code_lang lang, struct arena *a,
                            struct code_parsed *out, struct err *e)
{
    struct code_parsed p = {.a = a};
    int64_t file_id = 0;
    enum rc rc = find_blob(c, blob, lang, &p, &file_id, e);
    if (rc || file_id == 0) {
        return rc ? rc : err_set(e, RC_NOT_FOUND, "no such blob in the index");
    }
    rc = load_symbols(c, file_id, &p, e);
    rc = rc ? rc : load_imports(c, file_id, &p, e);
    rc = rc ? rc : load_errors(c, file_id, &p, e);
    if (!rc) {
        *out = p;
    }
    return rc;
}
