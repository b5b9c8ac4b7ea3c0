/* codeindex_lists.c: the plain questions: outline, files, cycles, summary. */
#include "codeindex/codeindex_private.h"

/* ---- files */

#define FILE_COLUMNS                                                                                         \
    "id, path, lang, bytes, lines, status, reason, is_test, symbol_count, error_count, is_cut, is_latin1"

static enum rc put_errors(struct codeindex_request *r, int64_t file_id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc =
        db_prepare(r->db, "SELECT line, end_line FROM file_error WHERE file_id = ?1 ORDER BY n", &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    json_name(&r->w, "errors");
    json_array_begin(&r->w);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        json_object_begin(&r->w);
        json_put_int(&r->w, "line", db_int(q, 0));
        json_put_int(&r->w, "end_line", db_int(q, 1));
        json_object_end(&r->w);
    }
    json_array_end(&r->w);
    return rc;
}

/* The current row of q, which selects FILE_COLUMNS. */
static enum rc put_file(struct codeindex_request *r, struct db_stmt *q, struct err *e)
{
    struct json_out *w = &r->w;
    json_object_begin(w);
    json_put_str(w, "path", db_str(q, 1));
    codeindex_put_text(w, "lang", db_str(q, 2));
    json_put_int(w, "bytes", db_int(q, 3));
    json_put_int(w, "lines", db_int(q, 4));
    json_put_str(w, "status", db_str(q, 5));
    codeindex_put_text(w, "reason", db_str(q, 6));
    json_put_bool(w, "test", db_int(q, 7) != 0);
    json_put_int(w, "symbols", db_int(q, 8));
    json_put_int(w, "error_count", db_int(q, 9));
    json_put_bool(w, "cut", db_int(q, 10) != 0);
    json_put_bool(w, "latin1", db_int(q, 11) != 0);
    enum rc rc = put_errors(r, db_int(q, 0), e);
    json_object_end(w);
    return rc;
}

enum rc codeindex_query_files(struct codeindex_request *r, struct err *e)
{
    static const char *const filters[] = {"status", "reason", "lang", "path"};
    struct db_stmt *q = NULL;
    int64_t limit = 0;
    int64_t offset = 0;
    int64_t n = 0;
    bool has_row = false;
    enum rc rc = codeindex_get_page(r, &limit, &offset, e);
    rc =
        rc ? rc
           : db_prepare(r->db,
                        "SELECT " FILE_COLUMNS " FROM file WHERE (?1 IS NULL OR status = ?1) "
                        "AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR lang = ?3) "
                        "AND (?4 IS NULL OR substr(path, 1, length(?4)) = ?4) ORDER BY id LIMIT ?5 OFFSET ?6",
                        &q, e);
    for (int i = 0; i < 4 && !rc; i++) {
        struct str value = STR_NONE;
        rc = json_get_str(r->request, filters[i], &value, e);
        db_bind_str(q, i + 1, value);
    }
    if (rc) {
        return rc;
    }
    db_bind_int(q, 5, limit + 1);
    db_bind_int(q, 6, offset);
    json_name(&r->w, "files");
    json_array_begin(&r->w);
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row && n < limit) {
        rc = put_file(r, q, e);
        n++;
    }
    json_array_end(&r->w);
    codeindex_put_next(r, has_row, offset + limit);
    return rc;
}

/* ---- outline */

/* How many symbols are around it: one more than its parent, which came before. */
static int depth_of(struct db_stmt *q, int64_t file_id, int *depths)
{
    int64_t first = file_id << SYMBOL_ID_SHIFT;
    int64_t place = db_int(q, 0) - first;
    int64_t parent = db_is_null(q, 11) ? -1 : db_int(q, 11) - first;
    if (place < 0 || place >= CODE_MAX_SYMBOLS || parent < 0 || parent >= place) {
        return 0;
    }
    depths[place] = depths[parent] + 1;
    return depths[place];
}

