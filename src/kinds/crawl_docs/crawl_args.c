/* crawl_args.c: see crawl_args.h. */
#include "kinds/crawl_docs/crawl_args.h"

static const char *const members[] = {
    "url",      "depth",     "max_pages",      "scope",           "include", "exclude", "concurrency",
    "delay_ms", "timeout_s", "max_page_bytes", "max_total_bytes", "sitemap", "robots",  "query",
    "selector", "remove",    "formats",        "max_tokens",      "recrawl", NULL};

static enum rc invalid(struct err *e, const char *field, const char *why)
{
    return err_set_code(e, RC_INVALID, "invalid_input", field, "%s: %s", field, why);
}

static enum rc read_list(const struct json *o, const char *name, size_t most_bytes, struct str *to,
                         size_t *count, struct err *e)
{
    const struct json *list = json_get(o, str_from(name));
    if (!list || list->type == JSON_NULL) {
        return RC_OK;
    }
    if (list->type != JSON_ARRAY || list->count > CRAWL_LIST_MAX) {
        return invalid(e, name, "an array of at most 64 texts");
    }
    for (const struct json *i = list->first; i; i = i->next) {
        if (i->type != JSON_STRING || !i->s.n || i->s.n > most_bytes) {
            return invalid(e, name, "an array of texts that are not empty and not too long");
        }
        to[(*count)++] = i->s;
    }
    return RC_OK;
}

/* One of the words; the index goes to *out. */
static enum rc read_word(const struct json *o, const char *name, const char *const *words, int *out,
                         struct err *e)
{
    const struct json *v = json_get(o, str_from(name));
    if (!v || v->type == JSON_NULL) {
        return RC_OK;
    }
    for (int i = 0; words[i]; i++) {
        if (v->type == JSON_STRING && str_eq(v->s, str_from(words[i]))) {
            *out = i;
            return RC_OK;
        }
    }
    char all[128] = "";
    size_t n = 0;
    for (int i = 0; words[i]; i++) {
        n += str_print(all + n, sizeof all - n, "%s%s", i ? ", " : "one of ", words[i]);
    }
    return invalid(e, name, all);
}

static enum rc read_words(const struct json *o, struct crawl_args *out, struct err *e)
{
    static const char *const scopes[] = {"prefix", "host", "subdomains", NULL};
    static const char *const sitemaps[] = {"include", "only", "skip", NULL};
    static const char *const queries[] = {"strip_tracking", "keep", "drop", NULL};
    static const char *const recrawls[] = {"conditional", "full", NULL};
    int scope = SCOPE_PREFIX;
    int sitemap = CRAWL_SITEMAP_INCLUDE;
    int query = QUERY_STRIP_TRACKING;
    int recrawl = 0;
    enum rc rc = read_word(o, "scope", scopes, &scope, e);
    rc = rc ? rc : read_word(o, "sitemap", sitemaps, &sitemap, e);
    rc = rc ? rc : read_word(o, "query", queries, &query, e);
    rc = rc ? rc : read_word(o, "recrawl", recrawls, &recrawl, e);
    out->scope = (enum scope_kind)scope;
    out->sitemap = (enum crawl_sitemap)sitemap;
    out->query = (enum query_mode)query;
    out->is_conditional = recrawl == 0;
    return rc;
}

static enum rc read_numbers(const struct json *o, struct crawl_args *out, struct err *e)
{
    int64_t timeout_s = 15;
    enum rc rc = json_get_int(o, "depth", 0, CRAWL_DEPTH_MAX, &out->depth, e);
    rc = rc ? rc : json_get_int(o, "max_pages", 1, CRAWL_PAGES_MAX, &out->max_pages, e);
    rc = rc ? rc : json_get_int(o, "concurrency", 1, CRAWL_OWN_MAX, &out->concurrency, e);
    rc = rc ? rc : json_get_int(o, "delay_ms", 0, CRAWL_DELAY_MAX_MS, &out->delay_ms, e);
    rc = rc ? rc : json_get_int(o, "timeout_s", 1, 120, &timeout_s, e);
    rc = rc ? rc : json_get_int(o, "max_page_bytes", 1024, 32 << 20, &out->max_page_bytes, e);
    rc = rc ? rc : json_get_int(o, "max_total_bytes", 1024, 4LL << 30, &out->max_total_bytes, e);
    rc = rc ? rc : json_get_int(o, "max_tokens", 1000, INT32_MAX, &out->max_tokens, e);
    rc = rc ? rc : json_get_bool(o, "robots", &out->robots, e);
    rc = rc ? rc : json_get_str(o, "selector", &out->selector, e);
    out->timeout_ms = timeout_s * 1000;
    return rc;
}

