/* select.c: selectors over a list of nodes. One look at each node, from the top down: bit k of a node says that the selector up
 * to its k-th step ends there, so nothing is ever tried again. */
#include "markdown/select.h"

#include <string.h>

#define STEPS_MAX 32
#define TESTS_MAX 128

enum test_kind {
    TEST_TAG,
    TEST_ID,
    TEST_CLASS,
    TEST_HAS,
    TEST_IS,
    TEST_BEGINS,
    TEST_ENDS,
    TEST_HOLDS,
    TEST_WORD,
    TEST_DASH
};

struct test {
    enum test_kind kind;
    enum tag tag;
    enum attribute attribute;
    struct str name, value;
};

struct step {
    uint8_t first, count; /* its tests; none is "*" */
    bool is_first;        /* of a chain */
    bool is_child;        /* directly below the step before it, not only somewhere below */
    bool is_last;
};

struct selector {
    struct step steps[STEPS_MAX];
    struct test tests[TESTS_MAX];
    size_t step_count, test_count;
};

struct parser {
    struct str css;
    size_t at;
    struct selector *s;
    struct asked_attributes *asked;
};

static char peek(const struct parser *p)
{
    return p->at < p->css.n ? p->css.p[p->at] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool skip_spaces(struct parser *p)
{
    size_t from = p->at;

    while (is_space(peek(p))) {
        p->at++;
    }
    return p->at > from;
}

static struct str take_name(struct parser *p)
{
    size_t from = p->at;

    while ((peek(p) | 32) >= 'a' && (peek(p) | 32) <= 'z'
               ? true
               : peek(p) && (strchr("0123456789-_", peek(p)) || (unsigned char)peek(p) >= 0x80)) {
        p->at++;
    }
    return str_sub(p->css, from, p->at);
}

static struct test *add_test(struct parser *p, enum test_kind kind, struct str name)
{
    if (p->s->test_count == TESTS_MAX || !name.n) {
        return NULL;
    }
    struct test *t = &p->s->tests[p->s->test_count++];
    *t = (struct test){.kind = kind, .name = name};
    return t;
}

static bool read_value(struct parser *p, struct test *t)
{
    static const struct {
        char mark;
        enum test_kind kind;
    } kinds[] = {{'^', TEST_BEGINS}, {'$', TEST_ENDS}, {'*', TEST_HOLDS}, {'~', TEST_WORD}, {'|', TEST_DASH}};

    t->kind = TEST_IS;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (peek(p) == kinds[i].mark) {
            t->kind = kinds[i].kind;
            p->at++;
            break;
        }
    }
    if (peek(p) != '=') {
        return false;
    }
    p->at++;
    skip_spaces(p);
    if (peek(p) == '"' || peek(p) == '\'') {
        size_t end = str_find_char(p->css, peek(p), p->at + 1);
        if (end >= p->css.n) {
            return false;
        }
        t->value = str_sub(p->css, p->at + 1, end);
        p->at = end + 1;
        return true;
    }
    t->value = take_name(p);
    return t->value.n > 0;
}

/* The page keeps it, although nobody else asks for it. */
static bool ask_for(struct parser *p, struct test *t)
{
    t->attribute = attribute_find(p->asked, t->name);
    if (t->attribute == ATTR_COUNT && p->asked->count < ATTRIBUTES_ASKED_MAX) {
        t->attribute = (enum attribute)(ATTR_ASKED + (int)p->asked->count);
        p->asked->names[p->asked->count++] = t->name;
    }
    return t->attribute < ATTR_COUNT;
}

static bool read_attribute(struct parser *p)
{
    p->at++;
    skip_spaces(p);
    struct test *t = add_test(p, TEST_HAS, take_name(p));
    if (!t || !ask_for(p, t)) {
        return false;
    }
    skip_spaces(p);
    if (peek(p) != ']' && !read_value(p, t)) {
        return false;
    }
    skip_spaces(p);
    if (peek(p) != ']') {
        return false;
    }
    p->at++;
    return true;
}

static bool read_tag(struct parser *p)
{
    struct test *t = add_test(p, TEST_TAG, take_name(p));

    if (t) {
        t->tag = tag_find(t->name);
    }
    return t && t->tag != TAG_OTHER;
}

