/* codeindex_private.h: what the files of this folder share. */
#ifndef STINT_CODEINDEX_CODEINDEX_PRIVATE_H
#define STINT_CODEINDEX_CODEINDEX_PRIVATE_H

#include "codeindex/codeindex.h"
#include "db/db.h"

#define SYMBOL_ID_SHIFT 20 /* a symbol's id is file_id << this | its place; CODE_MAX_SYMBOLS is less */

struct codeindex {
    struct db *db;
};

/* Lower-case initials of a name of at least two words (camelCase, snake_case, kebab-case), into `out`; "" for one word. */
#define INITIALS_BYTES 32
struct str codeindex_initials(struct str name, char out[INITIALS_BYTES]);
/* The length of the word that begins at `from` in a name: `HTTPServer` = HTTP, Server. */
bool codeindex_is_word_start(struct str name, size_t at);

/* Opens read-only and hardened, and compares format and schema text with what this program writes. */
MUST_CHECK enum rc codeindex_open_checked(const char *path, struct db **out, struct err *e);

/* One request on its way; each query reads its members from `request` and writes into `w`. */
struct codeindex_request {
    struct db *db;
    const struct json *request;
    struct arena *a;
    struct json_out w;
};

enum rc codeindex_query_symbols(struct codeindex_request *r, struct err *e);
enum rc codeindex_query_outline(struct codeindex_request *r, struct err *e);
enum rc codeindex_query_deps(struct codeindex_request *r, struct err *e);
enum rc codeindex_query_cycles(struct codeindex_request *r, struct err *e);
enum rc codeindex_query_files(struct codeindex_request *r, struct err *e);
enum rc codeindex_query_summary(struct codeindex_request *r, struct err *e);

#define QUERY_DEFAULT_LIMIT 100
#define QUERY_MAX_LIMIT     1000

/* limit and cursor of a list. A cursor is a place in the answer: the file never changes, so it stays true. */
MUST_CHECK enum rc codeindex_get_page(const struct codeindex_request *r, int64_t *limit, int64_t *offset,
                                      struct err *e);
void codeindex_put_next(struct codeindex_request *r, bool has_more, int64_t next_offset);
/* The id of the file named in member "file". RC_NOT_FOUND when the index has none of this path. */
MUST_CHECK enum rc codeindex_get_file(const struct codeindex_request *r, int64_t *id, struct str *path,
                                      struct err *e);

/* Columns that codeindex_put_symbol reads, in its order; the table is `s`, its file `f`. */
#define SYMBOL_COLUMNS                                                                                       \
    "s.id, s.name, s.scope, s.kind, f.path, s.line, s.col, s.end_line, s.flags, s.signature, s.doc, "        \
    "s.parent_id"
void codeindex_put_text(struct json_out *w, const char *name, struct str s); /* STR_NONE writes null */
/* One symbol as an object; depth -1 leaves the depth out. */
void codeindex_put_symbol(struct codeindex_request *r, struct db_stmt *q, int64_t depth);

#endif
