/* client.h: inside libstint: a blocking call on top of net's asynchronous client. The client has one thread that runs
 * its loop; calls from any thread are posted there and waited for. */
#ifndef STINT_CLIENT_CLIENT_H
#define STINT_CLIENT_CLIENT_H

#include "base/buf.h"
#include "client/stint.h"
#include "net/http_client.h"

#define CLIENT_CALL_MS 30000 /* beyond what a call waits for on purpose */

struct client_request {
    enum http_method method;
    struct str path, body, content_type;  /* content_type "" = JSON */
    struct str header_name, header_value; /* one more, "" = none */
    int64_t timeout_ms;                   /* 0 = CLIENT_CALL_MS */
    const char *body_path;                /* upload this file instead of body; NULL = none */
};

struct client_reply {
    int status;
    struct buf body;
    char next_cursor[256]; /* of a page of results; "" = it was the last */
};

/* One request and its answer. STINT_OK: an answer of 2xx came. Else e tells, from the problem+json of the answer or from the
 * connection; the reply's body is there all the same. client_reply_dispose afterwards, always. Not on the client's thread. */
int client_request(struct stint_client *c, const struct client_request *r, struct client_reply *reply,
                   struct stint_error *e);
void client_reply_dispose(struct client_reply *reply);

/* Streams the answer's body to on_piece, which is called on the calling thread. Ends when the server ends it, when on_piece returns
 * false (STINT_OK), or when the connection breaks (STINT_EBUSY). *status = 0 when no head came. */
int client_stream(struct stint_client *c, const struct client_request *r, int *status,
                  bool (*on_piece)(void *ctx, struct str piece), void *ctx, struct stint_error *e);

struct json;
/* A job as the API shows it; freed by stint_job_free. */
struct stint_job *client_job_from(const struct json *o);

int client_error(struct stint_error *e, enum stint_code code, const char *format, ...) PRINTF_LIKE(3, 4);
int client_error_from(struct stint_error *e, const struct err *from);
/* The problem+json of an answer as an error; never STINT_OK for status >= 400. */
int client_error_from_problem(struct stint_error *e, int status, struct str body);

#endif
