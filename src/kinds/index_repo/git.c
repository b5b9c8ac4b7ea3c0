/* git.c: the steps of reading a repository. See git.h. */
#include "kinds/index_repo/git_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_REFS_BYTES (64 << 20)
#define MAX_TREE_BYTES (512 << 20)
#define OUR_REF        "refs/stint/head"

/* ---- environment */

static void put_env(struct git *g, const char *name, struct str value)
{
    if (g->env_count + 1 < GIT_MAX_ENV) {
        g->env[g->env_count++] = arena_c_str(g->a, arena_printf(g->a, "%s=%.*s", name, STR_ARG(value)));
    }
}

static void put_env_from_ours(struct git *g, const char *name, const char *otherwise)
{
    const char *v = getenv(name);
    if (v || otherwise) {
        put_env(g, name, str_from(v ? v : otherwise));
    }
}

static void put_config(struct git *g, int *count, const char *key, struct str value)
{
    char name[32];
    str_print(name, sizeof name, "GIT_CONFIG_KEY_%d", *count);
    put_env(g, name, str_from(key));
    str_print(name, sizeof name, "GIT_CONFIG_VALUE_%d", *count);
    put_env(g, name, value);
    *count += 1;
}

/* The header with the token, only for the repository's own origin. */
static void put_auth(struct git *g, int *count)
{
    struct buf header = BUF_LIMIT(65536);
    size_t host = str_find(g->url, STR("://"), 0) + 3;
    struct str origin = str_sub(g->url, 0, str_find_char(g->url, '/', host));
    buf_append_c(&header, "Authorization: Basic ");
    git_base64(g->auth, &header);
    put_config(g, count, arena_c_str(g->a, arena_printf(g->a, "http.%.*s/.extraHeader", STR_ARG(origin))),
               arena_str(g->a, buf_str(&header)));
    buf_dispose(&header);
}

static void make_env(struct git *g)
{
    static const char *const settings[][2] = {
        {"protocol.allow", "never"},          {"protocol.https.allow", "always"},
        {"protocol.http.allow", "always"},    {"protocol.ssh.allow", "always"},
        {"core.hooksPath", "/dev/null"},      {"core.fsmonitor", "false"},
        {"http.followRedirects", "false"},    {"http.lowSpeedLimit", "1000"},
        {"http.lowSpeedTime", "30"},          {"gc.auto", "0"},
        {"maintenance.auto", "false"},        {"transfer.unpackLimit", "1"},
        {"fetch.recurseSubmodules", "false"},
    };
    char number[16];
    int count = 0;
    put_env_from_ours(g, "PATH", "/usr/local/bin:/usr/bin:/bin");
    put_env_from_ours(g, "SSL_CERT_FILE", NULL);
    put_env(g, "HOME", str_from(g->home));
    put_env(g, "LC_ALL", STR("C"));
    put_env(g, "GIT_CONFIG_NOSYSTEM", STR("1"));
    put_env(g, "GIT_TERMINAL_PROMPT", STR("0"));
    put_env(g, "GIT_ASKPASS", STR("/bin/false"));
    put_env(g, "GIT_OPTIONAL_LOCKS", STR("0"));
    put_env(g, "GIT_NO_REPLACE_OBJECTS", STR("1"));
    put_env(
        g, "GIT_SSH_COMMAND",
        arena_printf(
            g->a,
            "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile='%s/key' "
            "-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/dev/null -o ConnectTimeout=30%s%.*s",
            g->home, g->ssh_address.n ? " -o HostName=" : "", STR_ARG(g->ssh_address)));
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        put_config(g, &count, settings[i][0], str_from(settings[i][1]));
    }
    put_config(g, &count, "protocol.file.allow", g->local_path.n > 0 ? STR("always") : STR("never"));
    if (g->auth.n > 0) {
        put_auth(g, &count);
    }
    if (g->pin.n > 0) {
        put_config(g, &count, "http.curloptResolve", g->pin);
    }
    str_print(number, sizeof number, "%d", count);
    put_env(g, "GIT_CONFIG_COUNT", str_from(number));
}

/* ---- opening */

static enum rc write_file(const char *path, struct str text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(e, errno, path);
    }
    enum rc rc = buf_write_fd(fd, text, path, e);
    return close(fd) && !rc ? err_from_errno(e, errno, path) : rc;
}

