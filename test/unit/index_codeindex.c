/* The code index file: what was written is found again, in the right order, and files that stint did not write are
 * refused. The index of these tests has three files: a.ts imports b.ts, b.ts and c.py import a.ts. */
#include "codeindex/codeindex.h"
#include "db/db.h"
#include "kinds/index_repo/extract.h"
#include "test.h"

static const struct extract_limits no_limits = {0};

struct source {
    const char *path, *text;
};

static const struct source sources[] = {
    {"a.ts", "import { b } from './b';\nimport x from 'lodash/get';\nexport class Store { getUserName() {} "
             "run() {} }\n"
             "export function getUser() { const getUserLater = () => 1; }\n"},
    {"b.ts",
     "import './a';\nexport const user = 1;\nfunction getUserName2() {}\nexport type Wide = { = };\n"},
    {"tests/c.py", "def get_user_name(): pass\n"},
};

/* What the imports of the sources lead to, in order of file and place. */
static const struct code_target targets[] = {
    {.class = CODE_INTERNAL, .file_id = 2},
    {.class = CODE_EXTERNAL, .package = {"lodash", 6}},
    {.class = CODE_INTERNAL, .file_id = 1},
};

static void add_source(struct codeindex *c, int64_t id, const struct source *s, int *target, struct err *e)
{
    struct arena *a = arena_new();
    struct code_parsed p = {0};
    struct codeindex_file f = {.id = id, .path = str_from(s->path), .blob = str_from(s->path), .parsed = &p};
    f.lang = code_lang_of_path(f.path);
    f.bytes = (int64_t)strlen(s->text);
    OK(extract_file(str_from(s->text), f.lang, &no_limits, a, &p, e));
    f.status = p.error_count > 0 ? CODE_PARTIAL : CODE_OK;
    OK(codeindex_add_file(c, &f, e));
    for (size_t i = 0; i < p.import_count; i++) {
        OK(codeindex_add_import(c, id, (int)i, &p.imports[i], &targets[(*target)++], e));
    }
    arena_free(a);
}

static const char *an_index(struct err *e)
{
    const char *path = test_path("index.db");
    struct codeindex_meta m = {STR("repo"), STR("HEAD"), STR("c0ffee"), STR("h"), 7, false};
    struct codeindex *c = NULL;
    int target = 0;
    OK(codeindex_create(path, &m, &c, e));
    for (int i = 0; i < 3; i++) {
        add_source(c, i + 1, &sources[i], &target, e);
    }
    struct codeindex_file skipped = {
        .id = 4, .path = STR("vendor/z.js"), .blob = STR("z"), .reason = STR("ignored_dir")};
    skipped.status = CODE_SKIPPED;
    OK(codeindex_add_file(c, &skipped, e));
    OK(codeindex_add_cycle(c, (const int64_t[]){1, 2}, 2, e));
    OK(codeindex_finish(c, e));
    codeindex_close(c);
    return path;
}

static struct json *answer_of(struct arena *a, const char *path, const char *request, struct err *e)
{
    struct buf answer = BUF_LIMIT(1 << 20);
    struct json *tree = NULL;
    OK(codeindex_query(path, str_from(request), 0, &answer, e));
    OK(json_parse(arena_str(a, buf_str(&answer)), a, &tree, e));
    buf_dispose(&answer);
    return tree;
}

/* The members `name` of the objects in list `list`, joined by blanks. */
static void check_list(const char *path, const char *request, const char *list, const char *name,
                       const char *want, struct err *e)
{
    struct arena *a = arena_new();
    struct buf got = BUF_LIMIT(65536);
    const struct json *items = json_get(answer_of(a, path, request, e), str_from(list));
    for (const struct json *i = items->first; i; i = i->next) {
        const struct json *member = json_get(i, str_from(name));
        buf_printf(&got, "%s%.*s", got.n > 0 ? " " : "",
                   STR_ARG(member->type == JSON_STRING ? member->s : member->raw));
    }
    CHECK_STR(buf_str(&got), str_from(want));
    buf_dispose(&got);
    arena_free(a);
}

TEST(search_ranks_exact_before_prefix_before_words_and_initials)
{
    const char *path = an_index(e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"getUser\"}", "symbols", "qualified_name",
               "getUser Store.getUserName getUserName2 getUser.getUserLater", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"USER\"}", "symbols", "name",
               "user getUser getUserName get_user_name getUserName2 getUserLater", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"gun\"}", "symbols", "name",
               "getUserName get_user_name getUserName2", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"serNam\"}", "symbols", "name",
               "getUserName getUserName2", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"st\"}", "symbols", "name", "Store", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"nothing\"}", "symbols", "name", "", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"\\\"*'\"}", "symbols", "name", "", e);
}

