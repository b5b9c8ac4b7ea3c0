/* address.h: which addresses a request may reach whose URL a stranger chose: those of the public internet (the special-purpose
 * registries of IANA, RFC 6890 and its successors, taken out), and what whoever runs the program has allowed by name. One
 * policy for everything that connects outwards. */
#ifndef STINT_NET_ADDRESS_H
#define STINT_NET_ADDRESS_H

#include "base/str.h"

struct sockaddr;

#define ADDRESS_RULES_MAX 64
#define ADDRESS_PORTS_MAX 16

struct address_rule {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    int prefix;              /* bits that count, 0 … 128 */
    int port;                /* 0 = every one */
};

struct address_rules {
    struct address_rule items[ADDRESS_RULES_MAX];
    size_t n;
    int ports[ADDRESS_PORTS_MAX]; /* of the public internet, beside those of the web */
    size_t port_count;
    int own_port; /* of the server whose worker asks: reached at an allowed address only where a rule names it; 0 = none */
    bool is_open; /* every address and port: the URL is the operator's own */
};

/* Adds what is allowed beside the public internet: `127.0.0.1`, `10.1.0.0/16`, `[::1]:8080`, `192.168.0.7:9000`; a port of the
 * public internet: `public:9000`; or `any`. RC_INVALID: none of these. RC_TOO_BIG: too many. */
MUST_CHECK enum rc address_allow(struct address_rules *rules, struct str text, struct err *e);
/* Adds each line of a list; empty lines count for nothing. */
MUST_CHECK enum rc address_allow_all(struct address_rules *rules, struct str lines, struct err *e);

/* The rules of a worker: its `--allow-net`, a line each, and the port of its server ("" = none). */
MUST_CHECK enum rc address_rules_read(struct str lines, struct str own_port, struct address_rules *out,
                                      struct err *e);

/* May be reached? The ports of the public internet are those of the web: 80, 443, 8080, 8443. Any thread. */
bool address_is_allowed(const struct address_rules *rules, const struct sockaddr *address);

/* May this host be looked up at all? Not those by which the providers of machines tell them their secrets. Lower case. */
bool address_is_allowed_host(const struct address_rules *rules, struct str host);

#endif
