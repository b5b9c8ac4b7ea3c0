/* meta.c: one look over all nodes for the head, another for the links. */
#include "markdown/meta.h"

#include "markdown/escape.h"
#include "markdown/words.h"

#define TITLE_BYTES    400
#define URL_ROOM_BYTES ((size_t)1 << 20)

struct url_base meta_base(const struct page *p, struct str url, struct arena *a)
{
    struct url_base own = url_read_base(url);
    struct buf room = BUF_LIMIT(URL_ROOM_BYTES);
    struct str address = STR_NONE;

    for (uint32_t i = 0; !address.n && i < p->count; i++) { /* the first one counts */
        struct str href = p->nodes[i].tag == TAG_BASE ? page_attribute(p, i, ATTR_HREF) : STR_NONE;
        address = href.n ? url_resolve(&own, href, URL_LINK, &room) : STR_NONE;
    }
    struct url_base base = url_read_base(arena_str(a, address));
    buf_dispose(&room);
    return base.scheme.n ? base : own;
}

/* As it may stand in one line of Markdown or of a terminal. */
static struct str clean_text(struct str s, struct arena *a)
{
    struct buf scratch = BUF_LIMIT(8 * MARKDOWN_HTML_MAX_BYTES);
    struct str text = arena_str(a, str_trim(escape_normalize(s, &scratch)));

    buf_dispose(&scratch);
    return text;
}

static struct str resolve(const struct url_base *base, struct str reference, struct arena *a)
{
    struct buf room = BUF_LIMIT(URL_ROOM_BYTES);
    struct str url = url_resolve(base, reference, URL_IMAGE, &room);

    url = url.n ? arena_str(a, url) : STR_NONE;
    buf_dispose(&room);
    return url;
}

static struct str inner_text(const struct page *p, uint32_t i, size_t max, struct arena *a)
{
    return clean_text(page_inner_text(p, i, max, a), a);
}

static bool is_ours(struct str name)
{
    return str_eq_nocase(name, STR("robots")) || str_eq_nocase(name, STR("stint"));
}

static bool has_directive(struct str content, struct str directive)
{
    struct str rest = content;

    while (rest.n) {
        struct str word = str_trim(str_cut(rest, ',', &rest));
        if (str_eq_nocase(word, directive) || str_eq_nocase(word, STR("none"))) {
            return true;
        }
    }
    return false;
}

static void read_meta(const struct page *p, uint32_t i, struct arena *a, struct markdown_page *out)
{
    struct str name = page_attribute(p, i, ATTR_NAME);
    struct str content = page_attribute(p, i, ATTR_CONTENT);

    if (is_ours(name)) {
        out->is_noindex |= has_directive(content, STR("noindex"));
        out->is_nofollow |= has_directive(content, STR("nofollow"));
    } else if (!out->description.n && str_eq_nocase(name, STR("description"))) {
        out->description = clean_text(content, a);
    }
}

static bool is_clean_language(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c == '-' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 35;
}

void meta_read(const struct page *p, const struct url_base *base, struct arena *a, struct markdown_page *out)
{
    struct str heading = STR_NONE;

    out->base = url_print_base(base, a);
    for (uint32_t i = 0; i < p->count; i++) {
        switch ((enum tag)p->nodes[i].tag) {
        case TAG_TITLE:
            out->title = out->title.n ? out->title : inner_text(p, i, TITLE_BYTES, a);
            break;
        case TAG_H1:
            heading = heading.n || !(p->nodes[i].flags & NODE_IN_CONTENT) ? heading
                                                                          : inner_text(p, i, TITLE_BYTES, a);
            break;
        case TAG_META:
            read_meta(p, i, a, out);
            break;
        case TAG_HTML:
            if (!out->language.n && is_clean_language(page_attribute(p, i, ATTR_LANG))) {
                out->language = arena_str(a, page_attribute(p, i, ATTR_LANG));
            }
            break;
        case TAG_LINK:
            if (!out->canonical.n && page_has_word(page_attribute(p, i, ATTR_REL), STR("canonical"))) {
                out->canonical = resolve(base, page_attribute(p, i, ATTR_HREF), a);
            }
            break;
        default:
            break;
        }
    }
    out->title = out->title.n ? out->title : heading;
}

/* The addresses that are listed already: open addressing, at most half full. */
struct seen {
    struct str *slots;
    size_t count; /* a power of two */
};

/* Where it is, or would be. */
static struct str *find_seen(struct seen *s, struct str url)
{
    for (size_t at = (size_t)str_hash(url);; at++) {
        struct str *slot = &s->slots[at & (s->count - 1)];
        if (!slot->p || str_eq(*slot, url)) {
            return slot;
        }
    }
}

static bool is_link(const struct page *p, uint32_t i)
{
    switch ((enum tag)p->nodes[i].tag) {
    case TAG_A:
    case TAG_AREA:
        return true;
    case TAG_LINK:
        return page_has_word(page_attribute(p, i, ATTR_REL), STR("next"));
    default:
        return false;
    }
}

static size_t count_links(const struct page *p)
{
    size_t count = 0;

    for (uint32_t i = 0; i < p->count && count < MARKDOWN_LINKS_MAX; i++) {
        count += is_link(p, i);
    }
    return count;
}

static bool is_web(struct str url)
{
    return str_starts(url, STR("http://")) || str_starts(url, STR("https://")) ||
           str_starts(url, STR("HTTP"));
}

void meta_list_links(const struct page *p, const struct url_base *base, struct arena *a,
                     struct markdown_page *out)
{
    size_t max = count_links(p);
    struct markdown_link *links = arena_array(a, struct markdown_link, max + 1);
    struct seen seen = {.count = 2};
    struct buf room = BUF_LIMIT(URL_ROOM_BYTES);
    size_t count = 0;
    size_t bytes = 0;

    while (seen.count < 2 * max + 2) {
        seen.count *= 2;
    }
    seen.slots = mem_alloc(seen.count * sizeof *seen.slots);
    for (uint32_t i = 0; i < p->count && count < max && bytes < MARKDOWN_LINKS_BYTES; i++) {
        struct str href = is_link(p, i) ? page_attribute(p, i, ATTR_HREF) : STR_NONE;
        struct str url = href.p ? url_resolve(base, href, URL_IMAGE, &room) : STR_NONE;
        struct str *slot = url.n && is_web(url) ? find_seen(&seen, url) : NULL;
        if (!slot || slot->p) {
            continue;
        }
        url = *slot = arena_str(a, url);
        bytes += url.n;
        struct str rel = clean_text(page_attribute(p, i, ATTR_REL), a);
        links[count++] = (struct markdown_link){
            .url = url,
            .text = inner_text(p, i, MARKDOWN_LINK_TEXT_BYTES, a),
            .rel = rel,
            .is_nofollow = page_has_word(rel, STR("nofollow")),
            .place = p->nodes[i].flags & NODE_IN_CONTENT ? MARKDOWN_IN_CONTENT : MARKDOWN_IN_NAVIGATION,
        };
    }
    mem_free(seen.slots);
    buf_dispose(&room);
    out->links = links;
    out->link_count = count;
}
