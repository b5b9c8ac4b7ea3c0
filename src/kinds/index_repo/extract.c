/* extract.c: the engine: parses, walks the tree with a cursor and a stack of its own, and reads again in pieces what the
 * parser gave up on.
 *
 * An error in the middle of a file can swallow everything behind it into one ERROR node. When such a node spans more than
 * RESTART_LINES lines, its text is cut where statements begin at column 0, and each piece is parsed alone: what the parser
 * does not know then costs its own piece. What was found in that part before is forgotten.
 *
 *   | fine … | ERROR node: piece, piece, piece … | the rest, treated like a whole file |
 */
#include "kinds/index_repo/extract_walk.h"

#include <assert.h>
#include <pthread.h>

#define RESTART_LINES       20
#define MAX_RESTARTS        64
#define DEFAULT_MAX_NODES   4000000
#define NODES_BETWEEN_ASK   4096
#define MAX_GRAMMAR_SYMBOLS 4096

/* Rules by the grammar's number of their node type, made once per language. */
struct rule_table {
    pthread_once_t once;
    const struct extract_language *language;
    const struct extract_rule *of_symbol[MAX_GRAMMAR_SYMBOLS];
};

static struct rule_table tables[CODE_LANG_COUNT] = {
    [CODE_TYPESCRIPT] = {.once = PTHREAD_ONCE_INIT, .language = &extract_typescript},
    [CODE_TSX] = {.once = PTHREAD_ONCE_INIT, .language = &extract_tsx},
    [CODE_JAVASCRIPT] = {.once = PTHREAD_ONCE_INIT, .language = &extract_javascript},
    [CODE_PYTHON] = {.once = PTHREAD_ONCE_INIT, .language = &extract_python},
    [CODE_C] = {.once = PTHREAD_ONCE_INIT, .language = &extract_c},
};

static void fill_table(enum code_lang lang)
{
    const TSLanguage *grammar = tables[lang].language->grammar();
    for (const struct extract_rule *r = tables[lang].language->rules; r->node_type; r++) {
        TSSymbol s = ts_language_symbol_for_name(grammar, r->node_type, (uint32_t)strlen(r->node_type), true);
        if (s != 0 &&
            s < MAX_GRAMMAR_SYMBOLS) { /* grammars of one family share rules; not each has every node */
            tables[lang].of_symbol[s] = r;
        }
    }
}

static void fill_typescript(void)
{
    fill_table(CODE_TYPESCRIPT);
}

static void fill_tsx(void)
{
    fill_table(CODE_TSX);
}

static void fill_javascript(void)
{
    fill_table(CODE_JAVASCRIPT);
}

static void fill_python(void)
{
    fill_table(CODE_PYTHON);
}

static void fill_c(void)
{
    fill_table(CODE_C);
}

static const struct rule_table *table_of(enum code_lang lang)
{
    static void (*const fill[CODE_LANG_COUNT])(void) = {
        NULL, fill_typescript, fill_tsx, fill_javascript, fill_python, fill_c};
    (void)pthread_once(&tables[lang].once, fill[lang]);
    return &tables[lang];
}

/* One file on its way through the engine. */
struct extraction {
    struct walk w;
    const struct rule_table *table;
    const struct extract_limits *limits;
    TSParser *parser;
    size_t nodes_left;
    struct str whole, prepared;    /* the file, and what the parser gets instead */
    uint32_t error_from, error_to; /* of the first ERROR node over RESTART_LINES in w.text; equal = none */
};

/* ---- stacks */

static void push_node(struct walk *w, TSNode n)
{
    if (w->depth == w->node_room) {
        size_t room = w->node_room ? w->node_room * 2 : 256;
        w->nodes = mem_grow(w->nodes, room * sizeof *w->nodes);
        w->node_room = room;
    }
    w->nodes[w->depth++] = n;
}

static void pop_node(struct walk *w)
{
    while (w->scope_count > 1 && w->scopes[w->scope_count - 1].depth >= w->depth) {
        w->function_depth -= w->scopes[w->scope_count - 1].kind == SCOPE_FUNCTION;
        w->scope_count--;
    }
    w->depth--;
}

static void push_scope(struct walk *w, struct scope s)
{
    if (w->scope_count == w->scope_room) {
        size_t room = w->scope_room ? w->scope_room * 2 : 64;
        w->scopes = mem_grow(w->scopes, room * sizeof *w->scopes);
        w->scope_room = room;
    }
    w->scopes[w->scope_count++] = s;
    w->function_depth += s.kind == SCOPE_FUNCTION;
}

struct scope *walk_scope(struct walk *w)
{
    return &w->scopes[w->scope_count - 1];
}

void walk_open(struct walk *w, enum scope_kind kind, int symbol)
{
    struct scope s = {.kind = kind, .symbol = symbol, .flags = walk_scope(w)->flags, .depth = w->depth};
    if (symbol < 0) {
        s.symbol = walk_scope(w)->symbol;
    }
    push_scope(w, s);
}

