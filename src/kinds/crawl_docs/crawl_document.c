/* crawl_document.c: which pages are the document, in which order and under which titles. */
#include "kinds/crawl_docs/crawl_document.h"

#include <stdlib.h>

#include "kinds/crawl_docs/document_parts.h"
#include "kinds/crawl_docs/page_text.h"

#define CANONICAL_HOPS_MAX 8

struct place {
    size_t node, rank; /* rank: the place among the links of the first page; SIZE_MAX = none */
};

static const struct crawl_node *ordered_nodes;

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    const struct crawl_node *na = &ordered_nodes[a->node];
    const struct crawl_node *nb = &ordered_nodes[b->node];
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return na->depth != nb->depth ? na->depth - nb->depth : str_compare(na->identity, nb->identity);
}

static bool is_of_document(const struct crawl_node *n)
{
    const struct json *by_page = json_get(n->page, STR("noindex"));
    const struct json *by_field = json_get(n->result, STR("noindex"));
    return n->state == CRAWL_DONE && n->page && !(by_page && by_page->i) && !(by_field && by_field->i);
}

static size_t order_pages(const struct crawl_graph *g, struct place *places)
{
    size_t *ranks = arena_array(g->a, size_t, g->count + 1);
    size_t count = 0;
    size_t rank = 1;
    const struct json *links = json_get(g->nodes[g->seed].page, STR("links"));
    for (const struct json *l = links ? links->first : NULL; l; l = l->next) {
        const struct crawl_node *n = crawl_graph_find(g, l->s);
        if (n && !ranks[n - g->nodes]) {
            ranks[n - g->nodes] = rank++;
        }
    }
    for (size_t i = 0; i < g->count; i++) {
        if (is_of_document(&g->nodes[i])) {
            size_t at = i == g->seed ? 0 : ranks[i] ? ranks[i] : SIZE_MAX;
            places[count++] = (struct place){i, at};
        }
    }
    ordered_nodes = g->nodes;
    qsort(places, count, sizeof *places, compare_places);
    return count;
}

static const struct crawl_node *canonical_of(const struct crawl_graph *g, const struct crawl_node *n)
{
    struct str canonical = json_text(n->page, "canonical");
    const struct crawl_node *other = canonical.n ? crawl_graph_find(g, canonical) : NULL;
    bool is_same = other && other != n && is_of_document(other) &&
                   str_eq(json_text(other->page, "hash"), json_text(n->page, "hash"));
    return is_same ? other : NULL;
}

const struct crawl_node *document_same(const struct crawl_graph *g, const struct crawl_node *n)
{
    const struct crawl_node *same = canonical_of(g, n);
    const struct crawl_node *first = n;
    const struct crawl_node *at = same;
    for (int hops = 0; at && at != n && hops < CANONICAL_HOPS_MAX; hops++) {
        first = at < first ? at : first;
        at = canonical_of(g, at);
    }
    return at == n && first == n ? NULL : same;
}

/* The first heading, when it is the page's, becomes the title and leaves the text. */
static void take_title(struct crawl_document *d, struct crawl_page *p)
{
    struct str rest = STR_NONE;
    struct str first = str_cut(p->text, '\n', &rest);
    p->title = json_text(p->node->page, "title");
    if (str_starts(first, STR("# "))) {
        p->title = str_trim(str_sub(first, 2, first.n));
        p->text = rest.p ? rest : STR("");
        p->label = page_label(p->title, d->a);
    }
    if (!p->label.n) {
        p->title = p->title.n ? p->title : p->node->identity;
        p->label = page_escape(p->title, d->a);
    }
    while (str_starts(p->text, STR("\n"))) {
        p->text = str_sub(p->text, 1, p->text.n);
    }
    const struct json *tokens = json_get(p->node->page, STR("tokens"));
    p->tokens = tokens && tokens->type == JSON_INT ? tokens->i : 0;
    d->tokens += p->tokens;
}

void crawl_document_make(const struct crawl_graph *g,
                         struct str (*read)(void *ctx, const struct crawl_node *n), void *ctx,
                         struct arena *a, struct crawl_document *out)
{
    struct place *places = arena_array(a, struct place, g->count + 1);
    size_t count = order_pages(g, places);
    *out = (struct crawl_document){.a = a,
                                   .graph = g,
                                   .pages = arena_array(a, struct crawl_page, count + 1),
                                   .numbers = arena_array(a, size_t, g->count + 1)};
    for (size_t i = 0; i < count; i++) {
        const struct crawl_node *n = &g->nodes[places[i].node];
        struct str text = document_same(g, n) ? STR_NONE : read(ctx, n);
        if (text.p) {
            out->pages[out->count++] = (struct crawl_page){.node = n, .text = text};
            out->numbers[places[i].node] = out->count;
        }
    }
    document_cut_boilerplate(out);
    for (size_t i = 0; i < out->count; i++) {
        take_title(out, &out->pages[i]);
    }
}
