/* scope.c: see scope.h. */
#include "kinds/crawl_docs/scope.h"

/* Sorted by what they are, not by letter; compared without case. */
static const char *const extensions[] = {
    "png",  "jpg",  "jpeg",  "gif",  "svg",  "svgz", "webp",
    "avif", "ico",  "bmp",   "tif",  "tiff", "psd", /* images */
    "zip",  "gz",   "tgz",   "bz2",  "tbz2", "xz",   "txz",
    "zst",  "7z",   "rar",   "tar",  "jar",  "whl", /* archives */
    "deb",  "rpm",  "dmg",   "iso",  "exe",  "msi",  "apk",
    "bin",  "mp3",  "mp4",   "m4a",  "m4v",  "webm", /* media */
    "ogg",  "ogv",  "oga",   "wav",  "flac", "avi",  "mov",
    "mkv",  "woff", "woff2", "ttf",  "otf",  "eot", /* fonts */
    "css",  "js",   "mjs",   "map",  "pdf",  "ps",   "epub",
    "doc",  "docx", "xls",   "xlsx", "ppt",  "pptx",
};

static bool has_skipped_extension(struct str path)
{
    size_t slash = path.n;
    while (slash > 0 && path.p[slash - 1] != '/') {
        slash--;
    }
    struct str name = str_sub(path, slash, path.n);
    size_t dot = name.n;
    while (dot > 0 && name.p[dot - 1] != '.') {
        dot--;
    }
    if (dot < 2) { /* no dot, or nothing in front of it */
        return false;
    }
    struct str extension = str_sub(name, dot, name.n);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (str_eq_nocase(extension, str_from(extensions[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- globs */

/* A star that can be tried again: where it stands in the pattern, and how much it has taken of the text. */
struct star {
    size_t pattern, text;
    bool is_set;
};

/* The latest `*` is tried first; when it may not grow over a '/', the latest `**` is. Each grows only onwards, and a `**` makes
 * those before it final, so the time is within pattern × text × segments. */
static bool glob_matches(struct str p, struct str t)
{
    struct star narrow = {0};
    struct star wide = {0};
    size_t i = 0;
    size_t k = 0;
    while (k < t.n || i < p.n) {
        bool is_star = i < p.n && p.p[i] == '*';
        if (is_star && i + 1 < p.n && p.p[i + 1] == '*') {
            wide = (struct star){i += 2, k, true};
            narrow.is_set = false;
        } else if (is_star) {
            narrow = (struct star){++i, k, true};
        } else if (i < p.n && k < t.n && (p.p[i] == t.p[k] || (p.p[i] == '?' && t.p[k] != '/'))) {
            i++;
            k++;
        } else if (narrow.is_set && narrow.text < t.n && t.p[narrow.text] != '/') {
            k = ++narrow.text;
            i = narrow.pattern;
        } else if (wide.is_set && wide.text < t.n) {
            k = ++wide.text;
            i = wide.pattern;
            narrow.is_set = false;
        } else {
            return false;
        }
    }
    return true;
}

bool scope_matches(struct str pattern, const struct url *url, struct arena *a)
{
    if (pattern.n > SCOPE_GLOB_MAX_BYTES) {
        return false;
    }
    if (str_find(pattern, STR("://"), 0) < pattern.n) {
        return glob_matches(pattern, url_text(url, a));
    }
    struct str path =
        url->query.p ? arena_printf(a, "%.*s?%.*s", STR_ARG(url->path), STR_ARG(url->query)) : url->path;
    bool is_rooted = str_starts(pattern, STR("/"));
    return glob_matches(is_rooted ? pattern : arena_printf(a, "**/%.*s", STR_ARG(pattern)), path);
}

static bool matches_any(const struct str *patterns, size_t count, const struct url *url, struct arena *a)
{
    for (size_t i = 0; i < count; i++) {
        if (scope_matches(patterns[i], url, a)) {
            return true;
        }
    }
    return false;
}

/* ---- sites */

static bool is_below_host(struct str host, struct str seed)
{
    if (str_starts(seed, STR("www."))) {
        seed = str_sub(seed, 4, seed.n);
    }
    return str_eq(host, seed) ||
           (str_ends(host, seed) && host.n > seed.n && host.p[host.n - seed.n - 1] == '.');
}

struct str scope_prefix(const struct url *seed)
{
    size_t n = seed->path.n;
    while (n > 1 && seed->path.p[n - 1] != '/') {
        n--;
    }
    return str_sub(seed->path, 0, n);
}

static bool is_of_site(const struct scope *s, const struct url *url)
{
    bool same_port =
        url->port == s->seed.port || (url_has_default_port(url) && url_has_default_port(&s->seed));
    bool same_host = s->kind == SCOPE_SUBDOMAINS ? is_below_host(url->host, s->seed.host)
                                                 : str_eq(url->host, s->seed.host);
    return same_port && same_host &&
           (s->kind != SCOPE_PREFIX || str_starts(url->path, scope_prefix(&s->seed)));
}

enum scope_verdict scope_judge(const struct scope *s, const struct url *url, struct arena *a)
{
    if (str_eq(url_text(url, a), url_text(&s->seed, a))) {
        return SCOPE_IN;
    }
    if (!is_of_site(s, url)) {
        return SCOPE_OUT;
    }
    if (has_skipped_extension(url->path)) {
        return SCOPE_EXTENSION;
    }
    if (matches_any(s->exclude, s->exclude_count, url, a) ||
        (s->include_count && !matches_any(s->include, s->include_count, url, a))) {
        return SCOPE_EXCLUDED;
    }
    return SCOPE_IN;
}

const char *scope_verdict_name(enum scope_verdict verdict)
{
    static const char *const names[] = {"in_scope", "out_of_scope", "excluded", "extension"};
    return names[verdict];
}
