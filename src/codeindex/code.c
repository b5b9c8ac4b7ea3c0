/* code.c: see code.h. */
#include "codeindex/code.h"

static const char *const lang_names[CODE_LANG_COUNT] = {"none",       "typescript", "tsx",
                                                        "javascript", "python",     "c"};

static const char *const kind_names[CODE_KIND_COUNT] = {
    "function", "method", "class",    "interface", "type",   "enum",  "enum_member", "namespace",
    "property", "field",  "constant", "variable",  "struct", "union", "macro",
};

static const char *const import_kind_names[CODE_IMPORT_KIND_COUNT] = {
    "import",  "type_only", "side_effect", "re_export", "export_all",     "dynamic",
    "require", "type",      "from",        "include",   "include_system",
};

static const struct {
    const char *extension;
    enum code_lang lang;
} extensions[] = {
    {".ts", CODE_TYPESCRIPT},
    {".mts", CODE_TYPESCRIPT},
    {".cts", CODE_TYPESCRIPT},
    {".tsx", CODE_TSX},
    {".js", CODE_JAVASCRIPT},
    {".jsx", CODE_JAVASCRIPT},
    {".mjs", CODE_JAVASCRIPT},
    {".cjs", CODE_JAVASCRIPT},
    {".py", CODE_PYTHON},
    {".pyi", CODE_PYTHON},
    {".c", CODE_C},
    {".h", CODE_C},
};

/* ---- names */

const char *code_lang_name(enum code_lang l)
{
    return lang_names[l];
}

const char *code_kind_name(enum code_kind k)
{
    return kind_names[k];
}

const char *code_import_kind_name(enum code_import_kind k)
{
    return import_kind_names[k];
}

bool code_kind_parse(struct str name, enum code_kind *out)
{
    for (int k = 0; k < CODE_KIND_COUNT; k++) {
        if (str_eq(name, str_from(kind_names[k]))) {
            *out = (enum code_kind)k;
            return true;
        }
    }
    return false;
}

bool code_lang_parse(struct str name, enum code_lang *out)
{
    for (int l = 1; l < CODE_LANG_COUNT; l++) {
        if (str_eq(name, str_from(lang_names[l]))) {
            *out = (enum code_lang)l;
            return true;
        }
    }
    return false;
}

enum code_lang code_lang_of_path(struct str path)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (str_ends(path, str_from(extensions[i].extension))) {
            return extensions[i].lang;
        }
    }
    return CODE_NO_LANG;
}

static bool is_test_folder(struct str name)
{
    static const char *const folders[] = {"test",     "tests",     "__tests__",   "spec",
                                          "specs",    "__mocks__", "e2e",         "testing",
                                          "testdata", "fixtures",  "__fixtures__"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (str_eq(name, str_from(folders[i]))) {
            return true;
        }
    }
    return false;
}

bool code_path_is_test(struct str path)
{
    struct str rest = path;
    struct str name = STR_NONE;
    while (rest.n > 0) {
        name = str_cut(rest, '/', &rest);
        if (rest.n > 0 && is_test_folder(name)) {
            return true;
        }
    }
    size_t dot = str_find_char(name, '.', 0);
    struct str stem = str_sub(name, 0, dot);
    return str_find(name, STR(".test."), 0) < name.n || str_find(name, STR(".spec."), 0) < name.n ||
           str_starts(name, STR("test_")) || str_ends(stem, STR("_test")) || str_eq(stem, STR("conftest"));
}

/* ---- lists */

/* A list in an arena doubles by copying; the old halves go with the arena. */
static void *grown(struct arena *a, void *old, size_t count, size_t *room, size_t item_bytes)
{
    *room = *room ? *room * 2 : 16;
    void *p = arena_alloc_array(a, item_bytes, *room);
    if (count > 0) {
        memcpy(p, old, count * item_bytes);
    }
    return p;
}

int code_add_symbol(struct code_parsed *p, const struct code_symbol *s)
{
    if (p->symbol_count >= CODE_MAX_SYMBOLS) {
        p->is_cut = true;
        return -1;
    }
    if (p->symbol_count == p->symbol_room) {
        p->symbols = grown(p->a, p->symbols, p->symbol_count, &p->symbol_room, sizeof *s);
    }
    p->symbols[p->symbol_count] = *s;
    return (int)p->symbol_count++;
}

int code_add_import(struct code_parsed *p, const struct code_import *i)
{
    if (p->import_count >= CODE_MAX_IMPORTS) {
        p->is_cut = true;
        return -1;
    }
    if (p->import_count == p->import_room) {
        p->imports = grown(p->a, p->imports, p->import_count, &p->import_room, sizeof *i);
    }
    p->imports[p->import_count] = *i;
    return (int)p->import_count++;
}

void code_add_error(struct code_parsed *p, int line, int end_line)
{
    if (p->error_count < CODE_MAX_ERRORS) {
        p->errors[p->error_count] = (struct code_error){line, end_line};
    }
    p->error_count++;
}

/* ---- as bytes: a version byte, then numbers as LEB128 and texts with their length before them */

#define CODEC_VERSION 1

