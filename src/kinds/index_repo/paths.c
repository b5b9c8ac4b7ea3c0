/* paths.c: see paths.h. Sorted paths and binary search instead of a hash table: a stranger chose the paths. */
#include "kinds/index_repo/paths.h"

/* The first place whose path is not before `path`. */
static size_t lower_bound(const struct path_list *l, struct str path)
{
    size_t from = 0;
    size_t to = l->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (str_compare(l->paths[middle], path) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

int64_t path_find(const struct path_list *l, struct str path)
{
    size_t at = lower_bound(l, path);
    return at < l->count && str_eq(l->paths[at], path) ? (int64_t)at + 1 : 0;
}

bool path_is_folder(const struct path_list *l, struct str folder)
{
    char with_slash[4096];
    if (folder.n == 0) {
        return l->count > 0;
    }
    size_t n = str_print(with_slash, sizeof with_slash, "%.*s/", STR_ARG(folder));
    struct str prefix = {with_slash, n};
    size_t at = lower_bound(l, prefix);
    return at < l->count && str_starts(l->paths[at], prefix);
}

struct str path_of(const struct path_list *l, int64_t id)
{
    return l->paths[id - 1];
}

static size_t last_slash(struct str path)
{
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/') {
        at--;
    }
    return at; /* 0: none; else the slash is at at - 1 */
}

struct str path_folder(struct str path)
{
    size_t at = last_slash(path);
    return str_sub(path, 0, at > 0 ? at - 1 : 0);
}

struct str path_name(struct str path)
{
    return str_sub(path, last_slash(path), path.n);
}

bool path_join(struct arena *a, struct str folder, struct str relative, struct str *out)
{
    char *p = arena_alloc(a, folder.n + relative.n + 2);
    size_t n = 0;
    struct str parts[] = {folder, relative};
    for (size_t i = 0; i < 2; i++) {
        struct str rest = parts[i];
        while (rest.n > 0) {
            struct str name = str_cut(rest, '/', &rest);
            if (name.n == 0 || str_eq(name, STR("."))) {
                continue;
            }
            if (str_eq(name, STR(".."))) {
                if (n == 0) {
                    return false;
                }
                n = path_folder((struct str){p, n}).n;
                continue;
            }
            if (n > 0) {
                p[n++] = '/';
            }
            memcpy(p + n, name.p, name.n);
            n += name.n;
        }
    }
    *out = (struct str){p, n};
    return true;
}

/* ---- patterns */

/* Does the character class at pattern[*at] (behind '[') hold c? Moves *at behind its ']'. */
static bool class_has(struct str pattern, size_t *at, char c)
{
    bool is_negated = *at < pattern.n && (pattern.p[*at] == '!' || pattern.p[*at] == '^');
    bool found = false;
    *at += is_negated;
    for (bool is_first = true; *at < pattern.n && (is_first || pattern.p[*at] != ']'); is_first = false) {
        char low = pattern.p[(*at)++];
        char high = low;
        if (*at + 1 < pattern.n && pattern.p[*at] == '-' && pattern.p[*at + 1] != ']') {
            high = pattern.p[*at + 1];
            *at += 2;
        }
        found |= low <= c && c <= high;
    }
    *at += *at < pattern.n;
    return found != is_negated;
}

/* One wildcard to go back to: `*` may not pass a slash, `**` may. */
struct retry {
    size_t pattern, path;
    bool is_set;
    bool at_names; /* from `**` and a slash: goes on only where a name begins */
};

static size_t next_try(const struct retry *r, struct str path)
{
    size_t k = r->path + 1;
    while (r->at_names && k < path.n && path.p[k - 1] != '/') {
        k++;
    }
    return k;
}

/* Matches one item of the pattern that is no star; moves both on. */
static bool match_one(struct str pattern, size_t *i, struct str path, size_t *k)
{
    char want = pattern.p[(*i)++];
    char c = path.p[*k];
    bool matches = want == c;
    if (want == '?') {
        matches = c != '/';
    } else if (want == '[') {
        matches = class_has(pattern, i, c) && c != '/';
    } else if (want == '\\' && *i < pattern.n) {
        matches = pattern.p[(*i)++] == c;
    }
    *k += 1;
    return matches;
}

bool path_matches(struct str pattern, struct str path)
{
    struct retry star = {0};
    struct retry stars = {0};
    size_t i = 0;
    size_t k = 0;
    while (k < path.n || i < pattern.n) {
        if (str_starts(str_sub(pattern, i, pattern.n), STR("**"))) {
            i += 2;
            bool is_folders = i < pattern.n && pattern.p[i] == '/' && (k == 0 || path.p[k - 1] == '/');
            i += is_folders; /* `**` and its slash also match nothing */
            stars = (struct retry){i, k, true, is_folders};
            star.is_set = false;
            continue;
        }
        if (i < pattern.n && pattern.p[i] == '*') {
            star = (struct retry){++i, k, true, false};
            continue;
        }
        if (i < pattern.n && k < path.n && match_one(pattern, &i, path, &k)) {
            continue;
        }
        if (star.is_set && star.path < path.n && path.p[star.path] != '/') {
            i = star.pattern;
            k = ++star.path;
        } else if (stars.is_set && stars.path < path.n) {
            star.is_set = false;
            i = stars.pattern;
            k = stars.path = next_try(&stars, path);
        } else {
            return false;
        }
    }
    return true;
}
