/* schema_format.c: the formats that a schema asserts: RFC 3339 (dates and times), RFC 5321 (mail, without quoted names),
 * RFC 3986 (URIs), RFC 4122 (UUIDs), RFC 2673 and 4291 (addresses). */
#include <arpa/inet.h>
#include <string.h>

#include "kinds/run_prompt/schema_private.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does s look like the form, in which 0 stands for a digit and x for a hexadecimal one? */
static bool has_form(struct str s, struct str form)
{
    if (s.n != form.n) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        bool fits = form.p[i] == '0'   ? is_digit(s.p[i])
                    : form.p[i] == 'x' ? is_hex(s.p[i])
                                       : s.p[i] == form.p[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

static int number_at(struct str s, size_t at, size_t digits)
{
    int n = 0;
    for (size_t i = at; i < at + digits; i++) {
        n = n * 10 + (s.p[i] - '0');
    }
    return n;
}

static bool is_date(struct str s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!has_form(s, STR("0000-00-00"))) {
        return false;
    }
    int year = number_at(s, 0, 4);
    int month = number_at(s, 5, 2);
    int day = number_at(s, 8, 2);
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && is_leap);
}

/* The minutes of an offset from UTC, `Z` or `+02:00`; false: it is none. */
static bool read_offset(struct str s, int *minutes)
{
    if (str_eq_nocase(s, STR("Z"))) {
        *minutes = 0;
        return true;
    }
    if (!has_form(s, STR("+00:00")) && !has_form(s, STR("-00:00"))) {
        return false;
    }
    int hour = number_at(s, 1, 2);
    int minute = number_at(s, 4, 2);
    *minutes = (hour * 60 + minute) * (s.p[0] == '-' ? -1 : 1);
    return hour < 24 && minute < 60;
}

static bool is_time(struct str s)
{
    int offset = 0;
    if (s.n < 9 || !has_form(str_sub(s, 0, 8), STR("00:00:00"))) {
        return false;
    }
    size_t end = 8;
    if (s.p[end] == '.') {
        do {
            end++;
        } while (end < s.n && is_digit(s.p[end]));
        if (end == 9) {
            return false;
        }
    }
    if (!read_offset(str_sub(s, end, s.n), &offset)) {
        return false;
    }
    int hour = number_at(s, 0, 2);
    int minute = number_at(s, 3, 2);
    int second = number_at(s, 6, 2);
    /* A leap second comes at the end of a day in UTC. */
    int utc = ((hour * 60 + minute - offset) % 1440 + 1440) % 1440;
    return hour < 24 && minute < 60 && (second < 60 || (second == 60 && utc == 1439));
}

static bool is_date_time(struct str s)
{
    return s.n > 11 && (s.p[10] == 'T' || s.p[10] == 't' || s.p[10] == ' ') && is_date(str_sub(s, 0, 10)) &&
           is_time(str_sub(s, 11, s.n));
}

static bool is_uuid(struct str s)
{
    return has_form(s, STR("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"));
}

static bool is_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && (s.p[i] != '-' || i == 0 || i == s.n - 1)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 63;
}

static bool is_email(struct str s)
{
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '@') {
        at--;
    }
    if (at < 2 || at - 1 > 64 || s.n - at > 253) {
        return false;
    }
    struct str name = str_sub(s, 0, at - 1);
    struct str host = str_sub(s, at, s.n);
    char before = '.';
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!is_alpha(c) && !is_digit(c) && (c == '\0' || !strchr("!#$%&'*+/=?^_`{|}~-.", c))) {
            return false;
        }
        if (c == '.' && before == '.') {
            return false;
        }
        before = c;
    }
    bool has_label = false;
    while (host.p) {
        if (!is_label(str_cut(host, '.', &host))) {
            return false;
        }
        has_label = true;
    }
    return has_label && before != '.';
}

static bool is_uri(struct str s)
{
    size_t colon = str_find_char(s, ':', 0);
    if (colon == s.n || colon == 0 || !is_alpha(s.p[0])) {
        return false;
    }
    for (size_t i = 0; i < colon; i++) {
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.') {
            return false;
        }
    }
    size_t fragments = 0;
    for (size_t i = colon + 1; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' ? i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])
                     : !is_alpha(c) && !is_digit(c) && (c == '\0' || !strchr("-._~:/?#[]@!$&'()*+,;=", c))) {
            return false;
        }
        fragments += c == '#';
    }
    return fragments <= 1;
}

static bool is_address(int family, struct str s)
{
    char text[64];
    unsigned char bytes[16];
    if (s.n >= sizeof text || memchr(s.p, '\0', s.n)) {
        return false;
    }
    str_copy(text, sizeof text, s);
    return inet_pton(family, text, bytes) == 1;
}

static bool is_ipv4(struct str s)
{
    return s.n > 0 && is_address(AF_INET, s);
}

static bool is_ipv6(struct str s)
{
    return s.n > 0 && is_address(AF_INET6, s);
}

static const struct {
    const char *name;
    bool (*check)(struct str s);
} formats[] = {
    {"date", is_date}, {"date-time", is_date_time}, {"time", is_time}, {"email", is_email},
    {"uri", is_uri},   {"uuid", is_uuid},           {"ipv4", is_ipv4}, {"ipv6", is_ipv6},
};

bool (*schema_format(struct str name))(struct str s)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (str_eq(name, str_from(formats[i].name))) {
            return formats[i].check;
        }
    }
    return NULL;
}
