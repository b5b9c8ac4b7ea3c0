/* tags.c: the table of elements. Another one? Add it to enum tag and here, in the order of the names. */
#include "markdown/tags.h"

#include <string.h>

#define LETTERS 26

const struct tag_info tag_table[TAG_COUNT] = {
    [TAG_A] = {"a", 0, 100},
    [TAG_ABBR] = {"abbr", 0, 100},
    [TAG_ADDRESS] = {"address", TAG_IS_BLOCK, 100},
    [TAG_AREA] = {"area", TAG_IS_VOID, 100},
    [TAG_ARTICLE] = {"article", TAG_IS_BLOCK, 100},
    [TAG_ASIDE] = {"aside", TAG_IS_BLOCK, 100},
    [TAG_AUDIO] = {"audio", TAG_IS_DROPPED, 100},
    [TAG_B] = {"b", 0, 100},
    [TAG_BASE] = {"base", TAG_IS_VOID, 100},
    [TAG_BLOCKQUOTE] = {"blockquote", TAG_IS_BLOCK, 100},
    [TAG_BODY] = {"body", TAG_IS_BLOCK, 200},
    [TAG_BR] = {"br", TAG_IS_VOID, 100},
    [TAG_BUTTON] = {"button", TAG_IS_DROPPED, 100},
    [TAG_CANVAS] = {"canvas", TAG_IS_DROPPED, 100},
    [TAG_CAPTION] = {"caption", TAG_IS_BLOCK, 100},
    [TAG_CENTER] = {"center", TAG_IS_BLOCK, 100},
    [TAG_CITE] = {"cite", 0, 100},
    [TAG_CODE] = {"code", TAG_IS_CODE, 100},
    [TAG_COL] = {"col", TAG_IS_VOID, 100},
    [TAG_COLGROUP] = {"colgroup", 0, 100},
    [TAG_DATALIST] = {"datalist", TAG_IS_DROPPED, 100},
    [TAG_DD] = {"dd", TAG_IS_BLOCK, 100},
    [TAG_DEL] = {"del", 0, 100},
    [TAG_DETAILS] = {"details", TAG_IS_BLOCK, 100},
    [TAG_DFN] = {"dfn", 0, 100},
    [TAG_DIALOG] = {"dialog", TAG_IS_BLOCK | TAG_IS_DROPPED, 100},
    [TAG_DIV] = {"div", TAG_IS_BLOCK, 150},
    [TAG_DL] = {"dl", TAG_IS_BLOCK, 100},
    [TAG_DT] = {"dt", TAG_IS_BLOCK, 100},
    [TAG_EM] = {"em", 0, 100},
    [TAG_EMBED] = {"embed", TAG_IS_VOID | TAG_IS_DROPPED, 100},
    [TAG_FIELDSET] = {"fieldset", TAG_IS_BLOCK, 100},
    [TAG_FIGCAPTION] = {"figcaption", TAG_IS_BLOCK, 100},
    [TAG_FIGURE] = {"figure", TAG_IS_BLOCK, 100},
    [TAG_FONT] = {"font", 0, 100},
    [TAG_FOOTER] = {"footer", TAG_IS_BLOCK, 100},
    [TAG_FORM] = {"form", TAG_IS_BLOCK, 100},
    [TAG_H1] = {"h1", TAG_IS_BLOCK, 100},
    [TAG_H2] = {"h2", TAG_IS_BLOCK, 100},
    [TAG_H3] = {"h3", TAG_IS_BLOCK, 100},
    [TAG_H4] = {"h4", TAG_IS_BLOCK, 100},
    [TAG_H5] = {"h5", TAG_IS_BLOCK, 100},
    [TAG_H6] = {"h6", TAG_IS_BLOCK, 100},
    [TAG_HEAD] = {"head", TAG_IS_BLOCK, 200},
    [TAG_HEADER] = {"header", TAG_IS_BLOCK, 100},
    [TAG_HGROUP] = {"hgroup", TAG_IS_BLOCK, 100},
    [TAG_HR] = {"hr", TAG_IS_BLOCK | TAG_IS_VOID, 100},
    [TAG_HTML] = {"html", TAG_IS_BLOCK, 220},
    [TAG_I] = {"i", 0, 100},
    [TAG_IFRAME] = {"iframe", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_IMG] = {"img", TAG_IS_VOID, 100},
    [TAG_INPUT] = {"input", TAG_IS_VOID, 100},
    [TAG_INS] = {"ins", 0, 100},
    [TAG_KBD] = {"kbd", 0, 100},
    [TAG_LABEL] = {"label", 0, 100},
    [TAG_LEGEND] = {"legend", TAG_IS_BLOCK, 100},
    [TAG_LI] = {"li", TAG_IS_BLOCK, 100},
    [TAG_LINK] = {"link", TAG_IS_VOID, 100},
    [TAG_MAIN] = {"main", TAG_IS_BLOCK, 100},
    [TAG_MAP] = {"map", 0, 100},
    [TAG_MARK] = {"mark", 0, 100},
    [TAG_MATH] = {"math", 0, 100},
    [TAG_MENU] = {"menu", TAG_IS_BLOCK, 100},
    [TAG_META] = {"meta", TAG_IS_VOID, 100},
    [TAG_NAV] = {"nav", TAG_IS_BLOCK, 100},
    [TAG_NOFRAMES] = {"noframes", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_NOSCRIPT] = {"noscript", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_OBJECT] = {"object", TAG_IS_DROPPED, 100},
    [TAG_OL] = {"ol", TAG_IS_BLOCK, 100},
    [TAG_OPTGROUP] = {"optgroup", TAG_IS_BLOCK, 100},
    [TAG_OPTION] = {"option", TAG_IS_BLOCK, 100},
    [TAG_P] = {"p", TAG_IS_BLOCK, 10},
    [TAG_PARAM] = {"param", TAG_IS_VOID, 100},
    [TAG_PRE] = {"pre", TAG_IS_BLOCK, 100},
    [TAG_Q] = {"q", 0, 100},
    [TAG_S] = {"s", 0, 100},
    [TAG_SAMP] = {"samp", TAG_IS_CODE, 100},
    [TAG_SCRIPT] = {"script", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_SEARCH] = {"search", TAG_IS_BLOCK, 100},
    [TAG_SECTION] = {"section", TAG_IS_BLOCK, 100},
    [TAG_SELECT] = {"select", TAG_IS_DROPPED, 100},
    [TAG_SMALL] = {"small", 0, 100},
    [TAG_SOURCE] = {"source", TAG_IS_VOID, 100},
    [TAG_SPAN] = {"span", 0, 100},
    [TAG_STRIKE] = {"strike", 0, 100},
    [TAG_STRONG] = {"strong", 0, 100},
    [TAG_STYLE] = {"style", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_SUB] = {"sub", 0, 100},
    [TAG_SUMMARY] = {"summary", TAG_IS_BLOCK, 100},
    [TAG_SUP] = {"sup", 0, 100},
    [TAG_SVG] = {"svg", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_TABLE] = {"table", TAG_IS_BLOCK, 190},
    [TAG_TBODY] = {"tbody", TAG_IS_BLOCK, 180},
    [TAG_TD] = {"td", TAG_IS_BLOCK, 160},
    [TAG_TEMPLATE] = {"template", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_TEXTAREA] = {"textarea", TAG_IS_RAW | TAG_IS_DROPPED, 100},
    [TAG_TFOOT] = {"tfoot", TAG_IS_BLOCK, 180},
    [TAG_TH] = {"th", TAG_IS_BLOCK, 160},
    [TAG_THEAD] = {"thead", TAG_IS_BLOCK, 180},
    [TAG_TITLE] = {"title", TAG_IS_BLOCK | TAG_IS_DROPPED, 100},
    [TAG_TR] = {"tr", TAG_IS_BLOCK, 170},
    [TAG_TRACK] = {"track", TAG_IS_VOID, 100},
    [TAG_TT] = {"tt", TAG_IS_CODE, 100},
    [TAG_U] = {"u", 0, 100},
    [TAG_UL] = {"ul", TAG_IS_BLOCK, 100},
    [TAG_VAR] = {"var", 0, 100},
    [TAG_VIDEO] = {"video", TAG_IS_DROPPED, 100},
    [TAG_WBR] = {"wbr", TAG_IS_VOID, 100},
    [TAG_OTHER] = {"", 0, 100},
    [TAG_TEXT] = {"", 0, 100},
};

