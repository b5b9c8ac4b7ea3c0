/* extract_walk.h: what the engine of extract.c and the rules of a language share. The engine walks the syntax tree with a
 * cursor, keeps the stack of nodes and scopes, and calls the rule of each node type before its children. */
#ifndef STINT_KINDS_INDEX_REPO_EXTRACT_WALK_H
#define STINT_KINDS_INDEX_REPO_EXTRACT_WALK_H

#include "kinds/index_repo/extract.h"

#include <tree_sitter/api.h>

struct walk;

struct extract_rule {
    const char *node_type;
    void (*enter)(struct walk *w, TSNode node);
};

struct extract_language {
    const TSLanguage *(*grammar)(void);
    const struct extract_rule *rules; /* ends with node_type NULL */
    void (*finish)(struct walk *w);   /* after the whole file; may be NULL */
    /* What to give to the parser instead: of the same length and lines. May be NULL. */
    struct str (*prepare)(struct str text, struct arena *a);
    /* True when `line` begins a statement at column 0, given the line before it: where a part that could not be parsed
     * is cut into pieces. */
    bool (*begins_statement)(struct str line, struct str before);
};

extern const struct extract_language extract_typescript, extract_tsx, extract_javascript, extract_python,
    extract_c;

/* What a node opens for the symbols below it. */
enum scope_kind {
    SCOPE_FILE,
    SCOPE_FUNCTION,  /* locals live here */
    SCOPE_SIGNATURE, /* parameters of a type: nothing in it is a member of what is around */
    SCOPE_MEMBERS,   /* class, interface, struct, object: its names are members */
    SCOPE_NAMESPACE,
};

struct scope {
    enum scope_kind kind;
    int symbol;     /* the parent of what is found inside, -1 = none */
    unsigned flags; /* CODE_EXPORTED, CODE_DECLARATION: handed down */
    size_t depth;   /* of the node that opened it */
};

/* A name that the file exports apart from its declaration: `export { a }`, `__all__ = ["a"]`. */
struct export_name {
    struct str name;
    bool is_default;
};

struct walk {
    struct str text; /* what the current tree was parsed from */
    const struct extract_language *language;
    struct code_parsed *out;
    struct arena *a;
    int line_base; /* lines before `text` in the file */
    TSNode *nodes; /* from the root to the current node */
    size_t depth, node_room;
    struct scope *scopes;
    size_t scope_count, scope_room;
    size_t function_depth; /* scopes of kind SCOPE_FUNCTION on the stack */
    struct export_name *exports;
    size_t export_count, export_room;
    bool has_export_list;
};

/* ---- nodes */
struct str walk_text(const struct walk *w, TSNode n);
bool walk_is(TSNode n, const char *type);
/* The node `levels` above the current one; a null node above the root. */
TSNode walk_above(const struct walk *w, size_t levels);
TSNode walk_field(TSNode n, const char *field);
/* The first direct child of this type, named or not; a null node when there is none. */
TSNode walk_child(TSNode n, const char *type);
int walk_line(const struct walk *w, TSNode n);     /* of its first byte, from 1 */
int walk_end_line(const struct walk *w, TSNode n); /* of its last byte */
/* The text of a string node without its quotes; false when it is no string or has something computed inside. */
bool walk_string(const struct walk *w, TSNode n, struct str *out);

/* ---- scopes */
struct scope *walk_scope(struct walk *w); /* the innermost */
/* Opens a scope that ends with the current node; flags and, with symbol -1, the symbol come from the scope around. */
void walk_open(struct walk *w, enum scope_kind kind, int symbol);

/* ---- results */
/* Adds a symbol called by the node `name`; `node` is its extent. Kind, flags and texts come from `s`; position, parent
 * and CODE_LOCAL are filled in. Returns its index, -1 when the name is empty or a limit is reached. */
int walk_add(struct walk *w, struct code_symbol s, TSNode name, TSNode node);
void walk_add_import(struct walk *w, struct code_import i, TSNode node);
void walk_export_name(struct walk *w, struct str name, bool is_default);

/* ---- texts */
/* The bytes [from, to) on one line: blanks squeezed, what stands in `cut` ("{", "=>") taken off the end, shortened. */
struct str walk_signature(const struct walk *w, uint32_t from, uint32_t to);
/* The comment that ends right before `node` begins, without its marks. */
struct str walk_comment_before(const struct walk *w, TSNode node);
/* A comment or docstring without its marks and indentation, shortened. */
struct str walk_clean_comment(const struct walk *w, struct str comment);

#endif
