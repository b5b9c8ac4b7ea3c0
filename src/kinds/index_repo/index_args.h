/* index_args.h: what an index-repo job may be asked. */
#ifndef STINT_KINDS_INDEX_REPO_INDEX_ARGS_H
#define STINT_KINDS_INDEX_REPO_INDEX_ARGS_H

#include "kinds/index_repo/discover.h"

struct index_args {
    struct str repo, ref, secret_name;
    struct discover_options discover;
    int64_t max_files, max_repo_bytes, clone_timeout_ms, keep_indexes;
    bool force;
    struct str options_hash; /* of everything that changes what an index of the same commit holds */
};

/* RC_INVALID, code invalid_input, e->field = the member at fault. Everything lives in `a`. */
MUST_CHECK enum rc index_args_read(struct str args, struct arena *a, struct index_args *out, struct err *e);

#endif
