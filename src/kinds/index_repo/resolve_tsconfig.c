/* resolve_tsconfig.c: the nearest tsconfig.json or jsconfig.json of a folder, with what it extends. */
#include "kinds/index_repo/resolve_private.h"

#define MAX_EXTENDS 10

static const struct ts_config no_config = {.has_json_modules = true};

static struct str string_of(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, str_from(name));
    return member && member->type == JSON_STRING ? member->s : STR_NONE;
}

/* ./base, ./base.json or a folder with a tsconfig.json */
static int64_t find_config_file(struct resolver *r, struct str folder, struct str name)
{
    int64_t id = resolver_find(r, folder, name);
    id = id ? id : resolver_find(r, folder, arena_printf(r->a, "%.*s.json", STR_ARG(name)));
    return id ? id : resolver_find(r, folder, arena_printf(r->a, "%.*s/tsconfig.json", STR_ARG(name)));
}

/* What `extends` names: a path, or a file of one of our packages (@us/tsconfig/base.json). */
static int64_t find_extended(struct resolver *r, struct str folder, struct str name)
{
    struct str rest = STR_NONE;
    if (str_starts(name, STR(".")) || str_starts(name, STR("/"))) {
        return find_config_file(r, folder, name);
    }
    const struct package *p = package_find(r, name, folder, &rest);
    return p ? find_config_file(r, p->folder, rest.n > 1 ? str_sub(rest, 1, rest.n) : STR("tsconfig.json"))
             : 0;
}

/* ${configDir} is the folder of the file that was asked for, not of the one it stands in. */
static struct str with_config_dir(struct resolver *r, struct str path, struct str own_folder,
                                  struct str asked_folder)
{
    struct str out = STR_NONE;
    struct str variable = STR("${configDir}");
    if (str_starts(path, variable)) {
        path = str_sub(path, variable.n, path.n);
        own_folder = asked_folder;
    }
    return path_join(r->a, own_folder, path, &out) ? out : STR_NONE;
}

/* An import may lead to JSON when the options say so, or when the way of resolving is a modern one. */
static bool allows_json(const struct json *options, bool before)
{
    static const char *const old_ways[] = {"node", "node10", "node16", "classic"};
    const struct json *explicitly = json_get(options, STR("resolveJsonModule"));
    struct str way = string_of(options, "moduleResolution");
    if (explicitly && explicitly->type == JSON_BOOL) {
        return explicitly->i != 0;
    }
    for (size_t i = 0; i < sizeof old_ways / sizeof old_ways[0]; i++) {
        if (str_eq_nocase(way, str_from(old_ways[i]))) {
            return false;
        }
    }
    return before;
}

static void apply(struct resolver *r, int64_t id, struct str asked_folder, struct ts_config *c)
{
    const struct json *options = json_get(resolver_json(r, id), STR("compilerOptions"));
    struct str folder = path_folder(path_of(r->files, id));
    struct str base_url = string_of(options, "baseUrl");
    const struct json *paths = json_get(options, STR("paths"));
    if (base_url.p) {
        c->base_url = with_config_dir(r, base_url, folder, asked_folder);
        c->has_base_url = c->base_url.p != NULL;
    }
    if (paths && paths->type == JSON_OBJECT) {
        c->paths = paths;
        c->paths_folder = folder;
    }
    if (c->has_base_url && (base_url.p || paths)) {
        c->paths_folder = c->base_url;
    }
    c->has_json_modules = allows_json(options, c->has_json_modules);
}

/* What is extended comes first, so that the file itself has the last word. */
static void load_chain(struct resolver *r, int64_t id, struct str asked_folder, int depth,
                       struct ts_config *c)
{
    const struct json *root = resolver_json(r, id);
    const struct json *extends = json_get(root, STR("extends"));
    struct str folder = path_folder(path_of(r->files, id));
    if (depth > 0 && extends && extends->type == JSON_STRING) {
        int64_t base = find_extended(r, folder, extends->s);
        if (base) {
            load_chain(r, base, asked_folder, depth - 1, c);
        }
    }
    const struct json *item = depth > 0 && extends && extends->type == JSON_ARRAY ? extends->first : NULL;
    for (int n = 0; item && n < MAX_EXTENDS; item = item->next, n++) {
        int64_t base = item->type == JSON_STRING ? find_extended(r, folder, item->s) : 0;
        if (base) {
            load_chain(r, base, asked_folder, depth / 2, c); /* lists of lists end soon */
        }
    }
    apply(r, id, asked_folder, c);
}

/* A file that only refers to others (a "solution") says nothing itself; then the first with paths speaks for it. */
static void load_references(struct resolver *r, int64_t id, struct ts_config *c)
{
    const struct json *references = json_get(resolver_json(r, id), STR("references"));
    struct str folder = path_folder(path_of(r->files, id));
    const struct json *item = references && references->type == JSON_ARRAY ? references->first : NULL;
    for (int n = 0; item && n < MAX_EXTENDS && !c->paths && !c->has_base_url; item = item->next, n++) {
        struct str path = string_of(item, "path");
        int64_t other = path.n > 0 ? find_config_file(r, folder, path) : 0;
        if (other) {
            load_chain(r, other, path_folder(path_of(r->files, other)), MAX_EXTENDS, c);
        }
    }
}

static const struct ts_config *load_config(struct resolver *r, int64_t id)
{
    if (!r->ts_configs[id]) {
        struct ts_config *c = arena_alloc(r->a, sizeof *c);
        *c = no_config;
        load_chain(r, id, path_folder(path_of(r->files, id)), MAX_EXTENDS, c);
        if (!c->paths && !c->has_base_url) {
            load_references(r, id, c);
        }
        r->ts_configs[id] = c;
    }
    return r->ts_configs[id];
}

const struct ts_config *ts_config_of(struct resolver *r, struct str folder)
{
    for (;;) {
        int64_t id = resolver_find(r, folder, STR("tsconfig.json"));
        id = id ? id : resolver_find(r, folder, STR("jsconfig.json"));
        if (id) {
            return load_config(r, id);
        }
        if (folder.n == 0) {
            return &no_config;
        }
        folder = path_folder(folder);
    }
}
