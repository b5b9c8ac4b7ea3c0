/* discover.c: see discover.h. */
#include "kinds/index_repo/discover.h"

#include "kinds/index_repo/paths.h"

#define MAX_RULES          20000
#define BINARY_LOOK_BYTES  8192
#define MEAN_LINE_BYTES    500
#define LONGEST_LINE_BYTES (50 << 10)

/* ---- .gitattributes */

enum linguist { LINGUIST_GENERATED, LINGUIST_VENDORED };

struct attribute_rule {
    struct str folder, pattern; /* a pattern without a slash is for names anywhere below the folder */
    enum linguist attribute;
    bool is_on;
};

struct attributes {
    struct arena *a;
    struct attribute_rule *rules;
    size_t count;
};

struct attributes *attributes_new(struct arena *a)
{
    struct attributes *t = arena_alloc(a, sizeof *t);
    t->a = a;
    t->rules = arena_array(a, struct attribute_rule, MAX_RULES);
    return t;
}

/* "-linguist-generated", "linguist-vendored=false", "linguist-vendored" … False for other attributes. */
static bool read_attribute(struct str word, enum linguist *attribute, bool *is_on)
{
    struct str value = STR_NONE;
    bool is_unset = str_starts(word, STR("-")) || str_starts(word, STR("!"));
    struct str name = str_cut(str_sub(word, is_unset, word.n), '=', &value);
    *is_on = !is_unset && !str_eq(value, STR("false")) && !str_eq(value, STR("0"));
    *attribute = str_eq(name, STR("linguist-vendored")) ? LINGUIST_VENDORED : LINGUIST_GENERATED;
    return str_eq(name, STR("linguist-vendored")) || str_eq(name, STR("linguist-generated"));
}

static void add_line(struct attributes *t, struct str folder, struct str line)
{
    struct str pattern = str_cut(line, ' ', &line);
    if (str_starts(pattern, STR("/"))) {
        pattern =
            arena_printf(t->a, "./%.*s", STR_ARG(str_sub(pattern, 1, pattern.n))); /* has a slash: anchored */
    }
    while (line.n > 0) {
        enum linguist attribute;
        bool is_on = false;
        struct str word = str_trim(str_cut(line, ' ', &line));
        if (read_attribute(word, &attribute, &is_on) && t->count < MAX_RULES) {
            t->rules[t->count++] = (struct attribute_rule){folder, pattern, attribute, is_on};
        }
    }
}

void attributes_add(struct attributes *t, struct str folder, struct str text)
{
    char *p = arena_c_str(t->a, text);
    struct str rest = {p, text.n};
    for (size_t i = 0; i < text.n; i++) {
        p[i] = p[i] == '\t' || p[i] == '\r' ? ' ' : p[i];
    }
    while (rest.n > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.n > 0 && line.p[0] != '#') {
            add_line(t, folder, line);
        }
    }
}

static bool rule_matches(const struct attribute_rule *r, struct str path)
{
    if (r->folder.n > 0) {
        if (!str_starts(path, r->folder) || path.n <= r->folder.n || path.p[r->folder.n] != '/') {
            return false;
        }
        path = str_sub(path, r->folder.n + 1, path.n);
    }
    if (str_find_char(r->pattern, '/', 0) == r->pattern.n) {
        return path_matches(r->pattern, path_name(path));
    }
    struct str pattern = r->pattern;
    return path_matches(str_sub(pattern, str_starts(pattern, STR("./")) ? 2 : 0, pattern.n), path);
}

enum verdict { SAYS_NOTHING, SAYS_NO, SAYS_YES };

static enum verdict attribute_of(const struct attributes *t, struct str path, enum linguist attribute)
{
    for (size_t i = t->count; i > 0; i--) {
        const struct attribute_rule *r = &t->rules[i - 1];
        if (r->attribute == attribute && rule_matches(r, path)) {
            return r->is_on ? SAYS_YES : SAYS_NO;
        }
    }
    return SAYS_NOTHING;
}

