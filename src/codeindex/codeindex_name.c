/* codeindex_name.c: see codeindex_name.h. */
#include "codeindex/codeindex_name.h"

static struct str without_end(struct str s, const char *end)
{
    struct str e = str_from(end);
    return s.n > e.n && str_ends(s, e) ? str_sub(s, 0, s.n - e.n) : s;
}

/* user@Host:443 as host. */
static struct str plain_host(struct str authority, const char *default_port, struct arena *a)
{
    struct str behind = STR_NONE;
    struct str before = str_cut(authority, '@', &behind);
    struct str host = without_end(behind.n > 0 ? behind : before, default_port);
    char *p = arena_c_str(a, host);
    for (size_t i = 0; i < host.n; i++) {
        p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];
    }
    return (struct str){p, host.n};
}

static const char *default_port(struct str scheme)
{
    if (str_eq_nocase(scheme, STR("https"))) {
        return ":443";
    }
    return str_eq_nocase(scheme, STR("ssh")) ? ":22" : ":80";
}

struct str codeindex_canonical_repo(struct str repo, struct arena *a)
{
    repo = without_end(str_trim(repo), "/");
    size_t scheme_end = str_find(repo, STR("://"), 0);
    struct str scheme = str_sub(repo, 0, scheme_end);
    bool is_file = str_eq_nocase(scheme, STR("file"));
    if (is_file || str_starts(repo, STR("/"))) { /* x and x.git are two folders */
        return is_file ? str_sub(repo, scheme_end + 3, repo.n) : repo;
    }
    repo = without_end(repo, ".git");
    scheme_end = scheme_end < repo.n ? scheme_end : repo.n;
    size_t colon = str_find_char(repo, ':', 0);
    if (scheme_end < repo.n) {
        size_t host_at = scheme_end + 3;
        size_t slash = str_find_char(repo, '/', host_at);
        struct str host = plain_host(str_sub(repo, host_at, slash), default_port(scheme), a);
        struct str lower = plain_host(scheme, "", a);
        return arena_printf(a, "%.*s://%.*s%.*s", STR_ARG(lower), STR_ARG(host),
                            STR_ARG(str_sub(repo, slash, repo.n)));
    }
    if (colon < str_find_char(repo, '/', 0)) {
        struct str host = plain_host(str_sub(repo, 0, colon), ":22", a);
        size_t path = colon + 1 + str_starts(str_sub(repo, colon + 1, repo.n), STR("/"));
        return arena_printf(a, "ssh://%.*s/%.*s", STR_ARG(host), STR_ARG(str_sub(repo, path, repo.n)));
    }
    return repo;
}

/* Two different hashes of the same text: names collide by intention only, and then only the tenant's own. */
struct str codeindex_series(struct str repo, struct str ref, struct arena *a)
{
    struct str canonical = codeindex_canonical_repo(repo, a);
    struct str name =
        arena_printf(a, "%.*s\n%.*s", STR_ARG(canonical), STR_ARG(ref.n > 0 ? ref : STR("HEAD")));
    struct str again = arena_printf(a, "series\n%.*s", STR_ARG(name));
    return arena_printf(a, CODEINDEX_SERIES_PREFIX "%016llx%016llx", (unsigned long long)str_hash(name),
                        (unsigned long long)str_hash(again));
}
