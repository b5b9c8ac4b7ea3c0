/* meta.h: what a page says of itself, and where its links lead. */
#ifndef STINT_MARKDOWN_META_H
#define STINT_MARKDOWN_META_H

#include "markdown/markdown.h"
#include "markdown/page.h"
#include "markdown/url.h"

/* <base href>, else the page's own address. */
struct url_base meta_base(const struct page *p, struct str url, struct arena *a);
/* title, canonical, base, language, description and robots of *out. */
void meta_read(const struct page *p, const struct url_base *base, struct arena *a, struct markdown_page *out);
/* links of *out. After the content is marked. */
void meta_list_links(const struct page *p, const struct url_base *base, struct arena *a,
                     struct markdown_page *out);

#endif
