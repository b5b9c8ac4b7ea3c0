/* graph_map.c: a map of texts. A stranger chooses its keys: a bad one costs a walk, and no more than the pages of a crawl. */
#include "kinds/crawl_docs/graph_parts.h"

struct crawl_map {
    struct arena *a;
    struct {
        struct str key;
        size_t value;
    } * cells;
    size_t room, count;
};

static size_t find_cell(const struct crawl_map *m, struct str key)
{
    size_t at = str_hash(key) & (m->room - 1);
    while (m->cells[at].key.p && !str_eq(m->cells[at].key, key)) {
        at = (at + 1) & (m->room - 1);
    }
    return at;
}

struct crawl_map *crawl_map_new(struct arena *a)
{
    struct crawl_map *m = arena_alloc(a, sizeof *m);
    m->a = a;
    m->room = 1024;
    m->cells = arena_alloc_array(a, sizeof *m->cells, m->room);
    return m;
}

size_t crawl_map_get(const struct crawl_map *m, struct str key)
{
    size_t at = find_cell(m, key);
    return m->cells[at].key.p ? m->cells[at].value : CRAWL_NOWHERE;
}

void crawl_map_put(struct crawl_map *m, struct str key, size_t value)
{
    if (2 * m->count >= m->room) {
        struct crawl_map wider = {.a = m->a, .room = 4 * m->room, .count = m->count};
        wider.cells = arena_alloc_array(m->a, sizeof *wider.cells, wider.room);
        for (size_t i = 0; i < m->room; i++) {
            if (m->cells[i].key.p) {
                wider.cells[find_cell(&wider, m->cells[i].key)] = m->cells[i];
            }
        }
        *m = wider;
    }
    size_t at = find_cell(m, key);
    m->count += !m->cells[at].key.p;
    m->cells[at].key = key;
    m->cells[at].value = value;
}
