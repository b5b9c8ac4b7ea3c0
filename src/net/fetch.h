/* fetch.h: one HTTP or HTTPS request to wherever a URL leads, for processes that may wait: the workers' own. Its host is looked
 * up once, every address of it is judged (address.h), and the connection goes to a judged one and no other, at each redirect
 * anew. No proxy of the environment is used, certificates are always checked, and time, head and body are bounded. The only
 * user of libcurl. A fetcher keeps connections for the next request; one thread at a time. */
#ifndef STINT_NET_FETCH_H
#define STINT_NET_FETCH_H

#include "base/arena.h"
#include "base/buf.h"
#include <sys/socket.h>

#include "net/address.h"
#include "net/http_types.h"
#include "net/url.h"

struct fetcher;

#define FETCH_REDIRECTS_MAX  5
#define FETCH_HEAD_MAX_BYTES (64 << 10)
#define FETCH_INTERIM_MAX    20  /* answers of 1xx before the one that counts */
#define FETCH_RATIO_MAX      100 /* a body unpacks to so many times its bytes, once it is over a mebibyte */
#define FETCH_ADDRESSES_MAX  32
#define FETCH_HOP_FIELD                                                                                      \
    "Stint-Hop" /* of each request: whoever passes it on adds one; a server of ours refuses more than 3 */

struct fetch_request {
    enum http_method method;
    struct str url;
    const struct http_field *fields;
    size_t field_count;
    struct str body;       /* p == NULL: none */
    int64_t connect_ms;    /* 0 = 10,000; the look-up of the host counts */
    int64_t timeout_ms;    /* 0 = 30,000; all redirects together */
    size_t max_body_bytes; /* 0 = 10 MiB, of what it is unpacked */
    bool cuts_body;        /* a longer body is cut there, and is no failure */
    int redirects;         /* how many to follow; more than FETCH_REDIRECTS_MAX are no more than that */
    const struct address_rules *rules; /* NULL: the public internet alone */
};

struct fetch_answer {
    int status;
    const struct http_field *fields;
    size_t field_count;
    struct str body;
    struct str url; /* whence it came, after redirects */
};

/* NULL never; ends the process when libcurl cannot be had. Used with one set of rules: its connections are kept. */
struct fetcher *fetcher_new(const char *user_agent);
void fetcher_free(struct fetcher *f);

struct fetch_addresses {
    struct sockaddr_storage items[FETCH_ADDRESSES_MAX];
    size_t count;
};

/* Who looks hosts up, when it is not the system: for tests of names that change their minds. RC_NOT_FOUND: no such host. RC_BUSY: ask
 * again. */
struct fetch_resolver {
    enum rc (*ask)(void *ctx, const char *host, const char *port, struct fetch_addresses *out);
    void *ctx;
};
void fetcher_set_resolver(struct fetcher *f, struct fetch_resolver resolver);

/* RC_OK: an answer came, whatever its status; it lives in `a`. Else e->code says what happened:
 *   RC_INVALID `bad_url` (what we do not speak, too), `tls_failed`, `too_many_redirects`, `bad_answer`, `bad_encoding`
 *   RC_DENIED  `blocked_address`: an address that may not be reached; the text names no address
 *   RC_NOT_FOUND `unknown_host`
 *   RC_BUSY    `connect_failed`, `timed_out`, `connection_lost`
 *   RC_TOO_BIG `answer_too_big`; `answer_bomb`: few bytes that unpack to very many
 * A redirect away from the host drops Authorization and Cookie, and one from https to http is not followed. */
MUST_CHECK enum rc fetch(struct fetcher *f, const struct fetch_request *r, struct arena *a,
                         struct fetch_answer *out, struct err *e);

/* For a program of its own that connects by libcurl's options (git): the host of the URL, looked up and judged, and the text that ties
 * it to these addresses ("host:port:address,address"; "" for an address of IPv6, which needs none). NULL rules: the public internet alone. Failures as fetch(). */
struct fetch_pin {
    struct url url;
    struct str text;
    struct str address; /* the first one */
};
MUST_CHECK enum rc fetch_pin(struct str url, const struct address_rules *rules, struct arena *a,
                             struct fetch_pin *out, struct err *e);

/* Value of the first field of that name, any case; STR_NONE when absent. */
struct str fetch_header(const struct fetch_answer *answer, struct str name);

/* A date of HTTP (RFC 9110, 5.6.7) as unix milliseconds; -1: it is none. */
int64_t fetch_date(struct str text);

#endif
