/* pattern.c: see pattern.h. */
#include <string.h>

#include "base/buf.h"
#include "kinds/run_prompt/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_STEPS      1000000 /* a tenth of a second; honest patterns take thousands */
#define MATCH_HEAP_KIB   4096
#define PATTERN_MAX_SIZE 65536 /* of the compiled pattern, in PCRE2's units */

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_general_context *memory;
};

/* All that PCRE2 wants to keep goes into the arena and is freed with it. */
static void *arena_take(size_t bytes, void *a)
{
    return arena_alloc(a, bytes);
}

static void arena_keep(void *p, void *a)
{
    (void)p;
    (void)a;
}

static enum rc not_a_pattern(struct str text, size_t at, const char *why, struct err *e)
{
    return err_set_code(e, RC_INVALID, "invalid_schema", NULL, "the pattern %.*s is wrong at byte %zu: %s",
                        (int)(text.n < 100 ? text.n : 100), text.p, at, why);
}

#define BLANKS "\\s\\u00a0\\ufeff\\p{Z}" /* what \s is in ECMA-262 22.2.2.9: PCRE2's knows ASCII only */

/* Puts the escape behind the backslash at `at` into out; false: ECMAScript has none such. */
static bool translate_escape(struct buf *out, char c, bool is_in_class)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == 's') {
        buf_append_c(out, is_in_class ? BLANKS : "[" BLANKS "]");
    } else if (c == 'S' && !is_in_class) {
        buf_append_c(out, "[^" BLANKS "]");
    } else {
        buf_append_char(out, '\\');
        buf_append_char(out, c);
    }
    return c != '\0' && (!is_letter || strchr("bBcdDfknpPrsStuvwWx", c));
}

/* The pattern as PCRE2 must read it so that it means the same. */
static enum rc translate(struct str text, struct buf *out, struct err *e)
{
    bool is_in_class = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && i + 1 < text.n) {
            i++;
            if (!translate_escape(out, text.p[i], is_in_class)) {
                return not_a_pattern(text, i, "ECMAScript has no such escape", e);
            }
            continue;
        }
        is_in_class = is_in_class ? c != ']' : c == '[';
        buf_append_char(out, c);
    }
    return buf_check(out, "a pattern", e);
}

static enum rc compile(struct str text, struct arena *a, struct pattern **out, struct err *e)
{
    struct pattern *p = arena_alloc(a, sizeof *p);
    p->memory = pcre2_general_context_create(arena_take, arena_keep, a);
    pcre2_compile_context *options = pcre2_compile_context_create(p->memory);
    pcre2_set_max_pattern_length(options, PATTERN_MAX_SIZE);
    pcre2_set_compile_extra_options(options, PCRE2_EXTRA_ALT_BSUX);
    uint32_t flags = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                     PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int code = 0;
    size_t at = 0;
    p->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, flags, &code, &at, options);
    if (!p->code) {
        char why[160];
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return not_a_pattern(text, at, why, e);
    }
    p->limits = pcre2_match_context_create(p->memory);
    pcre2_set_match_limit(p->limits, MATCH_STEPS);
    pcre2_set_depth_limit(p->limits, MATCH_STEPS);
    pcre2_set_heap_limit(p->limits, MATCH_HEAP_KIB);
    *out = p;
    return RC_OK;
}

enum rc pattern_compile(struct str text, struct arena *a, struct pattern **out, struct err *e)
{
    struct buf translated = BUF_LIMIT(PATTERN_MAX_SIZE);
    enum rc rc = translate(text, &translated, e);
    if (!rc) {
        rc = compile(arena_str(a, buf_str(&translated)), a, out, e);
    }
    buf_dispose(&translated);
    return rc;
}

enum pattern_answer pattern_find(const struct pattern *p, struct str s)
{
    /* Not from the arena: a value may have a million strings. */
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int n = match ? pcre2_match(p->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK, match,
                                p->limits)
                  : PCRE2_ERROR_NOMEMORY;
    pcre2_match_data_free(match);
    if (n >= 0) {
        return PATTERN_YES;
    }
    return n == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_TOO_LONG;
}
