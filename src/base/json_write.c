/* json_write.c: JSON as a stream into a buf. Each value asks for its greatest size once and is then written without
 * further checks; only strings that need escapes go piece by piece. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"

#define MAX_INT_BYTES 20

struct json_out json_writer(struct buf *out)
{
    return (struct json_out){.out = out};
}

/* As many depths as the reader allows; outermost there is nothing to separate, hence no bit. */
_Static_assert(JSON_MAX_DEPTH <= 64, "has_items has one bit for each depth");

static uint64_t depth_bit(int depth)
{
    return depth > 0 ? 1ULL << (depth - 1) : 0;
}

/* Room for one item of up to n bytes, behind the comma it may need; NULL when the buf is full. The caller raises
 * out->n by what it wrote. */
static char *open_item(struct json_out *w, size_t n)
{
    char *to = buf_reserve(w->out, n + 1);
    uint64_t bit = depth_bit(w->depth);
    bool needs_comma = !w->after_name && (w->has_items & bit);

    w->after_name = false;
    w->has_items |= bit;
    if (to && needs_comma) {
        *to++ = ',';
        w->out->n++;
    }
    return to;
}

static void put_item(struct json_out *w, struct str text)
{
    char *to = open_item(w, text.n);

    if (to) {
        memcpy(to, text.p, text.n);
        w->out->n += text.n;
    }
}

static void begin(struct json_out *w, struct str bracket)
{
    put_item(w, bracket);
    assert(w->depth < JSON_MAX_DEPTH);
    w->depth++;
    w->has_items &= ~depth_bit(w->depth);
}

static void end(struct json_out *w, char bracket)
{
    assert(w->depth > 0 && !w->after_name);
    w->depth--;
    buf_append_char(w->out, bracket);
}

void json_object_begin(struct json_out *w)
{
    begin(w, STR("{"));
}

void json_object_end(struct json_out *w)
{
    end(w, '}');
}

void json_array_begin(struct json_out *w)
{
    begin(w, STR("["));
}

void json_array_end(struct json_out *w)
{
    end(w, ']');
}

/* The first byte that has to be written differently: as json_skip_plain, but over valid UTF-8. */
static const char *skip_clean(const char *p, const char *last)
{
    for (;;) {
        p = json_skip_plain(p, last);
        size_t step = 0;

        if (p < last && (unsigned char)*p >= 0x80) {
            step = str_utf8_step((struct str){p, (size_t)(last - p)}, 0);
        }
        if (step == 0) {
            return p;
        }
        p += step;
    }
}

/* What stands for a byte that a string cannot hold as it is: at most ESCAPE_MAX_BYTES. */
#define ESCAPE_MAX_BYTES 6

static size_t escape(unsigned char c, char to[ESCAPE_MAX_BYTES])
{
    static const char short_forms[0x80] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char unknown[] = {'\xEF', '\xBF', '\xBD'};

    if (c >= 0x80) {
        memcpy(to, unknown, sizeof unknown);
        return sizeof unknown;
    }
    to[0] = '\\';
    to[1] = short_forms[c] ? short_forms[c] : 'u';
    if (short_forms[c]) {
        return 2;
    }
    to[2] = to[3] = '0';
    to[4] = c < 0x10 ? '0' : '1';
    to[5] = "0123456789abcdef"[c & 15];
    return ESCAPE_MAX_BYTES;
}

static void put_string_slowly(struct buf *out, const char *p, const char *last)
{
    while (p < last) {
        char escaped[ESCAPE_MAX_BYTES];
        const char *clean = skip_clean(p, last);
        size_t run = (size_t)(clean - p);
        size_t more = clean < last ? escape((unsigned char)*clean, escaped) : 0;
        char *to = buf_reserve(out, run + more);

        if (!to) {
            return;
        }
        memcpy(to, p, run);
        memcpy(to + run, escaped, more);
        out->n += run + more;
        p = clean + (more > 0);
    }
}

/* The quoted string and what follows it ("" or ":"). */
static void put_string(struct json_out *w, struct str s, struct str follows)
{
    char *to = open_item(w, s.n + 2 + follows.n);
    const char *last = s.n > 0 ? s.p + s.n : s.p; /* not even zero may be added to NULL */

    if (!to) {
        return;
    }
    *to++ = '"';
    if (s.n > 0 && json_skip_plain(s.p, last) < last) {
        w->out->n++;
        put_string_slowly(w->out, s.p, last);
        buf_append_char(w->out, '"');
        buf_append_str(w->out, follows);
        return;
    }
    if (s.n > 0) {
        memcpy(to, s.p, s.n);
    }
    to[s.n] = '"';
    memcpy(to + s.n + 1, follows.p, follows.n);
    w->out->n += s.n + 2 + follows.n;
}

void json_name_str(struct json_out *w, struct str name)
{
    assert(!w->after_name);
    put_string(w, name, STR(":"));
    w->after_name = true;
}

void json_name(struct json_out *w, const char *name)
{
    json_name_str(w, str_from(name));
}

void json_str(struct json_out *w, struct str s)
{
    put_string(w, s, STR(""));
}

void json_c(struct json_out *w, const char *s)
{
    if (s) {
        json_str(w, str_from(s));
    } else {
        json_null(w);
    }
}

void json_int(struct json_out *w, int64_t i)
{
    char digits[MAX_INT_BYTES];
    char *p = digits + sizeof digits;
    uint64_t left = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (i < 0) {
        *--p = '-';
    }
    put_item(w, (struct str){p, (size_t)(digits + sizeof digits - p)});
}

/* The shortest of 15, 16 or 17 digits that reads back as the same double. */
void json_real(struct json_out *w, double d)
{
    char text[40];
    size_t n = 0;

    if (!isfinite(d)) {
        json_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = str_print(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d) {
            break;
        }
    }
    put_item(w, (struct str){text, n});
}

void json_bool(struct json_out *w, bool b)
{
    put_item(w, b ? STR("true") : STR("false"));
}

void json_null(struct json_out *w)
{
    put_item(w, STR("null"));
}

void json_raw(struct json_out *w, struct str valid_json)
{
    put_item(w, valid_json.n > 0 ? valid_json : STR("null"));
}

void json_id(struct json_out *w, struct id id)
{
    json_str(w, (struct str){id_text(id).s, ID_TEXT_BYTES});
}

void json_put_str(struct json_out *w, const char *name, struct str s)
{
    json_name(w, name);
    json_str(w, s);
}

void json_put_c(struct json_out *w, const char *name, const char *s)
{
    json_name(w, name);
    json_c(w, s);
}

void json_put_int(struct json_out *w, const char *name, int64_t i)
{
    json_name(w, name);
    json_int(w, i);
}

void json_put_real(struct json_out *w, const char *name, double d)
{
    json_name(w, name);
    json_real(w, d);
}

void json_put_bool(struct json_out *w, const char *name, bool b)
{
    json_name(w, name);
    json_bool(w, b);
}

void json_put_raw(struct json_out *w, const char *name, struct str valid_json)
{
    json_name(w, name);
    json_raw(w, valid_json);
}

void json_put_id(struct json_out *w, const char *name, struct id id)
{
    json_name(w, name);
    json_id(w, id);
}

void json_put_time(struct json_out *w, const char *name, int64_t unix_ms)
{
    json_name(w, name);
    if (unix_ms == 0) {
        json_null(w);
    } else {
        json_str(w, (struct str){time_text(unix_ms).s, TIME_TEXT_BYTES});
    }
}
