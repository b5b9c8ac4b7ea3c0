/* extract_ts.c: the rules for TypeScript, TSX and JavaScript, whose grammars share their node types. What counts as a
 * symbol is what the TypeScript compiler calls a declaration with a plain name; constructors, parameters and computed
 * names are none. */
#include "kinds/index_repo/extract_walk.h"

const TSLanguage *tree_sitter_typescript(void);
const TSLanguage *tree_sitter_tsx(void);
const TSLanguage *tree_sitter_javascript(void);

/* ---- helpers */

static bool is_any(TSNode n, const char *const *types)
{
    for (; *types; types++) {
        if (walk_is(n, *types)) {
            return true;
        }
    }
    return false;
}

static bool has(TSNode n, const char *token)
{
    return !ts_node_is_null(walk_child(n, token));
}

/* Around a declaration stand wrappers that say how it is visible. */
struct statement {
    TSNode outer; /* the whole statement: where its comment ends */
    unsigned flags;
};

static struct statement statement_of(const struct walk *w, TSNode node)
{
    static const char *const wrappers[] = {"lexical_declaration", "variable_declaration",
                                           "ambient_declaration", "expression_statement", NULL};
    struct statement s = {.outer = node, .flags = walk_scope((struct walk *)w)->flags & CODE_DECLARATION};
    for (size_t level = 1; level < 5; level++) {
        TSNode above = walk_above(w, level);
        if (walk_is(above, "export_statement")) {
            s.outer = above;
            s.flags |= CODE_EXPORTED | (has(above, "default") ? CODE_DEFAULT : 0);
            break;
        }
        if (!is_any(above, wrappers)) {
            break;
        }
        s.outer = above;
        s.flags |= walk_is(above, "ambient_declaration") ? CODE_DECLARATION : 0;
    }
    return s;
}

/* Where the signature begins: behind decorators. */
static uint32_t signature_start(TSNode node)
{
    uint32_t from = ts_node_start_byte(node);
    TSTreeCursor c = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode child = ts_tree_cursor_current_node(&c);
        from = ts_node_start_byte(child);
        if (!walk_is(child, "decorator") && !walk_is(child, "comment")) {
            break;
        }
    }
    ts_tree_cursor_delete(&c);
    return from;
}

/* From the node's own beginning to its body, or all of it. */
static struct str signature_of(const struct walk *w, TSNode node)
{
    TSNode body = walk_field(node, "body");
    uint32_t to = ts_node_is_null(body) ? ts_node_end_byte(node) : ts_node_start_byte(body);
    return walk_signature(w, signature_start(node), to);
}

/* A name in a class, interface, object or enum: identifiers, #private and quoted ones; not computed, not numeric. */
static bool member_name(const struct walk *w, TSNode name, struct str *out)
{
    static const char *const plain[] = {"property_identifier", "private_property_identifier", "identifier",
                                        "type_identifier", NULL};
    if (is_any(name, plain)) {
        *out = walk_text(w, name);
        return true;
    }
    return walk_is(name, "string") && walk_string(w, name, out);
}

/* A declaration with a name of its own, that may hold others. */
static void declare(struct walk *w, TSNode node, enum code_kind kind, unsigned flags, enum scope_kind inside)
{
    TSNode name = walk_field(node, "name");
    struct statement st = statement_of(w, node);
    int symbol = -1;
    if (!ts_node_is_null(name)) {
        struct code_symbol s = {.kind = kind, .flags = flags | st.flags};
        s.signature = signature_of(w, node);
        s.doc = walk_comment_before(w, st.outer);
        symbol = walk_add(w, s, name, node);
    }
    walk_open(w, inside, symbol);
}

/* ---- functions */

static unsigned async_flag(TSNode node)
{
    return has(node, "async") ? CODE_ASYNC : 0;
}

static void on_function(struct walk *w, TSNode node)
{
    declare(w, node, CODE_FUNCTION, async_flag(node), SCOPE_FUNCTION);
}

