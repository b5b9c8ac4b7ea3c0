/* Cycles of the import graph. */
#include "base/buf.h"
#include "kinds/index_repo/cycles.h"
#include "test.h"

static void check_cycles(const struct edge *edges, size_t count, size_t nodes, const char *want)
{
    struct arena *a = arena_new();
    struct buf got = BUF_LIMIT(65536);
    struct cycle_list l = cycles_find(edges, count, nodes, a);
    for (size_t i = 0; i < l.count; i++) {
        buf_append_c(&got, i > 0 ? " |" : "");
        for (size_t k = 0; k < l.cycles[i].count; k++) {
            buf_printf(&got, "%s%d", i + k > 0 ? " " : "", (int)l.cycles[i].files[k]);
        }
    }
    CHECK_STR(buf_str(&got), str_from(want));
    buf_dispose(&got);
    arena_free(a);
}

TEST(cycles_are_components_of_several_files_and_files_that_import_themselves)
{
    check_cycles(NULL, 0, 0, "");
    check_cycles((struct edge[]){{1, 2}, {2, 3}}, 2, 3, "");
    check_cycles((struct edge[]){{3, 3}}, 1, 4, "3");
    check_cycles((struct edge[]){{5, 4}, {4, 5}, {1, 2}, {2, 3}, {3, 1}, {3, 4}, {1, 2}}, 7, 5,
                 "1 2 3 | 4 5");
    check_cycles((struct edge[]){{1, 2}, {2, 1}, {2, 3}, {3, 2}, {4, 1}}, 5, 4, "1 2 3");
}

TEST(a_ring_of_a_hundred_thousand_files_is_one_cycle)
{
    enum { N = 100000 };
    struct arena *a = arena_new();
    struct edge *edges = arena_array(a, struct edge, N);
    for (int i = 0; i < N; i++) {
        edges[i] = (struct edge){i + 1, (i + 1) % N + 1};
    }
    struct cycle_list l = cycles_find(edges, N, N, a);
    CHECK_INT(l.count, 1);
    CHECK_INT(l.cycles[0].count, N);
    arena_free(a);
}
