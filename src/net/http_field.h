/* http_field.h: one header line. A file of its own, because llhttp's header claims the names in http_types.h. */
#ifndef STINT_NET_HTTP_FIELD_H
#define STINT_NET_HTTP_FIELD_H

#include "base/str.h"

struct http_field {
    struct str name, value;
};

#endif
