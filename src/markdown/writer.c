/* writer.c: boxes, gaps and blocks. */
#include "markdown/writer.h"

#include <assert.h>
#include <string.h>

#include "markdown/words.h"

void writer_dispose(struct writer *w)
{
    buf_dispose(&w->text);
    mem_free(w->blocks);
    w->blocks = NULL;
}

static size_t kept_boxes(const struct writer *w)
{
    return w->depth < WRITER_BOXES_MAX ? w->depth : WRITER_BOXES_MAX;
}

void writer_open_box(struct writer *w, struct str mark, bool is_quote)
{
    if (w->depth < WRITER_BOXES_MAX) {
        struct writer_box *b = &w->boxes[w->depth];
        assert(mark.n <= sizeof b->mark);
        *b = (struct writer_box){.n = (uint8_t)mark.n, .is_quote = is_quote};
        memcpy(b->mark, mark.p, mark.n);
    }
    w->depth++;
}

void writer_close_box(struct writer *w)
{
    assert(w->depth > 0);
    w->depth--;
}

void writer_open_group(struct writer *w, enum markdown_block_kind kind)
{
    if (w->groups++ == 0) {
        w->group_kind = kind;
        w->group_has_block = false;
    }
}

void writer_close_group(struct writer *w)
{
    assert(w->groups > 0);
    w->groups--;
}

/* Marks before a line; a line without text gets none at its end that is blank. */
static void put_boxes(struct writer *w, bool is_empty_line)
{
    static const char blanks[WRITER_MARK_MAX + 1] = "            ";
    size_t start = w->text.n;

    for (size_t i = 0; i < kept_boxes(w); i++) {
        struct writer_box *b = &w->boxes[i];
        if (is_empty_line && !b->is_begun) {
            break;
        }
        bool has_mark = b->is_quote || !b->is_begun;
        buf_append(&w->text, has_mark ? b->mark : blanks, b->n);
        b->is_begun = true;
    }
    while (is_empty_line && w->text.n > start && w->text.p[w->text.n - 1] == ' ') {
        w->text.n--;
    }
}

static void add_block(struct writer *w, enum markdown_block_kind kind)
{
    if (w->block_count == MARKDOWN_BLOCKS_MAX) {
        return;
    }
    if (w->block_count == w->block_capacity) {
        w->block_capacity = w->block_capacity ? 2 * w->block_capacity : 64;
        w->blocks = mem_grow(w->blocks, w->block_capacity * sizeof *w->blocks);
    }
    w->blocks[w->block_count++] =
        (struct markdown_block){.from = w->text.n,
                                .kind = (uint8_t)kind,
                                .level = (uint8_t)(kind == MARKDOWN_HEADING ? w->next_level : 0)};
}

void writer_begin(struct writer *w, enum markdown_block_kind kind)
{
    if (w->text.n > 0 && w->text.p[w->text.n - 1] != '\n') {
        buf_append_char(&w->text, '\n');
    }
    if (w->text.n > 0 && w->gap > 1) {
        put_boxes(w, true);
        buf_append_char(&w->text, '\n');
    }
    if (w->groups == 0) {
        add_block(w, kind);
    } else if (!w->group_has_block) {
        add_block(w, w->group_kind);
        w->group_has_block = true;
    }
    put_boxes(w, false);
    w->gap = 2;
}

void writer_line_feed(struct writer *w)
{
    while (w->text.n > 0 && w->text.p[w->text.n - 1] == ' ') { /* of a line that is only marks */
        w->text.n--;
    }
    buf_append_char(&w->text, '\n');
    put_boxes(w, false);
}

void writer_put(struct writer *w, struct str text)
{
    buf_append_str(&w->text, text);
}

void writer_end(struct writer *w)
{
    buf_append_char(&w->text, '\n');
}

void writer_put_lines(struct writer *w, struct str lines, writer_trouble *trouble)
{
    bool is_first = true;

    for (struct str rest = lines;; is_first = false) {
        size_t end = str_find_char(rest, '\n', 0);
        struct str line = str_sub(rest, 0, end);
        size_t at = trouble ? trouble(line, is_first) : line.n;
        writer_put(w, str_sub(line, 0, at));
        if (at < line.n) {
            buf_append_char(&w->text, '\\');
            writer_put(w, str_sub(line, at, line.n));
        }
        if (end >= rest.n) {
            break;
        }
        buf_append_char(&w->text, '\n');
        put_boxes(w, rest.p[end + 1 < rest.n ? end + 1 : end] == '\n');
        rest = str_sub(rest, end + 1, rest.n);
    }
}

/* FNV-1a of the text without the addresses of links: the same menu has other ones on each page. */
static uint64_t hash_block(struct str s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    bool in_address = false;

    for (size_t i = 0; i < s.n; i++) {
        in_address = in_address ? s.p[i] != ')' : i > 0 && s.p[i] == '(' && s.p[i - 1] == ']';
        if (!in_address) {
            h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
        }
    }
    return h;
}

void writer_finish(struct writer *w)
{
    for (size_t i = 0; i < w->block_count && !w->text.overflowed; i++) {
        struct markdown_block *b = &w->blocks[i];
        b->to = i + 1 < w->block_count ? w->blocks[i + 1].from : w->text.n;
        struct str text = str_trim(str_sub(buf_str(&w->text), b->from, b->to));
        b->hash = hash_block(text);
        b->words = (uint32_t)words_count_shown(text);
    }
}