static enum rc put_outline_file(struct codeindex_request *r, int64_t file_id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(r->db, "SELECT " FILE_COLUMNS " FROM file WHERE id = ?1", &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    json_name(&r->w, "file");
    rc = db_step(q, &has_row, e);
    return rc || !has_row ? rc : put_file(r, q, e);
}

enum rc codeindex_query_outline(struct codeindex_request *r, struct err *e)
{
    int64_t file_id = 0;
    struct str path = STR_NONE;
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = codeindex_get_file(r, &file_id, &path, e);
    rc = rc ? rc : put_outline_file(r, file_id, e);
    rc = rc ? rc
            : db_prepare(r->db,
                         "SELECT " SYMBOL_COLUMNS " FROM symbol s JOIN file f ON f.id = s.file_id "
                         "WHERE s.id >= ?1 AND s.id < ?2 ORDER BY s.id",
                         &q, e);
    if (rc) {
        return rc;
    }
    int *depths = arena_array(r->a, int, CODE_MAX_SYMBOLS);
    db_bind_int(q, 1, file_id << SYMBOL_ID_SHIFT);
    db_bind_int(q, 2, (file_id + 1) << SYMBOL_ID_SHIFT);
    json_name(&r->w, "symbols");
    json_array_begin(&r->w);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        codeindex_put_symbol(r, q, depth_of(q, file_id, depths));
    }
    json_array_end(&r->w);
    return rc;
}

/* ---- cycles */

enum rc codeindex_query_cycles(struct codeindex_request *r, struct err *e)
{
    struct db_stmt *q = NULL;
    int64_t limit = 0;
    int64_t offset = 0;
    int64_t total = 0;
    int64_t open_cycle = 0;
    bool has_row = false;
    enum rc rc = codeindex_get_page(r, &limit, &offset, e);
    rc = rc ? rc : db_query_int(r->db, "SELECT coalesce(max(cycle_id), 0) FROM cycle", &total, e);
    rc = rc ? rc
            : db_prepare(r->db,
                         "SELECT c.cycle_id, f.path FROM cycle c JOIN file f ON f.id = c.file_id "
                         "WHERE c.cycle_id > ?1 AND c.cycle_id <= ?2 ORDER BY c.cycle_id, c.file_id",
                         &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, offset);
    db_bind_int(q, 2, offset + limit);
    json_put_int(&r->w, "total", total);
    json_name(&r->w, "cycles");
    json_array_begin(&r->w);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        if (db_int(q, 0) != open_cycle) {
            if (open_cycle) {
                json_array_end(&r->w);
            }
            open_cycle = db_int(q, 0);
            json_array_begin(&r->w);
        }
        json_str(&r->w, db_str(q, 1));
    }
    if (open_cycle) {
        json_array_end(&r->w);
    }
    json_array_end(&r->w);
    codeindex_put_next(r, offset + limit < total, offset + limit);
    return rc;
}

/* ---- summary */

static enum rc put_counts(struct codeindex_request *r, const char *name, const char *sql, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(r->db, sql, &q, e);
    if (rc) {
        return rc;
    }
    json_name(&r->w, name);
    json_object_begin(&r->w);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        json_put_int(&r->w, arena_c_str(r->a, db_str(q, 0)), db_int(q, 1));
    }
    json_object_end(&r->w);
    return rc;
}

static const struct {
    const char *name, *sql;
} counts[] = {
    {"files", "SELECT status, count(*) FROM file GROUP BY status ORDER BY status"},
    {"skipped", "SELECT reason, count(*) FROM file WHERE status = 'skipped' GROUP BY reason ORDER BY reason"},
    {"failed", "SELECT reason, count(*) FROM file WHERE status = 'failed' GROUP BY reason ORDER BY reason"},
    {"languages", "SELECT lang, count(*) FROM file WHERE status IN ('ok', 'partial') AND lang IS NOT NULL "
                  "GROUP BY lang ORDER BY lang"},
    {"symbols", "SELECT kind, count(*) FROM symbol GROUP BY kind ORDER BY kind"},
    {"imports", "SELECT class, count(*) FROM import GROUP BY class ORDER BY class"},
};

enum rc codeindex_query_summary(struct codeindex_request *r, struct err *e)
{
    int64_t cycles = 0;
    int64_t dirty = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !rc; i++) {
        rc = put_counts(r, counts[i].name, counts[i].sql, e);
    }
    rc = rc ? rc : db_query_int(r->db, "SELECT count(DISTINCT cycle_id) FROM cycle", &cycles, e);
    rc = rc ? rc : db_query_int(r->db, "SELECT value FROM meta WHERE key = 'dirty'", &dirty, e);
    json_put_int(&r->w, "cycles", cycles);
    json_put_bool(&r->w, "dirty", dirty != 0);
    return rc;
}
