/* codeindex.h: the code index file: who writes it, and what can be asked of it. One SQLite file per repository, ref and
 * commit; written once as a private file, published whole, then never changed. The tables are in sql/codeindex/.
 * A writer or reader belongs to one thread at a time. */
#ifndef STINT_CODEINDEX_CODEINDEX_H
#define STINT_CODEINDEX_CODEINDEX_H

#include "base/json.h"
#include "codeindex/code.h"

/* Grows with every change of the tables or of what their values mean; older files are refused. */
#define CODEINDEX_FORMAT    1
#define CODEINDEX_MAX_FILES 1000000

enum code_status { CODE_OK, CODE_PARTIAL, CODE_SKIPPED, CODE_FAILED, CODE_STATUS_COUNT };
/* Where an import leads: to a source file of the repository; to another file of it (a style sheet, an image); out of it;
 * nowhere, although it should; or nobody can tell without running it. */
enum code_class {
    CODE_INTERNAL,
    CODE_ASSET,
    CODE_EXTERNAL,
    CODE_UNRESOLVED,
    CODE_COMPUTED,
    CODE_CLASS_COUNT
};

const char *code_status_name(enum code_status s);
const char *code_class_name(enum code_class c);

/* ---- writing */

struct codeindex;

struct codeindex_meta {
    struct str repo, ref, commit, options_hash;
    int64_t extractor_version;
    bool is_dirty; /* the working tree had changes that are not in the commit */
};

struct codeindex_file {
    int64_t id; /* from 1, in order of path */
    struct str path, blob /* raw bytes */, reason /* when skipped or failed, else "" */;
    enum code_lang lang;
    int64_t bytes;
    enum code_status status;
    const struct code_parsed *parsed; /* NULL unless OK or PARTIAL */
};

struct code_target {
    enum code_class class;
    int64_t file_id;    /* CODE_INTERNAL, CODE_ASSET */
    struct str package; /* CODE_EXTERNAL */
};

/* A new file at path, which must not exist. Nothing is valid before codeindex_finish; codeindex_close before it leaves a
 * file to throw away. RC_FULL: no space. */
MUST_CHECK enum rc codeindex_create(const char *path, const struct codeindex_meta *m, struct codeindex **out,
                                    struct err *e);
/* The file with its symbols and errors; its imports follow by codeindex_add_import, since they need all files. */
MUST_CHECK enum rc codeindex_add_file(struct codeindex *c, const struct codeindex_file *f, struct err *e);
/* `n` = the place of the import in its file. */
MUST_CHECK enum rc codeindex_add_import(struct codeindex *c, int64_t file_id, int n,
                                        const struct code_import *i, const struct code_target *t,
                                        struct err *e);
/* Files that import each other in a circle, in ascending order; cycles are numbered from 1 as they come. */
MUST_CHECK enum rc codeindex_add_cycle(struct codeindex *c, const int64_t *file_ids, size_t count,
                                       struct err *e);
/* Indexes, counts, commit. The file is complete afterwards. */
MUST_CHECK enum rc codeindex_finish(struct codeindex *c, struct err *e);
void codeindex_close(struct codeindex *c); /* NULL is fine */

/* ---- the previous index as a cache */

/* Opens a finished file for codeindex_load_blob. RC_CONFLICT: another format or extractor version; start anew. */
MUST_CHECK enum rc codeindex_open(const char *path, int64_t extractor_version, struct codeindex **out,
                                  struct err *e);
/* What was found in a blob of this language; RC_NOT_FOUND when the file does not hold it. Lists and texts live in `a`. */
MUST_CHECK enum rc codeindex_load_blob(struct codeindex *c, struct str blob, enum code_lang lang,
                                       struct arena *a, struct code_parsed *out, struct err *e);

/* ---- asking */

/* Answers one JSON request with one JSON object. For the server this runs in a process that can be killed, because a
 * stranger wrote the file; the command line calls it directly. Every request has "query" and may have:
 *   symbols   q, kind, exported, path (prefix), lang, locals, limit, cursor
 *             best match first: exact, prefix, word within, initials, substring (from 3 characters on); then exported,
 *             not in tests, definitions before declarations, short names. "Base.run" asks for run in Base.
 *   outline   file                          its symbols in order, with depth
 *   deps      file, direction (dependencies | dependents), depth (1 … 1000, or "all"), limit
 *   cycles    limit, cursor
 *   files     status, reason, lang, path, limit, cursor
 *   summary   counts of everything
 * RC_INVALID: not such a request (e->field names the member). RC_NOT_FOUND: no index, or no such file in it.
 * RC_CONFLICT: an index of another format. RC_BUSY: over max_steps of the database's machine (0: 50 million).
 * RC_FATAL: the file is damaged or not an index. */
MUST_CHECK enum rc codeindex_query(const char *path, struct str request, int64_t max_steps,
                                   struct buf *answer, struct err *e);

#endif