/* `declare function f(): void;` exists elsewhere; without `declare` it is one of the overloads of the next function. */
static void on_function_signature(struct walk *w, TSNode node)
{
    bool is_declared = statement_of(w, node).flags & CODE_DECLARATION;
    declare(w, node, CODE_FUNCTION, async_flag(node) | (is_declared ? 0 : CODE_OVERLOAD), SCOPE_FUNCTION);
}

static void on_function_expression(struct walk *w, TSNode node)
{
    (void)node;
    walk_open(w, SCOPE_FUNCTION, -1);
}

static void on_signature(struct walk *w, TSNode node)
{
    (void)node;
    walk_open(w, SCOPE_SIGNATURE, -1);
}

/* ---- types and classes */

static void on_class(struct walk *w, TSNode node)
{
    declare(w, node, CODE_CLASS, walk_is(node, "abstract_class_declaration") ? CODE_ABSTRACT : 0,
            SCOPE_MEMBERS);
}

static void on_interface(struct walk *w, TSNode node)
{
    declare(w, node, CODE_INTERFACE, 0, SCOPE_MEMBERS);
}

static void on_type_alias(struct walk *w, TSNode node)
{
    declare(w, node, CODE_TYPE, 0, SCOPE_MEMBERS);
}

static void on_enum(struct walk *w, TSNode node)
{
    declare(w, node, CODE_ENUM, 0, SCOPE_MEMBERS);
}

static void add_enum_member(struct walk *w, TSNode name, TSNode node)
{
    struct code_symbol s = {.kind = CODE_ENUM_MEMBER};
    if (member_name(w, name, &s.name)) {
        s.signature = walk_signature(w, ts_node_start_byte(node), ts_node_end_byte(node));
        s.doc = walk_comment_before(w, node);
        (void)walk_add(w, s, name, node);
    }
}

static void on_enum_body(struct walk *w, TSNode node)
{
    TSTreeCursor c = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode child = ts_tree_cursor_current_node(&c);
        add_enum_member(w, walk_is(child, "enum_assignment") ? walk_field(child, "name") : child, child);
    }
    ts_tree_cursor_delete(&c);
}

/* `namespace A.B.C {}` declares three; the innermost holds what is inside. */
static void on_namespace(struct walk *w, TSNode node)
{
    TSNode name = walk_field(node, "name");
    struct statement st = statement_of(w, node);
    struct code_symbol s = {.kind = CODE_NAMESPACE, .flags = st.flags};
    s.signature = signature_of(w, node);
    s.doc = walk_comment_before(w, st.outer);
    if (walk_is(name, "string")) {
        (void)walk_string(w, name, &s.name);
    }
    if (!walk_is(name, "nested_identifier")) {
        walk_open(w, SCOPE_NAMESPACE, walk_add(w, s, name, node));
        walk_scope(w)->flags = st.flags & CODE_DECLARATION;
        return;
    }
    struct str rest = walk_text(w, name);
    while (rest.n > 0) {
        s.name = str_trim(str_cut(rest, '.', &rest));
        walk_open(w, SCOPE_NAMESPACE, walk_add(w, s, name, node));
    }
    walk_scope(w)->flags = st.flags & CODE_DECLARATION;
}

/* `declare global { }` is a namespace without a name node; any other ambient declaration wraps a statement. */
static void on_ambient(struct walk *w, TSNode node)
{
    TSNode global = walk_child(node, "global");
    if (ts_node_is_null(global)) {
        return;
    }
    struct code_symbol s = {
        .kind = CODE_NAMESPACE, .flags = CODE_DECLARATION, .signature = STR("declare global")};
    walk_open(w, SCOPE_NAMESPACE, walk_add(w, s, global, node));
    walk_scope(w)->flags = CODE_DECLARATION;
}

/* ---- members */

