/* markdown.c: HTML to Markdown on one core, and what libxml2 takes for nothing but a tree of the same pages.
 * usage: markdown ROUNDS FILE... */
#include <time.h>

#include <libxml/HTMLparser.h>

#include "base/buf.h"
#include "limit.h"
#include "markdown/markdown.h"

#define PAGE_MAX_BYTES ((size_t)32 << 20)

struct pages {
    struct buf *html;
    size_t count;
    size_t bytes;
};

static void read_pages(struct pages *p, char **names, size_t count)
{
    struct err e;

    p->html = mem_alloc(count * sizeof *p->html);
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        p->html[i] = BUF_LIMIT(PAGE_MAX_BYTES);
        if (buf_read_file(&p->html[i], names[i], &e)) {
            limit_fail(names[i], e.text);
        }
        p->bytes += p->html[i].n;
    }
}

static void convert_all(const struct pages *p)
{
    struct markdown_options o = {.url = STR("http://example.org/docs/page.html")};
    struct arena *a = arena_new();
    struct markdown_page m;
    struct err e;

    for (size_t i = 0; i < p->count; i++) {
        if (markdown_convert(buf_str(&p->html[i]), &o, a, &m, &e)) {
            limit_fail("markdown_convert", e.text);
        }
        arena_reset(a);
    }
    arena_free(a);
}

static void parse_all(const struct pages *p)
{
    for (size_t i = 0; i < p->count; i++) {
        htmlDocPtr doc = htmlReadMemory(p->html[i].p, (int)p->html[i].n, NULL, "UTF-8",
                                        HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
        xmlFreeDoc(doc);
    }
}

/* Of this process: what others do with the core does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double mb_per_s(const struct pages *p, int64_t rounds, void (*run)(const struct pages *p))
{
    double best = 0;

    for (int64_t i = 0; i < rounds; i++) { /* the best round: in the others somebody had the caches */
        int64_t start = cpu_us();
        run(p);
        double rate = (double)p->bytes / (double)(cpu_us() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    struct pages p = {0};

    if (argc < 3) {
        limit_fail("markdown", "usage: markdown ROUNDS FILE...");
    }
    read_pages(&p, argv + 2, (size_t)argc - 2);
    double tree = mb_per_s(&p, limit_number(argv[1]), parse_all);
    double ours = mb_per_s(&p, limit_number(argv[1]), convert_all);
    printf("{\"pages\":%zu,\"mb\":%.2f,\"mb_per_s\":%.1f,\"libxml2_tree_mb_per_s\":%.1f,\"ratio\":%.2f}\n",
           p.count, (double)p.bytes / 1e6, ours, tree, ours / tree);
    return 0;
}
