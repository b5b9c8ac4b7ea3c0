/* http_body.h: where a body ends: by length, by chunks or by the end of the connection. Bytes in, pieces out; strict about
 * chunks (B034 to B039). Knows no sockets and no limits of the application. */
#ifndef STINT_NET_HTTP_BODY_H
#define STINT_NET_HTTP_BODY_H

#include "net/http_head.h"

struct http_body {
    enum http_framing framing;
    uint8_t state;
    uint8_t digits;
    uint16_t extension_bytes; /* of the whole body */
    uint16_t trailer_bytes;
    int64_t left;           /* of the length, or of this chunk */
    int64_t data_bytes;     /* given out so far */
    int64_t overhead_bytes; /* chunk framing so far */
};

enum http_body_step { HTTP_BODY_MORE, HTTP_BODY_PIECE, HTTP_BODY_DONE, HTTP_BODY_BAD };

void http_body_start(struct http_body *b, const struct http_head *h);
/* Takes bytes off the front of *in until there is a piece to give (PIECE: *piece points into them), the body is over
 * (DONE: *in is what follows it), the bytes are used up (MORE), or they are refused (BAD: *r). */
enum http_body_step http_body_next(struct http_body *b, struct str *in, struct str *piece,
                                   struct http_refusal *r);

#endif
