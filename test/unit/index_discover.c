/* Which files are parsed, and the reason for every other one. */
#include "kinds/index_repo/discover.h"
#include "test.h"

static const struct discover_options defaults = {.max_file_bytes = 1000};

static struct str verdict(const struct discover_options *o, const struct attributes *t, const char *path,
                          enum git_mode mode, int64_t bytes)
{
    enum code_lang lang = CODE_NO_LANG;
    struct git_entry entry = {.path = str_from(path), .bytes = bytes, .mode = mode};
    return discover_skip(o, t, &entry, &lang);
}

TEST(files_are_skipped_by_kind_folder_size_and_language)
{
    static const struct {
        const char *path, *want;
        enum git_mode mode;
        int64_t bytes;
    } rows[] = {
        {"src/a.ts", "", GIT_FILE, 10},
        {"src/a.ts", "too_large", GIT_FILE, 1001},
        {"link.ts", "symlink", GIT_SYMLINK, 5},
        {"sub.ts", "submodule", GIT_SUBMODULE, -1},
        {"node_modules/x/a.ts", "ignored_dir", GIT_FILE, 10},
        {"a/dist/b.js", "ignored_dir", GIT_FILE, 10},
        {"dist.ts", "", GIT_FILE, 10},
        {"README.md", "unsupported", GIT_FILE, 10},
        {"Makefile", "unsupported", GIT_FILE, 10},
    };
    struct arena *a = arena_new();
    struct attributes *t = attributes_new(a);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_STR(verdict(&defaults, t, rows[i].path, rows[i].mode, rows[i].bytes), str_from(rows[i].want));
    }
    arena_free(a);
}

TEST(wishes_of_the_job_go_before_what_is_usual)
{
    struct str include[] = {STR("dist/**"), STR("*.py")};
    struct str exclude[] = {STR("dist/old/"), STR("skip.py")};
    struct discover_options o = {
        .include = include, .include_count = 2, .exclude = exclude, .exclude_count = 2};
    o.max_file_bytes = 1000;
    struct arena *a = arena_new();
    struct attributes *t = attributes_new(a);
    CHECK_STR(verdict(&o, t, "dist/a.js", GIT_FILE, 1), STR(""));
    CHECK_STR(verdict(&o, t, "dist/old/a.js", GIT_FILE, 1), STR("excluded"));
    CHECK_STR(verdict(&o, t, "deep/x.py", GIT_FILE, 1), STR(""));
    CHECK_STR(verdict(&o, t, "deep/skip.py", GIT_FILE, 1), STR("excluded"));
    CHECK_STR(verdict(&o, t, "src/a.ts", GIT_FILE, 1), STR("excluded"));
    struct discover_options only_c = {.max_file_bytes = 1000};
    only_c.languages[CODE_C] = true;
    CHECK_STR(verdict(&only_c, t, "a.c", GIT_FILE, 1), STR(""));
    CHECK_STR(verdict(&only_c, t, "a.ts", GIT_FILE, 1), STR("excluded"));
    arena_free(a);
}

TEST(gitattributes_mark_what_is_generated_or_vendored_and_take_it_back)
{
    struct arena *a = arena_new();
    struct attributes *t = attributes_new(a);
    attributes_add(t, STR(""),
                   STR("# all\n*.gen.ts linguist-generated\r\nlib/** linguist-vendored=true text\n"
                       "vendor/ours/** -linguist-vendored\n/only-root.ts\tlinguist-generated\n"));
    attributes_add(t, STR("lib/mine"), STR("*.ts linguist-vendored=false\n"));
    CHECK_STR(verdict(&defaults, t, "src/a.gen.ts", GIT_FILE, 1), STR("generated"));
    CHECK_STR(verdict(&defaults, t, "lib/x.ts", GIT_FILE, 1), STR("vendored"));
    CHECK_STR(verdict(&defaults, t, "lib/mine/x.ts", GIT_FILE, 1), STR(""));
    CHECK_STR(verdict(&defaults, t, "vendor/ours/x.ts", GIT_FILE, 1), STR(""));
    CHECK_STR(verdict(&defaults, t, "vendor/theirs/x.ts", GIT_FILE, 1), STR("ignored_dir"));
    CHECK_STR(verdict(&defaults, t, "only-root.ts", GIT_FILE, 1), STR("generated"));
    CHECK_STR(verdict(&defaults, t, "deep/only-root.ts", GIT_FILE, 1), STR(""));
    arena_free(a);
}

TEST(content_tells_binaries_pointers_and_minified_files)
{
    struct buf b = BUF_LIMIT(1 << 20);
    CHECK_STR(discover_skip_content(STR("const a = 1;\n")), STR(""));
    CHECK_STR(discover_skip_content(STR("")), STR(""));
    CHECK_STR(discover_skip_content(STR("a\0b")), STR("binary"));
    CHECK_STR(discover_skip_content(STR("version https://git-lfs.github.com/spec/v1\noid sha256:x\n")),
              STR("lfs_pointer"));
    for (int i = 0; i < 60000; i++) {
        buf_append_char(&b, 'x');
    }
    CHECK_STR(discover_skip_content(buf_str(&b)), STR("minified"));
    buf_clear(&b);
    for (int i = 0; i < 10000; i++) {
        buf_append_c(&b, i % 600 == 599 ? "\n" : "y");
    }
    CHECK_STR(discover_skip_content(buf_str(&b)), STR("minified"));
    buf_clear(&b);
    for (int i = 0; i < 9000; i++) {
        buf_append_char(&b, 'z');
    }
    buf_append_char(&b, '\0'); /* behind what is looked at */
    buf_append_c(&b, "\n");
    for (int i = 0; i < 40; i++) {
        buf_append_c(&b, "short\n");
    }
    CHECK_STR(discover_skip_content(buf_str(&b)), STR(""));
    buf_dispose(&b);
}
