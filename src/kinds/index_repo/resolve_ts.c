/* resolve_ts.c: imports of TypeScript and JavaScript, in the compiler's order ("bundler" resolution): a relative path; else
 * `paths` and `baseUrl` of the nearest tsconfig.json, `#imports`, packages of the repository itself; else it is external.
 * Sources win over what is built from them: `./a.js` means a.ts when both exist. */
#include "kinds/index_repo/resolve_private.h"

/* ---- files and folders */

/* An import of `x.js` may mean the source it will be built from: the extensions to try instead, best first. */
static const struct {
    const char *written;
    const char *instead[6];
} replaced[] = {
    {".js", {".ts", ".tsx", ".d.ts", ".js", ".jsx"}},
    {".jsx", {".tsx", ".ts", ".d.ts", ".jsx", ".js"}},
    {".mjs", {".mts", ".d.mts", ".mjs"}},
    {".cjs", {".cts", ".d.cts", ".cjs"}},
    {".tsx", {".tsx", ".ts"}},
    {".ts", {".ts", ".tsx", ".d.ts"}},
    {".mts", {".mts"}},
    {".cts", {".cts"}},
};

static const char *const added[] = {".ts",  ".tsx", ".d.ts",  ".js",    ".jsx", ".json",
                                    ".mts", ".cts", ".d.mts", ".d.cts", ".mjs", ".cjs"};

static int64_t find_with(struct resolver *r, struct str stem, const char *extension)
{
    char path[4096];
    if (stem.n + strlen(extension) >= sizeof path) {
        return 0;
    }
    size_t n = str_print(path, sizeof path, "%.*s%s", STR_ARG(stem), extension);
    return path_find(r->files, (struct str){path, n});
}

static int64_t find_replaced(struct resolver *r, struct str path)
{
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++) {
        struct str written = str_from(replaced[i].written);
        if (!str_ends(path, written)) {
            continue;
        }
        for (size_t k = 0; k < 6 && replaced[i].instead[k]; k++) {
            int64_t id = find_with(r, str_sub(path, 0, path.n - written.n), replaced[i].instead[k]);
            if (id) {
                return id;
            }
        }
    }
    return 0;
}

static int64_t find_added(struct resolver *r, struct str path)
{
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        int64_t id = find_with(r, path, added[i]);
        if (id) {
            return id;
        }
    }
    return 0;
}

int64_t ts_find_file(struct resolver *r, struct str path)
{
    int64_t id = find_replaced(r, path);
    id = id ? id : find_added(r, path);
    return id ? id : path_find(r->files, path);
}

static int64_t find_in_folder(struct resolver *r, struct str folder)
{
    static const char *const fields[] = {"types", "typings", "main"};
    struct str path = STR_NONE;
    const struct json *manifest = resolver_json(r, resolver_find(r, folder, STR("package.json")));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && manifest; i++) {
        const struct json *field = json_get(manifest, str_from(fields[i]));
        if (field && field->type == JSON_STRING && path_join(r->a, folder, field->s, &path)) {
            struct str index = STR_NONE;
            int64_t id = ts_find_file(r, path);
            if (!id && path_join(r->a, path, STR("index"), &index)) {
                id = find_added(r, index);
            }
            if (id) {
                return id;
            }
        }
    }
    return path_join(r->a, folder, STR("index"), &path) ? find_added(r, path) : 0;
}

int64_t ts_find_module(struct resolver *r, struct str path)
{
    int64_t id = path.n > 0 && !str_ends(path, STR("/")) ? ts_find_file(r, path) : 0;
    return id || !path_is_folder(r->files, path) ? id : find_in_folder(r, path);
}

/* ---- tsconfig's paths */

/* Puts what the star stood for into the star of the target. */
static struct str with_star(struct arena *a, struct str target, struct str star)
{
    struct str behind = STR_NONE;
    struct str before = str_cut(target, '*', &behind);
    bool has_star = before.n < target.n;
    return has_star ? arena_printf(a, "%.*s%.*s%.*s", STR_ARG(before), STR_ARG(star), STR_ARG(behind))
                    : target;
}

