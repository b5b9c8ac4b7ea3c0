/* resolve.c: the common part of all resolvers. See resolve.h. */
#include "kinds/index_repo/resolve_private.h"

#include "kinds/index_repo/jsonc.h"

const struct json *resolver_json(struct resolver *r, int64_t file_id)
{
    struct str text = STR_NONE;
    struct json *tree = NULL;
    if (file_id == 0 || r->is_parsed[file_id]) {
        return file_id ? r->parsed[file_id] : NULL;
    }
    r->is_parsed[file_id] = true;
    if (r->source.read(r->source.arg, file_id, &text, NULL) || text.n > RESOLVE_MAX_CONFIG_BYTES ||
        jsonc_parse(text, r->a, &tree, NULL)) {
        return NULL;
    }
    r->parsed[file_id] = tree;
    return tree;
}

int64_t resolver_find(struct resolver *r, struct str folder, struct str relative)
{
    struct str path = STR_NONE;
    return path_join(r->a, folder, relative, &path) ? path_find(r->files, path) : 0;
}

int64_t resolver_nearest(struct resolver *r, struct str folder, struct str name)
{
    for (;;) {
        int64_t id = resolver_find(r, folder, name);
        if (id || folder.n == 0) {
            return id;
        }
        folder = path_folder(folder);
    }
}

struct resolver *resolver_new(const struct resolve_source *source, struct arena *a)
{
    struct resolver *r = arena_alloc(a, sizeof *r);
    r->source = *source;
    r->files = source->files;
    r->a = a;
    r->parsed = arena_array(a, const struct json *, r->files->count + 1);
    r->is_parsed = arena_array(a, bool, r->files->count + 1);
    r->ts_configs = arena_array(a, const struct ts_config *, r->files->count + 1);
    packages_load(r);
    return r;
}

struct code_target resolver_target(struct resolver *r, int64_t file_id, enum code_lang lang,
                                   const struct code_import *i)
{
    if (i->is_computed) {
        return (struct code_target){.class = CODE_COMPUTED};
    }
    switch (lang) {
    case CODE_TYPESCRIPT:
    case CODE_TSX:
    case CODE_JAVASCRIPT:
        return resolve_typescript(r, file_id, i);
    case CODE_PYTHON:
        return resolve_python(r, file_id, i);
    case CODE_C:
        return resolve_c(r, file_id, i);
    case CODE_NO_LANG:
    case CODE_LANG_COUNT:
        break;
    }
    return (struct code_target){.class = CODE_UNRESOLVED};
}
