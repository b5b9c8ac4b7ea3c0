/* sse.c: a line at a time; an empty line ends an event. */
#include "client/sse.h"

void sse_reader_init(struct sse_reader *r)
{
    *r = (struct sse_reader){
        .line = BUF_LIMIT(SSE_EVENT_MAX_BYTES),
        .data = BUF_LIMIT(SSE_EVENT_MAX_BYTES),
        .type = BUF_LIMIT(256),
        .id = BUF_LIMIT(256),
    };
}

void sse_reader_dispose(struct sse_reader *r)
{
    buf_dispose(&r->line);
    buf_dispose(&r->data);
    buf_dispose(&r->type);
    buf_dispose(&r->id);
}

static bool dispatch(struct sse_reader *r, bool (*on_event)(void *ctx, const struct sse_event *ev), void *ctx)
{
    bool go_on = !r->data.overflowed && !r->line.overflowed;
    if (go_on && r->has_data) {
        struct sse_event ev = {
            .type = r->type.n ? buf_str(&r->type) : STR("message"),
            .data = buf_str(&r->data),
            .id = r->has_id ? buf_str(&r->id) : STR_NONE,
        };
        go_on = on_event(ctx, &ev);
    }
    buf_clear(&r->data);
    buf_clear(&r->type);
    buf_clear(&r->id);
    r->has_id = r->has_data = false;
    return go_on;
}

static void take_field(struct sse_reader *r, struct str name, struct str value)
{
    if (str_eq(name, STR("data"))) {
        if (r->has_data) {
            buf_append_char(&r->data, '\n');
        }
        buf_append_str(&r->data, value);
        r->has_data = true;
    } else if (str_eq(name, STR("event"))) {
        buf_clear(&r->type);
        buf_append_str(&r->type, value);
    } else if (str_eq(name, STR("id"))) {
        buf_clear(&r->id);
        buf_append_str(&r->id, value);
        r->has_id = true;
    }
}

static bool end_line(struct sse_reader *r, bool (*on_event)(void *ctx, const struct sse_event *ev), void *ctx)
{
    struct str line = buf_str(&r->line);
    bool go_on = true;
    if (line.n == 0) {
        go_on = dispatch(r, on_event, ctx);
    } else if (line.p[0] != ':') {
        size_t colon = str_find_char(line, ':', 0);
        struct str value = colon < line.n ? str_sub(line, colon + 1, line.n) : STR("");
        if (value.n && value.p[0] == ' ') {
            value = str_sub(value, 1, value.n);
        }
        take_field(r, str_sub(line, 0, colon), value);
    }
    buf_clear(&r->line);
    return go_on;
}

bool sse_feed(struct sse_reader *r, struct str piece, bool (*on_event)(void *ctx, const struct sse_event *ev),
              void *ctx)
{
    size_t from = 0;
    for (size_t i = 0; i < piece.n; i++) {
        char c = piece.p[i];
        if (c != '\n' && c != '\r') {
            r->after_cr = false;
            continue;
        }
        buf_append_str(&r->line, str_sub(piece, from, i));
        from = i + 1;
        bool second_half = c == '\n' && r->after_cr; /* of a CR LF pair: the line has ended already */
        r->after_cr = c == '\r';
        if (!second_half && !end_line(r, on_event, ctx)) {
            return false;
        }
    }
    buf_append_str(&r->line, str_sub(piece, from, piece.n));
    return !r->line.overflowed;
}
