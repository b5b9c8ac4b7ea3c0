/* markdown.c: the way of a page: bytes, characters, nodes, what is content of them, text. */
#include "markdown/markdown.h"

#include <string.h>

#include "markdown/boiler.h"
#include "markdown/charset.h"
#include "markdown/meta.h"
#include "markdown/render.h"
#include "markdown/root.h"
#include "markdown/select.h"
#include "markdown/words.h"

#define TEXT_USUAL_MAX   ((size_t)28 << 20)
#define TEXT_DEFAULT_MAX ((size_t)32 << 20)
#define FEW_WORDS        15 /* a page that scripts make says no more than "Loading…" */

void markdown_prepare(void)
{
    mem_keep_some();
    charset_prepare();
    page_prepare();
}

struct choice {
    struct page *page;
    uint32_t first;
};

static void choose(void *ctx, uint32_t node)
{
    struct choice *c = ctx;

    if (c->first == NO_NODE) {
        c->first = node;
    }
}

static void drop(void *ctx, uint32_t node)
{
    struct choice *c = ctx;

    c->page->nodes[node].flags |= NODE_IS_DROPPED;
}

struct selectors {
    struct selector *root;
    struct selector *removals[MARKDOWN_SELECTORS_MAX];
    struct asked_attributes asked;
};

static enum rc parse_selector(struct str css, struct arena *a, struct selectors *all, struct selector **out,
                              struct err *e)
{
    if (css.n > MARKDOWN_SELECTOR_BYTES) {
        return err_set_code(e, RC_INVALID, "bad_selector", NULL, "a selector of more than %d bytes",
                            MARKDOWN_SELECTOR_BYTES);
    }
    return select_parse(css, &all->asked, a, out, e);
}

static enum rc parse_selectors(const struct markdown_options *o, struct arena *a, struct selectors *out,
                               struct err *e)
{
    enum rc rc = RC_OK;

    if (o->removal_count > MARKDOWN_SELECTORS_MAX) {
        return err_set_code(e, RC_INVALID, "bad_selector", NULL, "more than %d selectors",
                            MARKDOWN_SELECTORS_MAX);
    }
    if (o->selector.n) {
        rc = parse_selector(o->selector, a, out, &out->root, e);
    }
    for (size_t i = 0; !rc && i < o->removal_count; i++) {
        rc = parse_selector(o->removals[i], a, out, &out->removals[i], e);
    }
    return rc;
}

/* Marks what is dropped, and finds the content. */
static void find_content(struct page *p, const struct selectors *s, size_t removal_count, struct root *root)
{
    struct choice c = {.page = p, .first = NO_NODE};

    struct sums sums = boiler_mark(p);
    if (s->root) {
        select_run(s->root, p, choose, &c);
    }
    for (uint32_t i = c.first; i != NO_NODE; i = p->nodes[i].parent) { /* who asks for the menu gets it */
        p->nodes[i].flags &= (uint8_t)~NODE_IS_DROPPED;
    }
    for (size_t i = 0; i < removal_count; i++) {
        select_run(s->removals[i], p, drop, &c);
    }
    root_find(p, &sums, c.first, root);
    sums_dispose(&sums);
}

/* The elements that applications draw themselves into. */
static bool has_mount(const struct page *p)
{
    static const char *const ids[] = {"root",      "app",    "__next",     "__nuxt",
                                      "___gatsby", "svelte", "react-root", "app-root"};

    for (uint32_t i = 0; i < p->count; i++) {
        struct str id = p->nodes[i].tag == TAG_TEXT ? STR_NONE : page_attribute(p, i, ATTR_ID);
        for (size_t k = 0; id.n && k < sizeof ids / sizeof ids[0]; k++) {
            if (str_eq(id, str_from(ids[k]))) {
                return true;
            }
        }
    }
    return false;
}

static int quality_of(const struct root *root, size_t words, size_t garbled)
{
    uint64_t links = root->text_bytes ? 100 * (uint64_t)root->link_bytes / root->text_bytes : 100;
    uint64_t share = root->page_bytes ? 100 * (uint64_t)root->text_bytes / root->page_bytes : 0;
    int quality = 100;

    if (words == 0) {
        return 0;
    }
    quality -= words < 200 ? (int)(40 - words / 5) : 0;
    quality -= links > 30 ? (int)((links - 30) / 2) : 0;
    quality -= share < 60 ? (int)((60 - share) / 3) : 0;
    quality -= garbled > 40 ? 40 : (int)garbled;
    return quality > 1 ? quality : 1;
}

/* The title outside the content is rendered before it. */
static void render(struct render *r, struct page *p, const struct root *root, const struct render_options *o)
{
    render_init(r, p, o);
    render_node(r, root->title);
    render_node(r, root->node);
    writer_finish(&r->writer);
}

