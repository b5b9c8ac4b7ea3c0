/* codeindex_name.h: one name for one repository, however it was written, and the name of the series in which its indexes are
 * published. The worker that writes and the server that answers must agree on both. */
#ifndef STINT_CODEINDEX_CODEINDEX_NAME_H
#define STINT_CODEINDEX_CODEINDEX_NAME_H

#include "base/arena.h"

#define CODEINDEX_SERIES_PREFIX "code-index:"
#define CODEINDEX_ARTIFACT      "index.db"

/* Scheme and host in lower case, no default port, no user, no final slash, no ".git"; user@host:path as ssh://host/path;
 * file:///x as /x. Two spellings of one repository give the same text; it is for naming, not for fetching. */
struct str codeindex_canonical_repo(struct str repo, struct arena *a);
/* The series of a repository (any spelling) and ref; "" for ref means HEAD. */
struct str codeindex_series(struct str repo, struct str ref, struct arena *a);

#endif
