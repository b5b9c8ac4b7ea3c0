/* fetch.c: see fetch.h. libcurl follows no redirect by itself: each is a request of its own, looked up and judged like the
 * first. The hook before a connection judges once more what libcurl is about to connect to. */
#include <assert.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fault.h"
#include "net/fetch_private.h"

#define CONNECT_MS      10000
#define TIMEOUT_MS      30000
#define BODY_MAX_BYTES  (10 << 20)
#define FIELDS_MAX      200
#define BOMB_FROM_BYTES (1 << 20)

struct fetcher {
    CURL *curl;
    const char *user_agent;
    struct fetch_resolver resolver;
};

/* One exchange with one place. */
struct hop {
    const struct fetch_request *r;
    const struct address_rules *rules;
    struct arena *a;
    CURL *curl;
    struct fetch_place place;
    struct buf body;
    struct http_field *fields;
    size_t field_count, head_bytes;
    int answers; /* heads that began: those of 1xx count */
    bool has_encoding;
    bool is_blocked, is_too_big, is_bomb, is_packed_twice, is_cut;
};

static const struct address_rules public_only;

struct fetcher *fetcher_new(const char *user_agent)
{
    struct fetcher *f = mem_alloc(sizeof *f);
    f->user_agent = user_agent;
    f->curl = curl_easy_init();
    assert(f->curl);
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (f) {
        curl_easy_cleanup(f->curl);
        mem_free(f);
    }
}

void fetcher_set_resolver(struct fetcher *f, struct fetch_resolver resolver)
{
    f->resolver = resolver;
}

/* ---- what libcurl calls */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct hop *hop = ctx;
    (void)purpose;
    if (FAULT("net.fetch.connect")) {
        return CURL_SOCKET_BAD;
    }
    if (!address_is_allowed(hop->rules, &address->addr)) {
        hop->is_blocked = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What has come over the line is counted by libcurl before it is unpacked. */
static bool is_bomb(const struct hop *hop)
{
    curl_off_t packed = 0;
    if (!hop->has_encoding || hop->body.n <= BOMB_FROM_BYTES) {
        return false;
    }
    (void)curl_easy_getinfo(hop->curl, CURLINFO_SIZE_DOWNLOAD_T, &packed);
    return (int64_t)hop->body.n / FETCH_RATIO_MAX > packed;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct hop *hop = ctx;
    size_t room = hop->body.max - hop->body.n;
    if (hop->r->cuts_body && size * count > room) {
        buf_append(&hop->body, bytes, room);
        hop->is_cut = true;
        return 0;
    }
    buf_append(&hop->body, bytes, size * count);
    hop->is_too_big |= hop->body.overflowed;
    hop->is_bomb |= is_bomb(hop);
    return hop->is_too_big || hop->is_bomb ? 0 : size * count;
}

/* One encoding is unpacked; more, one inside the other, only hide something. */
static void look_at_encoding(struct hop *hop, struct str name, struct str value)
{
    if (!str_eq_nocase(name, STR("content-encoding")) || str_eq_nocase(value, STR("identity"))) {
        return;
    }
    hop->is_packed_twice |= hop->has_encoding || str_find_char(value, ',', 0) < value.n;
    hop->has_encoding = true;
}

/* A line of the head. A status line begins a new one: what came with 100 Continue is forgotten. */
static size_t take_field(char *bytes, size_t size, size_t count, void *ctx)
{
    struct hop *hop = ctx;
    struct str line = str_trim((struct str){bytes, size * count});
    struct str value = STR_NONE;
    hop->head_bytes += size * count;
    if (hop->head_bytes > FETCH_HEAD_MAX_BYTES || hop->field_count == FIELDS_MAX) {
        hop->is_too_big = true;
        return 0;
    }
    if (str_starts(line, STR("HTTP/"))) {
        hop->field_count = 0;
        hop->has_encoding = hop->is_packed_twice = false;
        hop->is_too_big |= ++hop->answers > FETCH_INTERIM_MAX;
        return hop->is_too_big ? 0 : size * count;
    }
    struct str name = str_cut(line, ':', &value);
    if (value.p) {
        value = str_trim(value);
        look_at_encoding(hop, name, value);
        hop->fields[hop->field_count++] =
            (struct http_field){arena_str(hop->a, name), arena_str(hop->a, value)};
    }
    return hop->is_packed_twice ? 0 : size * count;
}

/* ---- one hop */

static void set_method(CURL *c, const struct fetch_request *r)
{
    if (r->body.p) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.p);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    }
    if (r->method == HTTP_HEAD) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (r->method != HTTP_GET) {
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, http_method_name(r->method).p);
    }
}

