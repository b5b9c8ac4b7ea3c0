/* fetch_private.h: between fetch.c and fetch_look_up.c. */
#ifndef STINT_NET_FETCH_PRIVATE_H
#define STINT_NET_FETCH_PRIVATE_H

#include <curl/curl.h>

#include "net/fetch.h"

struct fetch_place {
    struct url url;
    struct str text;    /* of the URL, as it is connected to */
    struct str pin;     /* "host:port:address,address" for CURLOPT_RESOLVE */
    struct str address; /* the first of them, without brackets */
};

/* Reads the URL and looks its host up; every address must be allowed. Texts in `a`. Failures as fetch(). */
enum rc fetch_look_up(struct str text, const struct address_rules *rules,
                      const struct fetch_resolver *resolver, struct arena *a, struct fetch_place *out,
                      struct err *e);

#endif
