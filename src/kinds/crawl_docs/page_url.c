/* page_url.c: see page_url.h; RFC 3986, 6.2.2 and 6.2.3. Escapes are decoded before dot segments are removed: `%2e%2e` is
 * one, for servers and for us. */
#include "kinds/crawl_docs/page_url.h"

#include <stdlib.h>
#include <string.h>

/* ---- escapes */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* May it stand in a path or a query as it is? */
static bool is_plain(unsigned char c)
{
    return is_unreserved(c) || (c && strchr("!$&'()*+,;=:@/?", c));
}

static char *put_escape(char *to, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    *to++ = '%';
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
    return to;
}

struct str page_url_normalise(struct str text, const char *escaped, struct arena *a)
{
    char *start = arena_alloc(a, 3 * text.n + 1);
    char *to = start;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_escape =
            c == '%' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 && hex_value(text.p[i + 2]) >= 0;
        if (is_escape) {
            c = (unsigned char)(hex_value(text.p[i + 1]) * 16 + hex_value(text.p[i + 2]));
            i += 2;
        }
        bool is_kept = is_escape ? is_unreserved(c) : is_plain(c) && !strchr(escaped, c);
        if (is_kept) {
            *to++ = (char)c;
        } else {
            to = put_escape(to, c);
        }
    }
    return (struct str){start, (size_t)(to - start)};
}

/* ---- the path */

/* RFC 3986, 5.2.4, of a path that begins with '/'. */
static struct str remove_dots(struct str path, struct arena *a)
{
    char *to = arena_alloc(a, path.n + 2);
    size_t n = 0;
    for (size_t at = 0; at < path.n;) {
        size_t end = str_find_char(path, '/', at + 1);
        struct str segment = str_sub(path, at + 1, end);
        bool is_up = str_eq(segment, STR(".."));
        if (is_up || str_eq(segment, STR("."))) {
            while (is_up && n > 0 && to[--n] != '/') {
            }
            if (end == path.n) {
                to[n++] = '/';
            }
        } else {
            memcpy(to + n, path.p + at, end - at);
            n += end - at;
        }
        at = end;
    }
    return (struct str){n ? to : "/", n ? n : 1};
}

/* ---- the query */

static bool is_tracking(struct str part)
{
    static const char *const names[] = {"gclid", "fbclid", "msclkid", "mc_cid", "mc_eid"};
    struct str rest = STR_NONE;
    struct str name = str_cut(part, '=', &rest);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return str_eq_nocase(str_sub(name, 0, 4), STR("utm_"));
}

struct query_part {
    struct str text, name;
    size_t at;
};

static int compare_parts(const void *left, const void *right)
{
    const struct query_part *a = left;
    const struct query_part *b = right;
    int order = str_compare(a->name, b->name);
    return order ? order : (a->at > b->at) - (a->at < b->at);
}

static struct str join(const struct query_part *parts, size_t count, struct arena *a)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += parts[i].text.n + 1;
    }
    char *to = arena_alloc(a, bytes + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (i) {
            to[n++] = '&';
        }
        memcpy(to + n, parts[i].text.p, parts[i].text.n);
        n += parts[i].text.n;
    }
    return n ? (struct str){to, n} : STR_NONE;
}

/* Cuts the query at its '&', without what is empty and, if asked, what only tells whence a reader came. */
static size_t split(struct str query, enum query_mode mode, struct arena *a, struct query_part **out)
{
    size_t most = 1;
    size_t count = 0;
    for (size_t i = 0; i < query.n; i++) {
        most += query.p[i] == '&';
    }
    struct query_part *parts = arena_array(a, struct query_part, most);
    for (struct str rest = query; rest.p;) {
        struct str value = STR_NONE;
        struct str part = str_cut(rest, '&', &rest);
        if (part.n && !(mode == QUERY_STRIP_TRACKING && is_tracking(part))) {
            parts[count] = (struct query_part){part, str_cut(part, '=', &value), count};
            count++;
        }
    }
    *out = parts;
    return count;
}

static struct str as_text(const struct url *url, struct str query, struct arena *a)
{
    struct url copy = *url;
    copy.query = query;
    return url_text(&copy, a);
}

enum rc page_url_read(struct str base, struct str reference, enum query_mode mode, struct arena *a,
                      struct page_url *out, struct err *e)
{
    struct page_url page;
    enum rc rc = base.n ? url_join(base, reference, a, &page.url, e) : url_parse(reference, a, &page.url, e);
    if (rc) {
        return rc;
    }
    struct query_part *parts = NULL;
    struct str query = mode == QUERY_DROP ? STR_NONE : page.url.query;
    page.url.path = remove_dots(page_url_normalise(page.url.path, "?", a), a);
    size_t count = query.n ? split(page_url_normalise(query, "", a), mode, a, &parts) : 0;
    page.url.query = join(parts, count, a);
    page.fetch = url_text(&page.url, a);
    page.identity = page.fetch;
    if (count > 1) {
        qsort(parts, count, sizeof *parts, compare_parts);
        page.identity = as_text(&page.url, join(parts, count, a), a);
    }
    if (page.identity.n > PAGE_URL_MAX_BYTES) {
        return err_set_code(e, RC_TOO_BIG, "url_too_long", NULL, "the address %.*s… is longer than %d bytes",
                            STR_ARG(str_sub(page.identity, 0, 200)), PAGE_URL_MAX_BYTES);
    }
    *out = page;
    return RC_OK;
}