TEST(search_filters_by_kind_export_path_language_and_scope)
{
    const char *path = an_index(e);
    check_list(path, "{\"query\":\"symbols\",\"kind\":\"class\"}", "symbols", "name", "Store", e);
    check_list(path, "{\"query\":\"symbols\",\"exported\":false}", "symbols", "name", "getUserName2", e);
    check_list(path, "{\"query\":\"symbols\",\"lang\":\"python\"}", "symbols", "name", "get_user_name", e);
    check_list(path, "{\"query\":\"symbols\",\"path\":\"b.\",\"exported\":true}", "symbols", "name",
               "user Wide", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"Store.run\"}", "symbols", "qualified_name", "Store.run",
               e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"tore.run\"}", "symbols", "qualified_name", "", e);
    check_list(path, "{\"query\":\"symbols\",\"q\":\"getUserL\",\"locals\":false}", "symbols", "name", "", e);
}

TEST(search_pages_are_joined_by_their_cursor)
{
    const char *path = an_index(e);
    struct arena *a = arena_new();
    check_list(path, "{\"query\":\"symbols\",\"q\":\"USER\",\"limit\":2}", "symbols", "name", "user getUser",
               e);
    const struct json *next = json_get(
        answer_of(a, path, "{\"query\":\"symbols\",\"q\":\"USER\",\"limit\":2}", e), STR("next_cursor"));
    struct str request = arena_printf(
        a, "{\"query\":\"symbols\",\"q\":\"USER\",\"limit\":4,\"cursor\":\"%.*s\"}", STR_ARG(next->s));
    check_list(path, request.p, "symbols", "name", "getUserName get_user_name getUserName2 getUserLater", e);
    next = json_get(answer_of(a, path, request.p, e), STR("next_cursor"));
    CHECK_INT(next->type, JSON_NULL);
    arena_free(a);
}

TEST(an_outline_lists_a_file_in_order_with_depth)
{
    const char *path = an_index(e);
    check_list(path, "{\"query\":\"outline\",\"file\":\"a.ts\"}", "symbols", "qualified_name",
               "Store Store.getUserName Store.run getUser getUser.getUserLater", e);
    check_list(path, "{\"query\":\"outline\",\"file\":\"a.ts\"}", "symbols", "depth", "0 1 1 0 1", e);
}

TEST(deps_go_both_ways_and_as_far_as_asked)
{
    const char *path = an_index(e);
    check_list(path, "{\"query\":\"deps\",\"file\":\"a.ts\"}", "files", "path", "b.ts", e);
    check_list(path, "{\"query\":\"deps\",\"file\":\"a.ts\"}", "imports", "class", "internal external", e);
    check_list(path, "{\"query\":\"deps\",\"file\":\"a.ts\",\"direction\":\"dependents\",\"depth\":\"all\"}",
               "files", "path", "b.ts", e);
    check_list(path, "{\"query\":\"deps\",\"file\":\"tests/c.py\",\"depth\":3}", "files", "path", "", e);
}

TEST(cycles_files_and_counts_are_told)
{
    const char *path = an_index(e);
    struct arena *a = arena_new();
    struct json *cycles = answer_of(a, path, "{\"query\":\"cycles\"}", e);
    CHECK_STR(json_get(cycles, STR("cycles"))->raw, STR("[[\"a.ts\",\"b.ts\"]]"));
    check_list(path, "{\"query\":\"files\",\"status\":\"partial\"}", "files", "path", "b.ts", e);
    check_list(path, "{\"query\":\"files\",\"status\":\"skipped\"}", "files", "reason", "ignored_dir", e);
    struct json *summary = answer_of(a, path, "{\"query\":\"summary\"}", e);
    CHECK_STR(json_get(summary, STR("files"))->raw, STR("{\"ok\":2,\"partial\":1,\"skipped\":1}"));
    CHECK_STR(json_get(summary, STR("imports"))->raw, STR("{\"external\":1,\"internal\":2}"));
    CHECK_INT(json_get(summary, STR("cycles"))->i, 1);
    CHECK_STR(json_get(summary, STR("commit"))->s, STR("c0ffee"));
    arena_free(a);
}

