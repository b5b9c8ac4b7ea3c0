/* url.c: RFC 3986, 5.2, over text that browsers would forgive. */
#include "markdown/url.h"

#include "base/buf.h"

#define URL_MAX_BYTES 8192

struct parts {
    struct str scheme, authority, path, query, fragment; /* p == NULL: not there */
};

static bool is_scheme_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

static struct parts split(struct str s)
{
    struct parts u = {0};
    size_t i = 0;

    while (i < s.n && is_scheme_char(s.p[i])) {
        i++;
    }
    if (i > 0 && i < s.n && s.p[i] == ':' && ((s.p[0] | 32) >= 'a' && (s.p[0] | 32) <= 'z')) {
        u.scheme = str_sub(s, 0, i);
        s = str_sub(s, i + 1, s.n);
    }
    i = str_find_char(s, '#', 0);
    if (i < s.n) {
        u.fragment = str_sub(s, i + 1, s.n);
        s = str_sub(s, 0, i);
    }
    i = str_find_char(s, '?', 0);
    if (i < s.n) {
        u.query = str_sub(s, i + 1, s.n);
        s = str_sub(s, 0, i);
    }
    if (str_starts(s, STR("//"))) {
        i = str_find_char(s, '/', 2);
        u.authority = str_sub(s, 2, i);
        s = str_sub(s, i, s.n);
    }
    u.path = s;
    return u;
}

static bool is_web(struct str scheme)
{
    return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"));
}

struct url_base url_read_base(struct str url)
{
    struct parts u = split(str_trim(url));

    if (!is_web(u.scheme) || !u.authority.n || url.n > URL_MAX_BYTES) {
        return (struct url_base){0};
    }
    return (struct url_base){u.scheme, u.authority, u.path.n ? u.path : STR("/"), u.query};
}

struct str url_print_base(const struct url_base *b, struct arena *a)
{
    if (!b->scheme.n) {
        return STR("");
    }
    return arena_printf(a, "%.*s://%.*s%.*s%s%.*s", STR_ARG(b->scheme), STR_ARG(b->authority),
                        STR_ARG(b->path), b->query.p ? "?" : "", STR_ARG(b->query));
}

static bool is_allowed(struct str scheme, enum url_use use)
{
    return is_web(scheme) ||
           (use == URL_LINK && (str_eq_nocase(scheme, STR("mailto")) || str_eq_nocase(scheme, STR("ftp")) ||
                                str_eq_nocase(scheme, STR("news"))));
}

/* As browsers: blanks and control bytes around it go, and line feeds and tabs in it. Backslashes are slashes. */
static size_t clean(struct str s, char *to)
{
    size_t n = 0;
    bool in_path = true;

    while (s.n > 0 && (unsigned char)s.p[0] <= ' ') {
        s = str_sub(s, 1, s.n);
    }
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ') {
        s.n--;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        in_path = in_path && c != '?' && c != '#';
        if (c == '\\' && in_path) {
            to[n++] = '/';
        } else if (c >= ' ' && c != 0x7f) {
            to[n++] = (char)c;
        }
    }
    return n;
}

/* Appends `path` without "." and ".." to out, whose path begins at `start`. */
static void put_path(struct buf *out, struct str path)
{
    size_t start = out->n;

    while (path.n > 0) {
        size_t end = str_find_char(path, '/', path.p[0] == '/' ? 1 : 0);
        struct str segment = str_sub(path, path.p[0] == '/' ? 1 : 0, end);
        bool is_last = end >= path.n;
        bool is_up = str_eq(segment, STR(".."));
        path = str_sub(path, end, path.n);
        if (is_up) {
            while (out->n > start && out->p[out->n - 1] != '/') {
                out->n--;
            }
            out->n -= out->n > start;
        }
        if (!is_up && !str_eq(segment, STR("."))) {
            buf_append_char(out, '/');
            buf_append_str(out, segment);
        } else if (is_last) {
            buf_append_char(out, '/');
        }
    }
}

static void put_parts(const struct url_base *b, const struct parts *u, struct buf *out)
{
    bool has_authority = u->scheme.n || u->authority.p;
    struct str path = u->path;
    size_t slash;

    buf_append_str(out, u->scheme.n ? u->scheme : b->scheme);
    buf_append_c(out, "://");
    buf_append_str(out, has_authority ? u->authority : b->authority);
    if (has_authority || str_starts(path, STR("/"))) {
        put_path(out, path.n ? path : STR("/"));
    } else if (!path.n) {
        buf_append_str(out, b->path);
    } else {
        struct buf merged = BUF_LIMIT(2 * URL_MAX_BYTES);
        slash = b->path.n;
        while (slash > 0 && b->path.p[slash - 1] != '/') {
            slash--;
        }
        buf_append_str(&merged, str_sub(b->path, 0, slash));
        buf_append_str(&merged, path);
        put_path(out, buf_str(&merged));
        buf_dispose(&merged);
    }
    bool keeps_query = !has_authority && !path.n && !u->query.p;
    struct str query = keeps_query ? b->query : u->query;
    if (query.p) {
        buf_append_char(out, '?');
        buf_append_str(out, query);
    }
    if (u->fragment.p) {
        buf_append_char(out, '#');
        buf_append_str(out, u->fragment);
    }
}

/* What would end the address in Markdown, or is no part of one, becomes %XX. */
static struct str escape(struct str s, struct buf *room)
{
    static const char hex[] = "0123456789ABCDEF";
    static const bool is_unsafe[256] = {
        [0 ... ' '] = true, ['<'] = true, ['>'] = true,           ['('] = true, [')'] = true,
        ['"'] = true,       ['`'] = true, ['{'] = true,           ['}'] = true, ['|'] = true,
        ['\\'] = true,      ['^'] = true, [0x7f ... 0xff] = true,
    };

    buf_clear(room);
    char *to = buf_reserve(room, 3 * s.n + 1);
    if (!to) {
        return STR_NONE;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unsafe[c]) {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else {
            *to++ = (char)c;
        }
    }
    room->n = (size_t)(to - room->p);
    return buf_str(room);
}

struct str url_resolve(const struct url_base *b, struct str reference, enum url_use use, struct buf *room)
{
    char bytes[URL_MAX_BYTES];

    if (reference.n > sizeof bytes) {
        return STR_NONE;
    }
    struct str cleaned = {bytes, clean(reference, bytes)};
    struct parts u = split(cleaned);
    if (!cleaned.n && (!reference.p || !b->scheme.n)) {
        return STR_NONE;
    }
    if (u.scheme.n && !is_allowed(u.scheme, use)) {
        return STR_NONE;
    }
    if (u.scheme.n && is_web(u.scheme) &&
        !u.authority.n) { /* "https:page": of the same scheme it is relative */
        if (!str_eq_nocase(u.scheme, b->scheme)) {
            return STR_NONE;
        }
        u.scheme = STR_NONE;
    }
    if ((u.scheme.n && !is_web(u.scheme)) || (!u.scheme.n && !b->scheme.n)) {
        return escape(cleaned, room);
    }
    struct buf out = BUF_LIMIT((size_t)4 * URL_MAX_BYTES);
    put_parts(b, &u, &out);
    struct str address = escape(buf_str(&out), room);
    buf_dispose(&out);
    return address;
}
