/* Where imports lead, in small repositories that exist in memory only. A row says: from this file, this specifier leads
 * there; "external:x", "unresolved" and "asset:path" are the other answers. */
#include "kinds/index_repo/jsonc.h"
#include "kinds/index_repo/resolve.h"
#include "test.h"

#include <stdlib.h>

struct repo_file {
    const char *path, *text;
};

struct row {
    const char *from, *specifier, *want;
};

struct repo {
    struct str paths[128];
    const struct repo_file *files; /* ends with path NULL */
    struct path_list list;
};

static int compare_paths(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static enum rc read_text(void *arg, int64_t file_id, struct str *text, struct err *e)
{
    const struct repo *r = arg;
    struct str path = path_of(&r->list, file_id);
    for (const struct repo_file *f = r->files; f->path; f++) {
        if (str_eq(str_from(f->path), path)) {
            *text = str_from(f->text ? f->text : "");
            return RC_OK;
        }
    }
    return err_set(e, RC_NOT_FOUND, "no such file");
}

static void open_repo(struct repo *r, const struct repo_file *files)
{
    *r = (struct repo){.files = files};
    for (const struct repo_file *f = files; f->path; f++) {
        r->paths[r->list.count++] = str_from(f->path);
    }
    qsort(r->paths, r->list.count, sizeof r->paths[0], compare_paths);
    r->list.paths = r->paths;
}

static struct str target_text(const struct repo *r, struct code_target t, struct arena *a)
{
    switch (t.class) {
    case CODE_INTERNAL:
        return path_of(&r->list, t.file_id);
    case CODE_ASSET:
        return arena_printf(a, "asset:%.*s", STR_ARG(path_of(&r->list, t.file_id)));
    case CODE_EXTERNAL:
        return arena_printf(a, "external:%.*s", STR_ARG(t.package));
    case CODE_UNRESOLVED:
    case CODE_COMPUTED:
    case CODE_CLASS_COUNT:
        break;
    }
    return str_from(code_class_name(t.class));
}

static void check_rows(const struct repo_file *files, enum code_import_kind kind, const struct row *rows)
{
    struct arena *a = arena_new();
    struct repo repo;
    open_repo(&repo, files);
    struct resolver *r = resolver_new(&(struct resolve_source){&repo.list, read_text, &repo}, a);
    for (; rows->from; rows++) {
        struct str rest = STR_NONE;
        struct code_import i = {
            .kind = kind, .specifier = str_cut(str_from(rows->specifier), '|', &rest), .names = rest};
        int64_t from = path_find(&repo.list, str_from(rows->from));
        CHECK_TRUE(from > 0);
        struct code_target t = resolver_target(r, from, code_lang_of_path(str_from(rows->from)), &i);
        CHECK_STR(target_text(&repo, t, a), str_from(rows->want));
    }
    arena_free(a);
}

TEST(relative_imports_find_files_extensions_and_folders)
{
    static const struct repo_file files[] = {{"src/a.ts"},
                                             {"src/b.tsx"},
                                             {"src/c.js"},
                                             {"src/d.d.ts"},
                                             {"src/d.js"},
                                             {"src/e.mts"},
                                             {"src/style.css"},
                                             {"src/data.json"},
                                             {"src/dir/index.ts"},
                                             {"src/pkg/package.json", "{\"main\": \"./lib/main.js\"}"},
                                             {"src/pkg/lib/main.ts"},
                                             {"top.ts"},
                                             {"src/both.ts"},
                                             {"src/both/index.ts"},
                                             {NULL, NULL}};
    static const struct row rows[] = {{"src/a.ts", "./b", "src/b.tsx"},
                                      {"src/a.ts", "./b.js", "src/b.tsx"},
                                      {"src/a.ts", "./c", "src/c.js"},
                                      {"src/a.ts", "./d.js", "src/d.d.ts"},
                                      {"src/a.ts", "./e.mjs", "src/e.mts"},
                                      {"src/a.ts", "./e", "src/e.mts"},
                                      {"src/a.ts", "./dir", "src/dir/index.ts"},
                                      {"src/a.ts", "./dir/", "src/dir/index.ts"},
                                      {"src/a.ts", "./both", "src/both.ts"},
                                      {"src/a.ts", "./both/", "src/both/index.ts"},
                                      {"src/a.ts", "./pkg", "src/pkg/lib/main.ts"},
                                      {"src/dir/index.ts", "..", "unresolved"},
                                      {"src/dir/index.ts", "../a", "src/a.ts"},
                                      {"src/dir/index.ts", "../../top", "top.ts"},
                                      {"src/dir/index.ts", "../../../top", "unresolved"},
                                      {"src/a.ts", "./style.css", "asset:src/style.css"},
                                      {"src/a.ts", "./style.css?inline", "asset:src/style.css"},
                                      {"src/a.ts", "./data.json", "src/data.json"},
                                      {"src/a.ts", "./nothing", "unresolved"},
                                      {"src/a.ts", "lodash/get", "external:lodash"},
                                      {"src/a.ts", "@scope/x/deep", "external:@scope/x"},
                                      {"src/a.ts", "node:fs", "external:node:fs"},
                                      {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_STATIC, rows);
}

TEST(tsconfig_paths_follow_extends_comments_and_all_targets)
{
    static const struct repo_file files[] = {
        {"tsconfig.base.json",
         "{\n  // shared\n  \"compilerOptions\": {\n    \"baseUrl\": \".\",\n    \"paths\": {\n"
         "      \"@lib/*\": [\"missing/*\", \"libs/*/src\", \"libs/*\"],\n"
         "      \"@lib/special\": [\"libs/special.ts\"],\n      \"exact\": [\"libs/exact\"],\n    },\n"
         "    /* off */ \"resolveJsonModule\": false,\n  },\n}\n"},
        {"app/tsconfig.json", "{\"extends\": [\"../nowhere\", \"../tsconfig.base\"]}"},
        {"app/main.ts"},
        {"app/data.json"},
        {"web/tsconfig.json", "{\"files\": [], \"references\": [{\"path\": \"./tsconfig.app.json\"}]}"},
        {"web/tsconfig.app.json", "{\"compilerOptions\": {\"paths\": {\"@/*\": [\"./src/*\"]}}}"},
        {"web/src/x.ts"},
        {"broken/tsconfig.json", "{\"compilerOptions\": "},
        {"broken/a.ts"},
        {"libs/one/src/index.ts"},
        {"libs/two.ts"},
        {"libs/special.ts"},
        {"libs/exact.ts"},
        {NULL, NULL}};
    static const struct row rows[] = {{"app/main.ts", "@lib/one", "libs/one/src/index.ts"},
                                      {"app/main.ts", "@lib/two", "libs/two.ts"},
                                      {"app/main.ts", "@lib/special", "libs/special.ts"},
                                      {"app/main.ts", "exact", "libs/exact.ts"},
                                      {"app/main.ts", "libs/two", "libs/two.ts"},
                                      {"app/main.ts", "@lib/three", "external:@lib/three"},
                                      {"app/main.ts", "./data.json", "asset:app/data.json"},
                                      {"web/src/x.ts", "@/x", "web/src/x.ts"},
                                      {"broken/a.ts", "./a", "broken/a.ts"},
                                      {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_STATIC, rows);
}

TEST(packages_of_a_workspace_lead_to_their_sources)
{
    static const struct repo_file files[] = {
        {"pnpm-workspace.yaml", "packages:\n  - 'packages/*'  # all\n  - '!packages/old'\ncatalog:\n  - x\n"},
        {"package.json", "{\"name\": \"root\"}"},
        {"packages/core/package.json",
         "{\"name\": \"@us/core\", \"exports\": {\".\": {\"require\": \"./dist/index.cjs\", \"types\": "
         "\"./dist/index.d.ts\"}, \"./feature/*\": \"./dist/features/*.js\", \"./source\": {\"@us/source\": "
         "\"./src/source.ts\", \"default\": \"./dist/other.js\"}}, \"imports\": {\"#internal/*\": "
         "\"./src/internal/*.ts\"}}"},
        {"packages/core/src/index.ts"},
        {"packages/core/src/features/a.tsx"},
        {"packages/core/src/source.ts"},
        {"packages/core/src/internal/x.ts"},
        {"packages/plain/package.json", "{\"name\": \"plain\", \"main\": \"lib/main.js\"}"},
        {"packages/plain/src/main.ts"},
        {"packages/plain/util.ts"},
        {"packages/old/package.json", "{\"name\": \"old\"}"},
        {"packages/old/index.js"},
        {"packages/old/self.js"},
        {"app.ts"},
        {NULL, NULL}};
    static const struct row rows[] = {
        {"app.ts", "@us/core", "packages/core/src/index.ts"},
        {"app.ts", "@us/core/feature/a", "packages/core/src/features/a.tsx"},
        {"app.ts", "@us/core/source", "packages/core/src/source.ts"},
        {"app.ts", "@us/core/unknown", "external:@us/core"},
        {"app.ts", "plain", "packages/plain/src/main.ts"},
        {"app.ts", "plain/util", "packages/plain/util.ts"},
        {"app.ts", "old", "external:old"},
        {"packages/old/self.js", "old", "packages/old/index.js"},
        {"packages/core/src/index.ts", "#internal/x", "packages/core/src/internal/x.ts"},
        {"packages/core/src/index.ts", "#nothing", "external:#nothing"},
        {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_STATIC, rows);
}

TEST(deno_import_maps_and_workspaces_are_followed)
{
    static const struct repo_file files[] = {
        {"deno.json",
         "{\"workspace\": [\"./assert\", \"./fs\"], \"imports\": {\"@std/assert\": \"jsr:@std/assert@^1\", "
         "\"~/\": \"./lib/\", \"npm-thing\": \"npm:thing@2\"}}"},
        {"assert/deno.json",
         "{\"name\": \"@std/assert\", \"exports\": {\".\": \"./mod.ts\", \"./equals\": \"./equals.ts\"}}"},
        {"assert/mod.ts"},
        {"assert/equals.ts"},
        {"fs/deno.json", "{\"name\": \"@std/fs\", \"exports\": \"./mod.ts\"}"},
        {"fs/mod.ts"},
        {"lib/x.ts"},
        {NULL, NULL}};
    static const struct row rows[] = {{"fs/mod.ts", "@std/assert", "assert/mod.ts"},
                                      {"fs/mod.ts", "@std/assert/equals", "assert/equals.ts"},
                                      {"fs/mod.ts", "jsr:@std/assert@1/equals", "assert/equals.ts"},
                                      {"assert/mod.ts", "@std/fs", "fs/mod.ts"},
                                      {"fs/mod.ts", "~/x.ts", "lib/x.ts"},
                                      {"fs/mod.ts", "npm-thing", "external:thing"},
                                      {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_STATIC, rows);
}

TEST(python_imports_find_modules_packages_and_relatives)
{
    static const struct repo_file files[] = {{"src/app/__init__.py"}, {"src/app/json/__init__.py"},
                                             {"src/app/models.py"},   {"src/app/sub/__init__.py"},
                                             {"src/app/sub/deep.py"}, {"tests/test_app.py"},
                                             {"tools/run.py"},        {"tools/helper.py"},
                                             {"stubs.pyi"},           {NULL, NULL}};
    static const struct row rows[] = {{"src/app/sub/deep.py", ".|deep", "src/app/sub/deep.py"},
                                      {"src/app/sub/deep.py", "..|models", "src/app/models.py"},
                                      {"src/app/sub/deep.py", "..models|User", "src/app/models.py"},
                                      {"src/app/sub/deep.py", "....x|y", "unresolved"},
                                      {"src/app/sub/deep.py", "app.models|User", "src/app/models.py"},
                                      {"src/app/sub/deep.py", "app|models", "src/app/models.py"},
                                      {"src/app/sub/deep.py", "json|dumps", "external:json"},
                                      {"tests/test_app.py", "app.sub|deep", "src/app/sub/deep.py"},
                                      {"tests/test_app.py", "app|*", "src/app/__init__.py"},
                                      {"tools/run.py", "helper|x", "tools/helper.py"},
                                      {"tools/run.py", "stubs|x", "stubs.pyi"},
                                      {"tools/run.py", "os.path|join", "external:os"},
                                      {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_FROM, rows);
}

TEST(c_includes_find_folders_then_unique_names)
{
    static const struct repo_file files[] = {{"src/base/err.h"},    {"src/base/err.c"}, {"src/db/db.c"},
                                             {"lib/one/dup.h"},     {"lib/two/dup.h"},  {"lib/two/use.c"},
                                             {"include/pub/api.h"}, {"other/unique.h"}, {NULL, NULL}};
    static const struct row rows[] = {
        {"src/base/err.c", "err.h", "src/base/err.h"},     {"src/db/db.c", "base/err.h", "src/base/err.h"},
        {"src/db/db.c", "unique.h", "other/unique.h"},     {"src/db/db.c", "dup.h", "unresolved"},
        {"lib/two/use.c", "dup.h", "lib/two/dup.h"},       {"lib/two/use.c", "../one/dup.h", "lib/one/dup.h"},
        {"src/db/db.c", "pub/api.h", "include/pub/api.h"}, {NULL, NULL, NULL}};
    static const struct row angle[] = {{"src/db/db.c", "stdio.h", "external:stdio.h"},
                                       {"src/db/db.c", "pub/api.h", "include/pub/api.h"},
                                       {"src/db/db.c", "unique.h", "external:unique.h"},
                                       {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_INCLUDE, rows);
    check_rows(files, CODE_IMPORT_INCLUDE_SYSTEM, angle);
}

TEST(configurations_that_go_in_circles_end)
{
    static const struct repo_file files[] = {
        {"a/tsconfig.json", "{\"extends\": [\"../b/tsconfig.json\", \"./tsconfig.json\"]}"},
        {"b/tsconfig.json",
         "{\"extends\": \"../a/tsconfig.json\", \"compilerOptions\": {\"paths\": {\"x\": [\"./x\"]}}}"},
        {"b/x.ts"},
        {"a/y.ts"},
        {NULL, NULL}};
    static const struct row rows[] = {{"a/y.ts", "x", "b/x.ts"}, {NULL, NULL, NULL}};
    check_rows(files, CODE_IMPORT_STATIC, rows);
}

TEST(patterns_match_names_folders_and_classes)
{
    static const struct {
        const char *pattern, *path;
        bool want;
    } rows[] = {
        {"*.ts", "a.ts", true},
        {"*.ts", "b/a.ts", false},
        {"**/*.ts", "a.ts", true},
        {"**/*.ts", "x/y/a.ts", true},
        {"packages/*", "packages/a", true},
        {"packages/*", "packages/a/b", false},
        {"packages/**", "packages/a/b", true},
        {"**/foo", "xfoo", false},
        {"**/foo", "x/foo", true},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"", "", true},
        {"", "a", false},
        {"a*b*c", "axxbyyc", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_INT(path_matches(str_from(rows[i].pattern), str_from(rows[i].path)), rows[i].want);
    }
}

TEST(json_with_comments_is_read_and_strings_are_left_alone)
{
    struct arena *a = arena_new();
    struct json *t = NULL;
    OK(jsonc_parse(STR("\xef\xbb\xbf{ // one\n \"a\": \"//no /* no\", /* two */ \"b\": [1, 2,], }"), a, &t,
                   e));
    CHECK_STR(json_get(t, STR("a"))->s, STR("//no /* no"));
    CHECK_INT(json_get(t, STR("b"))->count, 2);
    FAILS(jsonc_parse(STR("{\"a\": 1 /* open"), a, &t, e), RC_INVALID);
    FAILS(jsonc_parse(STR("\"open\\"), a, &t, e), RC_INVALID);
    arena_free(a);
}
