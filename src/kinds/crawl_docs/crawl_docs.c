/* crawl_docs.c: the kind crawl-docs. It asks for nothing itself: each turn reads what its jobs have brought (crawl_graph.h), makes those
 * that are to be asked for next, and waits without a worker until they are final; when nothing is left to ask for, or somebody
 * has cancelled, it writes the document. */
#include "kinds/crawl_docs/crawl_docs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "kinds/crawl_docs/crawl_document.h"

#define LINES_MAX_BYTES    ((size_t)1 << 30)
#define DOCUMENT_MAX_BYTES ((size_t)256 << 20)
#define WRITE_BYTES        ((size_t)256 << 10)
#define RECORDS_FILE       "pages.jsonl"
#define PARTS_MAX          24

struct
    crawl_records { /* what the next crawl reads of this one: the longest way to the server, so it is written first */
    const char *path;
    int fd;
    struct buf lines; /* that are not written yet */
    size_t next;      /* node */
    size_t bytes;
    bool is_open;
};

struct crawl {
    struct attempt *at;
    struct arena *a;
    struct crawl_args args;
    struct crawl_graph graph;
    struct str *texts; /* of the graph's nodes, as their jobs left them; STR_NONE: there is none */
    const struct crawl_node **by_id;
    size_t by_id_count;
    struct crawl_records records;
    int64_t turn;
    bool has_previous; /* a crawl with the same args, whose pages may still be good */
};

static const char *in_scratch(const struct crawl *c, const char *name)
{
    return arena_c_str(c->a, arena_printf(c->a, "%s/%s", attempt_scratch(c->at), name));
}

/* ---- telling */

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

/* ---- jobs to make */

static struct str hex_of(struct str text, struct arena *a)
{
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 hash = crypto_sha256(text);
    for (int i = 0; i < SHA256_BYTES; i++) {
        str_print(hex + 2 * i, 3, "%02x", hash.b[i]);
    }
    return arena_str(a, str_from(hex));
}

static struct str unique_key(const struct crawl *c, const struct crawl_ask *ask)
{
    struct str hex = hex_of(ask->identity, c->a);
    return arena_printf(c->a, "crawl:%.*s:%s:%s", STR_ARG(attempt_job(c->at)), page_what_name(ask->what),
                        hex.p);
}

static void put_limit(struct str key, int64_t weight, struct json_out *w)
{
    json_object_begin(w);
    json_put_str(w, "key", key);
    json_put_int(w, "weight", weight);
    json_object_end(w);
}

/* The host's, and its delay, which all crawls keep together; the crawl's own when it wants so many at once and no more, or a delay: then
 * one. */
static void put_limits(const struct crawl *c, const struct crawl_ask *ask, struct json_out *w)
{
    int64_t own = c->args.delay_ms ? 1 : c->args.concurrency;
    json_name(w, "limits");
    json_array_begin(w);
    put_limit(arena_printf(c->a, CRAWL_LIMIT_PREFIX "%.*s", STR_ARG(ask->host)), 1, w);
    if (own) {
        put_limit(arena_printf(c->a, CRAWL_OWN_PREFIX "%.*s", STR_ARG(attempt_job(c->at))),
                  CRAWL_OWN_SLOTS / own, w);
    }
    if (ask->delay_ms) {
        put_limit(arena_printf(c->a, CRAWL_DELAY_PREFIX "%.*s", STR_ARG(ask->host)), ask->delay_ms, w);
    }
    if (c->args.delay_ms) {
        put_limit(arena_printf(c->a, CRAWL_DELAY_PREFIX "%.*s", STR_ARG(attempt_job(c->at))),
                  c->args.delay_ms, w);
    }
    json_array_end(w);
}

