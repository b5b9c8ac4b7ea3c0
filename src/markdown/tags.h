/* tags.h: the elements that mean something to us, by their names. */
#ifndef STINT_MARKDOWN_TAGS_H
#define STINT_MARKDOWN_TAGS_H

#include "base/str.h"

/* In the order of the table in tags.c, which is that of the names. */
enum tag {
    TAG_A,
    TAG_ABBR,
    TAG_ADDRESS,
    TAG_AREA,
    TAG_ARTICLE,
    TAG_ASIDE,
    TAG_AUDIO,
    TAG_B,
    TAG_BASE,
    TAG_BLOCKQUOTE,
    TAG_BODY,
    TAG_BR,
    TAG_BUTTON,
    TAG_CANVAS,
    TAG_CAPTION,
    TAG_CENTER,
    TAG_CITE,
    TAG_CODE,
    TAG_COL,
    TAG_COLGROUP,
    TAG_DATALIST,
    TAG_DD,
    TAG_DEL,
    TAG_DETAILS,
    TAG_DFN,
    TAG_DIALOG,
    TAG_DIV,
    TAG_DL,
    TAG_DT,
    TAG_EM,
    TAG_EMBED,
    TAG_FIELDSET,
    TAG_FIGCAPTION,
    TAG_FIGURE,
    TAG_FONT,
    TAG_FOOTER,
    TAG_FORM,
    TAG_H1,
    TAG_H2,
    TAG_H3,
    TAG_H4,
    TAG_H5,
    TAG_H6,
    TAG_HEAD,
    TAG_HEADER,
    TAG_HGROUP,
    TAG_HR,
    TAG_HTML,
    TAG_I,
    TAG_IFRAME,
    TAG_IMG,
    TAG_INPUT,
    TAG_INS,
    TAG_KBD,
    TAG_LABEL,
    TAG_LEGEND,
    TAG_LI,
    TAG_LINK,
    TAG_MAIN,
    TAG_MAP,
    TAG_MARK,
    TAG_MATH,
    TAG_MENU,
    TAG_META,
    TAG_NAV,
    TAG_NOFRAMES,
    TAG_NOSCRIPT,
    TAG_OBJECT,
    TAG_OL,
    TAG_OPTGROUP,
    TAG_OPTION,
    TAG_P,
    TAG_PARAM,
    TAG_PRE,
    TAG_Q,
    TAG_S,
    TAG_SAMP,
    TAG_SCRIPT,
    TAG_SEARCH,
    TAG_SECTION,
    TAG_SELECT,
    TAG_SMALL,
    TAG_SOURCE,
    TAG_SPAN,
    TAG_STRIKE,
    TAG_STRONG,
    TAG_STYLE,
    TAG_SUB,
    TAG_SUMMARY,
    TAG_SUP,
    TAG_SVG,
    TAG_TABLE,
    TAG_TBODY,
    TAG_TD,
    TAG_TEMPLATE,
    TAG_TEXTAREA,
    TAG_TFOOT,
    TAG_TH,
    TAG_THEAD,
    TAG_TITLE,
    TAG_TR,
    TAG_TRACK,
    TAG_TT,
    TAG_U,
    TAG_UL,
    TAG_VAR,
    TAG_VIDEO,
    TAG_WBR,
    TAG_OTHER,
    TAG_TEXT,
    TAG_COUNT,
};

enum {
    TAG_IS_BLOCK = 1,   /* begins and ends a paragraph */
    TAG_IS_VOID = 2,    /* has no content and no end */
    TAG_IS_RAW = 4,     /* what is in it never reaches the parser */
    TAG_IS_DROPPED = 8, /* nothing to read in it, wherever it stands */
    TAG_IS_CODE = 16,   /* text of it stands between backticks */
};

struct tag_info {
    const char *name;
    uint8_t flags;
    uint8_t priority; /* as libxml2's: an end tag does not reach past an open element of a higher one */
};

extern const struct tag_info tag_table[TAG_COUNT];

enum tag tag_find(struct str name); /* any case; TAG_OTHER when we have no word for it */

static inline bool tag_has(enum tag t, unsigned flag)
{
    return (tag_table[t].flags & flag) != 0;
}

static inline bool tag_is_heading(enum tag t)
{
    return t >= TAG_H1 && t <= TAG_H6;
}

#endif
