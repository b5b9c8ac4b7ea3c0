/* resolve_package.c: packages of the repository itself, so that an import of a sister package of a monorepo leads to its
 * source and not out. A package says by `exports`, `types` and `main` what it offers; often that is built code, which is
 * not in the repository: then the source it is built from is looked for in its place (dist/a.js = src/a.ts). */
#include "kinds/index_repo/resolve_private.h"

#include <stdlib.h>

#define MAX_PACKAGES 5000
#define MAX_TARGETS  64 /* conditions of one entry of `exports` that are tried */
#define MAX_PATTERNS 256

/* ---- which packages there are */

static struct str string_of(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, str_from(name));
    return member && member->type == JSON_STRING ? member->s : STR_NONE;
}

static bool is_installed(struct str path)
{
    return str_starts(path, STR("node_modules/")) || str_find(path, STR("/node_modules/"), 0) < path.n;
}

/* Patterns of folders that are members of a workspace, with the folder they are relative to. */
struct patterns {
    struct str list[MAX_PATTERNS];
    size_t count;
};

static void add_pattern(struct resolver *r, struct patterns *p, struct str folder, struct str pattern)
{
    struct str path = STR_NONE;
    bool is_negated = str_starts(pattern, STR("!"));
    pattern = str_sub(pattern, is_negated, pattern.n);
    if (p->count < MAX_PATTERNS && path_join(r->a, folder, pattern, &path)) {
        p->list[p->count++] = is_negated ? arena_printf(r->a, "!%.*s", STR_ARG(path)) : path;
    }
}

static void add_json_patterns(struct resolver *r, struct patterns *p, struct str folder,
                              const struct json *list)
{
    for (const struct json *i = list && list->type == JSON_ARRAY ? list->first : NULL; i; i = i->next) {
        if (i->type == JSON_STRING) {
            add_pattern(r, p, folder, i->s);
        }
    }
}

/* The list below `packages:` of a pnpm-workspace.yaml; all of YAML that these files use. */
static void add_yaml_patterns(struct resolver *r, struct patterns *p, struct str folder, struct str text)
{
    bool is_inside = false;
    while (text.n > 0) {
        struct str line = str_cut(text, '\n', &text);
        struct str item = str_trim(line);
        if (str_starts(line, STR("packages:"))) {
            is_inside = true;
        } else if (is_inside && str_starts(item, STR("-"))) {
            item = str_trim(str_sub(item, 1, item.n));
            item = str_trim(str_sub(item, 0, str_find(item, STR(" #"), 0)));
            bool is_quoted = item.n >= 2 && (item.p[0] == '\'' || item.p[0] == '"');
            add_pattern(r, p, folder, is_quoted ? str_sub(item, 1, item.n - 1) : item);
        } else if (item.n > 0 && !str_starts(item, STR("#"))) {
            is_inside = false;
        }
    }
}

static void collect_patterns(struct resolver *r, struct patterns *p)
{
    for (size_t i = 0; i < r->files->count; i++) {
        struct str path = r->files->paths[i];
        struct str name = path_name(path);
        int64_t id = (int64_t)i + 1;
        struct str text = STR_NONE;
        if (is_installed(path) || code_path_is_test(path)) {
            continue;
        }
        if (str_eq(name, STR("pnpm-workspace.yaml")) && !r->source.read(r->source.arg, id, &text, NULL)) {
            add_yaml_patterns(r, p, path_folder(path), text);
        } else if (str_eq(name, STR("package.json"))) {
            const struct json *list = json_get(resolver_json(r, id), STR("workspaces"));
            bool is_object = list && list->type == JSON_OBJECT;
            add_json_patterns(r, p, path_folder(path), is_object ? json_get(list, STR("packages")) : list);
        } else if (str_eq(name, STR("deno.json")) || str_eq(name, STR("deno.jsonc"))) {
            add_json_patterns(r, p, path_folder(path), json_get(resolver_json(r, id), STR("workspace")));
        } else if (str_eq(name, STR("lerna.json"))) {
            add_json_patterns(r, p, path_folder(path), json_get(resolver_json(r, id), STR("packages")));
        }
    }
}

static bool is_member(const struct patterns *p, struct str folder)
{
    bool is_in = p->count == 0;
    for (size_t i = 0; i < p->count; i++) {
        bool is_negated = str_starts(p->list[i], STR("!"));
        if (path_matches(str_sub(p->list[i], is_negated, p->list[i].n), folder)) {
            is_in = !is_negated;
        }
    }
    return is_in;
}

