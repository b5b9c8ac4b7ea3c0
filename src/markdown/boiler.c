/* boiler.c: words that generators of documentation use for what is no content. Another one? Add its word to the table. */
#include "markdown/boiler.h"

#include <string.h>

#include "markdown/words.h"

#define PERMALINK_BYTES 16 /* of the text of one, blanks included */
#define PERMALINK_NODES 16
#define LIGHT_DENSITY   60 /* per cent of the text in links, above which a block with a weak word goes */

/* Classes and ids; sorted. */
static const char *const strong_words[] = {
    "anchor-link",
    "anchorjs-link",
    "back-to-top",
    "bd-header",
    "bd-sidebar-primary",
    "bd-sidebar-secondary",
    "breadcrumb",
    "breadcrumbs",
    "btn-clipboard",
    "btn-copy",
    "clipboard",
    "clipboard-button",
    "cookie-banner",
    "cookie-bar",
    "cookie-consent",
    "cookie-notice",
    "cookieconsent",
    "copy-button",
    "copy-code-button",
    "copybtn",
    "copybutton",
    "edit-link",
    "edit-on-github",
    "edit-page-link",
    "edit-this-page",
    "editlink",
    "editpage",
    "footer",
    "global-nav",
    "hash-link",
    "header-anchor",
    "headerlink",
    "heading-anchor",
    "id_link",
    "last-updated",
    "linenodiv",
    "linenos",
    "main-nav",
    "md-content__button",
    "md-footer",
    "md-header",
    "md-nav",
    "md-sidebar",
    "md-top",
    "menu-bar",
    "msearchbox",
    "msearchresultswindow",
    "msearchselectwindow",
    "nav-path",
    "nav-wide-wrapper",
    "navbar",
    "navfooter",
    "navheader",
    "navigation",
    "navpath",
    "next-prev",
    "page-footer",
    "page-nav",
    "pager",
    "pagination",
    "pagination-nav",
    "permalink",
    "prev-next",
    "prev-next-area",
    "prevnext",
    "rst-footer-buttons",
    "rst-versions",
    "scroll-to-top",
    "side-nav",
    "sidebar-nav",
    "sidenav",
    "site-footer",
    "site-header",
    "skip-link",
    "skip-nav",
    "skip-to-content",
    "skiplink",
    "sphinxsidebar",
    "sphinxsidebarwrapper",
    "theme-doc-breadcrumbs",
    "theme-doc-footer",
    "theme-doc-sidebar-container",
    "theme-doc-toc-desktop",
    "theme-doc-toc-mobile",
    "theme-edit-this-page",
    "titlearea",
    "toctree-sidebar",
    "ttc",
    "wy-breadcrumbs",
    "wy-nav-side",
    "wy-nav-top",
};

/* Sorted, too; but only for a block that is mostly links. */
static const char *const weak_words[] = {
    "bottomnav", "links",         "menu",  "nav",     "pagenav",  "prev_next",
    "related",   "related-pages", "share", "sharing", "siblings", "sidebar",
    "social",    "subnav",        "tabs",  "toc",     "toctree",  "topnav",
};

/* An <aside> or <nav> with one of these says something. Sorted. */
static const char *const content_words[] = {
    "admonition", "alert",         "callout",        "caution",   "contents", "danger",
    "footnote",   "footnote-list", "hint",           "important", "note",     "pullquote",
    "seealso",    "sidebar",       "system-message", "tip",       "topic",    "warning",
};

/* Any case. */
static int compare(struct str word, const char *known)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i] >= 'A' && word.p[i] <= 'Z' ? (char)(word.p[i] + 32) : word.p[i];
        int d = (unsigned char)c - (unsigned char)known[i];
        if (d != 0 || c == 0) {
            return d != 0 ? d : -1;
        }
    }
    return known[word.n] ? -1 : 0;
}

static bool has_any(struct str list, const char *const *words, size_t count)
{
    struct word_list w = words_begin(list);
    struct str word;

    while (words_next(&w, &word)) {
        for (size_t from = 0, to = count; from < to;) {
            size_t mid = (from + to) / 2;
            int d = compare(word, words[mid]);
            if (d == 0) {
                return true;
            }
            from = d > 0 ? mid + 1 : from;
            to = d < 0 ? mid : to;
        }
    }
    return false;
}

#define HAS_ANY(list, words) has_any((list), (words), sizeof(words) / sizeof(words)[0])

struct walk {
    const struct page *page;
    struct sums sums;     /* before anything is dropped */
    uint32_t article_end; /* of the <main> or <article> that the walk is in */
};

struct names {
    struct str class, id, role;
    bool is_hidden;
};