static bool is_secret(struct str name)
{
    return str_eq_nocase(name, STR("authorization")) || str_eq_nocase(name, STR("cookie")) ||
           str_eq_nocase(name, STR("x-api-key"));
}

static struct curl_slist *make_fields(const struct fetch_request *r, bool with_secrets, struct arena *a)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    list = curl_slist_append(list, FETCH_HOP_FIELD ": 1");
    for (size_t i = 0; i < r->field_count; i++) {
        if (with_secrets || !is_secret(r->fields[i].name)) {
            struct str line =
                arena_printf(a, "%.*s: %.*s", STR_ARG(r->fields[i].name), STR_ARG(r->fields[i].value));
            list = curl_slist_append(list, line.p);
        }
    }
    return list;
}

static void set_up(struct fetcher *f, struct hop *hop, struct curl_slist *pins, int64_t left_ms)
{
    const struct fetch_request *r = hop->r;
    CURL *c = f->curl;
    int64_t connect_ms = r->connect_ms ? r->connect_ms : CONNECT_MS;
    curl_easy_reset(c);
    set_method(c, r);
    curl_easy_setopt(c, CURLOPT_URL, arena_c_str(hop->a, hop->place.text));
    curl_easy_setopt(c, CURLOPT_RESOLVE, pins);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_USERAGENT, f->user_agent);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ms < left_ms ? connect_ms : left_ms));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, hop);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, hop);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, hop);
}

static enum rc failed(const struct hop *hop, CURLcode code, struct err *e)
{
    struct str host = hop->place.url.host;
    if (hop->is_blocked) {
        return err_set_code(
            e, RC_DENIED, "blocked_address", NULL,
            "%.*s is at an address that must not be reached from here; --allow-net ADDRESS allows it",
            STR_ARG(host));
    }
    if (hop->is_packed_twice) {
        return err_set_code(e, RC_INVALID, "bad_encoding", NULL,
                            "the answer of %.*s is packed more than once", STR_ARG(host));
    }
    if (hop->is_bomb) {
        return err_set_code(e, RC_TOO_BIG, "answer_bomb", NULL,
                            "the answer of %.*s unpacks to more than %d times its bytes", STR_ARG(host),
                            FETCH_RATIO_MAX);
    }
    if (hop->is_too_big) {
        return err_set_code(e, RC_TOO_BIG, "answer_too_big", NULL,
                            "the answer of %.*s is longer than %zu bytes", STR_ARG(host), hop->body.max);
    }
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return err_set_code(e, RC_BUSY, "connect_failed", NULL, "%.*s takes no connection", STR_ARG(host));
    case CURLE_OPERATION_TIMEDOUT:
        return err_set_code(e, RC_BUSY, "timed_out", NULL, "%.*s did not answer in time", STR_ARG(host));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return err_set_code(e, RC_INVALID, "tls_failed", NULL, "%.*s: %s", STR_ARG(host),
                            curl_easy_strerror(code));
    case CURLE_BAD_CONTENT_ENCODING:
        return err_set_code(e, RC_INVALID, "bad_encoding", NULL, "the answer of %.*s cannot be unpacked",
                            STR_ARG(host));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return err_set_code(e, RC_INVALID, "bad_answer", NULL, "%.*s: %s", STR_ARG(host),
                            curl_easy_strerror(code));
    default:
        return err_set_code(e, RC_BUSY, "connection_lost", NULL, "%.*s: %s", STR_ARG(host),
                            curl_easy_strerror(code));
    }
}

static enum rc run_hop(struct fetcher *f, struct hop *hop, bool with_secrets, int64_t left_ms, int *status,
                       struct err *e)
{
    struct curl_slist *fields = make_fields(hop->r, with_secrets, hop->a);
    struct curl_slist *pins = hop->place.pin.n ? curl_slist_append(NULL, hop->place.pin.p) : NULL;
    set_up(f, hop, pins, left_ms);
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, fields);
    CURLcode code = curl_easy_perform(f->curl);
    long number = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &number);
    curl_slist_free_all(fields);
    curl_slist_free_all(pins);
    if (code != CURLE_OK && !(hop->is_cut && code == CURLE_WRITE_ERROR)) {
        return failed(hop, code, e);
    }
    *status = (int)number;
    return RC_OK;
}

/* ---- redirects */

