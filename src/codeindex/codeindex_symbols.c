/* codeindex_symbols.c: search. The database finds the candidates, the rank is decided here in one number per candidate:
 * how it matches, then what it is, then how long its name is; equal ones stand in order of path and place. */
#include "codeindex/codeindex_private.h"

#include <stdlib.h>

#define MAX_CANDIDATES     200000
#define SUBSTRING_MIN_SIZE 3 /* the trigram index knows nothing shorter */

struct filter {
    struct str name;  /* what is looked for, without its scope; "" = everything */
    struct str scope; /* "Base" of "Base.run"; "" = any */
    struct str kind, lang, path;
    bool only_exported, has_exported, with_locals;
};

struct candidate {
    uint64_t rank;
    int64_t id;
};

struct candidates {
    struct candidate *list;
    size_t count, room;
};

/* ---- rank */

enum match {
    MATCH_EXACT,
    MATCH_EXACT_NOCASE,
    MATCH_PREFIX,
    MATCH_WORD,
    MATCH_INITIALS,
    MATCH_SUBSTRING,
    MATCH_NONE
};

static size_t find_nocase(struct str s, struct str needle, size_t from)
{
    for (size_t i = from; i + needle.n <= s.n; i++) {
        if (str_eq_nocase(str_sub(s, i, i + needle.n), needle)) {
            return i;
        }
    }
    return s.n;
}

static enum match match_of(struct str name, struct str looked_for)
{
    char initials[INITIALS_BYTES];
    if (str_eq(name, looked_for)) {
        return MATCH_EXACT;
    }
    size_t at = find_nocase(name, looked_for, 0);
    if (at == 0 && name.n > 0) {
        return name.n == looked_for.n ? MATCH_EXACT_NOCASE : MATCH_PREFIX;
    }
    bool is_inside = at < name.n;
    for (; at < name.n; at = find_nocase(name, looked_for, at + 1)) {
        if (codeindex_is_word_start(name, at)) {
            return MATCH_WORD;
        }
    }
    struct str first = str_sub(codeindex_initials(name, initials), 0, looked_for.n);
    if (first.n == looked_for.n && str_eq_nocase(first, looked_for)) {
        return MATCH_INITIALS;
    }
    return is_inside ? MATCH_SUBSTRING : MATCH_NONE;
}

static uint64_t rank_of(enum match m, int64_t flags, bool is_test, size_t name_bytes)
{
    uint64_t rank = (uint64_t)m;
    rank = rank << 1 | ((flags & CODE_LOCAL) != 0);
    rank = rank << 1 | ((flags & CODE_EXPORTED) == 0);
    rank = rank << 1 | is_test;
    rank = rank << 1 | ((flags & CODE_DECLARATION) != 0);
    return rank << 16 | (name_bytes < 0xffff ? name_bytes : 0xffff);
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* ---- candidates */

static bool is_in_scope(struct str scope, struct str looked_for)
{
    if (looked_for.n == 0) {
        return true;
    }
    struct str end = str_sub(scope, scope.n > looked_for.n ? scope.n - looked_for.n : 0, scope.n);
    bool at_border = end.n == scope.n || scope.p[scope.n - end.n - 1] == '.';
    return at_border && str_eq_nocase(end, looked_for);
}

static bool passes(const struct filter *f, struct db_stmt *q)
{
    int64_t flags = db_int(q, 3);
    bool is_exported = (flags & CODE_EXPORTED) != 0;
    if ((f->has_exported && is_exported != f->only_exported) || (!f->with_locals && (flags & CODE_LOCAL))) {
        return false;
    }
    return (f->kind.n == 0 || str_eq(db_str(q, 4), f->kind)) &&
           (f->lang.n == 0 || str_eq(db_str(q, 5), f->lang)) &&
           (f->path.n == 0 || str_starts(db_str(q, 6), f->path)) && is_in_scope(db_str(q, 2), f->scope);
}

static void add_candidate(struct candidates *c, uint64_t rank, int64_t id)
{
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 256;
        c->list = mem_grow(c->list, c->room * sizeof *c->list);
    }
    c->list[c->count++] = (struct candidate){rank, id};
}

#define CANDIDATE_COLUMNS "SELECT s.id, s.name, s.scope, s.flags, s.kind, f.lang, f.path, f.is_test FROM "
#define CANDIDATE_JOIN    " JOIN file f ON f.id = s.file_id "

/* Each row of q that passes becomes a candidate; `least` = no better rank than this (an earlier question had those). */
static enum rc collect(struct db_stmt *q, const struct filter *f, enum match least, enum match worst,
                       struct candidates *out, struct err *e)
{
    bool has_row = false;
    enum rc rc = RC_OK;
    while (!(rc = db_step(q, &has_row, e)) && has_row && out->count < MAX_CANDIDATES) {
        struct str name = db_str(q, 1);
        enum match m = f->name.n > 0 ? match_of(name, f->name) : MATCH_EXACT;
        if (m >= least && m <= worst && passes(f, q)) {
            add_candidate(out, rank_of(m, db_int(q, 3), db_int(q, 7) != 0, f->name.n > 0 ? name.n : 0),
                          db_int(q, 0));
        }
    }
    db_reset(q);
    return rc;
}

/* "abc" as a phrase of the trigram index. */
static struct str fts_phrase(struct str s, struct arena *a)
{
    struct buf b = BUF_LIMIT(4096);
    buf_append_char(&b, '"');
    for (size_t i = 0; i < s.n; i++) {
        buf_append_c(&b, s.p[i] == '"' ? "\"" : "");
        buf_append_char(&b, s.p[i]);
    }
    buf_append_char(&b, '"');
    struct str out = arena_str(a, buf_str(&b));
    buf_dispose(&b);
    return out;
}

