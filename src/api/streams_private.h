/* streams_private.h: what streams.c (streams, keys, heartbeat) and hubs.c (jobs and tenants) share. */
#ifndef STINT_API_STREAMS_PRIVATE_H
#define STINT_API_STREAMS_PRIVATE_H

#include "api/streams.h"
#include "queue/table.h"

struct hub {
    struct table_node node;
    struct streams *all;
    struct queue_watch watch;
    bool of_batch;
    struct stream *streams;
    int64_t head;  /* given to all that are in sync; -1 = no read yet */
    int64_t known; /* there are events up to here */
    enum job_state state;
    bool is_reading;
    bool is_counting; /* of a batch: it reads how far that is */
    enum batch_state told_state;
    int64_t told_round;
    struct job_children told_counts;
    int walks; /* under way over its streams: not to be freed */
};

/* Who opened streams, and how many. */
struct key_use {
    struct key_use *next;
    int64_t streams;
    char public_id[32];
};

/* One open stream, or one that waits for its first read. Small: there are thousands. */
struct stream {
    struct api_holder holder;
    struct streams *all;
    struct http_exchange *x;
    struct api_call *call; /* until the stream began */
    struct hub *hub;       /* NULL: a feed */
    struct feed *feed;
    struct key_use *key;
    struct stream *next, *prev;         /* of the same hub or feed */
    struct stream *all_next, *all_prev; /* of the server */
    int64_t sent;                       /* every event up to here was given to it */
    int64_t skipped;                    /* feed: changes it was too slow for */
    bool is_reading;                    /* a read of its own is in the store */
    bool has_counts;                    /* of a batch: it was told how far that is */
    bool is_full;                       /* it waits until what was queued has gone out */
    bool is_gone;                       /* the client left during the read: freed when that ends */
};

struct streams {
    struct api *api;
    struct stream *first;
    struct table hubs;
    struct feed *feeds;
    struct key_use *keys;
    struct loop_timer heartbeat, counting;
    struct buf text; /* events are encoded here */
    struct streams_counts counts;
    bool draining;
};

/* ---- streams.c ---- */
/* A stream of this call, counted under its key. NULL: too many, and answered. */
struct stream *stream_new(struct api_call *c);
/* Sends the head; the call is gone then. False: it was a HEAD request, or the client has left: the stream is freed. */
bool stream_begin(struct stream *s);
/* False: the stream was cut, and is freed or will be by on_close. */
bool stream_send(struct stream *s, struct http_chunk *chunk);
bool stream_send_text(struct stream *s, struct str text);
/* Ends the exchange and frees the stream. */
void stream_end(struct stream *s);
/* Frees without a word; the exchange is ended by the caller or already gone. */
void stream_free(struct stream *s);

/* ---- hubs.c ---- */
void hub_leave(struct stream *s);
/* Unless somebody needs it still. */
void hub_maybe_free(struct hub *h);
void hub_stream_sent(struct stream *s);
void hubs_free(struct streams *all);

/* ---- batch_counts.c ---- */
/* Tells the streams of a batch how far that is: soon, and once a second from now on. */
void hub_read_counts(struct hub *h);
void hubs_count(struct streams *all);

/* ---- feeds.c ---- */
void feed_leave(struct stream *s);
void feeds_free(struct streams *all);

#endif
