/* slot_fetch.c: a handler asks for the newest artifact of a series: look it up, download it, answer the child; or for the results of
 * a batch: page by page, into one file. The handler has no key and no connection of its own; one request at a time, since it waits
 * for the answer. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "wire/wire.h"
#include "worker/supervisor.h"

size_t slot_fields(const struct slot *s, struct http_field out[2])
{
    out[0] = s->sup->fields[0];
    out[1] = (struct http_field){STR("Stint-Lease"), str_from(s->lease_field)};
    return s->tenant[0] ? 2 : 1;
}

void slot_fetch_answer(struct slot *s, bool is_found, const char *error)
{
    struct buf b = BUF_LIMIT(4 << 20);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_name(&w, "fetched");
    json_object_begin(&w);
    json_put_bool(&w, "found", is_found);
    if (is_found && s->fetch_result.n) {
        json_put_raw(&w, "result", s->fetch_result);
    }
    if (error) {
        json_put_c(&w, "error", error);
    }
    json_object_end(&w);
    json_object_end(&w);
    slot_send(s, &b);
    buf_dispose(&b);
}

void slot_fetch_grown(struct slot *s, size_t bytes)
{
    struct buf b = BUF_LIMIT(256);
    struct json_out w = json_writer(&b);
    json_object_begin(&w);
    json_name(&w, "fetched");
    json_object_begin(&w);
    json_put_int(&w, "grown", (int64_t)bytes);
    json_object_end(&w);
    json_object_end(&w);
    slot_send(s, &b);
    buf_dispose(&b);
}

static bool on_piece(void *ctx, struct http_call *call, struct str piece)
{
    struct slot *s = ctx;
    (void)call;
    while (piece.n) { /* a local file in the page cache: no longer than copying the bytes */
        ssize_t n = write(s->fetch_fd, piece.p, piece.n);
        if (n <= 0) {
            close(s->fetch_fd);
            s->fetch_fd = -1;
            s->fetch = NULL;
            slot_fetch_answer(s, false, "the scratch folder is full");
            return false;
        }
        piece = str_sub(piece, (size_t)n, piece.n);
    }
    return true;
}

static void on_downloaded(void *ctx, struct http_call *call, const struct http_answer *a)
{
    struct slot *s = ctx;
    (void)call;
    s->fetch = NULL;
    close(s->fetch_fd);
    s->fetch_fd = -1;
    if (a->rc || a->status != 200) {
        slot_fetch_answer(s, false, a->rc ? a->err->text : "the artifact could not be read");
    } else {
        slot_fetch_answer(s, true, NULL);
    }
}

static bool open_file(struct slot *s)
{
    s->fetch_fd = open(s->fetch_path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->fetch_fd < 0) {
        slot_fetch_answer(s, false, "the file cannot be written");
    }
    return s->fetch_fd >= 0;
}

/* Of the series, not of the job: the newest entries of a series outlive the jobs that made them. */
static void download(struct slot *s, struct str job)
{
    if (!open_file(s)) {
        return;
    }
    struct str path = arena_printf(s->a, "%.*s/content?job=%.*s", STR_ARG(s->fetch_from), STR_ARG(job));
    struct http_field fields[2];
    struct http_call_options o = {
        .method = HTTP_GET,
        .path = path,
        .fields = fields,
        .field_count = slot_fields(s, fields),
        .silence_ms = 30000,
        .ctx = s,
        .on_data = on_piece,
        .on_done = on_downloaded,
    };
    s->fetch = http_call_start(s->sup->http, &o);
}

