/* crawl_graph.c: see crawl_graph.h. Breadth first: all nodes of a depth before those of the next; a redirect leads to a node of the same
 * depth. What a node's job brought is found by the address that was asked for. */
#include "kinds/crawl_docs/crawl_graph.h"

#include <stdlib.h>
#include <string.h>

#define NOWHERE         SIZE_MAX
#define SKIPPED(reason) (NOWHERE - 1 - (size_t)(reason)) /* instead of a node */

const char *const crawl_skip_names[CRAWL_SKIP_REASONS] = {
    "out_of_scope", "excluded", "extension", "url_too_long",   "too_many_links",
    "robots",       "depth",    "max_pages", "max_total_bytes"};

/* ---- a map of texts; keys that a stranger chooses, so that a bad one costs a walk, and no more than the pages of a crawl */

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

static struct crawl_map *map_new(struct arena *a)
{
    struct crawl_map *m = arena_alloc(a, sizeof *m);
    m->a = a;
    m->room = 1024;
    m->cells = arena_alloc_array(a, sizeof *m->cells, m->room);
    return m;
}

static size_t map_get(const struct crawl_map *m, struct str key)
{
    size_t at = find_cell(m, key);
    return m->cells[at].key.p ? m->cells[at].value : NOWHERE;
}

static void map_put(struct crawl_map *m, struct str key, size_t value)
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

/* ---- outcomes of jobs */

struct outcomes {
    const struct json **jobs;
    size_t count, room;
};

static struct str job_key(struct arena *a, const char *what, struct str identity)
{
    return arena_printf(a, "%s %.*s", what, STR_ARG(identity));
}

static struct str identity_of(const struct crawl_graph *g, struct str address)
{
    struct page_url page;
    return page_url_read(STR(""), address, g->args->query, g->a, &page, NULL) ? address : page.identity;
}

static enum rc read_lines(struct crawl_graph *g, struct str lines, struct outcomes *out, struct err *e)
{
    for (struct str rest = lines; rest.p && rest.n;) {
        struct json *job = NULL;
        struct str line = str_cut(rest, '\n', &rest);
        enum rc rc = line.n ? json_parse_envelope(line, g->a, &job, e) : RC_OK;
        if (rc) {
            return rc;
        }
        if (!job) {
            continue;
        }
        if (out->count == out->room) {
            size_t wider = out->room ? 2 * out->room : 256;
            const struct json **jobs = arena_array(g->a, const struct json *, wider);
            memcpy(jobs, out->jobs ? out->jobs : jobs, out->count * sizeof *jobs);
            out->jobs = jobs;
            out->room = wider;
        }
        const struct json *args = json_get(job, STR("args"));
        struct str what = json_text(args, "what");
        map_put(g->jobs, job_key(g->a, arena_c_str(g->a, what), identity_of(g, json_text(args, "url"))),
                out->count);
        out->jobs[out->count++] = job;
    }
    return RC_OK;
}

/* A record that cannot be read is none: the page is asked for as if it were new. */
static void read_records(struct crawl_graph *g, struct str lines)
{
    for (struct str rest = lines; rest.p && rest.n;) {
        struct json *record = NULL;
        struct str line = str_cut(rest, '\n', &rest);
        if (!line.n || json_parse_envelope(line, g->a, &record, NULL)) {
            continue;
        }
        if (g->record_count == g->record_room) {
            size_t wider = g->record_room ? 2 * g->record_room : 256;
            const struct json **list = arena_array(g->a, const struct json *, wider);
            memcpy(list, g->record_list ? g->record_list : list, g->record_count * sizeof *list);
            g->record_list = list;
            g->record_room = wider;
        }
        map_put(g->records, json_text(record, "url"), g->record_count);
        g->record_list[g->record_count++] = record;
    }
}

static const struct json *record_of(const struct crawl_graph *g, struct str identity)
{
    size_t at = map_get(g->records, identity);
    return g->record_list && at < g->record_count ? g->record_list[at] : NULL;
}

static const struct json *outcome(const struct crawl_graph *g, const struct outcomes *o, enum page_what what,
                                  struct str identity)
{
    size_t at = map_get(g->jobs, job_key(g->a, page_what_name(what), identity));
    return o->jobs && at < o->count ? o->jobs[at] : NULL;
}

static bool is_completed(const struct json *job)
{
    return str_eq(json_text(job, "state"), STR("completed"));
}

/* ---- nodes */

