/* http_guard.c: the guard before llhttp (http_head.h). Reads whole lines only, and never beyond the limit of the head, so
 * that its verdict is the same however the bytes arrive. Rows of the bad-input table are named where they are decided. */
#include "net/http_head.h"

#define METHOD_BYTES_MAX 32

static bool refuse(struct http_refusal *r, int status, const char *code, const char *text)
{
    *r = (struct http_refusal){status, code, text};
    return false;
}

/* One bit for each character: of !#$%&'*+-.^_`|~, digits and letters; and of all but controls, with TAB. */
static const uint32_t token_set[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff, 0, 0, 0, 0};
static const uint32_t value_set[8] = {1u << 9, ~0u, ~0u, 0x7fffffff, ~0u, ~0u, ~0u, ~0u};

static inline bool is_in(const uint32_t *set, char c)
{
    unsigned char u = (unsigned char)c;
    return set[u >> 5] >> (u & 31) & 1;
}

bool http_is_token_char(char c)
{
    return is_in(token_set, c);
}

bool http_is_value_char(char c)
{
    return is_in(value_set, c);
}

/* B010, B011: legal or not, known or not; decided by the first 33 bytes at most. */
static bool check_method(struct str line, size_t *method_bytes, bool *is_known, struct http_refusal *r)
{
    size_t n = 0;
    enum http_method m;

    while (n < line.n && n <= METHOD_BYTES_MAX && line.p[n] != ' ') {
        if (!is_in(token_set, line.p[n])) {
            return refuse(r, 400, "bad_request_line", "The request line is not that of HTTP/1.1.");
        }
        n++;
    }
    *is_known = false;
    if (n > METHOD_BYTES_MAX) {
        return refuse(r, 501, "unknown_method", "The method is not known.");
    }
    if (n == line.n) {
        return true; /* more to come, or no blank at all: the caller knows */
    }
    *method_bytes = n;
    *is_known = true;
    if (n == 3 && memcmp(line.p, "PRI", 3) == 0) {
        return refuse(r, 505, "http_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here."); /* B009 */
    }
    if (n > 0 && !http_method_parse(str_sub(line, 0, n), &m)) {
        return refuse(r, 501, "unknown_method", "The method is not known.");
    }
    return n > 0 || refuse(r, 400, "bad_request_line", "The request line is not that of HTTP/1.1.");
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* B016, B017: what a URI may hold; escapes whole, and none for NUL. */
static bool check_target(struct str t, struct http_refusal *r)
{
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '#') {
            return refuse(r, 400, "bad_target", "The target has a character that must be percent-encoded.");
        }
        if (c == '%') {
            bool is_whole = i + 2 < t.n && is_hex(t.p[i + 1]) && is_hex(t.p[i + 2]);
            if (!is_whole || (t.p[i + 1] == '0' && t.p[i + 2] == '0')) {
                return refuse(r, 400, "bad_target", "The target has a broken percent escape.");
            }
        }
    }
    return t.n > 0 || refuse(r, 400, "bad_request_line", "The request line is not that of HTTP/1.1.");
}

