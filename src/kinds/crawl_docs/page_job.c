/* page_job.c: the kind crawl-docs.page: one request, in the fetch child; what came is read in the parse process. It follows no
 * redirect: where one leads is told, and the crawl decides (it knows the site's robots.txt and what was asked for already). */
#include "base/clock.h"
#include "kinds/crawl_docs/page_bytes.h"
#include "kinds/crawl_docs/page_parts.h"
#include "kinds/crawl_docs/robots.h"
#include "markdown/markdown.h"

#define USER_AGENT       "stint/" STINT_VERSION
#define PARSE_MS         10000
#define LIST_MAX_BYTES   (10 << 20)
#define ANSWER_MAX_BYTES (48 << 20)

static struct fetcher *fetcher; /* one a process: keeps its connections */
static struct crawl_args_kept kept_args;

static const char *const what_names[] = {"page", "robots", "sitemap", "llms"};

const char *page_what_name(enum page_what what)
{
    return what_names[what];
}

bool page_what_parse(struct str name, enum page_what *out)
{
    for (int i = 0; i < PAGE_WHATS; i++) {
        if (str_eq(name, str_from(what_names[i]))) {
            *out = (enum page_what)i;
            return true;
        }
    }
    return false;
}

/* ---- the request */

static enum rc read_checkpoint(struct page_job *j, struct err *e)
{
    struct json *o = NULL;
    struct str checkpoint = attempt_checkpoint(j->at);
    enum rc rc = checkpoint.n ? json_parse(checkpoint, j->a, &o, e) : RC_OK;
    return rc ? rc : json_get_int(o, "pauses", 0, PAGE_PAUSES, &j->pauses, e);
}

static enum rc read_args(struct page_job *j, struct err *e)
{
    struct json *o = NULL;
    enum rc rc = read_checkpoint(j, e);
    rc = rc ? rc : json_parse_envelope(attempt_args(j->at), j->a, &o, e);
    const struct json *crawl = json_get(o, STR("crawl"));
    rc = rc ? rc : crawl_args_read_kept(&kept_args, crawl ? crawl->raw : STR(""), &j->args, e);
    rc = rc ? rc : json_get_int(o, "depth", 0, CRAWL_DEPTH_MAX, &j->depth, e);
    j->url = json_text(o, "url");
    j->seed = json_text(o, "seed");
    j->etag = json_text(o, "etag");
    j->last_modified = json_text(o, "last_modified");
    if (!rc && !page_what_parse(json_text(o, "what"), &j->what)) {
        rc = err_set_code(e, RC_INVALID, "invalid_input", "what", "what: page, robots, sitemap or llms");
    }
    return rc ? rc : url_parse(j->url, j->a, &j->place, e);
}

static size_t most_bytes(const struct page_job *j)
{
    return j->what == PAGE_PAGE     ? (size_t)j->args->max_page_bytes
           : j->what == PAGE_ROBOTS ? ROBOTS_MAX_BYTES
                                    : LIST_MAX_BYTES;
}

static enum rc ask(struct page_job *j, struct err *e)
{
    struct http_field fields[3] = {
        {STR("Accept"),
         STR("text/markdown, text/html;q=0.9, application/xhtml+xml;q=0.9, text/plain;q=0.5")}};
    size_t count = 1;
    struct address_rules rules;
    enum rc rc =
        address_rules_read(attempt_option(j->at, "allow-net"), attempt_option(j->at, "own-port"), &rules, e);
    if (j->etag.n) {
        fields[count++] = (struct http_field){STR("If-None-Match"), j->etag};
    }
    if (j->last_modified.n) {
        fields[count++] = (struct http_field){STR("If-Modified-Since"), j->last_modified};
    }
    const struct fetch_request r = {
        .url = j->url,
        .fields = fields,
        .field_count = count,
        .timeout_ms = j->args->timeout_ms,
        .max_body_bytes = most_bytes(j),
        .cuts_body = j->what == PAGE_ROBOTS,
        .redirects = j->what == PAGE_PAGE ? 0 : FETCH_REDIRECTS_MAX,
        .rules = &rules,
    };
    fetcher = fetcher ? fetcher : fetcher_new(USER_AGENT);
    return rc ? rc : fetch(fetcher, &r, j->a, &j->answer, e);
}

/* ---- what came */

bool page_is_status_ok(const struct page_job *j)
{
    return j->answer.status >= 200 && j->answer.status < 300;
}