/* ---- by name */

static bool is_ignored_name(struct str name)
{
    static const char *const names[] = {
        "node_modules",  "bower_components",
        "vendor",        "third_party",
        "dist",          "build",
        "out",           "target",
        ".next",         ".nuxt",
        ".output",       ".svelte-kit",
        "coverage",      "__pycache__",
        "venv",          ".venv",
        ".tox",          ".eggs",
        "site-packages", ".mypy_cache",
        ".pytest_cache", ".yarn",
        ".turbo",        ".cache",
        ".git",          ".hg",
        ".svn",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_eq(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_in_ignored_folder(struct str path)
{
    struct str rest = path_folder(path);
    while (rest.n > 0) {
        if (is_ignored_name(str_cut(rest, '/', &rest))) {
            return true;
        }
    }
    return false;
}

static bool matches_any(const struct str *patterns, size_t count, struct str path)
{
    for (size_t i = 0; i < count; i++) {
        struct str p = patterns[i];
        bool is_name = str_find_char(p, '/', 0) == p.n;
        bool is_folder = p.n > 1 && str_ends(p, STR("/"));
        if ((is_folder && str_starts(path, p)) || path_matches(p, is_name ? path_name(path) : path)) {
            return true;
        }
    }
    return false;
}

/* What the people who ask, and those who wrote the repository, say about this path. */
static struct str skip_by_wish(const struct discover_options *o, const struct attributes *t, struct str path)
{
    bool is_asked_for = matches_any(o->include, o->include_count, path);
    enum verdict vendored = attribute_of(t, path, LINGUIST_VENDORED);
    if ((o->include_count > 0 && !is_asked_for) || matches_any(o->exclude, o->exclude_count, path)) {
        return STR("excluded");
    }
    if (is_asked_for) {
        return STR("");
    }
    if (vendored == SAYS_NOTHING && is_in_ignored_folder(path)) {
        return STR("ignored_dir");
    }
    if (attribute_of(t, path, LINGUIST_GENERATED) == SAYS_YES) {
        return STR("generated");
    }
    return vendored == SAYS_YES ? STR("vendored") : STR("");
}

static bool is_wanted_language(const struct discover_options *o, enum code_lang lang)
{
    bool has_choice = false;
    for (int l = 0; l < CODE_LANG_COUNT; l++) {
        has_choice |= o->languages[l];
    }
    return !has_choice || o->languages[lang];
}

struct str discover_skip(const struct discover_options *o, const struct attributes *t,
                         const struct git_entry *entry, enum code_lang *lang)
{
    *lang = code_lang_of_path(entry->path);
    if (entry->mode != GIT_FILE) {
        return entry->mode == GIT_SYMLINK ? STR("symlink") : STR("submodule");
    }
    struct str wish = skip_by_wish(o, t, entry->path);
    if (wish.n > 0) {
        return wish;
    }
    if (*lang == CODE_NO_LANG) {
        return STR("unsupported");
    }
    if (!is_wanted_language(o, *lang)) {
        return STR("excluded");
    }
    return entry->bytes > o->max_file_bytes ? STR("too_large") : STR("");
}

/* ---- by content */

struct str discover_skip_content(struct str content)
{
    size_t lines = 0;
    size_t begin = 0;
    if (str_starts(content, STR("version https://git-lfs.github.com/spec/"))) {
        return STR("lfs_pointer");
    }
    struct str head = str_sub(content, 0, BINARY_LOOK_BYTES);
    if (str_find_char(head, '\0', 0) < head.n) {
        return STR("binary");
    }
    while (begin < content.n) {
        size_t end = str_find_char(content, '\n', begin);
        if (end - begin > LONGEST_LINE_BYTES) {
            return STR("minified");
        }
        lines++;
        begin = end + 1;
    }
    bool is_long = content.n > 4 * MEAN_LINE_BYTES && content.n / (lines ? lines : 1) > MEAN_LINE_BYTES;
    return is_long ? STR("minified") : STR("");
}
