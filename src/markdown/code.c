/* code.c: code blocks: their text as it is, without the numbers of lines, and the language from the classes that highlighters
 * leave. */
#include "markdown/render.h"

#include <string.h>

#include "markdown/escape.h"
#include "markdown/words.h"

#define ANCESTORS 3

/* What highlighters put before each line. */
static const char *const gutter_words[] = {
    "blob-num",
    "gl",
    "gutter",
    "hljs-ln-numbers",
    "line-number",
    "line-numbers",
    "line-numbers-rows",
    "lineno",
    "linenos",
    "ln",
    "lnt",
    "rouge-gutter",
};

/* Names that are languages without a prefix, too. */
static const char *const plain_names[] = {
    "bash", "c",          "cjs",        "clojure",  "cmake",      "console", "cpp",   "csharp",  "css",
    "diff", "docker",     "dockerfile", "elixir",   "erlang",     "fish",    "go",    "graphql", "haskell",
    "html", "http",       "ini",        "java",     "javascript", "js",      "json",  "json5",   "jsonc",
    "jsx",  "kotlin",     "lua",        "makefile", "markdown",   "mjs",     "nginx", "ocaml",   "perl",
    "php",  "powershell", "protobuf",   "pycon",    "python",     "python3", "r",     "rb",      "ruby",
    "rust", "scala",      "scss",       "sh",       "shell",      "sql",     "swift", "toml",    "ts",
    "tsx",  "typescript", "vue",        "xml",      "yaml",       "yml",     "zig",   "zsh",
};

static const struct {
    const char *name, *as; /* "": no language */
} aliases[] = {
    {"python3", "python"}, {"py", "python"},    {"py3", "python"},    {"ipython3", "python"},
    {"ipython", "python"}, {"c++", "cpp"},      {"golang", "go"},     {"rs", "rust"},
    {"cs", "csharp"},      {"c#", "csharp"},    {"default", ""},      {"none", ""},
    {"text", ""},          {"plain", ""},       {"plaintext", ""},    {"txt", ""},
    {"notranslate", ""},   {"nohighlight", ""}, {"no-highlight", ""}, {"auto", ""},
    {"undefined", ""},     {"source", ""},      {"literal", ""},
};

static bool is_language_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '#' || c == '-' || c == '_' ||
           c == '.';
}

/* The name as a fence can carry it, in `room`; empty: none. */
static struct str clean_language(struct str name, char room[LANGUAGE_BYTES])
{
    if (!name.n || name.n >= LANGUAGE_BYTES) {
        return STR_NONE;
    }
    for (size_t i = 0; i < name.n; i++) {
        room[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
        if (!is_language_char(room[i])) {
            return STR_NONE;
        }
    }
    struct str s = {room, name.n};
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (str_eq(s, str_from(aliases[i].name))) {
            return str_from(aliases[i].as);
        }
    }
    return s;
}

static bool is_plain_name(struct str word)
{
    for (size_t i = 0; i < sizeof plain_names / sizeof plain_names[0]; i++) {
        if (str_eq_nocase(word, str_from(plain_names[i]))) {
            return true;
        }
    }
    return false;
}

/* A language's name in one word of a class; STR_NONE: the word says nothing. */
static struct str language_of_word(struct str word, bool after_brush, bool may_be_plain)
{
    static const char *const prefixes[] = {"language-",  "lang-",  "highlight-source-",
                                           "highlight-", "brush:", "src-"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct str prefix = str_from(prefixes[i]);
        if (word.n > prefix.n && str_eq_nocase(str_sub(word, 0, prefix.n), prefix)) {
            word = str_sub(word, prefix.n, word.n);
            return str_ends(word, STR(";")) ? str_sub(word, 0, word.n - 1) : word;
        }
    }
    if (after_brush) {
        return str_ends(word, STR(";")) ? str_sub(word, 0, word.n - 1) : word;
    }
    return may_be_plain && is_plain_name(word) ? word : STR_NONE;
}

static struct str language_of(const struct page *p, uint32_t i, bool may_be_plain, char room[LANGUAGE_BYTES])
{
    struct word_list words = words_begin(page_attribute(p, i, ATTR_CLASS));
    struct str word;
    struct str found = STR_NONE;
    bool after_brush = false;

    while (!found.n && words_next(&words, &word)) {
        found = clean_language(language_of_word(word, after_brush, may_be_plain), room);
        after_brush = str_eq_nocase(word, STR("brush:"));
    }
    if (!found.n) {
        found = clean_language(str_trim(page_attribute(p, i, ATTR_DATA_LANG)), room);
    }
    return found.n ? found : clean_language(str_trim(page_attribute(p, i, ATTR_DATA_LANGUAGE)), room);
}

/* Of an element around code: many blocks may be in it, so it is looked at once. */
static struct str language_around(struct render *r, uint32_t i)
{
    struct node *n = &r->page->nodes[i];
    struct language *kept = NULL;

    for (size_t k = 0; k < LANGUAGES_KEPT; k++) {
        kept = r->languages[k].node == i && r->languages[k].n ? &r->languages[k] : kept;
    }
    if (!kept && !(n->flags & NODE_HAS_NO_LANGUAGE)) {
        kept = &r->languages[r->next_language++ % LANGUAGES_KEPT];
        struct str found = language_of(r->page, i, false, kept->name);
        if (found.n && found.p != kept->name) { /* an alias */
            memcpy(kept->name, found.p, found.n);
        }
        kept->node = i;
        kept->n = found.n;
        n->flags |= found.n ? 0 : NODE_HAS_NO_LANGUAGE;
    }
    return kept ? (struct str){kept->name, kept->n} : STR_NONE;
}

