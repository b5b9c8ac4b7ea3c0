/* sse.h: reads an event stream (WHATWG HTML, section 9.2 "Server-sent events") from pieces of any size. */
#ifndef STINT_CLIENT_SSE_H
#define STINT_CLIENT_SSE_H

#include "base/buf.h"

struct sse_event {
    struct str type; /* "message" when the server named none */
    struct str data; /* lines joined by \n */
    struct str id;   /* of this event; p == NULL when it carried none */
};

struct sse_reader {
    struct buf line, data, type, id;
    bool has_id, has_data, after_cr;
};

#define SSE_EVENT_MAX_BYTES (1 << 20)

void sse_reader_init(struct sse_reader *r);
void sse_reader_dispose(struct sse_reader *r);
/* Feeds a piece; calls on_event for each event that is complete; its texts live until on_event returns. False: on_event
 * returned false, or an event was over the limit: give the stream up. */
MUST_CHECK bool sse_feed(struct sse_reader *r, struct str piece,
                         bool (*on_event)(void *ctx, const struct sse_event *ev), void *ctx);

#endif
