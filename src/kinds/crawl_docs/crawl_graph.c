/* crawl_graph.c: see crawl_graph.h. Breadth first: all nodes of a depth before those of the next; a redirect leads to a node of the same
 * depth. What a node's job brought is found by the address that was asked for. */
#include "kinds/crawl_docs/crawl_graph.h"

#include <string.h>

#include "kinds/crawl_docs/graph_parts.h"

#define SKIPPED(reason) (CRAWL_NOWHERE - 1 - (size_t)(reason)) /* instead of a node */

const char *const crawl_skip_names[CRAWL_SKIP_REASONS] = {
    "out_of_scope", "excluded", "extension", "url_too_long",   "too_many_links",
    "robots",       "depth",    "max_pages", "max_total_bytes"};

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
                                             .moved_to = CRAWL_NOWHERE};
    crawl_map_put(g->map, page->fetch, g->count);
    crawl_map_put(g->map, page->identity, g->count);
    crawl_map_put(g->hosts, page->url.host, g->count);
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
    n->record = outcomes_record(g, n->identity);
    n->job = outcomes_find(g, o, PAGE_PAGE, n->identity);
    if (!n->job) {
        return;
    }
    n->id = json_text(n->job, "id");
    n->result = json_get(n->job, STR("result"));
    n->page = json_get(n->result, STR("page"));
    if (!outcomes_is_completed(n->job)) {
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

void crawl_graph_ask(struct crawl_graph *g, enum page_what what, const struct page_url *page, int depth)
{
    if (g->ask_count < CRAWL_ASK_MAX) {
        g->asks[g->ask_count++] = (struct crawl_ask){
            .what = what,
            .url = page->fetch,
            .identity = page->identity,
            .host = page->url.host,
            .origin = url_origin(&page->url, g->a),
            .depth = depth,
            .record = what == PAGE_PAGE ? outcomes_record(g, page->identity) : NULL,
        };
    }
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
    const struct json *job = outcomes_find(g, o, PAGE_ROBOTS, outcomes_identity(g, address));
    if (job && !outcomes_is_completed(job)) {
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
        enum permission permission = origins_may_ask(g, o, origins, &page.url);
        if (permission == MAY_NOT_BE_ASKED) {
            return robots_failed(g, o, &page.url, e);
        }
        if (permission == NOT_KNOWN_YET) {
            return RC_OK;
        }
        if (crawl_map_get(g->map, page.identity) != CRAWL_NOWHERE) {
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
            crawl_graph_ask(g, PAGE_PAGE, &page, 0);
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
    *permission = origins_may_ask(g, o, origins, &page->url);
    if (*permission == MAY_NOT_BE_ASKED) {
        return SKIP_ROBOTS;
    }
    bool is_asked = outcomes_find(g, o, PAGE_PAGE, page->identity) != NULL;
    return is_asked || g->came_bytes < g->args->max_total_bytes ? -1 : SKIP_BYTES;
}

/* A link, or a redirect's target, so many redirects from a link; SKIPPED(reason), or CRAWL_NOWHERE: it is not followed. */
static size_t reach(struct crawl_graph *g, const struct outcomes *o, struct origins *origins,
                    struct str address, int depth, int hops)
{
    struct page_url page;
    enum permission permission = MAY_NOT_BE_ASKED;
    size_t known = crawl_map_get(g->map, address);
    if (known != CRAWL_NOWHERE || page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        return known;
    }
    known = crawl_map_get(g->map, page.identity);
    if (known != CRAWL_NOWHERE) {
        crawl_map_put(g->map, address, known);
        return known;
    }
    int reason = reason_to_skip(g, o, origins, &page, depth, &permission);
    if (reason >= 0) {
        skip(g, reason, page.fetch);
        crawl_map_put(g->map, page.fetch, SKIPPED(reason));
        crawl_map_put(g->map, page.identity, SKIPPED(reason));
        return SKIPPED(reason);
    }
    size_t at = add_node(g, &page, depth);
    g->nodes[at].hops = hops;
    read_outcome(g, o, &g->nodes[at]);
    g->pages += g->nodes[at].state != CRAWL_MOVED;
    if (!g->nodes[at].job && permission == MAY_BE_ASKED && g->turn_pages) {
        g->turn_pages--;
        crawl_graph_ask(g, PAGE_PAGE, &page, depth);
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
    if (n.moved_to != CRAWL_NOWHERE) {
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
        g->nodes[at].moved_to = to < g->count ? to : CRAWL_NOWHERE;
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

/* What all pages have brought so far; and of this turn so many pages as would fill what max_total_bytes leaves, if they were as large. */
static void set_room(struct crawl_graph *g, const struct outcomes *o)
{
    int64_t pages = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct json *result = json_get(o->jobs[i], STR("result"));
        const struct json *status = json_get(result, STR("status"));
        const struct json *bytes = json_get(result, STR("bytes"));
        if (status && status->i == 304) {
            struct str url = json_text(json_get(o->jobs[i], STR("args")), "url");
            const struct json *record = outcomes_record(g, outcomes_identity(g, url));
            bytes = json_get(json_get(record, STR("result")), STR("bytes"));
        }
        g->came_bytes += bytes ? bytes->i : 0;
        pages += bytes != NULL;
    }
    int64_t left = g->args->max_total_bytes - g->came_bytes;
    int64_t mean = pages > 0 && g->came_bytes > pages ? (g->came_bytes + pages - 1) / pages : 1;
    int64_t most = left / mean;
    g->turn_pages = most > 1 ? most : 1;
}

static int64_t asked_delay_ms(const struct origins *origins, struct str origin)
{
    const struct robots *robots = origins_robots(origins, origin);
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
        g->asks[i].delay_ms = ms > CRAWL_DELAY_MAX_MS ? CRAWL_DELAY_MAX_MS : ms > 0 ? ms : 0;
    }
}

void crawl_graph_begin(const struct crawl_args *args, struct str previous, struct arena *a,
                       struct crawl_graph *out)
{
    struct crawl_graph *g = out;
    *g = (struct crawl_graph){.a = a, .args = args, .robots_delay_ms = -1};
    g->map = crawl_map_new(a);
    g->jobs = crawl_map_new(a);
    g->records = crawl_map_new(a);
    g->hosts = crawl_map_new(a);
    g->outcomes = arena_alloc(a, sizeof *g->outcomes);
    g->asks = arena_array(a, struct crawl_ask, CRAWL_ASK_MAX);
    g->scope = (struct scope){.kind = args->scope,
                              .seed = args->seed.url,
                              .include = args->include,
                              .exclude = args->exclude,
                              .include_count = args->include_count,
                              .exclude_count = args->exclude_count};
    outcomes_read_records(g, previous);
}

enum rc crawl_graph_take(struct crawl_graph *g, struct str lines, struct err *e)
{
    return outcomes_read(g, lines, g->outcomes, e);
}

enum rc crawl_graph_end(struct crawl_graph *g, struct err *e)
{
    const struct outcomes *o = g->outcomes;
    struct origins *origins = arena_alloc(g->a, sizeof *origins);
    struct lists *lists = arena_alloc(g->a, sizeof *lists);
    set_room(g, o);
    enum rc rc = read_seed(g, o, origins, e);
    bool knows_robots = !g->args->robots || origins->count;
    if (rc || !knows_robots || !g->count) {
        return rc;
    }
    g->pages = 1;
    lists_read(g, o, origins, lists);
    if (g->nodes[g->seed].job) {
        read_pages(g, o, origins, lists);
    }
    set_delays(g, origins);
    return RC_OK;
}

const struct crawl_node *crawl_graph_node(const struct crawl_graph *g, struct str identity)
{
    size_t at = crawl_map_get(g->map, identity);
    return at < g->count ? &g->nodes[at] : NULL;
}

/* Nearly all addresses that are no node's lead to other hosts, and most of these are written in the one way that needs no reading: small
 * letters, digits, hyphens and dots, and letters alone behind the last dot, so that it is no number. */
static bool is_of_other_host(const struct crawl_graph *g, struct str address)
{
    struct str rest = address;
    struct str scheme = str_cut(address, ':', &rest);
    if ((!str_eq(scheme, STR("http")) && !str_eq(scheme, STR("https"))) || !str_starts(rest, STR("//"))) {
        return false;
    }
    size_t end = 2;
    size_t letters = 0;
    for (; end < rest.n && rest.p[end] != '/'; end++) {
        char c = rest.p[end];
        bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '.') {
            return false;
        }
        letters = is_letter ? letters + 1 : 0;
    }
    bool is_name = letters && rest.p[end - letters - 1] == '.';
    return is_name && crawl_map_get(g->hosts, str_sub(rest, 2, end)) == CRAWL_NOWHERE;
}

const struct crawl_node *crawl_graph_find(const struct crawl_graph *g, struct str address)
{
    struct page_url page;
    size_t at = crawl_map_get(g->map, str_sub(address, 0, str_find_char(address, '#', 0)));
    if (at == CRAWL_NOWHERE && !is_of_other_host(g, address) &&
        !page_url_read(STR(""), address, g->args->query, g->a, &page, NULL)) {
        at = crawl_map_get(g->map, page.identity);
    }
    for (int hops = 0; at < g->count && g->nodes[at].moved_to < g->count && hops <= CRAWL_REDIRECTS_MAX;
         hops++) {
        at = g->nodes[at].moved_to;
    }
    return at < g->count ? &g->nodes[at] : NULL;
}

void crawl_graph_put_skipped(const struct crawl_graph *g, struct json_out *w)
{
    json_name(w, "skipped");
    json_object_begin(w);
    for (size_t i = 0; i < CRAWL_SKIP_REASONS; i++) {
        if (g->skips.by_reason[i]) {
            json_put_int(w, crawl_skip_names[i], g->skips.by_reason[i]);
        }
    }
    json_object_end(w);
}
