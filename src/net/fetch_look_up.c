/* fetch_look_up.c: from a URL to addresses that may be connected to, each looked up once. Only the names' own answers are used, and a
 * text that tells of a failure names none of them. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "net/fetch_private.h"

static const struct address_rules public_only;

static enum rc ask_system(void *ctx, const char *host, const char *port, struct fetch_addresses *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    (void)ctx;
    int failure = getaddrinfo(host, port, &hints, &list);
    if (failure) {
        return failure == EAI_AGAIN ? RC_BUSY : RC_NOT_FOUND;
    }
    for (const struct addrinfo *i = list; i && out->count < FETCH_ADDRESSES_MAX; i = i->ai_next) {
        if (i->ai_addrlen <= sizeof out->items[0]) {
            memcpy(&out->items[out->count++], i->ai_addr, i->ai_addrlen);
        }
    }
    freeaddrinfo(list);
    return RC_OK;
}

static struct str address_text(const struct sockaddr_storage *address, struct arena *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in6 in6;
    struct sockaddr_in in;
    bool is_v6 = address->ss_family == AF_INET6;
    memcpy(&in6, address, sizeof in6);
    memcpy(&in, address, sizeof in);
    (void)inet_ntop(address->ss_family, is_v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, text,
                    sizeof text);
    return arena_str(a, str_from(text));
}

static enum rc blocked(struct str host, struct err *e)
{
    return err_set_code(
        e, RC_DENIED, "blocked_address", NULL,
        "%.*s is at an address that must not be reached from here; --allow-net ADDRESS allows it",
        STR_ARG(host));
}

/* One address that must not be reached blocks the name: it may be the one that answers. A host that is an address of IPv6 needs no pin, and
 * libcurl could not read one: nothing is looked up for it again. */
static enum rc judge(const struct fetch_addresses *found, const struct address_rules *rules, struct arena *a,
                     struct fetch_place *p, struct err *e)
{
    struct buf pin = BUF_LIMIT(8192);
    bool is_v6 = str_find_char(p->url.host, ':', 0) < p->url.host.n;
    buf_printf(&pin, "%.*s:%d:", STR_ARG(p->url.host), p->url.port);
    for (size_t i = 0; i < found->count; i++) {
        if (!address_is_allowed(rules, (const struct sockaddr *)&found->items[i])) {
            buf_dispose(&pin);
            return blocked(p->url.host, e);
        }
        struct str text = address_text(&found->items[i], a);
        bool is_v6_too = str_find_char(text, ':', 0) < text.n;
        buf_printf(&pin, is_v6_too ? "%s[%.*s]" : "%s%.*s", i ? "," : "", STR_ARG(text));
        p->address = i ? p->address : text;
    }
    p->pin = is_v6 ? STR("") : arena_str(a, buf_str(&pin));
    buf_dispose(&pin);
    return RC_OK;
}

enum rc fetch_look_up(struct str text, const struct address_rules *rules,
                      const struct fetch_resolver *resolver, struct arena *a, struct fetch_place *out,
                      struct err *e)
{
    char port[8];
    struct fetch_addresses found = {.count = 0};
    enum rc rc = url_parse(text, a, &out->url, e);
    if (rc) {
        return rc;
    }
    out->text = url_text(&out->url, a);
    if (!address_is_allowed_host(rules, out->url.host)) {
        return blocked(out->url.host, e);
    }
    str_print(port, sizeof port, "%d", out->url.port);
    const char *host = arena_c_str(a, out->url.host);
    rc = resolver && resolver->ask ? resolver->ask(resolver->ctx, host, port, &found)
                                   : ask_system(NULL, host, port, &found);
    if (rc == RC_BUSY) {
        return err_set_code(e, RC_BUSY, "connect_failed", NULL, "%s cannot be looked up now", host);
    }
    if (rc || !found.count) {
        return err_set_code(e, RC_NOT_FOUND, "unknown_host", NULL, "there is no host %s", host);
    }
    return judge(&found, rules, a, out, e);
}

enum rc fetch_pin(struct str url, const struct address_rules *rules, struct arena *a, struct fetch_pin *out,
                  struct err *e)
{
    struct fetch_place place;
    enum rc rc = fetch_look_up(url, rules ? rules : &public_only, NULL, a, &place, e);
    if (!rc) {
        *out = (struct fetch_pin){place.url, place.pin, place.address};
    }
    return rc;
}
