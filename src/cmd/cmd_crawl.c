/* cmd_crawl.c: crawl a documentation site, show each page as it comes, and keep the document. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/client.h"
#include "cmd/remote.h"
#include "cmd/term.h"
#include "net/url.h"

struct live {
    struct arena *a;
    bool is_json;
    int64_t pages, failed;
};

/* ---- asking */

static int put_depth(struct json_out *w, const struct options *o)
{
    int64_t depth = 0;
    if (!options_has(o, "depth")) {
        return EXIT_OK;
    }
    if (!str_to_i64(options_str(o, "depth"), &depth)) {
        return command_fail(o, EXIT_USAGE, "--depth: a number, not %.*s", STR_ARG(options_str(o, "depth")));
    }
    json_put_int(w, "depth", depth);
    return EXIT_OK;
}

static int write_job(struct json_out *w, const struct options *o)
{
    const struct str *queues = NULL;
    json_object_begin(w);
    json_put_c(w, "kind", "crawl-docs");
    if (options_list(o, "queue", &queues)) {
        json_put_str(w, "queue", queues[0]);
    }
    json_put_c(w, "on_cancel", "run");
    json_put_int(w, "max_attempts", 5);
    json_name(w, "args");
    json_object_begin(w);
    json_put_str(w, "url", options_arg(o, 0));
    int code = put_depth(w, o);
    if (options_is_given(o, "max-pages")) {
        json_put_int(w, "max_pages", options_int(o, "max-pages"));
    }
    if (options_is_given(o, "max-tokens")) {
        json_put_int(w, "max_tokens", options_int(o, "max-tokens"));
    }
    if (options_is_given(o, "concurrency")) {
        json_put_int(w, "concurrency", options_int(o, "concurrency"));
    }
    remote_put_text(w, o, "scope", "scope");
    remote_put_text(w, o, "sitemap", "sitemap");
    remote_put_list(w, o, "include", "include");
    remote_put_list(w, o, "exclude", "exclude");
    json_object_end(w);
    json_object_end(w);
    return code;
}

/* ---- before anything is asked for */

static int check_url(const struct options *o, struct arena *a)
{
    struct url url;
    struct err e = {0};
    return url_parse(options_arg(o, 0), a, &url, &e)
               ? command_fail(o, EXIT_USAGE, "%s; give it as https://docs.example.org/guide/", e.text)
               : EXIT_OK;
}

static const char *partial_path(struct arena *a, struct str path)
{
    return arena_printf(a, "%.*s.part", STR_ARG(path)).p;
}

/* A file comes whole, in place of what was there, or not at all. A device or a pipe is written to as it is. */
static bool is_replaced(struct str path)
{
    struct stat st;
    return stat(path.p, &st) || S_ISREG(st.st_mode);
}

/* A crawl takes long: whether its document can be kept is known before it begins. */
static int check_output(const struct options *o, struct arena *a)
{
    struct stat st;
    struct err e = {0};
    if (!options_has(o, "output")) {
        return EXIT_OK;
    }
    struct str path = options_str(o, "output");
    const char *partial = partial_path(a, path);
    if (!path.n) {
        return command_fail(o, EXIT_USAGE, "--output: name a file");
    }
    if (stat(path.p, &st) == 0 && S_ISDIR(st.st_mode)) {
        return command_fail(o, EXIT_USAGE, "--output: %.*s is a folder; name a file", STR_ARG(path));
    }
    if (!is_replaced(path)) {
        return EXIT_OK; /* whoever reads a pipe takes its first end for the last */
    }
    int fd = open(partial, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        (void)err_from_errno(&e, errno, partial);
        return command_fail(o, EXIT_FAILED, "--output: %s", e.text);
    }
    (void)close(fd);
    (void)unlink(partial);
    return EXIT_OK;
}

/* ---- live lines */

static void show_crawled(struct live *l, const struct json *data)
{
    l->pages++;
    term_progress_end();
    term_print(TERM_DIM, "%5lld ", (long long)l->pages);
    term_print(TERM_GREEN, "%lld ", (long long)number_of(data, "status"));
    term_print(TERM_DIM, "%lld ", (long long)number_of(data, "depth"));
    term_str(TERM_PLAIN, json_text(data, "url"));
    term_print(TERM_DIM, " %s tokens\n", term_count(number_of(data, "tokens")).s);
}

