/* crawl_document.c: see crawl_document.h. */
#include "kinds/crawl_docs/crawl_document.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "kinds/crawl_docs/page_text.h"

#define KIND_HEADING 0 /* enum markdown_block_kind: headings and code are never boilerplate */
#define KIND_CODE    3

#define CANONICAL_HOPS_MAX 8
#define PAGE_FRAME_BYTES                                                                                     \
    400 /* of a page beside its text, about: its line of the contents, its title and its address */

static int64_t int_of(const struct json *o, const char *name)
{
    const struct json *v = json_get(o, str_from(name));
    return v && v->type == JSON_INT ? v->i : 0;
}

/* ---- blocks that many pages have */

struct block {
    uint64_t hash;
    size_t bytes;
    int kind;
};

struct blocks { /* of all pages, one behind the other; those of page i begin at starts[i] */
    struct block *items;
    size_t *starts;
};

static uint64_t hex_digit(char c)
{
    return (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "bytes:hash:kind " at *at; false: there is no more. */
static bool next_block(struct str list, size_t *at, struct block *out)
{
    size_t i = *at;
    *out = (struct block){0};
    for (; i < list.n && list.p[i] >= '0' && list.p[i] <= '9'; i++) {
        out->bytes = out->bytes * 10 + (size_t)(list.p[i] - '0');
    }
    bool has_bytes = i > *at && i < list.n && list.p[i] == ':';
    for (i++; i < list.n && list.p[i] != ':'; i++) {
        out->hash = out->hash * 16 + hex_digit(list.p[i]);
    }
    if (!has_bytes || i + 1 >= list.n || list.p[i + 1] == ' ') {
        return false;
    }
    out->kind = list.p[i + 1] - '0';
    *at = str_find_char(list, ' ', i) + 1;
    return true;
}

static size_t count_blocks(struct str list)
{
    size_t n = list.n > 0;
    for (size_t i = 0; i < list.n; i++) {
        n += list.p[i] == ' ';
    }
    return n;
}

static void read_blocks(const struct crawl_document *d, struct blocks *out)
{
    size_t room = 0;
    size_t n = 0;
    out->starts = arena_array(d->a, size_t, d->count + 1);
    for (size_t i = 0; i < d->count; i++) {
        room += count_blocks(json_text(d->pages[i].node->page, "blocks"));
    }
    out->items = arena_array(d->a, struct block, room + 1);
    for (size_t i = 0; i < d->count; i++) {
        struct str list = json_text(d->pages[i].node->page, "blocks");
        out->starts[i] = n;
        for (size_t at = 0; next_block(list, &at, &out->items[n]);) {
            n++;
        }
    }
    out->starts[d->count] = n;
}

struct tally { /* sorted by hash, then page: a page counts once */
    uint64_t hash;
    size_t page;
};

static int compare_tallies(const void *left, const void *right)
{
    const struct tally *a = left;
    const struct tally *b = right;
    int order = (a->hash > b->hash) - (a->hash < b->hash);
    return order ? order : (a->page > b->page) - (a->page < b->page);
}

static int compare_hashes(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

static bool may_be_boilerplate(const struct block *block)
{
    return block->kind != KIND_HEADING && block->kind != KIND_CODE;
}

/* The hashes of what is repeated too often, sorted. */
static size_t find_boilerplate(const struct crawl_document *d, const struct blocks *blocks, uint64_t **out)
{
    struct tally *all = arena_array(d->a, struct tally, blocks->starts[d->count] + 1);
    size_t n = 0;
    size_t found = 0;
    for (size_t i = 0; i < d->count; i++) {
        for (size_t b = blocks->starts[i]; b < blocks->starts[i + 1]; b++) {
            if (may_be_boilerplate(&blocks->items[b])) {
                all[n++] = (struct tally){blocks->items[b].hash, i};
            }
        }
    }
    qsort(all, n, sizeof *all, compare_tallies);
    *out = arena_array(d->a, uint64_t, n + 1);
    for (size_t from = 0; from < n;) {
        size_t pages = 0;
        size_t to = from;
        for (; to < n && all[to].hash == all[from].hash; to++) {
            pages += to == from || all[to].page != all[to - 1].page;
        }
        if (pages * 100 >= d->count * CRAWL_BOILERPLATE_PERCENT) {
            (*out)[found++] = all[from].hash;
        }
        from = to;
    }
    return found;
}

static void cut_page(struct crawl_document *d, struct crawl_page *page, const struct block *blocks,
                     size_t block_count, const uint64_t *hashes, size_t count)
{
    struct buf b = BUF_LIMIT(page->text.n + 1);
    size_t at = 0;
    for (size_t i = 0; i < block_count; i++) {
        bool is_repeated = may_be_boilerplate(&blocks[i]) &&
                           bsearch(&blocks[i].hash, hashes, count, sizeof *hashes, compare_hashes);
        if (!is_repeated) {
            buf_append_str(&b, str_sub(page->text, at, at + blocks[i].bytes));
        }
        d->removed_blocks += is_repeated;
        at += blocks[i].bytes;
    }
    buf_append_str(&b, str_sub(page->text, at, page->text.n));
    page->text = arena_str(d->a, buf_str(&b));
    buf_dispose(&b);
}

static void cut_boilerplate(struct crawl_document *d)
{
    struct blocks blocks;
    uint64_t *hashes = NULL;
    if (d->count < CRAWL_BOILERPLATE_PAGES) {
        return;
    }
    read_blocks(d, &blocks);
    size_t count = find_boilerplate(d, &blocks, &hashes);
    for (size_t i = 0; i < d->count && count; i++) {
        size_t from = blocks.starts[i];
        cut_page(d, &d->pages[i], &blocks.items[from], blocks.starts[i + 1] - from, hashes, count);
    }
}

/* ---- which pages, in which order */

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

/* A page that names another one of equal content as its true address. Of those that name each other the first one stays. */
static const struct crawl_node *find_same(const struct crawl_graph *g, const struct crawl_node *n)
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
    p->tokens = int_of(p->node->page, "tokens");
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
        struct str text = find_same(g, n) ? STR_NONE : read(ctx, n);
        if (text.p) {
            out->pages[out->count++] = (struct crawl_page){.node = n, .text = text};
            out->numbers[places[i].node] = out->count;
        }
    }
    cut_boilerplate(out);
    for (size_t i = 0; i < out->count; i++) {
        take_title(out, &out->pages[i]);
    }
}

/* ---- Markdown */

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

/* ---- crawl.json */

static void put_node(const struct crawl_document *d, const struct crawl_node *n, struct json_out *w)
{
    static const char *const of_page[] = {"hash", "tokens", "quality"};
    static const char *const of_result[] = {"status", "etag", "last_modified"};
    const struct crawl_node *same = n->state == CRAWL_DONE ? find_same(d->graph, n) : NULL;
    json_object_begin(w);
    json_put_str(w, "url", n->fetch);
    json_put_int(w, "depth", n->depth);
    for (size_t i = 0; i < sizeof of_result / sizeof *of_result; i++) {
        const struct json *v = json_get(n->result, str_from(of_result[i]));
        if (v && v->raw.n > 2) {
            json_put_raw(w, of_result[i], v->raw);
        }
    }
    if (n->state == CRAWL_FAILED) {
        json_put_str(w, "error", n->code);
    }
    if (n->state == CRAWL_MOVED && n->moved_to < d->graph->count) {
        json_put_str(w, "alias_of", d->graph->nodes[n->moved_to].fetch);
    }
    if (n->state == CRAWL_DONE) {
        size_t number = d->numbers[n - d->graph->nodes];
        json_put_str(w, "title", number ? d->pages[number - 1].title : json_text(n->page, "title"));
        for (size_t i = 0; i < sizeof of_page / sizeof *of_page; i++) {
            const struct json *v = json_get(n->page, str_from(of_page[i]));
            json_put_raw(w, of_page[i], v ? v->raw : STR("null"));
        }
    }
    if (same) {
        json_put_str(w, "duplicate_of", same->fetch);
    }
    json_object_end(w);
}

static int compare_nodes(const void *left, const void *right)
{
    const struct crawl_node *const *a = left;
    const struct crawl_node *const *b = right;
    return str_compare((*a)->identity, (*b)->identity);
}

static void put_failed_lists(const struct crawl_graph *g, struct json_out *w)
{
    json_name(w, "failed_lists");
    json_array_begin(w);
    for (size_t i = 0; i < g->failed_list_count; i++) {
        json_object_begin(w);
        json_put_str(w, "url", g->failed_lists[i].url);
        json_put_str(w, "error", g->failed_lists[i].code);
        json_object_end(w);
    }
    json_array_end(w);
}

void crawl_document_json(const struct crawl_document *d, struct buf *out)
{
    const struct crawl_graph *g = d->graph;
    struct json_out w = json_writer(out);
    const struct crawl_node **nodes = arena_array(d->a, const struct crawl_node *, g->count + 1);
    for (size_t i = 0; i < g->count; i++) {
        nodes[i] = &g->nodes[i];
    }
    qsort(nodes, g->count, sizeof *nodes, compare_nodes);
    json_object_begin(&w);
    json_put_int(&w, "version", 1);
    json_put_str(&w, "site", g->nodes[g->seed].fetch);
    json_put_int(&w, "pages", (int64_t)d->count);
    json_put_int(&w, "failed", (int64_t)g->failed);
    json_put_int(&w, "tokens", d->tokens);
    json_name(&w, "skipped");
    json_object_begin(&w);
    for (size_t i = 0; i < sizeof crawl_skip_names / sizeof *crawl_skip_names; i++) {
        if (g->skips.by_reason[i]) {
            json_put_int(&w, crawl_skip_names[i], g->skips.by_reason[i]);
        }
    }
    json_object_end(&w);
    put_failed_lists(g, &w);
    json_name(&w, "urls");
    json_array_begin(&w);
    for (size_t i = 0; i < g->count; i++) {
        put_node(d, nodes[i], &w);
    }
    json_array_end(&w);
    json_object_end(&w);
    buf_append_char(out, '\n');
}

/* ---- what has changed since the crawl before */

static bool is_gone(const struct crawl_node *n)
{
    return !n || n->state == CRAWL_MOVED ||
           (n->state == CRAWL_FAILED &&
            (str_eq(n->code, STR("http_404")) || str_eq(n->code, STR("http_410")) ||
             str_starts(n->code, STR("redirect_"))));
}

static bool has_changed(const struct crawl_node *n)
{
    const struct json *before = json_get(json_get(n->record, STR("result")), STR("page"));
    return !str_eq(json_text(before, "hash"), json_text(n->page, "hash"));
}

static int compare_texts(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

static void put_sorted(const char *name, struct str *list, size_t count, struct json_out *w)
{
    qsort(list, count, sizeof *list, compare_texts);
    json_name(w, name);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, list[i]);
    }
    json_array_end(w);
}