static unsigned member_flags(const struct walk *w, TSNode node, struct str name)
{
    TSNode access = walk_child(node, "accessibility_modifier");
    unsigned flags = async_flag(node);
    flags |= has(node, "static") ? CODE_STATIC : 0;
    flags |= has(node, "abstract") ? CODE_ABSTRACT : 0;
    bool is_private = !ts_node_is_null(access) && !str_eq(walk_text(w, access), STR("public"));
    flags |= is_private || str_starts(name, STR("#")) ? CODE_PRIVATE : 0;
    return flags;
}

/* Returns the symbol, or -1 when the member has no name that could be asked for. */
static int add_member(struct walk *w, TSNode node, enum code_kind kind, unsigned flags)
{
    TSNode name = walk_field(node, "name");
    if (ts_node_is_null(name)) {
        name = walk_field(node, "property"); /* JavaScript's fields */
    }
    struct code_symbol s = {.kind = kind};
    bool is_constructor = kind == CODE_METHOD && str_eq(walk_text(w, name), STR("constructor"));
    if (ts_node_is_null(name) || !member_name(w, name, &s.name) || is_constructor) {
        return -1;
    }
    s.flags = flags | member_flags(w, node, s.name);
    s.signature = signature_of(w, node);
    s.doc = walk_comment_before(w, node);
    return walk_add(w, s, name, node);
}

static void on_method(struct walk *w, TSNode node)
{
    walk_open(w, SCOPE_FUNCTION, add_member(w, node, CODE_METHOD, 0));
}

/* In a class it is an overload or abstract; in an interface it is the method itself, and the types of its parameters
 * belong to it. */
static void on_method_signature(struct walk *w, TSNode node)
{
    bool is_in_class = walk_is(walk_above(w, 1), "class_body");
    bool is_abstract = walk_is(node, "abstract_method_signature");
    int symbol = add_member(w, node, CODE_METHOD, is_in_class && !is_abstract ? CODE_OVERLOAD : 0);
    walk_open(w, is_in_class ? SCOPE_SIGNATURE : SCOPE_MEMBERS, symbol);
}

static void on_property(struct walk *w, TSNode node)
{
    enum scope_kind around = walk_scope(w)->kind;
    if (around == SCOPE_FUNCTION || around == SCOPE_SIGNATURE) {
        walk_open(w, SCOPE_SIGNATURE,
                  -1); /* the type of a parameter or a local: nobody looks for its parts */
        return;
    }
    walk_open(w, SCOPE_MEMBERS, add_member(w, node, CODE_PROPERTY, 0));
}

static void on_field(struct walk *w, TSNode node)
{
    walk_open(w, SCOPE_MEMBERS, add_member(w, node, CODE_PROPERTY, 0));
}

/* ---- variables */

static enum code_kind kind_of_variable(TSNode declaration, TSNode value)
{
    static const char *const functions[] = {"arrow_function", "function_expression", "generator_function",
                                            NULL};
    if (is_any(value, functions)) {
        return CODE_FUNCTION;
    }
    if (walk_is(value, "class")) {
        return CODE_CLASS;
    }
    return has(declaration, "const") ? CODE_CONSTANT : CODE_VARIABLE;
}

/* Inside a block the name cannot be reached from elsewhere, as in a function. */
static bool is_module_level(const struct walk *w)
{
    static const char *const homes[] = {"program", "export_statement", "ambient_declaration", "ERROR", NULL};
    TSNode home = walk_above(w, 2);
    bool is_namespace_body =
        walk_is(home, "statement_block") && walk_scope((struct walk *)w)->kind == SCOPE_NAMESPACE;
    return w->function_depth == 0 && (is_any(home, homes) || is_namespace_body);
}