static void show_failed(struct live *l, const struct json *data)
{
    bool will_retry = number_of(data, "will_retry");
    l->failed += !will_retry;
    term_progress_end();
    term_print(will_retry ? TERM_YELLOW : TERM_RED, "      %s ", will_retry ? "again" : "failed");
    term_str(TERM_PLAIN, json_text(data, "url"));
    term_print(TERM_DIM, " %.*s\n", STR_ARG(json_text(data, "code")));
}

static bool on_event(void *ctx, int64_t seq, const char *type, const char *data_json)
{
    struct live *l = ctx;
    struct json *data = NULL;
    struct str kind = str_from(type);
    if (l->is_json) {
        (void)printf("{\"seq\":%lld,\"type\":\"%s\",\"data\":%s}\n", (long long)seq, type, data_json);
        (void)fflush(stdout);
        return true;
    }
    if (json_parse(str_from(data_json), l->a, &data, NULL)) {
        return true;
    }
    if (str_eq(kind, STR("url_crawled"))) {
        show_crawled(l, data);
    } else if (str_eq(kind, STR("url_failed"))) {
        show_failed(l, data);
    } else if (str_eq(kind, STR("progress"))) {
        const struct json *p = json_get(data, STR("percent"));
        term_progress(p && p->type != JSON_NULL ? (int64_t)(p->d * 10) : -1, json_text(data, "message"));
    }
    arena_reset(l->a);
    return true;
}

/* ---- keeping */

struct keeping {
    const char *path;
    int fd;
    struct err e; /* why it could not be written */
};

static bool on_piece(void *ctx, struct str piece)
{
    struct keeping *k = ctx;
    return buf_write_fd(k->fd, piece, k->path, &k->e) == RC_OK;
}

