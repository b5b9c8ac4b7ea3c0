/* extract_python.c: the rules for Python. Functions, methods and classes are those that Python's own `ast` sees, nested
 * ones included (as locals); names assigned at the top of a module or class are variables, constants and fields. */
#include "kinds/index_repo/extract_walk.h"

const TSLanguage *tree_sitter_python(void);

static bool is_dunder(struct str name)
{
    return name.n > 4 && str_starts(name, STR("__")) && str_ends(name, STR("__"));
}

static unsigned privacy(struct str name)
{
    return str_starts(name, STR("_")) && !is_dunder(name) ? CODE_PRIVATE : 0;
}

/* A string's text without prefix and quotes; false for f-strings with something computed inside. */
static bool string_content(const struct walk *w, TSNode n, struct str *out)
{
    if (!walk_is(n, "string") || !ts_node_is_null(walk_child(n, "interpolation"))) {
        return false;
    }
    TSNode start = walk_child(n, "string_start");
    TSNode end = walk_child(n, "string_end");
    if (ts_node_is_null(start) || ts_node_is_null(end)) {
        return false;
    }
    *out = str_sub(w->text, ts_node_end_byte(start), ts_node_start_byte(end));
    return true;
}

/* ---- functions and classes */

static struct str docstring(const struct walk *w, TSNode body)
{
    struct str doc = STR_NONE;
    bool has_body = !ts_node_is_null(body) && ts_node_named_child_count(body) > 0;
    TSNode first = has_body ? ts_node_named_child(body, 0) : (TSNode){0};
    if (!walk_is(first, "expression_statement") || ts_node_named_child_count(first) == 0 ||
        !string_content(w, ts_node_named_child(first, 0), &doc)) {
        return STR("");
    }
    return walk_clean_comment(w, doc);
}

static void declare(struct walk *w, TSNode node, struct code_symbol s, enum scope_kind inside)
{
    TSNode name = walk_field(node, "name");
    TSNode body = walk_field(node, "body");
    uint32_t to = ts_node_is_null(body) ? ts_node_end_byte(node) : ts_node_start_byte(body);
    if (!ts_node_is_null(name)) {
        s.flags |= privacy(walk_text(w, name));
    }
    s.signature = walk_signature(w, ts_node_start_byte(node), to);
    s.doc = docstring(w, body);
    walk_open(w, inside, walk_add(w, s, name, node));
}

static bool has_decorator(const struct walk *w, const char *text)
{
    TSNode above = walk_above(w, 1);
    TSNode decorator = walk_is(above, "decorated_definition") ? walk_child(above, "decorator") : (TSNode){0};
    return !ts_node_is_null(decorator) && str_starts(walk_text(w, decorator), str_from(text));
}

static void on_function(struct walk *w, TSNode node)
{
    bool is_method = walk_scope(w)->kind == SCOPE_MEMBERS;
    struct code_symbol s = {.kind = is_method ? CODE_METHOD : CODE_FUNCTION};
    s.flags |= ts_node_is_null(walk_child(node, "async")) ? 0 : CODE_ASYNC;
    s.flags |= has_decorator(w, "@staticmethod") || has_decorator(w, "@classmethod") ? CODE_STATIC : 0;
    s.flags |= has_decorator(w, "@abstractmethod") || has_decorator(w, "@abc.abstract") ? CODE_ABSTRACT : 0;
    s.flags |= has_decorator(w, "@overload") || has_decorator(w, "@typing.overload") ? CODE_OVERLOAD : 0;
    declare(w, node, s, SCOPE_FUNCTION);
}

static void on_class(struct walk *w, TSNode node)
{
    declare(w, node, (struct code_symbol){.kind = CODE_CLASS}, SCOPE_MEMBERS);
}

static void on_type_alias(struct walk *w, TSNode node)
{
    TSNode name = walk_field(node, "left");
    while (!ts_node_is_null(name) && !walk_is(name, "identifier") && ts_node_named_child_count(name) > 0) {
        name = ts_node_named_child(name, 0); /* type > generic_type > identifier */
    }
    if (walk_is(name, "identifier")) {
        struct code_symbol s = {.kind = CODE_TYPE, .flags = privacy(walk_text(w, name))};
        s.signature = walk_signature(w, ts_node_start_byte(node), ts_node_end_byte(node));
        (void)walk_add(w, s, name, node);
    }
}

/* ---- names */

static enum code_kind kind_of_name(const struct walk *w, struct str name)
{
    if (walk_scope((struct walk *)w)->kind == SCOPE_MEMBERS) {
        return CODE_FIELD;
    }
    bool is_constant = false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] >= 'a' && name.p[i] <= 'z') {
            return CODE_VARIABLE;
        }
        is_constant |= name.p[i] >= 'A' && name.p[i] <= 'Z';
    }
    return is_constant ? CODE_CONSTANT : CODE_VARIABLE;
}