static int compare_packages(const void *a, const void *b)
{
    const struct package *x = a;
    const struct package *y = b;
    int by_name = str_compare(x->name, y->name);
    if (by_name != 0) {
        return by_name;
    }
    if (x->is_member != y->is_member) {
        return x->is_member ? -1 : 1;
    }
    if (x->is_deno != y->is_deno) {
        return x->is_deno ? 1 : -1;
    }
    return str_compare(x->folder, y->folder);
}

void packages_load(struct resolver *r)
{
    struct patterns *patterns = arena_alloc(r->a, sizeof *patterns);
    collect_patterns(r, patterns);
    r->packages = arena_array(r->a, struct package, MAX_PACKAGES);
    for (size_t i = 0; i < r->files->count && r->package_count < MAX_PACKAGES; i++) {
        struct str path = r->files->paths[i];
        struct str file = path_name(path);
        bool is_deno = str_eq(file, STR("deno.json")) || str_eq(file, STR("deno.jsonc"));
        if ((!is_deno && !str_eq(file, STR("package.json"))) || is_installed(path)) {
            continue;
        }
        const struct json *manifest = resolver_json(r, (int64_t)i + 1);
        struct str name = string_of(manifest, "name");
        struct str folder = path_folder(path);
        if (name.n > 0) {
            bool is_in =
                patterns->count > 0 ? folder.n == 0 || is_member(patterns, folder) : !code_path_is_test(path);
            r->packages[r->package_count++] = (struct package){name, folder, manifest, is_deno, is_in};
        }
    }
    if (r->package_count > 0) {
        qsort(r->packages, r->package_count, sizeof *r->packages, compare_packages);
    }
}

/* ---- which package a specifier names */

struct str package_name_of(struct str specifier)
{
    if (str_starts(specifier, STR("npm:")) || str_starts(specifier, STR("jsr:"))) {
        specifier = str_sub(specifier, 4, specifier.n);
        specifier = str_sub(specifier, str_starts(specifier, STR("/")), specifier.n);
        struct str name = package_name_of(specifier);
        return str_sub(name, 0, str_find_char(name, '@', 1)); /* without the version */
    }
    size_t slash = str_find_char(specifier, '/', 0);
    if (str_starts(specifier, STR("@")) && slash < specifier.n) {
        slash = str_find_char(specifier, '/', slash + 1);
    }
    return str_sub(specifier, 0, slash);
}

static bool is_below(struct str folder, struct str above)
{
    return above.n == 0 || str_eq(folder, above) ||
           (str_starts(folder, above) && folder.n > above.n && folder.p[above.n] == '/');
}

/* jsr:@std/assert@^1/equals = @std/assert/equals; npm: likewise. */
static struct str without_registry(struct resolver *r, struct str specifier)
{
    bool is_jsr = str_starts(specifier, STR("jsr:"));
    if (!is_jsr && !str_starts(specifier, STR("npm:"))) {
        return specifier;
    }
    specifier = str_sub(specifier, 4, specifier.n);
    specifier = str_sub(specifier, str_starts(specifier, STR("/")), specifier.n);
    size_t at = str_find_char(specifier, '@', 1);
    size_t end = str_find_char(specifier, '/', at);
    return at < specifier.n ? arena_printf(r->a, "%.*s%.*s", (int)at, specifier.p, (int)(specifier.n - end),
                                           specifier.p + end)
                            : specifier;
}

