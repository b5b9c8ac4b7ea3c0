/* tables.c: tables of data become GFM tables; what only arranges a page is taken apart, and a table of one column or one row
 * becomes its paragraphs. */
#include "markdown/render.h"

#include <string.h>

#include "markdown/words.h"

#define CELL_BYTES_MAX      6000 /* who puts more into a cell, in so many elements, arranges a page */
#define CELL_NODES_MAX      100
#define LONG_CELL_BYTES_MAX ((size_t)64 << 10) /* in how few ever */
#define ROW_NODES_MAX       200
#define SPAN_MAX            255
#define EMPTY_CELLS_MAX     8 /* at the end of a row; GFM adds what is missing */

struct shape {
    size_t rows, columns;
    bool has_blocks; /* headings, code, tables: what stands in no cell of GFM */
    bool has_long_cell;
};

static size_t span_of(const struct page *p, uint32_t i, enum attribute name)
{
    int64_t n = 1;

    return str_to_i64(str_trim(page_attribute(p, i, name)), &n) && n > 0
               ? (size_t)(n < SPAN_MAX ? n : SPAN_MAX)
               : 1;
}

static void measure(const struct page *p, uint32_t table, struct shape *s)
{
    size_t columns = 0;
    size_t cell_bytes = 0;
    size_t cell_max = 0;
    uint32_t cell_end = 0; /* of the last one that is in none */

    for (uint32_t i = table + 1; i < p->nodes[table].end && !s->has_blocks;) {
        const struct node *n = &p->nodes[i];
        enum tag tag = (enum tag)n->tag;
        if (n->flags & NODE_IS_DROPPED) {
            i = n->end;
            continue;
        }
        if (tag == TAG_TR) {
            s->rows++;
            columns = 0;
        } else if (tag == TAG_TD || tag == TAG_TH) {
            columns += span_of(p, i, ATTR_COLSPAN);
            s->columns = columns > s->columns ? columns : s->columns;
            cell_bytes = i < cell_end ? cell_bytes : 0;
            cell_max = n->end - i > CELL_NODES_MAX ? CELL_BYTES_MAX : LONG_CELL_BYTES_MAX;
            cell_end = i < cell_end ? cell_end : n->end;
        } else if (tag == TAG_TABLE || tag_is_heading(tag) || (tag != TAG_TEXT && page_is_code(p, i))) {
            s->has_blocks = true;
        } else if (tag == TAG_TEXT && i < cell_end) {
            cell_bytes += page_text(p, i).n;
            s->has_long_cell |= cell_bytes > cell_max;
        }
        i++;
    }
}

static bool is_layout(const struct page *p, uint32_t i)
{
    struct str role = page_attribute(p, i, ATTR_ROLE);
    uint32_t parent = p->nodes[i].parent;

    return str_eq_nocase(role, STR("presentation")) || str_eq_nocase(role, STR("none")) ||
           page_has_class(p, i, STR("hlist")) || page_has_class(p, i, STR("memname")) ||
           (parent != NO_NODE && page_has_class(p, parent, STR("admonitionblock")));
}

static void enter_table(struct render *r, uint32_t i)
{
    struct shape s = {0};
    struct table *t = &r->table;

    render_flush(r);
    measure(r->page, i, &s);
    if (s.has_blocks || s.has_long_cell || s.rows < 2 || s.columns < 2 || s.columns > COLUMNS_MAX ||
        is_layout(r->page, i)) {
        render_push(r, i, LEAVE_BLOCK);
        return;
    }
    struct buf line = t->line;
    *t = (struct table){.is_open = true, .columns = s.columns, .line = line};
    r->text.is_cell = true;
    render_push(r, i, LEAVE_TABLE);
}

static void put_line(struct render *r, struct str line)
{
    if (r->table.row == 0 && !r->table.has_head) {
        writer_begin(&r->writer, MARKDOWN_TABLE);
    } else {
        writer_line_feed(&r->writer);
    }
    writer_put(&r->writer, line);
}