static void on_variable(struct walk *w, TSNode node)
{
    TSNode name = walk_field(node, "name");
    TSNode value = walk_field(node, "value");
    enum code_kind kind = kind_of_variable(walk_above(w, 1), value);
    bool is_wanted = kind == CODE_FUNCTION || kind == CODE_CLASS || is_module_level(w);
    if (!walk_is(name, "identifier") || !is_wanted) {
        return;
    }
    struct statement st = statement_of(w, node);
    TSNode body = walk_field(value, "body");
    uint32_t to = ts_node_is_null(body) ? ts_node_end_byte(node) : ts_node_start_byte(body);
    struct code_symbol s = {.kind = kind, .flags = st.flags};
    s.flags |= kind == CODE_FUNCTION ? async_flag(value) : 0;
    s.signature = walk_signature(w, ts_node_start_byte(walk_above(w, 1)), to);
    s.doc = walk_comment_before(w, st.outer);
    walk_open(w, SCOPE_MEMBERS, walk_add(w, s, name, node));
}

/* ---- imports and exports */

static void append_name(struct buf *names, struct str name)
{
    if (names->n > 0) {
        buf_append_char(names, ',');
    }
    buf_append_str(names, name);
}

/* The names in `import a, { b as c }, * as d` and `export { b as c }`: "default,b,*". */
static void collect_names(const struct walk *w, TSNode clause, struct buf *names)
{
    TSTreeCursor c = ts_tree_cursor_new(clause);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        if (walk_is(n, "import_specifier") || walk_is(n, "export_specifier")) {
            append_name(names, walk_text(w, walk_field(n, "name")));
        } else if (walk_is(n, "identifier")) {
            append_name(names, STR("default"));
        } else if (walk_is(n, "namespace_import")) {
            append_name(names, STR("*"));
        } else if (walk_is(n, "named_imports")) {
            TSTreeCursor inner = ts_tree_cursor_new(n);
            for (bool m = ts_tree_cursor_goto_first_child(&inner); m;
                 m = ts_tree_cursor_goto_next_sibling(&inner)) {
                TSNode part = ts_tree_cursor_current_node(&inner);
                if (walk_is(part, "import_specifier")) {
                    append_name(names, walk_text(w, walk_field(part, "name")));
                }
            }
            ts_tree_cursor_delete(&inner);
        }
    }
    ts_tree_cursor_delete(&c);
}

static struct str names_of(const struct walk *w, TSNode clause)
{
    struct buf names = BUF_LIMIT(CODE_MAX_NAMES_BYTES);
    if (!ts_node_is_null(clause)) {
        collect_names(w, clause, &names);
    }
    struct str out = arena_str(w->a, buf_str(&names));
    buf_dispose(&names);
    return out;
}

static void on_import(struct walk *w, TSNode node)
{
    struct code_import i = {.kind = CODE_IMPORT_SIDE_EFFECT};
    TSNode required = walk_child(node, "import_require_clause");
    TSNode clause = walk_child(node, "import_clause");
    TSNode source = walk_field(ts_node_is_null(required) ? node : required, "source");
    if (!walk_string(w, source, &i.specifier)) {
        return;
    }
    if (!ts_node_is_null(required)) {
        i.kind = CODE_IMPORT_REQUIRE;
    } else if (!ts_node_is_null(clause)) {
        i.kind = has(node, "type") || has(node, "typeof") ? CODE_IMPORT_TYPE_ONLY : CODE_IMPORT_STATIC;
        i.names = names_of(w, clause);
    }
    walk_add_import(w, i, node);
}

/* `export { a, b as c }` without a source tells what is visible; with one it is an import too. */
static void note_exported_names(struct walk *w, TSNode clause)
{
    TSTreeCursor c = ts_tree_cursor_new(clause);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        if (walk_is(n, "export_specifier")) {
            TSNode alias = walk_field(n, "alias");
            bool is_default = !ts_node_is_null(alias) && str_eq(walk_text(w, alias), STR("default"));
            walk_export_name(w, walk_text(w, walk_field(n, "name")), is_default);
        }
    }
    ts_tree_cursor_delete(&c);
}