static size_t add_node(struct crawl_graph *g, const struct page_url *page, int depth)
{
    if (g->count == g->room) {
        size_t wider = g->room ? 2 * g->room : 256;
        struct crawl_node *nodes = arena_array(g->a, struct crawl_node, wider);
        memcpy(nodes, g->nodes ? g->nodes : nodes, g->count * sizeof *nodes);
        g->nodes = nodes;
        g->room = wider;
    }
    g->nodes[g->count] = (struct crawl_node){.fetch = page->fetch,
                                             .identity = page->identity,
                                             .url = page->url,
                                             .depth = depth,
                                             .moved_to = NOWHERE};
    map_put(g->map, page->fetch, g->count);
    map_put(g->map, page->identity, g->count);
    return g->count++;
}

/* "Not modified": it is what the record says, if that is still the one that was asked about. */
static void take_record(struct crawl_node *n)
{
    const struct json *before = json_get(n->record, STR("result"));
    bool is_it = before && str_eq(json_text(before, "etag"), json_text(n->result, "etag")) &&
                 str_eq(json_text(before, "last_modified"), json_text(n->result, "last_modified"));
    if (!is_it) {
        n->state = CRAWL_FAILED;
        n->code = STR("not_modified");
        return;
    }
    n->result = before;
    n->page = json_get(before, STR("page"));
    n->is_unchanged = true;
}

static void read_outcome(struct crawl_graph *g, const struct outcomes *o, struct crawl_node *n)
{
    n->record = record_of(g, n->identity);
    n->job = outcome(g, o, PAGE_PAGE, n->identity);
    if (!n->job) {
        return;
    }
    n->id = json_text(n->job, "id");
    n->result = json_get(n->job, STR("result"));
    n->page = json_get(n->result, STR("page"));
    if (!is_completed(n->job)) {
        n->state = CRAWL_FAILED;
        n->code = json_text(json_get(n->job, STR("error")), "code");
        n->code = n->code.n ? n->code : json_text(n->job, "state");
        return;
    }
    n->state = json_text(n->result, "redirect").n ? CRAWL_MOVED : CRAWL_DONE;
    const struct json *status = json_get(n->result, STR("status"));
    if (status && status->i == 304) {
        take_record(n);
    }
}

static void ask(struct crawl_graph *g, enum page_what what, const struct page_url *page, int depth)
{
    if (g->ask_count < CRAWL_ASK_MAX) {
        g->asks[g->ask_count++] = (struct crawl_ask){
            .what = what,
            .url = page->fetch,
            .identity = page->identity,
            .host = page->url.host,
            .origin = url_origin(&page->url, g->a),
            .depth = depth,
            .record = what == PAGE_PAGE ? record_of(g, page->identity) : NULL,
        };
    }
}

/* ---- robots.txt, one for each origin */

struct origins {
    struct {
        struct str origin;
        struct robots robots;
    } items[64];
    size_t count;
};

static const struct robots *robots_of(const struct origins *origins, struct str origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (str_eq(origins->items[i].origin, origin)) {
            return &origins->items[i].robots;
        }
    }
    return NULL;
}

enum permission { MAY_BE_ASKED, MAY_NOT_BE_ASKED, NOT_KNOWN_YET };

static enum permission may_ask(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                               const struct url *url)
{
    struct str origin = url_origin(url, g->a);
    if (!g->args->robots) {
        return MAY_BE_ASKED;
    }
    const struct robots *known = robots_of(origins, origin);
    if (known) {
        return robots_allows(known, url, g->a) ? MAY_BE_ASKED : MAY_NOT_BE_ASKED;
    }
    struct page_url page;
    struct str address = arena_printf(g->a, "%.*s/robots.txt", STR_ARG(origin));
    if (origins->count == sizeof origins->items / sizeof *origins->items ||
        page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        return MAY_NOT_BE_ASKED;
    }
    const struct json *job = outcome(g, o, PAGE_ROBOTS, page.identity);
    if (!job) {
        for (size_t i = 0; i < g->ask_count; i++) {
            if (g->asks[i].what == PAGE_ROBOTS && str_eq(g->asks[i].identity, page.identity)) {
                return NOT_KNOWN_YET;
            }
        }
        ask(g, PAGE_ROBOTS, &page, 0);
        return NOT_KNOWN_YET;
    }
    if (!is_completed(job)) {
        return MAY_NOT_BE_ASKED;
    }
    struct robots *robots = &origins->items[origins->count].robots;
    robots_read(json_text(json_get(job, STR("result")), "text"), CRAWL_AGENT, g->a, robots);
    origins->items[origins->count++].origin = origin;
    return robots_allows(robots, url, g->a) ? MAY_BE_ASKED : MAY_NOT_BE_ASKED;
}

