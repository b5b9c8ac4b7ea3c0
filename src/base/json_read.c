/* json_read.c: from text to a tree, or only to a verdict. One loop with its own stack: the depth of the input never
 * becomes depth of ours.
 *
 *   WANT_VALUE ──scalar, empty container──▶ VALUE_DONE ──comma──▶ WANT_VALUE
 *       │  ▲                                  │  ▲  │
 *       └──┘ container opened      closed     └──┘  └──end of text──▶ FINISHED
 */
#include "base/json.h"
#include "base/json_names.h"
#include "base/json_scan.h"

struct frame {
    struct json *node;
    struct json **tail; /* where the next child is hung */
    struct json_name_set names;
    struct str name; /* of the member whose value comes next */
    bool is_object;
};

enum step { WANT_VALUE, VALUE_DONE, FINISHED, FAILED };

/* Without an arena nothing is built: every value is read into `scrap`, and only member names that have to be
 * decoded take memory. */
struct parser {
    struct json_cursor c;
    struct arena *a;
    struct arena *name_arena;
    struct json *root;
    struct json scrap;
    int depth, max_depth;
    struct json_budget budget;
    int opaque_depth;   /* > 0: inside of an opaque value, which lies so deep; nothing is built there */
    struct arena *kept; /* the arena meanwhile */
    struct json_names names;
    struct frame frames[JSON_MAX_DEPTH + JSON_ENVELOPE_DEPTH];
};

static void skip_blanks(struct json_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t')) {
        c->p++;
    }
}

/* The next byte that means something; 0 at the end, which is never a valid one. */
static char next_byte(struct json_cursor *c)
{
    skip_blanks(c);
    return c->p < c->end ? *c->p : '\0';
}

static enum step fail(struct parser *p, const char *why)
{
    json_fail(&p->c, p->c.p < p->c.end ? why : "the text ends too early");
    return FAILED;
}

static struct json *new_node(struct parser *p)
{
    if (!p->a) {
        return &p->scrap;
    }
    struct json *node = arena_alloc(p->a, sizeof *node);

    if (p->depth == 0) {
        p->root = node;
        return node;
    }
    struct frame *f = &p->frames[p->depth - 1];

    *f->tail = node;
    f->tail = &node->next;
    f->node->count++;
    node->name = f->name;
    return node;
}

static struct str decode(struct arena *a, struct str body, bool has_escape)
{
    if (!has_escape) {
        return body;
    }
    char *to = arena_alloc(a, body.n);

    return (struct str){to, json_unescape(body, to)};
}

/* `"name" :` with the cursor anywhere before it. */
static enum step read_name(struct parser *p)
{
    struct frame *f = &p->frames[p->depth - 1];
    struct str body;
    bool has_escape;

    if (next_byte(&p->c) != '"') {
        return fail(p, "member name expected");
    }
    const char *start = p->c.p++;

    if (!json_scan_string(&p->c, &body, &has_escape)) {
        return FAILED;
    }
    if (has_escape && !p->name_arena) {
        p->name_arena = arena_new();
    }
    f->name = decode(p->name_arena, body, has_escape);
    if (!json_name_set_add(&f->names, &p->names, f->name)) {
        p->c.p = start;
        return fail(p, "duplicate member");
    }
    if (next_byte(&p->c) != ':') {
        return fail(p, "colon expected");
    }
    p->c.p++;
    return WANT_VALUE;
}

static enum step close_container(struct parser *p)
{
    struct frame *f = &p->frames[--p->depth];

    p->c.p++;
    f->node->raw.n = (size_t)(p->c.p - f->node->raw.p);
    json_name_set_end(&f->names, &p->names);
    if (p->opaque_depth > p->depth) {
        p->opaque_depth = 0;
        p->a = p->kept;
    }
    return VALUE_DONE;
}

/* Does the value that comes next belong to a member that is only carried? */
static bool is_opaque(const struct parser *p)
{
    if (!p->budget.opaque || p->opaque_depth || p->depth == 0) {
        return false;
    }
    const struct frame *parent = &p->frames[p->depth - 1];

    for (const struct str *name = p->budget.opaque; parent->is_object && name->p; name++) {
        if (str_eq(*name, parent->name)) {
            return true;
        }
    }
    return false;
}

static enum step open_container(struct parser *p, enum json_type type)
{
    if (p->depth == p->max_depth) {
        return fail(p, "nested too deeply");
    }
    struct json *node = new_node(p);
    bool begins_opaque = is_opaque(p);
    struct frame *f = &p->frames[p->depth++];

    if (begins_opaque) {
        p->opaque_depth = p->depth;
        p->kept = p->a;
        p->a = NULL;
    }
    node->type = type;
    node->raw.p = p->c.p++;
    f->node = node;
    f->tail = &node->first;
    f->name = STR_NONE;
    f->is_object = type == JSON_OBJECT;
    json_name_set_begin(&f->names, &p->names);
    if (next_byte(&p->c) == (type == JSON_OBJECT ? '}' : ']')) {
        return close_container(p);
    }
    return type == JSON_OBJECT ? read_name(p) : WANT_VALUE;
}