static enum rc read_formats(const struct json *o, struct crawl_args *out, struct err *e)
{
    struct str names[CRAWL_LIST_MAX];
    size_t count = 0;
    enum rc rc = read_list(o, "formats", 32, names, &count, e);
    out->wants_document = out->wants_llms_txt = out->wants_pages = !count;
    for (size_t i = 0; i < count && !rc; i++) {
        bool is_known = true;
        if (str_eq(names[i], STR("combined"))) {
            out->wants_document = true;
        } else if (str_eq(names[i], STR("pages"))) {
            out->wants_pages = true;
        } else {
            is_known = str_eq(names[i], STR("llms.txt"));
            out->wants_llms_txt |= is_known;
        }
        rc = is_known ? RC_OK : invalid(e, "formats", "combined, pages and llms.txt");
    }
    return rc;
}

enum rc crawl_args_read(struct str json, struct arena *a, struct crawl_args *out, struct err *e)
{
    struct json *o = NULL;
    struct str url = STR("");
    *out = (struct crawl_args){.raw = json,
                               .depth = 3,
                               .max_pages = 1000,
                               .max_page_bytes = 10 << 20,
                               .max_total_bytes = 200 << 20,
                               .robots = true,
                               .selector = STR("")};
    if (json.n > CRAWL_ARGS_MAX) {
        return err_set_code(e, RC_INVALID, "invalid_input", NULL, "args of more than %d bytes",
                            CRAWL_ARGS_MAX);
    }
    enum rc rc = json_parse(json.n ? json : STR("{}"), a, &o, e);
    rc = rc ? rc : json_only(o, members, e);
    rc = rc ? rc : json_get_str(o, "url", &url, e);
    rc = rc ? rc : read_numbers(o, out, e);
    rc = rc ? rc : read_words(o, out, e);
    rc = rc ? rc : read_formats(o, out, e);
    rc = rc ? rc : read_list(o, "include", SCOPE_GLOB_MAX_BYTES, out->include, &out->include_count, e);
    rc = rc ? rc : read_list(o, "exclude", SCOPE_GLOB_MAX_BYTES, out->exclude, &out->exclude_count, e);
    rc = rc ? rc : read_list(o, "remove", 1024, out->remove, &out->remove_count, e);
    if (rc) {
        return err_set_code(e, RC_INVALID, "invalid_input", e->field[0] ? e->field : NULL, "%s", e->text);
    }
    if (!url.n) {
        return invalid(e, "url", "where to begin: give an address, such as https://docs.example.org/guide/");
    }
    struct err why = {0};
    if (page_url_read(STR(""), url, out->query, a, &out->seed, &why)) {
        return invalid(e, "url",
                       arena_printf(a, "%s; give one such as https://docs.example.org/guide/", why.text).p);
    }
    return RC_OK;
}

enum rc crawl_args_read_kept(struct crawl_args_kept *kept, struct str json, const struct crawl_args **out,
                             struct err *e)
{
    if (!kept->a || !str_eq(kept->args.raw, json)) {
        arena_free(kept->a);
        kept->a = arena_new();
        enum rc rc = crawl_args_read(arena_str(kept->a, json), kept->a, &kept->args, e);
        if (rc) {
            arena_free(kept->a);
            kept->a = NULL;
            return rc;
        }
    }
    *out = &kept->args;
    return RC_OK;
}
