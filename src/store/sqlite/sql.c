/* sql.c: see sql.h. A query file is blocks that begin with `-- name: x`; lines of a block that begin with `--` are left
 * out, and `@x@` is replaced by the block of that name, so that a list of columns is written once. */
#include "store/sqlite/sql.h"

#include "base/asset.h"
#include "base/buf.h"

#include <pthread.h>

#define FOLDER          "sql/sqlite/queries/"
#define QUERY_MAX_BYTES 8192
#define BLOCKS_MAX      256

#define SQL_AS_NAME(upper, name) name,
static const char *const names[SQL_COUNT] = {SQL_QUERIES(SQL_AS_NAME)};

static struct {
    struct str name, text;
} blocks[BLOCKS_MAX];

static size_t block_count;
static char *texts[SQL_COUNT];
static struct err load_error;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_blocks(struct str file)
{
    struct str mark = STR("-- name: ");
    size_t at = str_find(file, mark, 0);
    while (at < file.n && block_count < BLOCKS_MAX) {
        size_t line_end = str_find_char(file, '\n', at);
        size_t next = str_find(file, mark, line_end);
        blocks[block_count].name = str_trim(str_sub(file, at + mark.n, line_end));
        blocks[block_count].text = str_trim(str_sub(file, line_end, next));
        block_count++;
        at = next;
    }
}

static struct str block_text(struct str name)
{
    for (size_t i = 0; i < block_count; i++) {
        if (str_eq(blocks[i].name, name)) {
            return blocks[i].text;
        }
    }
    return STR_NONE;
}

static void expand(struct buf *out, struct str text)
{
    struct str rest = text;
    while (rest.n) {
        buf_append_str(out, str_cut(rest, '@', &rest));
        if (rest.n) {
            buf_append_str(out, block_text(str_cut(rest, '@', &rest)));
        }
    }
}

static void load(void)
{
    for (const struct asset *a = asset_table; a->name; a++) {
        if (str_starts(str_from(a->name), STR(FOLDER))) {
            find_blocks(asset_get(a->name));
        }
    }
    for (int i = 0; i < SQL_COUNT; i++) {
        struct str text = block_text(str_from(names[i]));
        if (!text.n) {
            err_set(&load_error, RC_FATAL, "query %s is missing from the program", names[i]);
            return;
        }
        struct buf b = BUF_LIMIT(QUERY_MAX_BYTES);
        expand(&b, text);
        (void)buf_c_str(&b);
        texts[i] = b.p; /* kept for the life of the program */
    }
}

enum rc sql_load(struct err *e)
{
    pthread_once(&once, load);
    if (load_error.rc && e) {
        *e = load_error;
    }
    return load_error.rc;
}

const char *sql_text(enum sql_query q)
{
    return texts[q];
}
