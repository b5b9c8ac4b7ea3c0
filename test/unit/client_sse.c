/* The event stream reader: events are whole whatever the pieces, and nothing of one leaks into the next. */
#include "base/buf.h"
#include "client/sse.h"
#include "test.h"

struct seen {
    struct buf text; /* "type|id|data;" for each event */
    int stop_after;
};

static bool note(void *ctx, const struct sse_event *ev)
{
    struct seen *s = ctx;
    buf_printf(&s->text, "%.*s|%.*s|%.*s;", STR_ARG(ev->type), ev->id.p ? (int)ev->id.n : 1,
               ev->id.p ? ev->id.p : "-", STR_ARG(ev->data));
    return --s->stop_after != 0;
}

static struct str read_in_pieces(struct seen *s, struct str stream, size_t piece)
{
    struct sse_reader r;
    sse_reader_init(&r);
    for (size_t i = 0; i < stream.n; i += piece) {
        if (!sse_feed(&r, str_sub(stream, i, i + piece), note, s)) {
            break;
        }
    }
    sse_reader_dispose(&r);
    return buf_str(&s->text);
}

static const char stream_text[] =
    ": comment\n\nid: 7\nevent: page\ndata: {\"a\":\ndata: 1}\n\ndata:x\r\n\r\nevent: end\rid:8\r"
    "data: {}\r\rid: 9\n\ndata: unfinished";

TEST(an_event_stream_reads_the_same_whatever_its_pieces)
{
    for (size_t piece = 1; piece <= sizeof(stream_text); piece++) {
        struct seen s = {.text = BUF_LIMIT(4096)};
        CHECK_STR(read_in_pieces(&s, str_from(stream_text), piece),
                  STR("page|7|{\"a\":\n1};message|-|x;end|8|{};"));
        buf_dispose(&s.text);
    }
}

TEST(a_reader_of_events_may_stop_in_the_middle)
{
    struct seen s = {.text = BUF_LIMIT(4096), .stop_after = 1};
    CHECK_STR(read_in_pieces(&s, str_from(stream_text), 1000), STR("page|7|{\"a\":\n1};"));
    buf_dispose(&s.text);
}

TEST(an_event_over_the_limit_ends_the_stream)
{
    struct sse_reader r;
    struct seen s = {.text = BUF_LIMIT(4096)};
    char line[4096] = "data: ";
    bool is_fine = true;
    sse_reader_init(&r);
    for (int i = 0; i < 2 * SSE_EVENT_MAX_BYTES / (int)sizeof(line) && is_fine; i++) {
        is_fine = sse_feed(&r, (struct str){line, sizeof(line)}, note, &s);
    }
    CHECK_FALSE(is_fine);
    CHECK_INT(s.text.n, 0);
    sse_reader_dispose(&r);
}