/* On the block, the code in it, or up to three elements around it. */
static struct str find_language(struct render *r, uint32_t i, char room[LANGUAGE_BYTES])
{
    const struct page *p = r->page;
    struct str found = language_of(p, i, true, room);
    uint32_t up = p->nodes[i].parent;

    for (uint32_t k = i + 1; !found.n && k < p->nodes[i].end && k < i + 8; k++) {
        if (p->nodes[k].tag == TAG_CODE) {
            found = language_of(p, k, true, room);
        }
    }
    for (int n = 0; !found.n && n < ANCESTORS && up != NO_NODE; n++, up = p->nodes[up].parent) {
        found = language_around(r, up);
    }
    return found;
}

static bool is_gutter(const struct page *p, uint32_t i)
{
    struct word_list words = words_begin(page_attribute(p, i, ATTR_CLASS));
    struct str word;

    while (words_next(&words, &word)) {
        for (size_t k = 0; k < sizeof gutter_words / sizeof gutter_words[0]; k++) {
            if (str_eq(word, str_from(gutter_words[k]))) {
                return true;
            }
        }
    }
    return false;
}

static void end_line(struct buf *code)
{
    if (code->n > 0 && code->p[code->n - 1] != '\n') {
        buf_append_char(code, '\n');
    }
}

/* A line ends where an element did, unless the text says so itself. */
static void put_code_text(struct render *r, struct str text, bool is_new_line)
{
    if (is_new_line && text.n > 0 && text.p[0] != '\n' && text.p[0] != '\r') {
        end_line(&r->code);
    }
    while (text.n > 0) {
        struct str s = escape_normalize(escape_cut(&text), &r->text.scratch);
        while (s.n > 0) {
            size_t end = str_find_char(s, '\r', 0);
            buf_append_str(&r->code, str_sub(s, 0, end));
            if (end < s.n && !(end + 1 < s.n && s.p[end + 1] == '\n')) {
                buf_append_char(&r->code, '\n');
            }
            s = str_sub(s, end + 1, s.n);
        }
    }
}

/* The text of the block; each element that is a block in it is a line, or some. */
static void gather(struct render *r, uint32_t pre)
{
    const struct page *p = r->page;
    uint32_t line_end = 0;
    bool is_new_line = false;

    buf_clear(&r->code);
    for (uint32_t i = pre + 1; i < p->nodes[pre].end;) {
        const struct node *n = &p->nodes[i];
        is_new_line |= i == line_end;
        if (n->tag == TAG_TEXT) {
            put_code_text(r, page_text(p, i), is_new_line);
            is_new_line = false;
        } else if ((n->flags & NODE_IS_DROPPED) || (page_has_attributes(p, i) && is_gutter(p, i))) {
            i = n->end;
            continue;
        } else if (n->tag == TAG_BR) {
            buf_append_char(&r->code, '\n');
        } else if (n->tag == TAG_DIV || n->tag == TAG_TR || n->tag == TAG_LI || n->tag == TAG_P) {
            is_new_line = true;
            line_end = n->end;
        }
        i++;
    }
}

static struct str trim_lines(struct str s)
{
    for (;;) { /* empty lines before and behind */
        size_t end = str_find_char(s, '\n', 0);
        if (end >= s.n || str_trim(str_sub(s, 0, end)).n) {
            break;
        }
        s = str_sub(s, end + 1, s.n);
    }
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

static size_t fence_length(struct str code)
{
    size_t longest = 2;
    size_t run = 0;

    for (size_t i = 0; i < code.n; i++) {
        run = code.p[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest + 1;
}

static void put_fenced(struct render *r, uint32_t i)
{
    struct writer *w = &r->writer;
    char room[LANGUAGE_BYTES];

    gather(r, i);
    struct str code = trim_lines(buf_str(&r->code));
    if (!code.n) {
        return;
    }
    size_t ticks = fence_length(code);
    writer_begin(w, MARKDOWN_CODE);
    for (size_t k = 0; k < ticks; k++) {
        writer_put(w, STR("`"));
    }
    writer_put(w, find_language(r, i, room));
    writer_line_feed(w);
    writer_put_lines(w, code, NULL);
    writer_line_feed(w);
    for (size_t k = 0; k < ticks; k++) {
        writer_put(w, STR("`"));
    }
    writer_end(w);
    r->was_list = false;
}

/* Two codes or more in one block, each with a language of its own and nothing between them: Node's pages have an example for each kind of
 * module so. */
static bool has_flavours(const struct page *p, uint32_t pre)
{
    char room[LANGUAGE_BYTES];
    int count = 0;

    for (uint32_t i = pre + 1; i < p->nodes[pre].end; i = p->nodes[i].end) {
        const struct node *n = &p->nodes[i];
        if (n->flags & NODE_IS_DROPPED) {
            continue;
        }
        if (n->tag == TAG_CODE && language_of(p, i, true, room).n) {
            count++;
        } else if (n->flags & NODE_HAS_TEXT || (n->tag == TAG_TEXT && str_trim(page_text(p, i)).n)) {
            return false;
        }
    }
    return count > 1;
}

void code_put(struct render *r, uint32_t i)
{
    const struct page *p = r->page;

    render_flush(r);
    if (!has_flavours(p, i)) {
        put_fenced(r, i);
        return;
    }
    for (uint32_t k = i + 1; k < p->nodes[i].end; k = p->nodes[k].end) {
        if (p->nodes[k].tag == TAG_CODE && !(p->nodes[k].flags & NODE_IS_DROPPED)) {
            put_fenced(r, k);
        }
    }
}
