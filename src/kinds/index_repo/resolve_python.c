/* resolve_python.c: imports of Python. A relative one starts from the importing file's package; an absolute one is looked
 * for from every folder that may be on the path: the folder that holds the file's outermost package (the file's own, when it
 * is in none), and those above, each with its src/ and lib/. `from a import b` leads to the module a/b when there is one, else to a. */
#include "kinds/index_repo/resolve_private.h"

static int64_t find_module(struct resolver *r, struct str path)
{
    static const char *const forms[] = {".py", "/__init__.py", ".pyi", "/__init__.pyi"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int64_t id = path_find(r->files, arena_printf(r->a, "%.*s%s", STR_ARG(path), forms[i]));
        if (id) {
            return id;
        }
    }
    return 0;
}

/* "a.b.c" below `folder`. */
static bool dotted_path(struct resolver *r, struct str folder, struct str dotted, struct str *out)
{
    char *p = arena_c_str(r->a, dotted);
    for (size_t i = 0; i < dotted.n; i++) {
        p[i] = p[i] == '.' ? '/' : p[i];
    }
    return path_join(r->a, folder, (struct str){p, dotted.n}, out);
}

/* The module `name` of the module or package at `path`, else that itself. */
static int64_t find_from(struct resolver *r, struct str path, const struct code_import *i)
{
    bool has_name = i->kind == CODE_IMPORT_FROM && i->names.n > 0 && !str_eq(i->names, STR("*"));
    int64_t id = has_name ? find_module(r, arena_printf(r->a, "%.*s%s%.*s", STR_ARG(path),
                                                        path.n > 0 ? "/" : "", STR_ARG(i->names)))
                          : 0;
    return id ? id : find_module(r, path);
}

static struct code_target resolve_relative(struct resolver *r, struct str folder, const struct code_import *i)
{
    struct str rest = i->specifier;
    struct str path = STR_NONE;
    for (int dots = 0; str_starts(rest, STR(".")); dots++) {
        if (dots > 0 && folder.n == 0) {
            return (struct code_target){.class = CODE_UNRESOLVED};
        }
        folder = dots > 0 ? path_folder(folder) : folder;
        rest = str_sub(rest, 1, rest.n);
    }
    int64_t id = dotted_path(r, folder, str_trim(rest), &path) ? find_from(r, path, i) : 0;
    return (struct code_target){.class = id ? CODE_INTERNAL : CODE_UNRESOLVED, .file_id = id};
}

static int64_t find_absolute(struct resolver *r, struct str root, const struct code_import *i)
{
    struct str path = STR_NONE;
    return dotted_path(r, root, i->specifier, &path) ? find_from(r, path, i) : 0;
}

/* The folder that holds the outermost package of a file: where its own project's imports begin. */
static struct str project_root(struct resolver *r, struct str folder)
{
    while (folder.n > 0 && path_find(r->files, arena_printf(r->a, "%.*s/__init__.py", STR_ARG(folder)))) {
        folder = path_folder(folder);
    }
    return folder;
}

struct code_target resolve_python(struct resolver *r, int64_t file_id, const struct code_import *i)
{
    struct str own = path_folder(path_of(r->files, file_id));
    if (str_starts(i->specifier, STR("."))) {
        return resolve_relative(r, own, i);
    }
    int64_t id = 0;
    for (struct str folder = project_root(r, own); !id;
         folder = path_folder(folder)) { /* each with its src */
        id = find_absolute(r, folder, i);
        id = id ? id
                : find_absolute(r, arena_printf(r->a, "%.*s%ssrc", STR_ARG(folder), folder.n > 0 ? "/" : ""),
                                i);
        id = id ? id
                : find_absolute(r, arena_printf(r->a, "%.*s%slib", STR_ARG(folder), folder.n > 0 ? "/" : ""),
                                i);
        if (folder.n == 0) {
            break;
        }
    }
    if (id && id != file_id) {
        return (struct code_target){.class = CODE_INTERNAL, .file_id = id};
    }
    return (struct code_target){.class = CODE_EXTERNAL,
                                .package = str_sub(i->specifier, 0, str_find_char(i->specifier, '.', 0))};
}
