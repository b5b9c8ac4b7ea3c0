/* document_boilerplate.c: blocks that many pages have are no content of theirs and leave the document. */
#include <stdlib.h>

#include "kinds/crawl_docs/document_parts.h"

#define KIND_HEADING 0 /* enum markdown_block_kind: headings and code are never boilerplate */
#define KIND_CODE    3

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

void document_cut_boilerplate(struct crawl_document *d)
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