static int compare(struct str name, const char *known)
{
    for (size_t i = 0; i < name.n; i++) {
        int c = (unsigned char)name.p[i];
        int d = (c >= 'A' && c <= 'Z' ? c + 32 : c) - (unsigned char)known[i];
        if (d != 0 || c == 0) {
            return d != 0 ? d : -1;
        }
    }
    return known[name.n] ? -1 : 0;
}

enum tag tag_find(struct str name)
{
    /* The first element of each letter. A letter without elements begins where the next one does. */
    static const unsigned char first_of[LETTERS + 1] = {
        TAG_A,   TAG_B,     TAG_CANVAS, TAG_DATALIST, TAG_EM,  TAG_FIELDSET, TAG_H1,    TAG_H1,    TAG_I,
        TAG_KBD, TAG_KBD,   TAG_LABEL,  TAG_MAIN,     TAG_NAV, TAG_OBJECT,   TAG_P,     TAG_Q,     TAG_S,
        TAG_S,   TAG_TABLE, TAG_U,      TAG_VAR,      TAG_WBR, TAG_OTHER,    TAG_OTHER, TAG_OTHER, TAG_OTHER,
    };
    unsigned letter = name.n ? ((unsigned char)name.p[0] | 32u) - 'a' : LETTERS;
    int from = letter < LETTERS ? first_of[letter] : 0;
    int to = letter < LETTERS ? first_of[letter + 1] : 0;

    while (from < to) {
        int mid = (from + to) / 2;
        int d = compare(name, tag_table[mid].name);
        if (d == 0) {
            return (enum tag)mid;
        }
        from = d > 0 ? mid + 1 : from;
        to = d < 0 ? mid : to;
    }
    return TAG_OTHER;
}
