/* url.h: where a link leads, as RFC 3986 resolves it and as Markdown can hold it. */
#ifndef STINT_MARKDOWN_URL_H
#define STINT_MARKDOWN_URL_H

#include "base/arena.h"
#include "base/buf.h"

/* What links are resolved against; all parts are borrowed. Without a scheme: relative links stay what they are. */
struct url_base {
    struct str scheme, authority, path, query;
};

enum url_use { URL_LINK, URL_IMAGE };

struct url_base url_read_base(struct str url); /* of http or https; anything else is an empty base */
struct str url_print_base(const struct url_base *b, struct arena *a);
/* The address, absolute if there is a base: without blanks, control bytes, brackets, and what else would end it in Markdown.
 * In `room` until its next use.
 * STR_NONE: nothing to lead to: another scheme than http, https, mailto, ftp or news (an image: http or https), or empty. */
struct str url_resolve(const struct url_base *b, struct str reference, enum url_use use, struct buf *room);

#endif
