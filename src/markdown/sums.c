/* sums.c: sums of text before each node; of links a list, because most nodes are none. */
#include "markdown/sums.h"

#include "markdown/words.h"

/* All that the text is in has text: up to where somebody has said so. */
static void mark_text(struct page *p, uint32_t text, bool has_letters)
{
    uint32_t i = p->nodes[text].parent;

    if (!has_letters && !str_trim(page_text(p, text)).n) {
        return;
    }
    for (; i != NO_NODE && !(p->nodes[i].flags & NODE_HAS_TEXT); i = p->nodes[i].parent) {
        p->nodes[i].flags |= NODE_HAS_TEXT;
    }
}

static void add_link(struct sums *s, uint32_t end)
{
    uint32_t before = s->link_count ? s->links[s->link_count - 1].bytes : 0;

    if (s->link_count == s->link_capacity) {
        s->link_capacity = s->link_capacity ? 2 * s->link_capacity : 256;
        s->links = mem_grow(s->links, s->link_capacity * sizeof *s->links);
    }
    s->links[s->link_count++] = (struct sums_link){end, before};
}

void sums_leave_out(struct sums *s, struct page *p)
{
    uint32_t dropped_end = 0;
    uint32_t link_end = 0;
    uint32_t before = 0; /* as it was */

    s->link_count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct node *n = &p->nodes[i];
        uint32_t here = i >= dropped_end ? s->before[i + 1] - before : 0;
        if (n->tag != TAG_TEXT) {
            n->flags &= (uint8_t)~NODE_HAS_TEXT;
        } else if (i >= dropped_end) {
            mark_text(p, i, here > 0);
        }
        if (i >= dropped_end && (n->flags & NODE_IS_DROPPED)) {
            dropped_end = n->end;
        } else if (i >= link_end && n->tag == TAG_A) {
            link_end = n->end;
            add_link(s, link_end);
        }
        before = s->before[i + 1];
        s->before[i + 1] = s->before[i] + here;
        if (i < link_end) {
            s->links[s->link_count - 1].bytes += here;
        }
    }
}

struct sums sums_new(struct page *p)
{
    struct sums s = {.before = mem_alloc(((size_t)p->count + 1) * sizeof *s.before)};

    for (uint32_t i = 0; i < p->count; i++) {
        bool is_text = p->nodes[i].tag == TAG_TEXT;
        s.before[i + 1] = s.before[i] + (is_text ? (uint32_t)words_count_letters(page_text(p, i)) : 0);
    }
    sums_leave_out(&s, p);
    return s;
}

void sums_dispose(struct sums *s)
{
    mem_free(s->before);
    mem_free(s->links);
}

uint32_t sums_between(const struct sums *s, uint32_t from, uint32_t end)
{
    return s->before[end] - s->before[from];
}

/* In links that end before node i. */
static uint32_t links_before(const struct sums *s, uint32_t i)
{
    size_t from = 0;
    size_t to = s->link_count;

    while (from < to) { /* the first that ends behind it */
        size_t mid = (from + to) / 2;
        if (s->links[mid].end <= i) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from > 0 ? s->links[from - 1].bytes : 0;
}

uint32_t sums_links_between(const struct sums *s, uint32_t from, uint32_t end)
{
    return links_before(s, end) - links_before(s, from);
}

uint32_t sums_of(const struct sums *s, const struct page *p, uint32_t node)
{
    return sums_between(s, node, p->nodes[node].end);
}

uint32_t sums_links_of(const struct sums *s, const struct page *p, uint32_t node)
{
    uint32_t links = sums_links_between(s, node, p->nodes[node].end);
    uint32_t all = sums_of(s, p, node);

    return links < all ? links : all; /* a node in a link may end with it */
}
