/* document_markdown.c: the document, or a part of it, as Markdown; and llms.txt, which lists its pages. */
#include <endian.h>
#include <string.h>

#include "kinds/crawl_docs/crawl_document.h"
#include "kinds/crawl_docs/page_text.h"

#define PAGE_FRAME_BYTES                                                                                     \
    400 /* of a page beside its text, about: its line of the contents, its title and its address */

struct writing {
    const struct crawl_document *d;
    size_t from, to; /* the part's pages: links to those of other parts keep their addresses */
    struct str url;  /* of the page */
    struct buf *out;
};

/* The page of this part that an address leads to: its place in the document, 0 = none. What Markdown of the host's own writes without a host becomes
 * whole here; what we have made of HTML is whole already. */
static size_t place_of(const struct writing *w, struct str *address)
{
    struct url whole;
    if (!str_starts(*address, STR("http"))) {
        if (!address->n || address->p[0] == '#' || url_join(w->url, *address, w->d->a, &whole, NULL)) {
            return 0;
        }
        *address = url_text(&whole, w->d->a);
    }
    const struct crawl_node *n = crawl_graph_find(w->d->graph, *address);
    size_t number = n ? w->d->numbers[n - w->d->graph->nodes] : 0;
    return number > w->from && number <= w->to ? number : 0;
}

/* A target behind "](": a page of the document becomes its anchor. Returns the end of the target. */
static size_t put_target(const struct writing *w, struct str line, size_t from)
{
    bool is_bracketed = from < line.n && line.p[from] == '<';
    size_t end = from + is_bracketed;
    while (end < line.n && line.p[end] != (is_bracketed ? '>' : ')') && line.p[end] != ' ') {
        end++;
    }
    struct str address = str_sub(line, from + is_bracketed, end);
    size_t number = place_of(w, &address);
    if (number) {
        buf_printf(w->out, "#page-%zu", number);
    } else {
        buf_append_c(w->out, is_bracketed ? "<" : "");
        buf_append_str(w->out, address);
        buf_append_c(w->out, is_bracketed && end < line.n ? ">" : "");
    }
    return end + (is_bracketed && end < line.n);
}

#define EACH_BYTE(b) (0x0101010101010101ULL * (unsigned char)(b))

/* Not zero: a byte of the word is this one; the lowest of its bits tells the first. */
static uint64_t has_byte(uint64_t word, char c)
{
    uint64_t rest = word ^ EACH_BYTE(c);
    return (rest - EACH_BYTE(1)) & ~rest & EACH_BYTE(0x80);
}

/* Behind what has neither a target nor code nor an escape in it: nearly all of a line. `at` may be behind its end: what a backslash
 * there would escape. */
static size_t skip_plain(struct str line, size_t at)
{
    for (; at + 8 <= line.n; at += 8) {
        uint64_t word;
        memcpy(&word, line.p + at, sizeof word);
        word = le64toh(word);
        uint64_t hits = has_byte(word, ']') | has_byte(word, '`') | has_byte(word, '\\');
        if (hits) {
            return at + ((size_t)__builtin_ctzll(hits) >> 3);
        }
    }
    while (at < line.n && line.p[at] != ']' && line.p[at] != '`' && line.p[at] != '\\') {
        at++;
    }
    return at;
}

static void put_line(const struct writing *w, struct str line)
{
    size_t kept = 0;
    for (size_t at = skip_plain(line, 0); at < line.n; at = skip_plain(line, at)) {
        bool is_target = line.p[at] == ']' && at + 1 < line.n && line.p[at + 1] == '(';
        if (is_target) {
            buf_append_str(w->out, str_sub(line, kept, at + 2));
            at = kept = put_target(w, line, at + 2);
        } else if (line.p[at] == '`') {
            at = page_code_end(line, at);
        } else {
            at += line.p[at] == '\\' ? 2 : 1;
        }
    }
    buf_append_str(w->out, str_sub(line, kept, line.n));
    buf_append_char(w->out, '\n');
}

static size_t run_of(struct str line, char c)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == c) {
        n++;
    }
    return n;
}

/* Headings one level down, links to pages of the document as anchors; code as it is. */
static void put_text(const struct writing *w, struct str text)
{
    struct page_fence fence = {0};
    for (struct str rest = text; rest.p && rest.n;) {
        struct str line = str_cut(rest, '\n', &rest);
        if (page_fence_take(&fence, line)) {
            buf_append_str(w->out, line);
            buf_append_char(w->out, '\n');
        } else {
            size_t level = run_of(line, '#');
            bool is_heading = level > 0 && level < 6 && level < line.n && line.p[level] == ' ';
            buf_append_c(w->out, is_heading ? "#" : "");
            put_line(w, line);
        }
    }
}

static void put_front(const struct crawl_document *d, size_t from, size_t to, struct buf *out)
{
    const struct crawl_graph *g = d->graph;
    int64_t tokens = 0;
    for (size_t i = from; i < to; i++) {
        tokens += d->pages[i].tokens;
    }
    buf_printf(out, "---\nsite: %.*s\npages: %zu\ntokens: %lld\nfailed: %zu\n",
               STR_ARG(g->nodes[g->seed].fetch), to - from, (long long)tokens, g->failed);
    if (to - from < d->count) {
        buf_printf(out, "part: pages %zu to %zu of %zu\n", from + 1, to, d->count);
    }
    buf_append_c(out, "---\n\n# Contents\n\n");
    for (size_t i = from; i < to; i++) {
        buf_printf(out, "- [%.*s](#page-%zu)\n", STR_ARG(d->pages[i].label), i + 1);
    }
}

/* At once, and not copied again and again while it grows. */
static void make_room(const struct crawl_document *d, size_t from, size_t to, struct buf *out)
{
    size_t bytes = 0;
    for (size_t i = from; i < to; i++) {
        bytes += d->pages[i].text.n + PAGE_FRAME_BYTES;
    }
    if (bytes < out->max - out->n) {
        (void)buf_reserve(out, bytes);
    }
}

void crawl_document_write(const struct crawl_document *d, size_t *next, int64_t max_tokens, struct buf *out)
{
    size_t from = *next;
    size_t to = from;
    int64_t tokens = 0;
    while (to < d->count && (to == from || !max_tokens || tokens + d->pages[to].tokens <= max_tokens)) {
        tokens += d->pages[to++].tokens;
    }
    make_room(d, from, to, out);
    put_front(d, from, to, out);
    for (size_t i = from; i < to; i++) {
        const struct crawl_page *p = &d->pages[i];
        const struct writing w = {d, from, to, p->node->fetch, out};
        buf_printf(out, "\n<a id=\"page-%zu\"></a>\n\n## %.*s\n\nSource: <%.*s>\n\n", i + 1,
                   STR_ARG(p->label), STR_ARG(p->node->fetch));
        put_text(&w, p->text);
    }
    *next = to;
}

void crawl_document_llms_txt(const struct crawl_document *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct crawl_page *p = &d->pages[i];
        if (i == 0) {
            buf_printf(out, "# %.*s\n\n## Pages\n\n", STR_ARG(p->label));
        }
        bool has_brackets = str_find_char(p->node->fetch, '(', 0) < p->node->fetch.n ||
                            str_find_char(p->node->fetch, ')', 0) < p->node->fetch.n;
        buf_printf(out, has_brackets ? "- [%.*s](<%.*s>)\n" : "- [%.*s](%.*s)\n", STR_ARG(p->label),
                   STR_ARG(p->node->fetch));
    }
}
