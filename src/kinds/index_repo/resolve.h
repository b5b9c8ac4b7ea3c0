/* resolve.h: where an import leads, decided from the names of the files in the commit and its configuration files, without
 * installing or building anything: the way the TypeScript compiler, Python and the C preprocessor would. */
#ifndef STINT_KINDS_INDEX_REPO_RESOLVE_H
#define STINT_KINDS_INDEX_REPO_RESOLVE_H

#include "codeindex/codeindex.h"
#include "kinds/index_repo/paths.h"

#define RESOLVE_MAX_CONFIG_BYTES (1 << 20)

struct resolver;

/* What the resolver may know of the commit. `read` gives the text of a small file, which must live as long as the
 * resolver; any rc but RC_OK makes the file count as unreadable. */
struct resolve_source {
    const struct path_list *files;
    enum rc (*read)(void *arg, int64_t file_id, struct str *text, struct err *e);
    void *arg;
};

/* Reads the package files of the commit; other configuration is read when it is first needed. All memory comes from `a`
 * and goes with it. */
struct resolver *resolver_new(const struct resolve_source *source, struct arena *a);
/* The target of one import of file_id. Broken configuration is as good as none. */
struct code_target resolver_target(struct resolver *r, int64_t file_id, enum code_lang lang,
                                   const struct code_import *i);

#endif