static void on_entry(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct slot *s = ctx;
    struct arena *a = arena_new();
    struct json *root = NULL;
    (void)call;
    s->fetch = NULL;
    if (got->rc || got->status != 200 || json_parse_envelope(got->body, a, &root, NULL)) {
        slot_fetch_answer(s, false,
                          got->rc ? got->err->text
                                  : (got->status == 404 ? NULL : "the series could not be read"));
        goto out;
    }
    const struct json *entries = json_get(root, STR("entries"));
    const struct json *newest = entries ? entries->first : NULL;
    const struct json *job = json_get(newest, STR("job"));
    const struct json *result = json_get(newest, STR("result"));
    if (!job) {
        slot_fetch_answer(s, false, NULL);
        goto out;
    }
    s->fetch_result = result && result->type != JSON_NULL ? arena_str(s->a, result->raw) : STR_NONE;
    download(s, job->s);
out:
    arena_free(a);
}

/* Series names carry slashes and colons: everything but letters, digits, '-', '.', '_' is escaped. */
static void append_escaped(struct buf *b, struct str s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (str_find_char(str_from(plain), s.p[i], 0) < sizeof(plain) - 1) {
            buf_append_char(b, s.p[i]);
        } else {
            buf_printf(b, "%%%02X", c);
        }
    }
}

void slot_fetch_series(struct slot *s, struct str series, struct str path)
{
    struct buf target = BUF_LIMIT(4096);
    if (s->fetch) {
        return; /* a handler that does not wait for its answer */
    }
    s->fetch_path = path;
    s->fetch_fd = -1;
    buf_append_c(&target, "/v1/series/");
    append_escaped(&target, series);
    s->fetch_from = arena_str(s->a, buf_str(&target));
    struct http_field fields[2];
    struct http_call_options o = {
        .method = HTTP_GET,
        .path = buf_str(&target),
        .fields = fields,
        .field_count = slot_fields(s, fields),
        .timeout_ms = 30000,
        .ctx = s,
        .on_done = on_entry,
    };
    s->fetch = http_call_start(s->sup->http, &o);
    buf_dispose(&target);
}

/* ---- the results of a batch */

static void fetch_page(struct slot *s);

static bool on_page_head(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct slot *s = ctx;
    struct str next = http_answer_header(got, STR("Stint-Next-Cursor"));
    (void)call;
    s->fetch_next = next.n ? arena_str(s->a, next) : STR_NONE;
    return true;
}

static void on_page(void *ctx, struct http_call *call, const struct http_answer *got)
{
    struct slot *s = ctx;
    char text[64];
    (void)call;
    s->fetch = NULL;
    if (!got->rc && got->status == 200 && s->fetch_next.n) {
        fetch_page(s);
        return;
    }
    close(s->fetch_fd);
    s->fetch_fd = -1;
    str_print(text, sizeof text, "the server answered %d", got->status);
    slot_fetch_answer(s, !got->rc && got->status == 200,
                      got->rc ? got->err->text : (got->status == 200 || got->status == 404 ? NULL : text));
}

static void fetch_page(struct slot *s)
{
    bool is_first = !s->fetch_next.n;
    struct http_field fields[2];
    struct http_call_options o = {
        .method = HTTP_GET,
        .path = is_first
                    ? s->fetch_from
                    : arena_printf(s->a, "%.*s&cursor=%.*s", STR_ARG(s->fetch_from), STR_ARG(s->fetch_next)),
        .fields = fields,
        .field_count = slot_fields(s, fields),
        .silence_ms = 30000,
        .ctx = s,
        .on_head = on_page_head,
        .on_data = on_piece,
        .on_done = on_page,
    };
    s->fetch = http_call_start(s->sup->http, &o);
}

void slot_fetch_batch(struct slot *s, struct str batch, struct str path)
{
    struct id id;
    if (s->fetch) {
        return; /* a handler that does not wait for its answer */
    }
    s->fetch_path = path;
    s->fetch_result = s->fetch_next = STR_NONE;
    if (!id_parse(batch, &id)) {
        slot_fetch_answer(s, false, NULL);
    } else if (open_file(s)) {
        s->fetch_from = arena_printf(s->a, "/v1/batches/%s/results?limit=1000", id_text(id).s);
        fetch_page(s);
    }
}