/* B006 to B008. */
static bool check_version(struct str v, struct http_refusal *r)
{
    if (str_eq(v, STR("HTTP/1.1")) || str_eq(v, STR("HTTP/1.0"))) {
        return true;
    }
    if (v.n == 8 && memcmp(v.p, "HTTP/", 5) == 0 && v.p[5] >= '2' && v.p[5] <= '9' && v.p[6] == '.' &&
        v.p[7] >= '0' && v.p[7] <= '9') {
        return refuse(r, 505, "http_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    }
    return refuse(r, 400, "bad_request_line", "The request line is not that of HTTP/1.1.");
}

/* `line` is without CRLF, or the beginning of a line that goes on. The order of the checks is the same for both. */
static bool check_request_line(struct str line, bool is_whole, size_t target_max, struct http_refusal *r)
{
    size_t method_bytes = 0;
    bool is_known = false;

    if (!check_method(line, &method_bytes, &is_known, r)) {
        return false;
    }
    if (!is_known) {
        return !is_whole || refuse(r, 400, "bad_request_line", "The request line is not that of HTTP/1.1.");
    }
    size_t from = method_bytes + 1;
    size_t to = str_find_char(line, ' ', from);
    if (to - from > target_max) {
        return refuse(r, 414, "target_too_long", "The target is longer than the limit.");
    }
    if (!is_whole) {
        return true;
    }
    return check_target(str_sub(line, from, to), r) && check_version(str_sub(line, to + 1, line.n), r);
}

static bool check_status_line(struct str line, struct http_refusal *r)
{
    bool is_good = line.n >= 12 &&
                   (str_starts(line, STR("HTTP/1.1 ")) || str_starts(line, STR("HTTP/1.0 "))) &&
                   (line.n == 12 || line.p[12] == ' ');
    for (size_t i = 9; i < 12 && is_good; i++) {
        is_good = line.p[i] >= '0' && line.p[i] <= '9';
    }
    for (size_t i = 12; i < line.n && is_good; i++) {
        is_good = http_is_value_char(line.p[i]);
    }
    return is_good ||
           refuse(r, 502, "bad_status_line", "The answer does not begin with a status line of HTTP/1.1.");
}

/* True if none of eight bytes is below 0x20 or 0x7f: the usual case, tested at once. */
static inline bool are_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t v;

    memcpy(&v, p, 8);
    uint64_t del = v ^ (ones * 0x7f);
    return !(((v - ones * 0x20) & ~v & highs) | ((del - ones) & ~del & highs));
}

static bool is_value(struct str v)
{
    size_t i = 0;

    while (i < v.n) {
        if (v.n - i >= 8 && are_plain(v.p + i)) {
            i += 8;
        } else if (is_in(value_set, v.p[i])) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

/* B003, B020, B021: name, colon, value; no continuation lines. */
static bool check_field_line(struct str line, struct http_refusal *r)
{
    size_t n = 0;

    if (line.p[0] == ' ' || line.p[0] == '\t') {
        return refuse(r, 400, "bad_field", "A header line begins with a blank.");
    }
    while (n < line.n && is_in(token_set, line.p[n])) {
        n++;
    }
    if (n == 0 || n == line.n || line.p[n] != ':') {
        return refuse(r, 400, "bad_field", "A header line is not a name, a colon and a value.");
    }
    return is_value(str_sub(line, n + 1, line.n)) ||
           refuse(r, 400, "bad_field", "A header has a control character.");
}

/* One whole line, without its LF. */
static bool check_line(struct http_scan *s, enum http_kind kind, struct str line,
                       const struct http_head_limits *limits, struct http_refusal *r)
{
    bool is_crlf = line.n > 0 && line.p[line.n - 1] == '\r';
    struct str text = is_crlf ? str_sub(line, 0, line.n - 1) : line;

    /* First what was checked before the line was whole: the verdict must not depend on how it came. */
    if (!s->has_first && kind == HTTP_KIND_REQUEST &&
        !check_request_line(text, false, limits->target_bytes, r)) {
        return false;
    }
    if (!is_crlf || str_find_char(text, '\r', 0) != text.n) { /* B001, B002 */
        return refuse(r, 400, "bad_line_end", "Lines must end with CR LF, and hold no other CR.");
    }
    if (!s->has_first) {
        s->has_first = true;
        return kind == HTTP_KIND_REQUEST ? check_request_line(text, true, limits->target_bytes, r)
                                         : check_status_line(text, r);
    }
    if (++s->fields > limits->fields) {
        return refuse(r, 431, "too_many_fields", "There are more header fields than the limit.");
    }
    return check_field_line(text, r);
}

/* The line that is still coming in: refuses early what no further byte can mend. */
static bool check_beginning(const struct http_scan *s, enum http_kind kind, struct str part,
                            const struct http_head_limits *limits, struct http_refusal *r)
{
    if (s->has_first || kind != HTTP_KIND_REQUEST || part.n == 0) {
        return true;
    }
    if (part.p[part.n - 1] == '\r') {
        part.n--;
    }
    return check_request_line(part, false, limits->target_bytes, r);
}

enum http_scan_state http_head_scan(struct http_scan *s, enum http_kind kind, struct str bytes,
                                    const struct http_head_limits *limits, size_t *head_bytes,
                                    struct http_refusal *r)
{
    struct str window = str_sub(bytes, 0, limits->head_bytes);

    for (;;) {
        size_t end = str_find_char(window, '\n', s->at);
        if (end == window.n) {
            break;
        }
        struct str line = str_sub(window, s->at, end);
        bool is_empty = line.n == 1 && line.p[0] == '\r';
        if (is_empty && s->has_first) {
            *head_bytes = end + 1;
            return HTTP_SCAN_END;
        }
        if (is_empty && s->has_skipped) { /* B005 */
            refuse(r, 400, "bad_request_line", "More than one empty line stands before the request.");
            return HTTP_SCAN_BAD;
        }
        if (is_empty) {
            s->has_skipped = true;
        } else if (!check_line(s, kind, line, limits, r)) {
            return HTTP_SCAN_BAD;
        }
        s->at = end + 1;
    }
    if (!check_beginning(s, kind, str_sub(window, s->at, window.n), limits, r)) {
        return HTTP_SCAN_BAD;
    }
    if (window.n == limits->head_bytes) { /* B022, B023 */
        refuse(r, 431, "head_too_big", "The header section is larger than the limit.");
        return HTTP_SCAN_BAD;
    }
    return HTTP_SCAN_MORE;
}
