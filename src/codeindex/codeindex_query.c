/* codeindex_query.c: the door of all questions: reads the request, opens the file, sets the limits, and calls one of the
 * queries; and the plain ones among them. */
#include "codeindex/codeindex_private.h"

#define DEFAULT_MAX_STEPS 50000000
#define STEPS_BETWEEN_ASK 4000 /* as db.h says */

/* ---- members of requests */

enum rc codeindex_get_page(const struct codeindex_request *r, int64_t *limit, int64_t *offset, struct err *e)
{
    struct str cursor = STR_NONE;
    *limit = QUERY_DEFAULT_LIMIT;
    *offset = 0;
    enum rc rc = json_get_int(r->request, "limit", 1, QUERY_MAX_LIMIT, limit, e);
    rc = rc ? rc : json_get_str(r->request, "cursor", &cursor, e);
    if (rc || cursor.n == 0) {
        return rc;
    }
    if (!str_starts(cursor, STR("o")) || !str_to_i64(str_sub(cursor, 1, cursor.n), offset) || *offset < 0 ||
        *offset > INT32_MAX) {
        return err_set_code(e, RC_INVALID, "invalid_field", "cursor", "not a cursor of this list");
    }
    return RC_OK;
}

void codeindex_put_next(struct codeindex_request *r, bool has_more, int64_t next_offset)
{
    char cursor[24];
    (void)str_print(cursor, sizeof cursor, "o%lld", (long long)next_offset);
    json_put_c(&r->w, "next_cursor", has_more ? cursor : NULL);
}

enum rc codeindex_get_file(const struct codeindex_request *r, int64_t *id, struct str *path, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    struct str file = STR_NONE;
    enum rc rc = json_get_str(r->request, "file", &file, e);
    if (!rc && file.n == 0) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", "file", "the path of a file is needed");
    }
    rc = rc ? rc : db_prepare(r->db, "SELECT id FROM file WHERE path = ?1", &q, e);
    if (rc) {
        return rc;
    }
    db_bind_str(q, 1, file);
    rc = db_step(q, &has_row, e);
    if (!rc && !has_row) {
        rc = err_set(e, RC_NOT_FOUND, "the index has no file %.*s", STR_ARG(file));
    }
    if (!rc) {
        *id = db_int(q, 0);
        *path = file;
        db_reset(q);
    }
    return rc;
}

/* ---- answers */

void codeindex_put_text(struct json_out *w, const char *name, struct str s)
{
    if (s.p) {
        json_put_str(w, name, s);
    } else {
        json_put_c(w, name, NULL);
    }
}

static const struct {
    const char *name;
    enum code_flag flag;
} flag_names[] = {
    {"default", CODE_DEFAULT},   {"async", CODE_ASYNC},       {"static", CODE_STATIC},
    {"abstract", CODE_ABSTRACT}, {"overload", CODE_OVERLOAD}, {"declaration", CODE_DECLARATION},
    {"local", CODE_LOCAL},       {"private", CODE_PRIVATE},
};

void codeindex_put_symbol(struct codeindex_request *r, struct db_stmt *q, int64_t depth)
{
    struct json_out *w = &r->w;
    struct str name = arena_str(r->a, db_str(q, 1));
    struct str scope = db_str(q, 2);
    int64_t flags = db_int(q, 8);
    json_object_begin(w);
    json_put_int(w, "id", db_int(q, 0));
    json_put_str(w, "name", name);
    json_put_str(w, "qualified_name",
                 scope.p ? arena_printf(r->a, "%.*s.%.*s", STR_ARG(scope), STR_ARG(name)) : name);
    json_put_str(w, "kind", db_str(q, 3));
    json_put_str(w, "path", db_str(q, 4));
    json_put_int(w, "line", db_int(q, 5));
    json_put_int(w, "col", db_int(q, 6));
    json_put_int(w, "end_line", db_int(q, 7));
    if (depth >= 0) {
        json_put_int(w, "depth", depth);
    }
    json_put_bool(w, "exported", (flags & CODE_EXPORTED) != 0);
    json_name(w, "flags");
    json_array_begin(w);
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++) {
        if (flags & flag_names[i].flag) {
            json_c(w, flag_names[i].name);
        }
    }
    json_array_end(w);
    codeindex_put_text(w, "signature", db_str(q, 9));
    codeindex_put_text(w, "doc", db_str(q, 10));
    json_object_end(w);
}

/* ---- the door */

static const struct {
    const char *name;
    enum rc (*run)(struct codeindex_request *r, struct err *e);
    const char *members[10]; /* that a request may have; NULL ends */
} queries[] = {
    {"symbols",
     codeindex_query_symbols,
     {"query", "q", "kind", "exported", "path", "lang", "locals", "limit", "cursor"}},
    {"outline", codeindex_query_outline, {"query", "file"}},
    {"deps", codeindex_query_deps, {"query", "file", "direction", "depth", "limit"}},
    {"cycles", codeindex_query_cycles, {"query", "limit", "cursor"}},
    {"files", codeindex_query_files, {"query", "status", "reason", "lang", "path", "limit", "cursor"}},
    {"summary", codeindex_query_summary, {"query"}},
};

struct budget {
    int64_t steps_left;
};

static bool is_used_up(void *arg)
{
    struct budget *b = arg;
    b->steps_left -= STEPS_BETWEEN_ASK;
    return b->steps_left < 0;
}

static enum rc put_meta(struct codeindex_request *r, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(
        r->db, "SELECT key, value FROM meta WHERE key IN ('repo', 'ref', 'commit') ORDER BY key", &q, e);
    while (!rc && !(rc = db_step(q, &has_row, e)) && has_row) {
        json_put_str(&r->w, arena_c_str(r->a, db_str(q, 0)), db_str(q, 1));
    }
    return rc;
}

static enum rc answer_query(struct codeindex_request *r, struct err *e)
{
    struct str name = STR_NONE;
    enum rc rc = json_get_str(r->request, "query", &name, e);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0] && !rc; i++) {
        if (!str_eq(name, str_from(queries[i].name))) {
            continue;
        }
        rc = json_only(r->request, queries[i].members, e);
        if (rc) {
            return rc;
        }
        json_object_begin(&r->w);
        rc = put_meta(r, e);
        rc = rc ? rc : queries[i].run(r, e);
        json_object_end(&r->w);
        return rc;
    }
    return rc ? rc
              : err_set_code(e, RC_INVALID, "invalid_field", "query", "no such query: %.*s", STR_ARG(name));
}

enum rc codeindex_query(const char *path, struct str request, int64_t max_steps, struct buf *answer,
                        struct err *e)
{
    struct codeindex_request r = {.a = arena_new(), .w = json_writer(answer)};
    struct budget budget = {.steps_left = max_steps ? max_steps : DEFAULT_MAX_STEPS};
    struct json *tree = NULL;
    enum rc rc = json_parse(request, r.a, &tree, e);
    if (!rc && tree->type != JSON_OBJECT) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", NULL, "a request is an object");
    }
    rc = rc ? rc : codeindex_open_checked(path, &r.db, e);
    if (!rc) {
        r.request = tree;
        db_set_stop(r.db, is_used_up, &budget);
        rc = answer_query(&r, e);
    }
    rc = rc ? rc : buf_check(answer, "the answer", e);
    db_close(r.db);
    arena_free(r.a);
    return rc;
}