const struct package *package_find(struct resolver *r, struct str specifier, struct str folder,
                                   struct str *rest)
{
    specifier = without_registry(r, specifier);
    struct str name = package_name_of(specifier);
    size_t from = 0;
    size_t to = r->package_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (str_compare(r->packages[middle].name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    for (size_t i = from; i < r->package_count && str_eq(r->packages[i].name, name); i++) {
        const struct package *p = &r->packages[i];
        if (p->is_member || is_below(folder, p->folder)) { /* a package may always name itself */
            *rest = str_sub(specifier, name.n, specifier.n);
            return p;
        }
    }
    return NULL;
}

/* ---- what a package offers */

/* The strings that stand for one entry, by conditions in order of preference. */
struct targets {
    struct str list[MAX_TARGETS];
    size_t count;
};

static void add_targets(const struct json *entry, int depth, struct targets *t)
{
    static const char *const preferred[] = {"types", "import", "default"};
    if (!entry || depth > 8 || t->count >= MAX_TARGETS) {
        return;
    }
    if (entry->type == JSON_STRING) {
        t->list[t->count++] = entry->s;
        return;
    }
    for (size_t i = 0; i < 3 && entry->type == JSON_OBJECT; i++) {
        add_targets(json_get(entry, str_from(preferred[i])), depth + 1, t);
    }
    for (const struct json *c = entry->first; c; c = c->next) {
        bool is_done = false;
        for (size_t i = 0; i < 3 && entry->type == JSON_OBJECT; i++) {
            is_done |= str_eq(c->name, str_from(preferred[i]));
        }
        if (!is_done) {
            add_targets(c, depth + 1, t);
        }
    }
}

static struct str with_star(struct arena *a, struct str target, struct str star)
{
    struct str behind = STR_NONE;
    struct str before = str_cut(target, '*', &behind);
    bool has_star = before.n < target.n;
    return has_star ? arena_printf(a, "%.*s%.*s%.*s", STR_ARG(before), STR_ARG(star), STR_ARG(behind))
                    : target;
}

/* Folders that hold what was built; the source has the same name elsewhere. */
static bool is_built_folder(struct str name)
{
    static const char *const names[] = {"dist",     "build", "lib",   "out",    "esm",
                                        "cjs",      "es",    "types", "es2015", "module",
                                        "commonjs", "_esm",  "_cjs",  "_types", "typings"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_eq(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static struct str without_extension(struct str path)
{
    static const char *const extensions[] = {".d.ts", ".d.mts", ".d.cts", ".js", ".mjs", ".cjs", ".jsx"};
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (str_ends(path, str_from(extensions[i]))) {
            return str_sub(path, 0, path.n - strlen(extensions[i]));
        }
    }
    return path;
}

static int64_t find_source(struct resolver *r, struct str folder, struct str target)
{
    struct str path = STR_NONE;
    struct str stem = without_extension(target);
    while (str_starts(stem, STR("./"))) {
        stem = str_sub(stem, 2, stem.n);
    }
    for (;;) {
        struct str rest = STR_NONE;
        bool is_inside = path_join(r->a, folder, arena_printf(r->a, "src/%.*s", STR_ARG(stem)), &path);
        int64_t id = is_inside ? ts_find_module(r, path) : 0;
        if (!id && path_join(r->a, folder, stem, &path)) {
            id = ts_find_module(r, path);
        }
        struct str first = str_cut(stem, '/', &rest);
        if (id || rest.n == 0 || !is_built_folder(first)) {
            return id;
        }
        stem = rest;
    }
}

/* One target as it stands, else the source it is built from. */
static int64_t find_target(struct resolver *r, struct str folder, struct str target)
{
    struct str path = STR_NONE;
    int64_t id = path_join(r->a, folder, target, &path) ? ts_find_module(r, path) : 0;
    return id ? id : find_source(r, folder, target);
}

static int64_t find_targets(struct resolver *r, struct str folder, const struct json *entry, struct str star)
{
    struct targets t = {.count = 0};
    struct str path = STR_NONE;
    add_targets(entry, 0, &t);
    for (size_t i = 0; i < t.count; i++) { /* what exists, before what it may have been built from */
        bool is_inside = path_join(r->a, folder, with_star(r->a, t.list[i], star), &path);
        int64_t id = is_inside ? ts_find_file(r, path) : 0;
        if (id) {
            return id;
        }
    }
    for (size_t i = 0; i < t.count; i++) {
        int64_t id = find_target(r, folder, with_star(r->a, t.list[i], star));
        if (id) {
            return id;
        }
    }
    return 0;
}

/* The entry of a map that fits best; its keys are plain ("./a") or have one star ("#x/" and a star). */
static const struct json *best_entry(const struct json *map, struct str key, struct str *star)
{
    const struct json *best = NULL;
    size_t best_n = 0;
    for (const struct json *c = map->first; c; c = c->next) {
        struct str behind = STR_NONE;
        struct str before = str_cut(c->name, '*', &behind);
        if (before.n == c->name.n) {
            if (str_eq(c->name, key)) {
                *star = STR("");
                return c;
            }
            continue;
        }
        bool fits = key.n >= before.n + behind.n && str_starts(key, before) && str_ends(key, behind);
        if (fits && (!best || before.n > best_n)) {
            best = c;
            best_n = before.n;
            *star = str_sub(key, before.n, key.n - behind.n);
        }
    }
    return best;
}

static int64_t find_export(struct resolver *r, const struct package *p, struct str rest)
{
    const struct json *exports = json_get(p->manifest, STR("exports"));
    struct str star = STR("");
    if (!exports) {
        return 0;
    }
    bool is_map =
        exports->type == JSON_OBJECT && exports->first && str_starts(exports->first->name, STR("."));
    if (!is_map) {
        return rest.n == 0 ? find_targets(r, p->folder, exports, star) : 0;
    }
    struct str key = arena_printf(r->a, ".%.*s", STR_ARG(rest));
    const struct json *entry = best_entry(exports, key, &star);
    return entry ? find_targets(r, p->folder, entry, star) : 0;
}

static int64_t find_main(struct resolver *r, const struct package *p)
{
    static const char *const fields[] = {"types", "typings", "source", "module", "main"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct str target = string_of(p->manifest, fields[i]);
        int64_t id = target.n > 0 ? find_target(r, p->folder, target) : 0;
        if (id) {
            return id;
        }
    }
    return find_target(r, p->folder, STR("index"));
}

int64_t package_file(struct resolver *r, const struct package *p, struct str rest)
{
    int64_t id = find_export(r, p, rest);
    if (id) {
        return id;
    }
    return rest.n > 1 ? find_target(r, p->folder, str_sub(rest, 1, rest.n)) : find_main(r, p);
}

/* ---- imports that a package renames for itself */

/* The longest key of an import map that the specifier begins with, when the key ends with a slash, or equals. */
static const struct json *map_entry(const struct json *map, struct str specifier, struct str *rest)
{
    const struct json *best = NULL;
    for (const struct json *c = map && map->type == JSON_OBJECT ? map->first : NULL; c; c = c->next) {
        bool is_prefix = str_ends(c->name, STR("/")) && str_starts(specifier, c->name);
        if ((is_prefix || str_eq(c->name, specifier)) && (!best || c->name.n > best->name.n)) {
            best = c;
            *rest = str_sub(specifier, c->name.n, specifier.n);
        }
    }
    return best && best->type == JSON_STRING ? best : NULL;
}

static int64_t deno_import(struct resolver *r, struct str folder, struct str specifier, struct str *redirect)
{
    struct str rest = STR("");
    int64_t config = resolver_nearest(r, folder, STR("deno.json"));
    config = config ? config : resolver_nearest(r, folder, STR("deno.jsonc"));
    while (config) {
        struct str home = path_folder(path_of(r->files, config));
        const struct json *root = resolver_json(r, config);
        struct str map_path = string_of(root, "importMap");
        const struct json *map = map_path.n > 0 ? resolver_json(r, resolver_find(r, home, map_path)) : root;
        const struct json *entry = map_entry(json_get(map, STR("imports")), specifier, &rest);
        if (entry) {
            struct str target = arena_printf(r->a, "%.*s%.*s", STR_ARG(entry->s), STR_ARG(rest));
            if (str_starts(target, STR("."))) {
                return find_target(r, home, target);
            }
            *redirect = target;
            return 0;
        }
        config = home.n > 0 ? resolver_nearest(r, path_folder(home), STR("deno.json")) : 0;
    }
    return 0;
}

int64_t package_import(struct resolver *r, struct str folder, struct str specifier, struct str *redirect)
{
    struct str star = STR("");
    if (!str_starts(specifier, STR("#"))) {
        return deno_import(r, folder, specifier, redirect);
    }
    int64_t id = resolver_nearest(r, folder, STR("package.json"));
    const struct json *imports = json_get(resolver_json(r, id), STR("imports"));
    const struct json *entry =
        imports && imports->type == JSON_OBJECT ? best_entry(imports, specifier, &star) : NULL;
    if (!entry) {
        return deno_import(r, folder, specifier, redirect);
    }
    struct targets t = {.count = 0};
    add_targets(entry, 0, &t);
    if (t.count > 0 && !str_starts(t.list[0], STR("."))) {
        *redirect = with_star(r->a, t.list[0], star);
        return 0;
    }
    return find_targets(r, path_folder(path_of(r->files, id)), entry, star);
}
