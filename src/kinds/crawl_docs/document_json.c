/* document_json.c: what a crawl says of itself to programs: crawl.json, and what has changed since the crawl before. */
#include <stdlib.h>

#include "kinds/crawl_docs/document_parts.h"

/* ---- crawl.json */

static void put_node(const struct crawl_document *d, const struct crawl_node *n, struct json_out *w)
{
    static const char *const of_page[] = {"hash", "tokens", "quality"};
    static const char *const of_result[] = {"status", "etag", "last_modified"};
    const struct crawl_node *same = n->state == CRAWL_DONE ? document_same(d->graph, n) : NULL;
    json_object_begin(w);
    json_put_str(w, "url", n->fetch);
    json_put_int(w, "depth", n->depth);
    for (size_t i = 0; i < sizeof of_result / sizeof *of_result; i++) {
        const struct json *v = json_get(n->result, str_from(of_result[i]));
        if (v && v->raw.n > 2) {
            json_put_raw(w, of_result[i], v->raw);
        }
    }
    if (n->state == CRAWL_FAILED) {
        json_put_str(w, "error", n->code);
    }
    if (n->state == CRAWL_MOVED && n->moved_to < d->graph->count) {
        json_put_str(w, "alias_of", d->graph->nodes[n->moved_to].fetch);
    }
    if (n->state == CRAWL_DONE) {
        size_t number = d->numbers[n - d->graph->nodes];
        json_put_str(w, "title", number ? d->pages[number - 1].title : json_text(n->page, "title"));
        for (size_t i = 0; i < sizeof of_page / sizeof *of_page; i++) {
            const struct json *v = json_get(n->page, str_from(of_page[i]));
            json_put_raw(w, of_page[i], v ? v->raw : STR("null"));
        }
    }
    if (same) {
        json_put_str(w, "duplicate_of", same->fetch);
    }
    json_object_end(w);
}

static int compare_nodes(const void *left, const void *right)
{
    const struct crawl_node *const *a = left;
    const struct crawl_node *const *b = right;
    return str_compare((*a)->identity, (*b)->identity);
}

static void put_failed_lists(const struct crawl_graph *g, struct json_out *w)
{
    json_name(w, "failed_lists");
    json_array_begin(w);
    for (size_t i = 0; i < g->failed_list_count; i++) {
        json_object_begin(w);
        json_put_str(w, "url", g->failed_lists[i].url);
        json_put_str(w, "error", g->failed_lists[i].code);
        json_object_end(w);
    }
    json_array_end(w);
}

void crawl_document_json(const struct crawl_document *d, struct buf *out)
{
    const struct crawl_graph *g = d->graph;
    struct json_out w = json_writer(out);
    const struct crawl_node **nodes = arena_array(d->a, const struct crawl_node *, g->count + 1);
    for (size_t i = 0; i < g->count; i++) {
        nodes[i] = &g->nodes[i];
    }
    qsort(nodes, g->count, sizeof *nodes, compare_nodes);
    json_object_begin(&w);
    json_put_int(&w, "version", 1);
    json_put_str(&w, "site", g->nodes[g->seed].fetch);
    json_put_int(&w, "pages", (int64_t)d->count);
    json_put_int(&w, "failed", (int64_t)g->failed);
    json_put_int(&w, "tokens", d->tokens);
    crawl_graph_put_skipped(g, &w);
    put_failed_lists(g, &w);
    json_name(&w, "urls");
    json_array_begin(&w);
    for (size_t i = 0; i < g->count; i++) {
        put_node(d, nodes[i], &w);
    }
    json_array_end(&w);
    json_object_end(&w);
    buf_append_char(out, '\n');
}

/* ---- what has changed since the crawl before */

static bool is_gone(const struct crawl_node *n)
{
    return !n || n->state == CRAWL_MOVED ||
           (n->state == CRAWL_FAILED &&
            (str_eq(n->code, STR("http_404")) || str_eq(n->code, STR("http_410")) ||
             str_starts(n->code, STR("redirect_"))));
}

static bool has_changed(const struct crawl_node *n)
{
    const struct json *before = json_get(json_get(n->record, STR("result")), STR("page"));
    return !str_eq(json_text(before, "hash"), json_text(n->page, "hash"));
}

static int compare_texts(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

static void put_sorted(const char *name, struct str *list, size_t count, struct json_out *w)
{
    qsort(list, count, sizeof *list, compare_texts);
    json_name(w, name);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, list[i]);
    }
    json_array_end(w);
}

void crawl_document_changes(const struct crawl_graph *g, struct arena *a, struct crawl_changes *counts,
                            struct buf *out)
{
    struct str *added = arena_array(a, struct str, g->count + 1);
    struct str *changed = arena_array(a, struct str, g->count + 1);
    struct str *removed = arena_array(a, struct str, g->record_count + 1);
    struct json_out w = json_writer(out);
    *counts = (struct crawl_changes){0};
    for (size_t i = 0; i < g->count; i++) {
        const struct crawl_node *n = &g->nodes[i];
        if (n->state != CRAWL_DONE) {
            continue;
        }
        if (!n->record) {
            added[counts->added++] = n->fetch;
        } else if (!n->is_unchanged && has_changed(n)) {
            changed[counts->changed++] = n->fetch;
        } else {
            counts->unchanged++;
        }
    }
    for (size_t i = 0; i < g->record_count; i++) {
        struct str url = json_text(g->record_list[i], "url");
        if (is_gone(crawl_graph_node(g, url))) {
            removed[counts->removed++] = url;
        }
    }
    json_object_begin(&w);
    put_sorted("added", added, (size_t)counts->added, &w);
    put_sorted("changed", changed, (size_t)counts->changed, &w);
    put_sorted("removed", removed, (size_t)counts->removed, &w);
    json_put_int(&w, "unchanged", counts->unchanged);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