static bool read_literal(struct json_cursor *c, struct str literal)
{
    if (!str_starts((struct str){c->p, (size_t)(c->end - c->p)}, literal)) {
        return json_fail(c, "value expected");
    }
    c->p += literal.n;
    return true;
}

static bool read_string(struct parser *p, struct json *v)
{
    struct str body;
    bool has_escape;

    p->c.p++;
    if (!json_scan_string(&p->c, &body, &has_escape)) {
        return false;
    }
    v->type = JSON_STRING;
    if (p->a) {
        v->s = decode(p->a, body, has_escape);
    }
    return true;
}

static bool read_scalar(struct parser *p, char first, struct json *v)
{
    switch (first) {
    case '"':
        return read_string(p, v);
    case 't':
    case 'f':
        v->type = JSON_BOOL;
        v->i = first == 't';
        return read_literal(&p->c, first == 't' ? STR("true") : STR("false"));
    case 'n':
        v->type = JSON_NULL;
        return read_literal(&p->c, STR("null"));
    default:
        return json_scan_number(&p->c, v);
    }
}

static bool starts_scalar(char c)
{
    return c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

static enum step read_value(struct parser *p)
{
    char first = next_byte(&p->c);

    p->budget.built -= p->a != NULL;
    if (--p->budget.values < 0 || p->budget.built < 0) {
        return FAILED;
    }
    if (first == '{' || first == '[') {
        return open_container(p, first == '{' ? JSON_OBJECT : JSON_ARRAY);
    }
    if (!starts_scalar(first)) {
        return fail(p, "value expected");
    }
    struct json *v = new_node(p);
    const char *start = p->c.p;

    if (!read_scalar(p, first, v)) {
        return FAILED;
    }
    v->raw = (struct str){start, (size_t)(p->c.p - start)};
    return VALUE_DONE;
}

static enum step after_value(struct parser *p)
{
    char c = next_byte(&p->c);

    if (p->depth == 0) {
        return p->c.p == p->c.end ? FINISHED : fail(p, "something follows the value");
    }
    bool is_object = p->frames[p->depth - 1].is_object;

    if (c == ',') {
        p->c.p++;
        return is_object ? read_name(p) : WANT_VALUE;
    }
    if (c == (is_object ? '}' : ']')) {
        return close_container(p);
    }
    return fail(p, "comma or closing bracket expected");
}

static enum rc run(struct parser *p, struct err *e)
{
    const char *start = p->c.p;
    enum step step = WANT_VALUE;

    if (str_starts((struct str){start, (size_t)(p->c.end - start)}, STR("\xEF\xBB\xBF"))) {
        step = fail(p, "a byte order mark is not allowed");
    }
    while (step < FINISHED) {
        step = step == WANT_VALUE ? read_value(p) : after_value(p);
    }
    while (p->depth > 0) {
        json_name_set_end(&p->frames[--p->depth].names, &p->names);
    }
    json_names_dispose(&p->names);
    if (p->budget.built < 0 || p->budget.values < 0) {
        return err_set(e, RC_TOO_BIG, "too many JSON values in one text");
    }
    if (step == FAILED) {
        return err_set_code(e, RC_INVALID, "malformed_json", NULL, "not JSON: %s at byte %zu", p->c.why,
                            (size_t)(p->c.p - start));
    }
    return RC_OK;
}

static void parser_init(struct parser *p, struct str text, struct arena *a)
{
    struct str s = text.p ? text : STR("");

    p->c = (struct json_cursor){.p = s.p, .end = s.p + s.n};
    p->a = a;
    p->name_arena = a;
    p->root = NULL;
    p->scrap = (struct json){0};
    p->depth = 0;
    p->max_depth = JSON_MAX_DEPTH;
    p->opaque_depth = 0;
    p->budget = (struct json_budget){NULL, INT64_MAX, INT64_MAX};
    json_names_init(&p->names);
}

static enum rc build(struct parser *p, struct json **out, struct err *e)
{
    enum rc rc = run(p, e);

    if (!rc) {
        *out = p->root;
    }
    return rc;
}

enum rc json_parse(struct str text, struct arena *a, struct json **out, struct err *e)
{
    struct parser p;

    parser_init(&p, text, a);
    return build(&p, out, e);
}

enum rc json_parse_envelope(struct str text, struct arena *a, struct json **out, struct err *e)
{
    struct parser p;

    parser_init(&p, text, a);
    p.max_depth += JSON_ENVELOPE_DEPTH;
    return build(&p, out, e);
}

enum rc json_parse_within(struct str text, struct json_budget *budget, struct arena *a, struct json **out,
                          struct err *e)
{
    struct parser p;

    parser_init(&p, text, a);
    p.budget = *budget;
    enum rc rc = build(&p, out, e);

    *budget = p.budget;
    return rc;
}

enum rc json_validate(struct str text, struct err *e)
{
    struct parser p;

    parser_init(&p, text, NULL);
    enum rc rc = run(&p, e);

    arena_free(p.name_arena);
    return rc;
}
