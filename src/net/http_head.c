/* http_head.c: cuts a complete head with http_lex, then decides what the fields mean for framing (http_head.h). */
#include "net/http_head.h"

#include "net/http_lex.h"

static bool refuse(struct http_refusal *r, int status, const char *code, const char *text)
{
    *r = (struct http_refusal){status, code, text};
    return false;
}

static bool refuse_for(enum http_lex_verdict v, struct http_refusal *r)
{
    switch (v) {
    case HTTP_LEX_LENGTH_TOO_BIG: /* B027 */
        return refuse(r, 413, "body_too_big", "The body is larger than the limit.");
    case HTTP_LEX_LENGTH_BAD: /* B026 */
        return refuse(r, 400, "bad_framing", "Content-Length is not a number.");
    case HTTP_LEX_LENGTH_CONFLICT: /* B024, B025, B029 */
        return refuse(r, 400, "bad_framing", "Content-Length stands twice or beside Transfer-Encoding.");
    case HTTP_LEX_CODING_BAD:
        return refuse(r, 400, "bad_framing", "Transfer-Encoding is not exactly \"chunked\".");
    default:
        return refuse(r, 400, "bad_request", "The head of the message is not that of HTTP/1.1.");
    }
}

/* Common to both kinds: from bytes to fields. */
static bool lex(struct str bytes, bool is_response, const struct http_scan *s, struct arena *a,
                struct http_lexed *x, struct http_refusal *r)
{
    *x = (struct http_lexed){.field_max = s->fields};
    x->fields = arena_array(a, struct http_field, s->fields + 1);
    enum http_lex_verdict v = http_lex(bytes, is_response, x);
    return v == HTTP_LEX_OK || refuse_for(v, r);
}

struct str http_fields_find(const struct http_field *fields, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name.n == name.n && str_eq_nocase(fields[i].name, name)) {
            return fields[i].value;
        }
    }
    return STR_NONE;
}

size_t http_fields_count(const struct http_field *fields, size_t count, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += fields[i].name.n == name.n && str_eq_nocase(fields[i].name, name);
    }
    return n;
}

/* True if the comma-separated list has the word. */
static bool list_has(struct str list, struct str word)
{
    while (list.n > 0) {
        if (str_eq_nocase(str_trim(str_cut(list, ',', &list)), word)) {
            return true;
        }
    }
    return false;
}

/* The fields that decide about framing, found in one walk. */
struct key_field {
    struct str value; /* of the first one; STR_NONE when absent */
    size_t count;
};

struct key_fields {
    struct key_field host, expect, length, coding;
    bool says_close, says_keep_alive;
};

static void note(struct key_field *k, struct str value)
{
    if (k->count++ == 0) {
        k->value = value;
    }
}

static struct key_fields find_key_fields(const struct http_field *fields, size_t count)
{
    struct key_fields k = {.says_close = false};

    for (size_t i = 0; i < count; i++) {
        struct str name = fields[i].name, value = fields[i].value;
        if (name.n == 4 && str_eq_nocase(name, STR("Host"))) {
            note(&k.host, value);
        } else if (name.n == 6 && str_eq_nocase(name, STR("Expect"))) {
            note(&k.expect, value);
        } else if (name.n == 10 && str_eq_nocase(name, STR("Connection"))) {
            k.says_close |= list_has(value, STR("close"));
            k.says_keep_alive |= list_has(value, STR("keep-alive"));
        } else if (name.n == 14 && str_eq_nocase(name, STR("Content-Length"))) {
            note(&k.length, value);
        } else if (name.n == 17 && str_eq_nocase(name, STR("Transfer-Encoding"))) {
            note(&k.coding, value);
        }
    }
    return k;
}

