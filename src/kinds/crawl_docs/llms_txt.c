/* llms_txt.c: see llms_txt.h. */
#include "kinds/crawl_docs/llms_txt.h"

struct links {
    struct str *items;
    size_t count;
};

static void add_link(struct links *l, struct str target)
{
    target = str_trim(target);
    if (target.n && l->count < LLMS_TXT_LINKS_MAX) {
        l->items[l->count++] = target;
    }
}

/* The end of a target that begins behind "](": a closing bracket with as many opened as closed before it, or a blank. */
static size_t target_end(struct str line, size_t from)
{
    int depth = 0;
    for (size_t i = from; i < line.n; i++) {
        char c = line.p[i];
        if (c == ' ' || c == '\t' || (c == ')' && depth == 0)) {
            return i;
        }
        depth += (c == '(') - (c == ')');
    }
    return line.n;
}

/* Which of the brackets that are open are those of images: one bit each, the innermost is the lowest. */
struct brackets {
    uint64_t images;
};

static void open_bracket(struct brackets *b, bool is_image)
{
    b->images = b->images << 1 | is_image;
}

static bool close_bracket(struct brackets *b)
{
    bool is_image = b->images & 1;
    b->images >>= 1;
    return is_image;
}

/* Takes what begins at `at`; returns where to go on. */
static size_t take_mark(struct links *l, struct brackets *b, struct str line, size_t at)
{
    struct str rest = str_sub(line, at, line.n);
    if (str_starts(rest, STR("<http"))) {
        size_t end = str_find_char(line, '>', at);
        if (end < line.n) {
            add_link(l, str_sub(line, at + 1, end));
        }
        return end + 1;
    }
    if (rest.p[0] == '[') {
        open_bracket(b, at > 0 && line.p[at - 1] == '!');
    }
    bool is_image = rest.p[0] == ']' && close_bracket(b);
    if (!str_starts(rest, STR("]("))) {
        return at + 1;
    }
    bool is_bracketed = rest.n > 2 && rest.p[2] == '<';
    size_t from = at + 2 + is_bracketed;
    size_t end = is_bracketed ? str_find_char(line, '>', from) : target_end(line, from);
    if (end < line.n && !is_image) {
        add_link(l, str_sub(line, from, end));
    }
    return end + 1;
}

static void take_line(struct links *l, struct str line)
{
    struct brackets b = {0};
    for (size_t at = 0; at < line.n;) {
        at = take_mark(l, &b, line, at);
    }
}

size_t llms_txt_links(struct str text, struct arena *a, struct str **out)
{
    struct links l = {.items = arena_array(a, struct str, LLMS_TXT_LINKS_MAX)};
    struct str fence = STR_NONE;
    for (struct str rest = text; rest.p && l.count < LLMS_TXT_LINKS_MAX;) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str trimmed = str_trim(line);
        bool is_mark = str_starts(trimmed, STR("```")) || str_starts(trimmed, STR("~~~"));
        if (fence.p ? str_starts(trimmed, fence) : is_mark) {
            fence = fence.p ? STR_NONE : str_sub(trimmed, 0, 3);
        } else if (!fence.p) {
            take_line(&l, line);
        }
    }
    *out = l.items;
    return l.count;
}
