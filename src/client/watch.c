/* watch.c: a job's event stream across reconnects: each stored event once and in order (J12). */
#include <time.h>

#include "base/json.h"
#include "client/client.h"
#include "client/sse.h"

#define RECONNECT_TRIES   20 /* without a byte in between: about a minute */
#define RECONNECT_STEP_MS 250
#define RECONNECT_CAP_MS  5000

struct watch {
    bool (*on_event)(void *ctx, int64_t seq, const char *type, const char *data_json);
    void *ctx;
    struct sse_reader sse;
    int64_t seq; /* the last stored event seen */
    bool is_over, is_unwanted, got_something;
};

static bool watch_on_event(void *ctx, const struct sse_event *ev)
{
    struct watch *w = ctx;
    int64_t seq = 0;
    w->got_something = true;
    bool is_reset = str_eq(ev->type, STR("reset"));
    if (ev->id.p && str_to_i64(ev->id, &seq)) {
        if (seq <= w->seq && !is_reset) {
            return true; /* seen before the connection broke */
        }
        w->seq = seq;
    }
    seq = is_reset ? 0 : seq; /* where to go on, and no place in the record */
    char *type = mem_c_str(ev->type);
    char *data = mem_c_str(ev->data);
    w->is_unwanted = !w->on_event(w->ctx, seq, type, data);
    w->is_over = str_eq(ev->type, STR("end"));
    mem_free(type);
    mem_free(data);
    return !w->is_unwanted && !w->is_over;
}

static bool watch_on_piece(void *ctx, struct str piece)
{
    struct watch *w = ctx;
    return sse_feed(&w->sse, piece, watch_on_event, w);
}

/* Between two connections; nothing else is to be done on this thread meanwhile. */
static void pause_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static int watch_once(struct stint_client *c, const char *id, struct watch *w, struct stint_error *e)
{
    char path[128];
    int status = 0;
    str_print(path, sizeof(path), "/v1/jobs/%s/events?last_event_id=%lld", id, (long long)w->seq);
    struct client_request r = {.method = HTTP_GET,
                               .path = str_from(path),
                               .header_name = STR("Accept"),
                               .header_value = STR("text/event-stream")};
    sse_reader_init(&w->sse);
    int code = client_stream(c, &r, &status, watch_on_piece, w, e);
    sse_reader_dispose(&w->sse);
    if (status == 204) {
        w->is_over = true;
    }
    return code;
}

int stint_watch(struct stint_client *c, const char *id, int64_t after_seq,
                bool (*on_event)(void *ctx, int64_t seq, const char *type, const char *data_json), void *ctx,
                struct stint_error *e)
{
    struct watch w = {.on_event = on_event, .ctx = ctx, .seq = after_seq};
    for (int tries = 0; tries < RECONNECT_TRIES; tries++) {
        w.got_something = false;
        int code = watch_once(c, id, &w, e);
        if (w.is_over || w.is_unwanted) {
            return STINT_OK;
        }
        if (code && code != STINT_EBUSY && code != STINT_EUNKNOWN && code != STINT_ECONNECT) {
            return code;
        }
        if (w.got_something) {
            tries = 0;
        }
        int64_t wait_ms = (int64_t)RECONNECT_STEP_MS << (tries < 6 ? tries : 6);
        pause_ms(wait_ms < RECONNECT_CAP_MS ? wait_ms : RECONNECT_CAP_MS);
    }
    return client_error(e, STINT_ECONNECT, "the stream of job %s broke and could not be taken up again", id);
}
