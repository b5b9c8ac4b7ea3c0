/* resolve_c.c: includes of C. Quoted ones: the including file's folder, the folders above it and their include/ and src/,
 * then the only file of the repository whose path ends so. Those in angle brackets: include/ folders only, for a library
 * that includes its own public headers. */
#include "kinds/index_repo/resolve_private.h"

#include <stdlib.h>

/* Headers and sources by their last name, to find paths by their ends. */
struct named_file {
    struct str name;
    int64_t id;
};

static int compare_named(const void *a, const void *b)
{
    const struct named_file *x = a;
    const struct named_file *y = b;
    int by_name = str_compare(x->name, y->name);
    return by_name != 0 ? by_name : (x->id > y->id) - (x->id < y->id);
}

static void load_names(struct resolver *r)
{
    r->c_files = arena_array(r->a, struct named_file, r->files->count + 1);
    for (size_t i = 0; i < r->files->count; i++) {
        if (code_lang_of_path(r->files->paths[i]) == CODE_C) {
            r->c_files[r->c_file_count++] =
                (struct named_file){path_name(r->files->paths[i]), (int64_t)i + 1};
        }
    }
    if (r->c_file_count > 0) {
        qsort(r->c_files, r->c_file_count, sizeof *r->c_files, compare_named);
    }
    r->has_c_files = true;
}

/* The only file whose path ends with /suffix; 0 when there is none or more than one. */
static int64_t find_by_suffix(struct resolver *r, struct str suffix)
{
    struct str name = path_name(suffix);
    size_t from = 0;
    size_t to = r->c_file_count;
    int64_t found = 0;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (str_compare(r->c_files[middle].name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    struct str ending = arena_printf(r->a, "/%.*s", STR_ARG(suffix));
    for (size_t i = from; i < r->c_file_count && str_eq(r->c_files[i].name, name); i++) {
        struct str path = path_of(r->files, r->c_files[i].id);
        if (str_ends(path, ending) || str_eq(path, suffix)) {
            if (found) {
                return 0;
            }
            found = r->c_files[i].id;
        }
    }
    return found;
}

static int64_t find_above(struct resolver *r, struct str folder, struct str specifier, bool is_quoted)
{
    static const char *const homes[] = {"include/", "src/include/", "src/", "inc/"};
    for (;;) {
        int64_t id = is_quoted ? resolver_find(r, folder, specifier) : 0;
        for (size_t i = 0; i < sizeof homes / sizeof homes[0] && !id; i++) {
            if (is_quoted || i < 2) {
                id = resolver_find(r, folder, arena_printf(r->a, "%s%.*s", homes[i], STR_ARG(specifier)));
            }
        }
        if (id || folder.n == 0) {
            return id;
        }
        folder = path_folder(folder);
    }
}

struct code_target resolve_c(struct resolver *r, int64_t file_id, const struct code_import *i)
{
    if (!r->has_c_files) {
        load_names(r);
    }
    struct str folder = path_folder(path_of(r->files, file_id));
    bool is_quoted = i->kind == CODE_IMPORT_INCLUDE;
    int64_t id = find_above(r, folder, i->specifier, is_quoted);
    if (!id && is_quoted) {
        id = find_by_suffix(r, i->specifier);
    }
    if (id) {
        return (struct code_target){.class = CODE_INTERNAL, .file_id = id};
    }
    if (is_quoted) {
        return (struct code_target){.class = CODE_UNRESOLVED};
    }
    return (struct code_target){.class = CODE_EXTERNAL, .package = i->specifier};
}
