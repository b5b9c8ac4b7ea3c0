/* crawl_end.c: the last turn of a crawl: the texts of its pages, the document and what stands beside it, and the result. */
#include <stdlib.h>

#include "kinds/crawl_docs/crawl_document.h"
#include "kinds/crawl_docs/crawl_turn.h"

#define PARTS_MAX 24

/* ---- the texts of the pages, and with them the records */

struct str crawl_text(const struct crawl *c, const struct crawl_node *n)
{
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
    return c->records.is_open ? crawl_records_write(c, false, e) : RC_OK;
}

/* And the records, as far as their texts have come. */
static enum rc fetch_texts(struct crawl *c, struct err *e)
{
    const struct attempt_reader reader = {take_texts, c};
    c->texts = arena_array(c->a, struct str, c->graph.count + 1);
    list_by_id(c);
    enum rc rc = attempt_is_cancelling(c->at) ? RC_OK : crawl_records_open(c, e);
    rc = rc ? rc : attempt_child_artifacts(c->at, PAGE_ARTIFACT, &reader, e);
    rc = rc || !c->records.is_open ? rc : crawl_records_write(c, true, e);
    return crawl_records_close(c, rc, e);
}

/* ---- what a crawl leaves */

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
    struct buf b = BUF_LIMIT(CRAWL_DOCUMENT_MAX_BYTES);
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

/* ---- telling */

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
    crawl_graph_put_skipped(g, &w);
    json_object_end(&w);
    attempt_event(c->at, "crawl_completed", buf_str(&b));
    attempt_complete(c->at, buf_str(&b));
    buf_dispose(&b);
}

static struct str read_text(void *ctx, const struct crawl_node *n)
{
    return crawl_text(ctx, n);
}

enum rc crawl_finish(struct crawl *c, struct err *e)
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