static void append_quoted(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        buf_append_c(b, s.p[i] == '"' || s.p[i] == '\\' ? "\\" : "");
        buf_append_char(b, s.p[i]);
    }
}

static void append_safe_folder(struct buf *b, struct str path, const char *below)
{
    buf_append_c(b, "\tdirectory = \"");
    append_quoted(b, path);
    buf_printf(b, "%s\"\n", below);
}

/* The folder that a `.git` file points to (linked working trees). */
static struct str linked_folder(struct git *g)
{
    struct buf text = BUF_LIMIT(8192);
    struct str out = STR("");
    const char *path = arena_c_str(g->a, arena_printf(g->a, "%.*s/.git", STR_ARG(g->local_path)));
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && !buf_read_file(&text, path, NULL) &&
        str_starts(buf_str(&text), STR("gitdir: "))) {
        out = arena_str(g->a, str_trim(str_sub(buf_str(&text), 8, text.n)));
    }
    buf_dispose(&text);
    return out;
}

/* The serving side of a local fetch reads only this file: git does not hand our environment's settings to it. */
static enum rc write_home(struct git *g, struct err *e)
{
    struct buf text = BUF_LIMIT(65536);
    const char *config = arena_c_str(g->a, arena_printf(g->a, "%s/.gitconfig", g->home));
    const char *key = arena_c_str(g->a, arena_printf(g->a, "%s/key", g->home));
    buf_append_c(&text, "[uploadpack]\n\tallowAnySHA1InWant = true\n");
    if (g->local_path.n > 0) {
        struct str linked = linked_folder(g);
        buf_append_c(&text, "[safe]\n");
        append_safe_folder(&text, g->local_path, "");
        append_safe_folder(&text, g->local_path, "/.git");
        if (linked.n > 0) {
            append_safe_folder(&text, linked, "");
        }
    }
    enum rc rc = mkdir(g->home, 0700) ? err_from_errno(e, errno, g->home) : RC_OK;
    rc = rc ? rc : write_file(config, buf_str(&text), e);
    if (!rc && str_starts(g->o.secret, STR("-----BEGIN"))) {
        rc = write_file(key, arena_printf(g->a, "%.*s\n", STR_ARG(str_trim(g->o.secret))), e);
    }
    buf_dispose(&text);
    return rc;
}

enum rc git_open(const struct git_options *o, struct arena *a, struct git **out, struct err *e)
{
    struct git *g = arena_alloc(a, sizeof *g);
    g->o = *o;
    g->a = a;
    g->reader_buf = BUF_LIMIT(PTRDIFF_MAX);
    g->home = arena_c_str(a, arena_printf(a, "%s/home", o->scratch));
    g->git_dir = arena_c_str(a, arena_printf(a, "%s/repo.git", o->scratch));
    enum rc rc = git_open_address(g, e);
    rc = rc ? rc : write_home(g, e);
    if (!rc) {
        make_env(g);
        *out = g;
    }
    return rc;
}

enum rc git_look_up(struct git *g, struct err *e)
{
    enum rc rc = git_find_place(g, e);
    if (!rc) {
        g->env_count = 0;
        make_env(g);
        g->is_looked_up = true;
    }
    return rc;
}

void git_close(struct git *g)
{
    if (g && g->reader > 0) {
        close(g->reader_in);
        close(g->reader_out);
        git_stop(g->reader);
        g->reader = 0;
    }
    if (g) {
        buf_dispose(&g->reader_buf);
    }
}

/* ---- refs */

static bool is_commit_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
        if (!is_hex) {
            return false;
        }
    }
    return s.n == 40 || s.n == 64;
}

static bool is_ref_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || strchr("~^:?*[\\\x7f", s.p[i])) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 255 && s.p[0] != '-' && s.p[0] != '/' && str_find(s, STR(".."), 0) == s.n &&
           !str_ends(s, STR("/")) && !str_ends(s, STR(".lock"));
}

/* The id beside `name` in the lines of ls-remote; "" when it is not there. */
static struct str id_of_ref(struct str lines, struct str name)
{
    while (lines.n > 0) {
        struct str ref = STR_NONE;
        struct str line = str_cut(lines, '\n', &lines);
        struct str id = str_cut(line, '\t', &ref);
        if (str_eq(ref, name) && is_commit_id(id)) {
            return id;
        }
    }
    return STR("");
}

