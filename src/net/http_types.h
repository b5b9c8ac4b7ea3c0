/* http_types.h: the words that server and client share. */
#ifndef STINT_NET_HTTP_TYPES_H
#define STINT_NET_HTTP_TYPES_H

#include "net/http_field.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_TRACE,
};

#define HTTP_METHODS 8

struct str http_method_name(enum http_method m);
MUST_CHECK bool http_method_parse(struct str text,
                                  enum http_method *out); /* exact case; false for all others */
struct str http_status_text(int status);                  /* "Not Found"; "" for unknown ones */

/* Decodes %XX (and "+" as a blank, in queries) into `to`, which has room for s.n bytes; returns the length. Broken
 * escapes stay as they are: the server has refused them before. */
size_t http_percent_decode(struct str s, bool plus_is_blank, char *to);

#endif