/* B030, B031: a coding that exists but is not spoken here is 501; what is no list of codings is 400. */
static bool refuse_coding(struct str value, struct http_refusal *r)
{
    static const struct str known[] = {{"gzip", 4},        {"x-gzip", 6}, {"deflate", 7}, {"compress", 8},
                                       {"x-compress", 10}, {"br", 2},     {"zstd", 4},    {"identity", 8}};
    size_t chunked = 0, known_count = 0;

    while (value.n > 0) {
        struct str coding = str_trim(str_cut(value, ',', &value));
        bool is_known = str_eq_nocase(coding, STR("chunked"));
        chunked += is_known;
        for (size_t i = 0; i < sizeof known / sizeof known[0] && !is_known; i++) {
            is_known = str_eq_nocase(coding, known[i]);
        }
        if (!is_known || chunked > 1) {
            return refuse(r, 400, "bad_framing", "Transfer-Encoding is not exactly \"chunked\".");
        }
        known_count++;
    }
    if (known_count == 0) {
        return refuse(r, 400, "bad_framing", "Transfer-Encoding is not exactly \"chunked\".");
    }
    return refuse(r, 501, "unknown_coding", "The only transfer coding spoken here is chunked.");
}

/* B026: digits only, no leading zero; more than 15 digits is larger than any limit. */
static bool read_length(struct str v, int64_t *out, struct http_refusal *r)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9') {
            return refuse(r, 400, "bad_framing", "Content-Length is not a number.");
        }
    }
    if (v.n == 0 || (v.n > 1 && v.p[0] == '0')) {
        return refuse(r, 400, "bad_framing", "Content-Length is not a number.");
    }
    if (v.n > 15 || !str_to_i64(v, out)) {
        return refuse(r, 413, "body_too_big", "The body is larger than the limit.");
    }
    return true;
}

/* B024 to B033, for both kinds: NO_BODY when neither field is there. */
static bool read_framing(struct http_head *h, const struct key_fields *k, struct http_refusal *r)
{
    h->framing = HTTP_NO_BODY;
    h->content_length = -1;
    if (k->coding.count) {
        if (k->length.count) {
            return refuse(r, 400, "bad_framing", "Content-Length stands beside Transfer-Encoding.");
        }
        if (h->minor_version == 0) {
            return refuse(r, 400, "bad_framing", "HTTP/1.0 has no Transfer-Encoding.");
        }
        if (k->coding.count > 1) {
            return refuse(r, 400, "bad_framing", "Transfer-Encoding stands twice.");
        }
        if (!str_eq_nocase(k->coding.value, STR("chunked"))) {
            return refuse_coding(k->coding.value, r);
        }
        h->framing = HTTP_CHUNKED;
    } else if (k->length.count) {
        if (k->length.count > 1) {
            return refuse(r, 400, "bad_framing", "Content-Length stands twice.");
        }
        if (!read_length(k->length.value, &h->content_length, r)) {
            return false;
        }
        h->framing = h->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
    }
    return true;
}

/* B019: one name or address, and perhaps a port. */
static bool is_host(struct str v)
{
    size_t i = 0;

    if (v.n > 0 && v.p[0] == '[') {
        size_t end = str_find_char(v, ']', 1);
        for (i = 1; i < end; i++) {
            char c = v.p[i];
            if (!((c >= '0' && c <= ':') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.')) {
                return false;
            }
        }
        if (end == v.n || end < 3) {
            return false;
        }
        i = end + 1;
    } else {
        for (; i < v.n && v.p[i] != ':'; i++) {
            char c = v.p[i];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                  c == '.' || c == '_' || c == '~')) {
                return false;
            }
        }
        if (i == 0) {
            return false;
        }
    }
    if (i == v.n) {
        return true;
    }
    struct str port = str_sub(v, i + 1, v.n);
    int64_t number = 0;
    return v.p[i] == ':' && port.n > 0 && port.n <= 5 && port.p[0] >= '0' && port.p[0] <= '9' &&
           str_to_i64(port, &number) && number <= 65535;
}

static bool check_host(const struct http_head *h, const struct key_field *host, struct http_refusal *r)
{
    if (host->count > 1 || (host->count == 0 && h->minor_version > 0)) {
        return refuse(r, 400, "bad_host", "There must be exactly one Host.");
    }
    return host->count == 0 || is_host(host->value) ||
           refuse(r, 400, "bad_host", "Host is not a name or address with a port.");
}

