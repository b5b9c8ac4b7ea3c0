/* address.c: see address.h. Everything is compared as an IPv6 address; those that carry an IPv4 address inside (mapped,
 * NAT64, 6to4) are judged by it too. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct range {
    const char *text;
    int prefix;
};

static const struct range ipv4_special[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},      {"100.64.0.0", 10},   {"127.0.0.0", 8},
    {"169.254.0.0", 16},  {"172.16.0.0", 12},   {"192.0.0.0", 24},    {"192.0.2.0", 24},
    {"192.31.196.0", 24}, {"192.52.193.0", 24}, {"192.88.99.0", 24},  {"192.168.0.0", 16},
    {"192.175.48.0", 24}, {"198.18.0.0", 15},   {"198.51.100.0", 24}, {"203.0.113.0", 24},
    {"224.0.0.0", 4},     {"240.0.0.0", 4},
};

/* 2000::/3 is what is given out; within it these are not the public internet. */
static const struct range ipv6_special[] = {
    {"2001::", 23}, {"2001:db8::", 32}, {"3fff::", 20}, {"2620:4f:8000::", 48}, {"3ffe::", 16},
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool same_bits(const unsigned char *a, const unsigned char *b, int bits)
{
    int whole = bits / 8;
    int rest = bits % 8;
    return memcmp(a, b, (size_t)whole) == 0 && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool is_in(const unsigned char *bytes, int family, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char range[16];
        if (inet_pton(family, ranges[i].text, range) == 1 && same_bits(bytes, range, ranges[i].prefix)) {
            return true;
        }
    }
    return false;
}

static bool is_public_v4(const unsigned char bytes[4])
{
    return !is_in(bytes, AF_INET, ipv4_special, sizeof ipv4_special / sizeof *ipv4_special);
}

static bool is_public_v6(const unsigned char b[16])
{
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(b, mapped, sizeof mapped) == 0 || memcmp(b, nat64, sizeof nat64) == 0) {
        return is_public_v4(b + 12);
    }
    if (b[0] == 0x20 && b[1] == 0x02) { /* 6to4 */
        return is_public_v4(b + 2);
    }
    return (b[0] & 0xe0) == 0x20 &&
           !is_in(b, AF_INET6, ipv6_special, sizeof ipv6_special / sizeof *ipv6_special);
}

/* The address as IPv6; false: it is of no family that we speak. */
static bool read_address(const struct sockaddr *address, unsigned char bytes[16], int *port)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + 12, &in.sin_addr, 4);
        *port = ntohs(in.sin_port);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        memcpy(bytes, &in6.sin6_addr, 16);
        *port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

static bool is_public_port(const struct address_rules *rules, int port)
{
    for (size_t i = 0; i < rules->port_count; i++) {
        if (rules->ports[i] == port) {
            return true;
        }
    }
    return port == 80 || port == 443 || port == 8080 || port == 8443;
}

bool address_is_allowed(const struct address_rules *rules, const struct sockaddr *address)
{
    unsigned char bytes[16];
    int port = 0;
    if (!read_address(address, bytes, &port)) {
        return false;
    }
    for (size_t i = 0; i < rules->n; i++) {
        const struct address_rule *rule = &rules->items[i];
        bool is_port = rule->port ? rule->port == port : port != rules->own_port;
        if (is_port && same_bits(bytes, rule->bytes, rule->prefix)) {
            return true;
        }
    }
    return rules->is_open || (is_public_port(rules, port) && is_public_v6(bytes));
}

bool address_is_allowed_host(const struct address_rules *rules, struct str host)
{
    static const char *const names[] = {"metadata.google.internal", "metadata.goog", "metadata",
                                        "instance-data", "instance-data.ec2.internal"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !rules->is_open; i++) {
        if (str_eq(host, str_from(names[i]))) {
            return false;
        }
    }
    return true;
}

/* ---- rules from texts */