/* ---- the seed */

static enum rc seed_failed(const struct crawl_node *n, struct err *e)
{
    const struct json *error = json_get(n->job, STR("error"));
    return err_set_code(e, RC_INVALID, "seed_failed", NULL, "the first page failed: %.*s: %.*s",
                        STR_ARG(n->code), STR_ARG(str_sub(json_text(error, "message"), 0, 200)));
}

static enum rc robots_failed(const struct crawl_graph *g, const struct outcomes *o, const struct url *url,
                             struct err *e)
{
    struct str address = arena_printf(g->a, "%.*s/robots.txt", STR_ARG(url_origin(url, g->a)));
    const struct json *job = outcome(g, o, PAGE_ROBOTS, identity_of(g, address));
    if (job && !is_completed(job)) {
        const struct json *error = json_get(job, STR("error"));
        struct str code = json_text(error, "code");
        const char *ours = str_eq(code, STR("blocked_address")) ? "blocked_address"
                           : str_eq(code, STR("tls_failed"))    ? "tls_failed"
                                                                : "robots_unreachable";
        return err_set_code(e, RC_INVALID, ours, NULL, "%.*s",
                            STR_ARG(str_sub(json_text(error, "message"), 0, 300)));
    }
    return err_set_code(e, RC_DENIED, "robots", NULL, "robots.txt does not let us ask for the first page");
}

/* From the first address to where it leads. RC_OK with asks: come back when they are answered. */
static enum rc read_seed(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                         struct err *e)
{
    struct page_url page = g->args->seed;
    for (int hops = 0; hops <= CRAWL_REDIRECTS_MAX; hops++) {
        enum permission permission = may_ask(g, o, origins, &page.url);
        if (permission == MAY_NOT_BE_ASKED) {
            return robots_failed(g, o, &page.url, e);
        }
        if (permission == NOT_KNOWN_YET) {
            return RC_OK;
        }
        if (map_get(g->map, page.identity) != NOWHERE) {
            break;
        }
        size_t before = g->seed;
        g->seed = add_node(g, &page, 0);
        struct crawl_node *n = &g->nodes[g->seed];
        if (g->seed) {
            g->nodes[before].moved_to = g->seed;
        }
        read_outcome(g, o, n);
        if (!n->job) {
            g->scope.seed = n->url;
            ask(g, PAGE_PAGE, &page, 0);
            return RC_OK;
        }
        if (n->state == CRAWL_FAILED) {
            return seed_failed(n, e);
        }
        if (n->state == CRAWL_DONE) {
            g->scope.seed = n->url;
            return RC_OK;
        }
        if (page_url_read(STR(""), json_text(n->result, "redirect"), g->args->query, g->a, &page, NULL)) {
            break;
        }
    }
    return err_set_code(e, RC_INVALID, "redirect_loop", NULL, "the first page redirects again and again");
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
    const struct json *job = outcome(g, o, what, page.identity);
    if (!job) {
        for (size_t i = 0; i < g->ask_count; i++) {
            if (g->asks[i].what == what && str_eq(g->asks[i].identity, page.identity)) {
                return NULL;
            }
        }
        ask(g, what, &page, 0);
        return NULL;
    }
    return json_get(job, STR("result"));
}

struct lists {
    const struct json *results[CRAWL_SITEMAPS_MAX + 4];
    size_t count, sitemaps;
};

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