void walk_export_name(struct walk *w, struct str name, bool is_default)
{
    if (w->export_count == w->export_room) {
        size_t room = w->export_room ? w->export_room * 2 : 64;
        w->exports = mem_grow(w->exports, room * sizeof *w->exports);
        w->export_room = room;
    }
    w->exports[w->export_count++] = (struct export_name){name, is_default};
}

/* ---- errors of syntax */

static void meet_error(struct extraction *x, TSNode n)
{
    int line = walk_line(&x->w, n);
    int end_line = walk_end_line(&x->w, n);
    code_add_error(x->w.out, line, end_line);
    if (end_line - line > RESTART_LINES && x->error_from == x->error_to) {
        x->error_from = ts_node_start_byte(n);
        x->error_to = ts_node_end_byte(n);
    }
}

/* ---- the walk */

static void visit(struct extraction *x, TSNode n)
{
    TSSymbol s = ts_node_symbol(n);
    if (s < MAX_GRAMMAR_SYMBOLS && x->table->of_symbol[s]) {
        x->table->of_symbol[s]->enter(&x->w, n);
    } else if (ts_node_is_error(n) || ts_node_is_missing(n)) {
        meet_error(x, n);
    }
}

static bool may_go_on(struct extraction *x)
{
    if (x->nodes_left == 0) {
        x->w.out->is_cut = true;
        return false;
    }
    x->nodes_left--;
    return true;
}

static bool is_stopped(const struct extract_limits *l)
{
    return l->should_stop && l->should_stop(l->arg);
}

/* Visits every node, parents before children. */
static enum rc walk_tree(struct extraction *x, TSTree *tree, struct err *e)
{
    TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
    enum rc rc = RC_OK;
    bool is_done = false;
    while (!is_done) {
        TSNode n = ts_tree_cursor_current_node(&cursor);
        push_node(&x->w, n);
        if (!may_go_on(x)) {
            break;
        }
        visit(x, n);
        if (x->nodes_left % NODES_BETWEEN_ASK == 0 && is_stopped(x->limits)) {
            rc = err_set(e, RC_BUSY, "stopped while walking the syntax tree");
            break;
        }
        if (ts_tree_cursor_goto_first_child(&cursor)) {
            continue;
        }
        pop_node(&x->w);
        while (!ts_tree_cursor_goto_next_sibling(&cursor)) {
            if (!ts_tree_cursor_goto_parent(&cursor)) {
                is_done = true;
                break;
            }
            pop_node(&x->w);
        }
    }
    ts_tree_cursor_delete(&cursor);
    return rc;
}

/* ---- parsing */

static bool on_parse_progress(TSParseState *state)
{
    return is_stopped(state->payload);
}

static const char *read_text(void *payload, uint32_t byte, TSPoint point, uint32_t *bytes_read)
{
    const struct str *text = payload;
    (void)point;
    *bytes_read = byte < text->n ? (uint32_t)(text->n - byte) : 0;
    return byte < text->n ? text->p + byte : "";
}

static enum rc parse_text(struct extraction *x, TSTree **tree, struct err *e)
{
    struct str text = x->w.text; /* a part of the whole: the same part of what is prepared */
    text.p = x->prepared.p + (text.p - x->whole.p);
    TSInput input = {.payload = &text, .read = read_text, .encoding = TSInputEncodingUTF8};
    TSParseOptions options = {.payload = (void *)x->limits, .progress_callback = on_parse_progress};
    ts_parser_reset(x->parser);
    *tree = ts_parser_parse_with_options(x->parser, NULL, input, options);
    return *tree ? RC_OK : err_set(e, RC_BUSY, "stopped while parsing");
}

/* Forgets what was found at or behind a place: the new tree knows better. Symbols come in order of their nodes, so the
 * ones to forget are at the end; a parent never follows its children. */
static void forget_from(struct code_parsed *p, int line)
{
    while (p->symbol_count > 0 && p->symbols[p->symbol_count - 1].line >= line) {
        p->symbol_count--;
    }
    while (p->import_count > 0 && p->imports[p->import_count - 1].line >= line) {
        p->import_count--;
    }
}

static int count_lines(struct str s)
{
    int n = 0;
    for (size_t at = str_find_char(s, '\n', 0); at < s.n; at = str_find_char(s, '\n', at + 1)) {
        n++;
    }
    return n;
}

/* Parses and walks x->w.text; notes the first long ERROR node. */
static enum rc extract_part(struct extraction *x, struct err *e)
{
    TSTree *tree = NULL;
    enum rc rc = parse_text(x, &tree, e);
    if (rc) {
        return rc;
    }
    x->w.depth = 0;
    x->w.scope_count = 0;
    x->w.function_depth = 0;
    x->error_from = x->error_to = 0;
    push_scope(&x->w, (struct scope){.kind = SCOPE_FILE, .symbol = -1});
    rc = walk_tree(x, tree, e);
    ts_tree_delete(tree);
    return rc;
}