/* The first text behind all texts that begin with s. */
static struct str after_prefix(struct str s, struct arena *a)
{
    return arena_printf(a, "%.*s\xf4\x8f\xbf\xbf", STR_ARG(s));
}

static struct str lower_case(struct str s, struct arena *a)
{
    char *p = arena_c_str(a, s);
    for (size_t i = 0; i < s.n; i++) {
        p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];
    }
    return (struct str){p, s.n};
}

/* What may match, in one to two questions that never find the same symbol twice. */
static enum rc collect_all(struct codeindex_request *r, const struct filter *f, struct candidates *out,
                           struct err *e)
{
    struct db_stmt *q = NULL;
    enum rc rc = RC_OK;
    if (f->name.n == 0) {
        rc = db_prepare(r->db, CANDIDATE_COLUMNS "symbol s" CANDIDATE_JOIN "ORDER BY s.id", &q, e);
        return rc ? rc : collect(q, f, MATCH_EXACT, MATCH_NONE, out, e);
    }
    if (f->name.n >= SUBSTRING_MIN_SIZE) {
        rc = db_prepare(r->db,
                        CANDIDATE_COLUMNS "symbol_fts t JOIN symbol s ON s.id = t.rowid" CANDIDATE_JOIN
                                          "WHERE symbol_fts MATCH ?1",
                        &q, e);
    } else {
        rc = db_prepare(r->db,
                        CANDIDATE_COLUMNS "symbol s" CANDIDATE_JOIN
                                          "WHERE s.name >= ?1 COLLATE NOCASE AND s.name < ?2 COLLATE NOCASE",
                        &q, e);
    }
    if (rc) {
        return rc;
    }
    db_bind_str(q, 1, f->name.n >= SUBSTRING_MIN_SIZE ? fts_phrase(f->name, r->a) : f->name);
    if (f->name.n < SUBSTRING_MIN_SIZE) {
        db_bind_str(q, 2, after_prefix(f->name, r->a));
    }
    rc = collect(q, f, MATCH_EXACT, MATCH_SUBSTRING, out, e);
    rc = rc ? rc
            : db_prepare(r->db,
                         CANDIDATE_COLUMNS "symbol s" CANDIDATE_JOIN
                                           "WHERE s.initials >= ?1 AND s.initials < ?2",
                         &q, e);
    if (rc) {
        return rc;
    }
    struct str initials = lower_case(f->name, r->a);
    db_bind_str(q, 1, initials);
    db_bind_str(q, 2, after_prefix(initials, r->a));
    return collect(q, f, MATCH_INITIALS, MATCH_INITIALS, out, e);
}

/* ---- the request */

static enum rc read_filter(const struct codeindex_request *r, struct filter *f, struct err *e)
{
    struct str name = STR("");
    enum code_kind kind;
    enum rc rc = json_get_str(r->request, "q", &name, e);
    rc = rc ? rc : json_get_str(r->request, "kind", &f->kind, e);
    rc = rc ? rc : json_get_str(r->request, "lang", &f->lang, e);
    rc = rc ? rc : json_get_str(r->request, "path", &f->path, e);
    rc = rc ? rc : json_get_bool(r->request, "exported", &f->only_exported, e);
    f->with_locals = name.n > 0;
    rc = rc ? rc : json_get_bool(r->request, "locals", &f->with_locals, e);
    if (!rc && f->kind.n > 0 && !code_kind_parse(f->kind, &kind)) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", "kind", "no such kind: %.*s", STR_ARG(f->kind));
    }
    if (!rc && name.n > CODE_MAX_NAME_BYTES) {
        rc = err_set_code(e, RC_INVALID, "invalid_field", "q", "longer than any name");
    }
    if (rc) {
        return rc;
    }
    const struct json *exported = json_get(r->request, STR("exported"));
    f->has_exported = exported && exported->type == JSON_BOOL;
    size_t dot = name.n;
    while (dot > 0 && name.p[dot - 1] != '.') {
        dot--;
    }
    f->scope = dot > 1 ? str_sub(name, 0, dot - 1) : STR("");
    f->name = str_sub(name, dot, name.n);
    return RC_OK;
}

static enum rc put_candidate(struct codeindex_request *r, int64_t id, struct err *e)
{
    struct db_stmt *q = NULL;
    bool has_row = false;
    enum rc rc = db_prepare(
        r->db, "SELECT " SYMBOL_COLUMNS " FROM symbol s JOIN file f ON f.id = s.file_id WHERE s.id = ?1", &q,
        e);
    if (rc) {
        return rc;
    }
    db_bind_int(q, 1, id);
    rc = db_step(q, &has_row, e);
    if (!rc && has_row) {
        codeindex_put_symbol(r, q, -1);
        db_reset(q);
    }
    return rc;
}

enum rc codeindex_query_symbols(struct codeindex_request *r, struct err *e)
{
    struct filter f = {0};
    struct candidates c = {0};
    int64_t limit = 0;
    int64_t offset = 0;
    enum rc rc = read_filter(r, &f, e);
    rc = rc ? rc : codeindex_get_page(r, &limit, &offset, e);
    rc = rc ? rc : collect_all(r, &f, &c, e);
    if (!rc) {
        if (c.count > 0) {
            qsort(c.list, c.count, sizeof *c.list, compare_candidates);
        }
        json_put_int(&r->w, "total", (int64_t)c.count);
        json_name(&r->w, "symbols");
        json_array_begin(&r->w);
        for (int64_t i = offset; c.list && i < offset + limit && i < (int64_t)c.count && !rc; i++) {
            rc = put_candidate(r, c.list[i].id, e);
        }
        json_array_end(&r->w);
        codeindex_put_next(r, offset + limit < (int64_t)c.count, offset + limit);
    }
    mem_free(c.list);
    return rc;
}
