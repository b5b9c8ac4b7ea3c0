/* robots.c: answers questions about robots.txt line by line, for tests in other languages:
 * {"robots": TEXT, "agent": TOKEN, "urls": […]} → {"allowed": [true, …], "delay_ms": N, "sitemaps": […]}; null for what is no address. */
#include "kinds/crawl_docs/robots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void answer_urls(const struct json *urls, const struct robots *robots, struct arena *a,
                        struct json_out *w)
{
    json_name(w, "allowed");
    json_array_begin(w);
    for (const struct json *u = urls ? urls->first : NULL; u; u = u->next) {
        struct url url;
        if (url_parse(u->s, a, &url, NULL)) {
            json_null(w);
        } else {
            json_bool(w, robots_allows(robots, &url, a));
        }
    }
    json_array_end(w);
}

static void answer(struct str line, struct arena *a, struct buf *out)
{
    struct json *o = NULL;
    struct robots robots;
    struct json_out w = json_writer(out);
    if (json_parse(line, a, &o, NULL) || !json_get(o, STR("robots")) || !json_get(o, STR("agent"))) {
        buf_append_c(out, "null");
        return;
    }
    robots_read(json_get(o, STR("robots"))->s, json_get(o, STR("agent"))->s, a, &robots);
    json_object_begin(&w);
    answer_urls(json_get(o, STR("urls")), &robots, a, &w);
    json_put_int(&w, "delay_ms", robots.delay_ms);
    json_name(&w, "sitemaps");
    json_array_begin(&w);
    for (size_t i = 0; i < robots.sitemap_count; i++) {
        json_str(&w, robots.sitemaps[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    for (; n > 0; n = getline(&line, &room, stdin)) {
        struct buf out = BUF_LIMIT(64 << 20);
        struct arena *a = arena_new();
        answer(str_trim((struct str){line, (size_t)n}), a, &out);
        (void)printf("%.*s\n", STR_ARG(buf_str(&out)));
        (void)fflush(stdout);
        arena_free(a);
        buf_dispose(&out);
    }
    free(line);
    return 0;
}
