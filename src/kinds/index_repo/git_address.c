/* git_address.c: which repositories may be asked, and in which words git hears of them. Refuses what carries a secret in the
 * open, what git would take for an option, and local paths outside the allowed folders. */
#include "kinds/index_repo/git_private.h"
#include "net/fetch.h"

#include <limits.h>
#include <sys/stat.h>

#define MAX_ADDRESS_BYTES 2048

static enum rc invalid(struct err *e, const char *why)
{
    return err_set_code(e, RC_INVALID, "invalid_input", "repo", "repo: %s", why);
}

static bool has_odd_bytes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* ---- local paths */

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 1);
}

static bool is_allowed(struct git *g, const char *path)
{
    struct str rest = g->o.allow_paths;
    while (rest.n > 0) {
        char real[PATH_MAX];
        struct str folder = str_cut(rest, '\n', &rest);
        if (folder.n > 0 && realpath(arena_c_str(g->a, folder), real) && is_below(path, real)) {
            return true;
        }
    }
    return false;
}

static enum rc open_local(struct git *g, struct str path, struct err *e)
{
    char real[PATH_MAX];
    struct stat what;
    const char *given = arena_c_str(g->a, path);
    if (strlen(given) != path.n || path.n == 0 || path.p[0] != '/') {
        return invalid(e, "a local repository is named by its absolute path");
    }
    bool exists = realpath(given, real) != NULL;
    bool leads_up = str_find(path, STR("/../"), 0) < path.n;
    if (!is_allowed(g, exists ? real : given) || (!exists && leads_up)) {
        return err_set_code(e, RC_DENIED, "unsupported_protocol", "repo",
                            "this worker reads local repositories only below the folders of --allow-path");
    }
    if (!exists) {
        return err_set_code(e, RC_NOT_FOUND, "repo_not_found", "repo", "no such folder");
    }
    if (stat(real, &what) != 0 || !S_ISDIR(what.st_mode)) {
        return err_set_code(e, RC_INVALID, "not_a_repository", "repo", "a file is not a repository");
    }
    g->local_path = arena_str(g->a, str_from(real));
    g->url = g->local_path;
    return RC_OK;
}

/* ---- addresses */

static bool is_key(struct str secret)
{
    return str_starts(secret, STR("-----BEGIN"));
}

static enum rc open_http(struct git *g, struct str address, bool is_plain, struct err *e)
{
    size_t from = str_find(address, STR("://"), 0) + 3;
    struct str authority = str_sub(address, from, str_find_char(address, '/', from));
    if (str_find_char(authority, '@', 0) < authority.n) {
        return invalid(e, "no user or password in the address: store the token as a secret and name it");
    }
    if (authority.n == 0 || authority.p[0] == '-') {
        return invalid(e, "the address has no host");
    }
    if (g->o.secret.n > 0 && (is_plain || is_key(g->o.secret))) {
        return invalid(e, is_plain ? "a secret is never sent over http; use https"
                                   : "https needs a token, not a key");
    }
    g->url = arena_str(g->a, address);
    bool has_user = str_find_char(g->o.secret, ':', 0) < g->o.secret.n;
    if (g->o.secret.n > 0) {
        g->auth =
            arena_printf(g->a, "%s%.*s", has_user ? "" : "x-access-token:", STR_ARG(str_trim(g->o.secret)));
    }
    return RC_OK;
}

static enum rc open_ssh(struct git *g, struct str address, struct str host, struct err *e)
{
    struct str after_user = STR_NONE;
    struct str user = str_cut(host, '@', &after_user);
    struct str name = after_user.n > 0 ? after_user : host;
    if (name.n == 0 || name.p[0] == '-' || (user.n > 0 && user.p[0] == '-')) {
        return invalid(e, "the address has no host");
    }
    if (after_user.n > 0 && str_find_char(user, ':', 0) < user.n) {
        return invalid(e, "no password in the address");
    }
    if (g->o.secret.n > 0 && !is_key(g->o.secret)) {
        return invalid(e, "ssh needs a private key as its secret");
    }
    g->url = arena_str(g->a, address);
    g->ssh_host = arena_str(g->a, after_user.n > 0 ? after_user : host);
    return RC_OK;
}

