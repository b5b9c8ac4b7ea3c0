/* blocks.c: the walk. It counts up through the nodes; a stack of frames says what to do behind each element. */
#include "markdown/render.h"

#include <assert.h>

#include "markdown/escape.h"

#define PIXEL_MAX           2 /* smaller pictures count visitors */
#define PARAGRAPH_BYTES_MAX ((size_t)1 << 20)

void render_init(struct render *r, struct page *p, const struct render_options *o)
{
    r->page = p;
    r->base = o->base;
    r->url = BUF_LIMIT(o->max_text_bytes);
    r->quote_title = NO_NODE;
    r->writer.text = BUF_LIMIT(o->max_text_bytes);
    r->code = BUF_LIMIT(o->max_text_bytes);
    r->table.line = BUF_LIMIT(o->max_text_bytes);
    inline_init(&r->text, o->max_text_bytes);
}

void render_dispose(struct render *r)
{
    writer_dispose(&r->writer);
    inline_dispose(&r->text);
    buf_dispose(&r->url);
    buf_dispose(&r->code);
    buf_dispose(&r->table.line);
}

void render_push(struct render *r, uint32_t node, enum leave leave)
{
    assert(r->frame_count < FRAMES_MAX);
    r->frames[r->frame_count++] = (struct frame){r->page->nodes[node].end, leave};
}

static void put_block(struct render *r, enum markdown_block_kind kind, struct str prefix)
{
    struct writer *w = &r->writer;
    struct str lines = inline_take(&r->text);

    if (lines.n > 0) {
        writer_begin(w, kind);
        writer_put(w, prefix);
        writer_put_lines(w, lines, r->heading ? escape_heading_trouble : escape_line_trouble);
        writer_end(w);
        r->was_list = false;
    }
    inline_clear(&r->text);
}

void render_flush(struct render *r)
{
    if (r->table.is_open || r->is_inline) {
        if (!inline_is_empty(&r->text)) {
            inline_put_break(&r->text);
        }
    } else if (!inline_is_empty(&r->text)) {
        put_block(r, MARKDOWN_PARAGRAPH, STR(""));
    } else {
        inline_clear(&r->text);
    }
}

static void leave_heading(struct render *r)
{
    static const struct str marks = {"###### ", 7};

    r->writer.next_level = r->heading;
    put_block(r, MARKDOWN_HEADING, str_sub(marks, 6 - (size_t)r->heading, marks.n));
    r->heading = 0;
    r->is_inline = r->text.is_heading = false;
}

static void enter_heading(struct render *r, uint32_t i)
{
    if (r->table.is_open || r->is_inline) { /* of a cell, a term, another heading */
        render_flush(r);
        inline_open_mark(&r->text, MARK_STRONG, STR_NONE);
        render_push(r, i, LEAVE_MARK);
        return;
    }
    render_flush(r);
    r->heading = r->page->nodes[i].tag - TAG_H1 + 1;
    r->is_inline = r->text.is_heading = true;
    render_push(r, i, LEAVE_HEADING);
}

static bool is_pixel(const struct page *p, uint32_t i)
{
    struct str width = page_attribute(p, i, ATTR_WIDTH);
    struct str height = page_attribute(p, i, ATTR_HEIGHT);
    int64_t w = PIXEL_MAX + 1;
    int64_t h = PIXEL_MAX + 1;

    return (str_to_i64(width, &w) && w <= PIXEL_MAX) || (str_to_i64(height, &h) && h <= PIXEL_MAX);
}

static void put_image(struct render *r, uint32_t i)
{
    const struct page *p = r->page;
    struct str alt = str_trim(page_attribute(p, i, ATTR_ALT));
    struct str address = page_attribute(p, i, ATTR_SRC);

    if (is_pixel(p, i)) {
        return;
    }
    if (!address.n || str_starts(address, STR("data:"))) { /* it comes when somebody scrolls there */
        struct str later = page_attribute(p, i, ATTR_DATA_SRC);
        address = later.n ? later : address;
    }
    struct str url = address.n ? url_resolve(&r->base, address, URL_IMAGE, &r->url) : STR_NONE;
    if (url.n && r->text.code_depth == 0) {
        inline_put_image(&r->text, alt, url);
    } else if (alt.n) {
        inline_put_text(&r->text, alt);
    }
}

static void enter_link(struct render *r, uint32_t i)
{
    struct str href = page_attribute(r->page, i, ATTR_HREF);
    struct str url = href.p ? url_resolve(&r->base, href, URL_LINK, &r->url) : STR_NONE;

    inline_open_mark(&r->text, url.n && !r->term_is_code ? MARK_LINK : MARK_NONE, url);
    render_push(r, i, LEAVE_MARK);
}