/* div#id.class[attribute] */
static bool read_step(struct parser *p, bool is_first, bool is_child)
{
    if (p->s->step_count == STEPS_MAX) {
        return false;
    }
    size_t first = p->s->test_count;
    size_t from = p->at;
    bool is_good = true;

    if (peek(p) == '*') {
        p->at++;
    } else if (((peek(p) | 32) >= 'a' && (peek(p) | 32) <= 'z')) {
        is_good = read_tag(p);
    }
    while (is_good && peek(p) && strchr("#.[", peek(p))) {
        char mark = peek(p);
        if (mark == '[') {
            is_good = read_attribute(p);
        } else {
            p->at++;
            is_good = add_test(p, mark == '#' ? TEST_ID : TEST_CLASS, take_name(p)) != NULL;
        }
    }
    p->s->steps[p->s->step_count++] = (struct step){.first = (uint8_t)first,
                                                    .count = (uint8_t)(p->s->test_count - first),
                                                    .is_first = is_first,
                                                    .is_child = is_child};
    return is_good && p->at > from;
}

static bool read_chain(struct parser *p)
{
    bool is_first = true;
    bool is_child = false;

    for (;;) {
        if (!read_step(p, is_first, is_child)) {
            return false;
        }
        bool has_space = skip_spaces(p);
        if (!peek(p) || peek(p) == ',') {
            p->s->steps[p->s->step_count - 1].is_last = true;
            return true;
        }
        is_first = false;
        is_child = peek(p) == '>';
        if (is_child) {
            p->at++;
            skip_spaces(p);
        } else if (!has_space) {
            return false;
        }
    }
}

enum rc select_parse(struct str css, struct asked_attributes *asked, struct arena *a, struct selector **out,
                     struct err *e)
{
    struct parser p = {.css = css, .s = arena_alloc(a, sizeof *p.s), .asked = asked};
    bool is_good;

    do {
        skip_spaces(&p);
        is_good = read_chain(&p);
    } while (is_good && peek(&p) == ',' && ++p.at);
    if (!is_good || p.at < css.n) {
        return err_set_code(e, RC_INVALID, "bad_selector", NULL,
                            "not a selector that is understood here, at character %zu: %.*s", p.at + 1,
                            (int)(css.n < 200 ? css.n : 200), css.p);
    }
    *out = p.s;
    return RC_OK;
}

static bool passes(const struct test *t, const struct page *p, uint32_t i)
{
    if (t->kind == TEST_TAG) {
        return p->nodes[i].tag == (uint8_t)t->tag;
    }
    if (t->kind == TEST_ID) {
        return str_eq(page_attribute(p, i, ATTR_ID), t->name);
    }
    if (t->kind == TEST_CLASS) {
        return page_has_class(p, i, t->name);
    }
    struct str v = page_attribute(p, i, t->attribute);
    if (!v.p || t->kind == TEST_HAS) {
        return v.p != NULL;
    }
    switch (t->kind) {
    case TEST_BEGINS:
        return t->value.n && str_starts(v, t->value);
    case TEST_ENDS:
        return t->value.n && str_ends(v, t->value);
    case TEST_HOLDS:
        return t->value.n && str_find(v, t->value, 0) < v.n;
    case TEST_WORD:
        return page_has_word(v, t->value);
    case TEST_DASH:
        return str_eq(v, t->value) || (str_starts(v, t->value) && v.p[t->value.n] == '-');
    default:
        return str_eq(v, t->value);
    }
}

static bool step_fits(const struct selector *s, size_t k, const struct page *p, uint32_t i)
{
    for (size_t j = 0; j < s->steps[k].count; j++) {
        if (!passes(&s->tests[s->steps[k].first + j], p, i)) {
            return false;
        }
    }
    return true;
}

void select_run(const struct selector *s, const struct page *p, void (*found)(void *ctx, uint32_t node),
                void *ctx)
{
    uint32_t *here = mem_alloc((size_t)p->count * sizeof *here);
    uint32_t *above = mem_alloc((size_t)p->count * sizeof *above);

    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t parent = p->nodes[i].parent;
        uint32_t of_parent = parent == NO_NODE ? 0 : here[parent];
        bool is_match = false;
        above[i] = parent == NO_NODE ? 0 : above[parent] | of_parent;
        for (size_t k = 0; p->nodes[i].tag != TAG_TEXT && k < s->step_count; k++) {
            const struct step *step = &s->steps[k];
            uint32_t before = step->is_child ? of_parent : above[i];
            bool is_near = step->is_first || (k > 0 && (before >> (k - 1) & 1));
            if (is_near && step_fits(s, k, p, i)) {
                here[i] |= UINT32_C(1) << k;
                is_match |= step->is_last;
            }
        }
        if (is_match) {
            found(ctx, i);
        }
    }
    mem_free(here);
    mem_free(above);
}