static void read_lists(struct crawl_graph *g, const struct outcomes *o, const struct origins *origins,
                       struct lists *lists)
{
    struct str origin = url_origin(&g->scope.seed, g->a);
    struct str prefix = scope_prefix(&g->scope.seed);
    const struct robots *robots = robots_of(origins, origin);
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

/* ---- pages, breadth first */

static void count_skips(struct crawl_graph *g, const struct json *page)
{
    const struct json *skipped = json_get(page, STR("skipped"));
    for (int i = SKIP_OUT; i <= SKIP_LINKS; i++) {
        const struct json *n = json_get(skipped, str_from(crawl_skip_names[i]));
        g->skips.by_reason[i] += n ? n->i : 0;
    }
}

static void skip(struct crawl_graph *g, int reason, struct str address)
{
    struct crawl_skips *s = &g->skips;
    s->by_reason[reason]++;
    if (s->shown_count[reason] < CRAWL_SKIPS_SHOWN) {
        s->shown[reason][s->shown_count[reason]++] = address;
    }
}

/* Why an address is not followed; -1: nothing is against it. *permission tells whether it is known already that it may be asked for. */
static int reason_to_skip(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                          const struct page_url *page, int depth, enum permission *permission)
{
    enum scope_verdict verdict = scope_judge(&g->scope, &page->url, g->a);
    if (verdict != SCOPE_IN) {
        return (int)verdict - SCOPE_OUT + SKIP_OUT;
    }
    if (depth > g->args->depth) {
        return SKIP_DEPTH;
    }
    if (g->pages >= (size_t)g->args->max_pages) {
        return SKIP_PAGES;
    }
    *permission = may_ask(g, o, origins, &page->url);
    if (*permission == MAY_NOT_BE_ASKED) {
        return SKIP_ROBOTS;
    }
    bool is_asked = outcome(g, o, PAGE_PAGE, page->identity) != NULL;
    return is_asked || g->bytes < g->args->max_total_bytes ? -1 : SKIP_BYTES;
}

/* A link, or a redirect's target, so many redirects from a link; SKIPPED(reason), or NOWHERE: it is not followed. */
static size_t reach(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                    struct str address, int depth, int hops)
{
    struct page_url page;
    enum permission permission = MAY_NOT_BE_ASKED;
    size_t known = map_get(g->map, address);
    if (known != NOWHERE || page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        return known;
    }
    known = map_get(g->map, page.identity);
    if (known != NOWHERE) {
        map_put(g->map, address, known);
        return known;
    }
    int reason = reason_to_skip(g, o, origins, &page, depth, &permission);
    if (reason >= 0) {
        skip(g, reason, page.fetch);
        map_put(g->map, page.fetch, SKIPPED(reason));
        map_put(g->map, page.identity, SKIPPED(reason));
        return SKIPPED(reason);
    }
    size_t at = add_node(g, &page, depth);
    g->nodes[at].hops = hops;
    read_outcome(g, o, &g->nodes[at]);
    g->pages += g->nodes[at].state != CRAWL_MOVED;
    if (!g->nodes[at].job && permission == MAY_BE_ASKED) {
        ask(g, PAGE_PAGE, &page, depth);
    }
    return at;
}

static bool leads_to(const struct crawl_graph *g, size_t from, size_t to)
{
    for (int hops = 0; from < g->count && hops <= CRAWL_REDIRECTS_MAX; hops++) {
        if (from == to) {
            return true;
        }
        from = g->nodes[from].moved_to;
    }
    return false;
}

static void fail_node(struct crawl_node *n, struct str code)
{
    n->state = CRAWL_FAILED;
    n->code = code;
}

/* A redirect that leads on and on, or to what is none of the crawl's, is a failure of the page that had it. */
static void follow_redirect(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                            size_t at)
{
    const struct crawl_node n = g->nodes[at];
    if (n.moved_to != NOWHERE) {
        return;
    }
    if (n.hops >= CRAWL_REDIRECTS_MAX) {
        fail_node(&g->nodes[at], STR("redirect_loop"));
        return;
    }
    size_t to = reach(g, o, origins, json_text(n.result, "redirect"), n.depth, n.hops + 1);
    if (to == SKIPPED(SKIP_OUT) || to == SKIPPED(SKIP_EXCLUDED) || to == SKIPPED(SKIP_EXTENSION)) {
        fail_node(&g->nodes[at], STR("redirect_out_of_scope"));
    } else if (to == SKIPPED(SKIP_ROBOTS)) {
        fail_node(&g->nodes[at], STR("robots"));
    } else if (leads_to(g, to, at)) {
        fail_node(&g->nodes[at], STR("redirect_loop"));
    } else {
        g->nodes[at].moved_to = to < g->count ? to : NOWHERE;
    }
}

static void follow(struct crawl_graph *g, const struct outcomes *o, struct origins *origins, size_t at)
{
    const struct crawl_node n = g->nodes[at];
    if (n.state == CRAWL_FAILED) {
        g->failed++;
        return;
    }
    if (n.state != CRAWL_DONE) {
        return;
    }
    const struct json *bytes = json_get(n.result, STR("bytes"));
    const struct json *links = json_get(n.page, STR("links"));
    g->bytes += bytes ? bytes->i : 0;
    count_skips(g, n.page);
    const struct json *is_nofollow = json_get(n.result, STR("nofollow"));
    bool is_followed = g->args->sitemap != CRAWL_SITEMAP_ONLY && !(is_nofollow && is_nofollow->i);
    for (const struct json *l = links && is_followed ? links->first : NULL; l; l = l->next) {
        (void)reach(g, o, origins, l->s, n.depth + 1, 0);
    }
}

/* Nodes come in the order of their depth: those that a redirect adds to a depth are behind its others, and before the next one's. */
static void read_pages(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                       const struct lists *lists)
{
    size_t from = 0;
    for (int depth = 0; depth <= g->args->depth; depth++) {
        size_t of_depth = from;
        for (; from < g->count && g->nodes[from].depth == depth;
             from++) { /* redirects first: they stay at this depth */
            if (g->nodes[from].state == CRAWL_MOVED) {
                follow_redirect(g, o, origins, from);
            }
        }
        size_t to = from;
        for (from = of_depth; from < to; from++) {
            if (g->nodes[from].state != CRAWL_MOVED) {
                follow(g, o, origins, from);
            }
        }
        for (size_t i = 0; depth == 0 && i < lists->count; i++) {
            const struct json *is_index = json_get(lists->results[i], STR("is_index"));
            const struct json *urls = json_get(lists->results[i], STR("urls"));
            count_skips(g, lists->results[i]);
            for (const struct json *u = urls && !(is_index && is_index->i) ? urls->first : NULL; u;
                 u = u->next) {
                (void)reach(g, o, origins, u->s, 1, 0);
            }
        }
    }
}

static int64_t asked_delay_ms(const struct origins *origins, struct str origin)
{
    const struct robots *robots = robots_of(origins, origin);
    return robots ? robots->delay_ms : -1;
}

/* Each host's own: of what is asked for, none knows another's. */
static void set_delays(struct crawl_graph *g, const struct origins *origins)
{
    int64_t seeds_ms = asked_delay_ms(origins, url_origin(&g->scope.seed, g->a));
    g->is_delay_capped = seeds_ms > CRAWL_DELAY_MAX_MS;
    g->robots_delay_ms = g->is_delay_capped ? CRAWL_DELAY_MAX_MS : seeds_ms;
    for (size_t i = 0; i < g->ask_count; i++) {
        int64_t ms = asked_delay_ms(origins, g->asks[i].origin);
        ms = ms > CRAWL_DELAY_MAX_MS ? CRAWL_DELAY_MAX_MS : ms;
        g->asks[i].delay_ms = ms > g->args->delay_ms ? ms : g->args->delay_ms;
    }
}

enum rc crawl_graph_read(const struct crawl_args *args, struct str lines, struct str previous,
                         struct arena *a, struct crawl_graph *out, struct err *e)
{
    struct outcomes o = {.count = 0};
    struct origins *origins = arena_alloc(a, sizeof *origins);
    struct lists *lists = arena_alloc(a, sizeof *lists);
    struct crawl_graph *g = out;
    *g = (struct crawl_graph){.a = a, .args = args, .robots_delay_ms = -1};
    g->map = map_new(a);
    g->jobs = map_new(a);
    g->records = map_new(a);
    g->asks = arena_array(a, struct crawl_ask, CRAWL_ASK_MAX);
    g->scope = (struct scope){.kind = args->scope,
                              .seed = args->seed.url,
                              .include = args->include,
                              .exclude = args->exclude,
                              .include_count = args->include_count,
                              .exclude_count = args->exclude_count};
    read_records(g, previous);
    enum rc rc = read_lines(g, lines, &o, e);
    rc = rc ? rc : read_seed(g, &o, origins, e);
    bool knows_robots = !args->robots || origins->count;
    if (rc || !knows_robots || !g->count) {
        return rc;
    }
    g->pages = 1;
    read_lists(g, &o, origins, lists);
    if (g->nodes[g->seed].job) {
        read_pages(g, &o, origins, lists);
    }
    set_delays(g, origins);
    return RC_OK;
}

const struct crawl_node *crawl_graph_node(const struct crawl_graph *g, struct str identity)
{
    size_t at = map_get(g->map, identity);
    return at < g->count ? &g->nodes[at] : NULL;
}

const struct crawl_node *crawl_graph_find(const struct crawl_graph *g, struct str address)
{
    struct page_url page;
    size_t at = map_get(g->map, str_sub(address, 0, str_find_char(address, '#', 0)));
    if (at == NOWHERE && !page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        at = map_get(g->map, page.identity);
    }
    for (int hops = 0; at < g->count && g->nodes[at].moved_to < g->count && hops <= CRAWL_REDIRECTS_MAX;
         hops++) {
        at = g->nodes[at].moved_to;
    }
    return at < g->count ? &g->nodes[at] : NULL;
}
