/* event.c: events in JSON pages and in streams (WHATWG HTML, section 9.2 "Server-sent events"). */
#include "wire/wire.h"

void wire_event_write(struct json_out *w, const struct job_event_row *ev)
{
    json_object_begin(w);
    json_put_int(w, "seq", ev->seq);
    json_put_time(w, "at", ev->at);
    json_put_str(w, "type", ev->type);
    json_put_raw(w, "data", ev->data);
    json_object_end(w);
}

/* A line break in JSON stands between its tokens only, so that the lines, joined again by the reader, are the same value.
 * Without this a worker could write events of its own into the stream. */
static void put_data(struct buf *out, struct str data)
{
    size_t from = 0;

    for (size_t i = 0; i <= data.n; i++) {
        if (i < data.n && data.p[i] != '\n' && data.p[i] != '\r') {
            continue;
        }
        buf_append_c(out, "data: ");
        buf_append(out, data.p + from, i - from);
        buf_append_char(out, '\n');
        from = i + 1;
    }
}

void wire_event_sse(struct buf *out, int64_t seq, struct str type, struct str data)
{
    if (seq > 0) {
        buf_printf(out, "id: %lld\n", (long long)seq);
    }
    buf_append_c(out, "event: ");
    buf_append_str(out, type);
    buf_append_char(out, '\n');
    put_data(out, data);
    buf_append_char(out, '\n');
}
