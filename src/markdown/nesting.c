/* nesting.c: which element ends which, as in HTML 4. */
#include "markdown/nesting.h"

static bool is_like(enum tag open, enum tag t)
{
    switch (t) {
    case TAG_P:
    case TAG_LI:
    case TAG_OPTION:
    case TAG_A:
        return open == t;
    case TAG_DT:
    case TAG_DD:
        return open == TAG_DT || open == TAG_DD;
    case TAG_TD:
    case TAG_TH:
        return open == TAG_TD || open == TAG_TH;
    case TAG_TR:
        return open == TAG_TD || open == TAG_TH || open == TAG_TR;
    case TAG_THEAD:
    case TAG_TBODY:
    case TAG_TFOOT:
        return (open >= TAG_TBODY && open <= TAG_TR) && open != TAG_TEXTAREA && open != TAG_TEMPLATE &&
               open != TAG_TITLE;
    default:
        return false;
    }
}

bool nesting_open(struct nesting *n, enum tag t)
{
    while (n->depth > 0) {
        enum tag top = (enum tag)n->open[n->depth - 1];
        if (!is_like(top, t) && !(top == TAG_P && tag_has(t, TAG_IS_BLOCK))) {
            break;
        }
        n->depth--;
    }
    if (n->depth == NESTING_MAX) {
        return false;
    }
    n->open[n->depth++] = (uint8_t)t;
    return true;
}

bool nesting_close(struct nesting *n, enum tag t)
{
    for (size_t i = n->depth; i-- > 0;) {
        if (n->open[i] == (uint8_t)t) {
            n->depth = i;
            return true;
        }
        if (tag_table[n->open[i]].priority > tag_table[t].priority) {
            break;
        }
    }
    return false;
}