enum rc git_open_address(struct git *g, struct err *e)
{
    struct str repo = g->o.repo;
    size_t scheme_end = str_find(repo, STR("://"), 0);
    struct str scheme = str_sub(repo, 0, scheme_end);
    struct str rest = str_sub(repo, scheme_end + 3, repo.n);
    if (repo.n == 0 || repo.n > MAX_ADDRESS_BYTES || repo.p[0] == '-' ||
        (has_odd_bytes(repo) && repo.p[0] != '/')) {
        return invalid(e, "not the address of a repository");
    }
    if (scheme_end < repo.n) {
        if (str_eq_nocase(scheme, STR("https")) || str_eq_nocase(scheme, STR("http"))) {
            return open_http(g, repo, scheme.n == 4, e);
        }
        if (str_eq_nocase(scheme, STR("ssh"))) {
            return open_ssh(g, repo, str_sub(rest, 0, str_find_char(rest, '/', 0)), e);
        }
        if (str_eq_nocase(scheme, STR("file"))) {
            return open_local(g, rest, e);
        }
        return err_set_code(e, RC_INVALID, "unsupported_protocol", "repo",
                            "%.*s: only https, http, ssh and file", STR_ARG(str_sub(scheme, 0, 32)));
    }
    size_t colon = str_find_char(repo, ':', 0);
    if (str_starts(str_sub(repo, colon, repo.n), STR("::"))) { /* git would start the helper of that name */
        return err_set_code(e, RC_INVALID, "unsupported_protocol", "repo", "only https, http, ssh and file");
    }
    if (repo.p[0] != '/' && colon < repo.n && str_find_char(repo, '/', 0) > colon) {
        return open_ssh(g, repo, str_sub(repo, 0, colon), e); /* user@host:path */
    }
    return open_local(g, repo, e);
}

/* ---- where it leads */

static enum rc in_our_words(enum rc rc, struct err *e)
{
    if (rc == RC_INVALID) {
        return invalid(e, "not the address of a repository");
    }
    return rc == RC_BUSY || rc == RC_NOT_FOUND
               ? err_set_code(e, RC_BUSY, "dns", NULL, "the host cannot be looked up")
               : rc;
}

/* ssh has a port of its own, which is no other service's. */
static enum rc find_ssh(struct git *g, struct err *e)
{
    struct fetch_pin pin;
    struct address_rules rules = g->o.rules ? *g->o.rules : (struct address_rules){.n = 0};
    bool has_port = str_find_char(g->ssh_host, ':', 0) < g->ssh_host.n && !str_ends(g->ssh_host, STR("]"));
    struct str url = arena_printf(g->a, "http://%.*s%s/", STR_ARG(g->ssh_host), has_port ? "" : ":22");
    enum rc rc = address_allow(&rules, STR("public:22"), e);
    rc = rc ? rc : fetch_pin(url, &rules, g->a, &pin, e);
    if (rc) {
        return in_our_words(rc, e);
    }
    g->ssh_address = pin.address;
    return RC_OK;
}

enum rc git_find_place(struct git *g, struct err *e)
{
    struct fetch_pin pin;
    if (g->local_path.n) {
        return RC_OK;
    }
    if (g->ssh_host.n) {
        return find_ssh(g, e);
    }
    enum rc rc = fetch_pin(g->url, g->o.rules, g->a, &pin, e);
    if (rc) {
        return in_our_words(rc, e);
    }
    g->pin = pin.text;
    return RC_OK;
}

static enum rc redirected(struct err *e, const char *why)
{
    return err_set_code(e, RC_INVALID, "redirected", "repo", "repo: it was redirected, %s", why);
}

static bool same_origin(struct str left, struct str right, struct arena *a)
{
    struct url l;
    struct url r;
    return !url_parse(left, a, &l, NULL) && !url_parse(right, a, &r, NULL) &&
           str_eq(url_origin(&l, a), url_origin(&r, a));
}

enum rc git_follow(struct git *g, struct err *e)
{
    static const struct str behind = STR("/info/refs?service=git-upload-pack");
    static const struct http_field fields[] = {{STR("Git-Protocol"), STR("version=2")}};
    struct str base = str_ends(g->url, STR("/")) ? str_sub(g->url, 0, g->url.n - 1) : g->url;
    const struct fetch_request r = {.url = arena_printf(g->a, "%.*s%.*s", STR_ARG(base), STR_ARG(behind)),
                                    .fields = fields,
                                    .field_count = 1,
                                    .redirects = FETCH_REDIRECTS_MAX,
                                    .rules = g->o.rules};
    struct fetch_answer answer;
    struct fetcher *f = fetcher_new("git/stint-" STINT_VERSION);
    enum rc rc = fetch(f, &r, g->a, &answer, e);
    fetcher_free(f);
    if (rc == RC_DENIED) {
        return rc;
    }
    if (rc || !str_ends(answer.url, behind) || str_eq(answer.url, r.url)) {
        return redirected(e, "and not to a repository");
    }
    struct str target = str_sub(answer.url, 0, answer.url.n - behind.n);
    if (!same_origin(target, g->url, g->a)) {
        g->auth = STR(""); /* a secret is for the host that it was given for */
    }
    g->url = target;
    return RC_OK;
}
