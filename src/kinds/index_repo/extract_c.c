/* extract_c.c: the rules for C, of sources and headers as they are: nothing is preprocessed, so both branches of an #if are
 * seen, and a prototype is told apart from the definition. Locals and parameters are not listed. */
#include "kinds/index_repo/extract_c_macros.h"
#include "kinds/index_repo/extract_walk.h"

const TSLanguage *tree_sitter_c(void);

static bool is_name(TSNode n)
{
    return walk_is(n, "identifier") || walk_is(n, "type_identifier") || walk_is(n, "field_identifier") ||
           walk_is(n, "primitive_type"); /* `typedef int bool;` */
}

/* Follows a declarator to its name. *is_function: what has the name is a function, not a pointer to one; the wrapper
 * right around the name decides: `int *f(void)` against `int (*f)(void)`. */
static TSNode declared_name(TSNode declarator, bool *is_function)
{
    *is_function = false;
    while (!ts_node_is_null(declarator) && !is_name(declarator)) {
        if (!walk_is(declarator, "parenthesized_declarator") &&
            !walk_is(declarator, "attributed_declarator")) {
            *is_function = walk_is(declarator, "function_declarator");
        }
        TSNode inner = walk_field(declarator, "declarator");
        if (ts_node_is_null(inner) && ts_node_named_child_count(declarator) > 0) {
            inner = ts_node_named_child(declarator, 0);
        }
        declarator = inner;
    }
    return declarator;
}

static bool has_storage(const struct walk *w, TSNode node, const char *word)
{
    TSTreeCursor c = ts_tree_cursor_new(node);
    bool found = false;
    for (bool more = ts_tree_cursor_goto_first_child(&c); more && !found;
         more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        found = walk_is(n, "storage_class_specifier") && str_eq(walk_text(w, n), str_from(word));
    }
    ts_tree_cursor_delete(&c);
    return found;
}

static unsigned storage_flags(const struct walk *w, TSNode node)
{
    return has_storage(w, node, "static") ? CODE_STATIC : CODE_EXPORTED;
}

static struct str signature_of(const struct walk *w, TSNode node)
{
    TSNode body = walk_field(node, "body");
    uint32_t to = ts_node_is_null(body) ? ts_node_end_byte(node) : ts_node_start_byte(body);
    struct str s = walk_signature(w, ts_node_start_byte(node), to);
    return str_ends(s, STR(";")) ? str_sub(s, 0, s.n - 1) : s;
}

/* ---- functions and variables */

