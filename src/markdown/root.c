/* root.c: the containers that generators put the content into, tried by what they hold; else the way down from <body> along the
 * text. */
#include "markdown/root.h"

#define SHARE_MIN       40   /* per cent of the page's text that a known container holds */
#define SHARE_DEEPER    85   /* of the container's text: the one in it is the better one */
#define SHARE_DOWN      80   /* without a known container: down to the child that holds so much */
#define MENU_DENSITY    60   /* per cent of the text in links */
#define TITLE_BYTES_MAX 2000 /* of what a title outside the content stands in */

/* One row a container; earlier rows are better. A row asks for all that it names. */
static const struct container {
    enum tag tag; /* TAG_OTHER: any */
    struct str id, class, role;
    bool is_single;  /* only when the page has one of them */
    bool is_section; /* there may be others beside it: then what they are all in */
} containers[] = {
    {.tag = TAG_MAIN},
    {.tag = TAG_OTHER, .role = {"main", 4}},
    {.tag = TAG_ARTICLE, .is_single = true},
    {.tag = TAG_OTHER, .class = {"markdown-body", 13}},
    {.tag = TAG_OTHER, .class = {"theme-doc-markdown", 18}},
    {.tag = TAG_OTHER, .class = {"md-content__inner", 17}},
    {.tag = TAG_OTHER, .class = {"rst-content", 11}},
    {.tag = TAG_OTHER, .id = {"docs-content", 12}},
    {.tag = TAG_OTHER, .class = {"mw-parser-output", 16}},
    {.tag = TAG_DIV, .class = {"body", 4}},
    {.tag = TAG_OTHER, .id = {"apicontent", 10}},
    {.tag = TAG_DIV, .class = {"contents", 8}},
    {.tag = TAG_OTHER, .id = {"main-content", 12}},
    {.tag = TAG_OTHER, .id = {"content", 7}},
    {.tag = TAG_DIV, .class = {"chapter", 7}, .is_section = true},
    {.tag = TAG_DIV, .class = {"sect1", 5}, .is_section = true},
    {.tag = TAG_DIV, .class = {"refentry", 8}, .is_section = true},
    {.tag = TAG_OTHER, .class = {"entry-content", 13}},
    {.tag = TAG_OTHER, .class = {"post-content", 12}},
    {.tag = TAG_OTHER, .id = {"main", 4}},
    {.tag = TAG_DIV, .class = {"content", 7}},
};

#define CONTAINER_COUNT (sizeof containers / sizeof containers[0])

struct names {
    struct str id, class, role;
};

static struct names names_of(const struct page *p, uint32_t i)
{
    struct names names = {0};
    struct page_attribute a;

    for (uint32_t at = 0; page_next_attribute(p, i, &at, &a);) {
        if (a.name == ATTR_ID) {
            names.id = a.value;
        } else if (a.name == ATTR_CLASS) {
            names.class = a.value;
        } else if (a.name == ATTR_ROLE) {
            names.role = a.value;
        }
    }
    return names;
}

static bool is_container(enum tag tag, const struct names *names, const struct container *c)
{
    return (c->tag == TAG_OTHER || tag == c->tag) && (!c->id.n || str_eq_nocase(names->id, c->id)) &&
           (!c->class.n || page_has_word(names->class, c->class)) &&
           (!c->role.n || str_eq_nocase(names->role, c->role));
}