static bool is_text(struct str type)
{
    static const char *const types[] = {"text/html", "application/xhtml+xml", "text/markdown", "text/plain"};
    struct str rest = STR_NONE;
    type = str_trim(str_cut(type, ';', &rest));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq_nocase(type, str_from(types[i]))) {
            return true;
        }
    }
    return !type.n;
}

static void write_request(const struct page_job *j, struct buf *out)
{
    struct json_out w = json_writer(out);
    json_object_begin(&w);
    json_put_c(&w, "what", page_what_name(j->what));
    json_put_str(&w, "url", j->answer.url);
    json_put_str(&w, "seed", j->seed);
    json_put_str(&w, "type", fetch_header(&j->answer, STR("content-type")));
    json_put_raw(&w, "crawl", j->args->raw);
    json_object_end(&w);
    for (size_t i = 0; i < out->n; i++) { /* the line ends where the bytes begin */
        out->p[i] = out->p[i] == '\n' ? ' ' : out->p[i];
    }
    buf_append_char(out, '\n');
    buf_append_str(out, j->answer.body);
}

enum rc page_parse(struct page_job *j, struct str *json, struct str *text, struct err *e)
{
    struct buf request = BUF_LIMIT(ANSWER_MAX_BYTES);
    write_request(j, &request);
    enum rc rc = attempt_parse(j->at, 0, buf_str(&request), PARSE_MS, &j->parsed, e);
    buf_dispose(&request);
    if (!rc) {
        *json = str_cut(buf_str(&j->parsed), '\n', text);
        rc = json_validate(*json, e);
    }
    return rc;
}

static void tell_page(struct page_job *j, struct str page)
{
    static const char *const copied[] = {"title", "tokens", "quality"};
    static const struct str carried[] = {{"links", 5}, {"skipped", 7}, {0}};
    struct json_budget all = {.opaque = carried, .built = INT64_MAX, .values = INT64_MAX};
    struct json *o = NULL;
    struct buf b = BUF_LIMIT(32 << 10);
    struct json_out w = json_writer(&b);
    if (json_parse_within(page, &all, j->a, &o, NULL)) {
        return;
    }
    json_object_begin(&w);
    json_put_str(&w, "url", j->url);
    json_put_int(&w, "depth", j->depth);
    json_put_int(&w, "status", j->answer.status);
    json_put_int(&w, "bytes", (int64_t)j->answer.body.n);
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const struct json *v = json_get(o, str_from(copied[i]));
        json_put_raw(&w, copied[i], v ? v->raw : STR("null"));
    }
    json_put_int(&w, "ms", (clock_mono_us() - j->from_us) / 1000);
    json_object_end(&w);
    attempt_root_event(j->at, "url_crawled", buf_str(&b));
    buf_dispose(&b);
}

static void put_robots_tag(const struct page_job *j, struct json_out *w)
{
    struct robots_tag tag = {0};
    for (size_t i = 0; i < j->answer.field_count; i++) {
        if (str_eq_nocase(j->answer.fields[i].name, STR("x-robots-tag"))) {
            robots_tag_read(j->answer.fields[i].value, CRAWL_AGENT, &tag);
        }
    }
    if (tag.is_noindex) {
        json_put_bool(w, "noindex", true);
    }
    if (tag.is_nofollow) {
        json_put_bool(w, "nofollow", true);
    }
}

static void complete_page(struct page_job *j, struct str page, struct str text)
{
    struct buf b = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_int(&w, "status", j->answer.status);
    json_put_str(&w, "type", fetch_header(&j->answer, STR("content-type")));
    json_put_int(&w, "bytes", (int64_t)j->answer.body.n);
    json_put_str(&w, "etag", fetch_header(&j->answer, STR("etag")));
    json_put_str(&w, "last_modified", fetch_header(&j->answer, STR("last-modified")));
    put_robots_tag(j, &w);
    json_put_raw(&w, "page", page);
    json_object_end(&w);
    if (b.overflowed) { /* of a page that is read as it should be it never is */
        buf_dispose(&b);
        page_fail(j, ERROR_PERMANENT, "too_large", "there is more to say of the page than a result holds");
        return;
    }
    attempt_hold(j->at);
    tell_page(j, page);
    attempt_text(j->at, PAGE_ARTIFACT, "text/markdown", text.p ? text : STR(""));
    attempt_complete(j->at, buf_str(&b));
    buf_dispose(&b);
}