/* What the host gave with the copy that we have. */
static void put_condition(const struct json *record, struct json_out *w)
{
    static const char *const names[] = {"etag", "last_modified"};
    const struct json *result = json_get(record, STR("result"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json *v = json_get(result, str_from(names[i]));
        if (v && v->type == JSON_STRING && v->s.n) {
            json_put_str(w, names[i], v->s);
        }
    }
}

static void put_args(const struct crawl *c, const struct crawl_ask *ask, struct json_out *w)
{
    json_name(w, "args");
    json_object_begin(w);
    json_put_c(w, "what", page_what_name(ask->what));
    json_put_str(w, "url", ask->url);
    json_put_str(w, "seed", url_text(&c->graph.scope.seed, c->a));
    json_put_int(w, "depth", ask->depth);
    put_condition(ask->record, w);
    json_put_raw(w, "crawl", c->args.raw);
    json_object_end(w);
}

static void make_job(const struct crawl *c, const struct crawl_ask *ask)
{
    struct buf b = BUF_LIMIT(2 << 20);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_c(&w, "kind", PAGE_KIND);
    put_args(c, ask, &w);
    json_put_str(&w, "unique_key", unique_key(c, ask));
    json_put_int(&w, "priority", ask->depth);
    put_limits(c, ask, &w);
    json_put_int(&w, "max_attempts", PAGE_ATTEMPTS);
    json_put_raw(&w, "retry", STR("{\"backoff\":\"list\",\"delays_s\":[1,4],\"jitter\":false}"));
    json_object_end(&w);
    attempt_child(c->at, buf_str(&b));
    buf_dispose(&b);
}

/* ---- the end */

static struct str read_text(void *ctx, const struct crawl_node *n)
{
    const struct crawl *c = ctx;
    if (n->is_unchanged) {
        const struct json *kept = json_get(n->record, STR("text"));
        return kept ? kept->s : STR_NONE;
    }
    return c->texts[n - c->graph.nodes];
}

static int compare_ids(const void *left, const void *right)
{
    const struct crawl_node *const *a = left;
    const struct crawl_node *const *b = right;
    return str_compare((*a)->id, (*b)->id);
}

/* The nodes that have a text of their own, by the ids of their jobs. */
static void list_by_id(struct crawl *c)
{
    c->by_id = arena_array(c->a, const struct crawl_node *, c->graph.count + 1);
    for (size_t i = 0; i < c->graph.count; i++) {
        const struct crawl_node *n = &c->graph.nodes[i];
        if (n->state == CRAWL_DONE && !n->is_unchanged) {
            c->by_id[c->by_id_count++] = n;
        }
    }
    qsort(c->by_id, c->by_id_count, sizeof(*c->by_id), compare_ids);
}

static enum rc write_artifact(const struct crawl *c, const char *name, const char *media_type,
                              struct buf *text, struct err *e)
{
    enum rc rc = buf_check(text, name, e);
    if (!rc) {
        attempt_text(c->at, name, media_type, buf_str(text));
    }
    buf_clear(text);
    return rc;
}

static enum rc write_document(const struct crawl *c, const struct crawl_document *d, struct err *e)
{
    struct buf b = BUF_LIMIT(DOCUMENT_MAX_BYTES);
    enum rc rc = RC_OK;
    size_t next = 0;
    bool is_split = c->args.max_tokens && d->tokens > c->args.max_tokens;
    for (int part = 1; !rc && c->args.wants_document && (next < d->count || part == 1) && part <= PARTS_MAX;
         part++) {
        char name[32];
        str_print(name, sizeof name, is_split ? "document-%02d.md" : "document.md", part);
        crawl_document_write(d, &next, part == PARTS_MAX ? 0 : c->args.max_tokens, &b);
        rc = write_artifact(c, name, "text/markdown", &b, e);
    }
    if (!rc && c->args.wants_llms_txt) {
        crawl_document_llms_txt(d, &b);
        rc = write_artifact(c, "llms.txt", "text/markdown", &b, e);
    }
    if (!rc) {
        crawl_document_json(d, &b);
        rc = write_artifact(c, "crawl.json", "application/json", &b, e);
    }
    buf_dispose(&b);
    return rc;
}

/* ---- for the next crawl */

static struct str series_of(const struct crawl *c)
{
    return arena_printf(c->a, "crawl-docs:%.*s:%.32s", STR_ARG(c->args.seed.url.host),
                        hex_of(c->args.raw, c->a).p);
}

static void put_record(const struct crawl *c, const struct crawl_node *n, struct buf *out)
{
    struct json_out w = json_writer(out);
    struct str text = read_text((void *)c, n);
    json_object_begin(&w);
    json_put_str(&w, "url", n->identity);
    json_put_raw(&w, "result", n->result->raw);
    json_put_str(&w, "text", text.p ? text : STR(""));
    json_object_end(&w);
    buf_append_char(out, '\n');
}

static enum rc open_records(struct crawl *c, struct err *e)
{
    struct crawl_records *r = &c->records;
    *r = (struct crawl_records){.path = in_scratch(c, RECORDS_FILE), .lines = BUF_LIMIT(LINES_MAX_BYTES)};
    r->fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    r->is_open = r->fd >= 0;
    return r->is_open ? RC_OK : err_from_errno(e, errno, r->path);
}

static enum rc write_lines(struct crawl_records *r, struct err *e)
{
    enum rc rc = buf_check(&r->lines, r->path, e);
    if (!rc && write(r->fd, r->lines.p, r->lines.n) != (ssize_t)r->lines.n) {
        rc = err_from_errno(e, errno, r->path);
    }
    r->bytes += r->lines.n;
    buf_clear(&r->lines);
    return rc;
}

/* Every page with its text and what the host said of its version, in the order of the graph, up to the first whose text may still come. */
static enum rc write_records(struct crawl *c, bool have_all_come, struct err *e)
{
    struct crawl_records *r = &c->records;
    enum rc rc = RC_OK;
    for (; r->next < c->graph.count && !rc; r->next++) {
        const struct crawl_node *n = &c->graph.nodes[r->next];
        bool is_page = n->state == CRAWL_DONE;
        if (is_page && !n->is_unchanged && !c->texts[r->next].p && !have_all_come) {
            break;
        }
        if (is_page) {
            put_record(c, n, &r->lines);
        }
        rc = r->lines.overflowed || r->lines.n >= WRITE_BYTES ? write_lines(r, e) : RC_OK;
    }
    return rc || !have_all_come ? rc : write_lines(r, e);
}

/* A site over the limit of artifacts is asked for as a whole next time. */
static enum rc close_records(struct crawl *c, enum rc rc, struct err *e)
{
    struct crawl_records *r = &c->records;
    buf_dispose(&r->lines);
    if (!r->is_open) {
        return rc;
    }
    if (close(r->fd) && !rc) {
        rc = err_from_errno(e, errno, r->path);
    }
    if (!rc && r->bytes <= DOCUMENT_MAX_BYTES) {
        attempt_artifact(c->at, RECORDS_FILE, "application/x-ndjson", r->path, series_of(c), 1);
    }
    return rc;
}

/* ---- the texts of the pages, and with them the records */

static enum rc take_texts(void *ctx, struct str piece, struct err *e)
{
    struct crawl *c = ctx;
    for (struct str rest = piece; rest.p && rest.n;) {
        struct str size = STR_NONE;
        int64_t bytes = 0;
        const struct crawl_node wanted = {.id = str_cut(str_cut(rest, '\n', &rest), ' ', &size)};
        const struct crawl_node *key = &wanted;
        if (!str_to_i64(size, &bytes) || bytes < 0 || (size_t)bytes > rest.n) {
            return err_set(e, RC_INVALID, "the texts of the pages are not what they should be");
        }
        const struct crawl_node *const *found =
            bsearch(&key, c->by_id, c->by_id_count, sizeof(*c->by_id), compare_ids);
        if (found) {
            c->texts[*found - c->graph.nodes] = str_sub(rest, 0, (size_t)bytes);
        }
        rest = str_sub(rest, (size_t)bytes, rest.n);
    }
    return c->records.is_open ? write_records(c, false, e) : RC_OK;
}

/* And the records, as far as their texts have come. */
static enum rc fetch_texts(struct crawl *c, struct err *e)
{
    const struct attempt_reader reader = {take_texts, c};
    c->texts = arena_array(c->a, struct str, c->graph.count + 1);
    list_by_id(c);
    enum rc rc = attempt_is_cancelling(c->at) ? RC_OK : open_records(c, e);
    rc = rc ? rc : attempt_child_artifacts(c->at, PAGE_ARTIFACT, &reader, e);
    rc = rc || !c->records.is_open ? rc : write_records(c, true, e);
    return close_records(c, rc, e);
}

static enum rc write_changes(const struct crawl *c, struct crawl_changes *changes, struct err *e)
{
    struct buf b = BUF_LIMIT(64 << 20);
    enum rc rc = RC_OK;
    if (c->has_previous) {
        crawl_document_changes(&c->graph, c->a, changes, &b);
        rc = write_artifact(c, "changes.json", "application/json", &b, e);
    }
    buf_dispose(&b);
    return rc;
}

static void tell_hint(const struct crawl *c, const struct crawl_document *d)
{
    struct url up = c->graph.scope.seed;
    struct str prefix = scope_prefix(&up);
    if (c->args.scope != SCOPE_PREFIX || d->count > 2 || prefix.n < 2) {
        return;
    }
    up.path = str_sub(prefix, 0, prefix.n - 1);
    up.path = scope_prefix(&up);
    up.query = STR_NONE;
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_str(&w, "url", url_text(&up, c->a));
    json_put_int(&w, "pages", (int64_t)d->count);
    json_object_end(&w);
    attempt_event(c->at, "scope_hint", buf_str(&b));
    buf_dispose(&b);
}

/* One event for each reason, with the first addresses. */
static void tell_skipped(const struct crawl *c)
{
    const struct crawl_graph *g = &c->graph;
    for (size_t i = 0; i < sizeof crawl_skip_names / sizeof *crawl_skip_names; i++) {
        struct buf b = BUF_LIMIT(64 << 10);
        struct json_out w = json_writer(&b);
        json_object_begin(&w);
        json_put_c(&w, "reason", crawl_skip_names[i]);
        json_put_int(&w, "count", g->skips.by_reason[i]);
        json_name(&w, "urls");
        json_array_begin(&w);
        for (size_t n = 0; n < g->skips.shown_count[i]; n++) {
            json_str(&w, g->skips.shown[i][n]);
        }
        json_array_end(&w);
        json_object_end(&w);
        if (g->skips.by_reason[i]) {
            attempt_event(c->at, "url_skipped", buf_str(&b));
        }
        buf_dispose(&b);
    }
}

static void put_changes(const struct crawl_changes *changes, struct json_out *w)
{
    json_name(w, "changes");
    json_object_begin(w);
    json_put_int(w, "added", changes->added);
    json_put_int(w, "changed", changes->changed);
    json_put_int(w, "removed", changes->removed);
    json_put_int(w, "unchanged", changes->unchanged);
    json_object_end(w);
}

static void complete(const struct crawl *c, const struct crawl_document *d,
                     const struct crawl_changes *changes)
{
    struct buf b = BUF_LIMIT(64 << 10);
    struct json_out w = json_writer(&b);
    const struct crawl_graph *g = &c->graph;
    json_object_begin(&w);
    json_put_str(&w, "url", g->nodes[g->seed].fetch);
    json_put_int(&w, "pages", (int64_t)d->count);
    json_put_int(&w, "failed", (int64_t)g->failed);
    json_put_int(&w, "failed_lists", (int64_t)g->failed_list_count);
    json_put_bool(&w, "partial", 10 * g->failed > g->failed + d->count);
    json_put_int(&w, "tokens", d->tokens);
    json_put_int(&w, "bytes", g->bytes);
    json_put_int(&w, "boilerplate", (int64_t)d->removed_blocks);
    json_put_int(&w, "turns", c->turn);
    if (c->has_previous) {
        put_changes(changes, &w);
    }
    json_name(&w, "skipped");
    json_object_begin(&w);
    for (size_t i = 0; i < sizeof crawl_skip_names / sizeof *crawl_skip_names; i++) {
        if (g->skips.by_reason[i]) {
            json_put_int(&w, crawl_skip_names[i], g->skips.by_reason[i]);
        }
    }
    json_object_end(&w);
    json_object_end(&w);
    attempt_event(c->at, "crawl_completed", buf_str(&b));
    attempt_complete(c->at, buf_str(&b));
    buf_dispose(&b);
}

static enum rc finish(struct crawl *c, struct err *e)
{
    struct crawl_document d;
    struct crawl_changes changes = {0};
    enum rc rc = fetch_texts(c, e);
    if (rc) {
        return rc;
    }
    crawl_document_make(&c->graph, read_text, c, c->a, &d);
    if (!d.count) {
        return err_set_code(e, RC_INVALID, "nothing_collected", NULL, "no page of the site has a text");
    }
    tell_hint(c, &d);
    tell_skipped(c);
    rc = write_document(c, &d, e);
    rc = rc ? rc : write_changes(c, &changes, e);
    if (!rc) {
        complete(c, &d, &changes);
    }
    return rc;
}

/* ---- a turn */

static enum rc read_checkpoint(struct crawl *c, struct err *e)
{
    struct json *o = NULL;
    struct str checkpoint = attempt_checkpoint(c->at);
    enum rc rc = checkpoint.n ? json_parse(checkpoint, c->a, &o, e) : RC_OK;
    rc = rc ? rc : json_get_int(o, "turn", 0, INT32_MAX, &c->turn, e);
    return rc ? rc : json_get_bool(o, "has_previous", &c->has_previous, e);
}

static enum rc read_file(const struct crawl *c, const char *path, struct str *out, struct err *e)
{
    struct buf all = BUF_LIMIT(LINES_MAX_BYTES);
    enum rc rc = buf_read_file(&all, path, e);
    if (!rc) {
        *out = buf_give(&all, c->a);
    }
    buf_dispose(&all);
    return rc;
}

/* What the crawl before has left. The first turn decides whether there is one; should it be gone later, the pages that were said to
 * be the same fail. */
static enum rc read_previous(struct crawl *c, struct str *out, struct err *e)
{
    const char *path = in_scratch(c, "previous");
    if (c->turn ? !c->has_previous : !c->args.is_conditional) {
        return RC_OK;
    }
    enum rc rc = attempt_series(c->at, series_of(c), path, NULL, e);
    if (rc == RC_NOT_FOUND) {
        return RC_OK;
    }
    c->has_previous = !rc;
    return rc ? rc : read_file(c, path, out, e);
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
    enum rc rc = read_previous(c, &previous, e);
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
        make_job(c, &c->graph.asks[i]);
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
    return finish(c, e);
}

const struct handler crawl_docs_handler = {
    .kind = "crawl-docs",
    .run = run,
    .help = "a documentation site to one Markdown document",
};
