/* resolve_private.h: what the resolvers of the languages share. */
#ifndef STINT_KINDS_INDEX_REPO_RESOLVE_PRIVATE_H
#define STINT_KINDS_INDEX_REPO_RESOLVE_PRIVATE_H

#include "kinds/index_repo/resolve.h"

/* A package of the repository itself: a folder with a package.json (or deno.json) that has a name. */
struct package {
    struct str name, folder;
    const struct json *manifest;
    bool is_deno;
    bool is_member; /* of a declared workspace, or none is declared */
};

/* What matters of a tsconfig.json, with what it extends. */
struct ts_config {
    struct str base_url;      /* folder, when has_base_url */
    const struct json *paths; /* object, or NULL */
    struct str paths_folder;  /* what its targets are relative to */
    bool has_base_url;
    bool has_json_modules; /* an import may lead to a .json file */
};

struct resolver {
    struct resolve_source source;
    const struct path_list *files;
    struct arena *a;
    struct package *packages; /* in order of name, then of preference */
    size_t package_count;
    const struct json **parsed;          /* by file id: manifests and configurations; NULL = not read yet */
    bool *is_parsed;                     /* by file id */
    const struct ts_config **ts_configs; /* by file id of the tsconfig; NULL = not read yet */
    struct named_file *c_files;
    size_t c_file_count;
    bool has_c_files;
};

/* The JSON (with comments) of a file; NULL when it cannot be read or is none. Read once. */
const struct json *resolver_json(struct resolver *r, int64_t file_id);
/* folder/relative as a file id; 0 when there is no such file or it leads out. */
int64_t resolver_find(struct resolver *r, struct str folder, struct str relative);
/* The nearest file called `name` in `folder` or above; 0 = none. */
int64_t resolver_nearest(struct resolver *r, struct str folder, struct str name);

struct code_target resolve_typescript(struct resolver *r, int64_t file_id, const struct code_import *i);
struct code_target resolve_python(struct resolver *r, int64_t file_id, const struct code_import *i);
struct code_target resolve_c(struct resolver *r, int64_t file_id, const struct code_import *i);

/* ---- TypeScript's parts */

/* The file that `path` (in the repository, with or without extension) means: by replaced and added extensions. */
int64_t ts_find_file(struct resolver *r, struct str path);
/* As ts_find_file, then as a folder with a package.json or an index file. */
int64_t ts_find_module(struct resolver *r, struct str path);
const struct ts_config *ts_config_of(struct resolver *r, struct str folder); /* the nearest one; never NULL */

void packages_load(struct resolver *r);
/* The package that `specifier` begins with, seen from a file in `folder`; *rest = what is behind its name, "" or "/sub".
 * NULL when it is none of ours. */
const struct package *package_find(struct resolver *r, struct str specifier, struct str folder,
                                   struct str *rest);
/* The file that importing package/rest means; 0 when it cannot be found (then *rest may be built code). */
int64_t package_file(struct resolver *r, const struct package *p, struct str rest);
/* "#name" by the `imports` of the nearest package.json, or an import map of deno.json. 0 = no such file; *redirect is set
 * when it stands for another bare specifier. */
int64_t package_import(struct resolver *r, struct str folder, struct str specifier, struct str *redirect);
/* "lodash" of "lodash/get", "@a/b" of "@a/b/c", "x" of "npm:x@2/y". */
struct str package_name_of(struct str specifier);

#endif
