/* paths.h: the paths of one commit: which exist, and how one is written relative to another. No file system. */
#ifndef STINT_KINDS_INDEX_REPO_PATHS_H
#define STINT_KINDS_INDEX_REPO_PATHS_H

#include "base/arena.h"

/* Paths in ascending order of bytes, without a leading slash; the id of paths[i] is i + 1. Borrowed. */
struct path_list {
    const struct str *paths;
    size_t count;
};

/* The id of a path, 0 when there is none. */
int64_t path_find(const struct path_list *l, struct str path);
/* True when some path lies below this folder ("" = the root). */
bool path_is_folder(const struct path_list *l, struct str folder);
struct str path_of(const struct path_list *l, int64_t id);

struct str path_folder(struct str path); /* "a/b" of "a/b/c"; "" at the root */
struct str path_name(struct str path);   /* "c" of "a/b/c" */
/* folder/relative with `.` and `..` worked out; false when it leads out of the repository. The result lives in `a`. */
MUST_CHECK bool path_join(struct arena *a, struct str folder, struct str relative, struct str *out);

/* Shell patterns: `*` and `?` within a name, `**` across names, `[abc]`; the whole path must match. Linear in time. */
bool path_matches(struct str pattern, struct str path);

#endif