static size_t count_words(const struct writer *w)
{
    size_t words = 0;

    for (size_t i = 0; i < w->block_count; i++) {
        words += w->blocks[i].words;
    }
    return words;
}

/* Text and blocks of the page; what they are copied from goes at once, because both are large. */
static enum rc take_text(struct render *r, size_t max_bytes, struct arena *a, struct markdown_page *out,
                         struct err *e)
{
    struct writer *w = &r->writer;

    if (w->text.overflowed || r->text.text.overflowed || r->code.overflowed || r->table.line.overflowed) {
        return err_set_code(e, RC_TOO_BIG, "too_large", NULL, "the Markdown is larger than %zu bytes",
                            max_bytes);
    }
    out->text = buf_give(&w->text, a);
    struct markdown_block *blocks = arena_array(a, struct markdown_block, w->block_count + 1);
    if (w->block_count > 0) {
        memcpy(blocks, w->blocks, w->block_count * sizeof *blocks);
    }
    out->blocks = blocks;
    out->block_count = w->block_count;
    return RC_OK;
}

/* All of the page but its text, as long as there is a page. */
static void read_around(struct page *p, const struct url_base *base, const struct charset_text *t,
                        struct arena *a, struct markdown_page *out)
{
    meta_read(p, base, a, out);
    meta_list_links(p, base, a, out);
    out->charset = t->charset;
    out->needs_js = p->script_count > 0;
}

static void measure(bool has_mount, const struct root *root, const struct charset_text *t,
                    struct markdown_page *out)
{
    out->tokens = words_tokens(out->text);
    out->needs_js = out->needs_js && (out->words == 0 || has_mount);
    out->quality = out->needs_js ? 0 : quality_of(root, out->words, t->garbled_count);
}

static size_t text_limit(const struct markdown_options *o, size_t page_bytes)
{
    if (o->max_text_bytes) {
        return o->max_text_bytes;
    }
    return page_bytes > TEXT_USUAL_MAX / 2 ? TEXT_DEFAULT_MAX : TEXT_USUAL_MAX;
}

/* `owner`, if there is one, has the memory of html. */
static enum rc read_text(struct str html, struct buf *owner, const struct markdown_options *o,
                         struct charset_text *t, struct page *p, struct err *e)
{
    enum rc rc = charset_read(html, o->content_type, t, e);

    if (!rc && owner && t->own.p) {
        buf_dispose(owner);
    }
    if (!rc) {
        page_read(p, t->utf8);
        t->utf8 = (struct str){NULL, t->utf8.n};
        buf_dispose(&t->own);
    }
    if (!rc && owner) {
        buf_dispose(owner);
    }
    return rc;
}

static enum rc convert(struct str html, struct buf *owner, const struct markdown_options *o, struct arena *a,
                       struct markdown_page *out, struct err *e)
{
    struct selectors selectors = {0};
    struct charset_text text = {.charset = ""};
    struct page page = {0};
    struct root root;
    struct markdown_page m = {.language = STR(""), .description = STR("")};
    struct arena *scratch = arena_new();
    struct render *r = mem_alloc(sizeof *r);
    enum rc rc;

    if (html.n > MARKDOWN_HTML_MAX_BYTES) {
        rc = err_set_code(e, RC_TOO_BIG, "too_large", NULL, "a page of more than %zu bytes",
                          MARKDOWN_HTML_MAX_BYTES);
        goto out;
    }
    rc = parse_selectors(o, scratch, &selectors, e);
    if (rc) {
        goto out;
    }
    page.asked = selectors.asked;
    rc = read_text(html, owner, o, &text, &page, e);
    if (rc) {
        goto out;
    }
    find_content(&page, &selectors, o->removal_count, &root);
    struct url_base base = meta_base(&page, o->url, scratch);
    struct render_options options = {base, text_limit(o, text.utf8.n)};
    render(r, &page, &root, &options);
    read_around(&page, &base, &text, a, &m);
    m.words = count_words(&r->writer);
    bool is_mounted = m.needs_js && m.words < FEW_WORDS && has_mount(&page);
    page_dispose(&page);
    rc = take_text(r, options.max_text_bytes, a, &m, e);
    if (rc) {
        goto out;
    }
    measure(is_mounted, &root, &text, &m);
    *out = m;
out:
    render_dispose(r);
    mem_free(r);
    page_dispose(&page);
    arena_free(scratch);
    return rc;
}

enum rc markdown_convert(struct str html, const struct markdown_options *o, struct arena *a,
                         struct markdown_page *out, struct err *e)
{
    return convert(html, NULL, o, a, out, e);
}

enum rc markdown_convert_buf(struct buf *html, const struct markdown_options *o, struct arena *a,
                             struct markdown_page *out, struct err *e)
{
    return convert(buf_str(html), html, o, a, out, e);
}
