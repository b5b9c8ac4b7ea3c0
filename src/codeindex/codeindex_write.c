/* codeindex_write.c: makes an index file: one transaction on a private file without any syncing, since a file that was not
 * finished is thrown away, and the finished one is made durable by whoever publishes it. */
#include "codeindex/codeindex_private.h"

#include "base/asset.h"

#include <assert.h>

static const char *const status_names[CODE_STATUS_COUNT] = {"ok", "partial", "skipped", "failed"};
static const char *const class_names[CODE_CLASS_COUNT] = {"internal", "asset", "external", "unresolved",
                                                          "computed"};

static_assert(CODE_MAX_SYMBOLS <= 1 << SYMBOL_ID_SHIFT,
              "symbols of a file share the lower bits of their ids");

const char *code_status_name(enum code_status s)
{
    return status_names[s];
}

const char *code_class_name(enum code_class c)
{
    return class_names[c];
}

/* ---- words in names */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter_or_digit(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

bool codeindex_is_word_start(struct str name, size_t at)
{
    if (at >= name.n || !is_letter_or_digit(name.p[at])) {
        return false;
    }
    if (at == 0 || !is_letter_or_digit(name.p[at - 1])) {
        return true;
    }
    bool next_is_lower = at + 1 < name.n && name.p[at + 1] >= 'a' && name.p[at + 1] <= 'z';
    return is_upper(name.p[at]) && (!is_upper(name.p[at - 1]) || next_is_lower);
}

struct str codeindex_initials(struct str name, char out[INITIALS_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < INITIALS_BYTES; i++) {
        if (codeindex_is_word_start(name, i) && (unsigned char)name.p[i] < 0x80) {
            out[n++] = is_upper(name.p[i]) ? (char)(name.p[i] + 'a' - 'A') : name.p[i];
        }
    }
    return n > 1 ? (struct str){out, n} : STR_NONE;
}

/* ---- create and finish */

static enum rc put_meta(struct codeindex *c, const char *key, struct str value, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = db_prepare(c->db, "INSERT INTO meta (key, value) VALUES (?1, ?2)", &q, e);
    if (rc) {
        return rc;
    }
    db_bind_c(q, 1, key);
    db_bind_str(q, 2, value);
    return db_run(q, e);
}

static enum rc put_meta_int(struct codeindex *c, const char *key, int64_t value, struct err *e)
{
    char text[24];
    size_t n = str_print(text, sizeof text, "%lld", (long long)value);
    return put_meta(c, key, (struct str){text, n}, e);
}

static enum rc start_file(struct codeindex *c, const struct codeindex_meta *m, struct err *e)
{
    enum rc rc = db_exec(
        c->db,
        "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY; BEGIN",
        e);
    rc = rc ? rc : db_exec(c->db, asset_get("sql/codeindex/tables.sql").p, e);
    rc = rc ? rc : put_meta(c, "repo", m->repo, e);
    rc = rc ? rc : put_meta(c, "ref", m->ref, e);
    rc = rc ? rc : put_meta(c, "commit", m->commit, e);
    rc = rc ? rc : put_meta(c, "options_hash", m->options_hash, e);
    rc = rc ? rc : put_meta(c, "dirty", m->is_dirty ? STR("1") : STR("0"), e);
    return rc ? rc : put_meta_int(c, "extractor_version", m->extractor_version, e);
}

enum rc codeindex_create(const char *path, const struct codeindex_meta *m, struct codeindex **out,
                         struct err *e)
{
    struct codeindex *c = mem_alloc(sizeof *c);
    enum rc rc = db_open(path, &(struct db_options){.create = true}, &c->db, e);
    rc = rc ? rc : start_file(c, m, e);
    if (rc) {
        codeindex_close(c);
        return err_wrap(e, rc, "code index");
    }
    *out = c;
    return RC_OK;
}

enum rc codeindex_finish(struct codeindex *c, struct err *e)
{
    char version[64];
    (void)str_print(version, sizeof version, "PRAGMA user_version = %d; COMMIT", CODEINDEX_FORMAT);
    enum rc rc = db_exec(c->db, asset_get("sql/codeindex/indexes.sql").p, e);
    rc = rc ? rc : db_exec(c->db, "INSERT INTO symbol_fts (symbol_fts) VALUES ('rebuild')", e);
    rc = rc ? rc : db_exec(c->db, "INSERT INTO symbol_fts (symbol_fts) VALUES ('optimize')", e);
    rc = rc ? rc : db_exec(c->db, version, e);
    return rc ? err_wrap(e, rc, "code index") : RC_OK;
}

void codeindex_close(struct codeindex *c)
{
    if (c) {
        db_close(c->db);
        mem_free(c);
    }
}

/* ---- rows */

static int64_t symbol_id(int64_t file_id, int place)
{
    return file_id << SYMBOL_ID_SHIFT | place;
}

/* The qualified names of all symbols: parents come before their children, so one pass will do. */
static struct str *qualified_names(const struct code_parsed *p, struct arena *a)
{
    struct str *names = arena_array(a, struct str, p->symbol_count + 1);
    for (size_t i = 0; i < p->symbol_count; i++) {
        const struct code_symbol *s = &p->symbols[i];
        names[i] = s->name;
        if (s->parent >= 0 && names[s->parent].n + s->name.n < CODE_MAX_NAME_BYTES) {
            names[i] = arena_printf(a, "%.*s.%.*s", STR_ARG(names[s->parent]), STR_ARG(s->name));
        }
    }
    return names;
}

static struct str none_if_empty(struct str s)
{
    return s.n > 0 ? s : STR_NONE;
}

static enum rc add_symbols(struct codeindex *c, const struct codeindex_file *f, struct err *e)
{
    const struct code_parsed *p = f->parsed;
    struct arena *a = arena_new();
    struct str *qualified = qualified_names(p, a);
    struct db_stmt *q = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < p->symbol_count && !rc; i++) {
        const struct code_symbol *s = &p->symbols[i];
        char initials[INITIALS_BYTES];
        rc = db_prepare(
            c->db,
            "INSERT INTO symbol (id, file_id, parent_id, kind, flags, line, col, end_line, name, scope, "
            "initials, signature, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &q, e);
        if (rc) {
            break;
        }
        db_bind_int(q, 1, symbol_id(f->id, (int)i));
        db_bind_int(q, 2, f->id);
        if (s->parent >= 0) {
            db_bind_int(q, 3, symbol_id(f->id, s->parent));
            db_bind_str(q, 10, qualified[s->parent]);
        }
        db_bind_c(q, 4, code_kind_name(s->kind));
        db_bind_int(q, 5, s->flags);
        db_bind_int(q, 6, s->line);
        db_bind_int(q, 7, s->col);
        db_bind_int(q, 8, s->end_line);
        db_bind_str(q, 9, s->name);
        db_bind_str(q, 11, codeindex_initials(s->name, initials));
        db_bind_str(q, 12, none_if_empty(s->signature));
        db_bind_str(q, 13, none_if_empty(s->doc));
        rc = db_run(q, e);
    }
    arena_free(a);
    return rc;
}

static enum rc add_errors(struct codeindex *c, const struct codeindex_file *f, struct err *e)
{
    enum rc rc = RC_OK;
    for (int i = 0; i < f->parsed->error_count && i < CODE_MAX_ERRORS && !rc; i++) {
        struct db_stmt *q = NULL;
        rc = db_prepare(c->db, "INSERT INTO file_error (file_id, n, line, end_line) VALUES (?1, ?2, ?3, ?4)",
                        &q, e);
        if (rc) {
            break;
        }
        db_bind_int(q, 1, f->id);
        db_bind_int(q, 2, i);
        db_bind_int(q, 3, f->parsed->errors[i].line);
        db_bind_int(q, 4, f->parsed->errors[i].end_line);
        rc = db_run(q, e);
    }
    return rc;
}

enum rc codeindex_add_file(struct codeindex *c, const struct codeindex_file *f, struct err *e)
{
    const struct code_parsed *p = f->parsed;
    struct db_stmt *q = NULL;
    enum rc rc = db_prepare(
        c->db,
        "INSERT INTO file (id, path, blob, lang, bytes, lines, status, reason, is_test, is_latin1, "
        "is_cut, symbol_count, error_count) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, f->id);
    db_bind_str(q, 2, f->path);
    db_bind_blob(q, 3, f->blob);
    db_bind_c(q, 4, f->lang == CODE_NO_LANG ? NULL : code_lang_name(f->lang));
    db_bind_int(q, 5, f->bytes);
    db_bind_int(q, 6, p ? p->line_count : 0);
    db_bind_c(q, 7, code_status_name(f->status));
    db_bind_str(q, 8, none_if_empty(f->reason));
    db_bind_int(q, 9, code_path_is_test(f->path));
    db_bind_int(q, 10, p ? p->is_latin1 : 0);
    db_bind_int(q, 11, p ? p->is_cut : 0);
    db_bind_int(q, 12, p ? (int64_t)p->symbol_count : 0);
    db_bind_int(q, 13, p ? p->error_count : 0);
    rc = db_run(q, e);
    rc = rc || !p ? rc : add_symbols(c, f, e);
    return rc || !p ? rc : add_errors(c, f, e);
}

enum rc codeindex_add_import(struct codeindex *c, int64_t file_id, int n, const struct code_import *i,
                             const struct code_target *t, struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = db_prepare(
        c->db,
        "INSERT INTO import (file_id, n, kind, specifier, names, line, col, class, target_id, package) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &q, e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, file_id);
    db_bind_int(q, 2, n);
    db_bind_c(q, 3, code_import_kind_name(i->kind));
    db_bind_str(q, 4, i->specifier.p ? i->specifier : STR(""));
    db_bind_str(q, 5, none_if_empty(i->names));
    db_bind_int(q, 6, i->line);
    db_bind_int(q, 7, i->col);
    db_bind_c(q, 8, code_class_name(t->class));
    if (t->class == CODE_INTERNAL || t->class == CODE_ASSET) {
        db_bind_int(q, 9, t->file_id);
    }
    db_bind_str(q, 10, t->class == CODE_EXTERNAL ? none_if_empty(t->package) : STR_NONE);
    return db_run(q, e);
}

enum rc codeindex_add_cycle(struct codeindex *c, const int64_t *file_ids, size_t count, struct err *e)
{
    int64_t id = 0;
    enum rc rc = db_query_int(c->db, "SELECT coalesce(max(cycle_id), 0) + 1 FROM cycle", &id, e);
    for (size_t i = 0; i < count && !rc; i++) {
        struct db_stmt *q = NULL;
        rc = db_prepare(c->db, "INSERT INTO cycle (cycle_id, file_id) VALUES (?1, ?2)", &q, e);
        if (!rc) {
            db_bind_int(q, 1, id);
            db_bind_int(q, 2, file_ids[i]);
            rc = db_run(q, e);
        }
    }
    return rc;
}