static bool read_number(struct str s, int64_t max, int *out)
{
    int64_t n = 0;
    if (!s.n || s.p[0] < '0' || s.p[0] > '9' || !str_to_i64(s, &n) || n > max) {
        return false;
    }
    *out = (int)n;
    return true;
}

/* Cuts `:port` off, or the brackets and what is behind them. */
static bool cut_port(struct str *text, int *port)
{
    struct str behind = STR_NONE;
    if (str_starts(*text, STR("["))) {
        struct str host = str_cut(str_sub(*text, 1, text->n), ']', &behind);
        *text = host;
        return behind.p &&
               (!behind.n || (behind.p[0] == ':' && read_number(str_sub(behind, 1, behind.n), 65535, port)));
    }
    size_t colon = str_find_char(*text, ':', 0);
    bool is_one = colon < text->n && str_find_char(*text, ':', colon + 1) == text->n;
    if (!is_one) {
        return true; /* none, or an IPv6 address as it is */
    }
    struct str digits = str_sub(*text, colon + 1, text->n);
    *text = str_sub(*text, 0, colon);
    return read_number(digits, 65535, port);
}

static bool read_rule(struct str text, struct address_rule *out)
{
    char host[64];
    struct str prefix = STR_NONE;
    *out = (struct address_rule){.prefix = 128};
    if (!cut_port(&text, &out->port)) {
        return false;
    }
    struct str address = str_cut(text, '/', &prefix);
    if (address.n >= sizeof host) {
        return false;
    }
    str_copy(host, sizeof host, address);
    memcpy(out->bytes, mapped, sizeof mapped);
    bool is_v4 = inet_pton(AF_INET, host, out->bytes + 12) == 1;
    if (!is_v4 && inet_pton(AF_INET6, host, out->bytes) != 1) {
        return false;
    }
    if (prefix.p && !read_number(prefix, is_v4 ? 32 : 128, &out->prefix)) {
        return false;
    }
    out->prefix += prefix.p && is_v4 ? 96 : 0;
    return true;
}

enum rc address_allow(struct address_rules *rules, struct str text, struct err *e)
{
    struct address_rule rule;
    int port = 0;
    if (str_eq(text, STR("any"))) {
        rules->is_open = true;
        return RC_OK;
    }
    if (str_starts(text, STR("public:")) && read_number(str_sub(text, 7, text.n), 65535, &port) && port > 0) {
        if (rules->port_count == ADDRESS_PORTS_MAX) {
            return err_set(e, RC_TOO_BIG, "more than %d ports of the public internet", ADDRESS_PORTS_MAX);
        }
        rules->ports[rules->port_count++] = port;
        return RC_OK;
    }
    if (!read_rule(text, &rule)) {
        return err_set(e, RC_INVALID,
                       "%.*s is no address: 127.0.0.1, 10.1.0.0/16, [::1]:8080, public:9000, or any",
                       STR_ARG(str_sub(text, 0, 100)));
    }
    if (rules->n == ADDRESS_RULES_MAX) {
        return err_set(e, RC_TOO_BIG, "more than %d allowed addresses", ADDRESS_RULES_MAX);
    }
    rules->items[rules->n++] = rule;
    return RC_OK;
}

enum rc address_allow_all(struct address_rules *rules, struct str lines, struct err *e)
{
    enum rc rc = RC_OK;
    for (struct str rest = lines; !rc && rest.p;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        rc = line.n ? address_allow(rules, line, e) : RC_OK;
    }
    return rc;
}

enum rc address_rules_read(struct str lines, struct str own_port, struct address_rules *out, struct err *e)
{
    *out = (struct address_rules){.n = 0};
    if (own_port.n && !read_number(own_port, 65535, &out->own_port)) {
        return err_set(e, RC_INVALID, "%.*s is no port", STR_ARG(str_sub(own_port, 0, 20)));
    }
    return address_allow_all(out, lines, e);
}
