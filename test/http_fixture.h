/* http_fixture.h: a real HTTP server on loopback in a thread of the test, and a raw client socket to it. The path of
 * a request says what the server does:
 *   /early     401 in on_request, before the body         /limit    body limit of 10 bytes
 *   /park      kept until fixture_release                 /stream   a stream, fed by fixture_feed
 *   /file      the file of fixture_start's folder         /sink     body to a sink: answers its length
 *   /to-file   body to test_path("upload")                anything else: 200, "METHOD path?query body" */
#ifndef STINT_HTTP_FIXTURE_H
#define STINT_HTTP_FIXTURE_H

#include "base/buf.h"
#include "net/http_server.h"

struct fixture;

/* Zero limits are the defaults. */
struct fixture *fixture_start(const struct http_limits *limits);
void fixture_stop(struct fixture *f); /* closes what is open, joins the thread */
/* Runs fn(f) on the server's thread and waits for it. */
void fixture_call(struct fixture *f, void (*fn)(struct fixture *f));
void fixture_sync(struct fixture *f);             /* what was sent before has been read and answered */
void fixture_skip(struct fixture *f, int64_t ms); /* moves the server's clock */
/* Moves the clock second by second until the server cuts a slow client: how long after the last connection that was, by that
 * clock, which goes on meanwhile. */
int64_t fixture_ms_until_cut(struct fixture *f);
void fixture_release(struct fixture *f); /* answers what is parked, last first */
/* Sends the bytes to every open stream, times over; returns how many streams took the last one. */
int fixture_feed(struct fixture *f, struct str bytes, int times);
void fixture_drain(struct fixture *f);
bool fixture_is_drained(struct fixture *f);
struct http_server_counts fixture_counts(struct fixture *f);
int fixture_closes(struct fixture *f); /* calls of on_close */
int fixture_parked(struct fixture *f);

/* ---- The client's side ---- */
int fixture_connect(struct fixture *f);
bool fixture_send(int fd, struct str bytes); /* all of it; false when the server does not take it */
/* Reads to the end of the connection into b (at most 10 s). False: it was not closed. */
bool fixture_read_all(int fd, struct buf *b);
/* Reads until b holds `text`; false at the end of the connection. */
bool fixture_read_until(int fd, struct buf *b, struct str text);
/* Everything the server says to these bytes, on a connection of their own, until it closes. */
struct buf fixture_answers(struct fixture *f, struct str bytes);
bool fixture_said(const struct buf *b, const char *text); /* b holds the text */
int fixture_open_fds(void);                               /* of the process: the server's and the test's */
/* The statuses of the answers in b, "200 400"; checks that each is well framed. */
void fixture_statuses(struct str answers, char *out, size_t size);

#endif
