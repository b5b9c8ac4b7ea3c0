/* page_url.h: the address of a page as a crawl knows it. Two references lead to one page when their identities are equal
 * bytes; what is asked for is another text, since a server may care for the order of its query. Pure. */
#ifndef STINT_KINDS_CRAWL_DOCS_PAGE_URL_H
#define STINT_KINDS_CRAWL_DOCS_PAGE_URL_H

#include "net/url.h"

#define PAGE_URL_MAX_BYTES 2048 /* of an identity; longer ones are a trap or a mistake */

enum query_mode {
    QUERY_STRIP_TRACKING, /* utm_*, gclid, fbclid, msclkid, mc_cid, mc_eid go */
    QUERY_KEEP,
    QUERY_DROP,
};

struct page_url {
    struct url url; /* of `fetch` */
    struct str
        fetch; /* what is asked for: scheme and host lower case, no default port, no dot segments, unreserved
                            escapes decoded, all others upper case, no fragment, no empty query */
    struct str identity; /* as `fetch`, with the parts of the query in ascending order of their names */
};

/* The page that a document at `base` means by `reference`; base "" = the reference is whole. RC_INVALID `bad_url`: it is no
 * address of the web. RC_TOO_BIG `url_too_long`. Reading a result again gives the same. Everything in `a`. */
MUST_CHECK enum rc page_url_read(struct str base, struct str reference, enum query_mode mode, struct arena *a,
                                 struct page_url *out, struct err *e);

/* Bytes of a path or a query in the one way they are written here: escapes of unreserved characters decoded, other escapes in upper
 * case, whatever an address cannot hold escaped, and the characters of `escaped` as well ("" = none). */
struct str page_url_normalise(struct str text, const char *escaped, struct arena *a);

#endif