TEST(wrong_requests_name_the_member_at_fault)
{
    const char *path = an_index(e);
    static const struct {
        const char *request, *field;
        enum rc rc;
    } rows[] = {
        {"{\"query\":\"nope\"}", "query", RC_INVALID},
        {"{}", "query", RC_INVALID},
        {"{\"query\":\"symbols\",\"limit\":0}", "limit", RC_INVALID},
        {"{\"query\":\"symbols\",\"cursor\":\"x\"}", "cursor", RC_INVALID},
        {"{\"query\":\"symbols\",\"kind\":\"verb\"}", "kind", RC_INVALID},
        {"{\"query\":\"deps\",\"file\":\"a.ts\",\"direction\":\"up\"}", "direction", RC_INVALID},
        {"{\"query\":\"deps\",\"file\":\"a.ts\",\"depth\":0}", "depth", RC_INVALID},
        {"{\"query\":\"outline\"}", "file", RC_INVALID},
        {"{\"query\":\"outline\",\"file\":\"no.ts\"}", "", RC_NOT_FOUND},
        {"{\"query\":\"cycles\",\"file\":\"a.ts\"}", NULL, RC_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf answer = BUF_LIMIT(65536);
        err_clear(e);
        FAILS(codeindex_query(path, str_from(rows[i].request), 0, &answer, e), rows[i].rc);
        if (rows[i].field) {
            CHECK_STR(str_from(e->field), str_from(rows[i].field));
        }
        buf_dispose(&answer);
    }
}

TEST(a_file_that_is_no_index_is_refused)
{
    const char *path = an_index(e);
    struct buf answer = BUF_LIMIT(65536);
    struct db *db = NULL;
    struct str request = STR("{\"query\":\"summary\"}");
    FAILS(codeindex_query(test_path("absent.db"), request, 0, &answer, e), RC_NOT_FOUND);

    OK(db_open(path, &(struct db_options){0}, &db, e));
    OK(db_exec(db, "CREATE VIEW evil AS SELECT 1", e)); /* a stranger's addition to the schema */
    db_close(db);
    FAILS(codeindex_query(path, request, 0, &answer, e), RC_FATAL);

    OK(db_open(path, &(struct db_options){0}, &db, e));
    OK(db_exec(db, "DROP VIEW evil; PRAGMA user_version = 99", e));
    db_close(db);
    FAILS(codeindex_query(path, request, 0, &answer, e), RC_CONFLICT);
    buf_dispose(&answer);
}

TEST(a_query_ends_at_its_limit_of_steps)
{
    const char *path = an_index(e);
    struct buf answer = BUF_LIMIT(65536);
    struct db *db = NULL;
    OK(db_open(path, &(struct db_options){0}, &db, e));
    OK(db_exec(db,
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
               "INSERT INTO symbol (id, file_id, kind, flags, line, col, end_line, name) "
               "SELECT (1 << 20) + 1000 + i, 1, 'class', 1, 1, 1, 1, 'Name' || i FROM n",
               e));
    db_close(db);
    FAILS(codeindex_query(path, STR("{\"query\":\"symbols\"}"), 20000, &answer, e), RC_BUSY);
    buf_dispose(&answer);
}

TEST(a_blob_is_loaded_back_as_it_was_found)
{
    const char *path = an_index(e);
    struct arena *a = arena_new();
    struct codeindex *c = NULL;
    struct code_parsed loaded = {0};
    struct code_parsed fresh = {0};
    struct buf want = BUF_LIMIT(65536);
    struct buf got = BUF_LIMIT(65536);
    FAILS(codeindex_open(path, 8, &c, e), RC_CONFLICT);
    OK(codeindex_open(path, 7, &c, e));
    for (int i = 0; i < 3; i++) {
        struct str blob = str_from(sources[i].path);
        OK(codeindex_load_blob(c, blob, code_lang_of_path(blob), a, &loaded, e));
        OK(extract_file(str_from(sources[i].text), code_lang_of_path(blob), &no_limits, a, &fresh, e));
        buf_clear(&want);
        buf_clear(&got);
        code_encode(&fresh, &want);
        code_encode(&loaded, &got);
        CHECK_STR(buf_str(&got), buf_str(&want));
    }
    FAILS(codeindex_load_blob(c, STR("unknown"), CODE_TYPESCRIPT, a, &loaded, e), RC_NOT_FOUND);
    codeindex_close(c);
    buf_dispose(&want);
    buf_dispose(&got);
    arena_free(a);
}
