/* url.h: addresses of the web, as libcurl's parser reads them: what is judged is what is connected to, and what a crawl takes
 * for one page is what it asks for. Plain ones, in which there is nothing to decide, are read without it. Says nothing about
 * where an address leads (address.h). Any thread. */
#ifndef STINT_NET_URL_H
#define STINT_NET_URL_H

#include "base/arena.h"

#define URL_MAX_BYTES 8192

struct url {
    struct str scheme; /* "http" or "https" */
    struct str
        host; /* lower case, ASCII (IDNA); without the dot at its end, and without brackets; a number in any
                          disguise (2130706433, 0x7f.1, fullwidth digits) is an IPv4 address as it is usually written */
    int port;
    struct str path;  /* begins with '/'; no dot segments, nothing but printable ASCII */
    struct str query; /* without '?'; STR_NONE = none */
};

/* RC_INVALID, code `bad_url`: no http or https address; one with a user or password, with a zone, or with a backslash or a
 * control character. The fragment is dropped. Everything in `a`. */
MUST_CHECK enum rc url_parse(struct str text, struct arena *a, struct url *out, struct err *e);

/* As url_parse, of what a document at `base` (an absolute address) writes as a reference: blanks around it, and line breaks and
 * tabs in it mean nothing, blanks within are %20. */
MUST_CHECK enum rc url_join(struct str base, struct str reference, struct arena *a, struct url *out,
                            struct err *e);

bool url_has_default_port(const struct url *u);
/* "https://host:port/path?query", the port only where it is not the scheme's. */
struct str url_text(const struct url *u, struct arena *a);
/* "https://host:port", likewise. */
struct str url_origin(const struct url *u, struct arena *a);

#endif
