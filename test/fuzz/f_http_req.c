/* f_http_req.c: what strangers send to the HTTP port. The verdict never depends on how the bytes were split; and what is
 * accepted, llhttp reads in the same way, with the same body. */
#include <assert.h>

#include "base/buf.h"
#include "net/http_body.h"

/* llhttp's header claims names that are ours. */
#define HTTP_GET     LLHTTP_GET
#define HTTP_HEAD    LLHTTP_HEAD
#define HTTP_POST    LLHTTP_POST
#define HTTP_PUT     LLHTTP_PUT
#define HTTP_PATCH   LLHTTP_PATCH
#define HTTP_DELETE  LLHTTP_DELETE
#define HTTP_OPTIONS LLHTTP_OPTIONS
#define HTTP_TRACE   LLHTTP_TRACE
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS
#undef HTTP_TRACE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_head_limits limits = {1024, 16, 256};

/* A connection without a socket. */
struct reader {
    struct arena *a;
    struct buf in;         /* not yet used */
    struct buf log;        /* everything that was decided */
    struct buf text, body; /* of the present request: all its bytes, and its body, for the oracle */
    struct http_scan scan;
    struct http_head head;
    struct http_body framing;
    bool is_in_body, is_over;
};

struct oracle {
    struct buf body;
    int whole;
};

static int oracle_body(llhttp_t *p, const char *at, size_t n)
{
    buf_append(&((struct oracle *)p->data)->body, at, n);
    return 0;
}

static int oracle_whole(llhttp_t *p)
{
    ((struct oracle *)p->data)->whole++;
    return 0;
}

static void check_oracle(const struct reader *r)
{
    struct oracle o = {.body = BUF_LIMIT(1 << 20)};
    llhttp_settings_t settings;
    llhttp_t p;

    llhttp_settings_init(&settings);
    settings.on_body = oracle_body;
    settings.on_message_complete = oracle_whole;
    llhttp_init(&p, HTTP_REQUEST, &settings);
    p.data = &o;
    llhttp_errno_t error = llhttp_execute(&p, r->text.p, r->text.n);
    if (error != HPE_PAUSED_UPGRADE) { /* llhttp hands over at upgrades; we do not upgrade */
        /* Trailers are thrown away here, while llhttp minds some of their names. */
        bool has_trailers = r->framing.trailer_bytes > 2;
        assert(error == HPE_OK || has_trailers);
        assert(o.whole == 1 || has_trailers);
        assert(str_eq(buf_str(&o.body), buf_str(&r->body)));
    }
    buf_dispose(&o.body);
}

static void refuse(struct reader *r, const struct http_refusal *why)
{
    assert(why->status >= 400 && why->status <= 505 && why->code && why->text);
    buf_printf(&r->log, "[%d %s %s]", why->status, why->code, why->text);
    r->is_over = true;
}

static void end_request(struct reader *r)
{
    buf_printf(&r->log, " body %zu %.*s;", r->body.n, STR_ARG(buf_str(&r->body)));
    check_oracle(r);
    buf_clear(&r->text);
    buf_clear(&r->body);
    r->is_in_body = false;
    r->is_over = r->head.wants_close;
}

static bool take_head(struct reader *r, struct str *bytes)
{
    struct http_refusal why = {0, NULL, NULL};
    size_t n = 0;

    switch (http_head_scan(&r->scan, HTTP_KIND_REQUEST, *bytes, &limits, &n, &why)) {
    case HTTP_SCAN_MORE:
        return false;
    case HTTP_SCAN_BAD:
        refuse(r, &why);
        return false;
    case HTTP_SCAN_END:
        break;
    }
    assert(n <= limits.head_bytes && n <= bytes->n && r->scan.fields <= limits.fields);
    struct str head = arena_str(r->a, str_sub(*bytes, 0, n));
    if (!http_head_read_request(head, &r->scan, r->a, &r->head, &why)) {
        refuse(r, &why);
        return false;
    }
    assert(r->head.path.n > 0 && r->head.framing != HTTP_UNTIL_CLOSE);
    buf_printf(&r->log, "%.*s %.*s ? %.*s 1.%d", STR_ARG(r->head.method_text), STR_ARG(r->head.path),
               STR_ARG(r->head.query), r->head.minor_version);
    for (size_t i = 0; i < r->head.field_count; i++) {
        buf_printf(&r->log, "|%.*s=%.*s", STR_ARG(r->head.fields[i].name), STR_ARG(r->head.fields[i].value));
    }
    buf_append_str(&r->text, r->scan.has_skipped ? str_sub(head, 2, head.n) : head);
    r->scan = (struct http_scan){.at = 0};
    *bytes = str_sub(*bytes, n, bytes->n);
    http_body_start(&r->framing, &r->head);
    r->is_in_body = true;
    return true;
}

static bool take_body(struct reader *r, struct str *bytes)
{
    struct http_refusal why = {0, NULL, NULL};
    struct str piece, before = *bytes;

    enum http_body_step step = http_body_next(&r->framing, bytes, &piece, &why);
    assert(bytes->n <= before.n);
    buf_append(&r->text, before.p, before.n - bytes->n);
    switch (step) {
    case HTTP_BODY_PIECE:
        assert(piece.n > 0);
        buf_append_str(&r->body, piece);
        return true;
    case HTTP_BODY_DONE:
        end_request(r);
        return true;
    case HTTP_BODY_BAD:
        refuse(r, &why);
        return false;
    default:
        return false;
    }
}

static void take(struct reader *r, struct str bytes)
{
    bool goes_on = true;

    buf_append_str(&r->in, bytes);
    bytes = buf_str(&r->in);
    while (goes_on && !r->is_over && (bytes.n > 0 || r->is_in_body)) {
        goes_on = r->is_in_body ? take_body(r, &bytes) : take_head(r, &bytes);
    }
    buf_drop_front(&r->in, r->in.n - bytes.n);
}

static struct buf read_split(struct str bytes, size_t step, uint64_t seed)
{
    struct reader r = {.a = arena_new(),
                       .in = BUF_LIMIT(1 << 20),
                       .log = BUF_LIMIT(4 << 20),
                       .text = BUF_LIMIT(1 << 20),
                       .body = BUF_LIMIT(1 << 20)};

    while (bytes.n > 0 && !r.is_over) {
        size_t n = step ? step : 1 + (seed >> 33) % 40;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        take(&r, str_sub(bytes, 0, n));
        bytes = str_sub(bytes, n, bytes.n);
    }
    buf_printf(&r.log, " %s %s", r.is_over ? "over" : "open", r.is_in_body ? "in a body" : "");
    arena_free(r.a);
    buf_dispose(&r.in);
    buf_dispose(&r.text);
    buf_dispose(&r.body);
    return r.log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};

    if (size > 8192) {
        return 0;
    }
    struct buf whole = read_split(bytes, size, 0);
    struct buf by_byte = read_split(bytes, 1, 0);
    struct buf mixed = read_split(bytes, 0, str_hash(bytes));
    assert(str_eq(buf_str(&whole), buf_str(&by_byte)));
    assert(str_eq(buf_str(&whole), buf_str(&mixed)));
    buf_dispose(&whole);
    buf_dispose(&by_byte);
    buf_dispose(&mixed);
    return 0;
}