void crawl_document_changes(const struct crawl_graph *g, struct arena *a, struct crawl_changes *counts,
                            struct buf *out)
{
    struct str *added = arena_array(a, struct str, g->count + 1);
    struct str *changed = arena_array(a, struct str, g->count + 1);
    struct str *removed = arena_array(a, struct str, g->record_count + 1);
    struct json_out w = json_writer(out);
    *counts = (struct crawl_changes){0};
    for (size_t i = 0; i < g->count; i++) {
        const struct crawl_node *n = &g->nodes[i];
        if (n->state != CRAWL_DONE) {
            continue;
        }
        if (!n->record) {
            added[counts->added++] = n->fetch;
        } else if (!n->is_unchanged && has_changed(n)) {
            changed[counts->changed++] = n->fetch;
        } else {
            counts->unchanged++;
        }
    }
    for (size_t i = 0; i < g->record_count; i++) {
        struct str url = json_text(g->record_list[i], "url");
        if (is_gone(crawl_graph_node(g, url))) {
            removed[counts->removed++] = url;
        }
    }
    json_object_begin(&w);
    put_sorted("added", added, (size_t)counts->added, &w);
    put_sorted("changed", changed, (size_t)counts->changed, &w);
    put_sorted("removed", removed, (size_t)counts->removed, &w);
    json_put_int(&w, "unchanged", counts->unchanged);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
