/* crawl_docs.c: the kind crawl-docs. It asks for nothing itself: each turn reads what its jobs have brought (crawl_graph.h), makes those
 * that are to be asked for next, and waits without a worker until they are final; when nothing is left to ask for, or somebody
 * has cancelled, it writes the document. */
#include "kinds/crawl_docs/crawl_turn.h"

static void tell(const struct crawl *c, const char *type, const char *name, int64_t n)
{
    struct buf b = BUF_LIMIT(4096);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_str(&w, "url", c->args.seed.fetch);
    json_put_int(&w, name, n);
    json_object_end(&w);
    attempt_event(c->at, type, buf_str(&b));
    buf_dispose(&b);
}

static void tell_turn(const struct crawl *c)
{
    struct buf b = BUF_LIMIT(4096);
    struct json_out w = json_writer(&b);
    const struct crawl_graph *g = &c->graph;
    int64_t done = 0;
    for (size_t i = 0; i < g->count; i++) {
        done += g->nodes[i].job != NULL;
    }
    json_object_begin(&w);
    json_put_int(&w, "count", (int64_t)g->ask_count);
    json_put_int(&w, "total", (int64_t)g->count);
    json_object_end(&w);
    attempt_event(c->at, "urls_discovered", buf_str(&b));
    buf_dispose(&b);
    if (g->count) {
        attempt_progress(c->at, done * 1000 / (int64_t)g->count, "%lld of %zu pages", (long long)done,
                         g->count);
    } else {
        attempt_progress(c->at, 0, "asking for robots.txt");
    }
}

static enum rc read_checkpoint(struct crawl *c, struct err *e)
{
    struct json *o = NULL;
    struct str checkpoint = attempt_checkpoint(c->at);
    enum rc rc = checkpoint.n ? json_parse(checkpoint, c->a, &o, e) : RC_OK;
    rc = rc ? rc : json_get_int(o, "turn", 0, INT32_MAX, &c->turn, e);
    return rc ? rc : json_get_bool(o, "has_previous", &c->has_previous, e);
}

static enum rc take_jobs(void *ctx, struct str lines, struct err *e)
{
    struct crawl *c = ctx;
    return crawl_graph_take(&c->graph, lines, e);
}

static enum rc read_graph(struct crawl *c, struct err *e)
{
    const struct attempt_reader reader = {take_jobs, c};
    struct str previous = STR("");
    enum rc rc = crawl_records_read(c, &previous, e);
    if (rc) {
        return rc;
    }
    crawl_graph_begin(&c->args, previous, c->a, &c->graph);
    rc = c->turn ? attempt_children(c->at, &reader, e) : RC_OK;
    return rc ? rc : crawl_graph_end(&c->graph, e);
}

static void go_on(struct crawl *c)
{
    struct str checkpoint = arena_printf(c->a, "{\"turn\":%lld,\"has_previous\":%s}", (long long)c->turn + 1,
                                         c->has_previous ? "true" : "false");
    for (size_t i = 0; i < c->graph.ask_count; i++) {
        crawl_make_job(c, &c->graph.asks[i]);
    }
    tell_turn(c);
    attempt_park(c->at, checkpoint);
}

static enum rc run(struct attempt *at, struct err *e)
{
    struct crawl *c = arena_alloc(attempt_arena(at), sizeof *c);
    *c = (struct crawl){.at = at, .a = attempt_arena(at)};
    enum rc rc = crawl_args_read(attempt_args(at), c->a, &c->args, e);
    if (!rc && !c->args.robots && !attempt_option(at, "allow-no-robots").n) {
        rc = err_set_code(
            e, RC_DENIED, "robots_required", "robots",
            "robots: this worker keeps to robots.txt; only --allow-no-robots lets crawls do without");
    }
    rc = rc ? rc : read_checkpoint(c, e);
    if (!rc && !c->turn) {
        tell(c, "crawl_started", "depth", c->args.depth);
    }
    rc = rc ? rc : read_graph(c, e);
    if (rc) {
        return rc;
    }
    if (c->graph.ask_count && !attempt_is_cancelling(at)) {
        go_on(c);
        return RC_OK;
    }
    return crawl_finish(c, e);
}

const struct handler crawl_docs_handler = {
    .kind = "crawl-docs",
    .run = run,
    .help = "a documentation site to one Markdown document",
};
