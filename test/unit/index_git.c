/* What git is asked and what it says: addresses, refs, codes of failures, secrets. The steps with a real repository are in
 * test/pipeline. */
#include "codeindex/codeindex_name.h"
#include "kinds/index_repo/git.h"
#include "kinds/index_repo/index_args.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc open_one(const char *repo, const char *secret, const char *allowed, struct arena *a,
                        struct err *e)
{
    static int n;
    struct git *g = NULL;
    char name[32];
    str_print(name, sizeof name, "scratch-%d", n++);
    const char *scratch = test_path(name);
    (void)mkdir(scratch, 0700);
    struct git_options o = {
        .repo = str_from(repo), .secret = str_from(secret), .allow_paths = str_from(allowed)};
    o.scratch = scratch;
    enum rc rc = git_open(&o, a, &g, e);
    git_close(rc ? NULL : g);
    return rc;
}

TEST(addresses_are_checked_before_git_hears_of_them)
{
    static const struct {
        const char *repo, *secret, *code; /* code NULL: accepted */
    } rows[] = {
        {"https://example.org/a/b.git", "", NULL},
        {"https://example.org/a/b.git", "token", NULL},
        {"http://example.org/a", "", NULL},
        {"http://example.org/a", "token", "invalid_input"},
        {"https://user:password@example.org/a", "", "invalid_input"},
        {"https://token@example.org/a", "", "invalid_input"},
        {"https:///a", "", "invalid_input"},
        {"https://-oProxyCommand=x/a", "", "invalid_input"},
        {"ssh://git@example.org/a.git", "", NULL},
        {"git@example.org:a/b.git", "", NULL},
        {"-u:a/b", "", "invalid_input"},
        {"git@-host:a/b", "", "invalid_input"},
        {"git@example.org:a/b.git", "token", "invalid_input"},
        {"git://example.org/a", "", "unsupported_protocol"},
        {"ext::sh -c id", "", "invalid_input"},
        {"ext::sh%20-c", "", "unsupported_protocol"},
        {"ftp://example.org/a", "", "unsupported_protocol"},
        {"--upload-pack=x", "", "invalid_input"},
        {"", "", "invalid_input"},
        {"relative/path", "", "invalid_input"},
        {"/etc", "", "unsupported_protocol"},
        {"file:///etc", "", "unsupported_protocol"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err_clear(e);
        enum rc rc = open_one(rows[i].repo, rows[i].secret, "/nowhere", a, e);
        CHECK_STR(str_from(rc ? e->code : ""), str_from(rows[i].code ? rows[i].code : ""));
        CHECK_TRUE(str_find(str_from(e->text), STR("password"), 0) == strlen(e->text) || rc == RC_INVALID);
    }
    arena_free(a);
}

TEST(local_paths_must_lie_below_an_allowed_folder_also_through_links)
{
    struct arena *a = arena_new();
    const char *inside = test_path("inside");
    const char *outside = test_path("outside");
    const char *link = test_path("inside/link");
    (void)mkdir(inside, 0700);
    (void)mkdir(outside, 0700);
    CHECK_INT(symlink(outside, link), 0);
    const char *allowed = arena_c_str(a, arena_printf(a, "/nowhere\n%s\n", inside));
    OK(open_one(inside, "", allowed, a, e));
    FAILS(open_one(outside, "", allowed, a, e), RC_DENIED);
    FAILS(open_one(link, "", allowed, a, e), RC_DENIED);
    FAILS(open_one(arena_printf(a, "%s/../outside", inside).p, "", allowed, a, e), RC_DENIED);
    FAILS(open_one(arena_printf(a, "%s/absent", inside).p, "", allowed, a, e), RC_NOT_FOUND);
    FAILS(open_one(arena_printf(a, "%s-else", inside).p, "", allowed, a, e), RC_DENIED);
    const char *file = test_path("inside/file.txt");
    fclose(fopen(file, "w"));
    FAILS(open_one(file, "", allowed, a, e), RC_INVALID);
    CHECK_STR(str_from(e->code), STR("not_a_repository"));
    arena_free(a);
}

TEST(failures_of_git_get_a_code_each)
{
    static const struct {
        const char *text, *code;
        enum rc rc;
    } rows[] = {
        {"fatal: repository 'https://x/y/' not found\n", "repo_not_found", RC_NOT_FOUND},
        {"fatal: could not read Username for 'https://x': terminal prompts disabled\n", "auth_failed",
         RC_DENIED},
        {"fatal: Authentication failed for 'https://x/y'\n", "auth_failed", RC_DENIED},
        {"fatal: couldn't find remote ref refs/heads/x\n", "ref_not_found", RC_NOT_FOUND},
        {"error: Server does not allow request for unadvertised object abc\n", "ref_not_found", RC_NOT_FOUND},
        {"fatal: '/tmp' does not appear to be a git repository\nfatal: Could not read from remote "
         "repository.\n",
         "not_a_repository", RC_INVALID},
        {"fatal: https://x/y/info/refs not valid: is this a git repository?\n", "not_a_repository",
         RC_INVALID},
        {"fatal: unable to access 'https://x/': Could not resolve host: x\n", "dns", RC_BUSY},
        {"fatal: unable to access 'https://x/': Failed to connect to x port 443 after 0 ms: Couldn't "
         "connect\n",
         "connect", RC_BUSY},
        {"fatal: unable to access 'https://x/': Operation too slow. Less than 1000 bytes/sec\n", "timeout",
         RC_BUSY},
        {"fatal: unable to access 'https://x/': The requested URL returned error: 503\n", "http_5xx",
         RC_BUSY},
        {"fatal: unable to access 'https://x/': The requested URL returned error: 429\n", "http_429",
         RC_BUSY},
        {"fatal: unable to access 'https://x/': The requested URL returned error: 403\n", "auth_failed",
         RC_DENIED},
        {"fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: "
         "fetch-pack: invalid "
         "index-pack output\n",
         "early_eof", RC_BUSY},
        {"fatal: fetch-pack: invalid index-pack output\n", "remote_corrupt", RC_BUSY},
        {"fatal: write error: No space left on device\nfatal: early EOF\n", "disk_full", RC_FULL},
        {"error: index-pack died of signal 25\n", "too_large", RC_TOO_BIG},
        {"fatal: transport 'git' not allowed\n", "unsupported_protocol", RC_INVALID},
        {"something new\n", "git_failed", RC_BUSY},
        {"", "git_failed", RC_BUSY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err_clear(e);
        FAILS(git_classify(str_from(rows[i].text), e), rows[i].rc);
        CHECK_STR(str_from(e->code), str_from(rows[i].code));
    }
}

TEST(no_form_of_a_secret_stays_in_what_git_said)
{
    struct buf text = BUF_LIMIT(65536);
    struct buf form = BUF_LIMIT(65536);
    buf_append_c(&text,
                 "fatal: https://me:hunter22@host/x and https://tok@host said x-access-token:s3cret/+tok, ");
    git_base64(STR("x-access-token:s3cret/+tok"), &text);
    buf_append_c(&text, " and s3cret%2F%2Btok or s3cret/+tok alone at https://host/a@b");
    git_redact(&text, STR("x-access-token:s3cret/+tok"));
    CHECK_TRUE(str_find(buf_str(&text), STR("s3cret"), 0) == text.n);
    CHECK_TRUE(str_find(buf_str(&text), STR("hunter22"), 0) == text.n);
    CHECK_TRUE(str_find(buf_str(&text), STR("tok@"), 0) == text.n);
    git_base64(STR("x-access-token:s3cret/+tok"), &form);
    CHECK_TRUE(str_find(buf_str(&text), buf_str(&form), 0) == text.n);
    CHECK_TRUE(str_ends(buf_str(&text), STR("alone at https://host/a@b")));
    buf_clear(&text);
    git_redact(&text, STR("")); /* nothing to hide, nothing to show */
    CHECK_INT(text.n, 0);
    buf_dispose(&form);
    buf_dispose(&text);
}

TEST(base64_is_that_of_rfc_4648)
{
    static const char *const rows[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                          {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b = BUF_LIMIT(64);
        git_base64(str_from(rows[i][0]), &b);
        CHECK_STR(buf_str(&b), str_from(rows[i][1]));
        buf_dispose(&b);
    }
}

TEST(args_of_a_job_are_checked_member_by_member)
{
    static const struct {
        const char *args, *field; /* NULL: accepted */
    } rows[] = {
        {"{\"repo\":\"/a\"}", NULL},
        {"{\"repo\":\"/"
         "a\",\"ref\":\"v1\",\"include\":[\"*.ts\"],\"languages\":[\"c\",\"python\"],\"force\":true}",
         NULL},
        {"{}", "repo"},
        {"[]", "args"},
        {"{\"repo\":7}", "repo"},
        {"{\"repo\":\"/a\",\"languages\":[\"cobol\"]}", "languages"},
        {"{\"repo\":\"/a\",\"include\":\"*.ts\"}", "include"},
        {"{\"repo\":\"/a\",\"exclude\":[1]}", "exclude"},
        {"{\"repo\":\"/a\",\"max_files\":0}", "max_files"},
        {"{\"repo\":\"/a\",\"submodules\":true}", "submodules"},
        {"{\"repo\":\"/a\",\"secret\":\"a raw token\"}", "secret"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct index_args args;
        err_clear(e);
        enum rc rc = index_args_read(str_from(rows[i].args), a, &args, e);
        CHECK_INT(rc, rows[i].field ? RC_INVALID : RC_OK);
        CHECK_STR(str_from(e->field), str_from(rows[i].field ? rows[i].field : ""));
        CHECK_STR(str_from(e->code ? e->code : ""), str_from(rc ? "invalid_input" : ""));
    }
    arena_free(a);
}

TEST(spellings_of_one_repository_have_one_name)
{
    static const char *const rows[][2] = {
        {"https://GitHub.com/Us/Repo.git", "https://github.com/Us/Repo"},
        {"https://github.com:443/Us/Repo/", "https://github.com/Us/Repo"},
        {"HTTPS://user@github.com/Us/Repo", "https://github.com/Us/Repo"},
        {"git@github.com:Us/Repo.git", "ssh://github.com/Us/Repo"},
        {"ssh://git@github.com:22/Us/Repo", "ssh://github.com/Us/Repo"},
        {"file:///srv/x.git/", "/srv/x.git"}, /* beside a folder /srv/x, as `git clone --bare` makes it */
        {"/srv/x/", "/srv/x"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_STR(codeindex_canonical_repo(str_from(rows[i][0]), a), str_from(rows[i][1]));
        CHECK_STR(codeindex_series(str_from(rows[i][0]), STR(""), a),
                  codeindex_series(str_from(rows[i][1]), STR("HEAD"), a));
    }
    CHECK_TRUE(str_is_name(codeindex_series(STR("/a"), STR("x"), a)));
    CHECK_FALSE(str_eq(codeindex_series(STR("/a"), STR("x"), a), codeindex_series(STR("/a"), STR("y"), a)));
    arena_free(a);
}
