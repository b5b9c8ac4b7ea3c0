/* queries.c: see queries.h. */
#include "store/queries.h"

#include "base/arena.h"
#include "base/asset.h"
#include "base/buf.h"

#define QUERY_MAX_BYTES 16384
#define BLOCKS_MAX      512

struct block_list {
    struct {
        struct str name, text;
    } blocks[BLOCKS_MAX];
    size_t count;
};

static void find_blocks(struct block_list *l, struct str file)
{
    struct str mark = STR("-- name: ");
    size_t at = str_find(file, mark, 0);
    while (at < file.n && l->count < BLOCKS_MAX) {
        size_t line_end = str_find_char(file, '\n', at);
        size_t next = str_find(file, mark, line_end);
        l->blocks[l->count].name = str_trim(str_sub(file, at + mark.n, line_end));
        l->blocks[l->count].text = str_trim(str_sub(file, line_end, next));
        l->count++;
        at = next;
    }
}

static struct str block_text(const struct block_list *l, struct str name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (str_eq(l->blocks[i].name, name)) {
            return l->blocks[i].text;
        }
    }
    return STR_NONE;
}

/* Blocks may name blocks; never in a circle: they are ours. */
static void expand(const struct block_list *l, struct buf *out, struct str text)
{
    struct str rest = text;
    while (rest.n) {
        buf_append_str(out, str_cut(rest, '@', &rest));
        if (rest.n) {
            expand(l, out, block_text(l, str_cut(rest, '@', &rest)));
        }
    }
}

void queries_load(struct queries *q)
{
    struct block_list *l = mem_alloc(sizeof *l);
    for (const struct asset *a = asset_table; a->name; a++) {
        if (str_starts(str_from(a->name), str_from(q->folder))) {
            find_blocks(l, asset_get(a->name));
        }
    }
    for (size_t i = 0; i < q->count && !q->error.rc; i++) {
        struct str text = block_text(l, str_from(q->names[i]));
        struct buf b = BUF_LIMIT(QUERY_MAX_BYTES);
        if (!text.n) {
            err_set(&q->error, RC_FATAL, "query %s is missing from the program", q->names[i]);
            break;
        }
        expand(l, &b, text);
        (void)buf_c_str(&b);
        q->texts[i] = b.p;
    }
    mem_free(l);
}
