/* markdown.h: a page of HTML to the Markdown (CommonMark and GFM) of what it is about: content without navigation, code with
 * its language, tables, nested lists, absolute links. Pure: bytes in, text out, the same for the same input; no file, no
 * network, no clock. Whatever is on the page, it ends: time grows with its bytes, depth and memory have a cap. The only user
 * of libxml2. docs/markdown.md tells what becomes of what. */
#ifndef STINT_MARKDOWN_MARKDOWN_H
#define STINT_MARKDOWN_MARKDOWN_H

#include "base/arena.h"
#include "base/buf.h"

#define MARKDOWN_HTML_MAX_BYTES  ((size_t)32 << 20)
#define MARKDOWN_SELECTORS_MAX   64
#define MARKDOWN_SELECTOR_BYTES  1024
#define MARKDOWN_LINKS_MAX       20000             /* more are not listed */
#define MARKDOWN_LINKS_BYTES     ((size_t)4 << 20) /* of their addresses: likewise */
#define MARKDOWN_LINK_TEXT_BYTES 200               /* longer texts of links are cut in the list */
#define MARKDOWN_BLOCKS_MAX      100000            /* the last one is all the rest */

struct markdown_options {
    struct str url;             /* where the page is from; empty: relative links stay what they are */
    struct str content_type;    /* the field of the answer, for its charset; may be empty */
    struct str selector;        /* CSS; its first match is the content. Empty, or no match: we choose */
    const struct str *removals; /* CSS; every match is left out */
    size_t removal_count;
    size_t max_text_bytes; /* of the Markdown; 0 = 28 MiB, or 32 MiB for a page of more than 14 */
};

enum markdown_place {
    MARKDOWN_IN_CONTENT,
    MARKDOWN_IN_NAVIGATION, /* everywhere else on the page, `link rel=next` too */
};

struct markdown_link {
    struct str
        url; /* absolute, http or https, with its fragment; not yet canonical. Each url once: its first place */
    struct str text; /* one line */
    struct str rel;  /* as written; empty when there is none */
    bool is_nofollow;
    enum markdown_place place;
};

enum markdown_block_kind {
    MARKDOWN_HEADING,
    MARKDOWN_PARAGRAPH,
    MARKDOWN_LIST,
    MARKDOWN_CODE,
    MARKDOWN_TABLE,
    MARKDOWN_QUOTE, /* admonitions too */
    MARKDOWN_RULE,
};

/* A piece of the text that can be cut out: text[from, to) with the empty line behind it. The blocks of a page lie side by side
 * and are all of it. Equal blocks of two pages have equal hashes (the text, without the addresses of links). */
struct markdown_block {
    size_t from, to;
    uint64_t hash;
    uint32_t words; /* letters and digits in a row are one; addresses of links are none */
    uint8_t kind;   /* enum markdown_block_kind */
    uint8_t level;  /* of a heading, 1 to 6; else 0 */
};

struct markdown_page {
    struct str
        text; /* Markdown; ends with one line feed unless empty. UTF-8, NFC, no control bytes but LF and, in code, tab */
    struct str title;       /* one line; of <title>, else of the first heading; may be empty */
    struct str canonical;   /* absolute; empty: none */
    struct str base;        /* what links were resolved against */
    struct str language;    /* <html lang>, "" if none */
    struct str description; /* <meta name=description> */
    const char *charset;    /* what the bytes were read as: "utf-8", "windows-1252", … */
    const struct markdown_link
        *links; /* in the order of the page; of the whole page, also when a selector was given */
    size_t link_count;
    const struct markdown_block *blocks;
    size_t block_count;
    bool is_noindex, is_nofollow; /* <meta name=robots>, or name=stint */
    bool needs_js;                /* next to no text, but scripts: what a browser shows is made by them */
    size_t words;                 /* of the text */
    size_t tokens; /* about so many for a language model: an estimate, not a tokenizer's count */
    int quality; /* 0 to 100: how much of the page was content, and how little of it was garbled or only links */
};

/* Reads the character sets that need the C library's tables, and has large memory given back at once. Before the process is
 * walled in (no files any more), and before there are threads; without it, tables are opened when a page asks. */
void markdown_prepare(void);

/* RC_OK: *out is filled, and lives in `a`; an empty text is RC_OK, see needs_js. Else e->code says what happened:
 *   RC_INVALID `bad_selector`: the options are wrong; `bad_encoding`: a charset that nobody knows, and not UTF-8 either;
 *              `not_html`: NULs and control bytes all over
 *   RC_TOO_BIG `too_large`: more than MARKDOWN_HTML_MAX_BYTES, or the text is over its limit
 * One thread at a time. */
MUST_CHECK enum rc markdown_convert(struct str html, const struct markdown_options *o, struct arena *a,
                                    struct markdown_page *out, struct err *e);
/* The same, and gives the page's memory back as soon as it is read, before the text is written: *html is empty then. */
MUST_CHECK enum rc markdown_convert_buf(struct buf *html, const struct markdown_options *o, struct arena *a,
                                        struct markdown_page *out, struct err *e);

/* Markdown and plain text: to be kept as they are. */
bool markdown_is_kept(struct str content_type);
/* So they are, without a byte order mark, carriage returns, other control bytes and blanks around them. *out has text, title, words and
 * tokens; links and blocks are not looked for. RC_INVALID `bad_encoding`: not UTF-8. */
MUST_CHECK enum rc markdown_keep(struct str text, struct arena *a, struct markdown_page *out, struct err *e);

#endif