/* Around macros that it does not know the parser takes words of the language for names. */
static bool is_keyword(struct str name)
{
    static const char *const words[] = {"if",     "else",   "for",   "while", "switch", "return",
                                        "sizeof", "do",     "case",  "int",   "char",   "void",
                                        "long",   "struct", "union", "enum"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(name, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static void on_function(struct walk *w, TSNode node)
{
    bool is_function = false;
    TSNode name = declared_name(walk_field(node, "declarator"), &is_function);
    int symbol = -1;
    if (walk_is(name, "identifier") && !is_keyword(walk_text(w, name))) {
        struct code_symbol s = {.kind = CODE_FUNCTION, .flags = storage_flags(w, node)};
        s.signature = signature_of(w, node);
        s.doc = walk_comment_before(w, node);
        symbol = walk_add(w, s, name, node);
    }
    walk_open(w, SCOPE_FUNCTION, symbol);
}

static void add_declared(struct walk *w, TSNode declarator, TSNode node)
{
    bool is_function = false;
    TSNode name = declared_name(declarator, &is_function);
    if (!walk_is(name, "identifier") || is_keyword(walk_text(w, name))) {
        return;
    }
    struct code_symbol s = {.kind = is_function ? CODE_FUNCTION : CODE_VARIABLE,
                            .flags = storage_flags(w, node)};
    s.flags |= is_function || has_storage(w, node, "extern") ? CODE_DECLARATION : 0;
    s.signature = signature_of(w, node);
    s.doc = walk_comment_before(w, node);
    (void)walk_add(w, s, name, node);
}

/* Calls `add` for each of `int a, *b, c(void);` */
static void each_declarator(struct walk *w, TSNode node,
                            void (*add)(struct walk *w, TSNode declarator, TSNode node))
{
    TSTreeCursor c = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        const char *field = ts_tree_cursor_current_field_name(&c);
        if (field && strcmp(field, "declarator") == 0) {
            add(w, ts_tree_cursor_current_node(&c), node);
        }
    }
    ts_tree_cursor_delete(&c);
}

static void on_declaration(struct walk *w, TSNode node)
{
    if (w->function_depth == 0) {
        each_declarator(w, node, add_declared);
    }
}

/* ---- types */

static void add_typedef(struct walk *w, TSNode declarator, TSNode node)
{
    bool is_function = false;
    TSNode name = declared_name(declarator, &is_function);
    if (is_name(name)) {
        struct code_symbol s = {.kind = CODE_TYPE, .flags = CODE_EXPORTED};
        s.signature = signature_of(w, node);
        s.doc = walk_comment_before(w, node);
        (void)walk_add(w, s, name, node);
    }
}

static void on_typedef(struct walk *w, TSNode node)
{
    each_declarator(w, node, add_typedef);
}

/* Only what has a body: `struct a *p` uses a name, it does not make one. */
static void on_record(struct walk *w, TSNode node)
{
    TSNode name = walk_field(node, "name");
    if (ts_node_is_null(walk_field(node, "body"))) {
        return;
    }
    int symbol = -1;
    if (!ts_node_is_null(name)) {
        struct code_symbol s = {.kind = CODE_STRUCT, .flags = CODE_EXPORTED};
        s.kind = walk_is(node, "union_specifier") ? CODE_UNION : s.kind;
        s.kind = walk_is(node, "enum_specifier") ? CODE_ENUM : s.kind;
        s.signature = signature_of(w, node);
        TSNode above = walk_above(w, 1);
        s.doc = walk_comment_before(w, walk_is(above, "type_definition") ? above : node);
        symbol = walk_add(w, s, name, node);
    }
    walk_open(w, SCOPE_MEMBERS, symbol);
}

static void add_field(struct walk *w, TSNode declarator, TSNode node)
{
    bool is_function = false;
    TSNode name = declared_name(declarator, &is_function);
    if (walk_is(name, "field_identifier")) {
        struct code_symbol s = {.kind = CODE_FIELD, .signature = signature_of(w, node)};
        s.doc = walk_comment_before(w, node);
        (void)walk_add(w, s, name, node);
    }
}

static void on_field(struct walk *w, TSNode node)
{
    if (walk_scope(w)->kind == SCOPE_MEMBERS) {
        each_declarator(w, node, add_field);
    }
}

static void on_enumerator(struct walk *w, TSNode node)
{
    struct code_symbol s = {
        .kind = CODE_ENUM_MEMBER, .flags = CODE_EXPORTED, .signature = signature_of(w, node)};
    s.doc = walk_comment_before(w, node);
    (void)walk_add(w, s, walk_field(node, "name"), node);
}

/* ---- the preprocessor */

static void on_macro(struct walk *w, TSNode node)
{
    TSNode value = walk_field(node, "value");
    uint32_t to = ts_node_is_null(value) ? ts_node_end_byte(node) : ts_node_start_byte(value);
    struct code_symbol s = {.kind = CODE_MACRO, .flags = CODE_EXPORTED};
    s.signature = walk_signature(w, ts_node_start_byte(node), to);
    s.doc = walk_comment_before(w, node);
    (void)walk_add(w, s, walk_field(node, "name"), node);
}

static void on_include(struct walk *w, TSNode node)
{
    TSNode path = walk_field(node, "path");
    if (ts_node_is_null(path)) {
        return;
    }
    struct str text = walk_text(w, path);
    struct code_import i = {.kind = CODE_IMPORT_INCLUDE};
    if (walk_is(path, "string_literal") || walk_is(path, "system_lib_string")) {
        i.kind = walk_is(path, "string_literal") ? CODE_IMPORT_INCLUDE : CODE_IMPORT_INCLUDE_SYSTEM;
        i.specifier = text.n >= 2 ? str_sub(text, 1, text.n - 1) : text;
    } else {
        i.is_computed = true; /* a macro names it */
        i.specifier = text;
    }
    walk_add_import(w, i, node);
}

/* A line at column 0 that is not in the middle of something: behind a blank, a directive, `;`, `}` or a comment. */
static bool begins_statement(struct str line, struct str before)
{
    bool is_word = line.n > 0 && (line.p[0] == '_' || (line.p[0] >= 'a' && line.p[0] <= 'z') ||
                                  (line.p[0] >= 'A' && line.p[0] <= 'Z'));
    before = str_trim(before);
    return is_word && !str_ends(str_trim(line), STR(":")) &&
           (before.n == 0 || str_starts(before, STR("#")) || str_ends(before, STR(";")) ||
            str_ends(before, STR("}")) || str_ends(before, STR("*/")));
}

static const struct extract_rule rules[] = {
    {"function_definition", on_function}, {"declaration", on_declaration}, {"type_definition", on_typedef},
    {"struct_specifier", on_record},      {"union_specifier", on_record},  {"enum_specifier", on_record},
    {"field_declaration", on_field},      {"enumerator", on_enumerator},   {"preproc_def", on_macro},
    {"preproc_function_def", on_macro},   {"preproc_include", on_include}, {NULL, NULL},
};

const struct extract_language extract_c = {.grammar = tree_sitter_c,
                                           .rules = rules,
                                           .prepare = c_without_macros,
                                           .begins_statement = begins_statement};
