/* http_lex.h: a complete head cut into its parts by llhttp. The only file behind it, http_lex.c, knows llhttp. */
#ifndef STINT_NET_HTTP_LEX_H
#define STINT_NET_HTTP_LEX_H

#include "net/http_field.h"

enum http_lex_verdict {
    HTTP_LEX_OK,
    HTTP_LEX_BAD,             /* not a head of HTTP/1.x */
    HTTP_LEX_LENGTH_BAD,      /* Content-Length is not a number */
    HTTP_LEX_LENGTH_TOO_BIG,  /* Content-Length does not fit 64 bits */
    HTTP_LEX_LENGTH_CONFLICT, /* Content-Length twice, or with Transfer-Encoding */
    HTTP_LEX_CODING_BAD       /* Transfer-Encoding that llhttp refuses */
};

struct http_lexed {
    struct str target; /* requests */
    int status;        /* responses */
    int minor_version;
    struct http_field *fields; /* given by the caller, room for field_max; values are trimmed, never NULL */
    size_t field_count, field_max;
};

/* `bytes` begin with the first line and end with the empty one. Everything found points into them. */
enum http_lex_verdict http_lex(struct str bytes, bool is_response, struct http_lexed *x);

#endif
