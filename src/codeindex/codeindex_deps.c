/* codeindex_deps.c: which files a file needs, and which need it, near or far: a walk in breadth over the import table. */
#include "codeindex/codeindex_private.h"

#include <stdlib.h>

#define DEFAULT_FILES 1000
#define MAX_FILES     10000
#define MAX_DEPTH     1000

struct deps {
    const char *sql; /* the neighbours of file ?1, in order */
    int64_t depth, limit;
    int64_t *queue;    /* files in the order they were met */
    int64_t *distance; /* by file id; 0 = not met, the asked file has 1 */
    int64_t count, files;
    bool is_cut;
};

#define DEPENDENCIES                                                                                         \
    "SELECT DISTINCT target_id FROM import WHERE file_id = ?1 AND class = 'internal' ORDER BY target_id"
#define DEPENDENTS                                                                                           \
    "SELECT DISTINCT file_id FROM import WHERE target_id = ?1 AND class = 'internal' ORDER BY file_id"

static enum rc read_depth(const struct codeindex_request *r, struct deps *d, struct err *e)
{
    const struct json *depth = json_get(r->request, STR("depth"));
    d->depth = 1;
    if (depth && depth->type == JSON_STRING && str_eq(depth->s, STR("all"))) {
        d->depth = INT32_MAX;
        return RC_OK;
    }
    return json_get_int(r->request, "depth", 1, MAX_DEPTH, &d->depth, e);
}

static enum rc read_request(const struct codeindex_request *r, struct deps *d, struct str *direction,
                            struct err *e)
{
    *direction = STR("dependencies");
    d->limit = DEFAULT_FILES;
    enum rc rc = json_get_str(r->request, "direction", direction, e);
    rc = rc ? rc : read_depth(r, d, e);
    rc = rc ? rc : json_get_int(r->request, "limit", 1, MAX_FILES, &d->limit, e);
    if (rc) {
        return rc;
    }
    bool is_forward = str_eq(*direction, STR("dependencies"));
    if (!is_forward && !str_eq(*direction, STR("dependents"))) {
        return err_set_code(e, RC_INVALID, "invalid_field", "direction", "dependencies or dependents");
    }
    d->sql = is_forward ? DEPENDENCIES : DEPENDENTS;
    return RC_OK;
}

/* Adds the neighbours of the file at d->queue[at] that were not met yet. */
static enum rc visit(struct codeindex_request *r, struct deps *d, int64_t at, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    int64_t file = d->queue[at];
    enum rc rc = db_prepare(r->db, d->sql, &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        int64_t next = db_int(q, 0);
        if (next < 1 || next > d->files || d->distance[next]) {
            continue;
        }
        if (d->count > d->limit) { /* the asked file is the first of them */
            d->is_cut = true;
            break;
        }
        d->distance[next] = d->distance[file] + 1;
        d->queue[d->count++] = next;
    }
    db_reset(q);
    return rc;
}

static enum rc put_met_files(struct codeindex_request *r, const struct deps *d, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = RC_OK;
    json_name(&r->w, "files");
    json_array_begin(&r->w);
    for (int64_t i = 1; i < d->count && !rc; i++) {
        rc = db_prepare(r->db, "SELECT path FROM file WHERE id = ?1", &q, e);
        if (rc) {
            break;
        }
        db_bind_int(q, 1, d->queue[i]);
        rc = db_step(q, &has_row, e);
        json_object_begin(&r->w);
        json_put_str(&r->w, "path", rc || !has_row ? STR("") : db_str(q, 0));
        json_put_int(&r->w, "distance", d->distance[d->queue[i]] - 1);
        json_object_end(&r->w);
        db_reset(q);
    }
    json_array_end(&r->w);
    return rc;
}

/* The imports of the asked file itself, those that lead out of the repository too. */
static enum rc put_imports(struct codeindex_request *r, int64_t file_id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc =
        db_prepare(r->db,
                   "SELECT i.specifier, i.kind, i.line, i.class, t.path, i.package, i.names FROM import i "
                   "LEFT JOIN file t ON t.id = i.target_id WHERE i.file_id = ?1 ORDER BY i.n",
                   &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    json_name(&r->w, "imports");
    json_array_begin(&r->w);
    while (!(rc = db_step(q, &has_row, e)) && has_row) {
        json_object_begin(&r->w);
        json_put_str(&r->w, "specifier", db_str(q, 0));
        json_put_str(&r->w, "kind", db_str(q, 1));
        json_put_int(&r->w, "line", db_int(q, 2));
        json_put_str(&r->w, "class", db_str(q, 3));
        codeindex_put_text(&r->w, "target", db_str(q, 4));
        codeindex_put_text(&r->w, "package", db_str(q, 5));
        codeindex_put_text(&r->w, "names", db_str(q, 6));
        json_object_end(&r->w);
    }
    json_array_end(&r->w);
    return rc;
}

enum rc codeindex_query_deps(struct codeindex_request *r, struct err *e)
{
    struct deps d = {0};
    int64_t file_id = 0;
    struct str path = STR_NONE;
    struct str direction = STR_NONE;
    enum rc rc = read_request(r, &d, &direction, e);
    rc = rc ? rc : codeindex_get_file(r, &file_id, &path, e);
    rc = rc ? rc : db_query_int(r->db, "SELECT coalesce(max(id), 0) FROM file", &d.files, e);
    if (!rc && (d.files > CODEINDEX_MAX_FILES || file_id < 1)) {
        rc = err_set(e, RC_FATAL, "an index of %lld files", (long long)d.files);
    }
    if (rc) {
        return rc;
    }
    d.distance = arena_array(r->a, int64_t, (size_t)d.files + 1);
    d.queue = arena_array(r->a, int64_t, (size_t)d.files + 1);
    d.queue[d.count++] = file_id;
    d.distance[file_id] = 1;
    for (int64_t i = 0; i < d.count && d.distance[d.queue[i]] <= d.depth && !d.is_cut && !rc; i++) {
        rc = visit(r, &d, i, e);
    }
    json_put_str(&r->w, "file", path);
    json_put_str(&r->w, "direction", direction);
    rc = rc ? rc : put_met_files(r, &d, e);
    json_put_bool(&r->w, "cut", d.is_cut);
    bool is_forward = str_eq(direction, STR("dependencies"));
    return rc || !is_forward ? rc : put_imports(r, file_id, e);
}