/* The first of each row that holds enough of `from`; NO_NODE for rows without. */
static void find_containers(const struct page *p, const struct sums *s, uint32_t found[CONTAINER_COUNT])
{
    size_t counts[CONTAINER_COUNT] = {0};
    uint64_t all = sums_of(s, p, 0);

    for (size_t k = 0; k < CONTAINER_COUNT; k++) {
        found[k] = NO_NODE;
    }
    for (uint32_t i = 0; i < p->count;) {
        const struct node *n = &p->nodes[i];
        if (n->flags & NODE_IS_DROPPED) {
            i = n->end;
            continue;
        }
        bool may =
            n->tag != TAG_TEXT && (page_has_attributes(p, i) || n->tag == TAG_MAIN || n->tag == TAG_ARTICLE);
        struct names names = may ? names_of(p, i) : (struct names){0};
        for (size_t k = 0; may && k < CONTAINER_COUNT; k++) {
            if (!is_container((enum tag)n->tag, &names, &containers[k])) {
                continue;
            }
            counts[k]++;
            if (found[k] == NO_NODE && 100 * (uint64_t)sums_of(s, p, i) >= SHARE_MIN * all) {
                found[k] = i;
            }
        }
        i++;
    }
    for (size_t k = 0; k < CONTAINER_COUNT; k++) {
        if (containers[k].is_single && counts[k] > 1) {
            found[k] = NO_NODE;
        }
    }
}

/* Something to read stands beside the child: a section of its own. A menu with a heading is links. */
static bool has_sections_beside(const struct page *p, const struct sums *s, uint32_t best, uint32_t from,
                                uint32_t end)
{
    bool has_heading = false;

    for (uint32_t i = from; i < end && !has_heading;) {
        const struct node *n = &p->nodes[i];
        has_heading = n->tag >= TAG_H2 && n->tag <= TAG_H6 && i != best && !(n->flags & NODE_IS_DROPPED);
        i = i == best || (n->flags & NODE_IS_DROPPED) ? n->end : i + 1;
    }
    uint64_t all = sums_between(s, from, end) - sums_of(s, p, best);
    uint64_t links = sums_links_between(s, from, end) - sums_links_of(s, p, best);
    return has_heading && 100 * links < MENU_DENSITY * all;
}

static uint32_t choose_known(const struct page *p, const struct sums *s)
{
    uint32_t found[CONTAINER_COUNT];
    uint32_t root = NO_NODE;

    find_containers(p, s, found);
    for (size_t k = 0; k < CONTAINER_COUNT && root == NO_NODE; k++) {
        uint32_t up = found[k] == NO_NODE ? NO_NODE : p->nodes[found[k]].parent;
        bool is_one_of_many = up != NO_NODE && containers[k].is_section &&
                              has_sections_beside(p, s, found[k], up + 1, p->nodes[up].end);
        root = is_one_of_many ? up : found[k];
    }
    for (size_t k = 0; k < CONTAINER_COUNT && root != NO_NODE; k++) {
        uint32_t i = found[k];
        if (i != NO_NODE && i > root && i < p->nodes[root].end &&
            100 * (uint64_t)sums_of(s, p, i) >= SHARE_DEEPER * (uint64_t)sums_of(s, p, root) &&
            !has_sections_beside(p, s, i, root + 1, p->nodes[root].end)) {
            root = i;
        }
    }
    return root;
}

static bool may_hold_all(enum tag t)
{
    switch (t) {
    case TAG_DIV:
    case TAG_SECTION:
    case TAG_CENTER:
    case TAG_FORM:
    case TAG_BODY:
    case TAG_HTML:
    case TAG_ARTICLE:
    case TAG_MAIN:
    case TAG_OTHER:
        return true;
    default:
        return false;
    }
}

/* Text that is not in links, all but. */
static uint64_t weight(const struct page *p, const struct sums *s, uint32_t i)
{
    return 10 * (uint64_t)sums_of(s, p, i) - 9 * (uint64_t)sums_links_of(s, p, i);
}