static bool take_ref(struct git *g, struct str lines, struct str name, struct git_head *out)
{
    struct str peeled = id_of_ref(lines, arena_printf(g->a, "%.*s^{}", STR_ARG(name)));
    struct str id = peeled.n > 0 ? peeled : id_of_ref(lines, name);
    if (id.n == 0) {
        return false;
    }
    out->commit = arena_str(g->a, id);
    out->ref_name = arena_str(g->a, name);
    return true;
}

/* Runs git with the address at argv[url_at]. It follows no redirect; we do, once, and judge where it leads. */
static enum rc run_remote(struct git *g, const char **argv, size_t url_at, struct buf *out, struct err *e)
{
    assert(g->is_looked_up);
    argv[url_at] = arena_c_str(g->a, g->url);
    struct err first = {.rc = RC_OK};
    enum rc rc = git_run(g, argv, out, &first);
    if (rc == RC_INVALID && first.code && strcmp(first.code, "redirected") == 0) {
        if (out) {
            buf_clear(out);
        }
        rc = git_follow(g, e);
        rc = rc ? rc : git_look_up(g, e);
        argv[url_at] = arena_c_str(g->a, g->url);
        return rc ? rc : git_run(g, argv, out, e);
    }
    if (rc && e) {
        *e = first;
    }
    return rc;
}

/* No such ref: is there any at all? */
static enum rc tell_missing(struct git *g, struct str ref, struct err *e)
{
    struct buf lines = BUF_LIMIT(MAX_REFS_BYTES);
    const char *argv[] = {"git", "ls-remote", "-q", "--", arena_c_str(g->a, g->url), NULL};
    enum rc rc = git_run(g, argv, &lines, e);
    if (!rc && lines.n == 0) {
        rc = err_set_code(e, RC_INVALID, "empty_repository", "repo", "the repository has no commit yet");
    } else if (!rc) {
        rc = err_set_code(e, RC_NOT_FOUND, "ref_not_found", "ref", "the repository has no branch or tag %.*s",
                          STR_ARG(ref));
    }
    buf_dispose(&lines);
    return rc;
}

enum rc git_resolve(struct git *g, struct str ref, struct git_head *out, struct err *e)
{
    if (!is_ref_name(ref)) {
        return err_set_code(e, RC_INVALID, "invalid_input", "ref", "ref: not the name of a branch or tag");
    }
    if (is_commit_id(ref)) {
        *out = (struct git_head){.commit = ref, .ref_name = ref};
        return RC_OK;
    }
    struct str names[] = {ref, arena_printf(g->a, "refs/heads/%.*s", STR_ARG(ref)),
                          arena_printf(g->a, "refs/tags/%.*s", STR_ARG(ref))};
    bool is_full = str_eq(ref, STR("HEAD")) || str_starts(ref, STR("refs/"));
    struct buf lines = BUF_LIMIT(MAX_REFS_BYTES);
    const char *argv[] = {"git",
                          "ls-remote",
                          "-q",
                          "--",
                          NULL,
                          arena_c_str(g->a, names[is_full ? 0 : 1]),
                          arena_c_str(g->a, arena_printf(g->a, "%.*s^{}", STR_ARG(names[is_full ? 0 : 2]))),
                          arena_c_str(g->a, names[2]),
                          NULL};
    enum rc rc = run_remote(g, argv, 4, &lines, e);
    bool found = false;
    for (size_t i = is_full ? 0 : 1; i < (is_full ? 1 : 3) && !rc && !found; i++) {
        found = take_ref(g, buf_str(&lines), names[i], out);
    }
    buf_dispose(&lines);
    return rc || found ? rc : tell_missing(g, ref, e);
}

/* ---- fetching */

static enum rc run_here(struct git *g, const char *const *words, struct buf *out, struct err *e)
{
    const char *argv[24] = {"git", "--git-dir", g->git_dir};
    size_t n = 3;
    while (*words && n + 1 < sizeof argv / sizeof argv[0]) {
        argv[n++] = *words++;
    }
    return git_run(g, argv, out, e);
}