static void on_export(struct walk *w, TSNode node)
{
    struct code_import i = {.kind = CODE_IMPORT_RE_EXPORT};
    TSNode clause = walk_child(node, "export_clause");
    TSNode source = walk_field(node, "source");
    if (walk_string(w, source, &i.specifier)) {
        bool is_all = ts_node_is_null(clause);
        i.kind = is_all ? CODE_IMPORT_EXPORT_ALL : CODE_IMPORT_RE_EXPORT;
        i.names = is_all ? STR("*") : names_of(w, clause);
        walk_add_import(w, i, node);
        return;
    }
    if (!ts_node_is_null(clause)) {
        note_exported_names(w, clause);
    }
    TSNode value = walk_field(node, "value");
    value =
        ts_node_is_null(value) ? walk_child(node, "identifier") : value; /* export default a; export = a */
    if (walk_is(value, "identifier")) {
        walk_export_name(w, walk_text(w, value), true);
    }
}

/* module.exports = a, module.exports = { a, b: c }, exports.a = b */
static void on_assignment(struct walk *w, TSNode node)
{
    struct str left = walk_text(w, walk_field(node, "left"));
    TSNode right = walk_field(node, "right");
    bool is_whole = str_eq(left, STR("module.exports"));
    if (!is_whole && !str_starts(left, STR("exports.")) && !str_starts(left, STR("module.exports."))) {
        return;
    }
    if (walk_is(right, "identifier")) {
        walk_export_name(w, walk_text(w, right), is_whole);
    }
    if (!walk_is(right, "object")) {
        return;
    }
    TSTreeCursor c = ts_tree_cursor_new(right);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        TSNode value = walk_is(n, "pair") ? walk_field(n, "value") : n;
        if (walk_is(value, "shorthand_property_identifier") || walk_is(value, "identifier")) {
            walk_export_name(w, walk_text(w, value), false);
        }
    }
    ts_tree_cursor_delete(&c);
}

/* import("x") stands in expressions and, as a type, in annotations; the grammar makes calls of both. */
static bool is_in_type(const struct walk *w)
{
    static const char *const types[] = {"type_annotation",  "type_alias_declaration",
                                        "type_query",       "union_type",
                                        "type_arguments",   "array_type",
                                        "generic_type",     "intersection_type",
                                        "lookup_type",      "nested_type_identifier",
                                        "index_type_query", NULL};
    size_t level = 1;
    while (walk_is(walk_above(w, level), "member_expression")) {
        level++;
    }
    return is_any(walk_above(w, level), types);
}

static void on_call(struct walk *w, TSNode node)
{
    TSNode function = walk_field(node, "function");
    bool is_import = walk_is(function, "import");
    bool is_require = walk_is(function, "identifier") && str_eq(walk_text(w, function), STR("require"));
    TSNode arguments = walk_field(node, "arguments");
    if ((!is_import && !is_require) || ts_node_is_null(arguments) ||
        ts_node_named_child_count(arguments) == 0) {
        return;
    }
    TSNode argument = ts_node_named_child(arguments, 0);
    struct code_import i = {.kind = is_require ? CODE_IMPORT_REQUIRE : CODE_IMPORT_DYNAMIC};
    if (is_import && is_in_type(w)) {
        i.kind = CODE_IMPORT_TYPE;
    }
    if (!walk_string(w, argument, &i.specifier)) {
        i.is_computed = true;
        i.specifier = walk_signature(w, ts_node_start_byte(argument), ts_node_end_byte(argument));
    }
    walk_add_import(w, i, node);
}

/* ---- what the grammar does not know yet */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r')) {
        at++;
    }
    return at;
}

/* The end of the comment that begins at `at`, or `at`. */
static size_t skip_comment(struct str s, size_t at)
{
    if (str_starts(str_sub(s, at, s.n), STR("//"))) {
        return str_find_char(s, '\n', at);
    }
    if (!str_starts(str_sub(s, at, s.n), STR("/*"))) {
        return at;
    }
    size_t end = str_find(s, STR("*/"), at + 2);
    return end < s.n ? end + 2 : s.n;
}

/* Is the word that ends at `to` the `in` or `out` of `interface I<in T, out U = X>`? Before it stands `<`, a comma or another of them, behind
 * it a name, and behind that what can follow the name of a type parameter. */