static enum mark_kind mark_of(enum tag t)
{
    switch (t) {
    case TAG_B:
    case TAG_STRONG:
        return MARK_STRONG;
    case TAG_I:
    case TAG_EM:
    case TAG_VAR:
    case TAG_CITE:
    case TAG_DFN:
        return MARK_EM;
    case TAG_DEL:
    case TAG_S:
    case TAG_STRIKE:
        return MARK_DEL;
    case TAG_KBD:
        return MARK_KBD;
    case TAG_SUB:
        return MARK_SUB;
    case TAG_SUP:
        return MARK_SUP;
    default:
        return MARK_NONE;
    }
}

static void enter_inline(struct render *r, uint32_t i)
{
    enum tag tag = (enum tag)r->page->nodes[i].tag;
    enum mark_kind mark = mark_of(tag);

    if (tag == TAG_A) {
        enter_link(r, i);
    } else if (tag == TAG_IMG) {
        put_image(r, i);
    } else if (tag == TAG_BR) {
        inline_put_break(&r->text);
    } else if (tag == TAG_INPUT) { /* a checkbox; the others are dropped */
        inline_put_checkbox(&r->text, page_attribute(r->page, i, ATTR_CHECKED).p != NULL);
    } else if (tag == TAG_Q) {
        inline_put_text(&r->text, STR("\""));
        render_push(r, i, LEAVE_QUOTED);
    } else if (tag_has(tag, TAG_IS_CODE)) {
        inline_open_code(&r->text);
        render_push(r, i, LEAVE_CODE);
    } else if (mark != MARK_NONE) {
        inline_open_mark(&r->text, mark, STR_NONE);
        render_push(r, i, LEAVE_MARK);
    }
}

static void put_rule(struct render *r)
{
    render_flush(r);
    if (!r->table.is_open && !r->is_inline && r->writer.text.n > 0) {
        writer_begin(&r->writer, MARKDOWN_RULE);
        writer_put(&r->writer, STR("---"));
        writer_end(&r->writer);
        r->was_list = false;
    }
}

/* Returns true when the walk goes on behind the element. */
static bool enter(struct render *r, uint32_t i)
{
    enum tag tag = (enum tag)r->page->nodes[i].tag;
    bool skip = false;

    if (i == r->quote_title) {
        render_flush(r);
        inline_open_mark(&r->text, MARK_STRONG, STR_NONE);
        r->is_inline = true;
        render_push(r, i, LEAVE_TITLE);
    } else if (tag_is_heading(tag)) {
        enter_heading(r, i);
    } else if (page_is_code(r->page, i) && !r->is_inline && !r->table.is_open) {
        code_put(r, i);
        return true;
    } else if (tag == TAG_HR) {
        put_rule(r);
    } else if (quotes_enter(r, i, &skip) || lists_enter(r, i, &skip) || tables_enter(r, i, &skip)) {
        return skip;
    } else if (tag_has(tag, TAG_IS_BLOCK)) {
        render_flush(r);
        render_push(r, i, LEAVE_BLOCK);
    } else {
        enter_inline(r, i);
    }
    return false;
}

static void leave(struct render *r, enum leave what)
{
    switch (what) {
    case LEAVE_NOTHING:
        break;
    case LEAVE_BLOCK:
        render_flush(r);
        break;
    case LEAVE_MARK:
        inline_close_mark(&r->text);
        break;
    case LEAVE_CODE:
        inline_close_code(&r->text);
        break;
    case LEAVE_QUOTED:
        inline_put_text(&r->text, STR("\""));
        break;
    case LEAVE_HEADING:
        leave_heading(r);
        break;
    case LEAVE_LIST:
    case LEAVE_ITEM:
    case LEAVE_TERM:
        lists_leave(r, what);
        break;
    case LEAVE_QUOTE:
    case LEAVE_TITLE:
        quotes_leave(r, what);
        break;
    default:
        tables_leave(r, what);
        break;
    }
}

static void leave_all(struct render *r, uint32_t at)
{
    while (r->frame_count > 0 && r->frames[r->frame_count - 1].end <= at) {
        leave(r, r->frames[--r->frame_count].leave);
    }
}

/* A paragraph without end is cut, so that it is not there twice. */
static void cut_paragraph(struct render *r)
{
    if (r->text.text.n + r->text.code.n > PARAGRAPH_BYTES_MAX && !r->table.is_open) {
        put_block(r, MARKDOWN_PARAGRAPH, STR(""));
    }
}

static void put_text(struct render *r, struct str text)
{
    while (text.n > 0) {
        inline_put_text(&r->text, escape_cut(&text));
        cut_paragraph(r);
    }
}

void render_node(struct render *r, uint32_t node)
{
    const struct page *p = r->page;
    uint32_t end = node == NO_NODE ? 0 : p->nodes[node].end;

    for (uint32_t i = node; i < end && !r->writer.text.overflowed;) {
        const struct node *n = &p->nodes[i];
        leave_all(r, i);
        if (n->tag == TAG_TEXT) {
            put_text(r, page_text(p, i));
            i++;
        } else if (n->flags & NODE_IS_DROPPED) {
            i = n->end;
        } else {
            cut_paragraph(r);
            i = enter(r, i) ? n->end : i + 1;
        }
    }
    leave_all(r, UINT32_MAX);
    render_flush(r);
}