/* A server may refuse to give a commit by its id; then all branches with their history are fetched. */
static enum rc fetch_history(struct git *g, struct str commit, struct err *e)
{
    const char *words[] = {"fetch",
                           "--progress",
                           "--no-tags",
                           "--no-auto-gc",
                           "--",
                           arena_c_str(g->a, g->url),
                           "+refs/*:refs/all/*",
                           NULL};
    const char *update[] = {"update-ref", OUR_REF, arena_c_str(g->a, commit), NULL};
    enum rc rc = run_here(g, words, NULL, e);
    rc = rc ? rc : run_here(g, update, NULL, e);
    if (rc == RC_BUSY && e && e->code && strcmp(e->code, "git_failed") == 0) {
        return err_set_code(e, RC_NOT_FOUND, "ref_not_found", "ref", "the repository has no commit %.*s",
                            STR_ARG(commit));
    }
    return rc;
}

enum rc git_fetch(struct git *g, struct git_head *h, struct err *e)
{
    struct buf id = BUF_LIMIT(256);
    const char *init[] = {"init", "-q", "--bare", "--template=", NULL};
    const char *refspec = arena_c_str(g->a, arena_printf(g->a, "+%.*s:" OUR_REF, STR_ARG(h->ref_name)));
    const char *words[] = {"git",       "--git-dir",    g->git_dir,
                           "fetch",     "--progress",   "--no-tags",
                           "--depth=1", "--no-auto-gc", "--no-write-fetch-head",
                           "--",        NULL,           refspec,
                           NULL};
    const char *commit = OUR_REF "^{commit}";
    const char *parse[] = {"rev-parse", "--verify", "--end-of-options", commit, NULL};
    enum rc rc = run_here(g, init, NULL, e);
    rc = rc ? rc : run_remote(g, words, 10, NULL, e);
    if (rc == RC_NOT_FOUND && is_commit_id(h->ref_name)) {
        rc = fetch_history(g, h->commit, e);
    }
    if (!rc && run_here(g, parse, &id, NULL)) {
        rc = err_set_code(e, RC_NOT_FOUND, "ref_not_found", "ref", "%.*s is not a commit",
                          STR_ARG(h->ref_name));
    }
    if (!rc) {
        h->commit = arena_str(g->a, str_trim(buf_str(&id)));
    }
    buf_dispose(&id);
    return rc;
}

/* ---- files */

/* "100644 blob <id> <size>\t<path>", padded with blanks. */
static bool read_entry(struct git *g, struct str record, struct git_entry *out)
{
    struct str path = STR_NONE;
    struct str words[4];
    struct str rest = str_cut(record, '\t', &path);
    for (int i = 0; i < 4; i++) {
        while (str_starts(rest, STR(" "))) {
            rest = str_sub(rest, 1, rest.n);
        }
        words[i] = str_cut(rest, ' ', &rest);
    }
    if (path.n == 0 || !is_commit_id(words[2])) {
        return false;
    }
    out->path = arena_str(g->a, path);
    out->id = arena_str(g->a, words[2]);
    out->mode = str_eq(words[0], STR("120000")) ? GIT_SYMLINK : GIT_FILE;
    out->mode = str_eq(words[1], STR("commit")) ? GIT_SUBMODULE : out->mode;
    if (!str_to_i64(words[3], &out->bytes)) {
        out->bytes = -1;
    }
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    return str_compare(((const struct git_entry *)a)->path, ((const struct git_entry *)b)->path);
}

/* A tree made by hand may be out of order, or name a path twice: the first one counts. */
static size_t sort_and_unite(struct git_entry *entries, size_t count)
{
    size_t kept = 0;
    if (count > 0) {
        qsort(entries, count, sizeof *entries, compare_entries);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !str_eq(entries[kept - 1].path, entries[i].path)) {
            entries[kept++] = entries[i];
        }
    }
    return kept;
}

