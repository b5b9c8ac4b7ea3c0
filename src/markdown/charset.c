/* charset.c: which charset, and out of it. UTF-8, UTF-16 and windows-1252 (which is what pages mean that say ISO-8859-1) are
 * read here; the others by the C library. A page's process is walled in and cannot open the library's tables, so they are
 * opened before (charset_prepare). */
#include "markdown/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/buf.h"

#define META_BYTES    4096 /* as far as a <meta> is looked for */
#define LABEL_BYTES   40
#define CONTROL_SHARE 50 /* one byte in so many may be one that no text has */

static const char *const utf8_name = "utf-8";
static const char *const utf16le_name = "utf-16le";
static const char *const utf16be_name = "utf-16be";
static const char *const latin_name = "windows-1252";

/* Labels as pages write them, and whose tables read them; NULL: our own. */
static const struct {
    const char *label;
    const char *name;
    const char *iconv_name;
} labels[] = {
    {"utf-8", "utf-8", NULL},
    {"utf8", "utf-8", NULL},
    {"unicode-1-1-utf-8", "utf-8", NULL},
    {"utf-16", "utf-16le", NULL},
    {"utf-16le", "utf-16le", NULL},
    {"utf-16be", "utf-16be", NULL},
    {"iso-8859-1", "windows-1252", NULL},
    {"iso8859-1", "windows-1252", NULL},
    {"latin1", "windows-1252", NULL},
    {"us-ascii", "windows-1252", NULL},
    {"ascii", "windows-1252", NULL},
    {"windows-1252", "windows-1252", NULL},
    {"cp1252", "windows-1252", NULL},
    {"iso-8859-9", "windows-1254", "CP1254"},
    {"windows-1254", "windows-1254", "CP1254"},
    {"iso-8859-2", "iso-8859-2", "ISO-8859-2"},
    {"latin2", "iso-8859-2", "ISO-8859-2"},
    {"iso-8859-3", "iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "iso-8859-5", "ISO-8859-5"},
    {"iso-8859-7", "iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "iso-8859-8", "ISO-8859-8"},
    {"iso-8859-10", "iso-8859-10", "ISO-8859-10"},
    {"iso-8859-13", "iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "iso-8859-15", "ISO-8859-15"},
    {"iso-8859-16", "iso-8859-16", "ISO-8859-16"},
    {"koi8-r", "koi8-r", "KOI8-R"},
    {"koi8-u", "koi8-u", "KOI8-U"},
    {"windows-874", "windows-874", "CP874"},
    {"tis-620", "windows-874", "CP874"},
    {"windows-1250", "windows-1250", "CP1250"},
    {"windows-1251", "windows-1251", "CP1251"},
    {"cp1251", "windows-1251", "CP1251"},
    {"windows-1253", "windows-1253", "CP1253"},
    {"windows-1255", "windows-1255", "CP1255"},
    {"windows-1256", "windows-1256", "CP1256"},
    {"windows-1257", "windows-1257", "CP1257"},
    {"windows-1258", "windows-1258", "CP1258"},
    {"gb2312", "gbk", "GB18030"},
    {"gbk", "gbk", "GB18030"},
    {"gb18030", "gb18030", "GB18030"},
    {"big5", "big5", "BIG5-HKSCS"},
    {"euc-jp", "euc-jp", "EUC-JP"},
    {"shift_jis", "shift_jis", "CP932"},
    {"shift-jis", "shift_jis", "CP932"},
    {"sjis", "shift_jis", "CP932"},
    {"iso-2022-jp", "iso-2022-jp", "ISO-2022-JP"},
    {"euc-kr", "euc-kr", "UHC"},
    {"ks_c_5601-1987", "euc-kr", "UHC"},
};

#define LABEL_COUNT (sizeof labels / sizeof labels[0])

static iconv_t opened[LABEL_COUNT]; /* NULL: not yet */

/* 0x80 to 0x9f; the five that mean nothing stay what they are. */
static const uint16_t latin_80[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
};

static iconv_t open_label(size_t i)
{
    if (!opened[i]) {
        opened[i] = iconv_open("UTF-8", labels[i].iconv_name);
    }
    return opened[i];
}

void charset_prepare(void)
{
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        if (labels[i].iconv_name) {
            (void)open_label(i); /* one that the system lacks is told when a page wants it */
        }
    }
}

static size_t find_label(struct str label)
{
    size_t i = 0;
    while (i < LABEL_COUNT && !str_eq_nocase(label, str_from(labels[i].label))) {
        i++;
    }
    return i;
}

static bool is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What stands behind the first "charset" and "=" of the text. */
static struct str label_in(struct str text)
{
    static const struct str word = {"charset", 7};

    for (size_t i = 0; i + word.n < text.n; i++) {
        if (!str_eq_nocase(str_sub(text, i, i + word.n), word)) {
            continue;
        }
        size_t at = i + word.n;
        while (at < text.n && strchr(" \t\r\n", text.p[at])) {
            at++;
        }
        if (at >= text.n || text.p[at] != '=') {
            continue;
        }
        at++;
        while (at < text.n && strchr(" \t\r\n\"'", text.p[at])) {
            at++;
        }
        size_t end = at;
        while (end < text.n && end - at < LABEL_BYTES && is_label_char(text.p[end])) {
            end++;
        }
        return str_sub(text, at, end);
    }
    return STR_NONE;
}

static struct str meta_label(struct str html)
{
    struct str head = str_sub(html, 0, META_BYTES);
    struct str label = STR_NONE;

    for (size_t i = 0; !label.n && i + 5 < head.n; i++) {
        if (head.p[i] == '<' && str_eq_nocase(str_sub(head, i, i + 5), STR("<meta"))) {
            size_t end = str_find_char(head, '>', i);
            label = label_in(str_sub(head, i, end));
        }
    }
    return label;
}

void charset_put_point(struct buf *b, uint32_t c)
{
    char *p = buf_reserve(b, 4);

    if (!p) {
        return;
    }
    if (c < 0x80) {
        *p = (char)c;
        b->n += 1;
    } else if (c < 0x800) {
        p[0] = (char)(0xC0 | c >> 6);
        p[1] = (char)(0x80 | (c & 0x3F));
        b->n += 2;
    } else if (c < 0x10000) {
        p[0] = (char)(0xE0 | c >> 12);
        p[1] = (char)(0x80 | (c >> 6 & 0x3F));
        p[2] = (char)(0x80 | (c & 0x3F));
        b->n += 3;
    } else {
        p[0] = (char)(0xF0 | c >> 18);
        p[1] = (char)(0x80 | (c >> 12 & 0x3F));
        p[2] = (char)(0x80 | (c >> 6 & 0x3F));
        p[3] = (char)(0x80 | (c & 0x3F));
        b->n += 4;
    }
}

uint32_t charset_latin_point(unsigned char c)
{
    return c >= 0x80 && c < 0xA0 ? latin_80[c - 0x80] : c;
}

static void read_latin(struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        charset_put_point(out, charset_latin_point((unsigned char)in.p[i]));
    }
}

static size_t read_utf16(struct str in, bool is_big, struct buf *out)
{
    size_t garbled = 0;

    for (size_t i = 0; i + 1 < in.n; i += 2) {
        uint32_t c = (uint32_t)(unsigned char)in.p[i + (is_big ? 0 : 1)] << 8 |
                     (unsigned char)in.p[i + (is_big ? 1 : 0)];
        if (c >= 0xD800 && c < 0xDC00 && i + 3 < in.n) {
            uint32_t low = (uint32_t)(unsigned char)in.p[i + (is_big ? 2 : 3)] << 8 |
                           (unsigned char)in.p[i + (is_big ? 3 : 2)];
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        if (c >= 0xD800 && c < 0xE000) {
            c = 0xFFFD;
            garbled++;
        }
        charset_put_point(out, c);
    }
    return garbled;
}

static size_t read_iconv(struct str in, iconv_t tables, struct buf *out)
{
    char *from = (char *)(uintptr_t)in.p; /* iconv does not write there */
    const char *behind_garbled = NULL;
    size_t left = in.n;
    size_t garbled = 0;

    (void)iconv(tables, NULL, NULL, NULL, NULL);
    while (left > 0) {
        char room[4096];
        char *to = room;
        size_t free_bytes = sizeof room;
        size_t n = iconv(tables, &from, &left, &to, &free_bytes);
        int why = errno;
        buf_append(out, room, (size_t)(to - room));
        if (n == (size_t)-1 && why != E2BIG) {
            if (from != behind_garbled) {
                charset_put_point(out, 0xFFFD);
            }
            garbled++;
            behind_garbled = ++from;
            left--;
        }
    }
    return garbled;
}

/* Valid UTF-8 without NUL. */
static size_t mend_utf8(struct str in, struct buf *out)
{
    size_t garbled = 0;
    size_t good = 0;

    for (size_t i = 0; i < in.n;) {
        size_t step = in.p[i] ? str_utf8_step(in, i) : 0;
        if (step == 0) {
            buf_append(out, in.p + good, i - good);
            if (in.p[i] && (good < i || i == 0 || !in.p[i - 1])) {
                charset_put_point(out, 0xFFFD);
            }
            garbled += in.p[i] != '\0';
            good = i + 1;
        }
        i += step ? step : 1;
    }
    buf_append(out, in.p + good, in.n - good);
    return garbled;
}

/* Is one of eight bytes below a blank? */
static bool has_control(const char *p)
{
    const uint64_t ones = UINT64_MAX / 0xFF;
    uint64_t eight;

    memcpy(&eight, p, sizeof eight);
    return ((eight - ones * ' ') & ~eight & ones * 0x80) != 0;
}

/* Control bytes that no text has: a picture, an archive, a PDF. */
static bool is_binary(struct str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        count += c < 9 || (c > 13 && c < 27) || (c > 27 && c < 32);
        while (i + sizeof(uint64_t) < text.n && !has_control(text.p + i + 1)) {
            i += sizeof(uint64_t);
        }
    }
    return count > 4 + text.n / CONTROL_SHARE;
}

/* Index into labels, or LABEL_COUNT with the first label that nobody knows in *unknown. */
static size_t choose(struct str html, struct str content_type, struct str *unknown)
{
    struct str asked[2] = {label_in(content_type), meta_label(html)};

    for (int i = 0; i < 2; i++) {
        size_t at = asked[i].n ? find_label(asked[i]) : LABEL_COUNT;
        if (at < LABEL_COUNT && i == 1 && str_starts(str_from(labels[at].name), STR("utf-16"))) {
            at = 0; /* a <meta> that can be read as ASCII is not in UTF-16 */
        }
        if (at < LABEL_COUNT) {
            return at;
        }
        if (asked[i].n && !unknown->n) {
            *unknown = asked[i];
        }
    }
    return LABEL_COUNT;
}

static const char *by_bom(struct str *html)
{
    static const struct {
        struct str bom;
        const char *const *name;
    } boms[] = {{{"\xEF\xBB\xBF", 3}, &utf8_name},
                {{"\xFE\xFF", 2}, &utf16be_name},
                {{"\xFF\xFE", 2}, &utf16le_name}};

    for (size_t i = 0; i < sizeof boms / sizeof boms[0]; i++) {
        if (str_starts(*html, boms[i].bom)) {
            *html = str_sub(*html, boms[i].bom.n, html->n);
            return *boms[i].name;
        }
    }
    return NULL;
}

static enum rc unknown_charset(struct str label, struct err *e)
{
    return err_set_code(e, RC_INVALID, "bad_encoding", NULL, "the charset \"%.*s\" is not known",
                        STR_ARG(label));
}

static enum rc convert(struct str html, size_t label, struct buf *b, struct charset_text *t, struct err *e)
{
    if (label < LABEL_COUNT && labels[label].iconv_name) {
        iconv_t tables = open_label(label);
        if (tables == (iconv_t)-1) {
            return unknown_charset(str_from(labels[label].label), e);
        }
        t->garbled_count = read_iconv(html, tables, b);
    } else if (str_eq(str_from(t->charset), str_from(latin_name))) {
        read_latin(html, b);
    } else if (str_starts(str_from(t->charset), STR("utf-16"))) {
        t->garbled_count = read_utf16(html, t->charset[6] == 'b', b);
    } else {
        buf_append_str(b, html);
    }
    return RC_OK;
}

enum rc charset_read(struct str html, struct str content_type, struct charset_text *out, struct err *e)
{
    struct charset_text t = {.charset = by_bom(&html), .own = BUF_LIMIT(SIZE_MAX)};
    struct str unknown = STR_NONE;
    size_t label = LABEL_COUNT;
    enum rc rc = RC_OK;

    if (!t.charset) {
        label = choose(html, content_type, &unknown);
        if (label < LABEL_COUNT) {
            t.charset = labels[label].name;
        } else if (str_is_utf8(html)) {
            t.charset = utf8_name;
        } else if (unknown.n) {
            return unknown_charset(unknown, e);
        } else {
            t.charset = latin_name;
        }
    }
    t.utf8 = html;
    if (!str_eq(str_from(t.charset), str_from(utf8_name))) {
        rc = convert(html, label, &t.own, &t, e);
        t.utf8 = buf_str(&t.own);
    }
    if (!rc && is_binary(t.utf8)) {
        rc = err_set_code(e, RC_INVALID, "not_html", NULL, "this is no text");
    }
    if (!rc && !str_is_text(t.utf8)) {
        struct buf mended = BUF_LIMIT(SIZE_MAX);
        t.garbled_count += mend_utf8(t.utf8, &mended);
        buf_dispose(&t.own);
        t.own = mended;
        t.utf8 = buf_str(&mended);
    }
    if (rc) {
        buf_dispose(&t.own);
        return rc;
    }
    *out = t;
    return RC_OK;
}
