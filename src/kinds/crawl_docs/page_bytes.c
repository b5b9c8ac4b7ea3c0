/* page_bytes.c: see page_bytes.h. Runs where there is no network, no file and no secret. */
#include "kinds/crawl_docs/page_bytes.h"

#include "base/siphash.h"
#include "kinds/crawl_docs/llms_txt.h"
#include "kinds/crawl_docs/page_job.h"
#include "kinds/crawl_docs/sitemap.h"
#include "markdown/markdown.h"
#include "net/gunzip.h"

#define SITEMAP_MAX_BYTES (50 << 20)
#define LINKS_MAX_BYTES   (600 << 10)  /* of a result, which is at most a mebibyte: a page has more to say */
#define LIST_MAX_BYTES    (1000 << 10) /* likewise, of a sitemap, which has not */

struct reading {
    struct arena *a;
    const struct crawl_args *args;
    struct scope scope;
    struct str url, type, bytes;
    enum page_what what;
    bool is_index; /* a sitemap of sitemaps: whose names are no names of pages */
    struct json_out w;
    struct str *seen; /* identities of links, hashed */
    size_t most, seen_room, seen_count, skipped[SCOPE_EXTENSION + 3];
};

static struct crawl_args_kept kept_args; /* one a process: most pages are of the same crawl */

#define SKIPPED_TRAP  (SCOPE_EXTENSION + 1)
#define SKIPPED_LINKS (SCOPE_EXTENSION + 2)

/* ---- links */

/* Of so many references. Half of the room stays free. */
static void begin_links(struct reading *r, size_t count)
{
    r->seen_room = 2 * (count < r->most ? count : r->most) + 1;
    r->seen = arena_array(r->a, struct str, r->seen_room);
}

/* Where it is, or would be. */
static struct str *find_seen(struct reading *r, struct str identity)
{
    size_t at = str_hash(identity) % r->seen_room;
    while (r->seen[at].p && !str_eq(r->seen[at], identity)) {
        at = (at + 1) % r->seen_room;
    }
    return &r->seen[at];
}

static bool is_new(struct reading *r, struct str identity)
{
    struct str *place = find_seen(r, identity);
    if (place->p) {
        return false;
    }
    *place = identity;
    r->seen_count++;
    return true;
}

static void put_link(struct reading *r, struct str base, struct str reference)
{
    struct page_url page;
    struct err e;
    if (r->seen_count == r->most || r->w.out->n > (r->what == PAGE_PAGE ? LINKS_MAX_BYTES : LIST_MAX_BYTES)) {
        r->skipped[SKIPPED_LINKS]++;
        return;
    }
    struct str rest = STR_NONE;
    if (find_seen(r, str_cut(reference, '#', &rest))->p) {
        return; /* most links of a page lead to where another one does, and are written as we write them */
    }
    enum rc rc = page_url_read(base, reference, r->args->query, r->a, &page, &e);
    if (rc == RC_TOO_BIG) {
        r->skipped[SKIPPED_TRAP]++;
    }
    if (rc || !is_new(r, page.identity)) {
        return;
    }
    enum scope_verdict verdict = r->is_index ? SCOPE_IN : scope_judge(&r->scope, &page.url, r->a);
    if (verdict == SCOPE_IN) {
        json_str(&r->w, page.fetch);
    } else {
        r->skipped[verdict]++;
    }
}

static void put_skipped(struct reading *r)
{
    json_name(&r->w, "skipped");
    json_object_begin(&r->w);
    for (int i = SCOPE_OUT; i <= SKIPPED_LINKS; i++) {
        if (r->skipped[i]) {
            const char *name = i == SKIPPED_TRAP    ? "url_too_long"
                               : i == SKIPPED_LINKS ? "too_many_links"
                                                    : scope_verdict_name((enum scope_verdict)i);
            json_put_int(&r->w, name, (int64_t)r->skipped[i]);
        }
    }
    json_object_end(&r->w);
}

/* ---- pages */

static uint64_t text_hash(struct str text)
{
    static const unsigned char key[SIPHASH_KEY_BYTES] = "stint.crawl.page";
    return siphash(key, text);
}

static void put_blocks(struct reading *r, const struct markdown_page *page)
{
    struct buf b = BUF_LIMIT(400 << 10);
    for (size_t i = 0; i < page->block_count; i++) {
        const struct markdown_block *block = &page->blocks[i];
        buf_printf(&b, "%zu:%llx:%d ", block->to - block->from, (unsigned long long)block->hash,
                   (int)block->kind);
    }
    json_put_str(&r->w, "blocks", b.overflowed ? STR("") : buf_str(&b));
    buf_dispose(&b);
}

static void put_links(struct reading *r, const struct markdown_page *page)
{
    begin_links(r, page->link_count);
    json_name(&r->w, "links");
    json_array_begin(&r->w);
    for (size_t i = 0; i < page->link_count && !page->is_nofollow; i++) {
        if (!page->links[i].is_nofollow) {
            put_link(r, STR(""), page->links[i].url);
        }
    }
    json_array_end(&r->w);
    put_skipped(r);
}

static void put_page(struct reading *r, const struct markdown_page *page)
{
    struct page_url canonical;
    char hash[20];
    str_print(hash, sizeof hash, "%016llx", (unsigned long long)text_hash(page->text));
    json_object_begin(&r->w);
    json_put_str(&r->w, "title", page->title);
    json_put_c(&r->w, "hash", hash);
    json_put_int(&r->w, "words", (int64_t)page->words);
    json_put_int(&r->w, "tokens", (int64_t)page->tokens);
    json_put_int(&r->w, "quality", page->quality);
    json_put_c(&r->w, "charset", page->charset);
    if (page->canonical.n &&
        !page_url_read(STR(""), page->canonical, r->args->query, r->a, &canonical, NULL)) {
        json_put_str(&r->w, "canonical", canonical.identity);
    }
    if (page->is_noindex) {
        json_put_bool(&r->w, "noindex", true);
    }
    put_links(r, page);
    put_blocks(r, page);
    json_object_end(&r->w);
}

