/* fetch_private.h: between fetch.c and fetch_look_up.c. */
#ifndef STINT_NET_FETCH_PRIVATE_H
#define STINT_NET_FETCH_PRIVATE_H

#include <curl/curl.h>

#include "net/fetch.h"

struct fetch_place {
    struct str scheme, host, port; /* host without brackets */
    struct curl_slist *pins;       /* "host:port:address,address" for CURLOPT_RESOLVE; the caller frees it */
};

/* Reads the URL and looks its host up; every address must be allowed. Texts in `a`. Failures as fetch(). */
enum rc fetch_look_up(struct str url, const struct address_rules *rules, struct arena *a,
                      struct fetch_place *out, struct err *e);

#endif
