/* streams.h: the open event streams of this server: who watches which job or tenant, and how events reach them.
 *
 * A hub stands for one watched job: one watch at the queue and one read of the store per news, whatever the number of
 * streams. Each event is encoded once and the same bytes go to every stream that is in sync; a stream that is behind (it just came, or
 * it is slow) catches up by bounded reads of its own and then joins. On the loop's thread only. */
#ifndef STINT_API_STREAMS_H
#define STINT_API_STREAMS_H

#include "api/call.h"

struct streams *streams_new(struct api *api);
/* Frees what is left; the HTTP server is gone by then, and with it every stream. NULL is fine. */
void streams_free(struct streams *s);
/* Answers the call with the events of c->job, or of that batch, behind `after`, as a stream: 200, or 204 when the job is final and all of it
 * was read, 404, 429. */
void streams_open_job(struct api_call *c, bool of_batch, int64_t after);
/* Answers with the live feed of the tenant. */
void streams_open_feed(struct api_call *c);
/* Ends every stream that this key opened. */
void streams_close_key(struct streams *s, struct str public_id);
/* A last event for each, and its end. None is opened from now on. */
void streams_drain(struct streams *s);
/* What was queued for the stream of this exchange has gone out: one that is behind goes on reading. */
void streams_on_sent(struct http_exchange *x);
/* Gives what this server has been sending: for /metrics. */
struct streams_counts {
    int64_t open, hubs, events, sent;
};
struct streams_counts streams_counts(const struct streams *s);

#endif
