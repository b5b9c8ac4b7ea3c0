/* keep.c: what is no HTML: Markdown, and other text, stay what they are. */
#include "markdown/markdown.h"

#define LETTERS_OF_A_TOKEN 4 /* about */
#define TITLE_BYTES        400

bool markdown_is_kept(struct str content_type)
{
    struct str rest = STR_NONE;
    struct str type = str_trim(str_cut(content_type, ';', &rest));

    return str_eq_nocase(type, STR("text/markdown")) || str_eq_nocase(type, STR("text/plain"));
}

/* Without a byte order mark, carriage returns, and what a terminal would obey. */
static struct str clean(struct str s, struct arena *a)
{
    s = str_starts(s, STR("\xef\xbb\xbf")) ? str_sub(s, 3, s.n) : s;
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f)) {
            to[n++] = s.p[i];
        } else if (c == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n')) {
            to[n++] = '\n';
        }
    }
    return (struct str){to, n};
}

/* The first line, if it is a heading. */
static struct str title_of(struct str text)
{
    struct str rest = STR_NONE;
    struct str first = str_trim(str_cut(text, '\n', &rest));
    struct str title = str_starts(first, STR("# ")) ? str_sub(first, 2, first.n) : STR("");

    title = str_sub(title, 0, TITLE_BYTES);
    while (!str_is_utf8(title)) { /* the cut may have gone through a character */
        title.n--;
    }
    return title;
}

enum rc markdown_keep(struct str text, struct arena *a, struct markdown_page *out, struct err *e)
{
    if (!str_is_text(text)) {
        return err_set_code(e, RC_INVALID, "bad_encoding", NULL, "it is no text in UTF-8");
    }
    text = str_trim(clean(text, a));
    *out = (struct markdown_page){.text = text.n ? arena_printf(a, "%.*s\n", STR_ARG(text)) : STR(""),
                                  .title = title_of(text),
                                  .charset = "utf-8",
                                  .quality = 100};
    out->words = out->tokens = out->text.n / LETTERS_OF_A_TOKEN;
    return RC_OK;
}