static void read_names(const struct page *p, uint32_t i, struct names *names)
{
    struct page_attribute a;

    for (uint32_t at = 0; page_next_attribute(p, i, &at, &a);) {
        struct str v = a.value;
        switch (a.name) {
        case ATTR_CLASS:
            names->class = v;
            break;
        case ATTR_ID:
            names->id = v;
            break;
        case ATTR_ROLE:
            names->role = v;
            break;
        case ATTR_HIDDEN:
            names->is_hidden |= !str_eq_nocase(v, STR("until-found"));
            break;
        case ATTR_ARIA_HIDDEN:
            names->is_hidden |= str_eq_nocase(v, STR("true"));
            break;
        case ATTR_STYLE:
            names->is_hidden |=
                str_find(v, STR("display:none"), 0) < v.n || str_find(v, STR("display: none"), 0) < v.n;
            break;
        default:
            break;
        }
    }
}

/* A link to the place where it stands, which says nothing: ¶, #, §, a picture of a chain. */
static bool is_permalink(const struct page *p, uint32_t i)
{
    struct str href = page_attribute(p, i, ATTR_HREF);
    size_t bytes = 0;

    if (str_find_char(href, '#', 0) >= href.n || p->nodes[i].end - i > PERMALINK_NODES) {
        return false;
    }
    for (uint32_t k = i + 1; k < p->nodes[i].end; k++) {
        struct str s = p->nodes[k].tag == TAG_TEXT ? str_trim(page_text(p, k)) : STR_NONE;
        bytes += s.n;
        if (p->nodes[k].tag == TAG_IMG || bytes > PERMALINK_BYTES) {
            return false;
        }
        if (words_count_letters(s) && !str_eq_nocase(s, STR("Permalink")) &&
            !str_eq_nocase(s, STR("anchor"))) {
            return false;
        }
    }
    return bytes > 0 || page_has_class(p, i, STR("anchor"));
}

static bool is_boiler_by_tag(const struct walk *w, uint32_t i, const struct names *names)
{
    const struct page *p = w->page;

    switch ((enum tag)p->nodes[i].tag) {
    case TAG_NAV:
    case TAG_ASIDE:
        return !HAS_ANY(names->class, content_words) && !str_starts(names->role, STR("doc-")) &&
               !str_eq(names->role, STR("note"));
    case TAG_SEARCH:
        return true;
    case TAG_HEADER:
    case TAG_FOOTER:
        return i >= w->article_end;
    case TAG_A:
        return is_permalink(p, i);
    case TAG_INPUT:
        return !str_eq_nocase(page_attribute(p, i, ATTR_TYPE), STR("checkbox"));
    default:
        return tag_has((enum tag)p->nodes[i].tag, TAG_IS_DROPPED);
    }
}

static bool is_mostly_links(const struct walk *w, uint32_t i)
{
    uint64_t all = sums_of(&w->sums, w->page, i);

    return !all || 100 * (uint64_t)sums_links_of(&w->sums, w->page, i) / all > LIGHT_DENSITY;
}

static bool is_boiler(const struct walk *w, uint32_t i)
{
    const struct page *p = w->page;
    struct names names = {0};
    enum tag tag = (enum tag)p->nodes[i].tag;

    read_names(p, i, &names);
    if (names.is_hidden || is_boiler_by_tag(w, i, &names)) {
        return true;
    }
    if (names.role.n && (str_eq(names.role, STR("navigation")) || str_eq(names.role, STR("banner")) ||
                         str_eq(names.role, STR("contentinfo")) || str_eq(names.role, STR("search")))) {
        return true;
    }
    if ((!names.class.n && !names.id.n) || tag == TAG_BODY || tag == TAG_HTML || tag == TAG_MAIN ||
        tag_is_heading(tag)) {
        return false;
    }
    if (HAS_ANY(names.class, strong_words) || HAS_ANY(names.id, strong_words)) {
        return true;
    }
    if (tag == TAG_ASIDE || tag == TAG_NAV || !tag_has(tag, TAG_IS_BLOCK) ||
        !(HAS_ANY(names.class, weak_words) || HAS_ANY(names.id, weak_words))) {
        return false;
    }
    /* DocBook's and docutils' lists of contents are classed so, and are all that some pages have. */
    bool is_contents = page_has_word(names.class, STR("toc")) || page_has_word(names.class, STR("contents"));
    return !is_contents && is_mostly_links(w, i);
}

struct sums boiler_mark(struct page *p)
{
    struct walk w = {.page = p, .sums = sums_new(p)};

    for (uint32_t i = 0; i < p->count;) {
        struct node *n = &p->nodes[i];
        if (n->tag != TAG_TEXT && is_boiler(&w, i)) {
            n->flags |= NODE_IS_DROPPED;
            i = n->end;
            continue;
        }
        if ((n->tag == TAG_MAIN || n->tag == TAG_ARTICLE) && n->end > w.article_end) {
            w.article_end = n->end;
        }
        i++;
    }
    return w.sums;
}