struct str fetch_header(const struct fetch_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->field_count; i++) {
        if (str_eq_nocase(answer->fields[i].name, name)) {
            return answer->fields[i].value;
        }
    }
    return STR_NONE;
}

int64_t fetch_date(struct str text)
{
    char copy[64];
    str_copy(copy, sizeof copy, text);
    time_t at = curl_getdate(copy, NULL);
    return at < 0 ? -1 : (int64_t)at * 1000;
}

/* The address that a redirect leads to, good or bad; STR_NONE: it is none to follow. */
static struct str redirect_target(const struct fetch_answer *answer, struct arena *a)
{
    struct str location = fetch_header(answer, STR("location"));
    bool is_one = answer->status == 301 || answer->status == 302 || answer->status == 303 ||
                  answer->status == 307 || answer->status == 308;
    if (!is_one || !location.n) {
        return STR_NONE;
    }
    struct url target;
    return url_join(answer->url, location, a, &target, NULL) ? location : url_text(&target, a);
}

/* 303, and by custom 301 and 302 of a POST, ask for a GET (RFC 9110, 15.4). */
static void change_method(struct fetch_request *r, int status)
{
    if (status == 303 || ((status == 301 || status == 302) && r->method == HTTP_POST)) {
        r->method = r->method == HTTP_HEAD ? HTTP_HEAD : HTTP_GET;
        r->body = STR_NONE;
    }
}

/* What a chain of redirects knows. */
struct chain {
    struct fetch_request r; /* the next one */
    struct str origin;      /* "https://host:port" of the first: secrets are for it alone */
    int64_t until_ms;
    int hops;
};

static enum rc run_once(struct fetcher *f, struct chain *chain, struct arena *a, struct fetch_place *place,
                        struct fetch_answer *out, struct err *e)
{
    const struct fetch_request *r = &chain->r;
    struct hop hop = {.r = r, .rules = r->rules ? r->rules : &public_only, .a = a, .curl = f->curl};
    int64_t left_ms = chain->until_ms - clock_boot_ms();
    if (left_ms <= 0) {
        return err_set_code(e, RC_BUSY, "timed_out", NULL, "%.*s did not answer in time",
                            STR_ARG(str_sub(r->url, 0, 200)));
    }
    hop.body = BUF_LIMIT(r->max_body_bytes ? r->max_body_bytes : BODY_MAX_BYTES);
    hop.fields = arena_array(a, struct http_field, FIELDS_MAX);
    *out = (struct fetch_answer){.url = r->url};
    enum rc rc = fetch_look_up(r->url, hop.rules, &f->resolver, a, &hop.place, e);
    if (!rc) {
        struct str origin = url_origin(&hop.place.url, a);
        out->url = hop.place.text;
        chain->origin = chain->hops ? chain->origin : origin;
        rc = run_hop(f, &hop, str_eq(origin, chain->origin), left_ms, &out->status, e);
    }
    out->fields = hop.fields;
    out->field_count = hop.field_count;
    out->body = rc ? STR_NONE : arena_str(a, buf_str(&hop.body));
    *place = hop.place;
    buf_dispose(&hop.body);
    return rc;
}

static bool is_downgrade(const struct fetch_place *from, struct str to)
{
    return str_eq(from->url.scheme, STR("https")) && !str_eq_nocase(str_sub(to, 0, 8), STR("https://"));
}

enum rc fetch(struct fetcher *f, const struct fetch_request *request, struct arena *a,
              struct fetch_answer *out, struct err *e)
{
    struct chain chain = {.r = *request};
    int redirects = request->redirects < FETCH_REDIRECTS_MAX ? request->redirects : FETCH_REDIRECTS_MAX;
    chain.until_ms = clock_boot_ms() + (request->timeout_ms ? request->timeout_ms : TIMEOUT_MS);
    for (;;) {
        struct fetch_place place;
        struct fetch_answer answer;
        enum rc rc = run_once(f, &chain, a, &place, &answer, e);
        if (rc) {
            return rc;
        }
        struct str target = redirects ? redirect_target(&answer, a) : STR_NONE;
        if (!target.p || is_downgrade(&place, target)) {
            *out = answer;
            return RC_OK;
        }
        if (chain.hops++ == redirects) {
            return err_set_code(e, RC_INVALID, "too_many_redirects", NULL, "%.*s redirects again and again",
                                STR_ARG(str_sub(request->url, 0, 200)));
        }
        change_method(&chain.r, answer.status);
        chain.r.url = target;
    }
}
