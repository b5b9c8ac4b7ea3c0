/* fetch_look_up.c: from a URL to addresses that may be connected to. libcurl's own URL parser reads the URL, so that what is
 * checked is what is connected to; a number in any disguise (2130706433, 0x7f.1) is an address before it is judged. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "net/fetch_private.h"

#define ADDRESSES_MAX 32

static enum rc bad_url(struct str url, const char *why, struct err *e)
{
    return err_set_code(e, RC_INVALID, "bad_url", NULL, "%.*s: %s", STR_ARG(str_sub(url, 0, 200)), why);
}

static struct str part(CURLU *u, CURLUPart which, unsigned flags, struct arena *a)
{
    char *text = NULL;
    if (curl_url_get(u, which, &text, flags) != CURLUE_OK) {
        return STR_NONE;
    }
    struct str copy = arena_str(a, str_from(text));
    curl_free(text);
    return copy;
}

static enum rc read_url(struct str url, struct arena *a, struct fetch_place *out, struct err *e)
{
    if (!url.n || memchr(url.p, '\0', url.n) || url.n > 8192) {
        return bad_url(url, "is no address of the web", e);
    }
    CURLU *u = curl_url();
    CURLUcode code = curl_url_set(u, CURLUPART_URL, arena_c_str(a, url), 0);
    if (code == CURLUE_OK) {
        out->scheme = part(u, CURLUPART_SCHEME, 0, a);
        out->host = part(u, CURLUPART_HOST, 0, a);
        out->port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a);
    }
    curl_url_cleanup(u);
    if (code != CURLUE_OK || !out->host.n || !out->port.n) {
        return bad_url(url, "is no address of the web", e);
    }
    if (!str_eq(out->scheme, STR("http")) && !str_eq(out->scheme, STR("https"))) {
        return bad_url(url, "is neither http nor https", e);
    }
    if (out->host.p[0] == '[') {
        out->host = arena_str(a, str_sub(out->host, 1, out->host.n - 1));
    }
    return RC_OK;
}

static void put_address(struct buf *pins, const struct sockaddr *address, socklen_t bytes)
{
    char host[NI_MAXHOST];
    if (!getnameinfo(address, bytes, host, sizeof host, NULL, 0, NI_NUMERICHOST)) {
        buf_printf(pins, strchr(host, ':') ? "%s[%s]" : "%s%s", pins->p[pins->n - 1] == ':' ? "" : ",", host);
    }
}

/* The text names no address: a stranger must not learn what is behind a name. */
static enum rc judge(const struct addrinfo *list, const struct fetch_place *p,
                     const struct address_rules *rules, struct buf *pins, struct err *e)
{
    int n = 0;
    buf_printf(pins, strchr(p->host.p, ':') ? "[%.*s]:%.*s:" : "%.*s:%.*s:", STR_ARG(p->host),
               STR_ARG(p->port));
    for (const struct addrinfo *i = list; i && n < ADDRESSES_MAX; i = i->ai_next, n++) {
        if (!address_is_allowed(rules, i->ai_addr)) {
            return err_set_code(e, RC_DENIED, "blocked_address", NULL,
                                "%.*s is at an address that must not be reached from here", STR_ARG(p->host));
        }
        put_address(pins, i->ai_addr, i->ai_addrlen);
    }
    return RC_OK;
}

enum rc fetch_look_up(struct str url, const struct address_rules *rules, struct arena *a,
                      struct fetch_place *out, struct err *e)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct buf pins = BUF_LIMIT(4096);
    *out = (struct fetch_place){.pins = NULL};
    enum rc rc = read_url(url, a, out, e);
    if (rc) {
        return rc;
    }
    int failure = getaddrinfo(out->host.p, out->port.p, &hints, &list);
    if (failure == EAI_AGAIN) {
        return err_set_code(e, RC_BUSY, "connect_failed", NULL, "%.*s cannot be looked up now",
                            STR_ARG(out->host));
    }
    if (failure || !list) {
        return err_set_code(e, RC_NOT_FOUND, "unknown_host", NULL, "there is no host %.*s",
                            STR_ARG(out->host));
    }
    rc = judge(list, out, rules, &pins, e);
    freeaddrinfo(list);
    if (!rc) {
        out->pins = curl_slist_append(NULL, buf_c_str(&pins));
    }
    buf_dispose(&pins);
    return rc;
}