static uint32_t go_down(const struct page *p, const struct sums *s)
{
    uint32_t root = 0;
    uint32_t from = 0;
    uint32_t end = p->count;
    uint64_t all = weight(p, s, 0);

    for (;;) {
        uint32_t best = NO_NODE;
        for (uint32_t i = from; i < end; i = p->nodes[i].end) {
            if (!(p->nodes[i].flags & NODE_IS_DROPPED) && may_hold_all((enum tag)p->nodes[i].tag) &&
                (best == NO_NODE || weight(p, s, i) > weight(p, s, best))) {
                best = i;
            }
        }
        if (best == NO_NODE || page_is_code(p, best) || has_sections_beside(p, s, best, from, end) ||
            100 * weight(p, s, best) < SHARE_DOWN * all) {
            return root;
        }
        /* Where nothing is left out, there is no reason to go: the last <div> may be a note or code. */
        root = sums_of(s, p, best) < sums_between(s, from, end) ? best : root;
        all = weight(p, s, best);
        from = best + 1;
        end = p->nodes[best].end;
    }
}

/* Doxygen's title is no heading, and stands before the content: it is made one. NO_NODE: the page has none. */
static uint32_t make_title(struct page *p)
{
    if (str_find(buf_str(&p->text), STR("headertitle"), 0) == p->text.n) {
        return NO_NODE;
    }
    for (uint32_t i = 1; i < p->count; i++) {
        struct node *n = &p->nodes[i];
        bool is_title = n->tag == TAG_DIV && page_has_class(p, i, STR("title")) && n->parent != NO_NODE &&
                        page_has_class(p, n->parent, STR("headertitle"));
        if (is_title && !(n->flags & NODE_IS_DROPPED)) {
            n->tag = TAG_H1;
            return i;
        }
    }
    return NO_NODE;
}

static bool has_heading_1(const struct page *p, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        if (p->nodes[i].tag == TAG_H1 && !(p->nodes[i].flags & NODE_IS_DROPPED)) {
            return true;
        }
    }
    return false;
}

/* The last <h1> before the content, with the small block in which it stands: asciidoc's header has the name of the command. */
static uint32_t find_title(const struct page *p, const struct sums *s, uint32_t root)
{
    uint32_t title = NO_NODE;

    if (has_heading_1(p, root, p->nodes[root].end)) {
        return NO_NODE;
    }
    for (uint32_t i = 0; i < root;) {
        bool is_dropped = p->nodes[i].flags & NODE_IS_DROPPED;
        title = p->nodes[i].tag == TAG_H1 && !is_dropped ? i : title;
        i = is_dropped ? p->nodes[i].end : i + 1;
    }
    while (title != NO_NODE) {
        uint32_t up = p->nodes[title].parent;
        if (up == NO_NODE || p->nodes[up].end > root || sums_of(s, p, up) > TITLE_BYTES_MAX ||
            4 * sums_links_of(s, p, up) > sums_of(s, p, up)) {
            break;
        }
        title = up;
    }
    return title;
}

static void mark(struct page *p, uint32_t root)
{
    for (uint32_t i = root; root != NO_NODE && i < p->nodes[root].end;) {
        if (p->nodes[i].flags & NODE_IS_DROPPED) {
            i = p->nodes[i].end;
        } else {
            p->nodes[i++].flags |= NODE_IN_CONTENT;
        }
    }
}

void root_find(struct page *p, struct sums *s, uint32_t chosen, struct root *out)
{
    struct root r = {.title = NO_NODE, .node = chosen};

    sums_leave_out(s, p);
    uint32_t title = make_title(p);
    if (r.node == NO_NODE) {
        r.node = choose_known(p, s);
    }
    if (r.node == NO_NODE) {
        r.node = go_down(p, s);
    }
    if (r.node != NO_NODE) {
        r.title = chosen == NO_NODE ? find_title(p, s, r.node) : NO_NODE;
        if (chosen == NO_NODE && r.title == NO_NODE && title != NO_NODE && p->nodes[title].end <= r.node) {
            r.title = title;
        }
        r.text_bytes = sums_of(s, p, r.node);
        r.link_bytes = sums_links_of(s, p, r.node);
    }
    r.page_bytes = sums_of(s, p, 0);
    mark(p, r.title);
    mark(p, r.node);
    *out = r;
}