static void add_name(struct walk *w, TSNode name, TSNode node)
{
    struct str text = walk_text(w, name);
    if (!walk_is(name, "identifier") || str_eq(text, STR("__all__"))) {
        return;
    }
    struct code_symbol s = {.kind = kind_of_name(w, text), .flags = privacy(text)};
    s.signature = walk_signature(w, ts_node_start_byte(node), ts_node_end_byte(node));
    (void)walk_add(w, s, name, node);
}

static void note_export_list(struct walk *w, TSNode list)
{
    TSTreeCursor c = ts_tree_cursor_new(list);
    w->has_export_list = true;
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        struct str name = STR_NONE;
        if (string_content(w, ts_tree_cursor_current_node(&c), &name)) {
            walk_export_name(w, name, false);
        }
    }
    ts_tree_cursor_delete(&c);
}

static void on_assignment(struct walk *w, TSNode node)
{
    TSNode left = walk_field(node, "left");
    TSNode right = walk_field(node, "right");
    if (w->function_depth > 0) {
        return;
    }
    bool is_list = walk_is(right, "list") || walk_is(right, "tuple");
    if (is_list && walk_is(left, "identifier") && str_eq(walk_text(w, left), STR("__all__"))) {
        note_export_list(w, right);
    }
    if (walk_is(node, "augmented_assignment")) {
        return;
    }
    if (!walk_is(left, "pattern_list") && !walk_is(left, "tuple_pattern")) {
        add_name(w, left, node);
        return;
    }
    for (uint32_t i = 0; i < ts_node_named_child_count(left) && i < 64; i++) {
        add_name(w, ts_node_named_child(left, i), node);
    }
}

/* ---- imports */

static struct str imported_name(const struct walk *w, TSNode n)
{
    return walk_text(w, walk_is(n, "aliased_import") ? walk_field(n, "name") : n);
}

static void on_import(struct walk *w, TSNode node)
{
    TSTreeCursor c = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        if (walk_is(n, "dotted_name") || walk_is(n, "aliased_import")) {
            walk_add_import(
                w, (struct code_import){.kind = CODE_IMPORT_STATIC, .specifier = imported_name(w, n)}, n);
        }
    }
    ts_tree_cursor_delete(&c);
}

/* One import per name, because each may be a module of its own: from . import a, b */
static void on_import_from(struct walk *w, TSNode node)
{
    TSNode module = walk_field(node, "module_name");
    struct code_import i = {.kind = CODE_IMPORT_FROM, .specifier = STR("__future__")};
    if (!ts_node_is_null(module)) {
        i.specifier = walk_text(w, module);
    }
    TSTreeCursor c = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode n = ts_tree_cursor_current_node(&c);
        const char *field = ts_tree_cursor_current_field_name(&c);
        bool is_name = field && strcmp(field, "name") == 0;
        if (is_name || walk_is(n, "wildcard_import")) {
            i.names = is_name ? imported_name(w, n) : STR("*");
            walk_add_import(w, i, n);
        }
    }
    ts_tree_cursor_delete(&c);
}

/* importlib.import_module("a.b"), __import__("a") */
static void on_call(struct walk *w, TSNode node)
{
    struct str function = walk_text(w, walk_field(node, "function"));
    TSNode arguments = walk_field(node, "arguments");
    bool is_import = str_eq(function, STR("importlib.import_module")) ||
                     str_eq(function, STR("import_module")) || str_eq(function, STR("__import__"));
    if (!is_import || ts_node_is_null(arguments) || ts_node_named_child_count(arguments) == 0) {
        return;
    }
    TSNode argument = ts_node_named_child(arguments, 0);
    struct code_import i = {.kind = CODE_IMPORT_DYNAMIC};
    if (!string_content(w, argument, &i.specifier)) {
        i.is_computed = true;
        i.specifier = walk_signature(w, ts_node_start_byte(argument), ts_node_end_byte(argument));
    }
    walk_add_import(w, i, node);
}

/* Without `__all__` everything at the top that does not begin with an underscore can be imported. */
static void finish(struct walk *w)
{
    for (size_t i = 0; i < w->out->symbol_count && !w->has_export_list; i++) {
        struct code_symbol *s = &w->out->symbols[i];
        s->flags |= s->parent < 0 && !(s->flags & (CODE_LOCAL | CODE_PRIVATE)) ? CODE_EXPORTED : 0;
    }
}

static bool begins_statement(struct str line, struct str before)
{
    static const char *const words[] = {"def ",    "class ", "async def ", "@",
                                        "import ", "from ",  "if ",        "try:"};
    if (str_starts(before, STR("@"))) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_starts(line, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static const struct extract_rule rules[] = {
    {"function_definition", on_function},
    {"class_definition", on_class},
    {"type_alias_statement", on_type_alias},
    {"assignment", on_assignment},
    {"augmented_assignment", on_assignment},
    {"import_statement", on_import},
    {"import_from_statement", on_import_from},
    {"future_import_statement", on_import_from},
    {"call", on_call},
    {NULL, NULL},
};

const struct extract_language extract_python = {
    .grammar = tree_sitter_python, .rules = rules, .finish = finish, .begins_statement = begins_statement};
