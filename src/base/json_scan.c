/* json_scan.c: see json_scan.h. */
#include "base/json_scan.h"

#include <stdlib.h>

bool json_fail(struct json_cursor *c, const char *why)
{
    if (!c->why) {
        c->why = why;
    }
    return false;
}

/* The four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    uint8_t bytes[2];

    if (end - p < 4 || !hex_decode((struct str){p, 4}, bytes, 2)) {
        return -1;
    }
    return bytes[0] << 8 | bytes[1];
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* The cursor is at a backslash. */
static bool skip_escape(struct json_cursor *c)
{
    const char *p = c->p;

    if (c->end - p < 2) {
        return json_fail(c, "unterminated string");
    }
    if (p[1] != 'u') {
        if (p[1] == '\0' || !strchr("\"\\/bfnrt", p[1])) {
            return json_fail(c, "unknown escape");
        }
        c->p = p + 2;
        return true;
    }
    int32_t unit = hex4(p + 2, c->end);

    if (unit < 0) {
        return json_fail(c, "\\u without four hex digits");
    }
    c->p = p + 6;
    if (is_high_surrogate(unit)) {
        bool is_pair =
            c->end - c->p >= 6 && p[6] == '\\' && p[7] == 'u' && is_low_surrogate(hex4(p + 8, c->end));

        if (!is_pair) {
            c->p = p;
            return json_fail(c, "lone surrogate");
        }
        c->p = p + 12;
    } else if (is_low_surrogate(unit)) {
        c->p = p;
        return json_fail(c, "lone surrogate");
    }
    return true;
}

bool json_scan_string(struct json_cursor *c, struct str *body, bool *has_escape)
{
    const char *start = c->p;
    bool escaped = false;

    for (;;) {
        c->p = json_skip_plain(c->p, c->end);
        if (c->p == c->end) {
            return json_fail(c, "unterminated string");
        }
        unsigned char byte = (unsigned char)*c->p;

        if (byte == '"') {
            break;
        }
        if (byte == '\\') {
            escaped = true;
            if (!skip_escape(c)) {
                return false;
            }
            continue;
        }
        if (byte < 0x20) {
            return json_fail(c, "control character in a string");
        }
        size_t step = str_utf8_step((struct str){c->p, (size_t)(c->end - c->p)}, 0);

        if (step == 0) {
            return json_fail(c, "not UTF-8");
        }
        c->p += step;
    }
    *body = (struct str){start, (size_t)(c->p - start)};
    *has_escape = escaped;
    c->p++;
    return true;
}

static char *put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

/* Writes what the escape at p stands for; returns what is behind the escape. */
static const char *decode_escape(const char *p, const char *end, char **to)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";

    if (p[1] != 'u') {
        *(*to)++ = into[strchr(from, p[1]) - from];
        return p + 2;
    }
    int32_t unit = hex4(p + 2, end);

    if (!is_high_surrogate(unit)) {
        *to = put_utf8(*to, (uint32_t)unit);
        return p + 6;
    }
    int32_t low = hex4(p + 8, end);

    *to = put_utf8(*to, 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
    return p + 12;
}

size_t json_unescape(struct str body, char *to)
{
    const char *p = body.p, *end = body.p + body.n;
    char *start = to;

    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((slash ? slash : end) - p);

        memcpy(to, p, run);
        to += run;
        p += run;
        if (slash) {
            p = decode_escape(p, end, &to);
        }
    }
    return (size_t)(to - start);
}

/* A number while it is read: mantissa * 10^exponent, as long as the mantissa fits. */
struct number {
    uint64_t mantissa;
    int exponent;
    bool is_negative, is_real, is_long; /* is_long: the mantissa did not fit */
};

/* At least one digit; those behind the point lower the exponent. */
static bool scan_digits(struct json_cursor *c, struct number *n, int exponent_step)
{
    const char *start = c->p;

    for (; c->p < c->end; c->p++) {
        unsigned digit = (unsigned)((unsigned char)*c->p - '0');

        if (digit > 9) {
            break;
        }
        if (n->mantissa > (UINT64_MAX - 9) / 10) {
            n->is_long = true;
        } else {
            n->mantissa = n->mantissa * 10 + digit;
            n->exponent += exponent_step;
        }
    }
    return c->p > start || json_fail(c, "digit expected");
}

static bool scan_exponent(struct json_cursor *c, struct number *n)
{
    struct number exponent = {0};
    bool is_negative = c->p < c->end && *c->p == '-';

    if (is_negative || (c->p < c->end && *c->p == '+')) {
        c->p++;
    }
    if (!scan_digits(c, &exponent, 0)) {
        return false;
    }
    if (exponent.is_long || exponent.mantissa > 9999) {
        n->is_long = true; /* leave it to strtod */
        return true;
    }
    n->exponent += is_negative ? -(int)exponent.mantissa : (int)exponent.mantissa;
    return true;
}

static bool scan_literal(struct json_cursor *c, struct number *n)
{
    if (*c->p == '-') {
        n->is_negative = true;
        c->p++;
    }
    if (c->p < c->end && *c->p == '0') {
        c->p++;
        if (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
            return json_fail(c, "number with a leading zero");
        }
    } else if (!scan_digits(c, n, 0)) {
        return false;
    }
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        n->is_real = true;
        if (!scan_digits(c, n, -1)) {
            return false;
        }
    }
    if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
        c->p++;
        n->is_real = true;
        return scan_exponent(c, n);
    }
    return true;
}

/* Up to 2^53 and 10^22 both sides are exact doubles, so one rounding operation gives the right result; everything
 * else is for strtod, which wants a terminated copy. */
static double to_double(const struct number *n, struct str literal)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char copy[JSON_MAX_NUMBER_BYTES + 1];

    if (!n->is_long && n->mantissa <= 1ULL << 53 && n->exponent >= -22 && n->exponent <= 22) {
        double d = (double)n->mantissa;

        d = n->exponent < 0 ? d / powers[-n->exponent] : d * powers[n->exponent];
        return n->is_negative ? -d : d;
    }
    str_copy(copy, sizeof copy, literal);
    return strtod(copy, NULL);
}

bool json_scan_number(struct json_cursor *c, struct json *v)
{
    const char *start = c->p;
    struct number n = {0};

    if (!scan_literal(c, &n)) {
        return false;
    }
    struct str literal = {start, (size_t)(c->p - start)};

    if (literal.n > JSON_MAX_NUMBER_BYTES) {
        c->p = start;
        return json_fail(c, "number literal too long");
    }
    uint64_t limit = n.is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    bool is_minus_zero = n.is_negative && n.mantissa == 0;

    if (!n.is_real && !n.is_long && n.mantissa <= limit && !is_minus_zero) {
        v->type = JSON_INT;
        v->i = n.is_negative ? (int64_t)(0 - n.mantissa) : (int64_t)n.mantissa;
        v->d = (double)v->i;
        return true;
    }
    v->type = JSON_REAL;
    v->d = to_double(&n, literal);
    return true;
}