enum rc git_list(struct git *g, struct str commit, size_t max, struct git_entry **out, size_t *count,
                 struct err *e)
{
    struct buf tree = BUF_LIMIT(MAX_TREE_BYTES);
    const char *words[] = {"ls-tree", "-r", "-z", "--long", "--full-tree", arena_c_str(g->a, commit), NULL};
    enum rc rc = run_here(g, words, &tree, e);
    struct str rest = buf_str(&tree);
    size_t n = 0;
    size_t records = 0;
    for (size_t i = 0; i < rest.n; i++) {
        records += rest.p[i] == '\0';
    }
    if (!rc && records > max) {
        rc = err_set_code(e, RC_TOO_BIG, "too_large", "max_files",
                          "the commit has %zu files, more than max_files = %zu", records, max);
    }
    struct git_entry *entries = rc ? NULL : arena_array(g->a, struct git_entry, records + 1);
    while (!rc && rest.n > 0) {
        n += read_entry(g, str_cut(rest, '\0', &rest), &entries[n]);
    }
    if (!rc) {
        *count = sort_and_unite(entries, n);
        *out = entries;
    }
    buf_dispose(&tree);
    return rc;
}

/* ---- blobs, through one cat-file that stays */

static enum rc read_more(struct git *g, struct err *e)
{
    char *room = buf_reserve(&g->reader_buf, 65536);
    ssize_t n = 0;
    do {
        n = read(g->reader_out, room, 65536);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return err_set_code(e, RC_BUSY, "remote_corrupt", NULL, "git cat-file ended in the middle");
    }
    g->reader_buf.n += (size_t)n;
    return RC_OK;
}

static enum rc ask(struct git *g, struct str id, struct err *e)
{
    char line[80];
    if (g->reader == 0) {
        const char *argv[] = {"git", "--git-dir", g->git_dir, "cat-file", "--batch", NULL};
        enum rc rc = git_start(g, argv, &g->reader, &g->reader_in, &g->reader_out, e);
        if (rc) {
            return rc;
        }
    }
    size_t n = str_print(line, sizeof line, "%.*s\n", STR_ARG(id));
    return write(g->reader_in, line, n) == (ssize_t)n
               ? RC_OK
               : err_set_code(e, RC_BUSY, "git_failed", NULL, "git cat-file is gone");
}

/* The header line "<id> blob <size>"; leaves what is behind it in the buffer. */
static enum rc read_header(struct git *g, struct str id, int64_t *size, struct err *e)
{
    size_t end = 0;
    enum rc rc = RC_OK;
    while (!rc && (end = str_find_char(buf_str(&g->reader_buf), '\n', 0)) == g->reader_buf.n) {
        rc = read_more(g, e);
    }
    if (rc) {
        return rc;
    }
    struct str rest = str_sub(buf_str(&g->reader_buf), 0, end);
    (void)str_cut(rest, ' ', &rest);
    struct str type = str_cut(rest, ' ', &rest);
    if (!str_eq(type, STR("blob")) || !str_to_i64(rest, size) || *size < 0) {
        return err_set_code(e, RC_BUSY, "remote_corrupt", NULL, "no blob %.*s in the repository",
                            STR_ARG(id));
    }
    buf_drop_front(&g->reader_buf, end + 1);
    return RC_OK;
}

enum rc git_read(struct git *g, struct str id, struct buf *out, struct err *e)
{
    int64_t left = 0;
    enum rc rc = ask(g, id, e);
    rc = rc ? rc : read_header(g, id, &left, e);
    while (!rc && left > 0) {
        struct str piece = str_sub(buf_str(&g->reader_buf), 0, (size_t)left);
        buf_append_str(out, piece);
        left -= (int64_t)piece.n;
        buf_drop_front(&g->reader_buf, piece.n);
        rc = left > 0 ? read_more(g, e) : RC_OK;
    }
    while (!rc && g->reader_buf.n == 0) {
        rc = read_more(g, e);
    }
    if (!rc) {
        buf_drop_front(&g->reader_buf, 1); /* the newline behind the content */
        rc = buf_check(out, "the blob", e);
    }
    return rc;
}

/* ---- the working tree of a local repository */

bool git_is_dirty(struct git *g)
{
    struct buf names = BUF_LIMIT(1 << 20);
    bool is_dirty = false;
    if (g->local_path.n > 0) {
        const char *path = arena_c_str(g->a, g->local_path);
        const char *staged[] = {"git",         "-C",   path, "diff-index", "--cached",
                                "--name-only", "HEAD", "--", NULL};
        const char *unstaged[] = {"git", "-C", path, "diff-files", "--name-only", NULL};
        is_dirty = (!git_run(g, staged, &names, NULL) && names.n > 0) ||
                   (!git_run(g, unstaged, &names, NULL) && names.n > 0);
    }
    buf_dispose(&names);
    return is_dirty;
}
