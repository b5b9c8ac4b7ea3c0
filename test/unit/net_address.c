/* net_address.c: which addresses may be reached, and which may not however they are written. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "net/address.h"
#include "test.h"

static struct sockaddr_storage address_of(const char *text, int port)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&s, &in, sizeof in);
    } else {
        ck_assert_msg(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1, "%s", text);
        memcpy(&s, &in6, sizeof in6);
    }
    return s;
}

static bool is_allowed(const struct address_rules *rules, const char *text, int port)
{
    struct sockaddr_storage s = address_of(text, port);
    return address_is_allowed(rules, (const struct sockaddr *)&s);
}

TEST(no_address_that_is_not_of_the_public_internet_is_reached)
{
    static const char *const blocked[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "100::1",
        "3fff::1",
        "5f00::1",
    };
    const struct address_rules rules = {.n = 0};
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        ck_assert_msg(!is_allowed(&rules, blocked[i], 80), "%s", blocked[i]);
    }
}

TEST(the_public_internet_is_reached_by_the_ports_of_the_web)
{
    static const char *const allowed[] = {
        "1.1.1.1",         "8.8.8.8",      "9.255.255.255",  "11.0.0.1",         "100.63.255.255",
        "100.128.0.1",     "172.15.0.1",   "172.32.0.1",     "198.20.0.1",       "223.255.255.255",
        "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"};
    const struct address_rules rules = {.n = 0};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        ck_assert_msg(is_allowed(&rules, allowed[i], 443), "%s", allowed[i]);
        ck_assert_msg(!is_allowed(&rules, allowed[i], 22), "%s", allowed[i]);
    }
}

TEST(what_is_allowed_is_allowed_and_nothing_beside_it)
{
    static const struct {
        const char *rule, *address;
        int port;
        bool is_allowed;
    } table[] = {
        {"127.0.0.1", "127.0.0.1", 7420, true},
        {"127.0.0.1", "127.0.0.2", 7420, false},
        {"127.0.0.1:80", "127.0.0.1", 80, true},
        {"127.0.0.1:80", "127.0.0.1", 8080, false},
        {"10.1.0.0/16", "10.1.255.1", 22, true},
        {"10.1.0.0/16", "10.2.0.1", 80, false},
        {"::1", "::1", 1, true},
        {"[::1]:8080", "::1", 8080, true},
        {"[::1]:8080", "::1", 80, false},
        {"fd00::/8", "fd12::1", 9, true},
        {"127.0.0.1", "::ffff:127.0.0.1", 5, true},
        {"any", "169.254.169.254", 22, true},
        {"0.0.0.0/0", "10.0.0.1", 80, true},
        {"0.0.0.0/0", "::1", 80, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct address_rules rules = {.n = 0};
        OK(address_allow(&rules, str_from(table[i].rule), e));
        ck_assert_msg(is_allowed(&rules, table[i].address, table[i].port) == table[i].is_allowed, "%s: %s",
                      table[i].rule, table[i].address);
    }
}

TEST(what_is_no_address_is_refused)
{
    static const char *const wrong[] = {
        "",        "localhost",      "127.1",           "0x7f.1", "10.0.0.0/33", "10.0.0.0/-1",
        "::1/129", "127.0.0.1:0x50", "127.0.0.1:70000", "[::1",   "[::1]8080",   "1.2.3.4/",
        "1.2.3.4:"};
    struct address_rules rules = {.n = 0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(address_allow(&rules, str_from(wrong[i]), e), RC_INVALID);
    }
    for (int i = 0; i < ADDRESS_RULES_MAX; i++) {
        OK(address_allow(&rules, STR("127.0.0.1"), e));
    }
    FAILS(address_allow(&rules, STR("127.0.0.1"), e), RC_TOO_BIG);
}
