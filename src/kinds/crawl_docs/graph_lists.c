/* graph_lists.c: what hosts say of their pages as a whole: robots.txt, sitemaps, llms.txt. Each is a job, too: what is not known yet is asked
 * for, and the next turn knows it. */
#include "kinds/crawl_docs/graph_parts.h"

/* ---- robots.txt, one for each origin */

const struct robots *origins_robots(const struct origins *origins, struct str origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (str_eq(origins->items[i].origin, origin)) {
            return &origins->items[i].robots;
        }
    }
    return NULL;
}

enum permission origins_may_ask(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                                const struct url *url)
{
    struct str origin = url_origin(url, g->a);
    if (!g->args->robots) {
        return MAY_BE_ASKED;
    }
    const struct robots *known = origins_robots(origins, origin);
    if (known) {
        return robots_allows(known, url, g->a) ? MAY_BE_ASKED : MAY_NOT_BE_ASKED;
    }
    struct page_url page;
    struct str address = arena_printf(g->a, "%.*s/robots.txt", STR_ARG(origin));
    if (origins->count == sizeof origins->items / sizeof *origins->items ||
        page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        return MAY_NOT_BE_ASKED;
    }
    const struct json *job = outcomes_find(g, o, PAGE_ROBOTS, page.identity);
    if (!job) {
        for (size_t i = 0; i < g->ask_count; i++) {
            if (g->asks[i].what == PAGE_ROBOTS && str_eq(g->asks[i].identity, page.identity)) {
                return NOT_KNOWN_YET;
            }
        }
        crawl_graph_ask(g, PAGE_ROBOTS, &page, 0);
        return NOT_KNOWN_YET;
    }
    if (!outcomes_is_completed(job)) {
        return MAY_NOT_BE_ASKED;
    }
    struct robots *robots = &origins->items[origins->count].robots;
    robots_read(json_text(json_get(job, STR("result")), "text"), CRAWL_AGENT, g->a, robots);
    origins->items[origins->count++].origin = origin;
    return robots_allows(robots, url, g->a) ? MAY_BE_ASKED : MAY_NOT_BE_ASKED;
}

/* ---- lists */

/* Asks for a list, or takes what it said. NULL: not known yet, or not to be asked for. */
static const struct json *list_of(struct crawl_graph *g, const struct outcomes *o, enum page_what what,
                                  struct str address)
{
    struct page_url page;
    if (page_url_read(STR(""), address, g->args->query, g->a, &page, NULL) ||
        !str_eq(page.url.host, g->scope.seed.host)) {
        return NULL;
    }
    const struct json *job = outcomes_find(g, o, what, page.identity);
    if (!job) {
        for (size_t i = 0; i < g->ask_count; i++) {
            if (g->asks[i].what == what && str_eq(g->asks[i].identity, page.identity)) {
                return NULL;
            }
        }
        crawl_graph_ask(g, what, &page, 0);
        return NULL;
    }
    if (outcomes_has_failed(job) && g->failed_list_count < CRAWL_LISTS_MAX) {
        g->failed_lists[g->failed_list_count++] =
            (struct crawl_failed_list){page.fetch, json_text(json_get(job, STR("error")), "code")};
    }
    return json_get(job, STR("result"));
}

static void read_sitemap(struct crawl_graph *g, const struct outcomes *o, struct str address,
                         struct lists *lists)
{
    if (lists->sitemaps < CRAWL_SITEMAPS_MAX) {
        lists->sitemaps++;
        const struct json *result = list_of(g, o, PAGE_SITEMAP, address);
        lists->results[lists->count] = result;
        lists->count += result != NULL;
    }
}

/* What robots.txt does not name it can forbid. */
static bool may_guess(struct crawl_graph *g, const struct robots *robots, struct str address)
{
    struct url url;
    return !robots || (!url_parse(address, g->a, &url, NULL) && robots_allows(robots, &url, g->a));
}

static void guess_sitemap(struct crawl_graph *g, const struct outcomes *o, const struct robots *robots,
                          struct str folder, struct lists *lists)
{
    struct str address =
        arena_printf(g->a, "%.*s%.*ssitemap.xml", STR_ARG(url_origin(&g->scope.seed, g->a)), STR_ARG(folder));
    if (may_guess(g, robots, address)) {
        read_sitemap(g, o, address, lists);
    }
}

static void read_indexes(struct crawl_graph *g, const struct outcomes *o, struct lists *lists)
{
    size_t from = 0;
    for (int depth = 0; depth < CRAWL_SITEMAP_DEPTH_MAX; depth++) {
        size_t to = lists->count;
        for (; from < to; from++) {
            const struct json *is_index = json_get(lists->results[from], STR("is_index"));
            const struct json *urls = json_get(lists->results[from], STR("urls"));
            for (const struct json *u = is_index && is_index->i && urls ? urls->first : NULL; u;
                 u = u->next) {
                read_sitemap(g, o, u->s, lists);
            }
        }
    }
}

void lists_read(struct crawl_graph *g, const struct outcomes *o, const struct origins *origins,
                struct lists *lists)
{
    struct str origin = url_origin(&g->scope.seed, g->a);
    struct str prefix = scope_prefix(&g->scope.seed);
    const struct robots *robots = origins_robots(origins, origin);
    if (g->args->sitemap != CRAWL_SITEMAP_SKIP) {
        for (size_t i = 0; robots && i < robots->sitemap_count; i++) {
            read_sitemap(g, o, robots->sitemaps[i], lists);
        }
        if (!robots || !robots->sitemap_count) {
            guess_sitemap(g, o, robots, STR("/"), lists);
            if (prefix.n > 1) {
                guess_sitemap(g, o, robots, prefix, lists);
            }
        }
        read_indexes(g, o, lists);
    }
    struct str address = arena_printf(g->a, "%.*s/llms.txt", STR_ARG(origin));
    const struct json *llms = may_guess(g, robots, address) ? list_of(g, o, PAGE_LLMS, address) : NULL;
    lists->results[lists->count] = llms;
    lists->count += llms != NULL;
}