/* The best pattern: the one without a star, else the one with most before it. *star = what its star stands for. */
static const struct json *best_pattern(const struct json *paths, struct str specifier, struct str *star)
{
    const struct json *best = NULL;
    size_t best_n = 0;
    for (const struct json *p = paths->first; p; p = p->next) {
        struct str behind = STR_NONE;
        struct str before = str_cut(p->name, '*', &behind);
        if (before.n == p->name.n) {
            if (str_eq(p->name, specifier)) {
                *star = STR("");
                return p;
            }
            continue;
        }
        bool fits = specifier.n >= before.n + behind.n && str_starts(specifier, before) &&
                    str_ends(specifier, behind);
        if (fits && (!best || before.n > best_n)) {
            best = p;
            best_n = before.n;
            *star = str_sub(specifier, before.n, specifier.n - behind.n);
        }
    }
    return best;
}

static int64_t find_by_paths(struct resolver *r, const struct ts_config *config, struct str specifier)
{
    struct str star = STR_NONE;
    const struct json *pattern = config->paths ? best_pattern(config->paths, specifier, &star) : NULL;
    for (const struct json *t = pattern ? pattern->first : NULL; t; t = t->next) {
        struct str path = STR_NONE;
        if (t->type != JSON_STRING ||
            !path_join(r->a, config->paths_folder, with_star(r->a, t->s, star), &path)) {
            continue;
        }
        int64_t id = ts_find_module(r, path);
        if (id) {
            return id;
        }
    }
    return 0;
}

static int64_t find_by_base_url(struct resolver *r, const struct ts_config *config, struct str specifier)
{
    struct str path = STR_NONE;
    bool is_inside = config->has_base_url && path_join(r->a, config->base_url, specifier, &path);
    return is_inside ? ts_find_module(r, path) : 0;
}

/* ---- the whole order */

static bool is_relative(struct str specifier)
{
    return str_starts(specifier, STR("./")) || str_starts(specifier, STR("../")) ||
           str_eq(specifier, STR(".")) || str_eq(specifier, STR("..")) || str_starts(specifier, STR("/"));
}

/* Bundlers let a query say how to load a file: "./a.svg?url". */
static struct str without_query(struct str specifier)
{
    size_t at = str_find_char(specifier, '?', 0);
    return at > 0 ? str_sub(specifier, 0, at) : specifier;
}

static struct code_target target_of(struct resolver *r, int64_t id, const struct ts_config *config)
{
    struct str path = path_of(r->files, id);
    enum code_lang lang = code_lang_of_path(path);
    bool is_source = lang == CODE_TYPESCRIPT || lang == CODE_TSX || lang == CODE_JAVASCRIPT ||
                     (str_ends(path, STR(".json")) && config->has_json_modules);
    return (struct code_target){.class = is_source ? CODE_INTERNAL : CODE_ASSET, .file_id = id};
}

static int64_t find_relative(struct resolver *r, struct str folder, struct str specifier)
{
    struct str path = STR_NONE;
    if (!path_join(r->a, str_starts(specifier, STR("/")) ? STR("") : folder, specifier, &path)) {
        return 0;
    }
    bool is_folder_only =
        str_ends(specifier, STR("/")) || str_ends(specifier, STR("..")) || str_eq(specifier, STR("."));
    int64_t id = 0;
    if (!is_folder_only) {
        id = ts_find_file(r, path);
    }
    return id || !path_is_folder(r->files, path) ? id : find_in_folder(r, path);
}

static int64_t find_package(struct resolver *r, struct str folder, struct str specifier)
{
    struct str rest = STR_NONE;
    const struct package *p = package_find(r, specifier, folder, &rest);
    return p ? package_file(r, p, rest) : 0;
}

struct code_target resolve_typescript(struct resolver *r, int64_t file_id, const struct code_import *i)
{
    struct str folder = path_folder(path_of(r->files, file_id));
    struct str specifier = without_query(i->specifier);
    const struct ts_config *config = ts_config_of(r, folder);
    struct str redirect = STR_NONE;
    if (is_relative(specifier)) {
        int64_t id = find_relative(r, folder, specifier);
        return id ? target_of(r, id, config) : (struct code_target){.class = CODE_UNRESOLVED};
    }
    int64_t id = find_by_paths(r, config, specifier);
    id = id ? id : find_by_base_url(r, config, specifier);
    id = id ? id : package_import(r, folder, specifier, &redirect);
    specifier = redirect.n > 0 ? redirect : specifier;
    id = id ? id : find_package(r, folder, specifier);
    if (id) {
        return target_of(r, id, config);
    }
    return (struct code_target){.class = CODE_EXTERNAL, .package = package_name_of(specifier)};
}