/* B014, B015: "/…", "*" for OPTIONS, or the absolute form when it names the same host. */
static bool read_target(struct http_head *h, struct str target, struct str host, struct http_refusal *r)
{
    if (str_eq(target, STR("*")) && h->method == HTTP_OPTIONS) {
        h->path = target;
        return true;
    }
    if (target.n > 7 && str_eq_nocase(str_sub(target, 0, 7), STR("http://"))) {
        size_t end = 7;
        while (end < target.n && target.p[end] != '/' && target.p[end] != '?') {
            end++;
        }
        if (!host.p || !str_eq_nocase(str_sub(target, 7, end), host)) {
            return refuse(r, 400, "bad_host", "The target names another host than Host.");
        }
        target = str_sub(target, end, target.n);
    } else if (target.n == 0 || target.p[0] != '/') {
        return refuse(r, 400, "bad_target", "The target does not begin with a slash.");
    }
    h->path = str_cut(target, '?', &h->query);
    if (h->path.n == 0) {
        h->path = STR("/");
    }
    return true;
}

/* B044, B045. */
static bool read_expect(struct http_head *h, const struct key_field *expect, struct http_refusal *r)
{
    if (!expect->count || h->minor_version == 0) {
        return true;
    }
    h->expects_continue = h->framing != HTTP_NO_BODY;
    return (expect->count == 1 && str_eq_nocase(expect->value, STR("100-continue"))) ||
           refuse(r, 417, "unknown_expectation", "The only expectation known here is 100-continue.");
}

bool http_head_read_request(struct str bytes, const struct http_scan *s, struct arena *a,
                            struct http_head *out, struct http_refusal *r)
{
    struct http_lexed x;
    struct http_head h = {.status = 0};

    if (s->has_skipped) {
        bytes = str_sub(bytes, 2, bytes.n);
    }
    if (!lex(bytes, false, s, a, &x, r)) {
        return false;
    }
    h.minor_version = x.minor_version;
    h.method_text = str_sub(bytes, 0, str_find_char(bytes, ' ', 0));
    h.fields = x.fields;
    h.field_count = x.field_count;
    if (!http_method_parse(h.method_text, &h.method)) {
        return refuse(r, 501, "unknown_method", "The method is not known.");
    }
    struct key_fields k = find_key_fields(x.fields, x.field_count);
    if (!check_host(&h, &k.host, r) || !read_target(&h, x.target, k.host.value, r) ||
        !read_framing(&h, &k, r) || !read_expect(&h, &k.expect, r)) {
        return false;
    }
    bool has_neither = h.framing == HTTP_NO_BODY && h.content_length < 0;
    if (has_neither && (h.method == HTTP_POST || h.method == HTTP_PUT || h.method == HTTP_PATCH)) { /* B043 */
        return refuse(r, 411, "length_required",
                      "A body needs Content-Length or chunked coding (0 for none).");
    }
    h.wants_close = h.minor_version == 0 || k.says_close;
    *out = h;
    return true;
}

bool http_head_read_response(struct str bytes, const struct http_scan *s, struct arena *a,
                             enum http_method request_method, struct http_head *out, struct http_refusal *r)
{
    struct http_lexed x;
    struct http_head h = {.method = request_method};

    if (s->has_skipped) {
        bytes = str_sub(bytes, 2, bytes.n);
    }
    if (!lex(bytes, true, s, a, &x, r)) {
        return false;
    }
    h.minor_version = x.minor_version;
    h.status = x.status;
    h.fields = x.fields;
    h.field_count = x.field_count;
    struct key_fields k = find_key_fields(x.fields, x.field_count);
    if (!read_framing(&h, &k, r)) {
        return false;
    }
    bool has_neither = h.framing == HTTP_NO_BODY && h.content_length < 0;
    if (request_method == HTTP_HEAD || h.status < 200 || h.status == 204 || h.status == 304) {
        h.framing = HTTP_NO_BODY;
    } else if (has_neither) {
        h.framing = HTTP_UNTIL_CLOSE;
    }
    h.wants_close =
        h.framing == HTTP_UNTIL_CLOSE || k.says_close || (h.minor_version == 0 && !k.says_keep_alive);
    *out = h;
    return true;
}