static int download(struct remote *r, struct str id, struct str name, struct str path)
{
    struct stint_error e = {0};
    int status = 0;
    bool is_file = is_replaced(path);
    const char *to = is_file ? partial_path(r->a, path) : path.p;
    struct keeping k = {.path = to, .fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (k.fd < 0) {
        (void)err_from_errno(&k.e, errno, to);
        return command_fail(r->o, EXIT_FAILED, "--output: %s", k.e.text);
    }
    const struct client_request request = {
        .method = HTTP_GET,
        .path = arena_printf(r->a, "/v1/jobs/%.*s/artifacts/%.*s", STR_ARG(id), STR_ARG(name)),
    };
    int code = client_stream(r->client, &request, &status, on_piece, &k, &e);
    if (close(k.fd) && !k.e.rc) {
        (void)err_from_errno(&k.e, errno, to);
    }
    if (!code && !k.e.rc && is_file && rename(to, path.p)) {
        (void)err_from_errno(&k.e, errno, path.p);
    }
    if (is_file && (code || k.e.rc)) {
        (void)unlink(to);
    }
    return k.e.rc ? command_fail(r->o, EXIT_FAILED, "--output: %s", k.e.text)
           : code ? remote_fail(r, &e)
                  : EXIT_OK;
}

/* docs.md, or docs-01.md, docs-02.md … when the document has parts. */
static struct str local_path(struct remote *r, struct str name)
{
    struct str output = options_str(r->o, "output");
    struct str part = str_sub(name, 8, name.n - 3); /* "document" PART ".md" */
    size_t dot = str_ends(output, STR(".md")) ? output.n - 3 : output.n;
    return arena_printf(r->a, "%.*s%.*s%.*s", STR_ARG(str_sub(output, 0, dot)), STR_ARG(part),
                        STR_ARG(str_sub(output, dot, output.n)));
}

static int keep_documents(struct remote *r, struct str id)
{
    const struct json *answer = NULL;
    remote_path(r, "/v1/jobs/%.*s/artifacts", STR_ARG(id));
    int code = remote_call(r, "GET", remote_target(r), STR_NONE, &answer);
    for (const struct json *i = first_of(answer, "artifacts"); i && !code; i = i->next) {
        struct str name = json_text(i, "name");
        if (!str_starts(name, STR("document")) || !str_ends(name, STR(".md"))) {
            continue;
        }
        struct str path = local_path(r, name);
        code = download(r, id, name, path);
        if (!code && !options_flag(r->o, "json")) {
            term_str(TERM_BOLD, path);
            term_print(TERM_DIM, " %s\n", term_bytes(number_of(i, "size")).s);
        }
    }
    return code;
}

static void print_summary(const struct json *job)
{
    const struct json *result = json_get(job, STR("result"));
    const struct json *skipped = json_get(result, STR("skipped"));
    int64_t ms = time_of(job, "finished_at") - time_of(job, "created_at");
    term_print(TERM_GREEN, "crawled");
    (void)printf(" %s page%s in %s, %s tokens", term_count(number_of(result, "pages")).s,
                 number_of(result, "pages") == 1 ? "" : "s", term_duration(ms).s,
                 term_count(number_of(result, "tokens")).s);
    (void)printf(", %s failed\n", term_count(number_of(result, "failed")).s);
    if (number_of(result, "failed_lists")) {
        term_print(TERM_YELLOW, "  could not be had: ");
        (void)printf("%s of its sitemaps and llms.txt; crawl.json says which\n",
                     term_count(number_of(result, "failed_lists")).s);
    }
    const struct json *changes = json_get(result, STR("changes"));
    if (changes) {
        term_print(TERM_DIM, "  changes  ");
        for (const struct json *s = changes->first; s; s = s->next) {
            (void)printf("%.*s %s%s", STR_ARG(s->name), term_count(s->i).s, s->next ? ", " : "\n");
        }
    }
    if (skipped && skipped->count) {
        term_print(TERM_DIM, "  skipped  ");
        for (const struct json *s = skipped->first; s; s = s->next) {
            (void)printf("%.*s %s%s", STR_ARG(s->name), term_count(s->i).s, s->next ? ", " : "\n");
        }
    }
}

static int follow(struct remote *r, struct str id, const struct json **job)
{
    struct stint_error e = {0};
    struct live l = {.a = arena_new(), .is_json = options_flag(r->o, "json")};
    if (!l.is_json) {
        term_print(TERM_DIM,
                   "job %.*s; it goes on when you leave: stint watch follows it, stint cancel ends it\n",
                   STR_ARG(id));
        (void)fflush(stdout);
    }
    int code = stint_watch(r->client, arena_c_str(r->a, id), 0, on_event, &l, &e);
    term_progress_end();
    arena_free(l.a);
    if (code) {
        return remote_fail(r, &e);
    }
    remote_path(r, "/v1/jobs/%.*s", STR_ARG(id));
    code = remote_call(r, "GET", remote_target(r), STR_NONE, job);
    const struct json *error = json_get(*job, STR("error"));
    return code || str_eq(json_text(*job, "state"), STR("completed"))
               ? code
               : command_fail(r->o, EXIT_JOB_FAILED, "the crawl is %.*s: %.*s: %.*s",
                              STR_ARG(json_text(*job, "state")), STR_ARG(json_text(error, "code")),
                              STR_ARG(json_text(error, "message")));
}

int cmd_crawl(const struct options *o)
{
    struct remote r;
    struct buf body = BUF_LIMIT(1 << 20);
    struct json_out w = json_writer(&body);
    const struct json *answer = NULL;
    const struct json *job = NULL;
    int code = remote_open(&r, o);
    code = code ? code : check_url(o, r.a);
    code = code ? code : check_output(o, r.a);
    code = code ? code : write_job(&w, o);
    if (!code) {
        code = remote_call(&r, "POST", STR("/v1/jobs"), (struct str){buf_c_str(&body), body.n}, &answer);
    }
    if (!code && options_flag(o, "detach")) {
        (void)printf("%.*s\n", STR_ARG(json_text(answer, "id")));
    } else if (!code) {
        struct str id = json_text(answer, "id");
        code = follow(&r, id, &job);
        if (!code && !options_flag(o, "json")) {
            print_summary(job);
        }
        if (!code && options_has(o, "output")) {
            code = keep_documents(&r, id);
        }
    }
    buf_dispose(&body);
    remote_close(&r);
    return code;
}
