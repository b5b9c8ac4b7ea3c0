/* crawl_jobs.c: the jobs of a crawl: what each asks for, under which limits and how often. */
#include "base/id.h"
#include "crypto/crypto.h"
#include "kinds/crawl_docs/crawl_turn.h"

struct str crawl_hash(const struct crawl *c, struct str text)
{
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 hash = crypto_sha256(text);
    hex_encode(hash.b, sizeof hash.b, hex);
    return arena_str(c->a, str_from(hex));
}

static struct str unique_key(const struct crawl *c, const struct crawl_ask *ask)
{
    return arena_printf(c->a, "crawl:%.*s:%s:%.*s", STR_ARG(attempt_job(c->at)), page_what_name(ask->what),
                        STR_ARG(crawl_hash(c, ask->identity)));
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

void crawl_make_job(const struct crawl *c, const struct crawl_ask *ask)
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
