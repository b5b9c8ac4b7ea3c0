/* page_lists.c: robots.txt, sitemaps and llms.txt, as answers of a host. */
#include "kinds/crawl_docs/page_parts.h"
#include "kinds/crawl_docs/robots.h"

static void tell_robots(struct page_job *j, int status)
{
    struct robots robots;
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    robots_read(status >= 200 && status < 300 ? j->answer.body : STR(""), CRAWL_AGENT, j->a, &robots);
    json_object_begin(&w);
    json_put_str(&w, "url", j->url);
    json_put_int(&w, "status", status);
    json_put_int(&w, "rules", (int64_t)robots.rule_count);
    json_put_int(&w, "sitemaps", (int64_t)robots.sitemap_count);
    if (robots.delay_ms >= 0) {
        json_put_int(&w, "delay_ms", robots.delay_ms);
        json_put_bool(&w, "is_capped", robots.delay_ms > CRAWL_DELAY_MAX_MS);
    }
    json_object_end(&w);
    attempt_root_event(j->at, "robots_loaded", buf_str(&b));
    buf_dispose(&b);
}

void page_take_robots(struct page_job *j, enum rc rc, const struct err *asked)
{
    struct buf b = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&b);
    bool is_endless =
        rc == RC_INVALID && asked->code && str_eq(str_from(asked->code), STR("too_many_redirects"));
    int status = rc ? 0 : j->answer.status;
    if (rc == RC_DENIED || (rc && asked->code && str_eq(str_from(asked->code), STR("tls_failed")))) {
        page_fail_asking(j, asked);
        return;
    }
    if (!rc && page_pause_host(j)) {
        return;
    }
    if (!is_endless && (rc || status == 429 || status >= 500)) {
        attempt_fail(j->at, ERROR_TRANSIENT, "robots_unreachable", "robots.txt: %s",
                     rc ? asked->text : arena_printf(j->a, "the host answered %d", status).p);
        return;
    }
    tell_robots(j, status);
    json_object_begin(&w);
    json_put_int(&w, "status", status);
    json_put_str(&w, "text",
                 status >= 200 && status < 300 ? str_sub(j->answer.body, 0, ROBOTS_MAX_BYTES) : STR(""));
    json_object_end(&w);
    attempt_complete(j->at, buf_str(&b));
    buf_dispose(&b);
}

static void tell_list(struct page_job *j, struct str json)
{
    struct json *o = NULL;
    struct buf b = BUF_LIMIT(16 << 10);
    struct json_out w = json_writer(&b);
    const struct json *urls = json_parse(json, j->a, &o, NULL) ? NULL : json_get(o, STR("urls"));
    json_object_begin(&w);
    json_put_str(&w, "url", j->url);
    json_put_int(&w, "urls", urls ? (int64_t)urls->count : 0);
    json_object_end(&w);
    attempt_root_event(j->at, j->what == PAGE_SITEMAP ? "sitemap_loaded" : "llms_txt_loaded", buf_str(&b));
    buf_dispose(&b);
}

/* Most hosts have none: they say so, show a page instead, or send round in circles. */
static bool has_no_list(const struct page_job *j, enum rc rc, const struct err *asked)
{
    int status = j->answer.status;
    if (rc) {
        return asked->code && str_eq(str_from(asked->code), STR("too_many_redirects"));
    }
    return (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429) ||
           (page_is_status_ok(j) && j->what == PAGE_LLMS &&
            str_starts(str_trim(j->answer.body), STR("<!DOCTYPE html")));
}

void page_take_list(struct page_job *j, enum rc rc, const struct err *asked)
{
    struct str json = STR_NONE;
    struct str text = STR_NONE;
    struct err e = {.rc = RC_OK};
    if (has_no_list(j, rc, asked)) {
        attempt_complete(j->at, STR("{\"urls\":[],\"is_index\":false}"));
    } else if (rc) {
        page_fail_asking(j, asked);
    } else if (!page_is_status_ok(j)) {
        page_fail_status(j);
    } else if (page_parse(j, &json, &text, &e)) {
        page_fail_parse(j, &e);
    } else {
        tell_list(j, json);
        attempt_complete(j->at, json);
    }
}
