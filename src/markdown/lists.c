/* lists.c: ul, ol and dl. An item is a box whose mark stands before its first block. A term with its text is an item, too:
 * indented by anything else, the second level would be code. */
#include "markdown/render.h"

#include <string.h>

#define NUMBER_MAX 999999999 /* as CommonMark */

static struct list *top(struct render *r)
{
    size_t n = r->list_count < LISTS_MAX ? r->list_count : LISTS_MAX;

    return n > 0 ? &r->lists[n - 1] : NULL;
}

static bool is_list(enum tag t)
{
    return t == TAG_UL || t == TAG_OL || t == TAG_MENU || t == TAG_DL;
}

/* <div class="ulist"><ul>: as if the list stood there itself. */
static bool holds_list(const struct page *p, uint32_t i)
{
    for (uint32_t k = i + 1; k < p->nodes[i].end && k < i + 4; k++) {
        if (p->nodes[k].tag != TAG_TEXT) {
            return is_list((enum tag)p->nodes[k].tag);
        }
    }
    return false;
}

/* True when an item is more than a line and lists below it. */
static bool item_is_loose(const struct page *p, uint32_t item)
{
    size_t units = 0;
    bool in_text = false;

    for (uint32_t i = item + 1; i < p->nodes[item].end; i = p->nodes[i].end) {
        const struct node *n = &p->nodes[i];
        bool is_block = n->tag != TAG_TEXT && tag_has((enum tag)n->tag, TAG_IS_BLOCK);
        if (n->flags & NODE_IS_DROPPED) {
            continue;
        }
        if (is_list((enum tag)n->tag) || (n->tag == TAG_DIV && holds_list(p, i))) {
            in_text = false;
        } else if (is_block) {
            units++;
            in_text = false;
        } else if (!in_text && (n->tag != TAG_TEXT || str_trim(page_text(p, i)).n)) {
            units++;
            in_text = true;
        }
    }
    return units > 1;
}

static bool list_is_loose(const struct page *p, uint32_t list)
{
    for (uint32_t i = list + 1; i < p->nodes[list].end; i = p->nodes[i].end) {
        if (p->nodes[i].tag == TAG_LI && item_is_loose(p, i)) {
            return true;
        }
    }
    return false;
}

static long start_of(const struct page *p, uint32_t i)
{
    int64_t n = 1;

    return str_to_i64(str_trim(page_attribute(p, i, ATTR_START)), &n) && n >= 0 && n <= NUMBER_MAX ? (long)n
                                                                                                   : 1;
}

static bool is_begun(const struct writer *w)
{
    return w->depth == 0 || w->depth > WRITER_BOXES_MAX || w->boxes[w->depth - 1].is_begun;
}

/* Its items are those of the deepest list that is kept. */
static void enter_counted_list(struct render *r, uint32_t i)
{
    render_flush(r);
    writer_open_group(&r->writer, MARKDOWN_LIST);
    r->was_list = false;
    r->list_count++;
    render_push(r, i, LEAVE_LIST);
}

static void enter_list(struct render *r, uint32_t i)
{
    const struct page *p = r->page;
    enum tag tag = (enum tag)p->nodes[i].tag;
    struct list *outer = top(r);
    uint32_t parent = p->nodes[i].parent;
    struct list l = {.kind = tag == TAG_OL   ? LIST_NUMBERS
                             : tag == TAG_DL ? LIST_TERMS
                                             : LIST_BULLETS,
                     .number = start_of(p, i)};

    render_flush(r);
    l.is_loose = l.kind == LIST_TERMS || list_is_loose(p, i);
    l.mark = l.kind == LIST_NUMBERS ? '.' : '-';
    if (r->was_list &&
        (r->last_list.kind == LIST_NUMBERS) == (l.kind == LIST_NUMBERS)) { /* not one list with it */
        l.mark = l.kind == LIST_NUMBERS     ? (r->last_list.mark == '.' ? ')' : '.')
                 : r->last_list.mark == '-' ? '*'
                                            : '-';
    }
    l.is_below_item =
        outer && outer->has_item && parent != NO_NODE && is_list((enum tag)p->nodes[parent].tag);
    if (l.is_below_item) {
        writer_open_box(&r->writer, outer->kind == LIST_NUMBERS ? STR("   ") : STR("  "), false);
    }
    bool is_near = outer && !outer->is_loose && !l.is_loose && (l.is_below_item || is_begun(&r->writer)) &&
                   (l.kind != LIST_NUMBERS || l.number == 1);
    if (is_near) {
        r->writer.gap = 1;
    }
    writer_open_group(&r->writer, MARKDOWN_LIST);
    r->was_list = false;
    r->lists[r->list_count++] = l;
    render_push(r, i, LEAVE_LIST);
}

