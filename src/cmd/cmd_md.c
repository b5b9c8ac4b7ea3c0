/* cmd_md.c: stint md FILE|URL: a page of HTML as Markdown, without a server. With --json what is known of the page, too. */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/command.h"
#include "markdown/markdown.h"
#include "net/fetch.h"
#include "net/url.h"

#define JSON_BYTES_MAX ((size_t)256 << 20)

struct input {
    struct buf *file; /* has the page, if it was no URL */
    struct str html, url, content_type;
};

static bool is_url(struct str s)
{
    return str_eq_nocase(str_sub(s, 0, 7), STR("http://")) ||
           str_eq_nocase(str_sub(s, 0, 8), STR("https://"));
}

static enum rc read_rules(const struct options *o, struct address_rules *rules, struct err *e)
{
    const struct str *nets;
    size_t n = options_list(o, "allow-net", &nets);
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < n; i++) {
        rc = address_allow(rules, nets[i], e);
    }
    return rc;
}

/* The body lives in `a`. */
static enum rc read_url(const struct options *o, struct str url, struct arena *a, struct input *in,
                        struct err *e)
{
    static const struct http_field fields[] = {
        {STR("Accept"),
         STR("text/markdown, text/html;q=0.9, application/xhtml+xml;q=0.9, text/plain;q=0.5")}};
    struct address_rules rules = {0};
    struct fetch_answer answer;
    struct fetch_request request = {.method = HTTP_GET,
                                    .url = url,
                                    .fields = fields,
                                    .field_count = 1,
                                    .max_body_bytes = MARKDOWN_HTML_MAX_BYTES,
                                    .redirects = FETCH_REDIRECTS_MAX,
                                    .rules = &rules};
    enum rc rc = read_rules(o, &rules, e);
    if (rc) {
        return rc;
    }
    struct fetcher *f = fetcher_new("stint/" STINT_VERSION);
    rc = fetch(f, &request, a, &answer, e);
    if (!rc && (answer.status < 200 || answer.status > 299)) {
        rc = err_set(e, RC_NOT_FOUND, "%.*s answered %d", STR_ARG(url), answer.status);
    }
    if (!rc) {
        *in = (struct input){.html = answer.body,
                             .url = answer.url,
                             .content_type = fetch_header(&answer, STR("Content-Type"))};
    }
    fetcher_free(f);
    return rc;
}

static enum rc read_input(const struct options *o, struct buf *file, struct arena *a, struct input *in,
                          struct err *e)
{
    struct str from = options_arg(o, 0);

    if (is_url(from)) {
        return read_url(o, from, a, in, e);
    }
    enum rc rc = str_eq(from, STR("-")) ? buf_read_fd(file, STDIN_FILENO, e) : buf_read_file(file, from.p, e);
    if (!rc) {
        *in = (struct input){.file = file};
    }
    return rc;
}

static void put_links(struct json_out *w, const struct markdown_page *m)
{
    json_name(w, "links");
    json_array_begin(w);
    for (size_t i = 0; i < m->link_count; i++) {
        const struct markdown_link *l = &m->links[i];
        json_object_begin(w);
        json_put_str(w, "url", l->url);
        json_put_str(w, "text", l->text);
        json_put_str(w, "rel", l->rel);
        json_put_bool(w, "nofollow", l->is_nofollow);
        json_put_c(w, "place", l->place == MARKDOWN_IN_CONTENT ? "content" : "navigation");
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_page(struct json_out *w, const struct input *in, const struct markdown_page *m)
{
    json_object_begin(w);
    json_put_str(w, "url", in->url);
    json_put_str(w, "base", m->base);
    json_put_str(w, "title", m->title);
    json_put_str(w, "canonical", m->canonical);
    json_put_str(w, "language", m->language);
    json_put_str(w, "description", m->description);
    json_put_c(w, "charset", m->charset);
    json_put_bool(w, "noindex", m->is_noindex);
    json_put_bool(w, "nofollow", m->is_nofollow);
    json_put_bool(w, "needs_js", m->needs_js);
    json_put_int(w, "words", (int64_t)m->words);
    json_put_int(w, "tokens", (int64_t)m->tokens);
    json_put_int(w, "quality", m->quality);
    json_put_int(w, "blocks", (int64_t)m->block_count);
    put_links(w, m);
    json_put_str(w, "markdown", m->text);
    json_object_end(w);
}

static void print_page(const struct options *o, const struct input *in, const struct markdown_page *m)
{
    struct buf out = BUF_LIMIT(JSON_BYTES_MAX);
    struct str text = m->text;

    if (options_flag(o, "json")) {
        struct json_out w = json_writer(&out);
        put_page(&w, in, m);
        buf_append_char(&out, '\n');
        text = buf_str(&out);
    }
    (void)fwrite(text.p, 1, text.n, stdout);
    buf_dispose(&out);
}

int cmd_md(const struct options *o)
{
    struct arena *a = arena_new();
    struct buf file = BUF_LIMIT(MARKDOWN_HTML_MAX_BYTES);
    struct input in = {0};
    struct markdown_options options = {.selector = options_str(o, "selector")};
    struct markdown_page page;
    struct err e = {0};

    struct url base;
    if (options_has(o, "base") && url_parse(options_str(o, "base"), a, &base, &e)) {
        arena_free(a);
        return command_fail(o, EXIT_USAGE, "--base: %s", e.text);
    }
    mem_keep_some();
    enum rc rc = read_input(o, &file, a, &in, &e);
    if (!rc) {
        options.url = options_has(o, "base") ? options_str(o, "base") : in.url;
        options.content_type = in.content_type;
        options.removal_count = options_list(o, "remove", &options.removals);
        rc = in.file                             ? markdown_convert_buf(in.file, &options, a, &page, &e)
             : markdown_is_kept(in.content_type) ? markdown_keep(in.html, a, &page, &e)
                                                 : markdown_convert(in.html, &options, a, &page, &e);
    }
    if (!rc) {
        print_page(o, &in, &page);
    }
    if (!rc && page.needs_js) {
        (void)fputs("stint md: the page is empty until its scripts have run\n", stderr);
    }
    buf_dispose(&file);
    arena_free(a);
    return rc ? command_fail(o, command_exit_code(rc), "%s", e.text) : EXIT_OK;
}