static bool is_type(struct str type, const char *name)
{
    struct str rest = STR_NONE;
    return str_eq_nocase(str_trim(str_cut(type, ';', &rest)), str_from(name));
}

/* Markdown as it came, and text: one block. Of its links those of Markdown are looked for. */
static enum rc read_plain(struct reading *r, struct markdown_page *page, struct err *e)
{
    struct str *links = NULL;
    enum rc rc = markdown_keep(r->bytes, r->a, page, e);
    if (rc) {
        return rc;
    }
    size_t count = is_type(r->type, "text/markdown") ? llms_txt_links(page->text, r->a, &links) : 0;
    struct markdown_link *list = arena_array(r->a, struct markdown_link, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct page_url target;
        if (!page_url_read(r->url, links[i], r->args->query, r->a, &target, NULL)) {
            list[page->link_count++] = (struct markdown_link){.url = target.fetch};
        }
    }
    page->links = list;
    return RC_OK;
}

static enum rc read_page(struct reading *r, struct buf *answer, struct err *e)
{
    struct markdown_page page;
    const struct markdown_options o = {.url = r->url,
                                       .content_type = r->type,
                                       .selector = r->args->selector,
                                       .removals = r->args->remove,
                                       .removal_count = r->args->remove_count};
    enum rc rc =
        markdown_is_kept(r->type) ? read_plain(r, &page, e) : markdown_convert(r->bytes, &o, r->a, &page, e);
    if (rc) {
        return err_set_code(e, rc, e->code, NULL, "%s: %s", e->code ? e->code : "not_html", e->text);
    }
    if (page.needs_js) {
        return err_set_code(e, RC_INVALID, "needs_js", NULL,
                            "needs_js: what a browser shows is made by scripts");
    }
    put_page(r, &page);
    buf_append_char(answer, '\n');
    buf_append_str(answer, page.text);
    return RC_OK;
}

/* ---- lists */

static void put_list(struct reading *r, const struct str *urls, size_t count)
{
    begin_links(r, count);
    json_object_begin(&r->w);
    json_put_bool(&r->w, "is_index", r->is_index);
    json_name(&r->w, "urls");
    json_array_begin(&r->w);
    for (size_t i = 0; i < count; i++) {
        put_link(r, r->url, urls[i]);
    }
    json_array_end(&r->w);
    put_skipped(r);
    json_object_end(&r->w);
}

static enum rc read_sitemap(struct reading *r, struct err *e)
{
    struct buf unpacked = BUF_LIMIT(SITEMAP_MAX_BYTES);
    struct sitemap sitemap;
    enum rc rc = RC_OK;
    if (gunzip_is_packed(r->bytes)) {
        rc = gunzip(r->bytes, &unpacked, e);
        r->bytes = buf_str(&unpacked);
    }
    if (rc) {
        const char *code = rc == RC_TOO_BIG ? "too_large" : "bad_encoding";
        rc = err_set_code(e, rc, code, NULL, "%s: %s", code, arena_c_str(r->a, str_from(e->text)));
    } else {
        sitemap_read(r->bytes, r->a, &sitemap);
        r->is_index = sitemap.is_index;
        put_list(r, sitemap.urls, sitemap.count);
    }
    buf_dispose(&unpacked);
    return rc;
}

static enum rc read_llms(struct reading *r)
{
    struct str *links = NULL;
    size_t count = llms_txt_links(r->bytes, r->a, &links);
    put_list(r, links, count);
    return RC_OK;
}

/* ---- the whole */

static enum rc read_request(struct str request, struct reading *r, struct err *e)
{
    struct json *o = NULL;
    enum rc rc = json_parse_envelope(str_cut(request, '\n', &r->bytes), r->a, &o, e);
    const struct json *crawl = json_get(o, STR("crawl"));
    rc = rc ? rc : crawl_args_read_kept(&kept_args, crawl ? crawl->raw : STR(""), &r->args, e);
    rc = rc ? rc : url_parse(json_text(o, "seed"), r->a, &r->scope.seed, e);
    if (rc) {
        return rc;
    }
    r->url = json_text(o, "url");
    r->type = json_text(o, "type");
    r->scope.kind = r->args->scope;
    r->scope.include = r->args->include;
    r->scope.include_count = r->args->include_count;
    r->scope.exclude = r->args->exclude;
    r->scope.exclude_count = r->args->exclude_count;
    if (!page_what_parse(json_text(o, "what"), &r->what)) {
        return err_set(e, RC_INVALID, "what?");
    }
    r->most = r->what == PAGE_PAGE ? PAGE_LINKS_MAX : SITEMAP_URLS_MAX;
    return RC_OK;
}

enum rc page_bytes_read(struct str request, struct buf *answer, struct err *e)
{
    struct reading r = {.a = arena_new(), .w = json_writer(answer)};
    enum rc rc = read_request(request, &r, e);
    if (!rc && r.what == PAGE_PAGE) {
        rc = read_page(&r, answer, e);
    } else if (!rc) {
        rc = r.what == PAGE_SITEMAP ? read_sitemap(&r, e) : read_llms(&r);
    }
    arena_free(r.a);
    return rc;
}