static void put_delimiter(struct render *r)
{
    struct buf b = BUF_LIMIT((size_t)16 * COLUMNS_MAX);

    buf_append_char(&b, '|');
    for (size_t i = 0; i < r->table.columns; i++) {
        buf_append_c(&b, " --- |");
    }
    writer_line_feed(&r->writer);
    writer_put(&r->writer, buf_str(&b));
    r->table.has_head = true;
    buf_dispose(&b);
}

/* A row of empty cells: GFM has no table without a head. */
static void put_made_up_head(struct render *r)
{
    struct buf b = BUF_LIMIT((size_t)16 * COLUMNS_MAX);

    buf_append_char(&b, '|');
    for (size_t i = 0; i < r->table.columns; i++) {
        buf_append_c(&b, "  |");
    }
    put_line(r, buf_str(&b));
    put_delimiter(r);
    buf_dispose(&b);
}

static void put_cell(struct render *r, struct str text)
{
    struct table *t = &r->table;

    if (t->column < t->columns) {
        buf_append_c(&t->line, text.n ? " " : "");
        buf_append_str(&t->line, text);
        buf_append_c(&t->line, text.n ? " |" : "  |");
        t->empty_cells = text.n ? 0 : t->empty_cells + 1;
        t->full_bytes = text.n || t->column == 0 ? t->line.n : t->full_bytes;
        t->column++;
    }
}

/* Cells that rows above reach into. */
static void put_covered(struct render *r)
{
    struct table *t = &r->table;

    while (t->column < t->columns && t->spans[t->column] > 0) {
        t->spans[t->column]--;
        put_cell(r, STR_NONE);
    }
}

static bool row_is_head(const struct page *p, uint32_t row)
{
    bool has_cell = false;

    for (uint32_t i = row + 1; i < p->nodes[row].end; i = p->nodes[i].end) {
        if (p->nodes[i].tag == TAG_TD) {
            return p->nodes[p->nodes[row].parent].tag == TAG_THEAD;
        }
        has_cell |= p->nodes[i].tag == TAG_TH;
    }
    return has_cell;
}

static void enter_row(struct render *r, uint32_t i)
{
    struct table *t = &r->table;

    buf_clear(&t->line);
    buf_append_char(&t->line, '|');
    t->column = 0;
    t->row_is_head = row_is_head(r->page, i);
    inline_clear(&r->text);
    render_push(r, i, LEAVE_ROW);
}

static void leave_row(struct render *r)
{
    struct table *t = &r->table;

    put_covered(r);
    bool is_empty = t->column == 0;
    while (t->column < t->columns) {
        t->spans[t->column] = t->spans[t->column] > 0 ? (uint8_t)(t->spans[t->column] - 1) : 0;
        put_cell(r, STR_NONE);
    }
    if (is_empty) {
        return;
    }
    if (!t->has_head && !t->row_is_head) {
        put_made_up_head(r);
    }
    if (t->has_head && t->empty_cells > EMPTY_CELLS_MAX) {
        t->line.n = t->full_bytes;
    }
    put_line(r, buf_str(&t->line));
    if (!t->has_head) {
        put_delimiter(r);
    }
    t->row++;
}

static void enter_cell(struct render *r, uint32_t i)
{
    struct table *t = &r->table;
    size_t rows = span_of(r->page, i, ATTR_ROWSPAN);
    size_t columns = span_of(r->page, i, ATTR_COLSPAN);

    put_covered(r);
    for (size_t k = t->column; k < t->column + columns && k < t->columns; k++) {
        t->spans[k] = (uint8_t)(rows - 1);
    }
    t->cell_columns = columns;
    inline_clear(&r->text);
    render_push(r, i, LEAVE_CELL);
}

static void leave_cell(struct render *r)
{
    put_cell(r, inline_take(&r->text));
    for (size_t k = 1; k < r->table.cell_columns; k++) {
        put_cell(r, STR_NONE);
    }
    inline_clear(&r->text);
}

