/* url.c: see url.h. libcurl takes more than an address should be (users, zones, escapes in hosts), and normalises a host only
 * while it parses; so its host is looked at, written plainly, and parsed once more. */
#include "net/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <idn2.h>
#include <string.h>

static enum rc bad_url(struct str text, const char *why, struct err *e)
{
    return err_set_code(e, RC_INVALID, "bad_url", NULL, "\"%.*s\" %s", STR_ARG(str_sub(text, 0, 200)), why);
}

static struct str part(CURLU *u, CURLUPart which, unsigned flags, struct arena *a)
{
    char *text = NULL;
    if (curl_url_get(u, which, &text, flags) != CURLUE_OK) {
        return STR_NONE;
    }
    struct str copy = arena_str(a, str_from(text));
    curl_free(text);
    return copy;
}

/* ---- the host */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool is_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_char(host.p[i]) || (host.p[i] == '.' && (i == 0 || host.p[i - 1] == '.'))) {
            return false;
        }
    }
    return host.n > 0 && host.n <= 253 && host.p[host.n - 1] != '.';
}

static struct str to_lower(struct str s, struct arena *a)
{
    char *copy = arena_c_str(a, s);
    for (size_t i = 0; i < s.n; i++) {
        copy[i] = copy[i] >= 'A' && copy[i] <= 'Z' ? (char)(copy[i] | 0x20) : copy[i];
    }
    return (struct str){copy, s.n};
}

/* What getaddrinfo would take for a number although libcurl has left it as a name: nobody's host. */
static bool ends_in_number(struct str host)
{
    size_t at = host.n;
    while (at > 0 && host.p[at - 1] != '.') {
        at--;
    }
    struct str last = str_sub(host, at, host.n);
    int64_t n = 0;
    return str_to_i64(last, &n) || str_starts(last, STR("0x"));
}

static bool is_ipv4(struct str host, struct arena *a)
{
    struct in_addr address;
    return inet_pton(AF_INET, arena_c_str(a, host), &address) == 1;
}

/* The host as libcurl itself would write it; STR_NONE: it is none. */
static struct str parse_host_anew(struct str host, struct arena *a)
{
    CURLU *u = curl_url();
    struct str again = STR_NONE;
    struct str text = arena_printf(a, "http://%.*s/", STR_ARG(host));
    if (curl_url_set(u, CURLUPART_URL, text.p, 0) == CURLUE_OK) {
        again = part(u, CURLUPART_HOST, 0, a);
    }
    curl_url_cleanup(u);
    return again;
}

/* IDNA 2008 without transitional forms, as libcurl does it; which takes the name for a text of the process' locale, though. */
static struct str ascii_host(struct str host, struct arena *a)
{
    uint8_t *name = NULL;
    const uint8_t *text = (const uint8_t *)arena_c_str(a, host);
    if (idn2_lookup_u8(text, &name, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
        return STR_NONE;
    }
    struct str copy = arena_str(a, str_from((const char *)name));
    idn2_free(name);
    return copy;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static struct str read_host(CURLU *u, struct arena *a)
{
    struct str host = part(u, CURLUPART_HOST, 0, a);
    host = to_lower(is_ascii(host) ? host : ascii_host(host, a), a);
    if (str_starts(host, STR("["))) {
        return str_sub(host, 1, host.n - 1);
    }
    if (str_ends(host, STR("."))) {
        host = str_sub(host, 0, host.n - 1);
    }
    if (!is_name(host)) {
        return STR_NONE;
    }
    host = parse_host_anew(host, a);
    return is_name(host) && (!ends_in_number(host) || is_ipv4(host, a)) ? host : STR_NONE;
}

/* ---- the whole */

static enum rc read_parts(CURLU *u, struct str text, struct arena *a, struct url *out, struct err *e)
{
    struct str digits = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a);
    int64_t port = 0;
    *out = (struct url){
        .scheme = part(u, CURLUPART_SCHEME, 0, a),
        .path = part(u, CURLUPART_PATH, 0, a),
        .query = part(u, CURLUPART_QUERY, 0, a),
    };
    if (!str_eq(out->scheme, STR("http")) && !str_eq(out->scheme, STR("https"))) {
        return bad_url(text, "is neither http nor https", e);
    }
    if (part(u, CURLUPART_USER, 0, a).p || part(u, CURLUPART_PASSWORD, 0, a).p) {
        return bad_url(text, "has a user or a password", e);
    }
    out->host = read_host(u, a);
    if (!out->host.n || part(u, CURLUPART_ZONEID, 0, a).p || !str_to_i64(digits, &port) || port < 1 ||
        port > 65535) {
        return bad_url(text, "is no address of the web", e);
    }
    out->port = (int)port;
    return RC_OK;
}

static bool has_odd_bytes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || s.p[i] == '\\') {
            return true;
        }
    }
    return false;
}

static bool is_readable(struct str s)
{
    return s.n <= URL_MAX_BYTES && !has_odd_bytes(s) && str_is_utf8(s);
}

/* ---- what most addresses are, which libcurl leaves as it is */