static void close_item(struct render *r, struct list *l)
{
    if (l && l->has_item_box) {
        writer_close_box(&r->writer);
        l->has_item_box = false;
        r->was_list = false;
    }
}

static void leave_list(struct render *r)
{
    bool is_kept = r->list_count <= LISTS_MAX;
    struct list l = *top(r);

    render_flush(r);
    if (!is_kept) {
        r->list_count--;
        writer_close_group(&r->writer);
        return;
    }
    close_item(r, &l);
    r->list_count--;
    writer_close_group(&r->writer);
    if (l.is_below_item) {
        writer_close_box(&r->writer);
    }
    r->writer.gap = 2;
    r->was_list = l.has_item;
    r->last_list = l;
}

static void open_item(struct render *r, struct list *l)
{
    char mark[WRITER_MARK_MAX + 1];
    size_t n;

    if (l->kind == LIST_NUMBERS) {
        n = str_print(mark, sizeof mark, "%ld%c ", l->number, l->mark);
        l->number += l->number < NUMBER_MAX;
    } else {
        n = str_print(mark, sizeof mark, "%c ", l->mark);
    }
    if (l->has_item && is_begun(&r->writer)) {
        r->writer.gap = l->is_loose ? 2 : 1;
    }
    l->has_item = true;
    writer_open_box(&r->writer, (struct str){mark, n}, false);
    r->was_list = false;
}

static void enter_item(struct render *r, uint32_t i)
{
    struct list stray = {.kind = LIST_BULLETS, .mark = '-'}; /* an item of no list */
    struct list *l = top(r);
    int64_t value;

    render_flush(r);
    if (l && str_to_i64(page_attribute(r->page, i, ATTR_VALUE), &value) && value >= 0 &&
        value <= NUMBER_MAX) {
        l->number = (long)value;
    }
    open_item(r, l ? l : &stray);
    render_push(r, i, LEAVE_ITEM);
}

static bool is_signature(const struct page *p, uint32_t i)
{
    return page_has_class(p, i, STR("sig")) || page_has_class(p, i, STR("descname"));
}

static void enter_term(struct render *r, uint32_t i)
{
    struct list *l = top(r);

    render_flush(r);
    if (l && l->kind == LIST_TERMS) {
        if (!l->has_item_box || l->had_definition) {
            close_item(r, l);
            open_item(r, l);
            l->has_item_box = true;
            l->had_definition = false;
        }
    }
    inline_open_mark(&r->text, MARK_STRONG, STR_NONE);
    r->term_is_code = is_signature(r->page, i);
    if (r->term_is_code) {
        inline_open_code(&r->text);
    }
    r->is_inline = true;
    render_push(r, i, LEAVE_TERM);
}

static void leave_term(struct render *r)
{
    if (r->term_is_code) {
        inline_close_code(&r->text);
    }
    inline_close_mark(&r->text);
    r->is_inline = r->term_is_code = false;
    render_flush(r);
}

bool lists_enter(struct render *r, uint32_t i, bool *skip)
{
    enum tag tag = (enum tag)r->page->nodes[i].tag;

    (void)skip;
    if (r->table.is_open || r->is_inline) { /* one line: the items stand behind each other */
        return false;
    }
    switch (tag) {
    case TAG_UL:
    case TAG_OL:
    case TAG_MENU:
    case TAG_DL:
        if (r->list_count < LISTS_MAX) {
            enter_list(r, i);
        } else {
            enter_counted_list(r, i);
        }
        return true;
    case TAG_LI:
        enter_item(r, i);
        return true;
    case TAG_DT:
        enter_term(r, i);
        return true;
    case TAG_DD:
        render_flush(r);
        if (top(r)) {
            top(r)->had_definition = true;
        }
        render_push(r, i, LEAVE_BLOCK);
        return true;
    default:
        return false;
    }
}

void lists_leave(struct render *r, enum leave leave)
{
    switch (leave) {
    case LEAVE_LIST:
        leave_list(r);
        break;
    case LEAVE_ITEM:
        render_flush(r);
        writer_close_box(&r->writer);
        r->was_list = false;
        break;
    default:
        leave_term(r);
        break;
    }
}