/* Before the table, as a paragraph. */
static void enter_caption(struct render *r, uint32_t i)
{
    if (!r->table.has_head) {
        inline_clear(&r->text);
        r->table.is_open = r->text.is_cell = false;
    }
    render_push(r, i, LEAVE_CAPTION);
}

static void leave_caption(struct render *r)
{
    render_flush(r);
    r->table.is_open = r->text.is_cell = true;
}

static void leave_table(struct render *r)
{
    struct table *t = &r->table;

    t->is_open = r->text.is_cell = false;
    inline_clear(&r->text);
    if (t->has_head) {
        writer_end(&r->writer);
        r->was_list = false;
    }
}

/* Rows and cells of a table that is taken apart: cells of plain text stand behind each other. */
static bool is_plain(const struct page *p, uint32_t row)
{
    for (uint32_t i = row + 1; i < p->nodes[row].end; i++) {
        enum tag tag = (enum tag)p->nodes[i].tag;
        if (tag != TAG_TEXT && tag != TAG_TD && tag != TAG_TH && tag_has(tag, TAG_IS_BLOCK)) {
            return false;
        }
    }
    return true;
}

static bool in_memname(const struct page *p, uint32_t i)
{
    for (int n = 0; n < 3 && i != NO_NODE; n++, i = p->nodes[i].parent) {
        if (page_has_class(p, i, STR("memname"))) {
            return true;
        }
    }
    return false;
}

static bool enter_plain(struct render *r, uint32_t i)
{
    const struct page *p = r->page;
    enum tag tag = (enum tag)p->nodes[i].tag;

    if (tag == TAG_TR) {
        bool is_one =
            in_memname(p, p->nodes[i].parent); /* Doxygen: a row for each parameter of one signature */
        if (!is_one) {
            render_flush(r);
        }
        render_push(r, i, is_one ? LEAVE_NOTHING : LEAVE_BLOCK);
        return true;
    }
    if (tag == TAG_TD || tag == TAG_TH) {
        uint32_t row = p->nodes[i].parent;
        if (row != r->row.node) {
            r->row = (struct plain_row){row, row != NO_NODE && p->nodes[row].tag == TAG_TR &&
                                                 p->nodes[row].end - row < ROW_NODES_MAX && is_plain(p, row)};
        }
        bool is_short = r->row.is_short;
        inline_put_text(&r->text, STR(" "));
        if (!is_short) {
            render_flush(r);
        }
        render_push(r, i, is_short ? LEAVE_NOTHING : LEAVE_BLOCK);
        return true;
    }
    return (tag == TAG_TBODY || tag == TAG_THEAD || tag == TAG_TFOOT) && in_memname(p, p->nodes[i].parent);
}

bool tables_enter(struct render *r, uint32_t i, bool *skip)
{
    enum tag tag = (enum tag)r->page->nodes[i].tag;

    (void)skip;
    if (r->is_inline) {
        return false;
    }
    if (!r->table.is_open) {
        if (tag == TAG_TABLE) {
            enter_table(r, i);
            return true;
        }
        return enter_plain(r, i);
    }
    switch (tag) {
    case TAG_TR:
        enter_row(r, i);
        return true;
    case TAG_TD:
    case TAG_TH:
        enter_cell(r, i);
        return true;
    case TAG_CAPTION:
        enter_caption(r, i);
        return true;
    case TAG_THEAD:
    case TAG_TBODY:
    case TAG_TFOOT:
        return true;
    default:
        return false;
    }
}

void tables_leave(struct render *r, enum leave leave)
{
    switch (leave) {
    case LEAVE_TABLE:
        leave_table(r);
        break;
    case LEAVE_ROW:
        leave_row(r);
        break;
    case LEAVE_CELL:
        leave_cell(r);
        break;
    default:
        leave_caption(r);
        break;
    }
}