static void put_number(struct buf *out, uint64_t v)
{
    while (v >= 0x80) {
        buf_append_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    buf_append_char(out, (char)v);
}

static void put_text(struct buf *out, struct str s)
{
    put_number(out, s.n);
    buf_append_str(out, s);
}

void code_encode(const struct code_parsed *p, struct buf *out)
{
    buf_append_char(out, CODEC_VERSION);
    put_number(out, (uint64_t)p->line_count);
    put_number(out, (uint64_t)(p->is_cut | p->is_latin1 << 1));
    put_number(out, (uint64_t)p->error_count);
    for (int i = 0; i < p->error_count && i < CODE_MAX_ERRORS; i++) {
        put_number(out, (uint64_t)p->errors[i].line);
        put_number(out, (uint64_t)p->errors[i].end_line);
    }
    put_number(out, p->symbol_count);
    for (size_t i = 0; i < p->symbol_count; i++) {
        const struct code_symbol *s = &p->symbols[i];
        uint64_t numbers[] = {s->kind,
                              s->flags,
                              (uint64_t)s->line,
                              (uint64_t)s->col,
                              (uint64_t)s->end_line,
                              (uint64_t)(s->parent + 1)};
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            put_number(out, numbers[k]);
        }
        put_text(out, s->name);
        put_text(out, s->signature);
        put_text(out, s->doc);
    }
    put_number(out, p->import_count);
    for (size_t i = 0; i < p->import_count; i++) {
        const struct code_import *m = &p->imports[i];
        put_number(out, m->kind);
        put_number(out, m->is_computed);
        put_number(out, (uint64_t)m->line);
        put_number(out, (uint64_t)m->col);
        put_text(out, m->specifier);
        put_text(out, m->names);
    }
}

struct code_reader {
    struct str rest;
    bool failed;
};

/* 0 after the first failure; the caller looks at r->failed once per list item. */
static int get_number(struct code_reader *r, int max)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (r->rest.n == 0) {
            break;
        }
        unsigned char c = (unsigned char)r->rest.p[0];
        r->rest = str_sub(r->rest, 1, r->rest.n);
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            r->failed |= v > (uint64_t)max;
            return r->failed ? 0 : (int)v;
        }
    }
    r->failed = true;
    return 0;
}

static struct str get_text(struct code_reader *r, int max_bytes)
{
    size_t n = (size_t)get_number(r, max_bytes);
    if (n > r->rest.n || r->failed) {
        r->failed = true;
        return STR("");
    }
    struct str s = str_sub(r->rest, 0, n);
    r->rest = str_sub(r->rest, n, r->rest.n);
    r->failed |= !str_is_utf8(s);
    return s;
}

static void get_symbols(struct code_reader *r, struct code_parsed *out)
{
    int n = get_number(r, CODE_MAX_SYMBOLS);
    for (int i = 0; i < n && !r->failed; i++) {
        struct code_symbol s = {.kind = (enum code_kind)get_number(r, CODE_KIND_COUNT - 1)};
        s.flags = (unsigned)get_number(r, CODE_ALL_FLAGS);
        s.line = get_number(r, INT32_MAX);
        s.col = get_number(r, INT32_MAX);
        s.end_line = get_number(r, INT32_MAX);
        s.parent = get_number(r, i) - 1;
        s.name = get_text(r, CODE_MAX_NAME_BYTES);
        s.signature = get_text(r, CODE_MAX_SIGNATURE_BYTES);
        s.doc = get_text(r, CODE_MAX_DOC_BYTES);
        (void)code_add_symbol(out, &s);
    }
}

static void get_imports(struct code_reader *r, struct code_parsed *out)
{
    int n = get_number(r, CODE_MAX_IMPORTS);
    for (int i = 0; i < n && !r->failed; i++) {
        struct code_import m = {.kind = (enum code_import_kind)get_number(r, CODE_IMPORT_KIND_COUNT - 1)};
        m.is_computed = get_number(r, 1) == 1;
        m.line = get_number(r, INT32_MAX);
        m.col = get_number(r, INT32_MAX);
        m.specifier = get_text(r, INT32_MAX);
        m.names = get_text(r, INT32_MAX);
        (void)code_add_import(out, &m);
    }
}

enum rc code_decode(struct str bytes, struct arena *a, struct code_parsed *out, struct err *e)
{
    struct code_reader r = {.rest = bytes};
    struct code_parsed p = {.a = a};
    r.failed = get_number(&r, CODEC_VERSION) != CODEC_VERSION;
    p.line_count = get_number(&r, INT32_MAX);
    int bits = get_number(&r, 3);
    p.is_cut = bits & 1;
    p.is_latin1 = bits & 2;
    int errors = get_number(&r, INT32_MAX);
    for (int i = 0; i < errors && i < CODE_MAX_ERRORS && !r.failed; i++) {
        p.errors[i].line = get_number(&r, INT32_MAX);
        p.errors[i].end_line = get_number(&r, INT32_MAX);
    }
    p.error_count = errors;
    get_symbols(&r, &p);
    get_imports(&r, &p);
    if (r.failed || r.rest.n > 0) {
        return err_set(e, RC_INVALID, "not the record of a parsed file");
    }
    *out = p;
    return RC_OK;
}