static size_t line_start(struct str text, size_t at)
{
    while (at > 0 && text.p[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* The next place behind `from` where a statement begins at column 0; `end` when there is none before it. */
static size_t next_statement(const struct extraction *x, struct str text, size_t from, size_t end)
{
    size_t at = str_find_char(text, '\n', from);
    struct str before = str_sub(text, from, at);
    while (at < end) {
        size_t begin = at + 1;
        at = str_find_char(text, '\n', begin);
        struct str line = str_sub(text, begin, at);
        if (begin < end && x->w.language->begins_statement(line, before)) {
            return begin;
        }
        before = line;
    }
    return end;
}

/* Reads bytes [from, to) of `text` statement by statement. */
static enum rc extract_pieces(struct extraction *x, struct str text, size_t from, size_t to, struct err *e)
{
    enum rc rc = RC_OK;
    while (from < to && !rc) {
        size_t next = next_statement(x, text, from, to);
        x->w.text = str_sub(text, from, next);
        rc = extract_part(x, e);
        x->w.line_base += count_lines(x->w.text);
        from = next;
    }
    return rc;
}

static enum rc extract_parts(struct extraction *x, struct err *e)
{
    struct str rest = x->w.text;
    for (int i = 0; i < MAX_RESTARTS; i++) {
        x->w.text = rest;
        enum rc rc = extract_part(x, e);
        if (rc || x->error_from == x->error_to) {
            return rc;
        }
        size_t from = line_start(rest, x->error_from);
        size_t to = str_find_char(rest, '\n', x->error_to); /* the line that ends the error is part of it */
        x->w.line_base += count_lines(str_sub(rest, 0, from));
        forget_from(x->w.out, x->w.line_base + 1);
        rc = extract_pieces(x, rest, from, to, e);
        if (rc || to >= rest.n) {
            return rc;
        }
        rest = str_sub(rest, to, rest.n);
    }
    return RC_OK;
}

/* ---- the whole file */

static struct str latin1_to_utf8(struct str text, struct arena *a)
{
    char *p = arena_alloc(a, text.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x80) {
            p[n++] = (char)c;
        } else {
            p[n++] = (char)(0xC0 | c >> 6);
            p[n++] = (char)(0x80 | (c & 0x3F));
        }
    }
    return (struct str){p, n};
}

static void mark_exports(struct walk *w)
{
    for (size_t i = 0; i < w->export_count; i++) {
        for (size_t k = 0; k < w->out->symbol_count; k++) {
            struct code_symbol *s = &w->out->symbols[k];
            if (s->parent < 0 && !(s->flags & CODE_LOCAL) && str_eq(s->name, w->exports[i].name)) {
                s->flags |= CODE_EXPORTED | (w->exports[i].is_default ? CODE_DEFAULT : 0);
            }
        }
    }
}

/* Members can be named from outside as far as the thing they belong to can. */
static void hand_exports_down(struct code_parsed *p)
{
    for (size_t i = 0; i < p->symbol_count; i++) {
        struct code_symbol *s = &p->symbols[i];
        bool is_member = s->parent >= 0 && p->symbols[s->parent].kind != CODE_NAMESPACE;
        if (is_member && !(s->flags & (CODE_LOCAL | CODE_PRIVATE))) {
            s->flags |= p->symbols[s->parent].flags & CODE_EXPORTED;
        }
    }
}

enum rc extract_file(struct str text, enum code_lang lang, const struct extract_limits *limits,
                     struct arena *a, struct code_parsed *out, struct err *e)
{
    if (lang <= CODE_NO_LANG || lang >= CODE_LANG_COUNT) {
        return err_set(e, RC_FATAL, "no grammar for language %d", (int)lang);
    }
    struct code_parsed p = {.a = a, .is_latin1 = !str_is_utf8(text)};
    if (p.is_latin1) {
        text = latin1_to_utf8(text, a);
    }
    if (text.n > INT32_MAX) {
        return err_set(e, RC_TOO_BIG, "source of %zu bytes", text.n);
    }
    p.line_count = count_lines(text) + (text.n > 0 && text.p[text.n - 1] != '\n');

    struct extraction x = {.table = table_of(lang), .limits = limits, .parser = ts_parser_new()};
    x.nodes_left = limits->max_nodes ? limits->max_nodes : DEFAULT_MAX_NODES;
    x.whole = text;
    x.prepared = x.table->language->prepare ? x.table->language->prepare(text, a) : text;
    x.w = (struct walk){.text = text, .language = x.table->language, .out = &p, .a = a};
    enum rc rc = RC_OK;
    if (!ts_parser_set_language(x.parser, x.table->language->grammar())) {
        rc = err_set(e, RC_FATAL, "the grammar of %s does not fit this tree-sitter", code_lang_name(lang));
    }
    if (!rc) {
        rc = extract_parts(&x, e);
    }
    if (!rc && x.w.language->finish) {
        x.w.language->finish(&x.w);
    }
    if (!rc) {
        mark_exports(&x.w);
        hand_exports_down(&p);
        *out = p;
    }
    ts_parser_delete(x.parser);
    mem_free(x.w.nodes);
    mem_free(x.w.scopes);
    mem_free(x.w.exports);
    return rc;
}
