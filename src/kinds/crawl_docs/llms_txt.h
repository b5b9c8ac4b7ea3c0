/* llms_txt.h: the links of an llms.txt, which is Markdown (llmstxt.org): a source of addresses for a crawl. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_LLMS_TXT_H
#define STINT_KINDS_CRAWL_DOCS_LLMS_TXT_H

#include "base/arena.h"

#define LLMS_TXT_LINKS_MAX 5000

/* The targets of [text](target), [text](<target>), and <http…>, in their order and as they are written; nothing of fenced code, and no
 * images. Returns how many, at most LLMS_TXT_LINKS_MAX. Borrowed from `text`, the list in `a`. */
size_t llms_txt_links(struct str text, struct arena *a, struct str **out);

#endif