static bool is_variance(struct str s, char before, size_t to)
{
    size_t name = skip_blanks(s, to);
    size_t end = name;
    while (end < s.n && is_name_byte(s.p[end])) {
        end++;
    }
    size_t next = skip_blanks(s, end);
    bool has_tail =
        next < s.n && (strchr("=,>", s.p[next]) || str_starts(str_sub(s, next, s.n), STR("extends ")) ||
                       is_name_byte(s.p[next])); /* `in out T` */
    return (before == '<' || before == ',') && name > to && end > name && has_tail;
}

/* Words of variance are blanks for the parser; positions stay. */
static struct str without_variance(struct str text, struct arena *a)
{
    char *p = NULL;
    char before = '\0'; /* the last byte that is no blank and not part of a variance */
    size_t at = 0;
    while (at < text.n) {
        size_t end = skip_comment(text, at);
        if (end > at) {
            at = end;
            continue;
        }
        while (end < text.n && is_name_byte(text.p[end])) {
            end++;
        }
        struct str word = str_sub(text, at, end);
        if ((str_eq(word, STR("in")) || str_eq(word, STR("out"))) && is_variance(text, before, end)) {
            p = p ? p : arena_c_str(a, text);
            memset(p + at, ' ', word.n);
        } else if (word.n > 0 || skip_blanks(text, at) == at) {
            before = text.p[end > at ? end - 1 : at];
        }
        at = end > at ? end : at + 1;
    }
    return p ? (struct str){p, text.n} : text;
}

/* ---- the tables */

static bool begins_statement(struct str line, struct str before)
{
    static const char *const words[] = {"export ", "import ",    "function ", "function*", "async ",
                                        "class ",  "interface ", "type ",     "const ",    "let ",
                                        "var ",    "enum ",      "abstract ", "declare ",  "namespace ",
                                        "module ", "@",          "export{",   "import{"};
    if (str_starts(before, STR("@"))) {
        return false; /* a decorator belongs to what follows */
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_starts(line, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static const struct extract_rule rules[] = {
    {"function_declaration", on_function},
    {"generator_function_declaration", on_function},
    {"function_signature", on_function_signature},
    {"arrow_function", on_function_expression},
    {"function_expression", on_function_expression},
    {"generator_function", on_function_expression},
    {"function_type", on_signature},
    {"constructor_type", on_signature},
    {"call_signature", on_signature},
    {"construct_signature", on_signature},
    {"index_signature", on_signature},
    {"class_declaration", on_class},
    {"abstract_class_declaration", on_class},
    {"class", on_class},
    {"interface_declaration", on_interface},
    {"type_alias_declaration", on_type_alias},
    {"enum_declaration", on_enum},
    {"enum_body", on_enum_body},
    {"internal_module", on_namespace},
    {"module", on_namespace},
    {"ambient_declaration", on_ambient},
    {"method_definition", on_method},
    {"method_signature", on_method_signature},
    {"abstract_method_signature", on_method_signature},
    {"property_signature", on_property},
    {"public_field_definition", on_field},
    {"field_definition", on_field},
    {"variable_declarator", on_variable},
    {"import_statement", on_import},
    {"export_statement", on_export},
    {"assignment_expression", on_assignment},
    {"call_expression", on_call},
    {NULL, NULL},
};

const struct extract_language extract_typescript = {.grammar = tree_sitter_typescript,
                                                    .rules = rules,
                                                    .prepare = without_variance,
                                                    .begins_statement = begins_statement};
const struct extract_language extract_tsx = {.grammar = tree_sitter_tsx,
                                             .rules = rules,
                                             .prepare = without_variance,
                                             .begins_statement = begins_statement};
const struct extract_language extract_javascript = {.grammar = tree_sitter_javascript,
                                                    .rules = rules,
                                                    .prepare = without_variance,
                                                    .begins_statement = begins_statement};
