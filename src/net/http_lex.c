/* http_lex.c: see http_lex.h. */
#include "net/http_lex.h"

#include <llhttp.h>

struct reading {
    llhttp_t parser;
    struct http_lexed *out;
    bool is_name_whole;
};

/* llhttp hands out spans; in one piece of memory the parts of one follow each other. */
static void extend(struct str *s, const char *p, size_t n)
{
    if (!s->p) {
        s->p = p;
    }
    s->n = (size_t)(p + n - s->p);
}

static int on_url(llhttp_t *parser, const char *p, size_t n)
{
    struct reading *r = parser->data;
    extend(&r->out->target, p, n);
    return 0;
}

static int on_name(llhttp_t *parser, const char *p, size_t n)
{
    struct reading *r = parser->data;
    struct http_lexed *x = r->out;
    if (r->is_name_whole || x->field_count == 0) {
        if (x->field_count == x->field_max) {
            return HPE_USER; /* the guard has counted them: cannot be */
        }
        x->fields[x->field_count++] = (struct http_field){STR_NONE, STR_NONE};
        r->is_name_whole = false;
    }
    extend(&x->fields[x->field_count - 1].name, p, n);
    return 0;
}

static int on_name_whole(llhttp_t *parser)
{
    ((struct reading *)parser->data)->is_name_whole = true;
    return 0;
}

static int on_value(llhttp_t *parser, const char *p, size_t n)
{
    struct http_lexed *x = ((struct reading *)parser->data)->out;
    extend(&x->fields[x->field_count - 1].value, p, n);
    return 0;
}

/* Stops llhttp before it decides about framing: http_head.c does, the same for all. */
static int on_head_whole(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_whole,
    .on_header_value = on_value,
    .on_headers_complete = on_head_whole,
};

static enum http_lex_verdict verdict_of(const llhttp_t *parser, llhttp_errno_t error)
{
    switch (error) {
    case HPE_PAUSED:
        return HTTP_LEX_OK;
    case HPE_INVALID_CONTENT_LENGTH:
        return parser->reason && str_eq(str_from(parser->reason), STR("Content-Length overflow"))
                   ? HTTP_LEX_LENGTH_TOO_BIG
                   : HTTP_LEX_LENGTH_BAD;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return HTTP_LEX_LENGTH_CONFLICT;
    case HPE_INVALID_TRANSFER_ENCODING:
        return HTTP_LEX_CODING_BAD;
    default:
        return HTTP_LEX_BAD; /* also HPE_OK: the head should have been whole */
    }
}

enum http_lex_verdict http_lex(struct str bytes, bool is_response, struct http_lexed *x)
{
    struct reading r = {.out = x};

    llhttp_init(&r.parser, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    r.parser.data = &r;
    enum http_lex_verdict v = verdict_of(&r.parser, llhttp_execute(&r.parser, bytes.p, bytes.n));
    for (size_t i = 0; i < x->field_count; i++) {
        struct str *value = &x->fields[i].value;
        *value = value->n > 0 ? str_trim(*value) : (struct str){"", 0};
    }
    x->minor_version = r.parser.http_minor;
    x->status = r.parser.status_code;
    return v;
}
