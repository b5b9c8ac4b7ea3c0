/* extract_walk.c: what the rules of all languages use: nodes, texts, results. See extract_walk.h. */
#include "kinds/index_repo/extract_walk.h"

#define DOC_LOOK_BACK_BYTES 16384

/* ---- nodes */

struct str walk_text(const struct walk *w, TSNode n)
{
    return str_sub(w->text, ts_node_start_byte(n), ts_node_end_byte(n));
}

bool walk_is(TSNode n, const char *type)
{
    return !ts_node_is_null(n) && strcmp(ts_node_type(n), type) == 0;
}

TSNode walk_above(const struct walk *w, size_t levels)
{
    return levels < w->depth ? w->nodes[w->depth - 1 - levels] : (TSNode){0};
}

TSNode walk_field(TSNode n, const char *field)
{
    return ts_node_is_null(n) ? n : ts_node_child_by_field_name(n, field, (uint32_t)strlen(field));
}

TSNode walk_child(TSNode n, const char *type)
{
    TSNode found = {0};
    if (ts_node_is_null(n)) {
        return n;
    }
    TSTreeCursor c = ts_tree_cursor_new(n);
    for (bool more = ts_tree_cursor_goto_first_child(&c); more; more = ts_tree_cursor_goto_next_sibling(&c)) {
        TSNode child = ts_tree_cursor_current_node(&c);
        if (walk_is(child, type)) {
            found = child;
            break;
        }
    }
    ts_tree_cursor_delete(&c);
    return found;
}

int walk_line(const struct walk *w, TSNode n)
{
    return w->line_base + (int)ts_node_start_point(n).row + 1;
}

int walk_end_line(const struct walk *w, TSNode n)
{
    TSPoint end = ts_node_end_point(n);
    bool ends_before_line = end.column == 0 && end.row > ts_node_start_point(n).row;
    return w->line_base + (int)end.row + (ends_before_line ? 0 : 1);
}

bool walk_string(const struct walk *w, TSNode n, struct str *out)
{
    bool is_template = walk_is(n, "template_string");
    if (!is_template && !walk_is(n, "string")) {
        return false;
    }
    struct str s = walk_text(w, n);
    if (s.n < 2 || (is_template && !ts_node_is_null(walk_child(n, "template_substitution")))) {
        return false;
    }
    *out = str_sub(s, 1, s.n - 1);
    return true;
}

/* ---- results */

static struct str shortened(struct str s, size_t max)
{
    if (s.n <= max) {
        return s;
    }
    while (max > 0 && ((unsigned char)s.p[max] & 0xC0) == 0x80) {
        max--;
    }
    return str_sub(s, 0, max);
}

int walk_add(struct walk *w, struct code_symbol s, TSNode name, TSNode node)
{
    if (s.name.n == 0) {
        s.name = walk_text(w, name);
    }
    s.name = shortened(s.name, CODE_MAX_NAME_BYTES);
    if (s.name.n == 0 || ts_node_is_null(name)) {
        return -1;
    }
    s.line = walk_line(w, name);
    s.col = (int)ts_node_start_point(name).column + 1;
    s.end_line = walk_end_line(w, node);
    s.parent = walk_scope(w)->symbol;
    s.flags |= w->function_depth > 0 ? CODE_LOCAL : 0;
    return code_add_symbol(w->out, &s);
}

void walk_add_import(struct walk *w, struct code_import i, TSNode node)
{
    i.specifier = shortened(i.specifier, CODE_MAX_SPECIFIER_BYTES);
    i.line = walk_line(w, node);
    i.col = (int)ts_node_start_point(node).column + 1;
    (void)code_add_import(w->out, &i);
}

/* ---- texts */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Copies s with each run of blanks as one; stops at max. */
static struct str squeezed(struct arena *a, struct str s, size_t max)
{
    char *p = arena_alloc(a, max + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < max; i++) {
        if (!is_blank(s.p[i])) {
            p[n++] = s.p[i];
        } else if (n > 0 && p[n - 1] != ' ') {
            p[n++] = ' ';
        }
    }
    struct str out = {p, n};
    while (out.n > 0 && !str_is_utf8(out)) { /* cut within a character */
        out.n--;
    }
    return str_trim(out);
}

struct str walk_signature(const struct walk *w, uint32_t from, uint32_t to)
{
    static const char *const openers[] = {"{", "=>", "=", ":"};
    struct str s = squeezed(w->a, str_sub(w->text, from, to), CODE_MAX_SIGNATURE_BYTES);
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++) {
        struct str opener = str_from(openers[i]);
        if (str_ends(s, opener)) {
            return str_trim(str_sub(s, 0, s.n - opener.n));
        }
    }
    return s;
}

/* The text of a comment line without its frame: `* `, `// `, blanks. */
static struct str comment_line(struct str line)
{
    static const char *const marks[] = {"/**", "/*", "///", "//", "*/", "*", "#"};
    line = str_trim(line);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        struct str mark = str_from(marks[i]);
        if (str_starts(line, mark)) {
            line = str_sub(line, mark.n, line.n);
            break;
        }
    }
    if (str_ends(line, STR("*/"))) {
        line = str_sub(line, 0, line.n - 2);
    }
    return str_trim(line);
}

struct str walk_clean_comment(const struct walk *w, struct str comment)
{
    char *p = arena_alloc(w->a, CODE_MAX_DOC_BYTES + 2);
    size_t n = 0;
    struct str rest = shortened(comment, 4 * (size_t)CODE_MAX_DOC_BYTES);
    while (rest.n > 0) {
        struct str line = comment_line(str_cut(rest, '\n', &rest));
        if (line.n == 0 && (n == 0 || (n > 1 && p[n - 1] == '\n' && p[n - 2] == '\n'))) {
            continue;
        }
        line = shortened(line, (size_t)CODE_MAX_DOC_BYTES - n);
        memcpy(p + n, line.p, line.n);
        n += line.n;
        if (n >= CODE_MAX_DOC_BYTES) {
            break;
        }
        p[n++] = '\n';
    }
    return str_trim((struct str){p, n});
}

/* Lines of `//` that end at `end`, the end of the text before a declaration. */
static struct str line_comments_before(struct str text, size_t end)
{
    size_t from = end;
    while (from > 0 && end - from < DOC_LOOK_BACK_BYTES) {
        size_t line = from - 1;
        while (line > 0 && text.p[line - 1] != '\n') {
            line--;
        }
        if (!str_starts(str_trim(str_sub(text, line, from)), STR("//"))) {
            break;
        }
        from = line;
    }
    return str_sub(text, from, end);
}

struct str walk_comment_before(const struct walk *w, TSNode node)
{
    struct str text = w->text;
    size_t end = ts_node_start_byte(node);
    int newlines = 0;
    while (end > 0 && is_blank(text.p[end - 1]) && newlines < 2) {
        newlines += text.p[--end] == '\n';
    }
    if (newlines > 1) { /* a blank line in between: it belongs to something else */
        return STR("");
    }
    struct str before = str_sub(text, 0, end);
    if (!str_ends(before, STR("*/"))) {
        return walk_clean_comment(w, line_comments_before(text, end));
    }
    size_t from = end - 2;
    size_t lowest = end > DOC_LOOK_BACK_BYTES ? end - DOC_LOOK_BACK_BYTES : 0;
    while (from > lowest && !str_starts(str_sub(text, from, end), STR("/*"))) {
        from--;
    }
    struct str comment = str_sub(text, from, end);
    return str_starts(comment, STR("/*")) ? walk_clean_comment(w, comment) : STR("");
}
