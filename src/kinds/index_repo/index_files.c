/* index_files.c: the middle of the work: which files, what is in them, and what they import. */
#include "kinds/index_repo/cycles.h"
#include "kinds/index_repo/index_run.h"
#include "kinds/index_repo/parse_pool.h"
#include "kinds/index_repo/resolve.h"

#define PARSE_TIMEOUT_MS      5000
#define MAX_ATTRIBUTES_BYTES  (1 << 20)
#define FILES_BETWEEN_CANCELS 32

static enum rc cancelled(struct index_run *r, struct err *e)
{
    return attempt_is_cancelled(r->at) ? err_set_code(e, RC_BUSY, "cancelled", NULL, "cancelled") : RC_OK;
}

/* ---- discover */

static enum rc add_attributes(struct index_run *r, struct attributes *t, const struct git_entry *entry,
                              struct err *e)
{
    struct buf text = BUF_LIMIT(MAX_ATTRIBUTES_BYTES);
    enum rc rc = RC_OK;
    if (entry->mode == GIT_FILE && entry->bytes <= MAX_ATTRIBUTES_BYTES) {
        rc = git_read(r->git, entry->id, &text, e);
        attributes_add(t, path_folder(entry->path), buf_str(&text));
    }
    buf_dispose(&text);
    return rc;
}

enum rc index_discover(struct index_run *r, struct err *e)
{
    struct git_entry *entries = NULL;
    size_t count = 0;
    struct attributes *attributes = attributes_new(r->a);
    enum rc rc = git_list(r->git, r->head.commit, (size_t)r->args.max_files, &entries, &count, e);
    if (rc) {
        return rc;
    }
    struct str *paths = arena_array(r->a, struct str, count + 1);
    for (size_t i = 0; i < count && !rc; i++) {
        paths[i] = entries[i].path;
        if (str_eq(path_name(entries[i].path), STR(".gitattributes"))) {
            rc = add_attributes(r, attributes, &entries[i], e);
        }
    }
    r->paths = (struct path_list){paths, count};
    r->files = arena_array(r->a, struct index_file, count + 1);
    for (size_t i = 0; i < count && !rc; i++) {
        struct index_file *f = &r->files[i];
        f->entry = &entries[i];
        f->reason = discover_skip(&r->args.discover, attributes, f->entry, &f->lang);
        f->status = f->reason.n > 0 ? CODE_SKIPPED : CODE_OK;
        r->n.files_total += f->status == CODE_OK;
        r->n.bytes_total += f->status == CODE_OK ? f->entry->bytes : 0;
    }
    return rc;
}

/* ---- parse */

/* The row of a file, with its symbols when it has any; counts it. */
static enum rc store_file(struct index_run *r, struct index_file *f, const struct code_parsed *p,
                          struct err *e)
{
    char blob[64] = {0};
    bool is_hex = f->entry->id.n <= 2 * sizeof blob && hex_decode(f->entry->id, blob, f->entry->id.n / 2);
    struct codeindex_file row = {.id = f - r->files + 1,
                                 .path = f->entry->path,
                                 .blob = {blob, is_hex ? f->entry->id.n / 2 : 0},
                                 .reason = f->reason,
                                 .lang = f->lang,
                                 .bytes = f->entry->bytes > 0 ? f->entry->bytes : 0,
                                 .parsed = p};
    if (p) {
        f->status = p->error_count > 0 || p->is_cut ? CODE_PARTIAL : CODE_OK;
        f->error_count = p->error_count;
        f->first_error_line = p->error_count > 0 ? p->errors[0].line : 0;
    }
    row.status = f->status;
    r->n.status[f->status]++;
    for (size_t i = 0; p && i < p->symbol_count; i++) {
        r->n.kinds[p->symbols[i].kind]++;
    }
    r->n.symbols += p ? (int64_t)p->symbol_count : 0;
    index_tell_file(r, f);
    return codeindex_add_file(r->index, &row, e);
}

/* Imports are resolved when all files are known; until then they are kept, apart from the rest of the record. */
static void keep_imports(struct index_run *r, struct index_file *f, const struct code_parsed *p)
{
    f->import_count = p->import_count;
    f->imports = arena_array(r->a, struct code_import, p->import_count + 1);
    for (size_t i = 0; i < p->import_count; i++) {
        f->imports[i] = p->imports[i];
        f->imports[i].specifier = arena_str(r->a, p->imports[i].specifier);
        f->imports[i].names = arena_str(r->a, p->imports[i].names);
    }
}

static void done_with(struct index_run *r, const struct index_file *f)
{
    r->n.files_done++;
    r->n.bytes_done += f->entry->bytes;
    index_tell_done(r);
}

static enum rc take_finished(struct index_run *r, struct parse_task *t, struct err *e)
{
    struct index_file *f = &r->files[t->file];
    struct arena *a = arena_new();
    struct code_parsed p = {0};
    enum rc rc = t->rc ? t->rc : code_decode(buf_str(&t->answer), a, &p, NULL);
    if (rc) {
        f->status = CODE_FAILED;
        f->reason = rc == RC_BUSY ? STR("timeout") : rc == RC_FATAL ? STR("crashed") : STR("too_complex");
        rc = store_file(r, f, NULL, e);
    } else {
        keep_imports(r, f, &p);
        rc = store_file(r, f, &p, e);
    }
    done_with(r, f);
    arena_free(a);
    parse_task_free(t);
    return rc;
}