static void take_redirect(struct page_job *j)
{
    struct page_url target;
    struct err e;
    struct str location = fetch_header(&j->answer, STR("location"));
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    if (!location.n || page_url_read(j->url, location, j->args->query, j->a, &target, &e)) {
        page_fail(j, ERROR_PERMANENT, "bad_redirect", "the redirect leads to no address of the web");
        return;
    }
    json_object_begin(&w);
    json_put_int(&w, "status", j->answer.status);
    json_put_str(&w, "redirect", target.fetch);
    json_object_end(&w);
    attempt_complete(j->at, buf_str(&b));
    buf_dispose(&b);
}

static void complete_unchanged(struct page_job *j)
{
    struct buf b = BUF_LIMIT(32 << 10);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_int(&w, "status", j->answer.status);
    json_put_str(&w, "etag", j->etag);
    json_put_str(&w, "last_modified", j->last_modified);
    json_object_end(&w);
    tell_page(j, STR("{}"));
    attempt_complete(j->at, buf_str(&b));
    buf_dispose(&b);
}

static void take_page(struct page_job *j)
{
    struct str page = STR_NONE;
    struct str text = STR_NONE;
    struct err e = {.rc = RC_OK};
    int status = j->answer.status;
    if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
        take_redirect(j);
        return;
    }
    if (status == 304 && (j->etag.n || j->last_modified.n)) {
        complete_unchanged(j);
        return;
    }
    if (!page_is_status_ok(j)) {
        page_fail_status(j);
        return;
    }
    if (!is_text(fetch_header(&j->answer, STR("content-type")))) {
        struct str type = str_sub(fetch_header(&j->answer, STR("content-type")), 0, 100);
        page_fail(j, ERROR_PERMANENT, "not_html", arena_printf(j->a, "it is %.*s", STR_ARG(type)).p);
        return;
    }
    if (page_parse(j, &page, &text, &e)) {
        page_fail_parse(j, &e);
        return;
    }
    complete_page(j, page, text);
}

static void tell_start(const struct page_job *j)
{
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_put_str(&w, "url", j->url);
    json_put_int(&w, "depth", j->depth);
    json_put_int(&w, "attempt", attempt_number(j->at));
    json_object_end(&w);
    attempt_root_event(j->at, "url_started", buf_str(&b));
    buf_dispose(&b);
}

static enum rc run(struct attempt *at, struct err *e)
{
    struct page_job j = {.at = at, .a = attempt_arena(at), .parsed = BUF_LIMIT(ANSWER_MAX_BYTES)};
    struct err asked = {.rc = RC_OK};
    enum rc rc = read_args(&j, e);
    if (rc) {
        return rc;
    }
    j.from_us = clock_mono_us();
    if (j.what == PAGE_PAGE) {
        tell_start(&j);
    }
    rc = ask(&j, &asked);
    if (j.what == PAGE_ROBOTS) {
        page_take_robots(&j, rc, &asked);
    } else if (j.what != PAGE_PAGE) {
        page_take_list(&j, rc, &asked);
    } else if (rc) {
        page_fail_asking(&j, &asked);
    } else {
        take_page(&j);
    }
    buf_dispose(&j.parsed);
    return RC_OK;
}

/* So many requests to a host at once, of all crawls of the server together; whoever wants another number sets it. The parts into which
 * a crawl's own limit is divided. And delays: a token is a millisecond, and a request owes those until the next one may begin; while it
 * goes on, there is no other. */
static enum rc host_limits(const struct handler_options *o, struct arena *a, struct handler_limit **out,
                           size_t *count, struct err *e)
{
    struct handler_limit *l = arena_array(a, struct handler_limit, 3);
    (void)o;
    (void)e;
    l[0] = (struct handler_limit){STR(CRAWL_LIMIT_PREFIX "*"), {.concurrency = CRAWL_HOST_SLOTS}};
    l[1] = (struct handler_limit){STR(CRAWL_OWN_PREFIX "*"), {.concurrency = CRAWL_OWN_SLOTS}};
    l[2] = (struct handler_limit){STR(CRAWL_DELAY_PREFIX "*"),
                                  {.concurrency = 1, .rate = 1000, .period_ms = 1000, .burst = 1}};
    *out = l;
    *count = 3;
    return RC_OK;
}

const struct handler crawl_page_handler = {
    .kind = PAGE_KIND,
    .run = run,
    .parse = page_bytes_read,
    .prepare = markdown_prepare,
    .limits = host_limits,
    .is_folderless = true,
    .help = "one request of a crawl",
};
