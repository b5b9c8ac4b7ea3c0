/* markup.h: what of a Markdown answer is no prose: addresses, and fenced code. */
#ifndef STINT_KINDS_RUN_PROMPT_MARKUP_H
#define STINT_KINDS_RUN_PROMPT_MARKUP_H

#include "base/arena.h"

struct address {
    struct str url, host; /* host in lower case, without `www.` and port */
    size_t at, end;       /* of the bytes that are no prose: `](https://…)` of a link */
    size_t text_at;       /* of the link's text, which ends at `at`; == at: it has none */
};

struct address_list {
    struct address *items;
    size_t n;
};

/* Links `[text](url)` and bare `http://`, `https://` addresses, in order. */
struct address_list markup_addresses(struct str text, struct arena *a);

/* Sets the bytes of hidden that belong to fenced code blocks, their fences included. */
void markup_hide_code(struct str text, unsigned char *hidden);

/* The rank of the list item in which the byte at `at` stands: the number of "3. …", or which of its list "- …" is; 0: none. */
int64_t markup_list_rank(struct str text, size_t at);

#endif