/* Nothing that is escaped, decoded or cut off; a '.' is no segment's only byte or beside another one. */
static bool is_plain_path(struct str path)
{
    static const bool is_plain[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['/'] = true,
        ['-'] = true,         ['_'] = true,         ['.'] = true,
    };
    for (size_t i = 0; i < path.n; i++) {
        bool is_dot = path.p[i] == '.';
        if (!is_plain[(unsigned char)path.p[i]] ||
            (is_dot && (path.p[i - 1] == '/' || path.p[i - 1] == '.'))) { /* it begins with '/' */
            return false;
        }
    }
    return true;
}

/* Small letters, digits and dots: a name whose last part is no number, or an address as it is usually written. */
static bool is_plain_host(struct str host, struct arena *a)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.')) {
            return false;
        }
    }
    return is_name(host) && ((host.p[host.n - 1] >= 'a' && !ends_in_number(host)) || is_ipv4(host, a));
}

/* "http://host:port/path" or with https. False: libcurl is to read it. */
static bool read_plain(struct str text, struct arena *a, struct url *out)
{
    bool is_https = str_starts(text, STR("https://"));
    size_t from = is_https ? 8 : 7;
    size_t slash = str_find_char(text, '/', from);
    struct str digits = STR_NONE;
    int64_t port = is_https ? 443 : 80;
    if (slash == text.n || text.n > URL_MAX_BYTES || (!is_https && !str_starts(text, STR("http://")))) {
        return false;
    }
    struct str host = str_cut(str_sub(text, from, slash), ':', &digits);
    struct str path = str_sub(text, slash, text.n);
    if (digits.p && (!digits.n || digits.n > 5 || digits.p[0] < '1' || digits.p[0] > '9' ||
                     !str_to_i64(digits, &port) || port > 65535)) {
        return false;
    }
    if (!is_plain_path(path) || !is_plain_host(host, a)) {
        return false;
    }
    *out = (struct url){
        .scheme = is_https ? STR("https") : STR("http"),
        .host = arena_str(a, host),
        .port = (int)port,
        .path = arena_str(a, path),
    };
    return true;
}

enum rc url_parse(struct str text, struct arena *a, struct url *out, struct err *e)
{
    if (read_plain(text, a, out)) {
        return RC_OK;
    }
    if (!text.n || !is_readable(text) || str_find_char(text, ' ', 0) < text.n) {
        return bad_url(text, "is no address of the web", e);
    }
    CURLU *u = curl_url();
    CURLUcode code = curl_url_set(u, CURLUPART_URL, arena_c_str(a, text), CURLU_URLENCODE);
    enum rc rc =
        code == CURLUE_OK ? read_parts(u, text, a, out, e) : bad_url(text, "is no address of the web", e);
    curl_url_cleanup(u);
    return rc;
}

/* Without the bytes that mean nothing in a reference. */
static struct str clean_reference(struct str s, struct arena *a)
{
    s = str_trim(s);
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n && s.p[i] != '#'; i++) {
        if (s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r') {
            to[n++] = s.p[i];
        }
    }
    return (struct str){to, n};
}

enum rc url_join(struct str base, struct str reference, struct arena *a, struct url *out, struct err *e)
{
    if (reference.n > 2 * URL_MAX_BYTES || !base.n || !is_readable(base)) {
        return bad_url(reference, "is no address of the web", e);
    }
    reference = clean_reference(reference, a);
    if (!is_readable(reference)) {
        return bad_url(reference, "is no address of the web", e);
    }
    CURLU *u = curl_url();
    CURLUcode code = curl_url_set(u, CURLUPART_URL, arena_c_str(a, base), CURLU_URLENCODE);
    if (code == CURLUE_OK && reference.n) {
        code = curl_url_set(u, CURLUPART_URL, reference.p, CURLU_URLENCODE);
    }
    enum rc rc = code == CURLUE_OK ? read_parts(u, reference, a, out, e)
                                   : bad_url(reference, "is no address of the web", e);
    curl_url_cleanup(u);
    return rc;
}

bool url_has_default_port(const struct url *u)
{
    return u->port == (str_eq(u->scheme, STR("https")) ? 443 : 80);
}

static struct str join(const struct str *parts, size_t count, struct arena *a)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += parts[i].n;
    }
    char *text = arena_alloc(a, bytes + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].n) {
            memcpy(text + n, parts[i].p, parts[i].n);
            n += parts[i].n;
        }
    }
    return (struct str){text, n};
}

struct str url_origin(const struct url *u, struct arena *a)
{
    char port[8] = "";
    bool is_v6 = memchr(u->host.p, ':', u->host.n) != NULL;
    struct str host = is_v6 ? arena_printf(a, "[%.*s]", STR_ARG(u->host)) : u->host;
    if (!url_has_default_port(u)) {
        str_print(port, sizeof port, ":%d", u->port);
    }
    return join((struct str[]){u->scheme, STR("://"), host, str_from(port)}, 4, a);
}

struct str url_text(const struct url *u, struct arena *a)
{
    struct str origin = url_origin(u, a);
    struct str mark = u->query.p ? STR("?") : STR("");
    return join((struct str[]){origin, u->path, mark, u->query}, 4, a);
}
