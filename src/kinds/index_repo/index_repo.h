/* index_repo.h: the kind index-repo: reads one commit of a git repository and publishes its code index. */
#ifndef STINT_KINDS_INDEX_REPO_INDEX_REPO_H
#define STINT_KINDS_INDEX_REPO_INDEX_REPO_H

#include "worker/handler.h"

extern const struct handler index_repo_handler;

#endif