/* What the previous index knows of the same blob is taken over; RC_NOT_FOUND when it knows nothing. */
static enum rc reuse(struct index_run *r, struct index_file *f, struct err *e)
{
    char blob[64];
    struct code_parsed p = {0};
    if (!r->previous || f->entry->id.n > 2 * sizeof blob ||
        !hex_decode(f->entry->id, blob, f->entry->id.n / 2)) {
        return RC_NOT_FOUND;
    }
    struct arena *a = arena_new();
    struct str id = {blob, f->entry->id.n / 2};
    enum rc rc = codeindex_load_blob(r->previous, id, f->lang, a, &p, NULL) ? RC_NOT_FOUND : RC_OK;
    if (!rc) {
        r->n.reused++;
        keep_imports(r, f, &p);
        rc = store_file(r, f, &p, e);
        done_with(r, f);
    }
    arena_free(a);
    return rc;
}

/* Reads a candidate and hands it to the pool, or finds by its content that it is none. */
static enum rc submit(struct index_run *r, struct parse_pool *pool, struct index_file *f, struct err *e)
{
    struct parse_task *t =
        parse_task_new((size_t)(f - r->files), f->lang, (size_t)r->args.discover.max_file_bytes + 1);
    enum rc rc = git_read(r->git, f->entry->id, &t->request, e);
    if (!rc) {
        f->reason = discover_skip_content(str_sub(buf_str(&t->request), 1, t->request.n));
    }
    if (!rc && f->reason.n == 0) {
        parse_pool_submit(pool, t);
        return RC_OK;
    }
    parse_task_free(t);
    if (!rc) {
        f->status = CODE_SKIPPED;
        rc = store_file(r, f, NULL, e);
        done_with(r, f);
    }
    return rc;
}

static enum rc handle_file(struct index_run *r, struct parse_pool *pool, struct index_file *f, struct err *e)
{
    if (f->status == CODE_SKIPPED) {
        return store_file(r, f, NULL, e);
    }
    enum rc rc = reuse(r, f, e);
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    rc = RC_OK;
    if (parse_pool_count(pool) >= PARSE_POOL_THREADS + PARSE_POOL_WAITING) {
        rc = take_finished(r, parse_pool_take(pool), e);
    }
    return rc ? rc : submit(r, pool, f, e);
}

enum rc index_parse(struct index_run *r, struct err *e)
{
    struct parse_pool *pool = parse_pool_start(r->at, PARSE_TIMEOUT_MS);
    struct parse_task *t = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->paths.count && !rc; i++) {
        rc = i % FILES_BETWEEN_CANCELS == 0 ? cancelled(r, e) : RC_OK;
        rc = rc ? rc : handle_file(r, pool, &r->files[i], e);
    }
    while (!rc && (t = parse_pool_take(pool)) != NULL) {
        rc = take_finished(r, t, e);
    }
    parse_pool_stop(pool);
    return rc;
}

/* ---- imports and cycles */

static enum rc read_config(void *arg, int64_t file_id, struct str *text, struct err *e)
{
    struct index_run *r = arg;
    const struct git_entry *entry = r->files[file_id - 1].entry;
    struct buf content = BUF_LIMIT(RESOLVE_MAX_CONFIG_BYTES);
    if (entry->mode != GIT_FILE || entry->bytes > RESOLVE_MAX_CONFIG_BYTES) {
        return err_set(e, RC_TOO_BIG, "not a file to read settings from");
    }
    enum rc rc = git_read(r->git, entry->id, &content, e);
    if (!rc) {
        *text = arena_str(r->a, buf_str(&content));
    }
    buf_dispose(&content);
    return rc;
}

static size_t count_imports(const struct index_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->paths.count; i++) {
        n += r->files[i].import_count;
    }
    return n;
}

static enum rc link_file(struct index_run *r, struct resolver *resolver, size_t i, struct edge *edges,
                         size_t *edge_count, struct err *e)
{
    const struct index_file *f = &r->files[i];
    int64_t id = (int64_t)i + 1;
    enum rc rc = RC_OK;
    for (size_t k = 0; k < f->import_count && !rc; k++) {
        struct code_target t = resolver_target(resolver, id, f->lang, &f->imports[k]);
        r->n.classes[t.class]++;
        if (t.class == CODE_INTERNAL) {
            edges[(*edge_count)++] = (struct edge){id, t.file_id};
        }
        rc = codeindex_add_import(r->index, id, (int)k, &f->imports[k], &t, e);
    }
    return rc;
}

enum rc index_link(struct index_run *r, struct err *e)
{
    struct resolve_source source = {&r->paths, read_config, r};
    struct resolver *resolver = resolver_new(&source, r->a);
    struct edge *edges = arena_array(r->a, struct edge, count_imports(r) + 1);
    size_t edge_count = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->paths.count && !rc; i++) {
        rc = i % FILES_BETWEEN_CANCELS == 0 ? cancelled(r, e) : RC_OK;
        rc = rc ? rc : link_file(r, resolver, i, edges, &edge_count, e);
    }
    struct cycle_list cycles = cycles_find(edges, edge_count, r->paths.count, r->a);
    for (size_t i = 0; i < cycles.count && !rc; i++) {
        rc = codeindex_add_cycle(r->index, cycles.cycles[i].files, cycles.cycles[i].count, e);
    }
    r->n.cycles = (int64_t)cycles.count;
    return rc;
}
